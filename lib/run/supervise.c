/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "run/cell.h"
#include "run/children.h"
#include "run/msg.h"
#include "run/terminal.h"

/*
 * What a terminal or another part of the kernel sends, it sends to our whole
 * process group, the payload in it; but for the end of a terminal, of which
 * the leader of its session alone is told, and a timer that we inherited.
 */
static bool only_ours(const struct signalfd_siginfo *si)
{
	if (si->ssi_code != SI_KERNEL)
		return true;
	return si->ssi_signo == SIGALRM ||
	       (si->ssi_signo == SIGHUP && getsid(0) == getpid());
}

/* What arrives here is meant for the payload. */
static void pass_on(const struct cell *cell, const struct signalfd_siginfo *si)
{
	struct msg_order order = { .signal = (int)si->ssi_signo,
				   .at = cell_now(CLOCK_REALTIME) };

	if (order.signal == SIGCHLD || !only_ours(si))
		return;
	order.foreground = order.signal == SIGCONT && terminal_is_ours();
	msg_order_send(cell->sock, &order);
}

/*
 * All that init has to say; 1 when nothing more will come. `ret_stop` is the
 * signal that keeps the payload stopped at the end of it, or 0.
 */
static int take_messages(struct cell *cell, int *ret_stop, struct err *err)
{
	struct msg m;
	int n;

	*ret_stop = 0;
	while ((n = msg_recv(cell->sock, &m, MSG_DONTWAIT)) > 0) {
		if (m.type == MSG_STOP || m.type == MSG_CONT) {
			*ret_stop = m.status;
		} else if (m.type == MSG_NOEXEC) {
			cell->exec_errno = m.err.num;
		} else if (m.type == MSG_EXIT) {
			cell->exited = true;
			cell->status = m.status;
			cell->rusage = m.rusage;
			return 1;
		}
	}
	if (!n)
		return 1;
	return errno == EAGAIN ? 0 : err_set(err, errno, "hear from the cell");
}

static int wait_for_end(struct cell *cell, struct err *err)
{
	struct pollfd p[2] = { { .fd = cell->sock, .events = POLLIN },
			       { .fd = cell->sigfd, .events = POLLIN } };
	int done = 0;

	while (!done) {
		struct signalfd_siginfo si;
		int stop = 0;

		if (poll(p, 2, -1) < 0) {
			if (msg_try_again())
				continue;
			return err_set(err, errno, "wait for the cell");
		}
		if ((p[1].revents & POLLIN) &&
		    read(cell->sigfd, &si, sizeof(si)) == (ssize_t)sizeof(si))
			pass_on(cell, &si);
		if (p[0].revents)
			done = take_messages(cell, &stop, err);
		if (!done && stop)
			terminal_stop(stop);
	}
	return done < 0 ? -1 : 0;
}

int cell_reap(struct cell *cell, struct err *err)
{
	struct rusage rusage;
	int status;

	if (cell->init <= 0)
		return 0;
	while (wait4(cell->init, &status, 0, &rusage) < 0)
		if (errno != EINTR)
			return err_set(err, errno, "reap the cell");
	cell->init = 0;
	if (cell->exited)
		return 0;
	if (cell->adopts)
		children_kill();
	cell->status = status;
	cell->rusage = rusage;
	return 0;
}

int cell_wait(const struct plan *plan, struct cell *cell, struct err *err)
{
	int ret = wait_for_end(cell, err);

	if (ret)
		pidfd_send_signal(cell->pidfd, SIGKILL, NULL, 0);
	/* Nobody has told that all are dead: only init's end says so then. */
	if (!cell->exited && cell_reap(cell, err))
		ret = -1;
	if (!ret && !cell->exited && WIFEXITED(cell->status))
		ret = err_set(err, 0,
			      "the cell has not told how the command ended");
	cell->end_mono = cell_now(CLOCK_MONOTONIC);
	terminal_take_back();
	if (cell->cg.fd >= 0)
		cg_usage_read(cell->cg.fd, &cell->usage);
	cg_oom_read(&plan->cg, &cell->cg, &cell->usage, &cell->oom);
	link_read(&cell->link, &cell->net);
	return ret;
}
