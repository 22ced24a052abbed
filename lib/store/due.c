/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <time.h>

#include "store/internal.h"

static int64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * (int64_t)1000000 + ts.tv_nsec / 1000;
}

static void bind_job(struct store_stmt *stmt, const struct store_cell *cell)
{
	bind_number(stmt, cell->value[C_SCHEDULER].number);
	bind_number(stmt, cell->value[C_CLUSTER].number);
	bind_text(stmt, cell->value[C_JOB].text);
}

int due_add(struct store *store, const struct store_cell *cell, struct err *err)
{
	int64_t last = now_us(), again = 0, tries = 0;
	struct store_stmt *get, *put;
	int result;

	if (!cell->value[C_SCHEDULER].text || !cell->value[C_JOB].text ||
	    store->carrying)
		return 0;
	get = store_statement(store, S_DUE_GET, err);
	put = store_statement(store, S_DUE_PUT, err);
	if (!get || !put)
		return -1;
	bind_job(get, cell);
	result = stmt_step(get, err);
	if (result > 0) {
		int64_t known = got_number(get);

		/* Newer than before, whatever the clock says. */
		last = last > known ? last : known + 1;
		again = got_number(get);
		tries = got_number(get);
	}
	stmt_reset(get);
	if (result < 0)
		return -1;
	bind_job(put, cell);
	bind_number(put, last);
	bind_number(put, again);
	bind_number(put, tries);
	return stmt_run(put, err);
}

struct due_request {
	const char *scheduler;
	int64_t now_us, limit;
	struct pool pool;
	struct store_job *jobs;
	size_t n;
};

static int list(struct store *store, void *arg, struct err *err)
{
	struct due_request *rq = arg;
	struct store_stmt *stmt;
	int64_t scheduler;
	int result;

	pool_free(&rq->pool);
	rq->n = 0;
	if (name_number(store, rq->scheduler, false, &scheduler, err) ||
	    store->driver->prepare(
		    store->db,
		    "SELECT name.text, job, last_us, tries FROM due "
		    "LEFT JOIN name ON name.id = cluster "
		    "WHERE scheduler = ? AND again_us <= ? "
		    "ORDER BY again_us, last_us LIMIT ?",
		    &stmt, err))
		return -1;
	bind_number(stmt, scheduler);
	bind_number(stmt, rq->now_us);
	bind_number(stmt, rq->limit);
	while ((result = stmt_step(stmt, err)) > 0) {
		struct store_job *job =
			pool_push(&rq->pool, &rq->jobs, &rq->n, sizeof(*job));

		job->cluster = got_text(stmt, &rq->pool);
		job->job = got_text(stmt, &rq->pool);
		job->last_us = got_number(stmt);
		job->tries = got_number(stmt);
	}
	store->driver->finalize(stmt);
	return result;
}

int store_due(struct store *store, const char *scheduler, int64_t now_us,
	      int64_t limit,
	      int (*fn)(void *arg, const struct store_job *job,
			struct err *err),
	      void *arg, struct err *err)
{
	struct due_request rq = { .scheduler = scheduler,
				  .now_us = now_us,
				  .limit = limit };
	int result = store_read(store, list, &rq, err);

	for (size_t i = 0; i < rq.n && !result; i++)
		result = fn(arg, &rq.jobs[i], err);
	pool_free(&rq.pool);
	return result;
}

struct told_request {
	const char *scheduler;
	const struct store_job *job;
	enum store_told told;
	int64_t again_us;
};

static int tell(struct store *store, void *arg, struct err *err)
{
	const struct told_request *rq = arg;
	bool later = rq->told == STORE_TOLD_LATER;
	int64_t scheduler, cluster;
	struct store_stmt *stmt;
	int result;

	if (name_number(store, rq->scheduler, false, &scheduler, err) ||
	    name_number(store, rq->job->cluster, false, &cluster, err) ||
	    store->driver->prepare(
		    store->db,
		    later ? "UPDATE due SET again_us = ?, tries = tries + 1 "
			    "WHERE scheduler = ? AND cluster = ? AND job = ?"
			  : "DELETE FROM due WHERE last_us = ? AND "
			    "scheduler = ? AND cluster = ? AND job = ?",
		    &stmt, err))
		return -1;
	bind_number(stmt, later ? rq->again_us : rq->job->last_us);
	bind_number(stmt, scheduler);
	bind_number(stmt, cluster);
	bind_text(stmt, rq->job->job);
	result = stmt_run(stmt, err);
	store->driver->finalize(stmt);
	return result;
}

int store_told(struct store *store, const char *scheduler,
	       const struct store_job *job, enum store_told told,
	       int64_t again_us, struct err *err)
{
	struct told_request rq = { scheduler, job, told, again_us };

	return store_write(store, tell, &rq, err);
}

static int expire(struct store *store, void *arg, struct err *err)
{
	struct store_stmt *stmt;
	int result;

	if (store->driver->prepare(
		    store->db, "DELETE FROM due WHERE last_us < ?", &stmt, err))
		return -1;
	bind_number(stmt, *(const int64_t *)arg);
	result = stmt_run(stmt, err);
	store->driver->finalize(stmt);
	return result;
}

int due_expire(struct store *store, int64_t before_us, struct err *err)
{
	return store_write(store, expire, &before_us, err);
}
