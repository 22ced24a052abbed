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

#include <json-c/json.h>
#include <string.h>

#include "slurm/digest.h"

static struct pool pool;

static int teardown(void **state)
{
	(void)state;
	pool_free(&pool);
	return 0;
}

static const struct store_sum unknown = {
	.nodes = -1,
	.ooms = -1,
	.failed = -1,
	.wall_us = -1,
	.cpu_us = -1,
	.cpu_asked_us = -1,
	.throttled_us = -1,
	.peak_bytes = -1,
	.limit_bytes = -1,
	.scratch_peak_bytes = -1,
	.read_bytes = -1,
	.write_bytes = -1,
	.rx_bytes = -1,
	.tx_bytes = -1,
};

/* The object of a value that keeps every promise of digest.h. */
static struct json_object *parse(const char *value, size_t max)
{
	const char *json = value + 4;
	struct json_object *o;

	assert_true(strlen(value) <= max);
	assert_memory_equal(value, "CL1:{", 5);
	for (const char *c = value; *c; c++)
		assert_true(*c >= ' ' && *c <= '~' && !strchr("'\\|", *c));
	assert_ptr_equal(strchr(json, '}'), json + strlen(json) - 1);
	o = json_tokener_parse(json);
	assert_true(json_object_is_type(o, json_type_object));
	return o;
}

static const char *text_of(struct json_object *o, const char *name)
{
	return json_object_get_string(json_object_object_get(o, name));
}

static void all_that_is_known(void **state)
{
	struct store_sum sum = unknown;

	(void)state;
	sum.records = 2;
	sum.nodes = 2;
	sum.failed = 1;
	sum.ooms = 1;
	sum.cpu_us = 12;
	sum.peak_bytes = INT64_MAX;
	sum.peak_node = "n/7";
	sum.reason = "oom";
	assert_string_equal(
		digest_build(&sum, DIGEST_MAX, &pool),
		"CL1:{\"records\":2,\"nodes\":2,\"reason\":\"oom\",\"failed\":1,"
		"\"ooms\":1,\"cpu_us\":12,\"peak_bytes\":9223372036854775807,"
		"\"peak_node\":\"n/7\"}");
}

static void hostile_strings(void **state)
{
	struct store_sum sum = unknown;
	struct json_object *o;

	(void)state;
	sum.records = 1;
	sum.peak_node = "a\"}'\\|{b\n\t\x1b\x7f\xc3\xa9\xff c; CL1:{";
	sum.profile = "CL1:{}";
	o = parse(digest_build(&sum, DIGEST_MAX, &pool), DIGEST_MAX);
	assert_string_equal(text_of(o, "peak_node"),
			    "a??????b??????? c; CL1:?");
	assert_string_equal(text_of(o, "profile"), "CL1:??");
	json_object_put(o);
}

/* A name that alone is too long goes, and what is shorter behind it stays. */
static void too_long(void **state)
{
	struct store_sum sum = unknown;
	static char name[3 * DIGEST_MAX];
	struct json_object *o;

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	sum.records = 3;
	sum.reason = "lost";
	sum.peak_node = name;
	sum.wall_us = 7;
	o = parse(digest_build(&sum, DIGEST_MAX, &pool), DIGEST_MAX);
	assert_null(text_of(o, "peak_node"));
	assert_string_equal(text_of(o, "wall_us"), "7");
	json_object_put(o);
	/* Just as long as there is room for, and a byte more. */
	for (size_t more = 0; more < 2; more++) {
		static const char rest[] =
			"CL1:{\"records\":3,\"reason\":\"lost\","
			"\"peak_node\":\"\"}";
		const char *value;

		sum.wall_us = -1;
		name[DIGEST_MAX - strlen(rest) + more] = '\0';
		value = digest_build(&sum, DIGEST_MAX, &pool);
		if (!more)
			assert_int_equal(strlen(value), DIGEST_MAX);
		else
			assert_string_equal(
				value,
				"CL1:{\"records\":3,\"reason\":\"lost\"}");
		name[DIGEST_MAX - strlen(rest)] = 'x';
	}
}

/* Whatever the room is, a whole object. */
static void every_size(void **state)
{
	struct store_sum sum = unknown;
	size_t members = 0;

	(void)state;
	sum.records = sum.nodes = 9;
	sum.cpu_us = sum.peak_bytes = sum.tx_bytes = 1234567890123;
	sum.reason = "exited";
	sum.peak_node = "node-17";
	sum.profile = "batch";
	for (size_t max = 6; max < 300; max++) {
		struct json_object *o =
			parse(digest_build(&sum, max, &pool), max);

		members = (size_t)json_object_object_length(o);
		if (max > 20)
			assert_string_equal(text_of(o, "records"), "9");
		json_object_put(o);
	}
	assert_int_equal(members, 8);
}

static void the_worst_reason(void **state)
{
	(void)state;
	assert_null(digest_worse(NULL, NULL));
	assert_string_equal(digest_worse(NULL, "exited"), "exited");
	assert_string_equal(digest_worse("exited", "signaled"), "signaled");
	assert_string_equal(digest_worse("oom", "signaled"), "oom");
	assert_string_equal(digest_worse("oom", "lost"), "lost");
	/* One that a later release has. */
	assert_string_equal(digest_worse("oom", "meteor"), "meteor");
}

static void what_is_there_already(void **state)
{
	static const struct {
		const char *old;
		bool append;
		enum digest_fate fate;
		const char *text;
	} rows[] = {
		{ NULL, false, DIGEST_WRITE, "CL1:{\"new\":1}" },
		{ "", true, DIGEST_WRITE, "CL1:{\"new\":1}" },
		{ "CL1:{\"new\":1}", false, DIGEST_SAME, NULL },
		{ "CL1:{\"old\":1}", false, DIGEST_WRITE, "CL1:{\"new\":1}" },
		{ "JS1:H4sI=", false, DIGEST_FOREIGN, NULL },
		{ "JS1:H4sI=", true, DIGEST_WRITE,
		  "JS1:H4sI=; CL1:{\"new\":1}" },
		{ "JS1:H4sI=; CL1:{\"new\":1}", true, DIGEST_SAME, NULL },
		/* Ours is replaced where it is, whoever wrote around it. */
		{ "JS1:H4sI=; CL1:{\"old\":1}", false, DIGEST_WRITE,
		  "JS1:H4sI=; CL1:{\"new\":1}" },
		{ "CL1:{\"old\":1}; a 'note'", false, DIGEST_WRITE,
		  "CL1:{\"new\":1}; a 'note'" },
		/* These are not ours. */
		{ "see CL1:{\"old\":1}", false, DIGEST_FOREIGN, NULL },
		{ "CL1:{\"old\":1", false, DIGEST_FOREIGN, NULL },
		{ "CL1:{\"old\":{", false, DIGEST_FOREIGN, NULL },
		{ "CL2:{\"old\":1}", false, DIGEST_FOREIGN, NULL },
		{ "x CL1:{; CL1:{\"old\":1}", false, DIGEST_WRITE,
		  "x CL1:{; CL1:{\"new\":1}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *text = NULL;

		assert_int_equal(digest_merge(rows[i].old, "CL1:{\"new\":1}",
					      rows[i].append, &pool, &text),
				 rows[i].fate);
		if (rows[i].text)
			assert_string_equal(text, rows[i].text);
	}
}

/* Nothing of somebody else's is cut. */
static void no_room(void **state)
{
	static char old[COMMENT_MAX + 1];
	const char *text;

	(void)state;
	memset(old, 'x', COMMENT_MAX - 8);
	assert_int_equal(digest_merge(old, "CL1:{}", true, &pool, &text),
			 DIGEST_WRITE);
	assert_int_equal(strlen(text), COMMENT_MAX);
	old[COMMENT_MAX - 8] = 'x';
	assert_int_equal(digest_merge(old, "CL1:{}", true, &pool, &text),
			 DIGEST_FOREIGN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_that_is_known),
		cmocka_unit_test(hostile_strings),
		cmocka_unit_test(too_long),
		cmocka_unit_test(every_size),
		cmocka_unit_test(the_worst_reason),
		cmocka_unit_test(what_is_there_already),
		cmocka_unit_test(no_room),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
