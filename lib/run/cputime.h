/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RUN_CPUTIME_H
#define RUN_CPUTIME_H

#include <stdint.h>

#include "base/err.h"

/*
 * How much time of CPUs the cell has used: by its cgroup or, without one, all
 * that is in the PID namespace whose PID 1 the caller is. There a process has
 * its own time and that of the children that it has waited for; who is gone
 * without that, because its parent ignores SIGCHLD, is not counted.
 */
struct cputime {
	int stat; /* cpu.stat of the cell's cgroup, or -1 */
	int proc; /* /proc in the cell, or -1 */
	int64_t base;
};

/* Begin to count; `stat`, from cg_open_cpu or -1, stays the caller's. */
int cputime_open(struct cputime *c, int stat, struct err *err);

/* Microseconds since then; -1 if it cannot be read. Allocates nothing. */
int64_t cputime_read(const struct cputime *c);

#endif
