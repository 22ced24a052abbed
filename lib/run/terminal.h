/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RUN_TERMINAL_H
#define RUN_TERMINAL_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Job control (credentials(7), tcsetpgrp(3)). Supervisor, init and payload are
 * in the process group that the caller's shell made for them, and the payload
 * is free to make others, as a shell does. All signals are blocked in the
 * callers, SIGTTOU among them. Without a controlling terminal nothing happens.
 */

/* Whether the caller's process group is in the foreground. */
bool terminal_is_ours(void);

/* Put a process group, by the caller's PID namespace, in the foreground. */
void terminal_give(pid_t group);

/*
 * Take the place of a foreground process group of which nobody is left, in a
 * terminal that is one of the caller's standard descriptors.
 */
void terminal_take_back(void);

/*
 * Stop by the signal that stopped the payload, so that the shell that waits
 * for the caller takes over; returns when it is continued. In an orphaned
 * process group nobody would do that, and the caller goes on.
 */
void terminal_stop(int sig);

#endif
