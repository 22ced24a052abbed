/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pool.h"
#include "store/store.h"

/*
 * What engines differ in: a connection and its statements. Numbers below 0
 * and NULL are SQL's NULL in both directions, but for bind_number.
 */
struct store_stmt {
	const struct store_driver *driver;
	int bound, got; /* parameters and columns so far, in their order */
};

struct store_db {
	const struct store_driver *driver;
};

struct store_driver {
	/* Connect; the schema is there and up to date then. */
	int (*open)(const char *where, struct store_db **ret, struct err *err);
	void (*close)(struct store_db *db);
	int (*exec)(struct store_db *db, const char *sql, struct err *err);
	int (*prepare)(struct store_db *db, const char *sql,
		       struct store_stmt **ret, struct err *err);
	void (*finalize)(struct store_stmt *stmt);
	void (*bind_number)(struct store_stmt *stmt, int i, int64_t v);
	void (*bind_text)(struct store_stmt *stmt, int i, const char *s);
	void (*bind_bytes)(struct store_stmt *stmt, int i, const char *s,
			   size_t len);
	/* 1: a row, whose bytes live until the next call; 0: none. */
	int (*step)(struct store_stmt *stmt, struct err *err);
	void (*reset)(struct store_stmt *stmt);
	int64_t (*number)(struct store_stmt *stmt, int i);
	const char *(*bytes)(struct store_stmt *stmt, int i, size_t *ret_len);
	/* Take in what an older version kept another way. */
	int (*carry)(struct store *store, struct err *err);
	/*
	 * After a failure: whether the transaction may succeed if it is tried
	 * again, now that, at need, the connection is a new one without
	 * statements.
	 */
	bool (*again)(struct store *store, struct err *err);
	/* SQL: a transaction with all writers locked out, and one to read. */
	const char *begin_write, *begin_read;
};

extern const struct store_driver store_sqlite, store_mariadb;

/* The columns that come from the record itself. */
enum {
	C_ID,
	C_SCHEDULER,
	C_CLUSTER,
	C_JOB,
	C_STEP,
	C_NODE,
	C_USER,
	C_UID,
	C_ACCOUNT,
	C_PROFILE,
	C_BOOT,
	C_START,
	C_END,
	C_WALL,
	C_CODE,
	C_SIGNAL,
	C_REASON,
	C_COUNT,
	C_CPU,
	C_THROTTLED,
	C_LIMIT,
	C_PEAK,
	C_READ,
	C_WRITE,
	C_SCRATCH,
	C_RX,
	C_TX,
	/* Shapes have their letters: new ones come last. */
	C_QUEUE,
	C_PROJECT,
	C_JOB_NAME,
	COLUMNS
};

struct store_column {
	const char *name;
	enum {
		COLUMN_ID,     /* column_id_bytes */
		COLUMN_NAME,   /* a number of the table of names */
		COLUMN_TEXT,   /* text of its own */
		COLUMN_NUMBER, /* -1: none */
	} kind;
	/* Its member in the JSON text, and how a number is written there. */
	const char *group, *member;
	enum {
		FORM_PLAIN,
		FORM_TIME,
		FORM_SECONDS
	} form;
	size_t at; /* in struct record */
};
extern const struct store_column store_columns[COLUMNS];

/* A record as its columns; `text` of a number and `number` of a text are 0. */
struct store_cell {
	struct {
		const char *text;
		int64_t number; /* of a name, too */
	} value[COLUMNS];
	int64_t signer, day, failed;
	char tail[16]; /* the end of the id of a record without a job, or "" */
};

enum {
	NAME_CAP = 200, /* longer texts are cut in columns */
	ID_CAP = 72,
};
static const int64_t DAY_US = 86400 * (int64_t)1000000;

/* "a, b, ..." with the names of the columns. */
const char *column_names(struct pool *pool);
const char *column_cut(struct pool *pool, const char *text);
/* UUIDs are 16 bytes. Returns the length. */
size_t column_id_bytes(const char *id, char ret[static ID_CAP]);

int cell_from_record(struct store *store, const struct store_entry *entry,
		     struct pool *pool, struct store_cell *ret,
		     struct err *err);
void cell_bind(struct store_stmt *stmt, const struct store_cell *cell);
/*
 * From columns in the order of cell_select. Texts that have no number are from
 * `pool`; without one they are left out, as sums mostly need none.
 */
const char *cell_select(struct pool *pool);
int cell_read(struct store *store, struct store_stmt *stmt, struct pool *pool,
	      struct store_cell *ret, struct err *err);

/*
 * The text without what columns know already. Its shape is the text with marks
 * in place of values, and is the same for many records; `values` are what the
 * marks do not say, packed. Returns false when it cannot be taken apart. Pure,
 * as the way back is.
 */
struct shape_bytes {
	char *at;
	size_t len, room;
};
bool shape_build(const char *text, const struct store_cell *cell,
		 struct shape_bytes *ret_shape, struct shape_bytes *ret_values);
int shape_print(const char *shape, size_t shape_len, const char *values,
		size_t values_len, const struct store_cell *cell,
		struct pool *pool, const char **ret, size_t *ret_len,
		struct err *err);

/* Sums: their members, in the order of the columns of `total`. */
enum {
	F_RECORDS,
	F_FAILED,
	F_OOMS,
	F_NODES,
	F_PEAK_NODE,
	F_START,
	F_END,
	F_WALL,
	F_CPU,
	F_CPU_ASKED,
	F_THROTTLED,
	F_PEAK,
	F_LIMIT,
	F_MEMORY_USED, /* MiB * 10 ms */
	F_MEMORY_ASKED,
	F_SCRATCH,
	F_READ,
	F_WRITE,
	F_RX,
	F_TX,
	FOLDS
};

struct fold {
	int64_t v[FOLDS];
};

/* What records are grouped by, in the order of the key of `total`. */
enum {
	K_DAY,
	K_CLUSTER,
	K_NODE,
	K_USER,
	K_ACCOUNT,
	K_PROFILE,
	K_REASON,
	K_FAILED,
	K_UID,
	K_SIGNER,
	K_SCHEDULER,
	K_QUEUE,
	K_PROJECT,
	K_NUMBERS, /* so many are numbers */
	K_JOB = K_NUMBERS,
	K_STEP,
	K_JOB_NAME,
	KEYS
};

struct fold_key {
	int64_t v[K_NUMBERS];
	const char *text[KEYS - K_NUMBERS]; /* job, step and job's name */
};

/* All records of one key. */
struct fold_group {
	struct fold_key key;    /* what is not in it is 0 or NULL */
	struct fold_key common; /* as long as it is the same in all */
	struct fold fold;
	char tail[16];
	bool redo; /* for those who keep groups */
};
enum {
	FOLD_MIXED = -2, /* and "" for a text */
};

/* Groups by those parts of keys whose bits are in `mask`. */
struct fold_set {
	unsigned mask;
	struct pool pool;
	void *tree, *nodes; /* tsearch(3) */
	struct fold_group **group;
	size_t n;
};

void fold_of_cell(const struct store_cell *cell, struct fold *ret);
void fold_key_of_cell(const struct store_cell *cell, struct fold_key *ret);
void fold_merge(struct fold *to, const struct fold *from);
/* Only records, as long as `node` is not -1, count for F_NODES. */
struct fold_group *fold_add(struct fold_set *set, const struct fold_key *key,
			    const struct fold *fold, int64_t node);
void fold_free(struct fold_set *set);
extern const char *const fold_columns;
extern const char *const fold_key_columns[KEYS]; /* of `total` */

/* What is in `total`. */
enum total_kind {
	TOTAL_DAY,  /* by all but node and what is of a job */
	TOTAL_NODE, /* by node, cluster and day */
	TOTAL_JOB,  /* by all but node; only of records that expired */
	TOTALS
};
extern const unsigned total_masks[TOTALS];

/* Texts by number, and back. */
struct names {
	struct pool pool;
	void *by_text; /* tsearch(3) */
	const char **text;
	size_t n; /* of text[] */
};

enum store_statement {
	S_FIND,
	S_INSERT,
	S_DELETE,
	S_CELL,
	S_DUE_GET,
	S_DUE_PUT,
	S_NAME_FIND,
	S_NAME_GET,
	S_NAME_INSERT,
	S_SHAPE_FIND,
	S_SHAPE_GET,
	S_SHAPE_INSERT,
	S_FETCH,
	S_REFILL,
	S_TOTAL_PUT,
	S_TOTAL_GET, /* of each kind */
	S_TOTAL_DELETE = S_TOTAL_GET + TOTALS,
	STATEMENTS = S_TOTAL_DELETE + TOTALS
};

struct store {
	const struct store_driver *driver;
	struct store_db *db;
	struct store_stmt *statement[STATEMENTS];
	struct names names, shapes;
	struct fold_set totals[TOTALS]; /* of the transaction */
	bool carrying;                  /* what comes is not new */
};

/* A row with its text, whole. */
struct store_fetch {
	int64_t seq;
	struct pool pool; /* the row's, the cell's */
	struct store_row row;
	struct store_cell cell;
	bool found;
};
/* Part of a transaction; the caller frees the pool. */
int store_fetch(struct store *store, struct store_fetch *fetch,
		struct err *err);

/* A statement that is prepared once, its parameters yet to be bound. */
struct store_stmt *store_statement(struct store *store,
				   enum store_statement which, struct err *err);

/* They are gone with the connection. */
void store_forget_statements(struct store *store);

/*
 * `fn` in one transaction, which is undone when it returns -1; and again, a few
 * times, when the engine says that this may help.
 */
int store_write(struct store *store,
		int (*fn)(struct store *store, void *arg, struct err *err),
		void *arg, struct err *err);
int store_read(struct store *store,
	       int (*fn)(struct store *store, void *arg, struct err *err),
	       void *arg, struct err *err);

/* 0 is NULL's. With `add`, one that is not known yet is; else it is -1. */
int name_number(struct store *store, const char *text, bool add, int64_t *ret,
		struct err *err);
int name_text(struct store *store, int64_t number, const char **ret,
	      struct err *err);
/* The same for shapes; 0: there are too many to add one of such a source. */
int name_shape(struct store *store, const char *shape, bool trusted,
	       int64_t *ret, struct err *err);
int name_shape_text(struct store *store, int64_t number, const char **ret,
		    struct err *err);
void names_forget(struct names *names);
void names_trim(struct names *names);

/* Part of a transaction: sums with another record, without one, written. */
void total_add(struct store *store, const struct store_cell *cell);
void total_redo(struct store *store, const struct store_cell *cell);
int total_flush(struct store *store, struct err *err);
void total_forget(struct store *store);
/*
 * Columns and sums as this version has them, of records that one without
 * scheduler, queue, project and name in its sums has stored. A transaction for
 * each day, which does no harm if it is done twice.
 */
int total_refill(struct store *store, struct err *err);

/* A record of the job came; and jobs that nobody was told of are forgotten. */
int due_add(struct store *store, const struct store_cell *cell,
	    struct err *err);
int due_expire(struct store *store, int64_t before_us, struct err *err);

/*
 * A statement over `record` or `total`, as it is put together: "SELECT columns
 * FROM table WHERE ", clauses with their parameters, and what is behind.
 */
struct query {
	struct pool pool;
	const char *sql;
	struct {
		const char *text; /* or NULL: */
		int64_t number;
	} value[32];
	size_t n;
};
void query_start(struct query *q, const char *columns, const char *table);
void query_kind(struct query *q, enum total_kind kind);
void query_text(struct query *q, const char *clause, const char *value);
void query_number(struct query *q, const char *clause, int64_t value);
/* What a filter says but for time and job; and when nothing can match. */
int query_filter(struct query *q, struct store *store,
		 const struct store_filter *filter, struct err *err);
void query_job(struct query *q, const char *job, bool total);
/* Ended at or after, and before; -1: whenever. */
void query_time(struct query *q, int64_t since_us, int64_t until_us);
/* Releases the query. */
int query_prepare(struct query *q, struct store *store, const char *behind,
		  struct store_stmt **ret, struct err *err);

static inline void bind_number(struct store_stmt *stmt, int64_t v)
{
	stmt->driver->bind_number(stmt, stmt->bound++, v);
}

static inline void bind_text(struct store_stmt *stmt, const char *s)
{
	stmt->driver->bind_text(stmt, stmt->bound++, s);
}

static inline void bind_bytes(struct store_stmt *stmt, const char *s,
			      size_t len)
{
	stmt->driver->bind_bytes(stmt, stmt->bound++, s, len);
}

static inline int stmt_step(struct store_stmt *stmt, struct err *err)
{
	stmt->got = 0;
	return stmt->driver->step(stmt, err);
}

static inline void stmt_reset(struct store_stmt *stmt)
{
	stmt->bound = 0;
	stmt->driver->reset(stmt);
}

/* A statement without rows. */
static inline int stmt_run(struct store_stmt *stmt, struct err *err)
{
	int result = stmt_step(stmt, err);

	stmt_reset(stmt);
	return result < 0 ? -1 : 0;
}

static inline int64_t got_number(struct store_stmt *stmt)
{
	return stmt->driver->number(stmt, stmt->got++);
}

static inline const char *got_bytes(struct store_stmt *stmt, size_t *ret_len)
{
	return stmt->driver->bytes(stmt, stmt->got++, ret_len);
}

static inline const char *got_text(struct store_stmt *stmt, struct pool *pool)
{
	size_t len;
	const char *s = got_bytes(stmt, &len);

	return s ? pool_strndup(pool, s, len) : NULL;
}

#endif
