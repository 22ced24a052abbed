/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/fd.h"
#include "base/proc.h"

/* Of all the fields behind the name in brackets, which may hold anything. */
enum {
	START_FIELD = 22,
	FIRST_FIELD = 3
};

uint64_t proc_start_parse(const char *stat)
{
	const char *p = strrchr(stat, ')');

	for (int field = FIRST_FIELD - 1; p && field < START_FIELD; field++) {
		p = strchr(p, ' ');
		p += !!p;
	}
	return p ? strtoull(p, NULL, 10) : 0;
}

uint64_t proc_start(pid_t pid)
{
	char path[32], text[1024];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (fd_read_file(AT_FDCWD, path, text, sizeof(text)) < 0)
		return 0;
	return proc_start_parse(text);
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
