/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "acct/spool.h"
#include "base/cleanup.h"
#include "store/store.h"

/*
 * The journal is SQLite's default, a rollback journal with full syncs, not
 * WAL: spool files are removed after a commit, which must then be on the disk;
 * a user's store may lie on a network file system, where WAL cannot work as it
 * needs shared memory; and one writer now and then gains nothing from it. WAL
 * would let readers and a writer go on at once, which readers do without as
 * they hold a lock only for a moment (list_ids).
 */

/* How long to wait for another process's transaction (ms). */
enum {
	BUSY_MS = 30000
};

/* What brings a store from version N to N + 1. Never edit one: append. */
static const char *const migrations[] = {
	"CREATE TABLE record ("
	" id TEXT PRIMARY KEY,"
	" start_us INTEGER, end_us INTEGER,"
	" scheduler TEXT, cluster TEXT, job TEXT, step TEXT,"
	" node TEXT, user TEXT, uid INTEGER, account TEXT,"
	" profile TEXT, reason TEXT, code INTEGER, signal INTEGER,"
	" wall_us INTEGER, cpu_us INTEGER, cpu_count INTEGER,"
	" peak_bytes INTEGER, limit_bytes INTEGER, max_process_bytes INTEGER,"
	" signer INTEGER NOT NULL,"
	" source TEXT NOT NULL,"
	" text TEXT NOT NULL"
	");"
	"CREATE INDEX record_start ON record (start_us);"
	"CREATE INDEX record_job ON record (job);"
	"CREATE INDEX record_user ON record (user, start_us);"
	"CREATE INDEX record_short ON record (substr(id, -8))"
	" WHERE job IS NULL;",

	"CREATE TABLE due ("
	" scheduler TEXT NOT NULL, cluster TEXT NOT NULL, job TEXT NOT NULL,"
	" last_us INTEGER NOT NULL,"
	" again_us INTEGER NOT NULL DEFAULT 0,"
	" tries INTEGER NOT NULL DEFAULT 0,"
	" PRIMARY KEY (scheduler, cluster, job)"
	") WITHOUT ROWID;"
	"INSERT INTO due (scheduler, cluster, job, last_us)"
	" SELECT scheduler, coalesce(cluster, ''), job,"
	" coalesce(max(end_us), 0)"
	" FROM record WHERE scheduler IS NOT NULL AND job IS NOT NULL"
	" GROUP BY 1, 2, 3;",
};
enum {
	VERSION_NOW = sizeof(migrations) / sizeof(migrations[0])
};

/* The columns that come from the record itself. */
static const struct column {
	const char *name;
	bool number;
	size_t at;
} columns[] = {
#define TEXT(name, member)                                   \
	{                                                    \
		name, false, offsetof(struct record, member) \
	}
#define NUMBER(name, member)                                \
	{                                                   \
		name, true, offsetof(struct record, member) \
	}
	TEXT("id", id),
	NUMBER("start_us", time.start_us),
	NUMBER("end_us", time.end_us),
	TEXT("scheduler", scheduler.name),
	TEXT("cluster", scheduler.cluster),
	TEXT("job", scheduler.job),
	TEXT("step", scheduler.step),
	TEXT("node", node),
	TEXT("user", user.name),
	NUMBER("uid", user.uid),
	TEXT("account", user.account),
	TEXT("profile", cell.profile),
	TEXT("reason", exit.reason),
	NUMBER("code", exit.code),
	NUMBER("signal", exit.signal),
	NUMBER("wall_us", time.wall_us),
	NUMBER("cpu_us", usage.cpu_usage_us),
	NUMBER("cpu_count", cpu.count),
	NUMBER("peak_bytes", usage.memory_peak),
	NUMBER("limit_bytes", memory.limit),
	NUMBER("max_process_bytes", memory.max_process),
#undef TEXT
#undef NUMBER
};
enum {
	COLUMNS = sizeof(columns) / sizeof(columns[0])
};

const char *const store_sources[] = {
	[STORE_SPOOL] = "spool", [STORE_SIGNED] = "signed", NULL
};

struct sqlite_store {
	struct store store;
	sqlite3 *db;
	sqlite3_stmt *fetch; /* what is under an id */
	sqlite3_stmt *insert;
	sqlite3_stmt *due; /* a record of this job came */
};

static struct sqlite_store *of(struct store *store)
{
	return (struct sqlite_store *)store;
}

static int fail(sqlite3 *db, const char *what, struct err *err)
{
	return err_set(err, 0, "store: %s: %s", what,
		       db ? sqlite3_errmsg(db) : "out of memory");
}

static int run(sqlite3 *db, const char *sql, struct err *err)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return fail(db, "write", err);
	return 0;
}

/* The transaction ends with the error that is in `err` already. */
static int undo(sqlite3 *db)
{
	sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return -1;
}

static int prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret,
		   struct err *err)
{
	if (sqlite3_prepare_v2(db, sql, -1, ret, NULL) != SQLITE_OK)
		return fail(db, "prepare", err);
	return 0;
}

static int query_number(sqlite3 *db, const char *sql, int *ret, struct err *err)
{
	sqlite3_stmt *s;
	int result = -1;

	if (prepare(db, sql, &s, err))
		return -1;
	if (sqlite3_step(s) == SQLITE_ROW) {
		*ret = sqlite3_column_int(s, 0);
		result = 0;
	} else {
		fail(db, "read", err);
	}
	sqlite3_finalize(s);
	return result;
}

/* Inside a transaction, as two programs may meet an old store at once. */
static int migrate_locked(sqlite3 *db, struct err *err)
{
	int version, tables;
	char pragma[64];

	if (query_number(db, "PRAGMA user_version", &version, err) ||
	    query_number(db, "SELECT count(*) FROM sqlite_master", &tables,
			 err))
		return -1;
	if (version < 0 || (!version && tables))
		return err_set(err, 0, "it is not a cloison store");
	if (version > VERSION_NOW)
		return err_set(
			err, 0,
			"a newer cloison made it (version %d, known is %d): upgrade cloison here",
			version, VERSION_NOW);
	for (int i = version; i < VERSION_NOW; i++)
		if (run(db, migrations[i], err))
			return -1;
	snprintf(pragma, sizeof(pragma), "PRAGMA user_version = %d",
		 VERSION_NOW);
	return version < VERSION_NOW ? run(db, pragma, err) : 0;
}

static int migrate(sqlite3 *db, struct err *err)
{
	int version;

	/* Nothing is written to a store that is up to date. */
	if (query_number(db, "PRAGMA user_version", &version, err))
		return -1;
	if (version == VERSION_NOW)
		return 0;
	if (run(db, "BEGIN IMMEDIATE", err))
		return -1;
	if (migrate_locked(db, err) || run(db, "COMMIT", err))
		return undo(db);
	return 0;
}

/* Columns of the table after those in columns[]: signer, source, text. */
static int prepare_insert(struct sqlite_store *s, struct err *err)
{
	char names[512] = "", sql[1024], marks[256] = "";
	size_t n = 0, m = 0;

	for (size_t i = 0; i < COLUMNS; i++) {
		n += (size_t)snprintf(names + n, sizeof(names) - n, "%s, ",
				      columns[i].name);
		m += (size_t)snprintf(marks + m, sizeof(marks) - m, "?%zu, ",
				      i + 1);
	}
	snprintf(sql, sizeof(sql),
		 "INSERT OR REPLACE INTO record (%ssigner, source, text) "
		 "VALUES (%s?%d, ?%d, ?%d)",
		 names, marks, COLUMNS + 1, COLUMNS + 2, COLUMNS + 3);
	return prepare(s->db, sql, &s->insert, err);
}

/* Make the file at need; check it and its directory. */
static int check_file(const char *path, struct stat *ret, struct err *err)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	char dir[PATH_MAX] = ".";
	cleanup_fd int dirfd = -1, fd = -1;

	if (!*name)
		return err_set(err, EISDIR, "open");
	if (name - path >= (int)sizeof(dir))
		return err_set(err, ENAMETOOLONG, "open");
	if (slash)
		snprintf(dir, sizeof(dir), "%.*s", (int)(name - path), path);
	dirfd = spool_dir(dir, geteuid(), err);
	if (dirfd < 0)
		return -1;
	fd = openat(dirfd, name,
		    O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
			    O_CLOEXEC,
		    0600);
	if (fd < 0)
		return err_set(err, errno, "open");
	if (fstat(fd, ret))
		return err_set(err, errno, "stat");
	if (!S_ISREG(ret->st_mode) || ret->st_uid != geteuid() ||
	    ret->st_nlink != 1 || ret->st_mode & (S_IWGRP | S_IWOTH))
		return err_set(
			err, 0,
			"not a regular file with one link that uid %u owns and nobody else may write: name another one",
			geteuid());
	return 0;
}

/* SQLite opens by name: see that it got the file that was checked. */
static int check_same(sqlite3 *db, const struct stat *checked, struct err *err)
{
	struct stat st;

	if (stat(sqlite3_db_filename(db, "main"), &st))
		return err_set(err, errno, "stat");
	if (st.st_dev != checked->st_dev || st.st_ino != checked->st_ino)
		return err_set(err, 0, "it changed while it was opened");
	return 0;
}

static void sqlite_close(struct store *store)
{
	struct sqlite_store *s = of(store);

	sqlite3_finalize(s->fetch);
	sqlite3_finalize(s->insert);
	sqlite3_finalize(s->due);
	sqlite3_close(s->db);
	free(s);
}

static int set_up(struct sqlite_store *s, const char *path, struct err *err)
{
	struct stat st = { 0 };

	/*
	 * The file is closed again before SQLite has it, as closing would drop
	 * SQLite's locks on it (fcntl_locking(2)).
	 */
	if (check_file(path, &st, err))
		return -1;
	if (sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE, NULL))
		return fail(s->db, "open", err);
	sqlite3_busy_timeout(s->db, BUSY_MS);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	if (check_same(s->db, &st, err) ||
	    run(s->db, "PRAGMA synchronous = FULL", err) ||
	    migrate(s->db, err) || prepare_insert(s, err) ||
	    prepare(s->db,
		    "INSERT INTO due (scheduler, cluster, job, last_us) "
		    "VALUES (?1, coalesce(?2, ''), ?3, ?4) ON CONFLICT DO "
		    "UPDATE SET last_us = max(last_us + 1, excluded.last_us)",
		    &s->due, err))
		return -1;
	return prepare(s->db,
		       "SELECT signer, source, text FROM record WHERE id = ?1",
		       &s->fetch, err);
}

static int sqlite_open(const char *where, struct store **ret, struct err *err)
{
	struct sqlite_store *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	s->store.engine = &store_sqlite;
	if (set_up(s, where, err)) {
		sqlite_close(&s->store);
		return err_prefix(err, "store %s", where);
	}
	*ret = &s->store;
	return 0;
}

/* What is there under the entry's id decides; root's record wins. */
static int look_up(struct sqlite_store *s, const struct store_entry *e,
		   enum store_fate *ret, struct err *err)
{
	int64_t there;
	int step;

	sqlite3_bind_text(s->fetch, 1, e->record->id, -1, SQLITE_STATIC);
	step = sqlite3_step(s->fetch);
	there = sqlite3_column_int64(s->fetch, 0);
	sqlite3_reset(s->fetch);
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		return fail(s->db, "read", err);
	if (step == SQLITE_DONE)
		*ret = STORE_NEW;
	else if (there == e->signer)
		*ret = STORE_KNOWN;
	else
		*ret = e->signer == 0 ? STORE_NEW : STORE_CLASH;
	return 0;
}

static void bind(sqlite3_stmt *stmt, int i, const struct column *c,
		 const struct record *record)
{
	const char *at = (const char *)record + c->at;

	/* What is not bound is NULL. */
	if (!c->number)
		sqlite3_bind_text(stmt, i, *(const char *const *)at, -1,
				  SQLITE_STATIC);
	else if (*(const int64_t *)at >= 0)
		sqlite3_bind_int64(stmt, i, *(const int64_t *)at);
}

static void bind_text(sqlite3_stmt *stmt, int i, const char *text)
{
	sqlite3_bind_text(stmt, i, text, -1, SQLITE_STATIC);
}

/* A statement without rows, which can be used again then. */
static int perform(struct sqlite_store *s, sqlite3_stmt *stmt, struct err *err)
{
	int result = 0;

	if (sqlite3_step(stmt) != SQLITE_DONE)
		result = fail(s->db, "write", err);
	sqlite3_reset(stmt);
	return result;
}

static int64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * (int64_t)1000000 + ts.tv_nsec / 1000;
}

static int make_due(struct sqlite_store *s, const struct record *r,
		    struct err *err)
{
	if (!r->scheduler.name || !r->scheduler.job)
		return 0;
	bind_text(s->due, 1, r->scheduler.name);
	bind_text(s->due, 2, r->scheduler.cluster);
	bind_text(s->due, 3, r->scheduler.job);
	sqlite3_bind_int64(s->due, 4, now_us());
	return perform(s, s->due, err);
}

static int insert_one(struct sqlite_store *s, struct store_entry *e,
		      struct err *err)
{
	sqlite3_stmt *stmt = s->insert;

	if (look_up(s, e, &e->fate, err))
		return -1;
	if (e->fate != STORE_NEW)
		return 0;
	sqlite3_clear_bindings(stmt);
	for (size_t i = 0; i < COLUMNS; i++)
		bind(stmt, (int)i + 1, &columns[i], e->record);
	sqlite3_bind_int64(stmt, COLUMNS + 1, e->signer);
	bind_text(stmt, COLUMNS + 2, store_sources[e->source]);
	bind_text(stmt, COLUMNS + 3, e->text);
	if (perform(s, stmt, err))
		return -1;
	return make_due(s, e->record, err);
}

static int sqlite_insert(struct store *store, struct store_entry *entries,
			 size_t n, struct err *err)
{
	struct sqlite_store *s = of(store);

	if (!n)
		return 0;
	/* IMMEDIATE: a lock got later could not be waited for. */
	if (run(s->db, "BEGIN IMMEDIATE", err))
		return -1;
	for (size_t i = 0; i < n; i++)
		if (insert_one(s, &entries[i], err))
			return undo(s->db);
	return run(s->db, "COMMIT", err) ? undo(s->db) : 0;
}

/*
 * Constant pieces are put together, so that each filter finds its index; the
 * values are bound.
 */
static const char *where(const struct store_filter *f, struct pool *pool)
{
	const struct {
		bool wanted;
		const char *sql;
	} clauses[] = {
		{ f->job, " AND (job = :job OR (job IS NULL AND id = :job)"
			  " OR (job IS NULL AND substr(id, -8) = :job))" },
		{ f->user, " AND user = :user" },
		{ f->account, " AND account = :account" },
		{ f->node, " AND node = :node" },
		{ f->profile, " AND profile = :profile" },
		{ f->reason, " AND reason = :reason" },
		{ f->cluster, " AND cluster = :cluster" },
		{ f->since_us >= 0,
		  " AND coalesce(end_us, start_us) >= :since" },
		{ f->until_us >= 0,
		  " AND coalesce(end_us, start_us) < :until" },
		{ f->uid >= 0, " AND uid = :uid" },
		{ f->signer >= 0, " AND signer = :signer" },
		{ f->failed, " AND code IS NOT 0" },
	};
	const char *sql = " WHERE 1";

	for (size_t i = 0; i < sizeof(clauses) / sizeof(clauses[0]); i++)
		if (clauses[i].wanted)
			sql = pool_printf(pool, "%s%s", sql, clauses[i].sql);
	return sql;
}

/* Parameters that the statement does not have are index 0, and ignored. */
static void bind_filter(sqlite3_stmt *stmt, const struct store_filter *f)
{
	const struct {
		const char *name, *text;
		int64_t number;
	} values[] = {
		{ ":job", f->job, 0 },
		{ ":user", f->user, 0 },
		{ ":account", f->account, 0 },
		{ ":node", f->node, 0 },
		{ ":profile", f->profile, 0 },
		{ ":reason", f->reason, 0 },
		{ ":cluster", f->cluster, 0 },
		{ ":since", NULL, f->since_us },
		{ ":until", NULL, f->until_us },
		{ ":uid", NULL, f->uid },
		{ ":signer", NULL, f->signer },
		{ ":limit", NULL, f->limit },
	};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		int at = sqlite3_bind_parameter_index(stmt, values[i].name);

		if (values[i].text)
			bind_text(stmt, at, values[i].text);
		else
			sqlite3_bind_int64(stmt, at, values[i].number);
	}
}

/*
 * The ids of the rows. Rows are fetched one by one afterwards: a statement
 * under way would keep all writers waiting for as long as the reader's pager
 * stands still.
 */
static int list_ids(struct sqlite_store *s, const struct store_filter *filter,
		    struct pool *pool, const char ***ret, size_t *ret_n,
		    struct err *err)
{
	const char *sql = pool_printf(
		pool,
		"SELECT id FROM (SELECT id, start_us FROM record%s%s) "
		"ORDER BY start_us, id",
		where(filter, pool),
		filter->limit >= 0
			? " ORDER BY start_us DESC, id DESC LIMIT :limit"
			: "");
	sqlite3_stmt *stmt;
	int step;

	if (prepare(s->db, sql, &stmt, err))
		return -1;
	bind_filter(stmt, filter);
	while ((step = sqlite3_step(stmt)) == SQLITE_ROW) {
		const char **id = pool_push(pool, ret, ret_n, sizeof(*id));

		*id = pool_strdup(pool,
				  (const char *)sqlite3_column_text(stmt, 0));
	}
	if (step != SQLITE_DONE)
		fail(s->db, "read", err);
	sqlite3_finalize(stmt);
	return step == SQLITE_DONE ? 0 : -1;
}

/* 1: here it is; 0: it is gone. */
static int fetch(struct sqlite_store *s, const char *id, struct pool *pool,
		 struct store_row *ret, struct err *err)
{
	const char *source, *text;
	int step;

	sqlite3_bind_text(s->fetch, 1, id, -1, SQLITE_STATIC);
	step = sqlite3_step(s->fetch);
	if (step == SQLITE_ROW) {
		source = (const char *)sqlite3_column_text(s->fetch, 1);
		text = (const char *)sqlite3_column_text(s->fetch, 2);
		if (!source || !text)
			abort(); /* both are NOT NULL: out of memory */
		ret->signer = sqlite3_column_int64(s->fetch, 0);
		ret->source = strcmp(source, store_sources[STORE_SIGNED]) == 0
				      ? STORE_SIGNED
				      : STORE_SPOOL;
		ret->len = (size_t)sqlite3_column_bytes(s->fetch, 2);
		ret->text = pool_strndup(pool, text, ret->len);
	} else if (step != SQLITE_DONE) {
		fail(s->db, "read", err);
	}
	sqlite3_reset(s->fetch);
	if (step == SQLITE_ROW)
		return 1;
	return step == SQLITE_DONE ? 0 : -1;
}

static int sqlite_each(struct store *store, const struct store_filter *filter,
		       int (*fn)(void *arg, const struct store_row *row,
				 struct err *err),
		       void *arg, struct err *err)
{
	struct sqlite_store *s = of(store);
	struct pool pool = { 0 };
	const char **ids = NULL;
	size_t n = 0;
	int result = list_ids(s, filter, &pool, &ids, &n, err);

	for (size_t i = 0; i < n && !result; i++) {
		struct pool row_pool = { 0 };
		struct store_row row;

		result = fetch(s, ids[i], &row_pool, &row, err);
		if (result > 0)
			result = fn(arg, &row, err);
		pool_free(&row_pool);
	}
	pool_free(&pool);
	return result;
}

static void sum_text(sqlite3_stmt *stmt, int i, struct pool *pool, void *at)
{
	*(const char **)at =
		pool_strdup(pool, (const char *)sqlite3_column_text(stmt, i));
}

/* Sums are floating point: who invents huge numbers makes none overflow. */
static void sum_number(sqlite3_stmt *stmt, int i, struct pool *pool, void *at)
{
	double v = sqlite3_column_double(stmt, i);

	(void)pool;
	if (sqlite3_column_type(stmt, i) == SQLITE_NULL)
		*(int64_t *)at = -1;
	else
		*(int64_t *)at = v < 0x1p63 ? (int64_t)v : INT64_MAX;
}

/* Members of a group, from the columns of `cell` below. */
static const struct sum_column {
	const char *sql;
	void (*read)(sqlite3_stmt *stmt, int i, struct pool *pool, void *at);
	size_t at;
	bool of_job; /* by job and step only */
} sum_columns[] = {
#define SUM(read, member, sql)                                             \
	{                                                                  \
		sql, sum_##read, offsetof(struct store_sum, member), false \
	}
#define OF_JOB(read, member, sql)                                         \
	{                                                                 \
		sql, sum_##read, offsetof(struct store_sum, member), true \
	}
#define SAME(name)                                     \
	SUM(text, name,                                \
	    "CASE WHEN min(coalesce(" #name ", '')) =" \
	    " max(coalesce(" #name ", '')) THEN min(" #name ") END")
	SAME(cluster),
	SAME(job),
	SAME(step),
	SAME(user),
	SAME(account),
	SAME(node),
	SAME(profile),
	SAME(reason),
	SAME(day),
	SUM(number, records, "count(*)"),
	SUM(number, failed, "sum(code IS NOT 0)"),
	SUM(number, ooms, "sum(reason IS 'oom')"),
	OF_JOB(number, nodes, "count(DISTINCT node)"),
	SUM(number, start_us, "min(start_us)"),
	SUM(number, end_us, "max(end_us)"),
	SUM(number, wall_us, "sum(wall_us * 1.0)"),
	SUM(number, cpu_us, "sum(cpu_us * 1.0)"),
	SUM(number, cpu_asked_us,
	    "sum(CASE WHEN cpu_us NOT NULL THEN wall_us * 1.0 * cpu_count END)"),
	SUM(number, throttled_us, "sum(throttled_us * 1.0)"),
	SUM(number, peak_bytes, "max(peak_bytes)"),
	SUM(number, limit_bytes, "max(limit_bytes)"),
	OF_JOB(text, peak_node,
	       "substr(max(CASE WHEN peak_bytes NOT NULL THEN"
	       " printf('%019d', peak_bytes) || node END), 20)"),
#define MIB_S "wall_us / 1048576e6"
	SUM(number, memory_used_mib_s,
	    "sum(CASE WHEN limit_bytes NOT NULL THEN peak_bytes * " MIB_S
	    " END)"),
	SUM(number, memory_asked_mib_s,
	    "sum(CASE WHEN peak_bytes NOT NULL THEN limit_bytes * " MIB_S
	    " END)"),
	SUM(number, scratch_peak_bytes, "max(scratch_peak)"),
	SUM(number, read_bytes, "sum(read_bytes * 1.0)"),
	SUM(number, write_bytes, "sum(write_bytes * 1.0)"),
	SUM(number, rx_bytes, "sum(rx_bytes * 1.0)"),
	SUM(number, tx_bytes, "sum(tx_bytes * 1.0)"),
#undef SUM
#undef OF_JOB
#undef SAME
#undef MIB_S
};
enum {
	SUM_COLUMNS = sizeof(sum_columns) / sizeof(sum_columns[0])
};

#define CELL                                                               \
	"SELECT cluster, coalesce(job, id) AS job, step, user, account,"   \
	" node, profile, reason, code, start_us, end_us, wall_us, cpu_us," \
	" cpu_count, peak_bytes, limit_bytes,"                             \
	" date(coalesce(end_us, start_us) / 1000000, 'unixepoch') AS day," \
	" json_extract(text, '$.cpu.throttled_us') AS throttled_us,"       \
	" json_extract(text, '$.scratch.peak_bytes') AS scratch_peak,"     \
	" json_extract(text, '$.io.read_bytes') AS read_bytes,"            \
	" json_extract(text, '$.io.write_bytes') AS write_bytes,"          \
	" json_extract(text, '$.net.rx_bytes') AS rx_bytes,"               \
	" json_extract(text, '$.net.tx_bytes') AS tx_bytes FROM record"

/* Shorter ones first: jobs and steps are mostly numbers. */
static const struct {
	const char *key, *order;
} groups[] = {
	[STORE_BY_JOB] = { "cluster, job", "cluster, length(job), job" },
	[STORE_BY_STEP] = { "cluster, job, step",
			    "cluster, length(job), job, length(step), step" },
	[STORE_BY_USER] = { "user", "user" },
	[STORE_BY_ACCOUNT] = { "account", "account" },
	[STORE_BY_NODE] = { "node", "node" },
	[STORE_BY_PROFILE] = { "profile", "profile" },
	[STORE_BY_DAY] = { "day", "day" },
	[STORE_BY_REASON] = { "reason", "reason" },
	[STORE_BY_USER_DAY] = { "user, day", "user, day" },
};

static const char *sum_sql(const struct store_filter *f, enum store_by by,
			   struct pool *pool)
{
	const char *sql = "SELECT ";

	for (size_t i = 0; i < SUM_COLUMNS; i++)
		sql = pool_printf(pool, "%s%s%s", sql, i ? ", " : "",
				  !sum_columns[i].of_job ||
						  by == STORE_BY_JOB ||
						  by == STORE_BY_STEP
					  ? sum_columns[i].sql
					  : "NULL");
	return pool_printf(
		pool, "%s FROM (" CELL "%s) AS cell GROUP BY %s ORDER BY %s%s",
		sql, where(f, pool), groups[by].key, groups[by].order,
		f->limit >= 0 ? " LIMIT :limit" : "");
}

/* All groups first, as for list_ids. */
static int list_sums(struct sqlite_store *s, const struct store_filter *filter,
		     enum store_by by, struct pool *pool,
		     struct store_sum **ret, size_t *ret_n, struct err *err)
{
	sqlite3_stmt *stmt;
	int step;

	if (prepare(s->db, sum_sql(filter, by, pool), &stmt, err))
		return -1;
	bind_filter(stmt, filter);
	while ((step = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct store_sum *sum =
			pool_push(pool, ret, ret_n, sizeof(*sum));

		for (int i = 0; i < SUM_COLUMNS; i++)
			sum_columns[i].read(stmt, i, pool,
					    (char *)sum + sum_columns[i].at);
	}
	if (step != SQLITE_DONE)
		fail(s->db, "read", err);
	sqlite3_finalize(stmt);
	return step == SQLITE_DONE ? 0 : -1;
}

static int sqlite_sum(struct store *store, const struct store_filter *filter,
		      enum store_by by,
		      int (*fn)(void *arg, const struct store_sum *sum,
				struct err *err),
		      void *arg, struct err *err)
{
	struct pool pool = { 0 };
	struct store_sum *sums = NULL;
	size_t n = 0;
	int result = list_sums(of(store), filter, by, &pool, &sums, &n, err);

	for (size_t i = 0; i < n && !result; i++)
		result = fn(arg, &sums[i], err);
	pool_free(&pool);
	return result;
}

static int list_due(struct sqlite_store *s, const char *scheduler,
		    int64_t now_us, int64_t limit, struct pool *pool,
		    struct store_job **ret, size_t *ret_n, struct err *err)
{
	sqlite3_stmt *stmt;
	int step;

	if (prepare(s->db,
		    "SELECT nullif(cluster, ''), job, last_us, tries FROM due "
		    "WHERE scheduler = ?1 AND again_us <= ?2 "
		    "ORDER BY again_us, last_us LIMIT ?3",
		    &stmt, err))
		return -1;
	bind_text(stmt, 1, scheduler);
	sqlite3_bind_int64(stmt, 2, now_us);
	sqlite3_bind_int64(stmt, 3, limit);
	while ((step = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct store_job *job =
			pool_push(pool, ret, ret_n, sizeof(*job));

		sum_text(stmt, 0, pool, &job->cluster);
		sum_text(stmt, 1, pool, &job->job);
		job->last_us = sqlite3_column_int64(stmt, 2);
		job->tries = sqlite3_column_int64(stmt, 3);
	}
	if (step != SQLITE_DONE)
		fail(s->db, "read", err);
	sqlite3_finalize(stmt);
	return step == SQLITE_DONE ? 0 : -1;
}

static int sqlite_due(struct store *store, const char *scheduler,
		      int64_t now_us, int64_t limit,
		      int (*fn)(void *arg, const struct store_job *job,
				struct err *err),
		      void *arg, struct err *err)
{
	struct pool pool = { 0 };
	struct store_job *jobs = NULL;
	size_t n = 0;
	int result = list_due(of(store), scheduler, now_us, limit, &pool, &jobs,
			      &n, err);

	for (size_t i = 0; i < n && !result; i++)
		result = fn(arg, &jobs[i], err);
	pool_free(&pool);
	return result;
}

static int sqlite_told(struct store *store, const char *scheduler,
		       const struct store_job *job, enum store_told told,
		       int64_t again_us, struct err *err)
{
	struct sqlite_store *s = of(store);
	const char *sql =
		told == STORE_TOLD_LATER
			? "UPDATE due SET again_us = ?5, tries = tries + 1 "
			  "WHERE scheduler = ?1 AND cluster = ?2 AND job = ?3"
			: "DELETE FROM due WHERE scheduler = ?1 AND "
			  "cluster = ?2 AND job = ?3 AND last_us = ?4";
	sqlite3_stmt *stmt;
	int result;

	if (prepare(s->db, sql, &stmt, err))
		return -1;
	bind_text(stmt, 1, scheduler);
	bind_text(stmt, 2, job->cluster ? job->cluster : "");
	bind_text(stmt, 3, job->job);
	sqlite3_bind_int64(stmt, 4, job->last_us);
	sqlite3_bind_int64(stmt, 5, again_us);
	result = perform(s, stmt, err);
	sqlite3_finalize(stmt);
	return result;
}

static int remove_before(struct sqlite_store *s, const char *sql,
			 int64_t before_us, struct err *err)
{
	sqlite3_stmt *stmt;
	int result;

	if (prepare(s->db, sql, &stmt, err))
		return -1;
	sqlite3_bind_int64(stmt, 1, before_us);
	result = perform(s, stmt, err);
	sqlite3_finalize(stmt);
	return result;
}

static int sqlite_expire(struct store *store, int64_t before_us, int64_t *ret_n,
			 struct err *err)
{
	struct sqlite_store *s = of(store);

	if (run(s->db, "BEGIN IMMEDIATE", err))
		return -1;
	if (remove_before(s, "DELETE FROM due WHERE last_us < ?1", before_us,
			  err) ||
	    remove_before(s,
			  "DELETE FROM record WHERE "
			  "coalesce(end_us, start_us) < ?1",
			  before_us, err))
		return undo(s->db);
	*ret_n = sqlite3_changes(s->db);
	return run(s->db, "COMMIT", err) ? undo(s->db) : 0;
}

const struct store_engine store_sqlite = {
	.open = sqlite_open,
	.insert = sqlite_insert,
	.each = sqlite_each,
	.sum = sqlite_sum,
	.due = sqlite_due,
	.told = sqlite_told,
	.expire = sqlite_expire,
	.close = sqlite_close,
};
