/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "jobenv.h"
#include "plan/option.h"
#include "plan/queuejob.h"

enum fact {
	FACT_JOB,
	FACT_STEP,
	FACT_CLUSTER,
	FACT_ACCOUNT,
	FACT_PROJECT,
	FACT_QUEUE,
	FACT_NAME,
	FACTS
};

enum {
	MARKS = 3,
	SOURCES = 2
};

/*
 * One row a queue; the first that has a mark set is it. A queue that runs in
 * another's jobs comes before that one; but Flux takes Slurm's variables away,
 * so that with both the job is Slurm's, with the environment of a job of Flux.
 * A fact is a variable, the first of those named that is set, or an attribute
 * of the job's ad. HTCondor numbers jobs by schedd, whose name begins its
 * global ids.
 */
static const struct queue {
	const char *name;
	const char *mark[MARKS];
	bool ad;
	const char *no_step; /* what a job says that has none */
	const char *fact[FACTS][SOURCES];
} queues[] = {
	{ .name = "htcondor",
	  .mark = { "_CONDOR_JOB_AD", "_CONDOR_SCRATCH_DIR", "_CONDOR_SLOT" },
	  .ad = true,
	  .fact = { [FACT_JOB] = { "ClusterId" },
		    [FACT_STEP] = { "ProcId" },
		    [FACT_CLUSTER] = { "GlobalJobId" },
		    [FACT_ACCOUNT] = { "AccountingGroup", "AcctGroup" },
		    [FACT_PROJECT] = { "ProjectName" },
		    [FACT_NAME] = { "JobBatchName" } } },
	{ .name = "slurm",
	  .mark = { "SLURM_JOB_ID" },
	  .fact = { [FACT_JOB] = { "SLURM_JOB_ID" },
		    [FACT_STEP] = { "SLURM_STEP_ID" },
		    [FACT_CLUSTER] = { "SLURM_CLUSTER_NAME" },
		    [FACT_ACCOUNT] = { "SLURM_JOB_ACCOUNT" },
		    [FACT_QUEUE] = { "SLURM_JOB_PARTITION" },
		    [FACT_NAME] = { "SLURM_JOB_NAME" } } },
	{ .name = "flux",
	  .mark = { "FLUX_JOB_ID" },
	  .fact = { [FACT_JOB] = { "FLUX_JOB_ID" } } },
	{ .name = "pbs",
	  .mark = { "PBS_JOBID" },
	  .fact = { [FACT_JOB] = { "PBS_JOBID" },
		    [FACT_STEP] = { "PBS_ARRAY_INDEX", "PBS_ARRAYID" },
		    [FACT_CLUSTER] = { "PBS_SERVER" },
		    [FACT_ACCOUNT] = { "PBS_ACCOUNT" },
		    [FACT_QUEUE] = { "PBS_QUEUE" },
		    [FACT_NAME] = { "PBS_JOBNAME" } } },
	{ .name = "lsf",
	  .mark = { "LSB_JOBID" },
	  .no_step = "0",
	  .fact = { [FACT_JOB] = { "LSB_JOBID" },
		    [FACT_STEP] = { "LSB_JOBINDEX" },
		    [FACT_ACCOUNT] = { "LSB_PROJECT_NAME" },
		    [FACT_QUEUE] = { "LSB_QUEUE" },
		    [FACT_NAME] = { "LSB_JOBNAME" } } },
	{ .name = "gridengine",
	  .mark = { "SGE_TASK_ID" },
	  .no_step = "undefined",
	  .fact = { [FACT_JOB] = { "JOB_ID" },
		    [FACT_STEP] = { "SGE_TASK_ID" },
		    [FACT_CLUSTER] = { "SGE_CELL" },
		    [FACT_ACCOUNT] = { "SGE_ACCOUNT" },
		    [FACT_QUEUE] = { "QUEUE" },
		    [FACT_NAME] = { "JOB_NAME" } } },
	/* A script that flux has started is not told its job. */
	{ .name = "flux", .mark = { "FLUX_URI" } },
};

static const char *variable(const char *name)
{
	const char *value = name ? getenv(name) : NULL;

	return value && *value ? value : NULL;
}

const char *jobenv_variable(const char *name)
{
	const char *value = getenv(name);

	return value ? value : "";
}

const char *jobenv_dir(const char *path)
{
	struct stat st;

	return path && !stat(path, &st) && S_ISDIR(st.st_mode) ? path : NULL;
}

/*
 * The job can put what it likes in a file's place: what is no plain file is
 * not even opened for reading, as that may hang or do something.
 */
const char *jobenv_file(const char *path, struct pool *pool)
{
	cleanup_fd int found = -1;
	cleanup_fd int fd = -1;
	struct stat st;
	char link[40];
	size_t len = 0;
	char *text;

	found = open(path, O_PATH | O_CLOEXEC);
	if (found < 0 || fstat(found, &st) || !S_ISREG(st.st_mode))
		return "";
	snprintf(link, sizeof(link), "/proc/self/fd/%d", found);
	fd = open(link, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return "";
	text = pool_alloc(pool, JOBENV_AD + 1);
	while (len < JOBENV_AD) {
		ssize_t n = read(fd, text + len, JOBENV_AD - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	return text;
}

const char *jobenv_ad(struct pool *pool)
{
	const char *path = variable("_CONDOR_JOB_AD");
	const char *scratch = variable("_CONDOR_SCRATCH_DIR");

	if (!path && scratch)
		path = pool_printf(pool, "%s/.job.ad", scratch);
	return path && *path == '/' ? jobenv_file(path, pool) : "";
}

/* What has to be computed is left out. */
static const char *literal(const char *p, struct pool *pool)
{
	static const char *const words[] = { "true", "false" };
	char *text, *out;
	size_t len;

	p += strspn(p, " \t");
	len = strspn(p, "0123456789");
	for (size_t i = 0; !len && i < 2; i++)
		if (!strncasecmp(p, words[i], strlen(words[i])))
			len = strlen(words[i]);
	if (len)
		return strchr("\n\r", p[len]) ? pool_strndup(pool, p, len)
					      : NULL;
	if (*p++ != '"')
		return NULL;
	/* No more than is taken, and to see that there is more. */
	text = out = pool_alloc(pool, OPTION_NAME_MAX + 2);
	for (; *p && !strchr("\"\n", *p) && out - text <= OPTION_NAME_MAX;
	     p++) {
		if (*p == '\\' && p[1] && strchr("\\\"", p[1]))
			p++;
		*out++ = *p;
	}
	return *text ? text : NULL;
}

/* One "Name = value" a line; case does not count in names. */
const char *jobenv_attribute(const char *ad, const char *name,
			     struct pool *pool)
{
	size_t len = name ? strlen(name) : 0;

	for (const char *p = ad; len && *p; p += *p == '\n') {
		const char *end = p + strcspn(p, "\n");

		if (!strncasecmp(p, name, len)) {
			const char *eq = p + len + strspn(p + len, " \t");

			if (*eq == '=')
				return literal(eq + 1, pool);
		}
		p = end;
	}
	return NULL;
}

/* 0: not said, or no number. */
static uint64_t amount(const char *ad, const char *name, uint64_t most,
		       struct pool *pool)
{
	const char *text = jobenv_attribute(ad, name, pool);
	struct err ignored;
	uint64_t n;

	return text && !parse_uint(text, most, &n, &ignored) ? n : 0;
}

/*
 * The directory that the starter, our parent, has made for the job: by its
 * number, in a place where the job's user makes none himself.
 */
static const char *starter_dir(struct pool *pool)
{
	const char *path = variable("_CONDOR_SCRATCH_DIR");
	const char *name = path ? strrchr(path, '/') : NULL;
	char expected[32];
	cleanup_fd int fd = -1;
	struct stat st;

	snprintf(expected, sizeof(expected), "/dir_%d", getppid());
	if (!name || *path != '/' || strcmp(name, expected) != 0)
		return NULL;
	fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) || st.st_uid != geteuid() ||
	    !faccessat(fd, "..", W_OK, AT_EACCESS))
		return NULL;
	return pool_strdup(pool, path);
}

/*
 * What the slot that was made for the job has. The starter's cgroup has the
 * same limit on memory: the cell's is below it, but not so far that the starter
 * would take the node to be out of memory (a tenth).
 */
static void ad_gives(const char *ad, struct job *job, struct pool *pool)
{
	const uint64_t most = 1ULL << 30;
	uint64_t m = amount(ad, "MemoryProvisioned", most, pool) << 20;

	job->memory = queue_job_inside(m);
	job->cpus = 1000 * amount(ad, "CpusProvisioned", most, pool);
	job->seconds = amount(ad, "AllowedExecuteDuration", most, pool);
	job->dir = starter_dir(pool);
}

static const char *find(const struct queue *q, enum fact fact, const char *ad,
			struct pool *pool)
{
	const char *value = NULL;
	struct err ignored;

	for (size_t i = 0; !value && i < SOURCES; i++)
		value = ad ? jobenv_attribute(ad, q->fact[fact][i], pool)
			   : variable(q->fact[fact][i]);
	if (!value)
		return NULL;
	if (fact == FACT_STEP && q->no_step && !strcmp(value, q->no_step))
		return NULL;
	if (fact == FACT_JOB || fact == FACT_STEP)
		return option_job_id(value, &ignored)
			       ? NULL
			       : pool_strdup(pool, value);
	if (fact == FACT_CLUSTER && ad)
		return pool_strndup(pool, value, strcspn(value, "#"));
	return pool_strndup(pool, value, strnlen(value, OPTION_NAME_MAX));
}

static const struct queue *detect(void)
{
	for (size_t i = 0; i < sizeof(queues) / sizeof(queues[0]); i++)
		for (size_t j = 0; j < MARKS; j++)
			if (variable(queues[i].mark[j]))
				return &queues[i];
	return NULL;
}

void jobenv_read(struct job *job, struct pool *pool)
{
	const struct {
		enum fact fact;
		const char **ret;
	} rows[] = {
		{ FACT_JOB, &job->scheduler.job },
		{ FACT_STEP, &job->scheduler.step },
		{ FACT_CLUSTER, &job->scheduler.cluster },
		{ FACT_ACCOUNT, &job->scheduler.account },
		{ FACT_PROJECT, &job->scheduler.project },
		{ FACT_QUEUE, &job->scheduler.queue },
		{ FACT_NAME, &job->scheduler.job_name },
	};
	const struct queue *q = detect();
	const char *ad;

	job->scheduler.name = q ? q->name : "none";
	if (!q)
		return;
	ad = q->ad ? jobenv_ad(pool) : NULL;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		*rows[i].ret = find(q, rows[i].fact, ad, pool);
	if (ad)
		ad_gives(ad, job, pool);
}
