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
#include <unistd.h>

#include "acct/spool.h"
#include "base/cleanup.h"
#include "store/internal.h"

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

	/*
	 * What repeats has a number (name, shape); -1, "" and 0 stand for
	 * nothing in keys. Records follow in carry().
	 */
	"ALTER TABLE record RENAME TO record_2;"
	"DROP INDEX record_start;"
	"DROP INDEX record_job;"
	"DROP INDEX record_user;"
	"DROP INDEX record_short;"
	"CREATE TABLE name (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);"
	"CREATE TABLE shape (id INTEGER PRIMARY KEY, text BLOB NOT NULL UNIQUE);"
	"INSERT OR IGNORE INTO name (text) SELECT scheduler FROM due"
	" UNION SELECT cluster FROM due WHERE cluster <> '';"
	"ALTER TABLE due RENAME TO due_2;"
	"CREATE TABLE due ("
	" scheduler INTEGER NOT NULL, cluster INTEGER NOT NULL,"
	" job TEXT NOT NULL, last_us INTEGER NOT NULL,"
	" again_us INTEGER NOT NULL, tries INTEGER NOT NULL,"
	" PRIMARY KEY (scheduler, cluster, job)"
	") WITHOUT ROWID;"
	"INSERT INTO due SELECT s.id, coalesce(c.id, 0), job, last_us,"
	" again_us, tries FROM due_2 JOIN name s ON s.text = scheduler"
	" LEFT JOIN name c ON c.text = cluster;"
	"DROP TABLE due_2;"
	"CREATE TABLE record ("
	" seq INTEGER PRIMARY KEY,"
	" id BLOB NOT NULL UNIQUE,"
	" signer INTEGER NOT NULL, source INTEGER NOT NULL,"
	" day INTEGER NOT NULL, failed INTEGER NOT NULL, tail TEXT,"
	" scheduler INTEGER NOT NULL, cluster INTEGER NOT NULL,"
	" job TEXT, step TEXT,"
	" node INTEGER NOT NULL, user INTEGER NOT NULL, uid INTEGER,"
	" account INTEGER NOT NULL, profile INTEGER NOT NULL,"
	" boot INTEGER NOT NULL, reason INTEGER NOT NULL,"
	" start_us INTEGER, end_us INTEGER, wall_us INTEGER,"
	" code INTEGER, signum INTEGER,"
	" cpu_count INTEGER, cpu_us INTEGER, throttled_us INTEGER,"
	" limit_bytes INTEGER, peak_bytes INTEGER, scratch_bytes INTEGER,"
	" read_bytes INTEGER, write_bytes INTEGER,"
	" rx_bytes INTEGER, tx_bytes INTEGER,"
	" shape INTEGER NOT NULL, text BLOB NOT NULL"
	");"
	"CREATE INDEX record_job ON record (job);"
	"CREATE INDEX record_tail ON record (tail) WHERE tail IS NOT NULL;"
	"CREATE INDEX record_day ON record (day, user);"
	"CREATE TABLE total ("
	" kind INTEGER NOT NULL, gone INTEGER NOT NULL,"
	" day INTEGER NOT NULL, cluster INTEGER NOT NULL,"
	" node INTEGER NOT NULL, user INTEGER NOT NULL,"
	" account INTEGER NOT NULL, profile INTEGER NOT NULL,"
	" reason INTEGER NOT NULL, failed INTEGER NOT NULL,"
	" uid INTEGER NOT NULL, signer INTEGER NOT NULL,"
	" job TEXT NOT NULL, step TEXT NOT NULL, tail TEXT,"
	" records INTEGER, failures INTEGER, ooms INTEGER,"
	" nodes INTEGER, peak_node INTEGER,"
	" start_us INTEGER, end_us INTEGER, wall_us INTEGER,"
	" cpu_us INTEGER, cpu_asked_us INTEGER, throttled_us INTEGER,"
	" peak_bytes INTEGER, limit_bytes INTEGER,"
	" memory_used INTEGER, memory_asked INTEGER, scratch_bytes INTEGER,"
	" read_bytes INTEGER, write_bytes INTEGER,"
	" rx_bytes INTEGER, tx_bytes INTEGER,"
	" PRIMARY KEY (kind, day, gone, cluster, node, user, account,"
	"  profile, reason, failed, uid, signer, job, step)"
	") WITHOUT ROWID;"
	"CREATE INDEX total_job ON total (job) WHERE kind = 2;"
	"CREATE INDEX total_tail ON total (tail) WHERE tail IS NOT NULL;",

	/* Once, what carry() had moved was dropped here: it is below. */
	"",

	/*
	 * Scheduler, queue, project and the job's name in sums. carry() fills
	 * them, and takes records from record_2, which only the oldest have.
	 */
	"ALTER TABLE record ADD COLUMN queue INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE record ADD COLUMN project INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE record ADD COLUMN job_name TEXT;"
	"CREATE TABLE IF NOT EXISTS record_2 (signer, source, text);"
	"ALTER TABLE total RENAME TO total_4;"
	"DROP INDEX total_job;"
	"DROP INDEX total_tail;"
	"CREATE TABLE total ("
	" kind INTEGER NOT NULL, gone INTEGER NOT NULL,"
	" day INTEGER NOT NULL, cluster INTEGER NOT NULL,"
	" node INTEGER NOT NULL, user INTEGER NOT NULL,"
	" account INTEGER NOT NULL, profile INTEGER NOT NULL,"
	" reason INTEGER NOT NULL, failed INTEGER NOT NULL,"
	" uid INTEGER NOT NULL, signer INTEGER NOT NULL,"
	" scheduler INTEGER NOT NULL, queue INTEGER NOT NULL,"
	" project INTEGER NOT NULL,"
	" job TEXT NOT NULL, step TEXT NOT NULL, job_name TEXT NOT NULL,"
	" tail TEXT,"
	" records INTEGER, failures INTEGER, ooms INTEGER,"
	" nodes INTEGER, peak_node INTEGER,"
	" start_us INTEGER, end_us INTEGER, wall_us INTEGER,"
	" cpu_us INTEGER, cpu_asked_us INTEGER, throttled_us INTEGER,"
	" peak_bytes INTEGER, limit_bytes INTEGER,"
	" memory_used INTEGER, memory_asked INTEGER, scratch_bytes INTEGER,"
	" read_bytes INTEGER, write_bytes INTEGER,"
	" rx_bytes INTEGER, tx_bytes INTEGER,"
	" PRIMARY KEY (kind, day, gone, cluster, node, user, account,"
	"  profile, reason, failed, uid, signer, scheduler, queue, project,"
	"  job, step, job_name)"
	") WITHOUT ROWID;"
	"INSERT INTO total SELECT kind, gone, day, cluster, node, user,"
	" account, profile, reason, failed, uid, signer, 0, 0, 0, job, step,"
	" '', tail, records, failures, ooms, nodes, peak_node, start_us,"
	" end_us, wall_us, cpu_us, cpu_asked_us, throttled_us, peak_bytes,"
	" limit_bytes, memory_used, memory_asked, scratch_bytes, read_bytes,"
	" write_bytes, rx_bytes, tx_bytes FROM total_4;"
	"DROP TABLE total_4;"
	"CREATE INDEX total_job ON total (job) WHERE kind = 2;"
	"CREATE INDEX total_tail ON total (tail) WHERE tail IS NOT NULL;",

	/* carry() is done. */
	"DROP TABLE record_2;",
};
enum {
	VERSION_NOW = sizeof(migrations) / sizeof(migrations[0]),
	VERSION_CARRY = VERSION_NOW - 1, /* what carry() does is left to do */
};

struct sqlite_db {
	struct store_db db;
	sqlite3 *sqlite;
};

struct sqlite_stmt {
	struct store_stmt stmt;
	sqlite3 *sqlite;
	sqlite3_stmt *handle;
};

static sqlite3 *handle_of(const struct store_db *db)
{
	return ((const struct sqlite_db *)db)->sqlite;
}

static sqlite3_stmt *stmt_of(const struct store_stmt *stmt)
{
	return ((const struct sqlite_stmt *)stmt)->handle;
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

static int pragma_number(sqlite3 *db, const char *sql, int *ret,
			 struct err *err)
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
static int migrate_locked(sqlite3 *db, int to, struct err *err)
{
	int version, tables;
	char pragma[64];

	if (pragma_number(db, "PRAGMA user_version", &version, err) ||
	    pragma_number(db, "SELECT count(*) FROM sqlite_master", &tables,
			  err))
		return -1;
	if (version < 0 || (!version && tables))
		return err_set(err, 0, "it is not a cloison store");
	if (version > VERSION_NOW)
		return err_set(
			err, 0,
			"a newer cloison made it (version %d, known is %d): upgrade cloison here",
			version, VERSION_NOW);
	for (int i = version; i < to; i++)
		if (run(db, migrations[i], err))
			return -1;
	snprintf(pragma, sizeof(pragma), "PRAGMA user_version = %d", to);
	return version < to ? run(db, pragma, err) : 0;
}

static int migrate(sqlite3 *db, int to, struct err *err)
{
	int version;

	/* Nothing is written to a store that is up to date. */
	if (pragma_number(db, "PRAGMA user_version", &version, err))
		return -1;
	if (version >= to && version <= VERSION_NOW)
		return 0;
	if (run(db, "BEGIN IMMEDIATE", err))
		return -1;
	if (migrate_locked(db, to, err) || run(db, "COMMIT", err))
		return undo(db);
	return 0;
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

static void sqlite_close(struct store_db *db)
{
	sqlite3_close(handle_of(db));
	free(db);
}

static int set_up(struct sqlite_db *s, const char *path, struct err *err)
{
	struct stat st = { 0 };

	/*
	 * The file is closed again before SQLite has it, as closing would drop
	 * SQLite's locks on it (fcntl_locking(2)).
	 */
	if (check_file(path, &st, err))
		return -1;
	if (sqlite3_open_v2(path, &s->sqlite, SQLITE_OPEN_READWRITE, NULL))
		return fail(s->sqlite, "open", err);
	sqlite3_busy_timeout(s->sqlite, BUSY_MS);
	sqlite3_db_config(s->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(s->sqlite, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	if (check_same(s->sqlite, &st, err) ||
	    run(s->sqlite, "PRAGMA synchronous = FULL", err) ||
	    run(s->sqlite, "PRAGMA cache_size = -16384", err))
		return -1;
	return migrate(s->sqlite, VERSION_CARRY, err);
}

static int sqlite_open(const char *where, struct store_db **ret,
		       struct err *err)
{
	struct sqlite_db *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	s->db.driver = &store_sqlite;
	if (set_up(s, where, err)) {
		sqlite_close(&s->db);
		return -1;
	}
	*ret = &s->db;
	return 0;
}

static int sqlite_exec(struct store_db *db, const char *sql, struct err *err)
{
	return run(handle_of(db), sql, err);
}

static int sqlite_prepare(struct store_db *db, const char *sql,
			  struct store_stmt **ret, struct err *err)
{
	struct sqlite_stmt *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	s->stmt.driver = &store_sqlite;
	s->sqlite = handle_of(db);
	if (prepare(s->sqlite, sql, &s->handle, err)) {
		free(s);
		return -1;
	}
	*ret = &s->stmt;
	return 0;
}

static void sqlite_finalize(struct store_stmt *stmt)
{
	sqlite3_finalize(stmt_of(stmt));
	free(stmt);
}

static void sqlite_bind_number(struct store_stmt *stmt, int i, int64_t v)
{
	sqlite3_bind_int64(stmt_of(stmt), i + 1, v);
}

static void sqlite_bind_text(struct store_stmt *stmt, int i, const char *s)
{
	sqlite3_bind_text(stmt_of(stmt), i + 1, s, -1, SQLITE_TRANSIENT);
}

static void sqlite_bind_bytes(struct store_stmt *stmt, int i, const char *s,
			      size_t len)
{
	sqlite3_bind_blob(stmt_of(stmt), i + 1, s, (int)len, SQLITE_TRANSIENT);
}

static int sqlite_step(struct store_stmt *stmt, struct err *err)
{
	const struct sqlite_stmt *s = (const struct sqlite_stmt *)stmt;
	int step = sqlite3_step(s->handle);

	if (step == SQLITE_ROW)
		return 1;
	return step == SQLITE_DONE ? 0 : fail(s->sqlite, "use", err);
}

static void sqlite_reset(struct store_stmt *stmt)
{
	sqlite3_reset(stmt_of(stmt));
}

static int64_t sqlite_number(struct store_stmt *stmt, int i)
{
	if (sqlite3_column_type(stmt_of(stmt), i) == SQLITE_NULL)
		return -1;
	return sqlite3_column_int64(stmt_of(stmt), i);
}

static const char *sqlite_bytes(struct store_stmt *stmt, int i, size_t *ret_len)
{
	const char *bytes = sqlite3_column_blob(stmt_of(stmt), i);

	*ret_len = (size_t)sqlite3_column_bytes(stmt_of(stmt), i);
	return bytes || sqlite3_column_type(stmt_of(stmt), i) == SQLITE_NULL
		       ? bytes
		       : "";
}

/* SQLite waits for others by itself. */
static bool sqlite_again(struct store *store, struct err *err)
{
	(void)store, (void)err;
	return false;
}

enum {
	CARRY_BATCH = 256
};

/* Some of the records of an old store; how many in `ret_n`. */
static int carry_some(struct store *store, sqlite3_stmt *read, size_t *ret_n,
		      int64_t *ret_last, struct err *err)
{
	struct store_entry entries[CARRY_BATCH] = { 0 };
	struct record records[CARRY_BATCH];
	struct pool pool = { 0 };
	int result = 0, step;
	size_t n = 0;

	while ((step = sqlite3_step(read)) == SQLITE_ROW && !result) {
		const char *text = (const char *)sqlite3_column_text(read, 2);
		const char *source = (const char *)sqlite3_column_text(read, 1);

		if (!text || !source)
			abort(); /* both are NOT NULL: out of memory */
		entries[n] = (struct store_entry){
			.record = &records[n],
			.text = pool_strdup(&pool, text),
			.signer = sqlite3_column_int64(read, 0),
			.source = strcmp(source, "signed") ? STORE_SPOOL
							   : STORE_SIGNED,
		};
		result = record_parse(text, strlen(text), &pool, &records[n],
				      err);
		*ret_last = sqlite3_column_int64(read, 3);
		n++;
	}
	sqlite3_reset(read);
	if (!result && step != SQLITE_DONE)
		result = fail(handle_of(store->db), "read", err);
	if (!result)
		result = store_insert(store, entries, n, err);
	pool_free(&pool);
	*ret_n = n;
	return result;
}

static int forget_carried(sqlite3 *db, int64_t last, struct err *err)
{
	char sql[64];

	snprintf(sql, sizeof(sql), "DELETE FROM record_2 WHERE rowid <= %lld",
		 (long long)last);
	return run(db, sql, err);
}

/*
 * In steps: one that ends in between, or beside another program's, is gone on
 * with, as records are inserted once.
 */
static int carry_all(struct store *store, struct err *err)
{
	sqlite3 *db = handle_of(store->db);
	sqlite3_stmt *read;
	int64_t last = 0;
	size_t n = 1;
	int result = 0;

	if (prepare(db,
		    "SELECT signer, source, text, rowid FROM record_2 "
		    "ORDER BY rowid LIMIT 256",
		    &read, err))
		return -1;
	while (n && !result) {
		result = carry_some(store, read, &n, &last, err);
		if (!result && n)
			result = forget_carried(db, last, err);
	}
	sqlite3_finalize(read);
	return result ? -1 : 0;
}

static int is_carried(sqlite3 *db, bool *ret, struct err *err)
{
	int version;

	if (pragma_number(db, "PRAGMA user_version", &version, err))
		return -1;
	*ret = version == VERSION_NOW;
	return 0;
}

static int sqlite_carry(struct store *store, struct err *err)
{
	sqlite3 *db = handle_of(store->db);
	struct err failure;
	bool done;
	int result;

	if (is_carried(db, &done, err))
		return -1;
	if (done)
		return 0;
	store->carrying = true;
	result = carry_all(store, &failure) || total_refill(store, &failure);
	store->carrying = false;
	if (!result)
		return migrate(db, VERSION_NOW, err);
	/* Another program may have come to the end before. */
	if (!is_carried(db, &done, err) && done)
		return 0;
	*err = failure;
	return -1;
}

const struct store_driver store_sqlite = {
	.open = sqlite_open,
	.close = sqlite_close,
	.exec = sqlite_exec,
	.prepare = sqlite_prepare,
	.finalize = sqlite_finalize,
	.bind_number = sqlite_bind_number,
	.bind_text = sqlite_bind_text,
	.bind_bytes = sqlite_bind_bytes,
	.step = sqlite_step,
	.reset = sqlite_reset,
	.number = sqlite_number,
	.bytes = sqlite_bytes,
	.carry = sqlite_carry,
	.again = sqlite_again,
	/* IMMEDIATE: a lock got later could not be waited for. */
	.begin_write = "BEGIN IMMEDIATE",
	.begin_read = "BEGIN",
};
