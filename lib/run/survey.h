/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RUN_SURVEY_H
#define RUN_SURVEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/pool.h"
#include "plan/host.h"
#include "run/entry.h"

/*
 * What the cells of a registry are doing. Taken from what /proc shows to
 * everybody (proc_pid_status(5), proc_pid_cgroup(5)), so that root and the
 * owner of a cell see the same; an entry's pids are believed only where they
 * fit who owns it.
 */

struct process {
	pid_t pid, parent;
	pid_t inside; /* its number in its own PID namespace */
	pid_t above;  /* and in the one around that; 0: there is none */
	int depth;    /* PID namespaces that it is in, seen from here */
	uid_t uid;
	int64_t rss;        /* bytes */
	const char *cgroup; /* "" if unknown */
};

struct survey {
	struct process *process;
	size_t n;
};

/* One look at all processes. */
int survey_take(struct pool *pool, struct survey *ret, struct err *err);

/* -1 and 0: not known, or none. */
struct cell_now {
	bool alive;
	const struct process *init, *payload;
	size_t processes;
	int64_t memory;    /* bytes */
	bool memory_exact; /* of its cgroup; else summed up by process */
	int64_t scratch;   /* bytes in use */
};

/* Whether a process is one of the cell, its init among them. */
bool survey_holds(const struct survey *survey, const struct entry *entry,
		  const struct process *process);

void survey_cell(const struct survey *survey, const struct host *host,
		 const struct entry *entry, struct cell_now *ret);

/*
 * What a cell has used so far: by its cgroup, or the CPU time alone, summed up
 * by process, where it has none.
 */
void survey_use(const struct survey *survey, const struct host *host,
		const struct entry *entry, struct cg_usage *ret);

/*
 * Whether a user's word means this cell: the beginning or the end of its id
 * (four characters at least), its job, or JOB.STEP, or the host's number of
 * one of its processes or of its supervisor.
 */
bool survey_means(const struct survey *survey, const struct entry *entry,
		  const char *word);

#endif
