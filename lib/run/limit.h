/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RUN_LIMIT_H
#define RUN_LIMIT_H

#include "plan/plan.h"
#include "run/cputime.h"
#include "run/shared.h"

/*
 * The limits on time and CPU time, kept by init. First SIGTERM, then after the
 * plan's grace SIGKILL to all: in the PID namespace that init is PID 1 of, or,
 * without one, to the payload, with whom the rest ends. The time in which the
 * machine sleeps does not count. Of both the one that is reached first ends
 * the cell.
 */
struct limit {
	int timer;     /* timerfd_create(2): readable at the limit; -1: none */
	int cpu_timer; /* readable when CPU time is to be looked at; or -1 */
	struct cputime used;
	int64_t cpus; /* that the cell can use at a time */
	const struct plan *plan;
	struct cell_shared *shared;
};

/*
 * Set the clocks going, if the plan has a limit. `stat` is the cgroup's, see
 * struct cputime.
 */
int limit_open(struct limit *limit, const struct plan *plan, int stat,
	       struct cell_shared *shared, struct err *err);

/* The timer is readable. */
void limit_reached(const struct limit *limit, pid_t payload);

/* The other one is. */
void limit_look(const struct limit *limit, pid_t payload);

#endif
