/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SLURM_COMMENT_H
#define SLURM_COMMENT_H

#include <stdint.h>

#include "base/err.h"
#include "base/pool.h"

/*
 * The AdminComment of jobs, in slurmdbd. All that depends on libslurm and its
 * release is behind this. Needs the rights of root, SlurmUser or an Operator
 * of slurmdbd. libslurm itself writes to stderr, and ends the process when
 * there is no slurm.conf.
 */

/* One run of a job: a job that was requeued has several. */
struct comment_run {
	uint32_t job, array_job, array_task, state;
	int64_t start, end; /* seconds since the epoch, 0: not yet */
	int64_t cells;      /* nodes of its steps, the extern step left out */
	const char *text;   /* or NULL */
};

/* Connect to slurmdbd. */
int comment_open(void **ret, struct err *err);

void comment_close(void *db);

/*
 * The runs of the job that has `job` as its own number (of an array's task or
 * a component of a heterogeneous job, as sacct -o JobIDRaw shows it), oldest
 * first; none is no error. `cluster` is trusted.
 */
int comment_runs(void *db, const char *cluster, uint32_t job, struct pool *pool,
		 struct comment_run **ret, size_t *ret_n, struct err *err);

/*
 * Set the text of a run that has ended. 1: done; 0: it is not as it was
 * anymore, and nothing has been changed; -1.
 */
int comment_set(void *db, const char *cluster, const struct comment_run *run,
		const char *text, struct err *err);

#endif
