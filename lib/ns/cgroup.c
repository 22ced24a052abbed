/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cell's cgroup appears as the root of the hierarchy
 * (cgroup_namespaces(7)). The kernel takes for that the cgroup in which the
 * caller is, which at birth would be the parent's.
 */
#include "config.h"

#include <errno.h>
#include <sched.h>

#include "ns/internal.h"

static enum ns_when when(const struct ns_plan *plan)
{
	return plan->cgroup_late ? NS_BY_TASK : NS_BY_INIT;
}

static int enter(const struct ns_plan *plan, struct err *err)
{
	(void)plan;
	if (unshare(CLONE_NEWCGROUP))
		return err_set(err, errno, "make a cgroup namespace");
	return 0;
}

const struct ns_row ns_cgroup = {
	.name = "cgroup",
	.flag = CLONE_NEWCGROUP,
	.when = when,
	.enter = enter,
};
