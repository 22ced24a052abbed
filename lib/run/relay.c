/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "run/cell.h"
#include "run/relay.h"
#include "run/terminal.h"

enum {
	SAME_US = 1000000 /* within this, two of a signal may be one kill(2) */
};

static bool is_signal(int sig)
{
	return sig > 0 && sig <= SIGRTMAX;
}

void relay_note(struct relay *relay, int sig)
{
	if (is_signal(sig))
		relay->got[sig] = cell_now(CLOCK_MONOTONIC);
}

static bool take_note(struct relay *relay, int sig)
{
	int64_t at = relay->got[sig];

	relay->got[sig] = 0;
	return at && cell_now(CLOCK_MONOTONIC) - at < SAME_US;
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
	if (take_note(relay, order->signal) && ours)
		return;
	if (order->signal == SIGCONT && !ours)
		go_on(group, order->foreground);
	else
		kill(payload, order->signal);
}
