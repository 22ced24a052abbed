/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "run/limit.h"

static int set(int timer, uint64_t seconds)
{
	const struct itimerspec t = {
		.it_value.tv_sec = (time_t)seconds,
		.it_value.tv_nsec = seconds ? 0 : 1, /* zero is never */
	};

	return timerfd_settime(timer, 0, &t, NULL);
}

int limit_open(struct limit *limit, const struct plan *plan,
	       struct cell_shared *shared, struct err *err)
{
	*limit = (struct limit){ -1, plan, shared };
	if (!plan->time_limit)
		return 0;
	limit->timer =
		timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (limit->timer < 0 || set(limit->timer, plan->time_limit))
		return err_set(err, errno, "set a timer for the time limit");
	return 0;
}

/* A process that is stopped takes no signal but SIGKILL before it goes on. */
static void signal_all(pid_t payload, int sig)
{
	pid_t whom = getpid() == 1 ? -1 : payload;

	if (!whom)
		return;
	kill(whom, sig);
	kill(whom, SIGCONT);
}

void limit_reached(const struct limit *limit, pid_t payload)
{
	uint64_t times;

	if (read(limit->timer, &times, sizeof(times)) != sizeof(times))
		return;
	if (limit->shared->timed_out) {
		signal_all(payload, SIGKILL);
		return;
	}
	limit->shared->timed_out = true;
	signal_all(payload, SIGTERM);
	set(limit->timer, limit->plan->time_grace);
}
