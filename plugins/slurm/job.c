/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A SPANK plugin of its own, for who wants something done before and after each
 * job: for hooks of that kind slurmd executes slurmstepd, twice a job, and the
 * first step waits for it. That is most of what a step takes.
 *
 * What fails here would drain the node: it is told and left to the next time.
 */
#include "config.h"

#include <stdio.h>

#include "base/err.h"
#include "base/pool.h"
#include "partition.h"
#include "plan/host.h"
#include "release.h"
#include "run/gc.h"
#include "run/scratch.h"

#pragma GCC visibility push(default)
SPANK_PLUGIN(cloison_job, 1)
RELEASE_FAILURE_MODE
#pragma GCC visibility pop

static void tell(void *arg, const char *id, const char *text, bool bad)
{
	(void)arg;
	if (bad)
		slurm_error("cloison: %s: %s", id, text);
	else
		slurm_info("cloison: %s: %s", id, text);
}

/* What dead cells have left. */
static void clean_up(void)
{
	const struct gc_report report = { tell, NULL };
	struct pool pool = { 0 };
	struct gc_count ignored;
	struct host host;
	struct err err;

	if (host_probe(HOST_CGROUP, NULL, &pool, &host, &err) ||
	    gc_run(&host, false, &report, &ignored, &err))
		slurm_error("cloison: %s", err.text);
	pool_free(&pool);
}

/* What its steps will want to know of the job. */
static int job_begins(spank_t spank, struct err *err)
{
	uint32_t id;

	if (spank_get_item(spank, S_JOB_ID, &id))
		return err_set(err, 0, "Slurm does not say which job begins");
	return partition_note(id, err);
}

/* What they have shared. */
static int job_ended(spank_t spank, struct err *err)
{
	uint32_t id;
	char job[16];
	uid_t uid;

	if (spank_get_item(spank, S_JOB_ID, &id) ||
	    spank_get_item(spank, S_JOB_UID, &uid))
		return err_set(err, 0, "Slurm does not say which job ended");
	partition_forget(id);
	snprintf(job, sizeof(job), "%u", id);
	return scratch_job_remove(job, uid, err);
}

#pragma GCC visibility push(default)

/* So that it stays loaded in slurmstepd, where spank_cloison.so looks for it.
 */
int slurm_spank_init(spank_t spank, int ac, char *argv[])
{
	(void)spank;
	(void)ac;
	(void)argv;
	return 0;
}

int slurm_spank_job_prolog(spank_t spank, int ac, char *argv[])
{
	struct err err;

	(void)ac;
	(void)argv;
	if (job_begins(spank, &err))
		slurm_error("cloison: %s", err.text);
	clean_up();
	return 0;
}

int slurm_spank_job_epilog(spank_t spank, int ac, char *argv[])
{
	struct err err;

	(void)ac;
	(void)argv;
	if (job_ended(spank, &err))
		slurm_error("cloison: %s", err.text);
	clean_up();
	return 0;
}

#pragma GCC visibility pop
