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

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wrapper/starter.h"
/* cmocka's, and there is one of ours. */
#undef fail
#include "wrapper/wrapper.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* Lines of a file of Grid Engine 8.1.9's. */
#define CONFIG   "job_name=x\nmytmpdir=/a\ntmpdir_=/b\nhandle_as_binary"
#define SCRIPT   CONFIG "=0\nno_shell=0\n"
#define BINARY   CONFIG "=1\nno_shell=0\n"
#define NO_SHELL CONFIG "=1\nno_shell=1\n"

static struct pool pool;

static int teardown(void **state)
{
	(void)state;
	pool_free(&pool);
	return 0;
}

static const char *joined(char **words, size_t n)
{
	const char *text = words[0];

	for (size_t i = 1; i < n; i++)
		text = pool_printf(&pool, "%s|%s", text, words[i]);
	assert_null(words[n]);
	return text;
}

struct row {
	const char *config;
	const char *mode, *shell, *login, *cores, *options;
	const char *words[4];
	const char *expected; /* behind "run|--raise|" */
};

static const char *said(const char *text)
{
	return text ? text : "";
}

static void check(const struct row *row)
{
	struct starter s = { .shell = said(row->shell),
			     .mode = said(row->mode),
			     .login = said(row->login),
			     .cores = said(row->cores),
			     .options = said(row->options),
			     .own_shell = "/bin/zsh" };
	char **words;
	size_t n;

	starter_parse(row->config, &pool, &s);
	n = starter_build(&s, row->words, &pool, &words);
	assert_string_equal(
		joined(words, n),
		pool_printf(&pool, "run|--raise|%s", row->expected));
}

#define POSIX .mode = "posix_compliant"
#define STDIN .mode = "script_from_stdin"
#define UNIX  .mode = "unix_behavior"
#define SH    .shell = "/bin/sh"
#define CSH   .shell = "/usr/bin/tcsh"
#define LOGIN .login = "true"
#define WORDS .words = { "/spool/7", "a b", "" }

static void test_shells(void **state)
{
	static const struct row rows[] = {
		{ SCRIPT, POSIX, SH, WORDS,
		  .expected = "--|/bin/sh|/spool/7|a b|" },
		{ SCRIPT, STDIN, SH, WORDS,
		  .expected = "--|/bin/sh|/spool/7|a b|" },
		{ SCRIPT, UNIX, SH, WORDS, .expected = "--|/spool/7|a b|" },
		{ SCRIPT, POSIX, CSH, WORDS,
		  .expected = "--|/usr/bin/tcsh|/spool/7|a b|" },
		{ SCRIPT, STDIN, SH, .expected = "--|/bin/sh" },
		{ BINARY, POSIX, SH, WORDS,
		  .expected =
			  "--|/bin/sh|-c|exec \"$@\"|/bin/sh|/spool/7|a b|" },
		{ BINARY, POSIX, CSH, WORDS, .expected = "--|/spool/7|a b|" },
		{ BINARY, STDIN, SH, WORDS,
		  .expected = "--|/bin/sh|/spool/7|a b|" },
		{ BINARY, UNIX, SH, WORDS, .expected = "--|/spool/7|a b|" },
		{ NO_SHELL, POSIX, SH, WORDS, .expected = "--|/spool/7|a b|" },
		{ NO_SHELL, POSIX, WORDS, .expected = "--|/spool/7|a b|" },
		{ "", SH, WORDS, .expected = "--|/bin/sh|/spool/7|a b|" },
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++)
		check(&rows[i]);
}

static void test_login_shells(void **state)
{
	static const struct row rows[] = {
		{ SCRIPT, POSIX, SH, LOGIN, WORDS,
		  .expected = "--login|--|/bin/sh|/spool/7|a b|" },
		{ SCRIPT, STDIN, SH, LOGIN, .expected = "--login|--|/bin/sh" },
		{ SCRIPT, POSIX, SH, .login = "false", WORDS,
		  .expected = "--|/bin/sh|/spool/7|a b|" },
		{ BINARY, POSIX, SH, LOGIN, .words = { "x" },
		  .expected = "--login|--|/bin/sh|-c|exec \"$@\"|/bin/sh|x" },
		{ BINARY, POSIX, CSH, LOGIN, WORDS,
		  .expected = "--|/spool/7|a b|" },
		{ SCRIPT, UNIX, SH, LOGIN, WORDS,
		  .expected = "--|/spool/7|a b|" },
		{ NO_SHELL, POSIX, SH, LOGIN, WORDS,
		  .expected = "--|/spool/7|a b|" },
		{ BINARY, POSIX, LOGIN, WORDS,
		  .expected = "--|/bin/zsh|-c|/spool/7 a b " },
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++)
		check(&rows[i]);
}

/* qrsh's, whatever the mode: words are text, as the shell joins them. */
static void test_text(void **state)
{
	static const struct row rows[] = {
		{ BINARY, POSIX, .words = { "echo  $HOME; exit 4" },
		  .expected = "--|/bin/zsh|-c|echo  $HOME; exit 4" },
		{ BINARY, UNIX, .words = { "a", "", "b" },
		  .expected = "--|/bin/zsh|-c|a  b" },
		{ "", .expected = "--|/bin/zsh|-c|" },
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++)
		check(&rows[i]);
}

static void test_options(void **state)
{
	static const struct row rows[] = {
		{ SCRIPT "tmpdir=/tmp/7.1.q\n", SH, .words = { "x" },
		  .expected = "--rw=/tmp/7.1.q|--|/bin/sh|x" },
		/* The last one, whoever has written it. */
		{ "tmpdir=/tmp/a\njob_arg1=x\ntmpdir=/tmp/b=c", SH,
		  .words = { "x" }, .expected = "--rw=/tmp/b=c|--|/bin/sh|x" },
		{ SCRIPT, SH, .cores = "3", .words = { "x" },
		  .expected = "--cpuset=3|--|/bin/sh|x" },
		{ SCRIPT, SH, .cores = "0 2 17", .words = { "x" },
		  .expected = "--cpuset=0,2,17|--|/bin/sh|x" },
		{ SCRIPT, SH, .options = "\t--profile=strict  --tag=a=*\n",
		  .words = { "x" },
		  .expected = "--profile=strict|--tag=a=*|--|/bin/sh|x" },
		{ SCRIPT, SH, .options = " ", .words = { "x" },
		  .expected = "--|/bin/sh|x" },
		{ SCRIPT "tmpdir=/t\n", SH, LOGIN, .cores = "0 1",
		  .options = "--cpus=1", .words = { "x" },
		  .expected =
			  "--cpus=1|--cpuset=0,1|--rw=/t|--login|--|/bin/sh|x" },
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++)
		check(&rows[i]);
}

/* --- all of it, but what is run --- */

static const char *ran;

int run_main(int argc, char *argv[])
{
	ran = joined(argv, (size_t)argc);
	return 7;
}

static void write_config(const char *text)
{
	FILE *f = fopen("config", "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void starts(const char *expected)
{
	char self[] = "cloison-gridengine", a[] = "a", b[] = "b";
	char *argv[] = { self, a, b, NULL };

	assert_int_equal(starter_main(3, argv), 7);
	assert_string_equal(ran, expected);
}

static void test_files(void **state)
{
	char dir[] = "/tmp/cloison-starter.XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	unsetenv("SGE_BINDING");
	unsetenv("CLOISON_OPTIONS");
	setenv("SGE_STARTER_SHELL_PATH", "/bin/sh", 1);
	setenv("SGE_STARTER_SHELL_START_MODE", "posix_compliant", 1);
	setenv("SGE_STARTER_USE_LOGIN_SHELL", "true", 1);
	unsetenv("SGE_JOB_SPOOL_DIR");
	starts("run|--raise|--login|--|/bin/sh|a|b");
	setenv("SGE_JOB_SPOOL_DIR", dir, 1);
	starts("run|--raise|--login|--|/bin/sh|a|b");

	write_config(NO_SHELL "tmpdir=tmp\n");
	starts("run|--raise|--|a|b");
	write_config("tmpdir=config\n");
	starts("run|--raise|--login|--|/bin/sh|a|b");
	assert_int_equal(mkdir("tmp", 0700), 0);
	write_config("tmpdir=tmp\n");
	starts("run|--raise|--rw=tmp|--login|--|/bin/sh|a|b");

	/* What would have to be waited for is none. */
	assert_int_equal(unlink("config"), 0);
	assert_int_equal(mkfifo("config", 0600), 0);
	starts("run|--raise|--login|--|/bin/sh|a|b");

	assert_int_equal(unlink("config") | rmdir("tmp"), 0);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shells),
		cmocka_unit_test(test_login_shells),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
