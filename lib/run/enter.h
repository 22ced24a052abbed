/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RUN_ENTER_H
#define RUN_ENTER_H

#include <signal.h>

#include "plan/plan.h"

/* What the new process needs to know of the old one. */
struct enter {
	const struct plan *plan;
	int sock;
	int lock;          /* of the cell's entry in the registry, or -1 */
	char *const *argv; /* NULL: a holder, that tasks join */
	const sigset_t *mask;
};

/* The life of a cell's init, from its first instruction. Does not return. */
_Noreturn void enter_cell(const struct enter *e);

/*
 * Be PID 1: reap, pass signals on to `payload` (0: none), sleep. When the
 * payload has ended, send its status and end with it. Does not return.
 */
_Noreturn void init_main(int sock, pid_t payload);

#endif
