/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "run/limit.h"

enum {
	LOOK_MIN = 100000, /* microseconds between two looks at CPU time */
	SECOND = 1000000
};

static int set(int timer, uint64_t us)
{
	const struct itimerspec t = {
		.it_value.tv_sec = (time_t)(us / SECOND),
		/* zero is never */
		.it_value.tv_nsec = us ? (long)(us % SECOND * 1000) : 1,
	};

	return timerfd_settime(timer, 0, &t, NULL);
}

static int make(int *timer, uint64_t us, const char *what, struct err *err)
{
	*timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (*timer < 0 || set(*timer, us))
		return err_set(err, errno, "set a timer for the %s limit",
			       what);
	return 0;
}

/* How long it takes at least until the limit, with all CPUs busy. */
static uint64_t earliest(const struct limit *limit, int64_t used)
{
	int64_t left = (int64_t)(limit->plan->cpu_time * SECOND) - used;

	left /= limit->cpus;
	return left > LOOK_MIN ? (uint64_t)left : LOOK_MIN;
}

static int64_t cpus(const struct plan *plan)
{
	int64_t n = sysconf(_SC_NPROCESSORS_ONLN);
	int64_t quota = ((int64_t)plan->cpus + 999) / 1000;

	if (n < 1)
		n = 1;
	return plan->cg.limit[CG_CPU_MAX] && quota < n ? quota : n;
}

static int open_cpu(struct limit *limit, int stat, struct err *err)
{
	/* Neither is there for --limits=try, and nothing is left to count. */
	if (stat < 0 && getpid() != 1)
		return 0;
	limit->cpus = cpus(limit->plan);
	if (cputime_open(&limit->used, stat, err))
		return -1;
	return make(&limit->cpu_timer, earliest(limit, 0), "CPU time", err);
}

int limit_open(struct limit *limit, const struct plan *plan, int stat,
	       struct cell_shared *shared, struct err *err)
{
	*limit = (struct limit){
		.timer = -1, .cpu_timer = -1, .plan = plan, .shared = shared
	};
	if (plan->time_limit &&
	    make(&limit->timer, plan->time_limit * SECOND, "time", err))
		return -1;
	return plan->cpu_time ? open_cpu(limit, stat, err) : 0;
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

static bool expired(int timer)
{
	uint64_t times;

	return read(timer, &times, sizeof(times)) == sizeof(times);
}

/* First told, then killed. */
static void end(bool *told, int timer, uint64_t grace, pid_t payload)
{
	if (*told) {
		signal_all(payload, SIGKILL);
		return;
	}
	*told = true;
	signal_all(payload, SIGTERM);
	set(timer, grace * SECOND);
}

void limit_reached(const struct limit *limit, pid_t payload)
{
	if (!expired(limit->timer) || limit->shared->cpu_used_up)
		return;
	end(&limit->shared->timed_out, limit->timer, limit->plan->time_grace,
	    payload);
}

void limit_look(const struct limit *limit, pid_t payload)
{
	struct cell_shared *shared = limit->shared;
	int64_t used;

	if (!expired(limit->cpu_timer) || shared->timed_out)
		return;
	used = shared->cpu_used_up ? INT64_MAX : cputime_read(&limit->used);
	/* Not to be read for the moment: memory is short. */
	if (used < (int64_t)(limit->plan->cpu_time * SECOND)) {
		set(limit->cpu_timer, earliest(limit, used < 0 ? 0 : used));
		return;
	}
	end(&shared->cpu_used_up, limit->cpu_timer, limit->plan->cpu_grace,
	    payload);
}
