/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RUN_THREADS_H
#define RUN_THREADS_H

#include "plan/plan.h"

/*
 * How many threads the plan has OpenMP start with: as many as the caller may
 * use CPUs (its affinity, which a scheduler sets late), and no more than the
 * plan says; 0 where it says nothing.
 */
int threads_read(const struct plan *plan, unsigned *ret, struct err *err);

#endif
