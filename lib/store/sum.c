/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/internal.h"

#define BIT(k) (1U << (k))

/* What a group has in common, the first key first; -1 ends. */
static const struct {
	int key[5];
} orders[] = {
	[STORE_BY_JOB] = { { K_CLUSTER, K_JOB, K_SCHEDULER, -1 } },
	[STORE_BY_STEP] = { { K_CLUSTER, K_JOB, K_STEP, K_SCHEDULER, -1 } },
	[STORE_BY_USER] = { { K_USER, -1 } },
	[STORE_BY_ACCOUNT] = { { K_ACCOUNT, -1 } },
	[STORE_BY_NODE] = { { K_NODE, -1 } },
	[STORE_BY_PROFILE] = { { K_PROFILE, -1 } },
	[STORE_BY_DAY] = { { K_DAY, -1 } },
	[STORE_BY_REASON] = { { K_REASON, -1 } },
	[STORE_BY_SCHEDULER] = { { K_SCHEDULER, -1 } },
	[STORE_BY_QUEUE] = { { K_SCHEDULER, K_CLUSTER, K_QUEUE, -1 } },
	[STORE_BY_PROJECT] = { { K_PROJECT, -1 } },
	[STORE_BY_USER_DAY] = { { K_USER, K_DAY, -1 } },
};

struct sum_request {
	const struct store_filter *filter;
	enum store_by by;
	struct pool pool;
	struct fold_set set;
	struct store_sum *sums;
	size_t n;
};

/* Where the sums come from. */
enum source {
	FROM_DAY = TOTAL_DAY,
	FROM_NODE = TOTAL_NODE,
	FROM_JOB = TOTAL_JOB, /* what has expired; the rest from records */
	FROM_RECORDS,
};

static bool by_job(enum store_by by)
{
	return by == STORE_BY_JOB || by == STORE_BY_STEP;
}

static enum source source_of(const struct sum_request *rq)
{
	const struct store_filter *f = rq->filter;
	bool job = by_job(rq->by) || f->job;
	bool node = rq->by == STORE_BY_NODE || f->node;
	bool other = f->user || f->account || f->profile || f->reason ||
		     f->scheduler || f->queue || f->project || f->uid >= 0 ||
		     f->signer >= 0 || f->failed ||
		     !(rq->by == STORE_BY_NODE || rq->by == STORE_BY_DAY);

	if (node)
		return job || other ? FROM_RECORDS : FROM_NODE;
	return job ? FROM_JOB : FROM_DAY;
}

/* Records of which only sums are left cannot be asked for more. */
static int check_there(struct store *store, int64_t first, int64_t last,
		       struct err *err)
{
	struct store_stmt *stmt;
	struct query q;
	int result;

	query_start(&q, "day", "total");
	query_kind(&q, TOTAL_DAY);
	query_number(&q, " AND gone = ?", 1);
	query_number(&q, " AND day >= ?", first);
	query_number(&q, " AND day <= ?", last);
	if (query_prepare(&q, store, " ORDER BY day DESC LIMIT 1", &stmt, err))
		return -1;
	result = stmt_step(stmt, err);
	if (result > 0) {
		time_t at = (time_t)(got_number(stmt) * 86400);
		struct tm tm;

		gmtime_r(&at, &tm);
		result = err_set(
			err, 0,
			"up to %04d-%02d-%02d only sums are left: ask for whole days of UTC (2026-01-31T00:00Z), and not for nodes together with users or jobs",
			tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
	}
	store->driver->finalize(stmt);
	return result;
}

static int add_records(struct store *store, struct sum_request *rq,
		       int64_t since_us, int64_t until_us, struct err *err)
{
	struct pool pool = { 0 };
	struct store_stmt *stmt;
	struct query q;
	int result;

	query_start(&q, cell_select(&pool), "record");
	pool_free(&pool);
	query_time(&q, since_us, until_us);
	query_job(&q, rq->filter->job, false);
	if (query_filter(&q, store, rq->filter, err) ||
	    query_prepare(&q, store, "", &stmt, err))
		return -1;
	while ((result = stmt_step(stmt, err)) > 0) {
		struct fold_key key;
		struct store_cell cell;
		struct fold fold;

		result = cell_read(store, stmt, by_job(rq->by) ? &pool : NULL,
				   &cell, err);
		if (result)
			break;
		fold_key_of_cell(&cell, &key);
		fold_of_cell(&cell, &fold);
		fold_add(&rq->set, &key, &fold,
			 by_job(rq->by) ? key.v[K_NODE] : -1);
		pool_free(&pool);
	}
	pool_free(&pool);
	store->driver->finalize(stmt);
	return result;
}

static void add_total(struct sum_request *rq, struct store_stmt *stmt,
		      enum total_kind kind)
{
	struct pool pool = { 0 };
	struct fold_key key;
	struct fold fold;

	for (size_t i = 0; i < K_NUMBERS; i++) {
		key.v[i] = got_number(stmt);
		if (!(total_masks[kind] & BIT(i)))
			key.v[i] = FOLD_MIXED;
	}
	for (size_t i = 0; i < KEYS - K_NUMBERS; i++) {
		const char *text = got_text(stmt, &pool);

		key.text[i] = text && *text ? text : NULL;
	}
	for (size_t i = 0; i < FOLDS; i++)
		fold.v[i] = got_number(stmt);
	fold_add(&rq->set, &key, &fold, -1);
	pool_free(&pool);
}

static const char *key_columns(struct pool *pool)
{
	const char *names = fold_key_columns[0];

	for (size_t i = 1; i < KEYS; i++)
		names = pool_printf(pool, "%s, %s", names, fold_key_columns[i]);
	return names;
}

/* The days from `first` to before `end`. */
static int add_totals(struct store *store, struct sum_request *rq,
		      enum total_kind kind, int64_t first, int64_t end,
		      struct err *err)
{
	struct pool pool = { 0 };
	struct store_stmt *stmt;
	struct query q;
	int result;

	query_start(
		&q,
		pool_printf(&pool, "%s, %s", key_columns(&pool), fold_columns),
		"total");
	pool_free(&pool);
	query_kind(&q, kind);
	query_number(&q, " AND day >= ?", first);
	query_number(&q, " AND day < ?", end);
	query_job(&q, rq->filter->job, true);
	if (query_filter(&q, store, rq->filter, err) ||
	    query_prepare(&q, store, "", &stmt, err))
		return -1;
	while ((result = stmt_step(stmt, err)) > 0)
		add_total(rq, stmt, kind);
	store->driver->finalize(stmt);
	return result;
}

/* A part of a day, which sums by day do not tell. */
static int add_part(struct store *store, struct sum_request *rq,
		    enum source from, int64_t since_us, int64_t until_us,
		    struct err *err)
{
	if (check_there(store, since_us / DAY_US, since_us / DAY_US, err))
		return -1;
	return from == FROM_JOB
		       ? 0
		       : add_records(store, rq, since_us, until_us, err);
}

static int collect(struct store *store, struct sum_request *rq, struct err *err)
{
	enum source from = source_of(rq);
	int64_t since = rq->filter->since_us, until = rq->filter->until_us;
	int64_t first =
		since < 0 ? until < 0 ? -1 : 0 : (since + DAY_US - 1) / DAY_US;
	int64_t end = until < 0 ? INT64_MAX / DAY_US : until / DAY_US;

	if (from == FROM_RECORDS &&
	    check_there(store, since < 0 ? -1 : since / DAY_US,
			until < 0 ? end : (until - 1) / DAY_US, err))
		return -1;
	if (from == FROM_RECORDS || from == FROM_JOB)
		if (add_records(store, rq, since, until, err))
			return -1;
	if (from == FROM_RECORDS)
		return 0;
	/* Within one day. */
	if (first > end)
		return add_part(store, rq, from, since, until, err);
	if (since >= 0 && since % DAY_US &&
	    add_part(store, rq, from, since, first * DAY_US, err))
		return -1;
	if (until >= 0 && until % DAY_US &&
	    add_part(store, rq, from, end * DAY_US, until, err))
		return -1;
	return add_totals(store, rq, (enum total_kind)from, first, end, err);
}

/* The text of a name that all have; NULL if they have not. */
static int common_name(struct store *store, const struct fold_group *g,
		       size_t key, struct pool *pool, const char **ret,
		       struct err *err)
{
	if (name_text(store, g->common.v[key], ret, err))
		return -1;
	*ret = pool_strdup(pool, *ret);
	return 0;
}

static const char *common_text(const struct fold_group *g, size_t key,
			       struct pool *pool)
{
	const char *text = g->common.text[key - K_NUMBERS];

	return text && *text ? pool_strdup(pool, text) : NULL;
}

static const char *day_text(int64_t day, struct pool *pool)
{
	time_t at = (time_t)(day * 86400);
	struct tm tm;

	if (day < 0)
		return NULL;
	gmtime_r(&at, &tm);
	return pool_printf(pool, "%04d-%02d-%02d", tm.tm_year + 1900,
			   tm.tm_mon + 1, tm.tm_mday);
}

static int64_t mib_s(int64_t mib_cs)
{
	return mib_cs < 0 ? -1 : mib_cs / 100;
}

static int finish(struct store *store, const struct sum_request *rq,
		  const struct fold_group *g, struct pool *pool,
		  struct store_sum *ret, struct err *err)
{
	const struct {
		size_t key;
		const char **to;
	} names[] = {
		{ K_CLUSTER, &ret->cluster }, { K_USER, &ret->user },
		{ K_ACCOUNT, &ret->account }, { K_PROFILE, &ret->profile },
		{ K_NODE, &ret->node },       { K_REASON, &ret->reason },
		{ K_QUEUE, &ret->queue },     { K_SCHEDULER, &ret->scheduler },
		{ K_PROJECT, &ret->project },
	};
	const int64_t *v = g->fold.v;
	const char *peak_node;

	*ret = (struct store_sum){
		.job = common_text(g, K_JOB, pool),
		.step = common_text(g, K_STEP, pool),
		.job_name = common_text(g, K_JOB_NAME, pool),
		.day = day_text(g->common.v[K_DAY], pool),
		.records = v[F_RECORDS],
		.failed = v[F_FAILED],
		.ooms = v[F_OOMS],
		.nodes = v[F_NODES],
		.start_us = v[F_START],
		.end_us = v[F_END],
		.wall_us = v[F_WALL],
		.cpu_us = v[F_CPU],
		.cpu_asked_us = v[F_CPU_ASKED],
		.throttled_us = v[F_THROTTLED],
		.peak_bytes = v[F_PEAK],
		.limit_bytes = v[F_LIMIT],
		.memory_used_mib_s = mib_s(v[F_MEMORY_USED]),
		.memory_asked_mib_s = mib_s(v[F_MEMORY_ASKED]),
		.scratch_peak_bytes = v[F_SCRATCH],
		.read_bytes = v[F_READ],
		.write_bytes = v[F_WRITE],
		.rx_bytes = v[F_RX],
		.tx_bytes = v[F_TX],
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (common_name(store, g, names[i].key, pool, names[i].to, err))
			return -1;
	if (!by_job(rq->by)) {
		ret->nodes = -1;
		return 0;
	}
	if (name_text(store, v[F_PEAK_NODE], &peak_node, err))
		return -1;
	ret->peak_node = pool_strdup(pool, peak_node);
	return 0;
}

static int compare_texts(const char *a, const char *b)
{
	if (!a || !b)
		return (a != NULL) - (b != NULL);
	return strcmp(a, b);
}

/* Jobs and steps are mostly numbers: the shorter one first. */
static int compare_numbers(const char *a, const char *b)
{
	size_t x = a ? strlen(a) : 0, y = b ? strlen(b) : 0;

	return x == y ? compare_texts(a, b) : x < y ? -1 : 1;
}

static int compare_key(int key, const struct store_sum *a,
		       const struct store_sum *b)
{
	static const size_t members[KEYS] = {
#define MEMBER(name) offsetof(struct store_sum, name)
		[K_DAY] = MEMBER(day),
		[K_CLUSTER] = MEMBER(cluster),
		[K_NODE] = MEMBER(node),
		[K_USER] = MEMBER(user),
		[K_ACCOUNT] = MEMBER(account),
		[K_PROFILE] = MEMBER(profile),
		[K_REASON] = MEMBER(reason),
		[K_JOB] = MEMBER(job),
		[K_STEP] = MEMBER(step),
		[K_QUEUE] = MEMBER(queue),
		[K_PROJECT] = MEMBER(project),
		[K_SCHEDULER] = MEMBER(scheduler),
#undef MEMBER
	};
	const char *x = *(const char *const *)((const char *)a + members[key]);
	const char *y = *(const char *const *)((const char *)b + members[key]);

	return key < K_NUMBERS ? compare_texts(x, y) : compare_numbers(x, y);
}

static int compare(const void *a, const void *b, void *arg)
{
	const int *key = arg;
	int order = 0;

	for (; *key >= 0 && !order; key++)
		order = compare_key(*key, a, b);
	return order;
}

static int sum_all(struct store *store, void *arg, struct err *err)
{
	struct sum_request *rq = arg;
	const int *key = orders[rq->by].key;

	pool_free(&rq->pool);
	fold_free(&rq->set);
	rq->set.mask = 0;
	for (; *key >= 0; key++)
		rq->set.mask |= BIT(*key);
	if (collect(store, rq, err))
		return -1;
	rq->n = rq->set.n;
	rq->sums = pool_alloc(&rq->pool, (rq->n + 1) * sizeof(*rq->sums));
	for (size_t i = 0; i < rq->n; i++)
		if (finish(store, rq, rq->set.group[i], &rq->pool, &rq->sums[i],
			   err))
			return -1;
	return 0;
}

int store_sum(struct store *store, const struct store_filter *filter,
	      enum store_by by,
	      int (*fn)(void *arg, const struct store_sum *sum,
			struct err *err),
	      void *arg, struct err *err)
{
	struct sum_request rq = { .filter = filter, .by = by };
	int result = store_read(store, sum_all, &rq, err);
	size_t n = rq.n;

	fold_free(&rq.set);
	if (!result)
		qsort_r(rq.sums, n, sizeof(*rq.sums), compare,
			(void *)orders[by].key);
	if (filter->limit >= 0 && (uint64_t)filter->limit < n)
		n = (size_t)filter->limit;
	for (size_t i = 0; i < n && !result; i++)
		result = fn(arg, &rq.sums[i], err);
	pool_free(&rq.pool);
	return result;
}
