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

#include <stdlib.h>
#include <string.h>

#include "wrapper/condor.h"
#include "wrapper/jobenv.h"
/* cmocka's, and there is one of ours. */
#undef fail
#include "wrapper/wrapper.h"

static struct pool pool;

static int teardown(void **state)
{
	(void)state;
	pool_free(&pool);
	return 0;
}

/* Not in this program. */
int run_main(int argc, char *argv[])
{
	(void)argc;
	(void)argv;
	abort();
}

int fail(const struct err *err)
{
	(void)err;
	abort();
}

static const char *built(struct condor c, const char *const words[])
{
	char **word;
	size_t n = condor_build(&c, words, &pool, &word);
	const char *text = word[0];

	for (size_t i = 1; i < n; i++)
		text = pool_printf(&pool, "%s|%s", text, word[i]);
	assert_null(word[n]);
	return text;
}

static void a_job_is_run_as_it_is(void **state)
{
	const char *const words[] = { "/x y", "", "a\nb", "--", "'\"", NULL };

	(void)state;
	assert_string_equal(built((struct condor){ .options = "" }, words),
			    "run|--raise|--|/x y||a\nb|--|'\"");
	assert_string_equal(
		built((struct condor){ .options = " --net=none\t--tag=a=* ",
				       .scratch = "/s/dir_1" },
		      words),
		"run|--raise|--net=none|--tag=a=*|--rw=/s/dir_1|--|"
		"/x y||a\nb|--|'\"");
}

static void an_interactive_one_waits_in_the_cell(void **state)
{
	const char *const words[] = { "/bin/sleep", "180", NULL };
	const char *text = built(
		(struct condor){ .options = "", .interactive = true }, words);

	(void)state;
	assert_ptr_equal(strstr(text, "run|--raise|--|/bin/sh|-c|somebody()"),
			 text);
	assert_non_null(strstr(text, "|sh|/bin/sleep|180"));
}

static void sshd_is_known_by_its_words(void **state)
{
	static const char config[] =
		"/e/dir_7/.condor_ssh_to_job_1/sshd_config";
	const struct {
		const char *words[6];
		bool is;
	} rows[] = {
		{ { "/usr/sbin/sshd", "-i", "-e", "-f", config }, true },
		{ { "/usr/sbin/sshd", "-f", "/etc/ssh/sshd_config" }, false },
		{ { "/bin/cat", config }, false },
		{ { "/home/me/notsshd", config }, false },
		{ { "/usr/sbin/sshd", config, "x" }, false },
		{ { NULL }, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_ptr_equal(condor_sshd(rows[i].words),
				 rows[i].is ? config : NULL);
}

static void the_key_has_one_command(void **state)
{
	const char *const rows[][2] = {
		{ "command=\"/l/sh a b\",no-x ssh-rsa AA\n", "/l/sh a b" },
		{ "command=\"\" ssh-rsa AA\n", "" },
		{ "command=\"/l/sh ssh-rsa AA\n\"", "" },
		{ "ssh-rsa AA\ncommand=\"/l/sh\" ssh-rsa AA\n", "" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(condor_forced(rows[i][0], &pool),
				    rows[i][1]);
}

static void an_ad_says_true(void **state)
{
	static const char ad[] = "InteractiveJob = true\nA = TRUE\r\n"
				 "B = trueish\nC = undefined\nD = false\n";
	const char *const rows[][2] = {
		{ "interactivejob", "true" },
		{ "A", "TRUE" },
		{ "B", NULL },
		{ "C", NULL },
		{ "D", "false" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *got = jobenv_attribute(ad, rows[i][0], &pool);

		if (rows[i][1])
			assert_string_equal(got, rows[i][1]);
		else
			assert_null(got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_job_is_run_as_it_is, teardown),
		cmocka_unit_test_teardown(an_interactive_one_waits_in_the_cell,
					  teardown),
		cmocka_unit_test_teardown(sshd_is_known_by_its_words, teardown),
		cmocka_unit_test_teardown(the_key_has_one_command, teardown),
		cmocka_unit_test_teardown(an_ad_says_true, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
