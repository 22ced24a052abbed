/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Clocks since boot that differ from the host's by fixed offsets
 * (time_namespaces(7)); the time of day is the host's. Offsets can be written
 * only before anybody is in the namespace: with some, init makes it for its
 * children, and then joins it itself, as those do who join init.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "ns/internal.h"

const char *const ns_clocks[NS_CLOCKS] = { "monotonic", "boottime" };

static enum ns_when when(const struct ns_plan *plan)
{
	for (int i = 0; i < NS_CLOCKS; i++)
		if (plan->offset[i].sec || plan->offset[i].nsec)
			return NS_BY_INIT;
	return NS_AT_BIRTH;
}

static int write_offsets(const struct ns_plan *plan, struct err *err)
{
	char text[128];
	int n = 0;

	for (int i = 0; i < NS_CLOCKS; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n,
			      "%s %lld %u\n", ns_clocks[i],
			      (long long)plan->offset[i].sec,
			      plan->offset[i].nsec);
	if (!ns_write_self("timens_offsets", text, err))
		return 0;
	if (err->num == ERANGE)
		return err_set(err, ERANGE,
			       "offsets of the time namespace (no clock may "
			       "become negative: they count from the boot)");
	if (err->num == EPERM || err->num == EACCES)
		return err_hint(err, "needs CAP_SYS_TIME");
	return -1;
}

static int enter(const struct ns_plan *plan, struct err *err)
{
	cleanup_fd int fd = -1;

	if (when(plan) == NS_AT_BIRTH)
		return 0;
	if (unshare(CLONE_NEWTIME))
		return err_set(err, errno, "make a time namespace");
	if (write_offsets(plan, err))
		return -1;
	fd = open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWTIME))
		return err_set(err, errno, "enter the time namespace");
	return 0;
}

const struct ns_row ns_time = {
	.name = "time",
	.flag = CLONE_NEWTIME,
	.when = when,
	.enter = enter,
};
