/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RUN_LIMIT_H
#define RUN_LIMIT_H

#include "plan/plan.h"
#include "run/shared.h"

/*
 * The time limit, kept by init. First SIGTERM, then after the plan's grace
 * SIGKILL to all: in the PID namespace that init is PID 1 of, or, without one,
 * to the payload, with whom the rest ends. The time in which the machine
 * sleeps does not count.
 */
struct limit {
	int timer; /* timerfd_create(2): readable at the limit; -1: none */
	const struct plan *plan;
	struct cell_shared *shared;
};

/* Set the clock going, if the plan has a limit. */
int limit_open(struct limit *limit, const struct plan *plan,
	       struct cell_shared *shared, struct err *err);

/* The timer is readable. */
void limit_reached(const struct limit *limit, pid_t payload);

#endif
