/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errmsg.h>
#include <errno.h>
#include <fcntl.h>
#include <mysql.h>
#include <mysqld_error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/lazy.h"
#include "store/internal.h"

/*
 * Without autocommit: a transaction of a writer starts with an UPDATE of the
 * one row of `cloison`, which keeps all other writers out until its end. So
 * writers never meet in a deadlock among themselves, nor does one read what
 * another is about to change. Readers have a snapshot and wait for nobody.
 */

#define MARIADB(X)                 \
	X(mysql_init)              \
	X(mysql_options)           \
	X(mysql_real_connect)      \
	X(mysql_close)             \
	X(mysql_query)             \
	X(mysql_errno)             \
	X(mysql_error)             \
	X(mysql_stmt_init)         \
	X(mysql_stmt_prepare)      \
	X(mysql_stmt_param_count)  \
	X(mysql_stmt_field_count)  \
	X(mysql_stmt_bind_param)   \
	X(mysql_stmt_bind_result)  \
	X(mysql_stmt_execute)      \
	X(mysql_stmt_store_result) \
	X(mysql_stmt_fetch)        \
	X(mysql_stmt_fetch_column) \
	X(mysql_stmt_free_result)  \
	X(mysql_stmt_close)        \
	X(mysql_stmt_errno)        \
	X(mysql_stmt_error)
LAZY_TABLE(lib, MARIADB);

#define TEXT_TYPE "VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"
#define KEY_TYPE  " BIGINT NOT NULL"
#define TABLE     " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"

/*
 * What brings a database from version N to N + 1, a statement an element. Never
 * edit one: append. Each of them ends a transaction (DDL), so one that was
 * begun is done again as a whole: IF NOT EXISTS.
 */
static const char *const version_1[] = {
	"CREATE TABLE IF NOT EXISTS name ("
	" id BIGINT PRIMARY KEY AUTO_INCREMENT,"
	" text " TEXT_TYPE " NOT NULL UNIQUE)" TABLE,
	"CREATE TABLE IF NOT EXISTS shape ("
	" id BIGINT PRIMARY KEY AUTO_INCREMENT,"
	" text MEDIUMBLOB NOT NULL)" TABLE,
	"CREATE TABLE IF NOT EXISTS record ("
	" seq BIGINT PRIMARY KEY AUTO_INCREMENT,"
	" id VARBINARY(72) NOT NULL UNIQUE,"
	" signer BIGINT NOT NULL, source TINYINT NOT NULL,"
	" day INT NOT NULL, failed TINYINT NOT NULL, tail " TEXT_TYPE ","
	" scheduler INT NOT NULL, cluster INT NOT NULL,"
	" job " TEXT_TYPE ", step " TEXT_TYPE ","
	" node INT NOT NULL, user INT NOT NULL, uid BIGINT,"
	" account INT NOT NULL, profile INT NOT NULL,"
	" boot INT NOT NULL, reason INT NOT NULL,"
	" start_us BIGINT, end_us BIGINT, wall_us BIGINT,"
	" code BIGINT, signum BIGINT,"
	" cpu_count BIGINT, cpu_us BIGINT, throttled_us BIGINT,"
	" limit_bytes BIGINT, peak_bytes BIGINT, scratch_bytes BIGINT,"
	" read_bytes BIGINT, write_bytes BIGINT,"
	" rx_bytes BIGINT, tx_bytes BIGINT,"
	" shape INT NOT NULL, text MEDIUMBLOB NOT NULL,"
	" KEY (job), KEY (tail), KEY (day, user))" TABLE,
	"CREATE TABLE IF NOT EXISTS due ("
	" scheduler" KEY_TYPE ", cluster" KEY_TYPE ","
	" job " TEXT_TYPE " NOT NULL, last_us" KEY_TYPE ","
	" again_us" KEY_TYPE ", tries" KEY_TYPE ","
	" PRIMARY KEY (scheduler, cluster, job))" TABLE,
	"CREATE TABLE IF NOT EXISTS total ("
	" kind TINYINT NOT NULL, gone TINYINT NOT NULL,"
	" day INT NOT NULL, cluster INT NOT NULL,"
	" node INT NOT NULL, user INT NOT NULL,"
	" account INT NOT NULL, profile INT NOT NULL,"
	" reason INT NOT NULL, failed TINYINT NOT NULL,"
	" uid" KEY_TYPE ", signer" KEY_TYPE ","
	" job " TEXT_TYPE " NOT NULL, step " TEXT_TYPE " NOT NULL,"
	" tail " TEXT_TYPE ","
	" records BIGINT, failures BIGINT, ooms BIGINT,"
	" nodes BIGINT, peak_node BIGINT,"
	" start_us BIGINT, end_us BIGINT, wall_us BIGINT,"
	" cpu_us BIGINT, cpu_asked_us BIGINT, throttled_us BIGINT,"
	" peak_bytes BIGINT, limit_bytes BIGINT,"
	" memory_used BIGINT, memory_asked BIGINT, scratch_bytes BIGINT,"
	" read_bytes BIGINT, write_bytes BIGINT,"
	" rx_bytes BIGINT, tx_bytes BIGINT,"
	" PRIMARY KEY (kind, day, gone, cluster, node, user, account,"
	"  profile, reason, failed, uid, signer, job, step),"
	" KEY (job), KEY (tail))" TABLE,
	NULL,
};
/* Scheduler, queue, project and the job's name in sums, which carry() fills. */
static const char *const version_2[] = {
	"ALTER TABLE record"
	" ADD COLUMN IF NOT EXISTS queue INT NOT NULL DEFAULT 0,"
	" ADD COLUMN IF NOT EXISTS project INT NOT NULL DEFAULT 0,"
	" ADD COLUMN IF NOT EXISTS job_name " TEXT_TYPE,
	"ALTER TABLE total"
	" ADD COLUMN IF NOT EXISTS scheduler INT NOT NULL DEFAULT 0,"
	" ADD COLUMN IF NOT EXISTS queue INT NOT NULL DEFAULT 0,"
	" ADD COLUMN IF NOT EXISTS project INT NOT NULL DEFAULT 0,"
	" ADD COLUMN IF NOT EXISTS job_name " TEXT_TYPE " NOT NULL DEFAULT '',"
	" DROP PRIMARY KEY,"
	" ADD PRIMARY KEY (kind, day, gone, cluster, node, user, account,"
	"  profile, reason, failed, uid, signer, scheduler, queue, project,"
	"  job, step, job_name)",
	NULL,
};
/* They are filled. */
static const char *const version_3[] = { NULL };
static const char *const *const migrations[] = { version_1, version_2,
						 version_3 };
enum {
	VERSION_NOW = sizeof(migrations) / sizeof(migrations[0]),
	VERSION_CARRY = VERSION_NOW - 1, /* what carry() does is left to do */
};

struct mariadb_db {
	struct store_db db;
	MYSQL *mysql; /* NULL: not connected */
	int file;     /* the option file */
	unsigned failure;
};

struct value {
	long long number;
	char *bytes;
	unsigned long len, room;
};

struct mariadb_stmt {
	struct store_stmt stmt;
	struct mariadb_db *db;
	MYSQL_STMT *handle;
	MYSQL_BIND *parameter, *column;
	struct value *value; /* of the parameters */
	struct value got;
	unsigned long *len; /* of the columns */
	my_bool *null;
	bool executed;
};

static struct mariadb_db *db_of(struct store_db *db)
{
	return (struct mariadb_db *)db;
}

static struct mariadb_stmt *stmt_of(struct store_stmt *stmt)
{
	return (struct mariadb_stmt *)stmt;
}

static void *need(size_t n, size_t size)
{
	void *p = calloc(n + 1, size);

	if (!p)
		abort();
	return p;
}

static int fail(struct mariadb_db *s, const char *what, struct err *err)
{
	s->failure = lib.mysql_errno(s->mysql);
	return err_set(err, 0, "store: %s: %s", what,
		       lib.mysql_error(s->mysql));
}

static int fail_stmt(struct mariadb_stmt *s, const char *what, struct err *err)
{
	s->db->failure = lib.mysql_stmt_errno(s->handle);
	return err_set(err, 0, "store: %s: %s", what,
		       lib.mysql_stmt_error(s->handle));
}

static int query(struct mariadb_db *s, const char *sql, struct err *err)
{
	return lib.mysql_query(s->mysql, sql) ? fail(s, "use", err) : 0;
}

static void disconnect(struct mariadb_db *s)
{
	if (s->mysql)
		lib.mysql_close(s->mysql);
	s->mysql = NULL;
}

/* Seconds: a server that does not answer is as good as away. */
static const unsigned connect_wait = 10, answer_wait = 600;

static int connect_now(struct mariadb_db *s, struct err *err)
{
	const my_bool no = 0;
	char path[64];

	s->mysql = lib.mysql_init(NULL);
	if (!s->mysql)
		abort();
	/* The file that was checked, whatever its name means by now. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", s->file);
	lib.mysql_options(s->mysql, MYSQL_READ_DEFAULT_FILE, path);
	lib.mysql_options(s->mysql, MYSQL_READ_DEFAULT_GROUP, "cloison");
	lib.mysql_options(s->mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	lib.mysql_options(s->mysql, MYSQL_OPT_CONNECT_TIMEOUT, &connect_wait);
	lib.mysql_options(s->mysql, MYSQL_OPT_READ_TIMEOUT, &answer_wait);
	lib.mysql_options(s->mysql, MYSQL_OPT_WRITE_TIMEOUT, &answer_wait);
	lib.mysql_options(s->mysql, MYSQL_OPT_LOCAL_INFILE, &no);
	lib.mysql_options(s->mysql, MYSQL_REPORT_DATA_TRUNCATION, &no);
	if (!lib.mysql_real_connect(s->mysql, NULL, NULL, NULL, NULL, 0, NULL,
				    0))
		fail(s, "connect", err);
	else if (!query(s,
			"SET autocommit = 0, sql_mode = 'STRICT_ALL_TABLES,"
			"NO_ENGINE_SUBSTITUTION', tx_isolation = "
			"'REPEATABLE-READ'",
			err))
		return 0;
	disconnect(s);
	return -1;
}

static int mariadb_exec(struct store_db *db, const char *sql, struct err *err)
{
	struct mariadb_db *s = db_of(db);

	if (!s->mysql && connect_now(s, err))
		return -1;
	return query(s, sql, err);
}

static int mariadb_prepare(struct store_db *db, const char *sql,
			   struct store_stmt **ret, struct err *err)
{
	struct mariadb_db *m = db_of(db);
	struct mariadb_stmt *s;
	size_t params, columns;

	if (!m->mysql) {
		err_set(err, 0, "store: the server is away");
		return -1;
	}
	s = need(1, sizeof(*s));
	s->stmt.driver = &store_mariadb;
	s->db = m;
	s->handle = lib.mysql_stmt_init(m->mysql);
	if (!s->handle)
		abort();
	if (lib.mysql_stmt_prepare(s->handle, sql, strlen(sql))) {
		fail_stmt(s, "prepare", err);
		lib.mysql_stmt_close(s->handle);
		free(s);
		return -1;
	}
	params = lib.mysql_stmt_param_count(s->handle);
	columns = lib.mysql_stmt_field_count(s->handle);
	s->parameter = need(params, sizeof(*s->parameter));
	s->value = need(params, sizeof(*s->value));
	s->column = need(columns, sizeof(*s->column));
	s->len = need(columns, sizeof(*s->len));
	s->null = need(columns, sizeof(*s->null));
	for (size_t i = 0; i < columns; i++) {
		s->column[i].buffer_type = MYSQL_TYPE_BLOB;
		s->column[i].length = &s->len[i];
		s->column[i].is_null = &s->null[i];
	}
	*ret = &s->stmt;
	return 0;
}

static void mariadb_finalize(struct store_stmt *stmt)
{
	struct mariadb_stmt *s = stmt_of(stmt);
	size_t params = lib.mysql_stmt_param_count(s->handle);

	for (size_t i = 0; i < params; i++)
		free(s->value[i].bytes);
	lib.mysql_stmt_close(s->handle);
	free(s->parameter);
	free(s->value);
	free(s->column);
	free(s->len);
	free(s->null);
	free(s->got.bytes);
	free(s);
}

static void mariadb_bind_number(struct store_stmt *stmt, int i, int64_t v)
{
	struct mariadb_stmt *s = stmt_of(stmt);

	s->value[i].number = v;
	s->parameter[i] = (MYSQL_BIND){ .buffer_type = MYSQL_TYPE_LONGLONG,
					.buffer = &s->value[i].number };
}

static void reserve(struct value *v, unsigned long len)
{
	if (v->bytes && v->room >= len)
		return;
	free(v->bytes);
	v->room = len;
	v->bytes = need(len, 1);
}

static void bind(struct store_stmt *stmt, int i, enum enum_field_types type,
		 const char *from, size_t len)
{
	struct mariadb_stmt *s = stmt_of(stmt);
	struct value *v = &s->value[i];

	reserve(v, len);
	memcpy(v->bytes, from, len);
	v->len = len;
	s->parameter[i] = (MYSQL_BIND){ .buffer_type = type,
					.buffer = v->bytes,
					.buffer_length = len,
					.length = &v->len };
}

static void mariadb_bind_text(struct store_stmt *stmt, int i, const char *text)
{
	if (text)
		bind(stmt, i, MYSQL_TYPE_STRING, text, strlen(text));
	else
		stmt_of(stmt)->parameter[i] =
			(MYSQL_BIND){ .buffer_type = MYSQL_TYPE_NULL };
}

static void mariadb_bind_bytes(struct store_stmt *stmt, int i, const char *from,
			       size_t len)
{
	bind(stmt, i, MYSQL_TYPE_BLOB, from, len);
}

static int execute(struct mariadb_stmt *s, struct err *err)
{
	if (lib.mysql_stmt_bind_param(s->handle, s->parameter) ||
	    lib.mysql_stmt_execute(s->handle))
		return fail_stmt(s, "use", err);
	s->executed = true;
	if (!lib.mysql_stmt_field_count(s->handle))
		return 0;
	/* Other statements may come between the rows. */
	if (lib.mysql_stmt_bind_result(s->handle, s->column) ||
	    lib.mysql_stmt_store_result(s->handle))
		return fail_stmt(s, "read", err);
	return 0;
}

static int mariadb_step(struct store_stmt *stmt, struct err *err)
{
	struct mariadb_stmt *s = stmt_of(stmt);

	if (!s->executed && execute(s, err))
		return -1;
	if (!lib.mysql_stmt_field_count(s->handle))
		return 0;
	switch (lib.mysql_stmt_fetch(s->handle)) {
	case 0:
	case MYSQL_DATA_TRUNCATED:
		return 1;
	case MYSQL_NO_DATA:
		return 0;
	default:
		return fail_stmt(s, "read", err);
	}
}

static void mariadb_reset(struct store_stmt *stmt)
{
	struct mariadb_stmt *s = stmt_of(stmt);

	lib.mysql_stmt_free_result(s->handle);
	s->executed = false;
}

static int64_t mariadb_number(struct store_stmt *stmt, int i)
{
	struct mariadb_stmt *s = stmt_of(stmt);
	long long v = -1;
	my_bool null = 0;
	MYSQL_BIND to = { .buffer_type = MYSQL_TYPE_LONGLONG,
			  .buffer = &v,
			  .is_null = &null };

	if (s->null[i] ||
	    lib.mysql_stmt_fetch_column(s->handle, &to, (unsigned)i, 0))
		return -1;
	return v;
}

static const char *mariadb_bytes(struct store_stmt *stmt, int i,
				 size_t *ret_len)
{
	struct mariadb_stmt *s = stmt_of(stmt);
	unsigned long len = s->len[i];
	my_bool null = 0;
	MYSQL_BIND to = { .buffer_type = MYSQL_TYPE_BLOB,
			  .buffer_length = len,
			  .length = &len,
			  .is_null = &null };

	*ret_len = 0;
	if (s->null[i])
		return NULL;
	reserve(&s->got, len);
	to.buffer = s->got.bytes;
	if (len && lib.mysql_stmt_fetch_column(s->handle, &to, (unsigned)i, 0))
		return NULL;
	*ret_len = len;
	return s->got.bytes;
}

static bool mariadb_again(struct store *store, struct err *err)
{
	struct mariadb_db *s = db_of(store->db);
	unsigned failure = s->failure;

	s->failure = 0;
	switch (failure) {
	case ER_LOCK_DEADLOCK:
	case ER_LOCK_WAIT_TIMEOUT:
		return true;
	case CR_SERVER_GONE_ERROR:
	case CR_SERVER_LOST:
		store_forget_statements(store);
		disconnect(s);
		return !connect_now(s, err);
	default:
		return false;
	}
}

static int version(struct mariadb_db *s, int64_t *ret, struct err *err)
{
	struct store_stmt *stmt;
	int result;

	*ret = 0;
	if (mariadb_prepare(&s->db, "SELECT version FROM cloison", &stmt, err))
		return s->failure == ER_NO_SUCH_TABLE ? 0 : -1;
	result = stmt_step(stmt, err);
	if (result > 0)
		*ret = got_number(stmt);
	mariadb_finalize(stmt);
	return result < 0 ? -1 : query(s, "COMMIT", err);
}

static int migrate_to(struct mariadb_db *s, int64_t to, struct err *err)
{
	char sql[128];

	for (const char *const *step = migrations[to - 1]; *step; step++)
		if (query(s, *step, err))
			return -1;
	snprintf(sql, sizeof(sql), "REPLACE INTO cloison VALUES (1, %d, 0)",
		 (int)to);
	return query(s, sql, err) || query(s, "COMMIT", err) ? -1 : 0;
}

static int migrate_locked(struct mariadb_db *s, struct err *err)
{
	int64_t is;

	if (version(s, &is, err))
		return -1;
	if (!is && query(s,
			 "CREATE TABLE IF NOT EXISTS cloison ("
			 "id INT PRIMARY KEY, version INT NOT NULL, "
			 "writes BIGINT NOT NULL)" TABLE,
			 err))
		return -1;
	while (is < VERSION_CARRY)
		if (migrate_to(s, ++is, err))
			return -1;
	return 0;
}

/* SELECT makes a result, which DO does not. */
#define LOCK "concat('cloison.', database())"

static int migrate(struct mariadb_db *s, struct err *err)
{
	int64_t is;
	int result;

	if (version(s, &is, err))
		return -1;
	if (is > VERSION_NOW)
		return err_set(
			err, 0,
			"a newer cloison made it (version %d, known is %d): upgrade cloison here",
			(int)is, VERSION_NOW);
	if (is >= VERSION_CARRY)
		return 0;
	if (query(s, "DO get_lock(" LOCK ", 60)", err))
		return -1;
	result = migrate_locked(s, err);
	lib.mysql_query(s->mysql, "DO release_lock(" LOCK ")");
	return result;
}

/* Another program that does it, too, does no harm. */
static int mariadb_carry(struct store *store, struct err *err)
{
	struct mariadb_db *s = db_of(store->db);
	int64_t is;

	if (version(s, &is, err))
		return -1;
	if (is == VERSION_NOW)
		return 0;
	if (total_refill(store, err))
		return -1;
	return migrate_to(s, VERSION_NOW, err);
}

/* A password is in it. */
static int open_file(const char *path, struct err *err)
{
	cleanup_fd int fd =
		open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return err_set(err, errno, "open");
	if (fstat(fd, &st))
		return err_set(err, errno, "stat");
	if (!S_ISREG(st.st_mode) || (st.st_uid && st.st_uid != geteuid()) ||
	    st.st_mode & (S_IWGRP | S_IRWXO))
		return err_set(
			err, 0,
			"not a regular file that root or uid %u owns and no other user may read nor its group write: chmod 640 it",
			geteuid());
	return steal_fd(&fd);
}

static void mariadb_close(struct store_db *db)
{
	struct mariadb_db *s = db_of(db);

	disconnect(s);
	if (s->file >= 0)
		close(s->file);
	free(s);
}

static int mariadb_open(const char *where, struct store_db **ret,
			struct err *err)
{
	struct mariadb_db *s;

	if (LAZY_LOAD(lib, MARIADB_SONAME, MARIADB, err))
		return -1;
	s = need(1, sizeof(*s));
	s->db.driver = &store_mariadb;
	s->file = open_file(where, err);
	if (s->file < 0 || connect_now(s, err) || migrate(s, err)) {
		mariadb_close(&s->db);
		return -1;
	}
	*ret = &s->db;
	return 0;
}

const struct store_driver store_mariadb = {
	.open = mariadb_open,
	.close = mariadb_close,
	.exec = mariadb_exec,
	.prepare = mariadb_prepare,
	.finalize = mariadb_finalize,
	.bind_number = mariadb_bind_number,
	.bind_text = mariadb_bind_text,
	.bind_bytes = mariadb_bind_bytes,
	.step = mariadb_step,
	.reset = mariadb_reset,
	.number = mariadb_number,
	.bytes = mariadb_bytes,
	.carry = mariadb_carry,
	.again = mariadb_again,
	.begin_write = "UPDATE cloison SET writes = writes + 1",
	.begin_read = "START TRANSACTION WITH CONSISTENT SNAPSHOT",
};
