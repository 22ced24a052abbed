/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "run/enter.h"
#include "run/msg.h"

/*
 * Without a PID namespace nothing dies with init. As the subreaper of all
 * that the payload left, it finds them as its own children.
 */
static void kill_children(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	for (;;) {
		cleanup_file FILE *f = fopen(path, "re");
		int pid, n = 0;

		while (f && fscanf(f, "%d", &pid) == 1)
			n += !kill(pid, SIGKILL);
		if (!n)
			return;
		while (waitpid(-1, NULL, 0) > 0)
			;
	}
}

/* Reap all that is dead; true when the payload was among them. */
static bool reap(pid_t payload, int *ret_status)
{
	bool found = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == payload) {
			*ret_status = status;
			found = true;
		}
	return found;
}

/*
 * Signals are passed on for those who see the cell from outside; whoever is
 * inside has no number there. A terminal's reach the payload by themselves.
 */
static bool from_outside(const siginfo_t *si)
{
	if (si->si_code == SI_KERNEL)
		return false;
	return si->si_pid == (getpid() == 1 ? 0 : getppid());
}

_Noreturn void init_main(int sock, pid_t payload)
{
	sigset_t all;
	siginfo_t si;
	int status = 0;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	for (;;) {
		if (sigwaitinfo(&all, &si) < 0)
			continue;
		if (si.si_signo == SIGCHLD) {
			if (reap(payload, &status) && payload)
				break;
		} else if (payload && from_outside(&si)) {
			kill(payload, si.si_signo);
		}
	}
	if (getpid() != 1)
		kill_children();
	msg_send(sock, MSG_EXIT, status, NULL);
	_exit(0);
}
