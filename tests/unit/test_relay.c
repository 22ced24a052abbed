/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which of the supervisor's signals the payload has got already, by when init
 * and the supervisor have read theirs, in us. */
#include "config.h"

/* cmocka.h needs those before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include <signal.h>

#include "run/relay.h"

enum {
	START = 100000000
};

static void note(struct relay *r, int64_t at)
{
	relay_note(r, SIGUSR1, START + at);
}

static bool has(struct relay *r, int64_t at)
{
	return relay_has(r, SIGUSR1, START + at);
}

static void test_group(void **state)
{
	struct relay r = { 0 };

	(void)state;
	note(&r, 10);
	assert_true(has(&r, 20));
	/* And then the supervisor alone. */
	assert_false(has(&r, 30));
}

static void test_alone(void **state)
{
	struct relay r = { 0 };

	(void)state;
	assert_false(has(&r, 20));
	relay_note(&r, SIGUSR2, START + 25);
	assert_false(has(&r, 30));
}

/* Init was slow to read. */
static void test_slow_init(void **state)
{
	struct relay r = { 0 };

	(void)state;
	note(&r, 30);
	assert_true(has(&r, 20));
	assert_false(has(&r, 40));
}

/* Orders are taken when two signals have come. */
static void test_two(void **state)
{
	struct relay r = { 0 };

	(void)state;
	note(&r, 10);
	note(&r, 50);
	assert_true(has(&r, 20));
	assert_true(has(&r, 60));
	assert_false(has(&r, 70));
	note(&r, 130);
	note(&r, 180);
	assert_true(has(&r, 120));
	assert_true(has(&r, 170));
	assert_false(has(&r, 190));
}

/* Two were one for init, or for the supervisor. */
static void test_merged(void **state)
{
	struct relay r = { 0 };

	(void)state;
	note(&r, 90);
	assert_true(has(&r, 20));
	assert_true(has(&r, 80));
	assert_false(has(&r, 95));
	note(&r, 110);
	note(&r, 120);
	assert_true(has(&r, 130));
	assert_false(has(&r, 140));
}

/* Init got it alone, long ago; and more often than there is room. */
static void test_old(void **state)
{
	struct relay r = { 0 };

	(void)state;
	note(&r, 10);
	assert_false(has(&r, 1000020));
	for (int i = 0; i < 100; i++)
		note(&r, 2000000 + i);
	assert_true(has(&r, 2000200));
	assert_false(has(&r, 2000300));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_group),     cmocka_unit_test(test_alone),
		cmocka_unit_test(test_slow_init), cmocka_unit_test(test_two),
		cmocka_unit_test(test_merged),    cmocka_unit_test(test_old),
	};

	return cmocka_run_group_tests_name("relay", tests, NULL, NULL);
}
