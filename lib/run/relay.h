/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RUN_RELAY_H
#define RUN_RELAY_H

#include <stdbool.h>
#include <stddef.h>
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
	struct relay_signal {
		int64_t at[4]; /* when init got it, and no order has come */
		size_t n;
		int64_t covered; /* that one stood for all up to then, too */
	} got[65];
};

/*
 * Init itself got a signal, which it reads at `at`: CLOCK_REALTIME in us, as
 * the cell may have another monotonic clock than the supervisor.
 */
void relay_note(struct relay *relay, int sig, int64_t at);

/*
 * The supervisor has got one, which it read at `at`: whether init had the same
 * one, so that the payload has it.
 */
bool relay_has(struct relay *relay, int sig, int64_t at);

/* Pass on what the supervisor has got alone. */
void relay_pass(struct relay *relay, pid_t payload,
		const struct msg_order *order);

#endif
