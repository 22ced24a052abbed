/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "store/internal.h"

void query_start(struct query *q, const char *columns, const char *table)
{
	*q = (struct query){ 0 };
	q->sql = pool_printf(&q->pool, "SELECT %s FROM %s WHERE 1 = 1", columns,
			     table);
}

static void add(struct query *q, const char *text, int64_t number)
{
	if (q->n == sizeof(q->value) / sizeof(q->value[0]))
		abort();
	q->value[q->n].text = pool_strdup(&q->pool, text);
	q->value[q->n++].number = number;
}

void query_kind(struct query *q, enum total_kind kind)
{
	q->sql = pool_printf(&q->pool, "%s AND kind = %d", q->sql, kind);
}

void query_text(struct query *q, const char *clause, const char *value)
{
	q->sql = pool_printf(&q->pool, "%s%s", q->sql, clause);
	add(q, value, 0);
}

void query_number(struct query *q, const char *clause, int64_t value)
{
	q->sql = pool_printf(&q->pool, "%s%s", q->sql, clause);
	add(q, NULL, value);
}

int query_filter(struct query *q, struct store *store,
		 const struct store_filter *filter, struct err *err)
{
	const struct {
		const char *text, *clause;
	} names[] = {
		{ filter->user, " AND user = ?" },
		{ filter->account, " AND account = ?" },
		{ filter->node, " AND node = ?" },
		{ filter->profile, " AND profile = ?" },
		{ filter->reason, " AND reason = ?" },
		{ filter->cluster, " AND cluster = ?" },
		{ filter->scheduler, " AND scheduler = ?" },
		{ filter->queue, " AND queue = ?" },
		{ filter->project, " AND project = ?" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *text = column_cut(&q->pool, names[i].text);
		int64_t number;

		if (!names[i].text)
			continue;
		if (name_number(store, text, false, &number, err))
			return -1;
		query_number(q, names[i].clause, number);
	}
	if (filter->uid >= 0)
		query_number(q, " AND uid = ?", filter->uid);
	if (filter->signer >= 0)
		query_number(q, " AND signer = ?", filter->signer);
	if (filter->failed)
		query_number(q, " AND failed = ?", 1);
	return 0;
}

void query_job(struct query *q, const char *job, bool total)
{
	if (!job)
		return;
	job = column_cut(&q->pool, job);
	query_text(q, " AND (job = ?", job);
	query_text(q, " OR tail = ?", job);
	if (total) {
		q->sql = pool_printf(&q->pool, "%s)", q->sql);
	} else {
		/* An id is bound as bytes: see query_prepare. */
		query_number(q, " OR (job IS NULL AND id = ?))", -1);
		q->value[q->n - 1].text = pool_strdup(&q->pool, job);
	}
}

void query_time(struct query *q, int64_t since_us, int64_t until_us)
{
	/* The day has an index. */
	if (since_us >= 0) {
		query_number(q, " AND day >= ?", since_us / DAY_US);
		query_number(q, " AND coalesce(end_us, start_us) >= ?",
			     since_us);
	}
	if (until_us >= 0) {
		query_number(q, " AND day <= ?", until_us / DAY_US);
		query_number(q, " AND coalesce(end_us, start_us) < ?",
			     until_us);
	}
}

int query_prepare(struct query *q, struct store *store, const char *behind,
		  struct store_stmt **ret, struct err *err)
{
	const char *sql = pool_printf(&q->pool, "%s%s", q->sql, behind);
	int result = store->driver->prepare(store->db, sql, ret, err);
	char id[ID_CAP];

	for (size_t i = 0; i < q->n && !result; i++)
		if (!q->value[i].text)
			bind_number(*ret, q->value[i].number);
		else if (q->value[i].number < 0)
			bind_bytes(*ret, id,
				   column_id_bytes(q->value[i].text, id));
		else
			bind_text(*ret, q->value[i].text);
	pool_free(&q->pool);
	return result;
}
