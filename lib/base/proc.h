/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A process that cannot be mistaken for a later one with its number. */
struct proc {
	pid_t pid;      /* 0: none */
	uint64_t start; /* clock ticks since boot */
};

/* Whether it is still there, as far as the caller's PID namespace shows. */
bool proc_alive(const struct proc *proc);

/*
 * When a process started, in clock ticks since boot: together with its number
 * this is a name that no later process has. 0 when there is no such process.
 */
uint64_t proc_start(pid_t pid);

/* The same from the text of /proc/PID/stat (proc_pid_stat(5)). Pure. */
uint64_t proc_start_parse(const char *stat);

/*
 * End the caller as `sig` ends what does nothing about it, for who waits to see
 * that. No core is left: it would be the caller's, and only say that. Returns
 * if the signal ends nobody.
 */
void proc_end_by(int sig);

#endif
