/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RUN_ENTER_H
#define RUN_ENTER_H

#include <signal.h>

#include "plan/plan.h"
#include "run/limit.h"
#include "run/meter.h"
#include "run/relay.h"
#include "run/shared.h"

/* What the new process needs to know of the old one. */
struct enter {
	const struct plan *plan;
	int sock;
	const struct link *link; /* with the locks of its addresses */
	const char *store;       /* for scratch, see mnt_apply */
	bool unsized;            /* which has no size of its own */
	int lock;    /* of the cell's entry in the registry, or -1 */
	int claim;   /* that of its cores, or -1 */
	char **argv; /* NULL: a holder, that tasks join */
	const sigset_t *mask;
	struct cell_shared *shared;
	int watch, kill; /* see struct init */
	int cpu;         /* cpu.stat of the cell's cgroup, or -1 */
};

/* The life of a cell's init, from its first instruction. Does not return. */
_Noreturn void enter_cell(const struct enter *e);

/* What init looks after, asleep in one poll(2). */
struct init {
	int sock;      /* at its end the cell ends, unless released first */
	int sigfd;     /* from init_open */
	int watch;     /* a pidfd: when its process ends, so does the cell; or
			  -1 */
	int kill;      /* cgroup.kill of all that is to end then; or -1 */
	pid_t payload; /* 0: none; the collector, after the payload's end */
	bool ended;    /* the payload has, with `status` */
	int status;
	const struct plan *plan;
	struct relay relay;
	struct limit limit;
	struct mnt_live live;
	struct meter meter;
	struct cell_shared *shared;
};

/*
 * Before there is a payload, with all signals blocked: what may fail. `cpu` is
 * cpu.stat of the cell's cgroup, or -1.
 */
int init_open(struct init *init, int cpu, struct err *err);

/*
 * Be PID 1: reap, and pass signals on to the payload. When it has ended (or,
 * without one, at SIGTERM from outside) kill everything else in the cell, reap
 * it, have collected what is to be, tell the supervisor the status and the use
 * of all, and end; when supervisor or step daemon are gone, kill all and end.
 * What remains is the kernel's tearing down of the
 * namespaces. Allocates nothing. Does not return.
 */
_Noreturn void init_main(struct init *init);

#endif
