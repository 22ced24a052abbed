/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>
#include <slurm/slurmdb.h>
#include <stdio.h>
#include <stdlib.h>

#include "comment.h"

/*
 * Slurm's lists have had several type names; the structs behind them kept
 * theirs. What is put into lists here lives on the stack, so that no list
 * frees what it holds.
 */
struct query {
	slurmdb_job_cond_t cond;
	slurm_selected_step_t step;
	char state[16];
};

static struct xlist *list_of(void *one)
{
	struct xlist *list = slurm_list_create(NULL);

	slurm_list_append(list, one);
	return list;
}

static void query_init(struct query *q, const char *cluster, uint32_t job)
{
	*q = (struct query){
		.step = {
			.array_task_id = NO_VAL,
			.het_job_offset = NO_VAL,
			.step_id = {
				.job_id = job,
				.step_het_comp = NO_VAL,
				.step_id = NO_VAL,
			},
		},
		.cond = {
			.db_flags = SLURMDB_JOB_FLAG_NOTSET,
			.flags = JOBCOND_FLAG_DUP | JOBCOND_FLAG_NO_TRUNC |
				 JOBCOND_FLAG_NO_WHOLE_HETJOB,
		},
	};
	q->cond.cluster_list = list_of((char *)cluster);
	q->cond.step_list = list_of(&q->step);
}

static void query_free(struct query *q)
{
	slurm_list_destroy(q->cond.cluster_list);
	slurm_list_destroy(q->cond.step_list);
	if (q->cond.state_list)
		slurm_list_destroy(q->cond.state_list);
}

/* Of all runs of all jobs just this one: it ended in this second. */
static void query_run(struct query *q, const char *cluster,
		      const struct comment_run *run)
{
	query_init(q, cluster, run->job);
	/* The number of an array's last task is also that of the array. */
	if (run->array_job) {
		q->step.step_id.job_id = run->array_job;
		q->step.array_task_id = run->array_task;
	}
	snprintf(q->state, sizeof(q->state), "%u", run->state);
	q->cond.state_list = list_of(q->state);
	q->cond.usage_start = (time_t)run->end;
	q->cond.usage_end = (time_t)run->end;
	q->cond.flags |= JOBCOND_FLAG_NO_STEP | JOBCOND_FLAG_NO_DEFAULT_USAGE;
}

static int fail(const char *what, struct err *err)
{
	int num = errno;

	if (num == ESLURM_ACCESS_DENIED)
		return err_set(
			err, 0,
			"slurmdbd: %s: not allowed: run this as root, as SlurmUser or as an Operator of slurmdbd",
			what);
	return err_set(err, 0, "slurmdbd: %s: %s", what, slurm_strerror(num));
}

int comment_open(void **ret, struct err *err)
{
	uint16_t flags = 0;
	void *db;

	slurm_init(NULL);
	errno = 0;
	db = slurmdb_connection_get(&flags);
	if (db && !errno) {
		*ret = db;
		return 0;
	}
	fail("connect", err);
	comment_close(db);
	return -1;
}

void comment_close(void *db)
{
	if (db)
		slurmdb_connection_close(&db);
	slurm_fini();
}

static int64_t count_cells(slurmdb_job_rec_t *job)
{
	struct listIterator *it;
	slurmdb_step_rec_t *step;
	int64_t n = 0;

	if (!job->steps)
		return 0;
	it = slurm_list_iterator_create(job->steps);
	while ((step = slurm_list_next(it)))
		if (step->step_id.step_id != SLURM_EXTERN_CONT)
			n += step->nnodes;
	slurm_list_iterator_destroy(it);
	return n;
}

static void take(slurmdb_job_rec_t *job, struct pool *pool,
		 struct comment_run *ret)
{
	*ret = (struct comment_run){
		.job = job->jobid,
		.array_job = job->array_job_id,
		.array_task = job->array_task_id,
		.state = job->state,
		.end = job->end,
		.cells = count_cells(job),
	};
	if (job->start != (time_t)NO_VAL)
		ret->start = job->start;
	if (job->admin_comment)
		ret->text = pool_strdup(pool, job->admin_comment);
}

/* One that has not started is the last. */
static int by_start(const void *a, const void *b)
{
	const struct comment_run *x = a, *y = b;

	if (!x->start || !y->start)
		return !x->start - !y->start;
	return (x->start > y->start) - (x->start < y->start);
}

int comment_runs(void *db, const char *cluster, uint32_t job, struct pool *pool,
		 struct comment_run **ret, size_t *ret_n, struct err *err)
{
	struct listIterator *it;
	slurmdb_job_rec_t *rec;
	struct xlist *list;
	struct query q;

	*ret = NULL;
	*ret_n = 0;
	query_init(&q, cluster, job);
	errno = 0;
	list = slurmdb_jobs_get(db, &q.cond);
	if (!list)
		fail("read jobs", err);
	query_free(&q);
	if (!list)
		return -1;
	it = slurm_list_iterator_create(list);
	while ((rec = slurm_list_next(it)))
		/* The first task's number finds all tasks of an array. */
		if (rec->jobid == job)
			take(rec, pool,
			     pool_push(pool, ret, ret_n, sizeof(**ret)));
	slurm_list_iterator_destroy(it);
	slurm_list_destroy(list);
	if (*ret_n)
		qsort(*ret, *ret_n, sizeof(**ret), by_start);
	return 0;
}

int comment_set(void *db, const char *cluster, const struct comment_run *run,
		const char *text, struct err *err)
{
	slurmdb_job_rec_t job = { .derived_ec = NO_VAL };
	struct xlist *changed;
	struct query q;
	int n;

	job.admin_comment = (char *)text;
	query_run(&q, cluster, run);
	errno = 0;
	changed = slurmdb_job_modify(db, &q.cond, &job);
	if (!changed)
		fail("modify a job", err);
	query_free(&q);
	if (!changed)
		return -1;
	n = slurm_list_count(changed);
	slurm_list_destroy(changed);
	/* Nothing is changed before this, and nothing if it is not just one. */
	if (slurmdb_connection_commit(db, n == 1))
		return fail("commit", err);
	return n == 1;
}
