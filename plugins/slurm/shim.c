/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/proc.h"
#include "shim.h"

/* Slurm reports a signal only for a process that one has ended. */
static _Noreturn void end_like(int status)
{
	if (WIFEXITED(status))
		_exit(WEXITSTATUS(status));
	proc_end_by(WTERMSIG(status));
	_exit(128 + WTERMSIG(status));
}

/*
 * Tasks are in the process group that Slurm has made by the pid of the first
 * one, which is a shim's. slurmstepd's own is one that nobody signals.
 */
static _Noreturn void stand_in(pid_t child)
{
	sigset_t all;
	int status;

	setpgid(0, getpgid(getppid()));
	/* Readers of the task's output wait for the last one that holds it, and
	 * the child for this. */
	close_range(0, ~0U, 0);
	sigfillset(&all);
	for (;;) {
		siginfo_t si;

		if (sigwaitinfo(&all, &si) < 0)
			continue;
		if (si.si_signo != SIGCHLD) {
			kill(child, si.si_signo);
			continue;
		}
		if (waitpid(child, &status, WNOHANG) == child)
			end_like(status);
	}
}

/*
 * Job control needs the leader of the terminal's session in the task's own PID
 * namespace. Only srun --pty, by login_tty(3), makes a task lead a session.
 */
static int free_terminal(bool *ret, struct err *err)
{
	const struct timespec now = { 0 };
	sigset_t set;

	*ret = getsid(0) == getpid();
	if (!*ret)
		return 0;
	if (ioctl(STDIN_FILENO, TIOCNOTTY))
		return err_set(err, errno, "give the terminal up");
	/* It has hung up whom it was taken from: this process. */
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCONT);
	while (sigtimedwait(&set, NULL, &now) > 0)
		;
	return 0;
}

static int take_terminal(struct err *err)
{
	if (setsid() < 0 || ioctl(STDIN_FILENO, TIOCSCTTY, 0))
		return err_set(err, errno, "take the terminal");
	return 0;
}

int shim_enter(struct err *err)
{
	cleanup_fd int shim = -1, wait = -1, ready = -1;
	sigset_t all, old;
	bool terminal;
	pid_t pid;
	int p[2];
	char c;

	/* Until its execve the task is slurmstepd's memory and program file, in
	 * sight of other tasks of its user. */
	if (prctl(PR_SET_DUMPABLE, 0))
		return err_set(err, errno, "become undumpable");
	sigfillset(&all);
	if (signal(SIGCHLD, SIG_DFL) == SIG_ERR ||
	    sigprocmask(SIG_BLOCK, &all, &old))
		return err_set(err, errno, "block signals");
	shim = pidfd_open(getpid(), 0);
	if (shim < 0)
		return err_set(err, errno, "open the shim's pidfd");
	if (pipe2(p, O_CLOEXEC))
		return err_set(err, errno, "make a pipe");
	wait = p[0];
	ready = p[1];
	if (free_terminal(&terminal, err))
		return -1;
	pid = fork();
	if (pid < 0)
		return err_set(err, errno, "fork into the PID namespace");
	if (pid)
		stand_in(pid);
	/* The shim speaks for the task: without it nobody would end it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL))
		return err_set(err, errno, "set the parent death signal");
	close(steal_fd(&ready));
	while (read(wait, &c, 1) < 0 && errno == EINTR)
		;
	if (poll(&(struct pollfd){ .fd = shim, .events = POLLIN }, 1, 0))
		return err_set(err, 0, "the task's shim was killed");
	if (terminal && take_terminal(err))
		return -1;
	if (sigprocmask(SIG_SETMASK, &old, NULL))
		return err_set(err, errno, "restore the signal mask");
	return 0;
}
