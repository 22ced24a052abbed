/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "run/terminal.h"

static int controlling(void)
{
	return open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
}

bool terminal_is_ours(void)
{
	cleanup_fd int tty = controlling();

	return tty >= 0 && tcgetpgrp(tty) == getpgrp();
}

void terminal_give(pid_t group)
{
	cleanup_fd int tty = controlling();

	if (tty >= 0)
		tcsetpgrp(tty, group);
}

void terminal_take_back(void)
{
	for (int fd = 0; fd < 3; fd++) {
		pid_t group = tcgetpgrp(fd);

		if (group < 0)
			continue;
		if (group != getpgrp() && kill(-group, 0) && errno == ESRCH)
			tcsetpgrp(fd, getpgrp());
		return;
	}
}

void terminal_stop(int sig)
{
	cleanup_fd int tty = controlling();
	sigset_t set;

	if (tty < 0)
		return;
	/* The kernel asks of the others only whether the group is orphaned. */
	if (sig == SIGSTOP)
		sig = SIGTSTP;
	sigemptyset(&set);
	sigaddset(&set, sig);
	raise(sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	sigprocmask(SIG_BLOCK, &set, NULL);
}
