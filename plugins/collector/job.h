/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COLLECTOR_JOB_H
#define COLLECTOR_JOB_H

#include <stdbool.h>
#include <stddef.h>

#include "acct/record.h"
#include "base/pool.h"

/*
 * What the records of one job tell its user: why it ended, and what to ask for
 * next time. All of this is pure. Zero-initialise a struct job, add records
 * one by one, then read it. Memory does not grow with the number of records.
 */

/* What of a cell is told. */
struct job_cell {
	const char *step, *node, *victim;
	int64_t victim_pid, code, signal;
	int64_t wall_us, cpu_us;
	int64_t memory_peak, memory_limit, scratch_peak, scratch_limit;
};

enum {
	JOB_ENDINGS = 10
};

struct job {
	const char *scheduler;
	int64_t cells, failed;
	/* By row of the endings, the first cell and how many of them. */
	struct job_cell ending[JOB_ENDINGS];
	int64_t ended[JOB_ENDINGS];
	/* The fullest. */
	struct job_cell memory, scratch;
	/*
	 * Sums over cells whose use is known; those of steps that only wait
	 * for others, as Slurm's batch does, apart.
	 */
	struct job_cpu {
		int64_t wall_us, asked_us, used_us, throttled_us;
	} cpu, waiting;
	int64_t longest_us;
	/* The limits of the first cell that had some. */
	struct record_pair *asked;
	size_t n_asked;
	struct record_pair *missing;
	size_t n_missing;
};

void job_add(struct job *job, struct pool *pool, const struct record *record);

/* One line for each way in which cells ended that was not well. */
struct job_reason {
	const char *reason; /* as in the record, or "scratch-full" */
	int64_t cells;
	const struct job_cell *first;
	const char *text; /* a sentence about it, without its subject */
};
void job_reasons(const struct job *job, struct pool *pool,
		 struct job_reason **ret, size_t *ret_n);

/* What to ask for next time. */
struct job_advice {
	const char *rule;   /* a word for programs */
	const char *option; /* of the scheduler or of cloison */
	const char *value;  /* NULL: whatever the reader thinks right */
	const char *text;   /* why */
};
void job_advise(const struct job *job, struct pool *pool,
		struct job_advice **ret, size_t *ret_n);

/* CPUs in the mean, in time that cells ran; -1: unknown. */
double job_cpus_asked(const struct job *job);
double job_cpus_used(const struct job *job);

#endif
