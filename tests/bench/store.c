/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"

/*
 *	bench_store [RECORDS] [STORE]
 *
 * How fast records of a year go into a store, what they take there, and how
 * long reports from it take. RECORDS is 100000 if not told otherwise; STORE is
 * a new file in the current directory, removed afterwards, unless it is named;
 * with 0 RECORDS there are only reports.
 */
enum {
	BATCH = 10000,
	USERS = 300,
	NODES = 500,
	YEAR = 365
};
static const int64_t FIRST_S = 20454 * INT64_C(86400); /* 2026-01-01 */
static uint64_t seed = 42;

static uint64_t draw(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Some are a thousand times as big as others. */
static int64_t amount(int64_t least)
{
	return least + (int64_t)(draw() % (uint64_t)least << draw() % 11);
}

static double seconds(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void check(int result, const struct err *err)
{
	if (!result)
		return;
	fprintf(stderr, "bench_store: %s\n", err->text);
	exit(1);
}

static void make(struct record *r, struct pool *pool, int64_t i, int64_t n)
{
	static struct record_pair pairs[] = { { "memory", "4G" },
					      { "cpus", "4" } };
	/* A tenth of the users has half of the cells. */
	uint64_t user = draw() % (draw() % 2 ? USERS : USERS / 10);
	uint64_t node = draw() % NODES;
	int64_t end = FIRST_S * 1000000 + i * (YEAR * INT64_C(86400000000) / n);

	record_init(r);
	r->time.wall_us = amount(2000000);
	r->time.end_us = end + (int64_t)(draw() % 1000000);
	r->time.start_us = r->time.end_us - r->time.wall_us - 300;
	r->time.setup_us = amount(2000);
	/* UUID of version 7 */
	r->id = pool_printf(
		pool, "%08" PRIx64 "-%04" PRIx64 "-7%03x-8%03x-%012" PRIx64,
		(uint64_t)(r->time.start_us / 1000) >> 16,
		(uint64_t)(r->time.start_us / 1000) & 0xffff,
		(unsigned)(draw() & 0xfff), (unsigned)(draw() & 0xfff),
		draw() & 0xffffffffffff);
	r->scheduler.name = "slurm";
	r->scheduler.cluster = "cluster";
	r->scheduler.job = pool_printf(pool, "%" PRId64, 1000000 + i / 2);
	r->scheduler.step = i % 2 ? "batch" : "0";
	r->node = pool_printf(pool, "node%03" PRIu64, node);
	r->user.name = pool_printf(pool, "user%03" PRIu64, user);
	r->user.uid = r->user.gid = 20000 + (int64_t)user;
	r->user.account = pool_printf(pool, "project%02" PRIu64, user % 30);
	r->cell.profile = "batch";
	r->cell.namespaces = "user mnt pid ipc uts cgroup";
	r->cell.boot_id = pool_printf(
		pool, "8f3c1d2e-0000-4000-8000-%012" PRIx64, node * 7919);
	r->exit.code = draw() % 20 ? 0 : 1;
	r->exit.reason = draw() % 50 ? "exited" : "oom";
	r->cpu.count = 4;
	r->cpu.cpuset = pool_printf(pool, "%" PRIu64 "-%" PRIu64, node % 16 * 4,
				    node % 16 * 4 + 3);
	r->usage.cpu_usage_us = r->time.wall_us * (int64_t)(draw() % 400) / 100;
	r->usage.cpu_user_us = r->usage.cpu_usage_us * 9 / 10;
	r->usage.cpu_system_us = r->usage.cpu_usage_us / 10;
	r->usage.cpu_throttled_us = (int64_t)(draw() % 3 ? 0 : draw() % 10000);
	r->memory.limit = INT64_C(4) << 30;
	r->usage.memory_peak = amount(1000) * 4096;
	r->usage.memory_anon = r->usage.memory_peak * 7 / 10;
	r->usage.memory_file = r->usage.memory_peak / 5;
	r->usage.memory_shmem = 0;
	r->usage.oom_kills = 0;
	r->memory.max_process = r->usage.memory_peak / 2;
	r->memory.nodes = node % 2 ? "0" : "1";
	r->usage.pids_peak = amount(3);
	r->usage.io_read = amount(100000);
	r->usage.io_write = amount(100) * 4096;
	r->usage.pressure_cpu_us = amount(1000);
	r->usage.pressure_memory_us = 0;
	r->usage.pressure_io_us = amount(100);
	r->scratch.limit = INT64_C(1) << 30;
	r->scratch.peak = amount(10) * 4096;
	r->limits.asked = r->limits.enforced = pairs;
	r->limits.n_asked = r->limits.n_enforced = 2;
}

static void fill(struct store *store, int64_t n)
{
	double wall = 0, cpu = 0, bytes = 0;
	struct err err;

	for (int64_t i = 0; i < n; i += BATCH) {
		static struct record records[BATCH];
		static struct store_entry entries[BATCH];
		int64_t k, want = n - i < BATCH ? n - i : BATCH;
		struct pool pool = { 0 };

		for (k = 0; k < want; k++) {
			make(&records[k], &pool, i + k, n);
			entries[k] =
				(struct store_entry){ .record = &records[k],
						      .source = STORE_SIGNED };
			check(record_format(&records[k], &pool,
					    &entries[k].text, &err),
			      &err);
			bytes += (double)strlen(entries[k].text);
		}
		wall -= seconds(CLOCK_MONOTONIC);
		cpu -= seconds(CLOCK_PROCESS_CPUTIME_ID);
		check(store_insert(store, entries, (size_t)want, &err), &err);
		wall += seconds(CLOCK_MONOTONIC);
		cpu += seconds(CLOCK_PROCESS_CPUTIME_ID);
		pool_free(&pool);
	}
	printf("%-40s %10.0f /s, %.1f us of CPU each\n", "insert",
	       (double)n / wall, cpu * 1e6 / (double)n);
	printf("%-40s %10.0f bytes each\n", "text", bytes / (double)n);
}

static int count_sum(void *arg, const struct store_sum *sum, struct err *err)
{
	(void)sum, (void)err;
	++*(int64_t *)arg;
	return 0;
}

static int count_row(void *arg, const struct store_row *row, struct err *err)
{
	(void)row, (void)err;
	++*(int64_t *)arg;
	return 0;
}

static void time_sum(struct store *store, const char *name,
		     const struct store_filter *filter, enum store_by by)
{
	double start = seconds(CLOCK_MONOTONIC);
	int64_t n = 0;
	struct err err;

	check(store_sum(store, filter, by, count_sum, &n, &err), &err);
	printf("%-40s %10.3f s, %" PRId64 " groups\n", name,
	       seconds(CLOCK_MONOTONIC) - start, n);
}

static void time_each(struct store *store, const char *name,
		      const struct store_filter *filter)
{
	double start = seconds(CLOCK_MONOTONIC);
	int64_t n = 0;
	struct err err;

	check(store_each(store, filter, count_row, &n, &err), &err);
	printf("%-40s %10.3f s, %" PRId64 " records\n", name,
	       seconds(CLOCK_MONOTONIC) - start, n);
}

static void report(struct store *store, int64_t n)
{
	struct store_filter year = STORE_FILTER_ALL, user, job, month;
	double start;
	struct err err;
	int64_t gone;

	year.since_us = FIRST_S * 1000000;
	year.until_us = (FIRST_S + YEAR * INT64_C(86400)) * 1000000;
	month = year;
	/* In local time: the first and the last day are in parts. */
	month.since_us = (FIRST_S + 100 * 86400 + 3600) * 1000000;
	month.until_us = (FIRST_S + 130 * 86400 + 3600) * 1000000;
	user = month;
	user.user = "user007";
	job = (struct store_filter)STORE_FILTER_ALL;
	job.job = "1000042";
	time_sum(store, "a user's month", &user, STORE_BY_USER);
	time_sum(store, "a user's month by day", &user, STORE_BY_DAY);
	time_sum(store, "a user's month by job", &user, STORE_BY_JOB);
	time_sum(store, "all users by day, a year", &year, STORE_BY_USER_DAY);
	time_sum(store, "nodes, a year", &year, STORE_BY_NODE);
	time_sum(store, "a job", &job, STORE_BY_JOB);
	time_each(store, "the records of a job", &job);
	job.job = NULL;
	job.limit = 20;
	time_each(store, "the last 20 records", &job);
	start = seconds(CLOCK_MONOTONIC);
	check(store_expire(store, (FIRST_S + 86400) * 1000000, &gone, &err),
	      &err);
	printf("%-40s %10.3f s, %" PRId64 " records of %" PRId64 "\n",
	       "expiry of a day", seconds(CLOCK_MONOTONIC) - start, gone, n);
}

int main(int argc, char **argv)
{
	int64_t n = argc > 1 ? strtoll(argv[1], NULL, 10) : 100000;
	const char *where = argc > 2 ? argv[2] : "bench_store.db";
	struct store *store;
	struct stat st;
	struct err err;

	if (n < 1 && argc < 3) {
		fprintf(stderr, "usage: bench_store [RECORDS] [STORE]\n");
		return 1;
	}
	check(store_open(where, &store, &err), &err);
	if (n)
		fill(store, n);
	if (!stat(where, &st))
		printf("%-40s %10.0f bytes each\n", "on disk",
		       (double)st.st_size / (double)n);
	report(store, n);
	store_close(store);
	if (argc < 3)
		unlink(where);
	return 0;
}
