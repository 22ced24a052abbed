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

/* Of proc_pid_stat(5), times in clock ticks. */
struct proc_stat {
	pid_t parent;
	uint64_t cpu;   /* its own, and what of its children it has reaped */
	uint64_t start; /* since boot */
};

/*
 * `proc`: a descriptor of /proc; -1: what is at that path. Returns -1 when
 * there is no such process. Allocates nothing.
 */
int proc_stat_read(int proc, pid_t pid, struct proc_stat *ret);

/* The text of the file; -1: it is cut off. Pure. */
int proc_stat_parse(const char *text, struct proc_stat *ret);

/*
 * End the caller as `sig` ends what does nothing about it, for who waits to see
 * that. No core is left: it would be the caller's, and only say that. Returns
 * if the signal ends nobody.
 */
void proc_end_by(int sig);

#endif
