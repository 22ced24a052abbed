/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/fd.h"
#include "base/proc.h"

int proc_stat_parse(const char *text, struct proc_stat *ret)
{
	enum {
		STATE = 3, /* the first behind the name */
		PARENT = 4,
		CPU_FIRST = 14,
		CPU_LAST = 17,
		START = 22
	};
	/* The name is in brackets and may hold anything, brackets as well. */
	const char *p = strrchr(text, ')');

	*ret = (struct proc_stat){ 0 };
	for (int field = STATE; field <= START; field++) {
		uint64_t n;

		p = p ? strchr(p + 1, ' ') : NULL;
		if (!p)
			return -1;
		n = strtoull(p + 1, NULL, 10);
		if (field == PARENT)
			ret->parent = (pid_t)n;
		else if (field >= CPU_FIRST && field <= CPU_LAST)
			ret->cpu += n;
		else if (field == START)
			ret->start = n;
	}
	return 0;
}

int proc_stat_read(int proc, pid_t pid, struct proc_stat *ret)
{
	char path[32], text[1024];

	snprintf(path, sizeof(path), "%s%d/stat", proc < 0 ? "/proc/" : "",
		 (int)pid);
	if (fd_read_file(proc, path, text, sizeof(text)) < 0)
		return -1;
	return proc_stat_parse(text, ret);
}

uint64_t proc_start(pid_t pid)
{
	struct proc_stat stat;

	return proc_stat_read(-1, pid, &stat) ? 0 : stat.start;
}

bool proc_alive(const struct proc *proc)
{
	return proc->pid > 0 && proc->start &&
	       proc_start(proc->pid) == proc->start;
}

void proc_end_by(int sig)
{
	sigset_t set;

	prctl(PR_SET_DUMPABLE, 0);
	signal(sig, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(sig);
}
