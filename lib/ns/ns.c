/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/fd.h"
#include "ns/internal.h"

/*
 * The user namespace comes first: it owns those made after it, joining it
 * gives the rights to join the others, and ids are mapped before anything
 * else is done.
 */
const struct ns_row *const ns_table[NS_KINDS] = {
	[NS_USER] = &ns_user,     [NS_MNT] = &ns_mnt,   [NS_PID] = &ns_pid,
	[NS_NET] = &ns_net,       [NS_IPC] = &ns_ipc,   [NS_UTS] = &ns_uts,
	[NS_CGROUP] = &ns_cgroup, [NS_TIME] = &ns_time,
};

static enum ns_when when(const struct ns_row *row, const struct ns_plan *plan)
{
	return row->when ? row->when(plan) : NS_AT_BIRTH;
}

unsigned long long ns_clone_flags(const struct ns_plan *plan)
{
	unsigned long long flags = 0;

	for (int i = 0; i < NS_KINDS; i++)
		if (plan->make[i] && when(ns_table[i], plan) == NS_AT_BIRTH)
			flags |= (unsigned long long)ns_table[i]->flag;
	return flags;
}

int ns_join_flags(const struct ns_plan *plan)
{
	int flags = 0;

	for (int i = 0; i < NS_KINDS; i++)
		if (plan->make[i] && when(ns_table[i], plan) != NS_BY_TASK)
			flags |= ns_table[i]->flag;
	return flags;
}

static int enter(const struct ns_plan *plan, bool task, struct err *err)
{
	for (int i = 0; i < NS_KINDS; i++) {
		const struct ns_row *row = ns_table[i];

		if (plan->make[i] && row->enter &&
		    (when(row, plan) == NS_BY_TASK) == task &&
		    row->enter(plan, err))
			return -1;
	}
	return 0;
}

int ns_enter(const struct ns_plan *plan, struct err *err)
{
	return enter(plan, false, err);
}

int ns_task_enter(const struct ns_plan *plan, struct err *err)
{
	return enter(plan, true, err);
}

int ns_write_self(const char *file, const char *text, struct err *err)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/%s", file);
	if (fd_write_file(AT_FDCWD, path, text))
		return err_set(err, errno, "write %s", path);
	return 0;
}
