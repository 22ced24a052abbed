/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RUN_QUEUEJOB_H
#define RUN_QUEUEJOB_H

#include "base/err.h"
#include "base/pool.h"
#include "plan/host.h"
#include "plan/queuejob.h"

/*
 * What root's prolog of a queue makes of a job on this node, and its epilog
 * removes:
 *
 *	/run/cloison/queue/JOB.TASK	struct queue_job, root's, 0644
 *	PARENT/cloison-job-JOB.TASK	its cgroup, with the limits of the job.
 *		The directory is the user's, who may divide it; the limits are
 *		root's.
 *	    cloison-main		where the job's first process is put
 *	    cloison-...			cells of the job
 *
 * The queue's own process, the shepherd, is not in there: who can divide a
 * cgroup can kill, freeze or starve of memory whoever is in it. So the job is
 * moved when it has been born, by a process that waits for that.
 */

/*
 * Note the job, and make its cgroup if the plan has one. What was left of one
 * of this name is removed first; nothing is left after an error. Needs root.
 */
int queuejob_make(const struct queue_job *job, const struct cg_plan *plan,
		  const struct host *host, struct err *err);

/*
 * Have the job's first process moved to its cgroup as soon as it is there: by a
 * process of its own, which ends then, or with the shepherd. `spool` is the
 * directory where the queue writes the number of that process into a file
 * `name`; no other process is moved than a child of the shepherd. Nothing to
 * do where the job has no cgroup.
 */
int queuejob_watch(const struct queue_job *job, const struct host *host,
		   int spool, const char *name, struct err *err);

/*
 * What root has noted of the job `id`. 0, with `ret`; 1 where there is no note;
 * -1 where it is not root's or cannot be read.
 */
int queuejob_read(const char *id, struct pool *pool, struct queue_job *ret,
		  struct err *err);

/*
 * Kill what is in the cgroup of the job `id`, or of all jobs whose shepherd is
 * dead where that is NULL; and remove cgroup and note. Between the two is the
 * time for gc_run, which reads what cells have used. Nothing to do is no error.
 * Goes on after an error. Needs root.
 */
int queuejobs_kill(const struct host *host, const char *id, struct err *err);
int queuejobs_remove(const struct host *host, const char *id, struct err *err);

#endif
