/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RUN_RELAY_H
#define RUN_RELAY_H

#include <stdint.h>
#include <sys/types.h>

#include "run/msg.h"

/*
 * Signals on the way to the payload, which is to get each exactly once: what
 * the supervisor got alone is passed on by way of init, what the whole process
 * group got (by a terminal, or kill(2) with a negative number) is not. That
 * init got the same signal tells the two apart.
 */
struct relay {
	int64_t got[65]; /* when init itself got it, monotonic us, or 0 */
};

/* Init itself got a signal. */
void relay_note(struct relay *relay, int sig);

/* The supervisor has got one. */
void relay_pass(struct relay *relay, pid_t payload,
		const struct msg_order *order);

#endif
