/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run/cell.h"
#include "run/children.h"
#include "run/collect.h"
#include "run/enter.h"
#include "run/msg.h"

static bool is_pid_1(void)
{
	return getpid() == 1;
}

/* Nobody but init is left. The payload has ended or is to. */
static void kill_all(void)
{
	if (!is_pid_1()) {
		/* As a subreaper: what the payload left has come to init. */
		children_kill();
		return;
	}
	if (!kill(-1, SIGKILL))
		while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
			;
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
	msg_send(init->sock, &m, 0);
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

static void write_one(int fd)
{
	while (write(fd, "1", 1) < 0 && errno == EINTR)
		;
}

/* Nobody is left whom the cell is for. */
static _Noreturn void orphaned(struct init *init)
{
	init->shared->orphaned = true;
	/* Mostly init's own cgroup, too: then this is its end. */
	if (init->kill >= 0)
		write_one(init->kill);
	init->status = SIGKILL;
	kill_all();
	end(init);
}

/* The supervisor stops and goes on with the payload, for its shell to see. */
static void tell_stop(const struct init *init, int status)
{
	struct msg m = { .type = MSG_CONT };

	if (WIFSTOPPED(status)) {
		m.type = MSG_STOP;
		m.status = WSTOPSIG(status);
	}
	msg_send(init->sock, &m, MSG_DONTWAIT);
}

/* Reap all that is dead, and see to it if the payload was among them. */
static void reap(struct init *init)
{
	int status, last = 0;
	bool ended = false;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) >
	       0) {
		if (pid != init->payload)
			continue;
		ended = WIFEXITED(status) || WIFSIGNALED(status);
		if (ended)
			last = status;
		else
			tell_stop(init, status);
	}
	if (ended)
		child_ended(init, last);
}

/* A holder is ended by the step daemon, which is not its parent. */
static bool from_root(const struct signalfd_siginfo *si)
{
	return is_pid_1() ? si->ssi_pid == 0 : si->ssi_uid == 0;
}

static bool take_signal(struct init *init)
{
	struct signalfd_siginfo si;

	if (read(init->sigfd, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return false;
	if (si.ssi_signo == SIGCHLD)
		reap(init);
	else if (init->payload)
		relay_note(&init->relay, (int)si.ssi_signo,
			   cell_now(CLOCK_REALTIME));
	else if (si.ssi_signo == SIGTERM && from_root(&si))
		payload_ended(init, 0);
	return true;
}

/* From the supervisor; without a payload: go on without me. */
static void take_order(struct init *init)
{
	const pid_t payload = init->payload;
	struct msg_order order;
	int n = msg_order_recv(init->sock, &order);

	if (!n)
		orphaned(init);
	if (n < 0)
		return;
	/* A signal to the group is init's before it is the supervisor's, as the
	 * kernel begins with a group's last member. But poll(2) may have looked
	 * for it before it came, and for the order after that. */
	while (take_signal(init))
		;
	if (payload) {
		if (payload == init->payload)
			relay_pass(&init->relay, payload, &order);
	} else {
		close(init->sock);
		init->sock = -1;
	}
}

int init_open(struct init *init, int cpu, struct err *err)
{
	sigset_t all;

	sigfillset(&all);
	init->sigfd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	if (init->sigfd < 0)
		return err_set(err, errno, "make a signalfd");
	if (limit_open(&init->limit, init->plan, cpu, init->shared, err))
		return -1;
	return meter_open(&init->meter, init->live.scratch, init->shared, err);
}

_Noreturn void init_main(struct init *init)
{
	for (;;) {
		struct pollfd p[] = {
			{ .fd = init->sigfd, .events = POLLIN },
			{ .fd = init->sock, .events = POLLIN },
			{ .fd = init->watch, .events = POLLIN },
			{ .fd = init->meter.timer, .events = POLLIN },
			{ .fd = init->ended ? -1 : init->limit.timer,
			  .events = POLLIN },
			{ .fd = init->ended ? -1 : init->limit.cpu_timer,
			  .events = POLLIN },
		};

		if (poll(p, sizeof(p) / sizeof(p[0]), -1) < 0)
			continue;
		if (p[0].revents)
			take_signal(init);
		if (p[1].revents)
			take_order(init);
		if (p[2].revents)
			orphaned(init);
		if (p[3].revents)
			meter_take(&init->meter);
		if (p[4].revents)
			limit_reached(&init->limit, init->payload);
		if (p[5].revents)
			limit_look(&init->limit, init->payload);
	}
}
