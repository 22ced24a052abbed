/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "ns/ns.h"

/*
 * The user namespace comes first: it owns those made after it, and joining it
 * gives the rights to join the others.
 */
const struct ns_row ns_table[NS_KINDS] = {
	[NS_USER] = { "user", CLONE_NEWUSER },
	[NS_MNT] = { "mnt", CLONE_NEWNS },
	[NS_PID] = { "pid", CLONE_NEWPID },
	[NS_NET] = { "net", CLONE_NEWNET },
	[NS_IPC] = { "ipc", CLONE_NEWIPC },
	[NS_UTS] = { "uts", CLONE_NEWUTS },
	[NS_CGROUP] = { "cgroup", CLONE_NEWCGROUP },
	[NS_TIME] = { "time", CLONE_NEWTIME },
};

unsigned long long ns_clone_flags(const struct ns_plan *plan)
{
	unsigned long long flags = 0;

	for (int i = 0; i < NS_KINDS; i++)
		if (plan->make[i] && i != NS_USER && i != NS_CGROUP)
			flags |= (unsigned long long)ns_table[i].flag;
	if (plan->outer_user)
		flags |= CLONE_NEWUSER;
	return flags;
}

int ns_join_flags(const struct ns_plan *plan)
{
	int flags = 0;

	for (int i = 0; i < NS_KINDS; i++)
		if (plan->make[i] && !(i == NS_CGROUP && plan->cgroup_late))
			flags |= ns_table[i].flag;
	return flags;
}

static int make_cgroup_ns(const struct ns_plan *plan, struct err *err)
{
	if (plan->make[NS_CGROUP] && unshare(CLONE_NEWCGROUP))
		return err_set(err, errno, "make a cgroup namespace");
	return 0;
}

static int set_hostname(const char *name, struct err *err)
{
	if (sethostname(name, strlen(name)))
		return err_set(err, errno, "set the host name '%s'", name);
	return 0;
}

int ns_enter(const struct ns_plan *plan, struct err *err)
{
	if (plan->make[NS_NET] && ns_loopback_up(err))
		return -1;
	if (plan->make[NS_UTS] && plan->hostname &&
	    set_hostname(plan->hostname, err))
		return -1;
	return plan->cgroup_late ? 0 : make_cgroup_ns(plan, err);
}

int ns_task_enter(const struct ns_plan *plan, struct err *err)
{
	return plan->cgroup_late ? make_cgroup_ns(plan, err) : 0;
}
