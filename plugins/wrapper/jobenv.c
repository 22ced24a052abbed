/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdlib.h>

#include "jobenv.h"

/* One row a queue; the first whose mark is set is it. */
static const struct {
	const char *name, *mark, *job, *step, *cluster, *account;
} queues[] = {
	{ "slurm", "SLURM_JOB_ID", "SLURM_JOB_ID", "SLURM_STEP_ID",
	  "SLURM_CLUSTER_NAME", "SLURM_JOB_ACCOUNT" },
	{ "pbs", "PBS_JOBID", "PBS_JOBID", NULL, "PBS_SERVER", "PBS_ACCOUNT" },
	{ "lsf", "LSB_JOBID", "LSB_JOBID", "LSB_JOBINDEX", NULL,
	  "LSB_PROJECT_NAME" },
	{ "flux", "FLUX_JOB_ID", "FLUX_JOB_ID", NULL, NULL, NULL },
	{ "gridengine", "SGE_TASK_ID", "JOB_ID", "SGE_TASK_ID", "SGE_CELL",
	  NULL },
};

static const char *get(const char *name, struct pool *pool)
{
	const char *value = name ? getenv(name) : NULL;

	return value && *value ? pool_strdup(pool, value) : NULL;
}

void jobenv_read(struct job *job, struct pool *pool)
{
	job->scheduler.name = "none";
	for (size_t i = 0; i < sizeof(queues) / sizeof(queues[0]); i++) {
		if (!getenv(queues[i].mark))
			continue;
		job->scheduler.name = queues[i].name;
		job->scheduler.job = get(queues[i].job, pool);
		job->scheduler.step = get(queues[i].step, pool);
		job->scheduler.cluster = get(queues[i].cluster, pool);
		job->scheduler.account = get(queues[i].account, pool);
		return;
	}
}
