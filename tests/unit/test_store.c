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

#include <ctype.h>
#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store.h"
#ifdef HAVE_MARIADB
#include "mariadb.h"
#endif

/* Most tests are run with each engine. */
static bool on_server;

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

#ifdef HAVE_MARIADB
static char databases[512]; /* of this test, a space behind each */

static void remove_databases(void)
{
	char *name, *rest = databases;

	while ((name = strsep(&rest, " ")) && *name)
		server_query(pool_printf(&pool, "DROP DATABASE %s", name));
	*databases = '\0';
}

/* A store named as a file is on the server a database of its own. */
static const char *on_server_where(const char *path)
{
	char name[32] = "";
	FILE *f;

	for (size_t i = 0; path[i] && i < sizeof(name) - 1; i++)
		name[i] = isalnum(path[i]) ? path[i] : '_';
	if (!strstr(databases, pool_printf(&pool, "%s ", name))) {
		strcat(strcat(databases, name), " ");
		assert_true(server_query(
			pool_printf(&pool, "CREATE DATABASE %s", name)));
		f = fopen(pool_printf(&pool, "%s.cnf", name), "w");
		fprintf(f,
			"[cloison]\nsocket=%s/socket\nuser=root\n"
			"database=%s\n",
			server.dir, name);
		fclose(f);
		chmod(pool_printf(&pool, "%s.cnf", name), 0600);
	}
	return pool_printf(&pool, "mariadb:%s.cnf", name);
}
#endif

static int teardown(void **state)
{
	(void)state;
#ifdef HAVE_MARIADB
	remove_databases();
#endif
	pool_free(&pool);
	return chdir("/") || nftw(dir, rm, 16, FTW_DEPTH | FTW_PHYS);
}

static struct store *open_ok(const char *path)
{
	struct store *store = NULL;

#ifdef HAVE_MARIADB
	if (on_server)
		path = on_server_where(path);
#endif
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

/* One cell of two CPUs and 4 s, with all that sums are about. */
static struct store_entry cell(const char *id, const char *job,
			       const char *step, const char *node,
			       const char *user, int64_t end_s, int64_t code)
{
	struct record *r = pool_alloc(&pool, sizeof(*r));
	struct store_entry e = { .record = r };

	record_init(r);
	r->id = id;
	r->scheduler.name = "slurm";
	r->scheduler.cluster = "c1";
	r->scheduler.job = job;
	r->scheduler.step = step;
	r->node = node;
	r->user.name = user;
	r->user.uid = 1000;
	r->user.account = "physics";
	r->cell.profile = "batch";
	r->time.start_us = (end_s - 4) * 1000000;
	r->time.end_us = end_s * 1000000;
	r->time.wall_us = 4000000;
	r->exit.code = code;
	r->exit.reason = code < 0 ? "oom" : "exited";
	r->cpu.count = 2;
	r->usage.cpu_usage_us = 5000000;
	r->usage.cpu_throttled_us = 10;
	r->usage.memory_peak = 100 << 20;
	r->usage.io_read = 7;
	r->usage.io_write = 8;
	r->memory.limit = 200 << 20;
	r->scratch.peak = 3000;
	r->net.rx = 1;
	r->net.tx = 2;
	return e;
}

static struct record *of(const struct store_entry *e)
{
	return (struct record *)e->record;
}

static void put(struct store *s, struct store_entry *e, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(
			record_format(e[i].record, &pool, &e[i].text, &err), 0);
	insert(s, e, n);
}

struct sums {
	struct store_sum sum[16];
	size_t n;
};

static int add_sum(void *arg, const struct store_sum *sum, struct err *e)
{
	struct sums *sums = arg;
	struct store_sum *to = &sums->sum[sums->n++];

	(void)e;
	assert_true(sums->n <= 16);
	*to = *sum;
#define KEEP(member) to->member = pool_strdup(&pool, sum->member)
	KEEP(cluster);
	KEEP(job);
	KEEP(step);
	KEEP(user);
	KEEP(account);
	KEEP(node);
	KEEP(profile);
	KEEP(reason);
	KEEP(day);
	KEEP(scheduler);
	KEEP(queue);
	KEEP(project);
	KEEP(job_name);
	KEEP(peak_node);
#undef KEEP
	return 0;
}

static struct sums sum(struct store *s, const struct store_filter *f,
		       enum store_by by)
{
	struct sums sums = { 0 };

	if (store_sum(s, f, by, add_sum, &sums, &err))
		fail_msg("store_sum: %s", err.text);
	return sums;
}

enum {
	DAY = 86400,
	NOON = 20000 * DAY + DAY / 2, /* of 2024-10-04 */
};

/* Job 9 on two nodes and a day later a second step; job 10 of another user. */
static struct store *some_cells(struct store_entry e[static 5])
{
	struct store *s = open_ok("r.db");

	e[0] = cell("a", "9", "0", "n1", "ann", NOON, 0);
	e[1] = cell("b", "9", "0", "n2", "ann", NOON, -1);
	e[2] = cell("c", "9", "1", "n2", "ann", NOON + DAY, 0);
	e[3] = cell("d", "10", "batch", "n1", "bob", NOON, 1);
	e[4] = cell("0193-4567-89abcdef", NULL, NULL, "n1", "eve", NOON, 0);
	of(&e[1])->usage.memory_peak = 150 << 20;
	of(&e[4])->scheduler.name = of(&e[4])->scheduler.cluster = NULL;
	for (size_t i = 0; i < 4; i++)
		of(&e[i])->scheduler.queue = i < 3 ? "long" : "short";
	for (size_t i = 0; i < 3; i++)
		of(&e[i])->scheduler.job_name = "sweep";
	of(&e[0])->scheduler.project = "x";
	put(s, e, 5);
	return s;
}

static void test_sum_by_job(void **state)
{
	struct store_filter all = STORE_FILTER_ALL;
	struct store_entry e[5];
	struct store *s = some_cells(e);
	struct sums got = sum(s, &all, STORE_BY_JOB);
	const struct store_sum *j = &got.sum[1];

	(void)state;
	assert_int_equal(got.n, 3);
	assert_null(got.sum[0].cluster);
	assert_string_equal(got.sum[0].job, "0193-4567-89abcdef");
	assert_string_equal(j->job, "9");
	assert_string_equal(j->cluster, "c1");
	assert_null(j->step);
	assert_null(j->node);
	assert_null(j->day);
	assert_null(j->reason);
	assert_string_equal(j->user, "ann");
	assert_string_equal(j->account, "physics");
	assert_string_equal(j->profile, "batch");
	assert_string_equal(j->scheduler, "slurm");
	assert_string_equal(j->queue, "long");
	assert_string_equal(j->job_name, "sweep");
	assert_null(j->project);
	assert_int_equal(j->records, 3);
	assert_int_equal(j->failed, 1);
	assert_int_equal(j->ooms, 1);
	assert_int_equal(j->nodes, 2);
	assert_int_equal(j->start_us, (NOON - 4) * 1000000LL);
	assert_int_equal(j->end_us, (NOON + DAY) * 1000000LL);
	assert_int_equal(j->wall_us, 12000000);
	assert_int_equal(j->cpu_us, 15000000);
	assert_int_equal(j->cpu_asked_us, 24000000);
	assert_int_equal(j->throttled_us, 30);
	assert_int_equal(j->peak_bytes, 150 << 20);
	assert_int_equal(j->limit_bytes, 200 << 20);
	assert_string_equal(j->peak_node, "n2");
	assert_int_equal(j->memory_used_mib_s, 4 * (100 + 150 + 100));
	assert_int_equal(j->memory_asked_mib_s, 4 * 600);
	assert_int_equal(j->scratch_peak_bytes, 3000);
	assert_int_equal(j->read_bytes, 21);
	assert_int_equal(j->write_bytes, 24);
	assert_int_equal(j->rx_bytes, 3);
	assert_int_equal(j->tx_bytes, 6);
	assert_string_equal(got.sum[2].job, "10");
	assert_string_equal(got.sum[2].day, "2024-10-04");
	assert_string_equal(got.sum[2].step, "batch");
	got = sum(s, &all, STORE_BY_STEP);
	assert_int_equal(got.n, 4);
	assert_string_equal(got.sum[2].step, "1");
	assert_int_equal(got.sum[1].records, 2);
	store_close(s);
}

static void test_sum_by_others(void **state)
{
	static const struct {
		enum store_by by;
		size_t at;
		const char *keys[4];
	} cases[] = {
		{ STORE_BY_USER,
		  offsetof(struct store_sum, user),
		  { "ann", "bob", "eve" } },
		{ STORE_BY_ACCOUNT,
		  offsetof(struct store_sum, account),
		  { "physics" } },
		{ STORE_BY_NODE,
		  offsetof(struct store_sum, node),
		  { "n1", "n2" } },
		{ STORE_BY_PROFILE,
		  offsetof(struct store_sum, profile),
		  { "batch" } },
		{ STORE_BY_DAY,
		  offsetof(struct store_sum, day),
		  { "2024-10-04", "2024-10-05" } },
		{ STORE_BY_REASON,
		  offsetof(struct store_sum, reason),
		  { "exited", "oom" } },
		{ STORE_BY_SCHEDULER,
		  offsetof(struct store_sum, scheduler),
		  { "", "slurm" } },
		{ STORE_BY_QUEUE,
		  offsetof(struct store_sum, queue),
		  { "", "long", "short" } },
		{ STORE_BY_PROJECT,
		  offsetof(struct store_sum, project),
		  { "", "x" } },
		{ STORE_BY_USER_DAY,
		  offsetof(struct store_sum, user),
		  { "ann", "ann", "bob", "eve" } },
	};
	struct store_filter all = STORE_FILTER_ALL;
	struct store_entry e[5];
	struct store *s = some_cells(e);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sums got = sum(s, &all, cases[i].by);
		int64_t records = 0;

		for (size_t k = 0; k < 4 && cases[i].keys[k]; k++) {
			const char *key =
				*(char **)((char *)&got.sum[k] + cases[i].at);

			assert_true(k < got.n);
			assert_string_equal(key ? key : "", cases[i].keys[k]);
			assert_null(got.sum[k].job_name);
			records += got.sum[k].records;
			assert_int_equal(got.sum[k].nodes, -1);
			assert_null(got.sum[k].peak_node);
		}
		assert_int_equal(records, 5);
	}
	store_close(s);
}

/* Every member of a filter narrows sums as it does records. */
static void test_sum_filters(void **state)
{
	struct store_filter all = STORE_FILTER_ALL, f[16];
	static const char *const want[] = {
		"a b c ", "d ",
		"a b c ", "e ",
		"b c ",   "0193-4567-89abcdef a b d c ",
		"b ",     "a b d c ",
		"c ",     "0193-4567-89abcdef a b d ",
		"",       "b d ",
		"",       "b c ",
		"d ",     "a "
	};
	struct store_entry e[5],
		extra = cell("e", "11", "0", "n1", "bob", 9, 0);
	struct store *s = some_cells(e);

	(void)state;
	of(&extra)->user.account = "maths";
	of(&extra)->cell.profile = "open";
	of(&extra)->scheduler.cluster = "c2";
	put(s, &extra, 1);
	for (size_t i = 0; i < 16; i++)
		f[i] = all;
	f[0].job = "9";
	f[1].user = "bob";
	f[1].since_us = 100LL * 1000000;
	f[2].user = "ann";
	f[3].account = "maths";
	f[4].node = "n2";
	f[5].profile = "batch";
	f[6].reason = "oom";
	f[7].cluster = "c1";
	f[8].since_us = (NOON + 1) * 1000000LL;
	f[9].until_us = (NOON + 1) * 1000000LL;
	f[9].since_us = 100LL * 1000000;
	f[10].uid = 1;
	f[11].failed = true;
	f[12].signer = 1;
	f[13].scheduler = "slurm";
	f[13].queue = "long";
	f[13].node = "n2";
	f[14].queue = "short";
	f[15].project = "x";
	for (size_t i = 0; i < 16; i++) {
		struct sums got = sum(s, &f[i], STORE_BY_STEP);
		int64_t records = 0, words = 0;

		expect(s, &f[i], want[i]);
		for (const char *c = want[i]; *c; c++)
			words += *c == ' ';
		for (size_t k = 0; k < got.n; k++)
			records += got.sum[k].records;
		assert_int_equal(records, words);
	}
	all.limit = 2;
	assert_int_equal(sum(s, &all, STORE_BY_USER).n, 2);
	store_close(s);
}

/* What was not measured is not zero, and huge numbers break nothing. */
static void test_sum_of_nothing(void **state)
{
	struct store *s = open_ok("r.db");
	struct store_filter all = STORE_FILTER_ALL;
	struct store_entry bare = entry("a", "1", "x", 5, 0),
			   huge[] = { cell("b", "2", "0", "n", "y", 9, 0),
				      cell("c", "2", "0", "n", "y", 9, 0) };
	struct sums got;

	(void)state;
	insert(s, &bare, 1);
	got = sum(s, &all, STORE_BY_USER);
	assert_int_equal(got.n, 1);
	assert_int_equal(got.sum[0].records, 1);
	assert_int_equal(got.sum[0].failed, 1);
	assert_int_equal(got.sum[0].wall_us, -1);
	assert_int_equal(got.sum[0].cpu_asked_us, -1);
	assert_int_equal(got.sum[0].throttled_us, -1);
	assert_int_equal(got.sum[0].peak_bytes, -1);
	assert_int_equal(got.sum[0].memory_used_mib_s, -1);
	assert_int_equal(got.sum[0].tx_bytes, -1);
	assert_null(got.sum[0].node);
	for (size_t i = 0; i < 2; i++) {
		of(&huge[i])->usage.cpu_usage_us = INT64_MAX;
		of(&huge[i])->usage.io_read = INT64_MAX;
	}
	put(s, huge, 2);
	got = sum(s, &all, STORE_BY_USER);
	assert_int_equal(got.n, 2);
	assert_int_equal(got.sum[1].cpu_us, INT64_MAX);
	assert_int_equal(got.sum[1].read_bytes, INT64_MAX);
	store_close(s);
}

struct jobs {
	struct store_job job[8];
	size_t n;
};

static int add_job(void *arg, const struct store_job *job, struct err *e)
{
	struct jobs *jobs = arg;

	(void)e;
	assert_true(jobs->n < 8);
	jobs->job[jobs->n] = *job;
	jobs->job[jobs->n].cluster = pool_strdup(&pool, job->cluster);
	jobs->job[jobs->n++].job = pool_strdup(&pool, job->job);
	return 0;
}

static struct jobs due(struct store *s, const char *scheduler, int64_t now_us,
		       int64_t limit)
{
	struct jobs jobs = { 0 };

	if (store_due(s, scheduler, now_us, limit, add_job, &jobs, &err))
		fail_msg("store_due: %s", err.text);
	return jobs;
}

static void tell(struct store *s, const struct store_job *job,
		 enum store_told told, int64_t again_us)
{
	if (store_told(s, "slurm", job, told, again_us, &err))
		fail_msg("store_told: %s", err.text);
}

static void test_due(void **state)
{
	struct store_entry e[5],
		more = cell("f", "9", "2", "n1", "ann", NOON, 0);
	struct store *s = some_cells(e);
	struct jobs got = due(s, "slurm", 100, 10), again;

	(void)state;
	assert_int_equal(got.n, 2);
	assert_string_equal(got.job[0].job, "9");
	assert_string_equal(got.job[0].cluster, "c1");
	assert_int_equal(got.job[0].tries, 0);
	assert_true(got.job[0].last_us > NOON * 1000000LL);
	assert_int_equal(due(s, "slurm", 100, 1).n, 1);
	assert_int_equal(due(s, "pbs", 100, 10).n, 0);
	/* Put off, and due when its time has come. */
	tell(s, &got.job[0], STORE_TOLD_LATER, 200);
	again = due(s, "slurm", 199, 10);
	assert_int_equal(again.n, 1);
	assert_string_equal(again.job[0].job, "10");
	again = due(s, "slurm", 200, 10);
	assert_int_equal(again.n, 2);
	assert_string_equal(again.job[1].job, "9");
	assert_int_equal(again.job[1].tries, 1);
	/* Told, but a record came since: it stays. */
	put(s, &more, 1);
	tell(s, &got.job[0], STORE_TOLD_DONE, 0);
	again = due(s, "slurm", 200, 10);
	assert_int_equal(again.n, 2);
	assert_true(again.job[1].last_us > got.job[0].last_us);
	tell(s, &again.job[1], STORE_TOLD_DONE, 0);
	tell(s, &again.job[0], STORE_TOLD_FOREIGN, 0);
	assert_int_equal(due(s, "slurm", 200, 10).n, 0);
	/* A record that is known makes nothing due, a new one does. */
	put(s, &more, 1);
	assert_int_equal(due(s, "slurm", 200, 10).n, 0);
	of(&more)->id = "g";
	of(&more)->scheduler.cluster = NULL;
	put(s, &more, 1);
	again = due(s, "slurm", 200, 10);
	assert_int_equal(again.n, 1);
	assert_null(again.job[0].cluster);
	tell(s, &again.job[0], STORE_TOLD_NEVER, 0);
	assert_int_equal(due(s, "slurm", 200, 10).n, 0);
	store_close(s);
}

static int64_t only_number(const char *path, const char *sql)
{
	sqlite3_stmt *q;
	sqlite3 *db;
	int64_t v;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(q), SQLITE_ROW);
	v = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	sqlite3_close(db);
	return v;
}

static int see_text(void *arg, const struct store_row *row, struct err *e)
{
	(void)e;
	*(const char **)arg = pool_strndup(&pool, row->text, row->len);
	return 0;
}

/* The newest are those that started last, not those that ended last. */
static void test_newest(void **state)
{
	struct store *s = open_ok("r.db");
	struct store_filter f = STORE_FILTER_ALL;
	struct store_entry e[] = {
		cell("long", "1", "0", "n", "ann", NOON + 5 * DAY, 0),
		cell("older", "2", "0", "n", "ann", NOON + 3 * DAY, 0),
		cell("newer", "3", "0", "n", "ann", NOON + 4 * DAY, 0),
		cell("never", "4", "0", "n", "ann", NOON, 0),
	};

	(void)state;
	of(&e[0])->time.start_us = NOON * INT64_C(1000000);
	of(&e[3])->time.start_us = of(&e[3])->time.end_us = -1;
	put(s, e, 4);
	f.limit = 2;
	expect(s, &f, "older newer ");
	f.limit = 3;
	expect(s, &f, "long older newer ");
	f.limit = 4;
	expect(s, &f, "never long older newer ");
	f.limit = 5;
	expect(s, &f, "never long older newer ");
	f.limit = 0;
	expect(s, &f, "");
	store_close(s);
}

/* What the store makes smaller comes back byte for byte. */
static void test_texts(void **state)
{
	static const char *const tails[] = {
		"\"node\":\"n1\",\"x\":[1,2.50,-3,\"a\",{\"b\":[]}]}",
		"\"node\":\"n1\",\"cpu\":{\"usage_us\":05}}",
		"\"node\":\"n\\u0031\",\"y\":{\"id\":\"a\",\"node\":\"n1\"}}",
		"\"node\":null,\"time\":{\"wall_s\":4.0,\"start\":\"x\"}}",
		"\"node\":\"\",\"big\":123456789012345678901234567890}",
		"\"node\":\"n1\",\"time\":{\"wall_s\":4.000000}}",
		"\"node\":\"n1\",\"user\":{\"uid\":1000,\"gid\":1000}}",
		"\"node\":\"n1\",\"control\":\"\x01\"}",
		"\"node\":\"n1\",\"open\":\"",
		"\"node\":\"n1\"]]]}",
		"\"node\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}",
		"",
	};
	struct store *s = open_ok("r.db");
	struct store_filter all = STORE_FILTER_ALL;

	(void)state;
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		const char *id = pool_printf(&pool, "t%zu", i), *text = NULL;
		struct store_entry e =
			cell(id, NULL, "0", "n1", "ann", NOON, 0);

		e.text = pool_printf(&pool, "{\"id\":\"%s\",%s", id, tails[i]);
		insert(s, &e, 1);
		all.job = id;
		assert_int_equal(store_each(s, &all, see_text, &text, &err), 0);
		assert_string_equal(text, e.text);
	}
	store_close(s);
}

/* Ids of all kinds are told apart, and come back. */
static void test_ids(void **state)
{
	static const char *const ids[] = {
		"01932c4e-5a10-7abc-8def-0123456789ab",
		"01932c4e-5a10-7abc-8def-0123456789ag",
		"01932c4e-5a10-7abc-8def-0123456789a-",
		"01932c4e5a107abc8def0123456789ab",
		"0123456789abcdef",
		"0123456789abcde",
		"0123456789abcdef0",
		"a",
	};
	struct store *s = open_ok("r.db");
	struct store_filter f = STORE_FILTER_ALL;

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct store_entry e = entry(ids[i], NULL, "x", 5, 0);

		insert(s, &e, 1);
		assert_int_equal(e.fate, STORE_NEW);
		insert(s, &e, 1);
		assert_int_equal(e.fate, STORE_KNOWN);
		f.job = ids[i];
		expect(s, &f, pool_printf(&pool, "%s ", ids[i]));
	}
	f.job = "456789ab";
	expect(s, &f,
	       "01932c4e-5a10-7abc-8def-0123456789ab "
	       "01932c4e5a107abc8def0123456789ab ");
	store_close(s);
}

static void same_text(const char *a, const char *b)
{
	assert_string_equal(a ? a : "-", b ? b : "-");
}

/* Jobs of two schedulers are two, whatever their numbers. */
static void test_schedulers(void **state)
{
	struct store_entry e[] = {
		cell("a", "7", NULL, "n1", "ann", NOON, 0),
		cell("b", "7", NULL, "n1", "ann", NOON, 0),
	};
	struct store_filter all = STORE_FILTER_ALL;
	struct store *s = open_ok("r.db");
	struct sums got;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		of(&e[i])->scheduler.name = i ? "lsf" : "flux";
		of(&e[i])->scheduler.cluster = NULL;
		of(&e[i])->scheduler.job_name = i ? "long\"name" : NULL;
	}
	put(s, e, 2);
	for (int i = 0; i < 2; i++) {
		int64_t n;

		got = sum(s, &all, i ? STORE_BY_STEP : STORE_BY_JOB);
		assert_int_equal(got.n, 2);
		same_text(got.sum[0].scheduler, "flux");
		same_text(got.sum[0].job_name, NULL);
		same_text(got.sum[1].scheduler, "lsf");
		same_text(got.sum[1].job_name, "long\"name");
		/* And when they have expired. */
		assert_int_equal(
			store_expire(s, (NOON + DAY) * 1000000LL, &n, &err), 0);
	}
	store_close(s);
}

/* Sums that are kept are those of the records: by each key, in each order. */
static void same_sums(struct store *a, struct store *b,
		      const struct store_filter *f)
{
	for (enum store_by by = 0; by <= STORE_BY_USER_DAY; by++) {
		struct sums x = sum(a, f, by), y = sum(b, f, by);

		assert_int_equal(x.n, y.n);
		for (size_t i = 0; i < x.n; i++) {
			struct store_sum *s = &x.sum[i], *t = &y.sum[i];

			assert_int_equal(s->records, t->records);
			assert_int_equal(s->failed, t->failed);
			assert_int_equal(s->ooms, t->ooms);
			assert_int_equal(s->wall_us, t->wall_us);
			assert_int_equal(s->cpu_us, t->cpu_us);
			assert_int_equal(s->peak_bytes, t->peak_bytes);
			assert_int_equal(s->start_us, t->start_us);
			assert_int_equal(s->end_us, t->end_us);
			assert_int_equal(s->memory_used_mib_s,
					 t->memory_used_mib_s);
			assert_int_equal(s->scratch_peak_bytes,
					 t->scratch_peak_bytes);
			if (s->peak_node && t->peak_node)
				assert_string_equal(s->peak_node, t->peak_node);
			assert_int_equal(!s->peak_node, !t->peak_node);
			assert_int_equal(!s->user, !t->user);
			assert_int_equal(!s->profile, !t->profile);
			assert_int_equal(!s->day, !t->day);
			same_text(s->scheduler, t->scheduler);
			same_text(s->queue, t->queue);
			same_text(s->project, t->project);
			same_text(s->job_name, t->job_name);
		}
	}
}

/* root's record takes a user's out of the sums, its maxima, too. */
static void test_replaced_in_sums(void **state)
{
	struct store_filter all = STORE_FILTER_ALL;
	struct store_entry e[5], user, root, late;
	struct store *s = some_cells(e), *other;

	(void)state;
	user = cell("r", "12", "0", "n3", "ann", NOON, 0);
	of(&user)->usage.memory_peak = INT64_C(1) << 40;
	of(&user)->usage.cpu_usage_us = INT64_MAX;
	of(&user)->time.wall_us = INT64_MAX;
	of(&user)->cell.profile = "open";
	user.signer = 1000;
	put(s, &user, 1);
	root = cell("r", "13", "0", "n1", "bob", NOON + DAY, 0);
	late = cell("s", "13", "0", "n2", "bob", NOON + DAY, 0);
	put(s, (struct store_entry[]){ late, root }, 2);
	other = open_ok("other.db");
	put(other, e, 5);
	put(other, (struct store_entry[]){ late, root }, 2);
	same_sums(s, other, &all);
	store_close(other);
	store_close(s);
}

static void expire(struct store *s, int64_t before_s, int64_t want)
{
	int64_t n = -1;

	if (store_expire(s, before_s * 1000000, &n, &err))
		fail_msg("store_expire: %s", err.text);
	assert_int_equal(n, want);
}

static void sum_fails(struct store *s, const struct store_filter *f,
		      enum store_by by)
{
	struct sums sums = { 0 };

	assert_int_equal(store_sum(s, f, by, add_sum, &sums, &err), -1);
	if (!strstr(err.text, "only sums are left"))
		fail_msg("%s", err.text);
}

static void test_expire(void **state)
{
	const int64_t midnight = (NOON - DAY / 2) * INT64_C(1000000),
		      day_us = DAY * INT64_C(1000000);
	struct store_filter all = STORE_FILTER_ALL, f = all;
	struct store_entry e[5], late;
	struct store *s = some_cells(e), *whole = open_ok("whole.db");
	struct sums got;

	(void)state;
	put(whole, e, 5);
	expire(s, NOON + DAY / 2 - 1, 0);
	expire(s, NOON + DAY, 4);
	expire(s, NOON + DAY, 0);
	expect(s, &all, "c ");
	same_sums(s, whole, &all);
	/* One that comes late for a day that is gone, and goes, too. */
	late = cell("z", "9", "0", "n1", "ann", NOON + 9, 0);
	of(&late)->usage.memory_peak = 500 << 20;
	put(s, &late, 1);
	put(whole, &late, 1);
	same_sums(s, whole, &all);
	expire(s, NOON + DAY, 1);
	same_sums(s, whole, &all);
	/* What the sums that are left tell, and what they do not. */
	f.job = "9";
	got = sum(s, &f, STORE_BY_STEP);
	assert_int_equal(got.n, 2);
	assert_int_equal(got.sum[0].records, 3);
	assert_int_equal(got.sum[0].nodes, -1);
	f.job = "89abcdef";
	got = sum(s, &f, STORE_BY_JOB);
	assert_int_equal(got.n, 1);
	assert_string_equal(got.sum[0].job, "0193-4567-89abcdef");
	assert_int_equal(got.sum[0].nodes, 1);
	f = all;
	f.since_us = midnight;
	f.until_us = midnight + day_us;
	same_sums(s, whole, &f);
	f.user = "ann";
	assert_int_equal(sum(s, &f, STORE_BY_REASON).n, 2);
	sum_fails(s, &f, STORE_BY_NODE);
	f.user = NULL;
	f.since_us++;
	sum_fails(s, &f, STORE_BY_USER);
	sum_fails(s, &f, STORE_BY_JOB);
	f.since_us = midnight;
	f.until_us--;
	sum_fails(s, &f, STORE_BY_NODE);
	/* The days after are whole. */
	f.since_us = midnight + day_us + 1;
	f.until_us = -1;
	f.node = "n2";
	assert_int_equal(sum(s, &f, STORE_BY_USER).n, 1);
	store_close(whole);
	store_close(s);
}

/* Most of a usual record is not stored again and again. */
static void test_size(void **state)
{
	struct store_entry e[2] = { cell("a", "9", "0", "n1", "ann", NOON, 0),
				    cell("b", "9", "1", "n2", "bob", 9, 1) };
	struct store *s = open_ok("r.db");

	(void)state;
	of(&e[0])->time.wall_us = of(&e[1])->time.wall_us = 4000001;
	put(s, e, 2);
	store_close(s);
	assert_int_equal(only_number("r.db", "SELECT count(*) FROM shape"), 1);
	assert_true(only_number("r.db",
				"SELECT max(length(text)) FROM record") < 20);
}

static void exec(const char *path, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* A store as version 1 made it. */
static void test_old_store(void **state)
{
	struct store_filter all = STORE_FILTER_ALL;
	struct store_entry e = cell("a", "9", "0", "n1", "ann", NOON, 0);
	char sql[8192];
	struct store *s;
	struct jobs got;

	(void)state;
	assert_int_equal(record_format(e.record, &pool, &e.text, &err), 0);
	snprintf(
		sql, sizeof(sql),
		"CREATE TABLE record (id TEXT PRIMARY KEY, start_us INTEGER, "
		"end_us INTEGER, scheduler TEXT, cluster TEXT, job TEXT, "
		"step TEXT, node TEXT, user TEXT, uid INTEGER, account TEXT, "
		"profile TEXT, reason TEXT, code INTEGER, signal INTEGER, "
		"wall_us INTEGER, cpu_us INTEGER, cpu_count INTEGER, "
		"peak_bytes INTEGER, limit_bytes INTEGER, "
		"max_process_bytes INTEGER, signer INTEGER NOT NULL, "
		"source TEXT NOT NULL, text TEXT NOT NULL);"
		"CREATE INDEX record_start ON record (start_us);"
		"CREATE INDEX record_job ON record (job);"
		"CREATE INDEX record_user ON record (user, start_us);"
		"CREATE INDEX record_short ON record (substr(id, -8)) "
		"WHERE job IS NULL;"
		"PRAGMA user_version = 1;"
		"INSERT INTO record VALUES ('a', %lld, %lld, 'slurm', 'c1', "
		"'9', '0', 'n1', 'ann', 1000, 'physics', 'batch', 'exited', 0, "
		"NULL, 4000000, 5000000, 2, 104857600, 209715200, NULL, 7, "
		"'signed', '%s')",
		(long long)e.record->time.start_us,
		(long long)e.record->time.end_us, e.text);
	exec("old.db", sql);
	chmod("old.db", 0600);
	s = open_ok("old.db");
	expect(s, &all, "a ");
	got = due(s, "slurm", 0, 10);
	assert_int_equal(got.n, 1);
	assert_string_equal(got.job[0].job, "9");
	assert_int_equal(sum(s, &all, STORE_BY_DAY).sum[0].cpu_us, 5000000);
	all.signer = 7;
	expect(s, &all, "a ");
	e.signer = 7;
	insert(s, &e, 1);
	assert_int_equal(e.fate, STORE_KNOWN);
	store_close(s);
}

/* SQL that takes a store back to the version before queues were in sums. */
static const char *const lite_before[] = {
	"ALTER TABLE total RENAME TO t",
	"DROP INDEX total_job",
	"DROP INDEX total_tail",
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
	") WITHOUT ROWID",
	"INSERT INTO total SELECT kind, gone, day, cluster, node, user,"
	" account, profile, reason, failed, uid, signer, job, step, tail,"
	" records, failures, ooms, nodes, peak_node, start_us, end_us,"
	" wall_us, cpu_us, cpu_asked_us, throttled_us, peak_bytes,"
	" limit_bytes, memory_used, memory_asked, scratch_bytes, read_bytes,"
	" write_bytes, rx_bytes, tx_bytes FROM t",
	"DROP TABLE t",
	"CREATE INDEX total_job ON total (job) WHERE kind = 2",
	"CREATE INDEX total_tail ON total (tail) WHERE tail IS NOT NULL",
	"ALTER TABLE record DROP COLUMN queue",
	"ALTER TABLE record DROP COLUMN project",
	"ALTER TABLE record DROP COLUMN job_name",
	"PRAGMA user_version = 4",
	NULL,
};
#ifdef HAVE_MARIADB
static const char *const server_before[] = {
	"ALTER TABLE r_db.total DROP PRIMARY KEY, DROP COLUMN scheduler,"
	" DROP COLUMN queue, DROP COLUMN project, DROP COLUMN job_name,"
	" ADD PRIMARY KEY (kind, day, gone, cluster, node, user, account,"
	"  profile, reason, failed, uid, signer, job, step)",
	"ALTER TABLE r_db.record DROP COLUMN queue, DROP COLUMN project,"
	" DROP COLUMN job_name",
	"UPDATE r_db.cloison SET version = 1",
	NULL,
};
#endif

static void say(const char *sql)
{
#ifdef HAVE_MARIADB
	if (on_server) {
		assert_true(server_query(sql));
		return;
	}
#endif
	exec("r.db", sql);
}

/*
 * A store of the version before queues were in sums: they are then, but of what
 * had expired.
 */
static void test_refill(void **state)
{
	const char *const *before = lite_before;
	const char *db = "";
	struct store_filter all = STORE_FILTER_ALL;
	struct store_entry e[6];
	struct store *s = some_cells(e), *whole = open_ok("whole.db");
	struct sums got;
	int64_t n;

	(void)state;
#ifdef HAVE_MARIADB
	before = on_server ? server_before : before;
	db = on_server ? "r_db." : db;
#endif
	e[5] = cell("f", "11", "0", "n1", "bob", NOON - 3 * DAY, 0);
	put(s, &e[5], 1);
	put(whole, e, 6);
	for (int i = 0; i < 2; i++)
		assert_int_equal(store_expire(i ? whole : s,
					      (NOON - DAY) * 1000000LL, &n,
					      &err),
				 0);
	store_close(s);
	/* What texts had no columns for was among their values. */
	for (size_t i = 0; i < 5; i++)
		say(pool_printf(&pool,
				"UPDATE %srecord SET shape = 0, text = '%s' "
				"WHERE %s = '%s'",
				db, e[i].text,
				i < 4 ? "CAST(id AS CHAR)" : "tail",
				i < 4 ? e[i].record->id : "89abcdef"));
	for (; *before; before++)
		say(*before);
	s = open_ok("r.db");
	all.since_us = (NOON - DAY) / DAY * DAY * 1000000LL;
	same_sums(s, whole, &all);
	all.since_us = -1;
	got = sum(s, &all, STORE_BY_QUEUE);
	assert_int_equal(got.n, 4);
	same_text(got.sum[1].scheduler, NULL);
	same_text(got.sum[1].cluster, "c1");
	assert_int_equal(got.sum[1].records, 1);
	same_text(got.sum[3].queue, "short");
	/* Records that come later add to those. */
	e[5] = cell("g", "9", "2", "n1", "ann", NOON, 0);
	of(&e[5])->scheduler.queue = "long";
	put(s, &e[5], 1);
	put(whole, &e[5], 1);
	store_close(s);
	s = open_ok("r.db");
	all.since_us = (NOON - DAY) / DAY * DAY * 1000000LL;
	all.queue = "long";
	expect(s, &all, "a b g c ");
	same_sums(s, whole, &all);
	store_close(whole);
	store_close(s);
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

#ifdef HAVE_MARIADB
static int server_up(void **state)
{
	(void)state;
	return server_run() ? 0 : -1;
}

/* A server that goes away is an error; when it is back, the store is good. */
static void test_server_away(void **state)
{
	struct store_filter all = STORE_FILTER_ALL;
	struct store_entry e = entry("a", "1", "x", 1, 0),
			   f = entry("b", "1", "x", 2, 0);
	char ids[64] = "";
	struct store *s = open_ok("r.db");

	insert(s, &e, 1);
	server_kill();
	assert_int_equal(store_insert(s, &f, 1, &err), -1);
	assert_int_equal(store_each(s, &all, see, ids, &err), -1);
	assert_int_equal(server_up(state), 0);
	insert(s, &f, 1);
	assert_int_equal(f.fate, STORE_NEW);
	expect(s, &all, "a b ");
	/* And one that was away in between is not missed. */
	server_kill();
	assert_int_equal(server_up(state), 0);
	expect(s, &all, "a b ");
	store_close(s);
}

/* Two writers and a reader at once: nobody fails, nothing is lost. */
static void test_writers(void **state)
{
	enum {
		EACH = 40
	};
	struct store *s = open_ok("r.db");
	struct store_filter all = STORE_FILTER_ALL;
	const char *where = on_server_where("r.db");
	pid_t pid[2];
	int status;

	(void)state;
	for (int who = 0; who < 2; who++) {
		pid[who] = fork();
		if (pid[who])
			continue;
		s = NULL;
		status = store_open(where, &s, &err);
		for (int i = 0; i < EACH && !status; i++) {
			struct store_entry e =
				cell(pool_printf(&pool, "%d-%d", who, i), "1",
				     pool_printf(&pool, "%d", i), "n", "ann",
				     NOON, 0);

			status =
				record_format(e.record, &pool, &e.text, &err) ||
				store_insert(s, &e, 1, &err);
		}
		if (status)
			fprintf(stderr, "%s\n", err.text);
		_exit(status != 0);
	}
	for (int i = 0; i < 5; i++)
		sum(s, &all, STORE_BY_USER);
	for (int who = 0; who < 2; who++) {
		assert_int_equal(waitpid(pid[who], &status, 0), pid[who]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(sum(s, &all, STORE_BY_USER).sum[0].records, 2 * EACH);
	store_close(s);
}

static void test_option_file(void **state)
{
	const char *where;

	(void)state;
	store_close(open_ok("r.db"));
	where = on_server_where("r.db");
	chmod("r_db.cnf", 0644);
	open_fails(where, "chmod 640");
	chmod("r_db.cnf", 0640);
	store_close(open_ok("r.db"));
	server_query("UPDATE r_db.cloison SET version = 99");
	open_fails(where, "newer cloison");
	open_fails("mariadb:none.cnf", "none.cnf");
	mkfifo("fifo.cnf", 0600);
	open_fails("mariadb:fifo.cnf", "regular file");
}

/* Who may only read gets reports. */
static void test_reader(void **state)
{
	struct store_filter all = STORE_FILTER_ALL;
	struct store_entry e[5], f = entry("x", "1", "x", 1, 0);
	struct store *s = some_cells(e);
	FILE *file;

	(void)state;
	store_close(s);
	assert_true(server_query("CREATE USER reader@localhost"));
	assert_true(server_query("GRANT SELECT ON r_db.* TO reader@localhost"));
	file = fopen("reader.cnf", "w");
	fprintf(file,
		"[cloison]\nsocket=%s/socket\nuser=reader\n"
		"database=r_db\n",
		server.dir);
	fclose(file);
	chmod("reader.cnf", 0600);
	assert_int_equal(store_open("mariadb:reader.cnf", &s, &err), 0);
	expect(s, &all, "0193-4567-89abcdef a b d c ");
	assert_int_equal(sum(s, &all, STORE_BY_USER).n, 3);
	assert_int_equal(store_insert(s, &f, 1, &err), -1);
	store_close(s);
	server_query("DROP USER reader@localhost");
}

/* What the server said, when it did not start. */
static void print_log(void)
{
	char line[512];
	FILE *f = fopen("log", "r");

	while (f && fgets(line, sizeof(line), f))
		print_error("%s", line);
	if (f)
		fclose(f);
}

static int start_server(void)
{
	on_server = true;
	if (server_start())
		return 0;
	if (server.missing) {
		print_message("MariaDB is not tested: mariadb-server-core is "
			      "not installed\n");
		return 0;
	}
	print_log();
	return 1;
}

static void stop_server(void)
{
	server_kill();
	if (chdir("/") || nftw(server.dir, rm, 16, FTW_DEPTH | FTW_PHYS))
		print_message("%s is left\n", server.dir);
}
#endif

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define CONFORMANCE                                                            \
	TEST(test_insert_and_filter), TEST(test_same_id),                      \
		TEST(test_one_transaction), TEST(test_sum_by_job),             \
		TEST(test_sum_by_others), TEST(test_sum_filters),              \
		TEST(test_sum_of_nothing), TEST(test_due), TEST(test_expire),  \
		TEST(test_texts), TEST(test_ids), TEST(test_replaced_in_sums), \
		TEST(test_newest), TEST(test_schedulers), TEST(test_refill)

int main(void)
{
	const struct CMUnitTest sqlite[] = {
		CONFORMANCE,
		TEST(test_size),
		TEST(test_old_store),
		TEST(test_not_ours),
		TEST(test_file_checks),
	};
	int failed = cmocka_run_group_tests(sqlite, NULL, NULL);
#ifdef HAVE_MARIADB
	const struct CMUnitTest mariadb[] = {
		CONFORMANCE,
		TEST(test_writers),
		TEST(test_server_away),
		TEST(test_option_file),
		TEST(test_reader),
	};

	failed += start_server();
	if (server.admin)
		failed += cmocka_run_group_tests(mariadb, NULL, NULL);
	stop_server();
#endif
	return failed;
}
