/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "store/internal.h"

const char *const store_sources[] = {
	[STORE_SPOOL] = "spool", [STORE_SIGNED] = "signed", NULL
};

/* How often a transaction is tried that others keep from its end. */
enum {
	TRIES = 10
};

#define TOTAL_KEY                                                          \
	"kind, gone, day, cluster, node, user, account, profile, reason, " \
	"failed, uid, signer, scheduler, queue, project, job, step, job_name"
/* A kind that is bound would keep SQLite from the indexes of one kind. */
#define TOTAL                                                              \
	" total WHERE kind = %d AND gone = ? AND day = ? AND cluster = ? " \
	"AND node = ? AND user = ? AND account = ? AND profile = ? "       \
	"AND reason = ? AND failed = ? AND uid = ? AND signer = ? "        \
	"AND scheduler = ? AND queue = ? AND project = ? "                 \
	"AND job = ? AND step = ? AND job_name = ?"

/* Those that name no columns of columns[]. */
static const char *const statements[STATEMENTS] = {
	[S_FIND] = "SELECT seq, signer FROM record WHERE id = ?",
	[S_DELETE] = "DELETE FROM record WHERE seq = ?",
	[S_DUE_PUT] = "REPLACE INTO due VALUES (?, ?, ?, ?, ?, ?)",
	[S_NAME_FIND] = "SELECT id FROM name WHERE text = ?",
	[S_NAME_GET] = "SELECT text FROM name WHERE id = ?",
	[S_NAME_INSERT] = "INSERT INTO name (text) VALUES (?)",
	[S_SHAPE_FIND] = "SELECT id FROM shape WHERE text = ?",
	[S_SHAPE_GET] = "SELECT text FROM shape WHERE id = ?",
	[S_SHAPE_INSERT] = "INSERT INTO shape (text) VALUES (?)",
};

static const char *marks(struct pool *pool, size_t n)
{
	const char *text = "?";

	for (size_t i = 1; i < n; i++)
		text = pool_printf(pool, "%s, ?", text);
	return text;
}

static const char *statement_sql(enum store_statement which, struct pool *pool)
{
	if (which == S_DUE_GET)
		return "SELECT last_us, again_us, tries FROM due "
		       "WHERE scheduler = ? AND cluster = ? AND job = ?";
	if (which == S_REFILL)
		return "UPDATE record SET queue = ?, project = ?, "
		       "job_name = ? WHERE seq = ?";
	if (which == S_CELL)
		return pool_printf(pool, "SELECT %s FROM record WHERE seq = ?",
				   cell_select(pool));
	if (which == S_FETCH)
		return pool_printf(
			pool,
			"SELECT source, shape, text, %s FROM record WHERE "
			"seq = ?",
			cell_select(pool));
	if (which == S_INSERT)
		return pool_printf(pool,
				   "INSERT INTO record (source, shape, text, "
				   "signer, day, failed, tail, %s) VALUES (%s)",
				   column_names(pool),
				   marks(pool, 7 + COLUMNS));
	if (which >= S_TOTAL_DELETE)
		return pool_printf(pool, "DELETE FROM" TOTAL,
				   which - S_TOTAL_DELETE);
	if (which >= S_TOTAL_GET)
		return pool_printf(pool, "SELECT %s FROM" TOTAL, fold_columns,
				   which - S_TOTAL_GET);
	if (which == S_TOTAL_PUT)
		return pool_printf(pool,
				   "REPLACE INTO total (" TOTAL_KEY
				   ", tail, %s) VALUES (%s)",
				   fold_columns,
				   marks(pool, 2 + KEYS + 1 + FOLDS));
	return statements[which];
}

struct store_stmt *store_statement(struct store *store,
				   enum store_statement which, struct err *err)
{
	struct pool pool = { 0 };

	if (!store->statement[which] &&
	    store->driver->prepare(store->db, statement_sql(which, &pool),
				   &store->statement[which], err))
		store->statement[which] = NULL;
	pool_free(&pool);
	return store->statement[which];
}

static void forget(struct store *store)
{
	total_forget(store);
	names_forget(&store->names);
	names_forget(&store->shapes);
}

void store_forget_statements(struct store *store)
{
	for (size_t i = 0; i < STATEMENTS; i++) {
		if (store->statement[i])
			store->driver->finalize(store->statement[i]);
		store->statement[i] = NULL;
	}
}

static int attempt(struct store *store, const char *begin,
		   int (*fn)(struct store *store, void *arg, struct err *err),
		   void *arg, struct err *err)
{
	struct err ignored;

	names_trim(&store->names);
	names_trim(&store->shapes);
	if (store->driver->exec(store->db, begin, err))
		return -1;
	if (!fn(store, arg, err) &&
	    !store->driver->exec(store->db, "COMMIT", err))
		return 0;
	store->driver->exec(store->db, "ROLLBACK", &ignored);
	forget(store);
	return -1;
}

static int transaction(struct store *store, const char *begin,
		       int (*fn)(struct store *store, void *arg,
				 struct err *err),
		       void *arg, struct err *err)
{
	for (int i = 0;; i++) {
		if (!attempt(store, begin, fn, arg, err))
			return 0;
		if (i == TRIES || !store->driver->again(store, err))
			return -1;
	}
}

int store_write(struct store *store,
		int (*fn)(struct store *store, void *arg, struct err *err),
		void *arg, struct err *err)
{
	return transaction(store, store->driver->begin_write, fn, arg, err);
}

int store_read(struct store *store,
	       int (*fn)(struct store *store, void *arg, struct err *err),
	       void *arg, struct err *err)
{
	return transaction(store, store->driver->begin_read, fn, arg, err);
}

static const char mariadb[] = "mariadb:";

static int open_db(const char *where, struct store *store, struct err *err)
{
	size_t prefix = sizeof(mariadb) - 1;

	store->driver = &store_sqlite;
	if (!strncmp(where, mariadb, prefix)) {
		where += prefix;
#ifdef HAVE_MARIADB
		store->driver = &store_mariadb;
#else
		return err_set(err, 0, "cloison was built without MariaDB");
#endif
	}
	return store->driver->open(where, &store->db, err);
}

int store_open(const char *where, struct store **ret, struct err *err)
{
	struct store *store = calloc(1, sizeof(*store));

	if (!store)
		abort();
	if (open_db(where, store, err) || store->driver->carry(store, err)) {
		store_close(store);
		return err_prefix(err, "store %s", where);
	}
	*ret = store;
	return 0;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	forget(store);
	store_forget_statements(store);
	if (store->db)
		store->driver->close(store->db);
	free(store);
}

struct insertion {
	struct store_entry *entries;
	size_t n;
	struct shape_bytes shape, values;
};

/* What is there under the entry's id decides; root's record wins. */
static int look_up(struct store *store, const struct store_entry *e,
		   enum store_fate *ret, int64_t *ret_seq, struct err *err)
{
	struct store_stmt *stmt = store_statement(store, S_FIND, err);
	int64_t signer;
	char id[ID_CAP];
	int result;

	if (!stmt)
		return -1;
	bind_bytes(stmt, id, column_id_bytes(e->record->id, id));
	result = stmt_step(stmt, err);
	*ret = STORE_NEW;
	*ret_seq = -1;
	if (result > 0) {
		*ret_seq = got_number(stmt);
		signer = got_number(stmt);
		if (signer == e->signer)
			*ret = STORE_KNOWN;
		else if (e->signer)
			*ret = STORE_CLASH;
	}
	stmt_reset(stmt);
	return result < 0 ? -1 : 0;
}

static int get_cell(struct store *store, int64_t seq, struct pool *pool,
		    struct store_cell *ret, struct err *err)
{
	struct store_stmt *stmt = store_statement(store, S_CELL, err);
	int result;

	if (!stmt)
		return -1;
	bind_number(stmt, seq);
	result = stmt_step(stmt, err);
	if (result > 0)
		result = cell_read(store, stmt, pool, ret, err);
	else if (!result)
		result = err_set(err, 0, "store: a record went away");
	stmt_reset(stmt);
	return result;
}

/* Another record takes its place, and its share of the sums. */
static int take_out(struct store *store, int64_t seq, struct pool *pool,
		    struct err *err)
{
	struct store_cell cell;
	struct store_stmt *stmt;

	if (get_cell(store, seq, pool, &cell, err))
		return -1;
	total_redo(store, &cell);
	stmt = store_statement(store, S_DELETE, err);
	if (!stmt)
		return -1;
	bind_number(stmt, seq);
	return stmt_run(stmt, err);
}

/*
 * The text as shape and values. What cannot be taken apart, or would be one
 * more shape than there may be, stays as it is: shape 0.
 */
static int bind_text_of(struct store *store, struct insertion *in,
			const struct store_entry *e,
			const struct store_cell *cell, struct store_stmt *stmt,
			struct err *err)
{
	int64_t shape = 0;

	if (shape_build(e->text, cell, &in->shape, &in->values) &&
	    name_shape(store, in->shape.at,
		       e->source == STORE_SPOOL || !e->signer, &shape, err))
		return -1;
	bind_number(stmt, shape);
	if (shape)
		bind_bytes(stmt, in->values.at ? in->values.at : "",
			   in->values.len);
	else
		bind_bytes(stmt, e->text, strlen(e->text));
	return 0;
}

static int put_in(struct store *store, struct insertion *in,
		  const struct store_entry *e, struct pool *pool,
		  struct err *err)
{
	struct store_stmt *stmt = store_statement(store, S_INSERT, err);
	struct store_cell cell;

	if (!stmt || cell_from_record(store, e, pool, &cell, err))
		return -1;
	bind_number(stmt, e->source);
	if (bind_text_of(store, in, e, &cell, stmt, err)) {
		stmt_reset(stmt);
		return -1;
	}
	cell_bind(stmt, &cell);
	if (stmt_run(stmt, err))
		return -1;
	total_add(store, &cell);
	return due_add(store, &cell, err);
}

static int insert_one(struct store *store, struct insertion *in,
		      struct store_entry *e, struct pool *pool, struct err *err)
{
	int64_t there;

	if (!e->text)
		return err_set(err, 0, "store: a record without a text");
	if (look_up(store, e, &e->fate, &there, err))
		return -1;
	if (e->fate != STORE_NEW)
		return 0;
	if (there >= 0 && take_out(store, there, pool, err))
		return -1;
	return put_in(store, in, e, pool, err);
}

static int insert_all(struct store *store, void *arg, struct err *err)
{
	struct insertion *in = arg;
	int result = 0;

	for (size_t i = 0; i < in->n && !result; i++) {
		struct pool pool = { 0 };

		result = insert_one(store, in, &in->entries[i], &pool, err);
		pool_free(&pool);
	}
	return result ? -1 : total_flush(store, err);
}

int store_insert(struct store *store, struct store_entry *entries, size_t n,
		 struct err *err)
{
	struct insertion in = { .entries = entries, .n = n };
	int result = n ? store_write(store, insert_all, &in, err) : 0;

	free(in.shape.at);
	free(in.values.at);
	return result;
}

struct listing {
	const struct store_filter *filter;
	struct pool pool;
	int64_t *seq;
	size_t n;
};

static int start_query(struct store *store, struct query *q,
		       const char *columns, const struct store_filter *filter,
		       struct err *err)
{
	query_start(q, columns, "record");
	query_job(q, filter->job, false);
	query_time(q, filter->since_us, filter->until_us);
	return query_filter(q, store, filter, err);
}

/*
 * The newest started no earlier than the earliest of as many that ended last:
 * days of the end have an index, starts have none. -1: there are not as many.
 */
static int earliest(struct store *store, const struct store_filter *filter,
		    int64_t *ret, struct err *err)
{
	struct store_stmt *stmt;
	struct query q;
	int64_t n = 0;
	int result;

	*ret = INT64_MAX;
	if (start_query(store, &q, "start_us", filter, err))
		return -1;
	query_number(&q, " ORDER BY day DESC LIMIT ?", filter->limit);
	if (query_prepare(&q, store, "", &stmt, err))
		return -1;
	for (; (result = stmt_step(stmt, err)) > 0; n++) {
		int64_t start = got_number(stmt);

		if (start < *ret)
			*ret = start;
	}
	store->driver->finalize(stmt);
	if (n < filter->limit || !n)
		*ret = -1;
	return result;
}

/*
 * The numbers of the rows. Rows are fetched one by one afterwards: a statement
 * under way would keep all writers waiting for as long as the reader's pager
 * stands still.
 */
static int list(struct store *store, void *arg, struct err *err)
{
	struct listing *l = arg;
	bool limited = l->filter->limit >= 0;
	int64_t since = -1;
	struct store_stmt *stmt;
	struct query q;
	int result;

	pool_free(&l->pool);
	l->n = 0;
	if ((limited && earliest(store, l->filter, &since, err)) ||
	    start_query(store, &q, "seq", l->filter, err))
		return -1;
	if (since >= 0) {
		query_number(&q, " AND day >= ?", since / DAY_US);
		query_number(&q, " AND start_us >= ?", since);
	}
	if (limited)
		query_number(&q, " ORDER BY start_us DESC, id DESC LIMIT ?",
			     l->filter->limit);
	if (query_prepare(&q, store, limited ? "" : " ORDER BY start_us, id",
			  &stmt, err))
		return -1;
	while ((result = stmt_step(stmt, err)) > 0) {
		int64_t *seq =
			pool_push(&l->pool, &l->seq, &l->n, sizeof(*seq));

		*seq = got_number(stmt);
	}
	store->driver->finalize(stmt);
	return result;
}

static int read_row(struct store *store, struct store_stmt *stmt,
		    struct store_fetch *f, struct err *err)
{
	const char *shape, *text;
	int64_t number;
	size_t len;

	f->row.source =
		got_number(stmt) == STORE_SIGNED ? STORE_SIGNED : STORE_SPOOL;
	number = got_number(stmt);
	text = got_bytes(stmt, &len);
	/* The bytes may go when other columns are read. */
	text = pool_strndup(&f->pool, text ? text : "", text ? len : 0);
	if (cell_read(store, stmt, &f->pool, &f->cell, err))
		return -1;
	f->row.signer = f->cell.signer;
	f->row.text = text;
	f->row.len = len;
	if (!number)
		return 0;
	if (name_shape_text(store, number, &shape, err))
		return -1;
	return shape_print(shape, strlen(shape), text, len, &f->cell, &f->pool,
			   &f->row.text, &f->row.len, err);
}

int store_fetch(struct store *store, struct store_fetch *f, struct err *err)
{
	struct store_stmt *stmt = store_statement(store, S_FETCH, err);
	int result;

	pool_free(&f->pool);
	if (!stmt)
		return -1;
	bind_number(stmt, f->seq);
	result = stmt_step(stmt, err);
	f->found = result > 0;
	if (f->found)
		result = read_row(store, stmt, f, err);
	stmt_reset(stmt);
	return result;
}

static int fetch(struct store *store, void *arg, struct err *err)
{
	return store_fetch(store, arg, err);
}

int store_each(struct store *store, const struct store_filter *filter,
	       int (*fn)(void *arg, const struct store_row *row,
			 struct err *err),
	       void *arg, struct err *err)
{
	struct listing l = { .filter = filter };
	int result = store_read(store, list, &l, err);

	/* The newest are listed first if there is a limit. */
	for (size_t i = 0; i < l.n && !result; i++) {
		struct store_fetch f = {
			.seq = l.seq[filter->limit < 0 ? i : l.n - 1 - i]
		};

		result = store_read(store, fetch, &f, err);
		/* One that was removed since is none. */
		if (!result && f.found)
			result = fn(arg, &f.row, err);
		pool_free(&f.pool);
	}
	pool_free(&l.pool);
	return result;
}
