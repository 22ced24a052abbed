/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "run/relay.h"
#include "run/terminal.h"

enum {
	SAME_US = 1000000, /* within this, two of a signal may be one kill(2) */
	NOTES = sizeof(((struct relay_signal *)0)->at) / sizeof(int64_t)
};

static bool is_signal(int sig)
{
	return sig > 0 && sig <= SIGRTMAX;
}

static void drop(struct relay_signal *s, size_t n)
{
	s->n -= n;
	memmove(s->at, s->at + n, s->n * sizeof(s->at[0]));
}

void relay_note(struct relay *relay, int sig, int64_t at)
{
	struct relay_signal *s = &relay->got[is_signal(sig) ? sig : 0];

	if (s->n == NOTES)
		drop(s, 1);
	s->at[s->n++] = at;
}

/*
 * A signal that is pending takes up those that come after it until it is read,
 * by init and by the supervisor each in its own time. So one order stands for
 * all that init has read before it, and what init reads after it may stand for
 * the next order as well, if the supervisor has read that one before, too.
 */
bool relay_has(struct relay *relay, int sig, int64_t at)
{
	struct relay_signal *s = &relay->got[is_signal(sig) ? sig : 0];
	size_t before = 0;
	bool had;

	while (s->n && s->at[0] < at - SAME_US)
		drop(s, 1);
	while (before < s->n && s->at[before] <= at)
		before++;
	had = s->n || at <= s->covered;
	if (!before && s->n) {
		s->covered = s->at[0];
		before = 1;
	}
	drop(s, before);
	return had;
}

/*
 * A stopped shell has its own process group, which nobody outside knows: it
 * gets the terminal back that the shell outside gave to ours.
 */
static void go_on(pid_t group, bool foreground)
{
	if (foreground)
		terminal_give(group);
	kill(-group, SIGCONT);
}

void relay_pass(struct relay *relay, pid_t payload,
		const struct msg_order *order)
{
	pid_t group = getpgid(payload);
	bool ours = group == getpgrp();

	if (!is_signal(order->signal) || group < 0)
		return;
	if (relay_has(relay, order->signal, order->at) && ours)
		return;
	if (order->signal == SIGCONT && !ours)
		go_on(group, order->foreground);
	else
		kill(payload, order->signal);
}
