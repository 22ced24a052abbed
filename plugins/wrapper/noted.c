/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cg/cg.h"
#include "noted.h"
#include "plan/option.h"
#include "run/queuejob.h"

enum {
	/* For another process of root's to do two system calls. */
	PATIENCE_MS = 10000,
	RETRY_MS = 1,
};

static bool in_cgroup(const struct queue_job *q)
{
	char own[1024];
	struct err ignored;
	size_t len = strlen(q->cgroup);

	return !cg_of("self", own, sizeof(own), &ignored) &&
	       !strncmp(own, q->cgroup, len) && own[len] == '/';
}

/* By its first process, or by one that was made in it. */
static bool is_ours(const struct queue_job *q)
{
	if (q->uid != geteuid())
		return false;
	if (getppid() == q->shepherd.pid && proc_alive(&q->shepherd))
		return true;
	return q->cgroup && in_cgroup(q);
}

static int settle(const struct queue_job *q, struct err *err)
{
	const struct timespec t = { .tv_nsec = RETRY_MS * 1000000L };

	for (int i = 0; q->cgroup && !in_cgroup(q); i++) {
		if (i == PATIENCE_MS / RETRY_MS)
			return err_set(err, 0,
				       "job %s is not in its cgroup %s, where "
				       "'cloison prolog' was to move it",
				       q->id, q->cgroup);
		nanosleep(&t, NULL);
	}
	return 0;
}

int noted_read(struct job *job, struct pool *pool, struct err *err)
{
	const char *id;
	struct queue_job q;
	int r;

	if (strcmp(job->scheduler.name, "gridengine") != 0 ||
	    !job->scheduler.job)
		return 0;
	id = pool_printf(pool, "%s.%s", job->scheduler.job,
			 job->scheduler.step ? job->scheduler.step : "0");
	r = queuejob_read(id, pool, &q, err);
	if (r || !is_ours(&q))
		return r < 0 ? -1 : 0;
	job->scheduler.account = q.account;
	job->scheduler.project = q.project;
	job->scheduler.queue = q.queue;
	job->scheduler.job_name = q.name;
	if (q.dir && !access(q.dir, F_OK))
		job->dir = q.dir;
	job->cpus = 1000 * q.slots;
	job->memory = queue_job_inside(q.memory);
	return settle(&q, err);
}
