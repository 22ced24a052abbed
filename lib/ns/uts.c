/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A host name of the cell's own (uts_namespaces(7)); at first the host's. */
#include "config.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "ns/internal.h"

static int enter(const struct ns_plan *plan, struct err *err)
{
	const char *name = plan->hostname;

	if (name && sethostname(name, strlen(name)))
		return err_set(err, errno, "set the host name '%s'", name);
	return 0;
}

const struct ns_row ns_uts = {
	.name = "uts",
	.flag = CLONE_NEWUTS,
	.enter = enter,
};
