/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "run/collect.h"
#include "run/enter.h"
#include "run/msg.h"

static bool is_pid_1(void)
{
	return getpid() == 1;
}

static void reap_all(void)
{
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
}

/*
 * Without a PID namespace nothing dies with init. As the subreaper of all
 * that the payload left, it finds them as its own children.
 */
static int kill_children(void)
{
	char path[64], text[4096], *p = text, *end;
	cleanup_fd int fd = -1;
	ssize_t len;
	int n = 0;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (len <= 0)
		return 0;
	text[len] = '\0';
	/* A number that is not followed by a blank may not be whole. */
	for (long pid; (pid = strtol(p, &end, 10)) > 1 && *end == ' '; p = end)
		n += !kill((pid_t)pid, SIGKILL);
	return n;
}

/* Nobody but init is left. The payload has ended or is to. */
static void kill_all(void)
{
	if (is_pid_1()) {
		if (!kill(-1, SIGKILL))
			reap_all();
		return;
	}
	while (kill_children())
		reap_all();
}

/* Init's own use and that of all it has reaped. */
static void add_usage(struct rusage *ret)
{
	struct rusage own;

	getrusage(RUSAGE_CHILDREN, ret);
	getrusage(RUSAGE_SELF, &own);
	timeradd(&ret->ru_utime, &own.ru_utime, &ret->ru_utime);
	timeradd(&ret->ru_stime, &own.ru_stime, &ret->ru_stime);
}

/*
 * What there is to tell is told before the kernel begins to take the cell's
 * namespaces apart, which takes longer than writing a record of it.
 */
static _Noreturn void end(const struct init *init)
{
	struct msg m = { .type = MSG_EXIT, .status = init->status };

	add_usage(&m.rusage);
	msg_send(init->sock, &m);
	_exit(0);
}

/* The payload has ended, or there is none and the cell is to end. */
static void payload_ended(struct init *init, int status)
{
	init->ended = true;
	init->status = status;
	kill_all();
	meter_take(&init->meter);
	init->payload = collect_start(init->plan, &init->live, init->shared);
	if (!init->payload)
		end(init);
}

/* The child that init is there for has ended. */
static void child_ended(struct init *init, int status)
{
	if (!init->ended) {
		payload_ended(init, status);
		return;
	}
	collect_end(init->shared, status);
	end(init);
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
static bool from_outside(const struct signalfd_siginfo *si)
{
	if (si->ssi_code == SI_KERNEL)
		return false;
	return si->ssi_pid == (is_pid_1() ? 0 : (uint32_t)getppid());
}

/* A holder is ended by the step daemon, which is not its parent. */
static bool from_root(const struct signalfd_siginfo *si)
{
	return is_pid_1() ? si->ssi_pid == 0 : si->ssi_uid == 0;
}

static void take_signal(struct init *init)
{
	struct signalfd_siginfo si;
	int status;

	if (read(init->sigfd, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return;
	if (si.ssi_signo == SIGCHLD) {
		if (reap(init->payload, &status) && init->payload)
			child_ended(init, status);
	} else if (init->payload && from_outside(&si)) {
		kill(init->payload, (int)si.ssi_signo);
	} else if (!init->payload && si.ssi_signo == SIGTERM &&
		   from_root(&si)) {
		payload_ended(init, 0);
	}
}

int init_open(struct init *init, struct err *err)
{
	sigset_t all;

	sigfillset(&all);
	init->sigfd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	if (init->sigfd < 0)
		return err_set(err, errno, "make a signalfd");
	return meter_open(&init->meter, init->live.scratch, init->shared, err);
}

_Noreturn void init_main(struct init *init)
{
	struct pollfd p[3] = { { .fd = init->sigfd, .events = POLLIN },
			       { .fd = init->watch, .events = POLLIN },
			       { .fd = init->meter.timer, .events = POLLIN } };

	for (;;) {
		if (poll(p, 3, -1) < 0)
			continue;
		if (p[1].revents) {
			init->shared->orphaned = true;
			init->status = SIGKILL;
			kill_all();
			end(init);
		}
		if (p[2].revents)
			meter_take(&init->meter);
		if (p[0].revents)
			take_signal(init);
	}
}
