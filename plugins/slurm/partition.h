/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SLURM_PARTITION_H
#define SLURM_PARTITION_H

#include <stdint.h>

#include "base/err.h"
#include "base/pool.h"

/*
 * The partition of a job, from its prolog to its epilog, in a file of root's
 * below /run. The prolog has it from slurmctld; a step has an environment, and
 * before 23.11 a message of srun's, that the user can write himself.
 */

/* In the prolog: note what SLURM_JOB_PARTITION says there. As root. */
int partition_note(uint32_t job, struct err *err);

/* NULL if it was not noted. As root. */
const char *partition_read(uint32_t job, struct pool *pool);

/* In the epilog. */
void partition_forget(uint32_t job);

#endif
