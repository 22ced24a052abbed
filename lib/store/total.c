/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdio.h>

#include "store/internal.h"

/*
 * Sums that are kept, in table `total`: by day and all but node and job, and
 * by day and node. They have two halves, `gone` 0 and 1. The one is always what
 * the records that are there amount to, and is counted anew from them where a
 * record is replaced, as nothing can be taken out of a maximum. The other is
 * what records amounted to that have expired, and only grows. Of those there
 * are sums by job, too. Whole days expire, as sums have no smaller parts.
 */

#define BIT(k) (1U << (k))
#define PERSON                                                         \
	(BIT(K_DAY) | BIT(K_CLUSTER) | BIT(K_USER) | BIT(K_ACCOUNT) |  \
	 BIT(K_PROFILE) | BIT(K_REASON) | BIT(K_FAILED) | BIT(K_UID) | \
	 BIT(K_SIGNER) | BIT(K_SCHEDULER) | BIT(K_QUEUE) | BIT(K_PROJECT))
const unsigned total_masks[TOTALS] = {
	[TOTAL_DAY] = PERSON,
	[TOTAL_NODE] = BIT(K_DAY) | BIT(K_CLUSTER) | BIT(K_NODE),
	[TOTAL_JOB] = PERSON | BIT(K_JOB) | BIT(K_STEP) | BIT(K_JOB_NAME),
};

void total_add(struct store *store, const struct store_cell *cell)
{
	struct fold_key key;
	struct fold fold;

	fold_key_of_cell(cell, &key);
	fold_of_cell(cell, &fold);
	for (size_t i = 0; i < TOTAL_JOB; i++) {
		store->totals[i].mask = total_masks[i];
		fold_add(&store->totals[i], &key, &fold, -1);
	}
}

void total_redo(struct store *store, const struct store_cell *cell)
{
	struct fold none = { 0 };
	struct fold_key key;

	fold_key_of_cell(cell, &key);
	for (size_t i = 0; i < TOTAL_JOB; i++) {
		store->totals[i].mask = total_masks[i];
		fold_add(&store->totals[i], &key, &none, -1)->redo = true;
	}
}

void total_forget(struct store *store)
{
	for (size_t i = 0; i < TOTALS; i++)
		fold_free(&store->totals[i]);
}

static void bind_key(struct store_stmt *stmt, bool gone,
		     const struct fold_key *key)
{
	bind_number(stmt, gone);
	for (size_t i = 0; i < K_NUMBERS; i++)
		bind_number(stmt, key->v[i]);
	for (size_t i = 0; i < KEYS - K_NUMBERS; i++)
		bind_text(stmt, key->text[i] ? key->text[i] : "");
}

/* Merge what is kept of the key into `fold`. */
static int merge_kept(struct store *store, enum total_kind kind, bool gone,
		      const struct fold_key *key, struct fold *fold,
		      struct err *err)
{
	struct store_stmt *stmt =
		store_statement(store, S_TOTAL_GET + kind, err);
	struct fold kept;
	int result;

	if (!stmt)
		return -1;
	bind_key(stmt, gone, key);
	result = stmt_step(stmt, err);
	if (result > 0) {
		for (size_t i = 0; i < FOLDS; i++)
			kept.v[i] = got_number(stmt);
		/* The kept one first: it has the older peak. */
		fold_merge(&kept, fold);
		*fold = kept;
	}
	stmt_reset(stmt);
	return result < 0 ? -1 : 0;
}

static int put(struct store *store, enum total_kind kind, bool gone,
	       const struct fold_group *g, const struct fold *fold,
	       struct err *err)
{
	bool any = fold->v[F_RECORDS] > 0;
	struct store_stmt *stmt = store_statement(
		store, any ? S_TOTAL_PUT : S_TOTAL_DELETE + kind, err);

	if (!stmt)
		return -1;
	if (any)
		bind_number(stmt, kind);
	bind_key(stmt, gone, &g->key);
	if (any) {
		bind_text(stmt, *g->tail ? g->tail : NULL);
		for (size_t i = 0; i < FOLDS; i++)
			bind_number(stmt, fold->v[i]);
	}
	return stmt_run(stmt, err);
}

static int each_cell(struct store *store, struct store_stmt *stmt,
		     void (*fn)(void *arg, const struct store_cell *cell),
		     void *arg, struct err *err)
{
	struct store_cell cell;
	int result;

	while ((result = stmt_step(stmt, err)) > 0) {
		struct pool pool = { 0 };

		result = cell_read(store, stmt, &pool, &cell, err);
		if (!result)
			fn(arg, &cell);
		pool_free(&pool);
		if (result)
			break;
	}
	return result;
}

static void merge_cell(void *arg, const struct store_cell *cell)
{
	struct fold fold;

	fold_of_cell(cell, &fold);
	fold_merge(arg, &fold);
}

/* All that there is of a key, from the records. */
static int count_anew(struct store *store, enum total_kind kind,
		      const struct fold_key *key, struct fold *ret,
		      struct err *err)
{
	struct store_stmt *stmt;
	struct pool pool = { 0 };
	const char *sql = pool_printf(
		&pool, "SELECT %s FROM record WHERE 1 = 1", cell_select(&pool));
	int result;

	*ret = (struct fold){ 0 };
	for (size_t i = 0; i < K_NUMBERS; i++)
		if (total_masks[kind] & BIT(i))
			sql = pool_printf(
				&pool,
				i == K_UID ? "%s AND coalesce(%s, -1) = ?"
					   : "%s AND %s = ?",
				sql, fold_key_columns[i]);
	result = store->driver->prepare(store->db, sql, &stmt, err);
	pool_free(&pool);
	if (result)
		return -1;
	for (size_t i = 0; i < K_NUMBERS; i++)
		if (total_masks[kind] & BIT(i))
			bind_number(stmt, key->v[i]);
	result = each_cell(store, stmt, merge_cell, ret, err);
	store->driver->finalize(stmt);
	return result;
}

static int flush_group(struct store *store, enum total_kind kind,
		       struct fold_group *g, struct err *err)
{
	struct fold fold = g->fold;

	if (g->redo ? count_anew(store, kind, &g->key, &fold, err)
		    : merge_kept(store, kind, false, &g->key, &fold, err))
		return -1;
	return put(store, kind, false, g, &fold, err);
}

int total_flush(struct store *store, struct err *err)
{
	for (enum total_kind kind = 0; kind < TOTALS; kind++)
		for (size_t i = 0; i < store->totals[kind].n; i++)
			if (flush_group(store, kind,
					store->totals[kind].group[i], err))
				return -1;
	total_forget(store);
	return 0;
}

/* What one day's records amount to is gone with them. */
struct expiry {
	struct fold_set set[TOTALS];
	int64_t day, records;
};

static void expire_cell(void *arg, const struct store_cell *cell)
{
	struct expiry *x = arg;
	struct fold_key key;
	struct fold fold;

	fold_key_of_cell(cell, &key);
	fold_of_cell(cell, &fold);
	for (size_t i = 0; i < TOTALS; i++) {
		struct fold_group *g =
			fold_add(&x->set[i], &key, &fold,
				 i == TOTAL_JOB ? key.v[K_NODE] : -1);

		if (i == TOTAL_JOB)
			snprintf(g->tail, sizeof(g->tail), "%s", cell->tail);
	}
	x->records++;
}

static int day_statement(struct store *store, const char *sql, int64_t day,
			 struct store_stmt **ret, struct err *err)
{
	if (store->driver->prepare(store->db, sql, ret, err))
		return -1;
	bind_number(*ret, day);
	return 0;
}

static int run_for_day(struct store *store, const char *sql, int64_t day,
		       struct err *err)
{
	struct store_stmt *stmt;
	int result;

	if (day_statement(store, sql, day, &stmt, err))
		return -1;
	result = stmt_run(stmt, err);
	store->driver->finalize(stmt);
	return result;
}

static int count_day(struct store *store, struct expiry *x, struct err *err)
{
	struct pool pool = { 0 };
	struct store_stmt *stmt;
	int result = day_statement(
		store,
		pool_printf(&pool, "SELECT %s FROM record WHERE day = ?",
			    cell_select(&pool)),
		x->day, &stmt, err);

	pool_free(&pool);
	if (result)
		return -1;
	result = each_cell(store, stmt, expire_cell, x, err);
	store->driver->finalize(stmt);
	return result;
}

static int move_groups(struct store *store, enum total_kind kind,
		       const struct fold_set *set, struct err *err)
{
	for (size_t i = 0; i < set->n; i++) {
		struct fold_group *g = set->group[i];
		struct fold fold = g->fold;

		if (merge_kept(store, kind, true, &g->key, &fold, err) ||
		    put(store, kind, true, g, &fold, err))
			return -1;
	}
	return 0;
}

static int expire_day(struct store *store, void *arg, struct err *err)
{
	struct expiry *x = arg;

	x->records = 0;
	for (enum total_kind kind = 0; kind < TOTALS; kind++) {
		fold_free(&x->set[kind]);
		x->set[kind].mask = total_masks[kind];
	}
	if (count_day(store, x, err))
		return -1;
	for (enum total_kind kind = 0; kind < TOTALS; kind++)
		if (move_groups(store, kind, &x->set[kind], err))
			return -1;
	if (run_for_day(store, "DELETE FROM record WHERE day = ?", x->day, err))
		return -1;
	return run_for_day(store,
			   "DELETE FROM total WHERE gone = 0 AND day = ?",
			   x->day, err);
}

/* The first day that there are records of, at or after `day`. */
static int next_day(struct store *store, int64_t day, int64_t *ret,
		    struct err *err)
{
	struct store_stmt *stmt;
	int result;

	if (day_statement(store,
			  "SELECT day FROM record WHERE day >= ? "
			  "ORDER BY day LIMIT 1",
			  day, &stmt, err))
		return -1;
	result = stmt_step(stmt, err);
	*ret = result > 0 ? got_number(stmt) : INT64_MAX;
	store->driver->finalize(stmt);
	return result < 0 ? -1 : 0;
}

int store_expire(struct store *store, int64_t before_us, int64_t *ret_n,
		 struct err *err)
{
	int64_t day = -1;

	*ret_n = 0;
	for (;; day++) {
		struct expiry x = { 0 };
		int result;

		if (next_day(store, day, &day, err))
			return -1;
		if (day >= before_us / DAY_US)
			break;
		x.day = day;
		result = store_write(store, expire_day, &x, err);
		for (size_t i = 0; i < TOTALS; i++)
			fold_free(&x.set[i]);
		if (result)
			return -1;
		*ret_n += x.records;
	}
	return due_expire(store, before_us, err);
}

/* The columns that a version did not have when it stored the record. */
static int refill_columns(struct store *store, struct store_fetch *f,
			  struct err *err)
{
	struct store_stmt *stmt;
	struct err ignored;
	struct record r;
	const struct {
		size_t column;
		const char **from;
	} names[] = {
		{ C_QUEUE, &r.scheduler.queue },
		{ C_PROJECT, &r.scheduler.project },
	};

	if (record_parse(f->row.text, f->row.len, &f->pool, &r, &ignored))
		return 0;
	if (!r.scheduler.queue && !r.scheduler.project && !r.scheduler.job_name)
		return 0;
	stmt = store_statement(store, S_REFILL, err);
	if (!stmt)
		return -1;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (name_number(store, column_cut(&f->pool, *names[i].from),
				true, &f->cell.value[names[i].column].number,
				err))
			return -1;
	bind_number(stmt, f->cell.value[C_QUEUE].number);
	bind_number(stmt, f->cell.value[C_PROJECT].number);
	bind_text(stmt, column_cut(&f->pool, r.scheduler.job_name));
	bind_number(stmt, f->seq);
	return stmt_run(stmt, err);
}

struct refill {
	int64_t day;
	struct pool pool;
	int64_t *seq;
	size_t n;
};

static int list_day(struct store *store, struct refill *x, struct err *err)
{
	struct store_stmt *stmt;
	int result;

	pool_free(&x->pool);
	x->n = 0;
	if (day_statement(store, "SELECT seq FROM record WHERE day = ?", x->day,
			  &stmt, err))
		return -1;
	while ((result = stmt_step(stmt, err)) > 0)
		*(int64_t *)pool_push(&x->pool, &x->seq, &x->n,
				      sizeof(*x->seq)) = got_number(stmt);
	store->driver->finalize(stmt);
	return result;
}

static int refill_record(struct store *store, int64_t seq, struct err *err)
{
	struct store_fetch f = { .seq = seq };
	int result = store_fetch(store, &f, err);

	/* One whose text is damaged counts all the same. */
	if (result && f.cell.value[C_ID].text)
		result = 0;
	if (!result && f.found)
		result = refill_columns(store, &f, err);
	if (!result && f.found)
		total_add(store, &f.cell);
	pool_free(&f.pool);
	return result;
}

static int refill_day(struct store *store, void *arg, struct err *err)
{
	struct refill *x = arg;

	if (list_day(store, x, err) ||
	    run_for_day(store, "DELETE FROM total WHERE gone = 0 AND day = ?",
			x->day, err))
		return -1;
	for (size_t i = 0; i < x->n; i++)
		if (refill_record(store, x->seq[i], err))
			return -1;
	return total_flush(store, err);
}

int total_refill(struct store *store, struct err *err)
{
	struct refill x = { .day = -1 };
	int result;

	for (;; x.day++) {
		result = next_day(store, x.day, &x.day, err);
		if (result || x.day == INT64_MAX)
			break;
		result = store_write(store, refill_day, &x, err);
		if (result)
			break;
	}
	pool_free(&x.pool);
	return result;
}
