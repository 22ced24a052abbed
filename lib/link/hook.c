/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "link/internal.h"

enum {
	HOOK_SECONDS = 30
};

/* What root is to execute is root's; checked on what has been opened. */
static int open_program(const char *path, struct err *err)
{
	cleanup_fd int fd =
		open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return err_set(err, errno, "%s", path);
	if (!S_ISREG(st.st_mode) || !(st.st_mode & S_IXUSR))
		return err_set(err, 0, "%s is no program", path);
	if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return err_set(err, 0,
			       "%s is not root's, or others may write it",
			       path);
	return steal_fd(&fd);
}

struct hook {
	const struct link_plan *plan;
	int program, cell, out;
};

/*
 * In the cell's network, and among its processes if it has its own, so that
 * nothing the program leaves lives longer than the cell; but with the host's
 * files, as root must not run what a user may have put there.
 */
static int enter(const struct hook *h)
{
	sigset_t none;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	sigemptyset(&none);
	if (null < 0 || dup2(null, 0) < 0 || dup2(h->out, 1) < 0 ||
	    dup2(h->out, 2) < 0 || setsid() < 0 || chdir("/") ||
	    sigprocmask(SIG_SETMASK, &none, NULL))
		return -1;
	return setns(h->cell, CLONE_NEWNET | CLONE_NEWPID);
}

static _Noreturn void execute(const struct hook *h)
{
	char *argv[] = { (char *)h->plan->hook, (char *)LINK_NAME, NULL };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* A script is read by its interpreter, through this descriptor. */
	if ((h->program == 3 ? fcntl(3, F_SETFD, 0) : dup2(h->program, 3)) >=
		    0 &&
	    !close_range(4, ~0U, 0))
		fexecve(3, argv, (char **)h->plan->hook_env);
	_exit(126);
}

static _Noreturn void child(const struct hook *h)
{
	int status;
	pid_t pid;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (enter(h))
		_exit(126);
	pid = fork();
	if (!pid)
		execute(h);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		_exit(126);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128);
}

/* The first line of what it has said, for the one who asked for the cell. */
static void said(int fd, char *buf, size_t size)
{
	ssize_t n = read(fd, buf, size - 1);

	buf[n > 0 ? n : 0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
}

static int await(pid_t pid, int out, const char *name, struct err *err)
{
	cleanup_fd int pidfd = pidfd_open(pid, 0);
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	char text[128];
	int status, ready;

	do
		ready = poll(&p, 1, HOOK_SECONDS * 1000);
	while (ready < 0 && errno == EINTR);
	if (ready != 1)
		kill(-pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_set(err, errno, "wait for %s", name);
	if (ready != 1)
		return err_set(err, 0, "%s took more than %d s", name,
			       HOOK_SECONDS);
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	said(out, text, sizeof(text));
	return err_set(err, 0, "%s failed (%d): %s", name,
		       WIFEXITED(status) ? WEXITSTATUS(status) : 128, text);
}

int hook_run(const struct link_plan *plan, int pidfd, struct err *err)
{
	struct hook h = { .plan = plan, .cell = pidfd };
	cleanup_fd int program = open_program(plan->hook, err);
	cleanup_fd int in = -1;
	int p[2];
	pid_t pid;

	if (program < 0)
		return err_prefix(err, "net-hook");
	if (pipe2(p, O_CLOEXEC | O_NONBLOCK))
		return err_set(err, errno, "make a pipe");
	in = p[0];
	h.out = p[1];
	h.program = program;
	pid = fork();
	if (!pid)
		child(&h);
	close(h.out);
	if (pid < 0)
		return err_set(err, errno, "fork for %s", plan->hook);
	return await(pid, in, plan->hook, err) ? err_prefix(err, "net-hook")
					       : 0;
}
