/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PLAN_QUEUEJOB_H
#define PLAN_QUEUEJOB_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/pool.h"
#include "base/proc.h"
#include "cg/cg.h"
#include "plan/site.h"

/*
 * A job on this node as root's side of its queue knows it, from its prolog to
 * its epilog. Strings are NULL and numbers 0 where nothing is known.
 */
struct queue_job {
	const char *id; /* "JOB.TASK", task 0 where there is none */
	uint64_t uid, gid;
	struct proc
		shepherd; /* the queue's process that has the job as child */
	uint64_t slots;
	uint64_t memory;    /* bytes that the job may have in all */
	const char *cgroup; /* made for it, and delegated to the user */
	const char *dir;    /* made for it by the queue */
	const char *account, *project, *queue, *name;
};

/*
 * As lines "key value", which is how root notes it on the node, and back; what
 * is no such text is an error. Control characters do not get into it. Pure.
 */
const char *queue_job_print(const struct queue_job *job, struct pool *pool);
int queue_job_parse(const char *text, struct pool *pool, struct queue_job *ret,
		    struct err *err);

/*
 * The cgroup that all of a job is to be in: below the site's cgroup-jobs,
 * with what the queue gives the job as limits; none where the site names none.
 * Sets job->cgroup, too. Pure.
 */
void queue_job_plan(struct queue_job *job, const struct site *site,
		    struct pool *pool, struct cg_plan *ret);

/* What a cell can have of the memory that a queue gives the job. Pure. */
uint64_t queue_job_inside(uint64_t memory);

#endif
