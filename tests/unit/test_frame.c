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

#include <string.h>

#include "collector/frame.h"

static const char nonce[] = "0123456789abcdef0123456789abcdef";
static struct pool pool;
static struct err err;

static int teardown(void **state)
{
	(void)state;
	pool_free(&pool);
	return 0;
}

static void test_head(void **state)
{
	static const struct {
		enum frame_type type;
		size_t len;
	} rows[] = {
		{ FRAME_HELLO, 8 },         { FRAME_BATCH, 1 },
		{ FRAME_BATCH, FRAME_MAX }, { FRAME_RESULT, 70 },
		{ FRAME_REFUSED, 1 },
	};
	unsigned char head[FRAME_HEAD];
	struct frame f;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		frame_head_build(rows[i].type, rows[i].len, head);
		assert_int_equal(frame_head_parse(head, &f, &err), 0);
		assert_int_equal(f.type, rows[i].type);
		assert_int_equal(f.len, rows[i].len);
	}
}

static void test_bad_head(void **state)
{
	static const unsigned char rows[][FRAME_HEAD] = {
		{ 0, 0, 0, 0, 0, 0, 0, 8 }, /* no such types */
		{ 5, 0, 0, 0, 0, 0, 0, 8 },
		{ 255, 0, 0, 0, 0, 0, 0, 8 },
		{ 2, 1, 0, 0, 0, 0, 0, 8 }, /* what must be 0 */
		{ 1, 0, 0, 0, 0, 0, 0, 7 }, /* lengths */
		{ 1, 0, 0, 0, 0, 0, 0, 9 },
		{ 2, 0, 0, 0, 0, 0, 0, 0 },
		{ 2, 0, 0, 0, 0, 0x10, 0, 0 },
		{ 2, 0, 0, 0, 0xff, 0xff, 0xff, 0xff },
		{ 3, 0, 0, 0, 0, 1, 0, 1 },
		{ 4, 0, 0, 0, 0, 0, 0, 2 },
		{ 'G', 'E', 'T', ' ', '/', ' ', 'H', 'T' },
	};
	struct frame f;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(frame_head_parse(rows[i], &f, &err), -1);
}

static void test_hello(void **state)
{
	unsigned char body[FRAME_HELLO_SIZE];
	unsigned version = 0;

	(void)state;
	frame_hello_build(513, body);
	assert_int_equal(frame_hello_parse(body, &version, &err), 0);
	assert_int_equal(version, 513);
	frame_hello_build(0, body);
	assert_int_equal(frame_hello_parse(body, &version, &err), -1);
	assert_int_equal(frame_hello_parse((const unsigned char *)"SSH-2.0-",
					   &version, &err),
			 -1);
}

static void test_batch(void **state)
{
	const char *text = pool_printf(&pool, "%sone\n\nthree\n",
				       frame_batch_build(nonce, &pool));
	static const char *const lines[] = { "one", "", "three" };
	struct frame_batch b;
	const char *line;
	size_t len, i = 0;

	(void)state;
	assert_int_equal(frame_batch_parse(text, strlen(text), &b, &err), 0);
	assert_string_equal(b.nonce, nonce);
	assert_int_equal(b.n, 3);
	for (; i < 3 && frame_batch_next(&b, &line, &len); i++) {
		assert_int_equal(len, strlen(lines[i]));
		assert_memory_equal(line, lines[i], len);
	}
	assert_int_equal(i, 3);
	assert_false(frame_batch_next(&b, &line, &len));
}

static void test_bad_batch(void **state)
{
	static const char *const rows[] = {
		"",
		"cloisond/1 ",
		"cloisond/1 0123456789abcdef0123456789abcdef",
		"cloisond/1 0123456789abcdef0123456789abcdef\n",
		"cloisond/1 0123456789abcdef0123456789abcdef\n{}",
		"cloisond/1 0123456789abcdef0123456789abcde\n{}\n",
		"cloisond/1 0123456789ABCDEF0123456789abcdef\n{}\n",
		"cloisond/1 0123456789abcdef0123456789abcdef {}\n",
		"cloisond/2 0123456789abcdef0123456789abcdef\n{}\n",
	};
	struct frame_batch b;
	char *many;
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(
			frame_batch_parse(rows[i], strlen(rows[i]), &b, &err),
			-1);
	len = strlen(frame_batch_build(nonce, &pool));
	many = pool_alloc(&pool, len + FRAME_RECORDS + 2);
	memset(many, '\n', len + FRAME_RECORDS + 1);
	memcpy(many, frame_batch_build(nonce, &pool), len);
	assert_int_equal(frame_batch_parse(many, len + FRAME_RECORDS, &b, &err),
			 0);
	assert_int_equal(
		frame_batch_parse(many, len + FRAME_RECORDS + 1, &b, &err), -1);
}

static void test_result(void **state)
{
	const enum frame_fate fates[] = { FATE_NEW, FATE_CLASH, FATE_MUNGE };
	const char *text = frame_result_build(nonce, fates, 3, &pool);
	enum frame_fate got[4];
	char other[FRAME_NONCE + 1];

	(void)state;
	assert_int_equal(
		frame_result_parse(text, strlen(text), nonce, got, 3, &err), 0);
	assert_memory_equal(got, fates, sizeof(fates));
	/* Of another number of records, of another batch, of a later version.
	 */
	assert_int_equal(
		frame_result_parse(text, strlen(text), nonce, got, 4, &err),
		-1);
	assert_int_equal(
		frame_result_parse(text, strlen(text), nonce, got, 2, &err),
		-1);
	assert_int_equal(frame_nonce(other, &err), 0);
	assert_int_equal(
		frame_result_parse(text, strlen(text), other, got, 3, &err),
		-1);
	text = pool_printf(&pool, "cloisond/1 %s z", nonce);
	assert_int_equal(
		frame_result_parse(text, strlen(text), nonce, got, 1, &err),
		-1);
}

/* Only what may pass refuses a batch: nobody can forge the end of a record. */
static void test_refused(void **state)
{
	enum frame_fate fate;

	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		bool later = i < FATES && frame_fates[i].verdict == FRAME_LATER;

		assert_int_equal(
			frame_refused_parse((unsigned char)i, &fate, &err),
			later ? 0 : -1);
	}
}

static void test_nonce(void **state)
{
	char one[FRAME_NONCE + 1], two[FRAME_NONCE + 1];

	(void)state;
	assert_int_equal(frame_nonce(one, &err), 0);
	assert_int_equal(frame_nonce(two, &err), 0);
	assert_int_equal(strspn(one, "0123456789abcdef"), FRAME_NONCE);
	assert_string_not_equal(one, two);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_bad_head),
		cmocka_unit_test(test_hello),
		cmocka_unit_test(test_batch),
		cmocka_unit_test(test_bad_batch),
		cmocka_unit_test(test_result),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_nonce),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
