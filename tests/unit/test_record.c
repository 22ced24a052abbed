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

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "acct/record.h"

static struct pool pool;
static struct err err;

static int teardown(void **state)
{
	(void)state;
	pool_free(&pool);
	return 0;
}

static const char *format(const struct record *r)
{
	const char *text = NULL;

	if (record_format(r, &pool, &text, &err))
		fail_msg("record_format: %s", err.text);
	return text;
}

static int parse(const char *text, struct record *ret)
{
	return record_parse(text, strlen(text), &pool, ret, &err);
}

/* Every number is another one, every string too. */
static struct record full(void)
{
	static struct record_pair asked[] = { { "memory", "4G" },
					      { "pids", "100" } };
	static struct record_pair enforced[] = { { "memory", "4G" } };
	static struct record_pair missing[] = { { "pids", "no controller" } };
	static struct record_pair tags[] = { { "run", "\"7\"\n" } };
	static struct record_tasks tasks[] = { { 0, 6, 4, 0, -1 },
					       { 7, 7, 1, -1, 9 } };

	return (struct record){
		.id = "0193-abc",
		.scheduler = { "slurm", "c1", "4711", "0", 2, "sweep", "long",
			       "x" },
		.node = "n1",
		.user = { "alice", 1000, 1001, "phys", 38, 39 },
		.cell = { "batch", "user mnt pid", "boot" },
		.time = { 1, 1774969200123456, 2000003, 4 },
		.exit = { 5, 6, "exited", tasks, 2 },
		.cpu = { 7, "0-3,8", "pack", 37 },
		.usage = { 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,
			   23, 24 },
		.memory = { 30, 31, "0-1", "bind", "cc1", 36 },
		.scratch = { 32, 33, 1, "no" },
		.net = { 34, 35 },
		.limits = { asked, 2, enforced, 1, missing, 1 },
		.tags = tags,
		.n_tags = 1,
	};
}

static const char full_text[] =
	"{\"schema\":\"cloison.record/1\",\"id\":\"0193-abc\","
	"\"scheduler\":{\"name\":\"slurm\",\"cluster\":\"c1\",\"job\":\"4711\",\"step\":\"0\",\"restart\":2,\"job_name\":\"sweep\",\"queue\":\"long\",\"project\":\"x\"},"
	"\"node\":\"n1\","
	"\"user\":{\"name\":\"alice\",\"uid\":1000,\"gid\":1001,\"account\":\"phys\",\"login_uid\":38,\"sudo_uid\":39},"
	"\"cell\":{\"profile\":\"batch\",\"namespaces\":[\"user\",\"mnt\",\"pid\"],\"boot_id\":\"boot\"},"
	"\"time\":{\"start\":\"1970-01-01T00:00:00.000001Z\",\"end\":\"2026-03-31T15:00:00.123456Z\",\"wall_s\":2.000003,\"setup_us\":4},"
	"\"exit\":{\"code\":5,\"signal\":6,\"reason\":\"exited\",\"tasks\":[{\"first\":0,\"last\":6,\"count\":4,\"code\":0},{\"first\":7,\"last\":7,\"count\":1,\"signal\":9}]},"
	"\"cpu\":{\"count\":7,\"cpuset\":\"0-3,8\",\"policy\":\"pack\",\"usage_us\":10,\"user_us\":11,\"system_us\":12,\"throttled_us\":13,\"setup_us\":37},"
	"\"memory\":{\"limit_bytes\":30,\"peak_bytes\":14,\"anon_bytes\":15,\"file_bytes\":16,\"shmem_bytes\":17,\"oom_kills\":18,\"max_process_bytes\":31,\"nodes\":\"0-1\",\"policy\":\"bind\",\"oom_victim\":\"cc1\",\"oom_victim_pid\":36},"
	"\"pids\":{\"peak\":19},"
	"\"io\":{\"read_bytes\":20,\"write_bytes\":21},"
	"\"pressure\":{\"cpu_us\":22,\"memory_us\":23,\"io_us\":24},"
	"\"scratch\":{\"limit_bytes\":32,\"peak_bytes\":33,\"full\":true,\"error\":\"no\"},"
	"\"net\":{\"rx_bytes\":34,\"tx_bytes\":35},"
	"\"limits\":{\"asked\":{\"memory\":\"4G\",\"pids\":\"100\"},\"enforced\":{\"memory\":\"4G\"},\"missing\":{\"pids\":\"no controller\"}},"
	"\"tags\":{\"run\":\"\\\"7\\\"\\n\"}}";

static void test_full(void **state)
{
	struct record r = full(), again;

	(void)state;
	assert_string_equal(format(&r), full_text);
	assert_int_equal(parse(full_text, &again), 0);
	assert_string_equal(format(&again), full_text);
	assert_int_equal(again.time.end_us, r.time.end_us);
	assert_int_equal(again.time.wall_us, r.time.wall_us);
	assert_int_equal(again.n_tags, 1);
	assert_string_equal(again.tags[0].value, "\"7\"\n");
	assert_int_equal(again.usage.pressure_io_us, 24);
	assert_string_equal(again.cell.namespaces, "user mnt pid");
}

static void test_absent(void **state)
{
	struct record r;

	(void)state;
	record_init(&r);
	assert_int_equal(record_format(&r, &pool, &(const char *){ 0 }, &err),
			 -1);
	r.id = "a";
	assert_string_equal(format(&r),
			    "{\"schema\":\"cloison.record/1\",\"id\":\"a\"}");
	assert_int_equal(parse(format(&r), &r), 0);
	assert_int_equal(r.user.uid, -1);
	assert_int_equal(r.usage.memory_peak, -1);
	assert_int_equal(r.time.wall_us, -1);
	assert_null(r.node);
	assert_int_equal(r.n_tags, 0);
}

static void test_zero_is_present(void **state)
{
	struct record r;

	(void)state;
	record_init(&r);
	r.id = "a";
	r.exit.code = 0;
	r.time.wall_us = 0;
	assert_non_null(strstr(format(&r), "\"wall_s\":0.000000"));
	assert_non_null(strstr(format(&r), "\"code\":0"));
}

static void test_not_utf8(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "a\xff", "a\xef\xbf\xbd" },
		{ "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
		  "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
		{ "\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd" }, /* overlong */
		{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "x\xe2\x82", "x\xef\xbf\xbd\xef\xbf\xbd" }, /* cut */
		{ "\xf4\x90\x80\x80",
		  "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\x01\x1b", "\x01\x1b" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct record r, again;

		record_init(&r);
		r.id = "a";
		r.node = rows[i].in;
		assert_int_equal(parse(format(&r), &again), 0);
		assert_string_equal(again.node, rows[i].out);
	}
}

/* Whatever a user makes of his strings, the record is written and fits. */
static void test_too_long(void **state)
{
	static char huge[200000];
	static struct record_pair pairs[1000];
	static struct record_tasks tasks[1000];
	struct record r = full(), again;
	const char *text;

	(void)state;
	memset(huge, '\x01', sizeof(huge) - 1);
	for (size_t i = 0; i < 1000; i++) {
		char *key = pool_alloc(&pool, 1000);

		memset(key, '\x02', 900);
		key[0] = (char)('A' + i % 26);
		key[1] = (char)('A' + i / 26);
		pairs[i] = (struct record_pair){ key, huge };
		tasks[i] = (struct record_tasks){ UINT32_MAX, UINT32_MAX,
						  UINT32_MAX, -1, 64 };
	}
	r.node = r.user.name = r.user.account = r.scheduler.job =
		r.scheduler.step = r.scheduler.name = r.scheduler.cluster =
			r.cell.profile = r.cell.boot_id = r.exit.reason =
				r.cpu.cpuset = r.memory.nodes = huge;
	r.limits.asked = r.limits.enforced = r.limits.missing = r.tags = pairs;
	r.limits.n_asked = r.limits.n_enforced = r.limits.n_missing = r.n_tags =
		1000;
	r.exit.tasks = tasks;
	r.exit.n_tasks = 1000;
	text = format(&r);
	assert_true(strlen(text) <= RECORD_MAX);
	assert_int_equal(parse(text, &again), 0);
	assert_int_equal(again.n_tags, RECORD_PAIRS);
	assert_int_equal(again.exit.n_tasks, RECORD_TASKS);
	assert_int_equal(again.usage.io_write, 21);
	assert_string_equal(format(&again), text);
}

/* A long string alone is cut less than among many. */
static void test_cut_once(void **state)
{
	static char huge[100000];
	struct record r, again;

	(void)state;
	memset(huge, 'x', sizeof(huge) - 1);
	record_init(&r);
	r.id = "a";
	r.node = huge;
	assert_int_equal(parse(format(&r), &again), 0);
	assert_int_equal(strlen(again.node), 4096);
}

static void test_refused(void **state)
{
#define HEAD "{\"schema\":\"cloison.record/1\",\"id\":\"a\""
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "", "too early" },
		{ "{", "too early" },
		{ "[]", "not a JSON object" },
		{ "null ", "not a JSON object" },
		{ "{}", "no schema" },
		{ "{\"schema\":1}", "no schema" },
		{ "{\"schema\":null}", "no schema" },
		{ "{\"schema\":\"cloison.record/2\",\"id\":\"a\"}",
		  "schema is 'cloison.record/2'" },
		{ "{\"schema\":\"cloison.record/1\"}", "id:" },
		{ "{\"schema\":\"cloison.record/1\",\"id\":\"\"}", "id:" },
		{ "{\"schema\":\"cloison.record/1\",\"id\":\"../x\"}", "id:" },
		{ "{\"schema\":\"cloison.record/1\",\"id\":\"A\"}", "id:" },
		{ HEAD ",\"node\":1}", "node: not a string" },
		{ HEAD ",\"node\":\"a\\u0000b\"}", "NUL" },
		{ HEAD ",\"user\":[]}", "user: not an object" },
		{ HEAD ",\"user\":{\"uid\":\"0\"}}", "user.uid: not a whole" },
		{ HEAD ",\"user\":{\"uid\":-1}}", "user.uid: not a number" },
		{ HEAD ",\"user\":{\"uid\":4294967295}}", "user.uid" },
		{ HEAD ",\"user\":{\"uid\":1.0}}", "user.uid" },
		{ HEAD ",\"pids\":{\"peak\":9223372036854775808}}",
		  "pids.peak" },
		{ HEAD ",\"pids\":{\"peak\":99999999999999999999999}}",
		  "pids.peak" },
		{ HEAD ",\"pids\":{\"peak\":-99999999999999999999999}}",
		  "pids.peak" },
		{ HEAD ",\"time\":{\"wall_s\":-1}}", "time.wall_s" },
		{ HEAD ",\"time\":{\"wall_s\":1e300}}", "time.wall_s" },
		{ HEAD ",\"time\":{\"wall_s\":NaN}}", "not JSON" },
		{ HEAD ",\"new\":[Infinity]}", "not JSON" },
		{ HEAD ",\"time\":{\"start\":\"2026-01-01\"}}", "time.start" },
		{ HEAD ",\"time\":{\"start\":\"2026-02-30T00:00:00.000000Z\"}}",
		  "time.start" },
		{ HEAD ",\"time\":{\"start\":\"2026-02-03T00:00:00.-00001Z\"}}",
		  "time.start" },
		{ HEAD ",\"time\":{\"start\":\"1969-12-31T23:59:59.000000Z\"}}",
		  "time.start" },
		{ HEAD ",\"cell\":{\"namespaces\":[\"a b\"]}}", "not words" },
		{ HEAD ",\"cell\":{\"namespaces\":[\"\"]}}", "not words" },
		{ HEAD ",\"cell\":{\"namespaces\":\"a\"}}", "not an array" },
		{ HEAD ",\"scratch\":{\"full\":1}}", "not true or false" },
		{ HEAD ",\"tags\":{\"a\":1}}", "tags: not a string" },
		{ HEAD ",\"tags\":[]}", "tags: not an object" },
		{ HEAD ",\"limits\":{\"asked\":7}}", "limits.asked" },
		{ HEAD ",\"exit\":{\"tasks\":{}}}",
		  "exit.tasks: not an array" },
		{ HEAD ",\"exit\":{\"tasks\":[1]}}",
		  "exit.tasks: not an array of objects" },
		{ HEAD ",\"exit\":{\"tasks\":[{\"first\":0,\"last\":0}]}}",
		  "exit.tasks: count: not a whole" },
		{ HEAD ",\"exit\":{\"tasks\":[{\"first\":-1,\"last\":0,"
		       "\"count\":1}]}}",
		  "exit.tasks: first: not a number" },
		{ HEAD ",\"x\":\"\xff\"}", "UTF-8" },
		{ HEAD ",\"x\":[[[[[[[[[[1]]]]]]]]]]}", "not JSON" },
		{ HEAD "}}", "not JSON" },
		{ HEAD "} x", "not JSON" },
		{ HEAD ",}", "not JSON" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct record r;

		if (!parse(rows[i].text, &r))
			fail_msg("taken: %s", rows[i].text);
		if (!strstr(err.text, rows[i].says))
			fail_msg("%s: %s", rows[i].text, err.text);
	}
}

static void test_raw_nul_and_size(void **state)
{
	static char big[RECORD_MAX + 2] = HEAD "}";
	struct record r;
	size_t n = strlen(big);

	(void)state;
	assert_int_equal(record_parse(big, n + 1, &pool, &r, &err), -1);
	memset(big + n, ' ', sizeof(big) - n);
	assert_int_equal(record_parse(big, RECORD_MAX, &pool, &r, &err), 0);
	assert_int_equal(record_parse(big, RECORD_MAX + 1, &pool, &r, &err),
			 -1);
}

static void test_passed_over(void **state)
{
	struct record r;

	(void)state;
	assert_int_equal(parse(HEAD ",\"later\":{\"x\":[1,null]},\"node\":null,"
				    "\"user\":null,\"time\":{\"wall_s\":2}}\n",
			       &r),
			 0);
	assert_null(r.node);
	assert_int_equal(r.time.wall_us, 2000000);
}

static void test_rewrite(void **state)
{
	static const char in[] =
		"{ \"schema\":\"cloison.record/1\",\n \"id\":\"a\",\"x\":01.5,"
		"\"y\":[\"\t\", 12.345678, 1.], \"\\u0073igner\":0,"
		"\"source\":1,\"later\":{\"signer\":7} }\n";
	const char *out;
	struct record r;

	(void)state;
	assert_int_equal(record_rewrite(in, strlen(in), &pool, &r, &out, &err),
			 0);
	assert_string_equal(out,
			    HEAD ",\"x\":1.5,\"y\":[\"\\t\",12.345678,1.0],"
				 "\"later\":{\"signer\":7}}");
	assert_string_equal(r.id, "a");
	assert_int_equal(record_rewrite("{}", 2, &pool, &r, &out, &err), -1);
}

static void test_locale(void **state)
{
	struct record r = full();

	(void)state;
	if (!setlocale(LC_ALL, "de_DE.UTF-8") && !setlocale(LC_ALL, "fr_FR"))
		skip();
	assert_string_equal(format(&r), full_text);
	assert_int_equal(parse(full_text, &r), 0);
	assert_int_equal(r.time.wall_us, 2000003);
	setlocale(LC_ALL, "C");
}

static void test_id(void **state)
{
	char a[65], b[65], next[65];
	const struct timespec wait = { 0, 2000000 };

	(void)state;
	assert_int_equal(record_id(a, &err), 0);
	assert_int_equal(record_id(b, &err), 0);
	nanosleep(&wait, NULL);
	assert_int_equal(record_id(next, &err), 0);
	assert_int_equal(strlen(a), 36);
	assert_true(record_id_valid(a));
	assert_string_not_equal(a, b);
	assert_true(strcmp(a, next) < 0);
	assert_true(strcmp(b, next) < 0);
	assert_int_equal(a[14], '7');
	assert_false(record_id_valid(""));
	assert_false(record_id_valid("a/b"));
	assert_false(record_id_valid("a\n"));
	assert_false(
		record_id_valid("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				"aaaaaaaaaaaaaaaaaaaaaaa"));
}

struct each {
	size_t n;
	const char *wall, *job, *peak;
};

static void each(void *arg, const char *name, const char *text)
{
	struct each *e = arg;

	e->n++;
	if (!strcmp(name, "time.wall_s"))
		e->wall = text;
	if (!strcmp(name, "scheduler.job"))
		e->job = text;
	if (!strcmp(name, "memory.peak_bytes"))
		e->peak = text;
}

static void test_each(void **state)
{
	struct record r = full();
	struct each e = { 0 };

	(void)state;
	r.usage.memory_peak = -1;
	record_each(&r, &pool, each, &e);
	assert_int_equal(e.n, 57);
	assert_string_equal(e.wall, "2.000003");
	assert_string_equal(e.job, "4711");
	assert_null(e.peak);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_zero_is_present),
		cmocka_unit_test(test_not_utf8),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_cut_once),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_raw_nul_and_size),
		cmocka_unit_test(test_passed_over),
		cmocka_unit_test(test_rewrite),
		cmocka_unit_test(test_locale),
		cmocka_unit_test(test_id),
		cmocka_unit_test(test_each),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
