/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

/* cmocka.h needs those before it. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store.h"

static char dir[64];
static struct err err;
static struct pool pool;

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/cloison-store-XXXXXX");
	return mkdtemp(dir) && !chdir(dir) ? 0 : -1;
}

static int rm(const char *path, const struct stat *st, int type,
	      struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static int teardown(void **state)
{
	(void)state;
	pool_free(&pool);
	return chdir("/") || nftw(dir, rm, 16, FTW_DEPTH | FTW_PHYS);
}

static struct store *open_ok(const char *path)
{
	struct store *store = NULL;

	if (store_open(path, &store, &err))
		fail_msg("store_open: %s", err.text);
	return store;
}

static void open_fails(const char *path, const char *says)
{
	struct store *store;

	assert_int_equal(store_open(path, &store, &err), -1);
	if (!strstr(err.text, says))
		fail_msg("%s", err.text);
}

/* Start and end are `at` seconds. */
static struct store_entry entry(const char *id, const char *job,
				const char *user, int64_t at, int64_t signer)
{
	struct record *r = pool_alloc(&pool, sizeof(*r));
	struct store_entry e = { .record = r, .signer = signer };

	record_init(r);
	r->id = id;
	r->scheduler.job = job;
	r->user.name = user;
	r->time.start_us = r->time.end_us = at * 1000000;
	assert_int_equal(record_format(r, &pool, &e.text, &err), 0);
	return e;
}

static void insert(struct store *s, struct store_entry *e, size_t n)
{
	if (store_insert(s, e, n, &err))
		fail_msg("store_insert: %s", err.text);
}

static int see(void *arg, const struct store_row *row, struct err *e)
{
	char *ids = arg;
	struct record r;

	assert_int_equal(record_parse(row->text, row->len, &pool, &r, e), 0);
	strcat(strcat(ids, r.id), " ");
	return 0;
}

static void expect(struct store *s, const struct store_filter *f,
		   const char *want)
{
	char ids[512] = "";

	if (store_each(s, f, see, ids, &err))
		fail_msg("store_each: %s", err.text);
	assert_string_equal(ids, want);
}

static void test_insert_and_filter(void **state)
{
	struct store *s = open_ok("a/records.db");
	struct store_entry e[] = {
		entry("c", "12", "bob", 300, 0),
		entry("a", "11", "ann", 100, 0),
		entry("b", "11", "ann", 200, 1000),
		entry("0193-4567-89abcdef", NULL, "eve", 400, 0),
	};
	struct store_filter all = STORE_FILTER_ALL, f;

	(void)state;
	insert(s, e, 0);
	insert(s, e, 4);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(e[i].fate, STORE_NEW);
	insert(s, e, 4);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(e[i].fate, STORE_KNOWN);
	expect(s, &all, "a b c 0193-4567-89abcdef ");
	f = all;
	f.job = "11";
	expect(s, &f, "a b ");
	f.limit = 1;
	expect(s, &f, "b ");
	f = all;
	f.limit = 0;
	expect(s, &f, "");
	f = all;
	f.limit = 2;
	expect(s, &f, "c 0193-4567-89abcdef ");
	f = all;
	f.job = "89abcdef";
	expect(s, &f, "0193-4567-89abcdef ");
	f = all;
	f.job = "0193-4567-89abcdef";
	expect(s, &f, "0193-4567-89abcdef ");
	f = all;
	f.job = "a";
	expect(s, &f, "");
	f = all;
	f.user = "ann' OR '1";
	expect(s, &f, "");
	f = all;
	f.user = "ann";
	f.since_us = 200 * 1000000;
	expect(s, &f, "b ");
	f = all;
	f.signer = 1000;
	expect(s, &f, "b ");
	store_close(s);
	s = open_ok("a/records.db");
	expect(s, &all, "a b c 0193-4567-89abcdef ");
	store_close(s);
	store_close(NULL);
}

static int count(void *arg, const struct store_row *row, struct err *e)
{
	(void)e;
	*(int64_t *)arg = row->signer;
	return 7;
}

/* root's record takes the place of a user's of the same id, never otherwise. */
static void test_same_id(void **state)
{
	struct store *s = open_ok("r.db");
	struct store_filter all = STORE_FILTER_ALL;
	struct store_entry user = entry("a", "1", "x", 1, 1000),
			   other = entry("a", "2", "x", 1, 1001),
			   root = entry("a", "3", "x", 1, 0), both[2];
	int64_t signer = -1;

	(void)state;
	insert(s, &user, 1);
	insert(s, &other, 1);
	assert_int_equal(other.fate, STORE_CLASH);
	insert(s, &root, 1);
	assert_int_equal(root.fate, STORE_NEW);
	insert(s, &user, 1);
	assert_int_equal(user.fate, STORE_CLASH);
	assert_int_equal(store_each(s, &all, count, &signer, &err), 7);
	assert_int_equal(signer, 0);
	all.job = "3";
	expect(s, &all, "a ");
	both[0] = both[1] = entry("b", "3", "x", 2, 0);
	insert(s, both, 2);
	assert_int_equal(both[0].fate, STORE_NEW);
	assert_int_equal(both[1].fate, STORE_KNOWN);
	expect(s, &all, "a b ");
	store_close(s);
}

/* All or nothing: the second entry cannot be stored. */
static void test_one_transaction(void **state)
{
	struct store *s = open_ok("r.db");
	struct store_filter all = STORE_FILTER_ALL;
	struct store_entry e[] = { entry("a", "1", "x", 1, 0),
				   entry("b", "1", "x", 1, 0) };

	(void)state;
	e[1].text = NULL;
	assert_int_equal(store_insert(s, e, 2, &err), -1);
	expect(s, &all, "");
	e[1] = e[0];
	insert(s, e, 1);
	expect(s, &all, "a ");
	store_close(s);
}

static void test_columns(void **state)
{
	struct store *s = open_ok("r.db");
	struct store_entry e = entry("a", "1", "x", 5, 7);
	struct record r = *e.record;
	sqlite3_stmt *q;
	sqlite3 *db;

	(void)state;
	r.usage.memory_peak = 42;
	r.usage.cpu_usage_us = 43;
	r.exit.reason = "oom";
	e.record = &r;
	e.source = STORE_SIGNED;
	insert(s, &e, 1);
	store_close(s);
	assert_int_equal(sqlite3_open("r.db", &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(db,
				   "SELECT start_us = 5000000 AND end_us = "
				   "5000000 AND job = '1' AND user = 'x' AND "
				   "uid IS NULL AND reason = 'oom' AND code IS "
				   "NULL AND peak_bytes = 42 AND cpu_us = 43 "
				   "AND wall_us IS NULL AND signer = 7 AND "
				   "source = 'signed' AND cluster IS NULL "
				   "FROM record",
				   -1, &q, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_step(q), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(q, 0), 1);
	sqlite3_finalize(q);
	sqlite3_close(db);
}

static void exec(const char *path, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void test_not_ours(void **state)
{
	FILE *f;

	(void)state;
	store_close(open_ok("new.db"));
	exec("new.db", "PRAGMA user_version = 99");
	open_fails("new.db", "newer cloison");
	exec("alien.db", "CREATE TABLE t (x)");
	chmod("alien.db", 0600);
	open_fails("alien.db", "not a cloison store");
	f = fopen("text.db", "w");
	fputs("this is not a database, however long one looks at it", f);
	fclose(f);
	chmod("text.db", 0600);
	open_fails("text.db", "not a database");
}

static void test_file_checks(void **state)
{
	struct stat st;

	(void)state;
	umask(0);
	store_close(open_ok("r.db"));
	umask(022);
	assert_int_equal(stat("r.db", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(symlink("r.db", "link.db"), 0);
	open_fails("link.db", "link.db");
	assert_int_equal(link("r.db", "second.db"), 0);
	open_fails("r.db", "one link");
	unlink("second.db");
	chmod("r.db", 0620);
	open_fails("r.db", "nobody else may write");
	chmod("r.db", 0600);
	mkfifo("fifo.db", 0600);
	open_fails("fifo.db", "regular file");
	open_fails("dir/", "Is a directory");
	mkdir("open", 0700);
	chmod("open", 0777);
	open_fails("open/r.db", "others may write");
	if (!geteuid()) {
		assert_int_equal(chown("r.db", 65534, 65534), 0);
		open_fails("r.db", "uid 0 owns");
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_insert_and_filter), TEST(test_same_id),
		TEST(test_one_transaction),   TEST(test_columns),
		TEST(test_not_ours),          TEST(test_file_checks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
