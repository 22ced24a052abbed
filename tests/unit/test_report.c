/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

/* cmocka.h needs those before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <string.h>

#include "collector/column.h"
#include "collector/job.h"

#define GIB (INT64_C(1) << 30)

enum {
	HOUR_S = 3600
};
static const int64_t second = 1000000;

/* One cell that went well: an hour, two CPUs half used, 3 of 4 GiB. */
static struct record cell(void)
{
	struct record r;

	record_init(&r);
	r.scheduler.name = "slurm";
	r.scheduler.step = "0";
	r.node = "n1";
	r.exit.code = 0;
	r.exit.reason = "exited";
	r.time.wall_us = HOUR_S * second;
	r.cpu.count = 2;
	r.usage.cpu_usage_us = HOUR_S * second;
	r.usage.memory_peak = 3 * GIB;
	r.memory.limit = 4 * GIB;
	return r;
}

/* "rule option value", or "" where nothing is advised. */
static const char *advice_on(const struct record *records, size_t n)
{
	static char text[512];
	struct job_advice *advice;
	struct pool pool = { 0 };
	struct job job = { 0 };
	size_t n_advice;

	for (size_t i = 0; i < n; i++)
		job_add(&job, &pool, &records[i]);
	job_advise(&job, &pool, &advice, &n_advice);
	*text = '\0';
	for (size_t i = 0; i < n_advice; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "%s%s %s %s", i ? "; " : "", advice[i].rule,
			 advice[i].option ? advice[i].option : "-",
			 advice[i].value ? advice[i].value : "-");
	pool_free(&pool);
	return text;
}

/* "reason:cells:sentence", likewise. */
static const char *reasons_of(const struct record *records, size_t n)
{
	static char text[1024];
	struct job_reason *reason;
	struct pool pool = { 0 };
	struct job job = { 0 };
	size_t n_reasons;

	for (size_t i = 0; i < n; i++)
		job_add(&job, &pool, &records[i]);
	job_reasons(&job, &pool, &reason, &n_reasons);
	*text = '\0';
	for (size_t i = 0; i < n_reasons; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "%s%s:%lld:%s", i ? "; " : "", reason[i].reason,
			 (long long)reason[i].cells, reason[i].text);
	pool_free(&pool);
	return text;
}

static void test_nothing_to_say(void **state)
{
	struct record r = cell();

	(void)state;
	assert_string_equal(advice_on(&r, 1), "");
	assert_string_equal(reasons_of(&r, 1), "");
	record_init(&r);
	assert_string_equal(advice_on(&r, 1), "");
	assert_string_equal(reasons_of(&r, 1), "");
}

static void test_more_after_a_limit(void **state)
{
	struct record r = cell();

	(void)state;
	r.exit.code = -1;
	r.exit.signal = 9;
	r.exit.reason = "oom";
	assert_string_equal(advice_on(&r, 1), "oom --cell-memory 6G");
	r.scheduler.name = "none";
	assert_string_equal(advice_on(&r, 1), "oom --memory 6G");
	r.memory.limit = 100 << 20;
	assert_string_equal(advice_on(&r, 1), "oom --memory 192M");
	r.memory.limit = -1;
	assert_string_equal(advice_on(&r, 1), "oom --memory -");

	r = cell();
	r.exit.code = -1;
	r.exit.reason = "host-oom";
	assert_string_equal(advice_on(&r, 1), "host-oom --mem 4608M");
	r.exit.reason = "time-limit";
	assert_string_equal(advice_on(&r, 1), "time-limit --time 01:30:00");
	r.time.wall_us = 7 * 60 * second;
	assert_string_equal(advice_on(&r, 1), "time-limit --time 00:15:00");
	r.exit.reason = "cpu-time";
	assert_string_equal(advice_on(&r, 1),
			    "cpu-time --cell-cpu-time 01:30:00");

	r = cell();
	r.scratch.full = 1;
	r.scratch.limit = GIB;
	assert_string_equal(advice_on(&r, 1), "scratch-full --cell-scratch 2G");
}

static void test_more_cpus_for_the_throttled(void **state)
{
	struct record r = cell();

	(void)state;
	r.cpu.count = 1;
	r.usage.cpu_throttled_us = 20 * 60 * second;
	assert_string_equal(advice_on(&r, 1), "throttled --cell-cpus 2");
	r.usage.cpu_throttled_us = 10 * 60 * second;
	assert_string_equal(advice_on(&r, 1), "");
}

static void test_less_for_who_left_it(void **state)
{
	struct record r = cell();

	(void)state;
	r.usage.memory_peak = GIB;
	assert_string_equal(advice_on(&r, 1),
			    "less-memory --cell-memory 1536M");
	r.usage.memory_peak = 1 << 20;
	assert_string_equal(advice_on(&r, 1), "less-memory --cell-memory 64M");
	/* What failed may not have come to using it. */
	r.exit.code = 1;
	assert_string_equal(advice_on(&r, 1), "");
	/* Nor what was short. */
	r.exit.code = 0;
	r.time.wall_us = second;
	r.usage.cpu_usage_us = second;
	assert_string_equal(advice_on(&r, 1), "");

	r = cell();
	r.cpu.count = 8;
	assert_string_equal(advice_on(&r, 1), "fewer-cpus --cpus-per-task 2");
	r.usage.cpu_usage_us = second;
	assert_string_equal(advice_on(&r, 1), "fewer-cpus --cpus-per-task 1");
	/* One is all that can be asked for. */
	r.cpu.count = 1;
	assert_string_equal(advice_on(&r, 1), "");
}

static void test_a_step_that_waits_wastes_nothing(void **state)
{
	struct record r[2] = { cell(), cell() };

	(void)state;
	r[1].scheduler.step = "batch";
	r[1].usage.cpu_usage_us = 0;
	r[1].usage.memory_peak = 0;
	assert_string_equal(advice_on(r, 2), "");
	assert_string_equal(advice_on(r + 1, 1),
			    "less-memory --cell-memory 64M; "
			    "fewer-cpus --cpus-per-task 1");
}

static void test_a_limit_that_was_not_there(void **state)
{
	struct record_pair missing = { "memory", "no controller" };
	struct record r = cell();

	(void)state;
	r.limits.missing = &missing;
	r.limits.n_missing = 1;
	assert_string_equal(advice_on(&r, 1), "not-enforced - -");
}

static void test_why_it_ended(void **state)
{
	struct record r[4] = { cell(), cell(), cell(), cell() };

	(void)state;
	r[0].exit.code = 3;
	r[1].exit.code = r[2].exit.code = -1;
	r[1].exit.reason = r[2].exit.reason = "oom";
	r[1].memory.victim = "solver";
	r[1].memory.victim_pid = 12;
	r[3].exit.code = -1;
	r[3].exit.signal = 11;
	r[3].exit.reason = "signaled";
	assert_string_equal(
		reasons_of(r, 4),
		"oom:2:reached its memory limit of 4.0G; the kernel killed solver (pid 12); "
		"signaled:1:was ended by signal 11 (SIGSEGV); "
		"exited:1:exited with 3");
	r[3].exit.signal = 12345;
	assert_string_equal(reasons_of(&r[3], 1),
			    "signaled:1:was ended by signal 12345");
}

static void test_format_is_checked(void **state)
{
	static const char *const bad[] = { "",       "nothing",   "user,",
					   "user%",  "user%x",    "user%99999",
					   "User",   "user user", "elapsed",
					   "user%-", "user%1%2" };
	const struct column_group *user = column_group_find("user");
	struct pool pool = { 0 };
	struct column_wish *wish;
	struct err err;
	size_t n;

	(void)state;
	assert_non_null(user);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(
			column_parse(bad[i], user, &pool, &wish, &n, &err), -1);
	assert_int_equal(column_parse("user%-12,cputime,memeff%8", user, &pool,
				      &wish, &n, &err),
			 0);
	assert_int_equal(n, 3);
	assert_int_equal(wish[0].width, 12);
	assert_true(wish[0].left);
	assert_int_equal(wish[1].width, 0);
	assert_int_equal(wish[2].width, 8);
	pool_free(&pool);
}

static void test_columns_are_sound(void **state)
{
	struct pool pool = { 0 };
	struct column_wish *wish;
	struct store_sum none;
	struct err err;
	size_t n;

	(void)state;
	/* Nothing was measured: no column makes a number of it. */
	memset(&none, -1, sizeof(none));
	none.cluster = none.job = none.step = none.user = none.account = NULL;
	none.node = none.profile = none.reason = none.day = NULL;
	none.peak_node = none.scheduler = none.queue = NULL;
	none.project = none.job_name = NULL;
	for (size_t i = 0; i < columns_n; i++) {
		assert_null(column_text(&columns[i], &none, &pool));
		assert_null(column_raw(&columns[i], &none, &pool));
		assert_ptr_equal(column_find(columns[i].name, &err),
				 &columns[i]);
	}
	for (size_t i = 0; i < column_groups_n; i++) {
		const struct column_group *g = &column_groups[i];

		assert_int_equal(
			column_parse(g->format, g, &pool, &wish, &n, &err), 0);
		assert_int_equal(
			column_parse(g->sort, g, &pool, &wish, &n, &err), 0);
	}
	pool_free(&pool);
}

static void test_order(void **state)
{
	struct store_sum a = { .job = "9", .cpu_us = 5 };
	struct store_sum b = { .job = "10", .cpu_us = -1 };
	const struct column *job, *cpu;
	struct err err;

	(void)state;
	job = column_find("job", &err);
	cpu = column_find("cputime", &err);
	assert_true(column_compare(job, false, &a, &b) < 0);
	assert_true(column_compare(job, true, &a, &b) > 0);
	/* What was not measured comes last, either way. */
	assert_true(column_compare(cpu, false, &a, &b) < 0);
	assert_true(column_compare(cpu, true, &a, &b) < 0);
	b.cpu_us = 6;
	assert_true(column_compare(cpu, false, &a, &b) < 0);
	assert_true(column_compare(cpu, true, &a, &b) > 0);
	a.job = NULL;
	assert_true(column_compare(job, true, &a, &b) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_to_say),
		cmocka_unit_test(test_more_after_a_limit),
		cmocka_unit_test(test_more_cpus_for_the_throttled),
		cmocka_unit_test(test_less_for_who_left_it),
		cmocka_unit_test(test_a_step_that_waits_wastes_nothing),
		cmocka_unit_test(test_a_limit_that_was_not_there),
		cmocka_unit_test(test_why_it_ended),
		cmocka_unit_test(test_format_is_checked),
		cmocka_unit_test(test_columns_are_sound),
		cmocka_unit_test(test_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
