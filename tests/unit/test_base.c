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

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/lazy.h"
#include "base/parse.h"
#include "base/pool.h"
#include "base/proc.h"
#include "base/tree.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* --- err --- */

static void err_says(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(err_set(&err, 0, "no %s", "luck"), -1);
	assert_string_equal(err.text, "no luck");
	assert_int_equal(err.num, 0);
	assert_int_equal(err_set(&err, ENOENT, "open %s", "/x"), -1);
	assert_string_equal(err.text, "open /x: No such file or directory");
	assert_int_equal(err.num, ENOENT);
	assert_int_equal(err_prefix(&err, "%s:%d", "f", 3), -1);
	assert_string_equal(err.text,
			    "f:3: open /x: No such file or directory");
	assert_int_equal(err_hint(&err, "make %s", "it"), -1);
	assert_string_equal(err.text, "f:3: open /x: No such file or directory"
				      ": make it");
	assert_int_equal(err.num, ENOENT);
}

static void err_fits_pipe(void **state)
{
	(void)state;
	assert_true(sizeof(struct err) <= PIPE_BUF);
}

/* A text of `n` letters. */
static const char *letters(size_t n)
{
	static char buf[600];

	assert_true(n < sizeof(buf));
	memset(buf, 'a', n);
	buf[n] = '\0';
	return buf;
}

static void ends_in_dots(const struct err *err)
{
	assert_int_equal(strlen(err->text), sizeof(err->text) - 1);
	assert_string_equal(err->text + sizeof(err->text) - 4, "...");
}

static void err_truncates(void **state)
{
	struct err err;
	const size_t full = sizeof(err.text) - 1;

	(void)state;
	err_set(&err, 0, "%s", letters(full));
	assert_string_equal(err.text, letters(full));
	err_set(&err, 0, "%s", letters(full + 1));
	ends_in_dots(&err);
	err_set(&err, 0, "%s", letters(599));
	ends_in_dots(&err);
	/* The text fits, what strerror says does not. */
	for (size_t n = full - 10; n <= full; n++) {
		err_set(&err, ENOENT, "%s", letters(n));
		ends_in_dots(&err);
	}
}

static void err_prefix_truncates(void **state)
{
	struct err err;
	const size_t full = sizeof(err.text) - 1;

	(void)state;
	err_set(&err, 0, "end");
	err_prefix(&err, "%s", letters(full - 5));
	assert_int_equal(strlen(err.text), full);
	assert_string_equal(err.text + full - 5, ": end");
	err_prefix(&err, "b");
	ends_in_dots(&err);
	assert_memory_equal(err.text, "b: aaa", 6);
	err_prefix(&err, "%s", letters(599));
	ends_in_dots(&err);
}

static void err_hint_truncates(void **state)
{
	struct err err;
	const size_t full = sizeof(err.text) - 1;

	(void)state;
	for (size_t n = full - 8; n <= full; n++) {
		err_set(&err, 0, "%s", letters(n));
		err_hint(&err, "hint");
		if (n + strlen(": hint") <= full)
			assert_string_equal(err.text + n, ": hint");
		else
			ends_in_dots(&err);
	}
}

static void err_cleans(void **state)
{
	struct err err;

	(void)state;
	err_set(&err, 0, "%s", "a\nb\033[31m\tc\177\001\xc3\xa9");
	assert_string_equal(err.text, "a?b?[31m?c??\xc3\xa9");
	err_set(&err, 0, "x");
	err_prefix(&err, "%s", "\r");
	err_hint(&err, "%s", "\b");
	assert_string_equal(err.text, "?: x: ?");
}

static void err_keeps_errno(void **state)
{
	struct err err;

	(void)state;
	errno = E2BIG;
	err_set(&err, ENOENT, "%s", letters(500));
	assert_int_equal(errno, E2BIG);
	err_prefix(&err, "%s", letters(500));
	assert_int_equal(errno, E2BIG);
	err_hint(&err, "%s", letters(500));
	assert_int_equal(errno, E2BIG);
	/* printf(3) fails with EILSEQ: there is no such letter in "C". */
	memset(&err, 0, sizeof(err));
	err_set(&err, 0, "%ls", L"\x20ac");
	assert_int_equal(errno, E2BIG);
	err_prefix(&err, "%ls", L"\x20ac");
	assert_int_equal(errno, E2BIG);
	err_hint(&err, "%ls", L"\x20ac");
	assert_int_equal(errno, E2BIG);
}

/* --- parse --- */

struct number {
	const char *text;
	uint64_t value;
};

typedef int parser(const char *s, uint64_t *ret, struct err *err);

static void good(parser *parse, const struct number *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct err err = { 0 };
		uint64_t v = 0;

		if (parse(list[i].text, &v, &err))
			fail_msg("'%s': %s", list[i].text, err.text);
		if (v != list[i].value)
			fail_msg("'%s' is %llu, not %llu", list[i].text,
				 (unsigned long long)v,
				 (unsigned long long)list[i].value);
	}
}

/* All of them say the value and `expected`, and leave the result alone. */
static void bad(parser *parse, const char *const *list, size_t n,
		const char *expected)
{
	for (size_t i = 0; i < n; i++) {
		struct err err = { 0 };
		char text[300];
		uint64_t v = 4711;

		if (!parse(list[i], &v, &err))
			fail_msg("'%s' is taken for %llu", list[i],
				 (unsigned long long)v);
		assert_true(v == 4711);
		assert_int_equal(err.num, 0);
		snprintf(text, sizeof(text), "'%s' %s", list[i], expected);
		for (char *p = text; *p; p++)
			if (*p == '\n' || *p == '\t')
				*p = '?';
		assert_string_equal(err.text, text);
	}
}

static int uint_any(const char *s, uint64_t *ret, struct err *err)
{
	return parse_uint(s, UINT64_MAX, ret, err);
}

static int uint_255(const char *s, uint64_t *ret, struct err *err)
{
	return parse_uint(s, 255, ret, err);
}

static int uint_7(const char *s, uint64_t *ret, struct err *err)
{
	return parse_uint(s, 7, ret, err);
}

static void numbers(void **state)
{
	static const struct number any[] = {
		{ "0", 0 },
		{ "1", 1 },
		{ "007", 7 },
		{ "18446744073709551615", UINT64_MAX },
		{ "000000000000000000000000000001", 1 },
	};
	static const struct number small[] = { { "255", 255 }, { "99", 99 } };
	static const struct number tiny[] = { { "7", 7 }, { "0", 0 } };
	static const char *const not_any[] = {
		"",
		"-1",
		"+1",
		" 1",
		"1 ",
		"1x",
		"x",
		"0x10",
		"1.5",
		"1e3",
		"1\n",
		"\t1",
		"1,2",
		"-",
		"--1",
		"18446744073709551616",
		"18446744073709551620",
		"99999999999999999999999999",
	};
	static const char *const not_small[] = { "256", "260", "1000", "" };
	static const char *const not_tiny[] = { "8", "9", "70", "77" };

	(void)state;
	good(uint_any, any, N(any));
	good(uint_255, small, N(small));
	good(uint_7, tiny, N(tiny));
	bad(uint_any, not_any, N(not_any),
	    "is not a number from 0 to 18446744073709551615");
	bad(uint_255, not_small, N(not_small), "is not a number from 0 to 255");
	bad(uint_7, not_tiny, N(not_tiny), "is not a number from 0 to 7");
}

static void sizes(void **state)
{
	static const struct number ok[] = {
		{ "1", 1 },
		{ "1B", 1 },
		{ "1.0", 1 },
		{ "4096", 4096 },
		{ "1K", 1024 },
		{ "1k", 1024 },
		{ "1KB", 1024 },
		{ "1KiB", 1024 },
		{ "1kiB", 1024 },
		{ "2M", 2 << 20 },
		{ "1.5G", 3ULL << 29 },
		{ "0.5K", 512 },
		{ "0.001K", 1 },
		{ "1.999999999K", 2047 },
		{ "3T", 3ULL << 40 },
		{ "1P", 1ULL << 50 },
		{ "8191P", 8191ULL << 50 },
		{ "8191.999999999P", (8191ULL << 50) + 1125899905716724 },
		{ "9223372036854775807", INT64_MAX },
	};
	static const char *const no[] = {
		"",
		"0",
		"0K",
		"0.0G",
		"-1",
		"+1",
		" 1",
		"1 ",
		"1 K",
		"K",
		".5G",
		"1.",
		"1.G",
		"1.5",
		"1.5B",
		"1Ki",
		"1iB",
		"1KK",
		"1KBB",
		"1KiBB",
		"1E",
		"1X",
		"1K\n",
		"1,5G",
		"1..5G",
		"1.5.1G",
		"0x1K",
		"inf",
		"nan",
		"8192P",
		"1e3",
		"50%",
		"BB",
		"B",
		"1b",
		"0.0000000001G",
		"0.0001K",
		"9223372036854775808",
		"9007199254740992K",
		"18446744073709551616",
		"99999999999999999999999P",
	};

	(void)state;
	good(parse_size, ok, N(ok));
	bad(parse_size, no, N(no), "is not a size (examples: 512M, 1.5G)");
}

static void millicpus(void **state)
{
	static const struct number ok[] = {
		{ "1", 1000 },
		{ "0.5", 500 },
		{ "0.001", 1 },
		{ "1.250", 1250 },
		{ "1.250000000", 1250 },
		{ "64", 64000 },
		{ "1000000", 1000000000 },
	};
	static const char *const no[] = {
		"",
		"0",
		"0.0",
		"-1",
		"+1",
		".5",
		"1.",
		"0.0001",
		"1.0005",
		"1x",
		" 1",
		"1 ",
		"1,5",
		"1e3",
		"1000001",
		"1K",
		"1.0000000000",
		"18446744073709551617",
	};

	(void)state;
	good(parse_millicpus, ok, N(ok));
	bad(parse_millicpus, no, N(no),
	    "is not a number of CPUs (examples: 4, 0.5)");
}

static void seconds(void **state)
{
	static const struct number ok[] = {
		{ "90", 90 },
		{ "90s", 90 },
		{ "15m", 900 },
		{ "2h", 7200 },
		{ "1d", 86400 },
		{ "1:30:00", 5400 },
		{ "1h30m", 5400 },
		{ "1d1s", 86401 },
		{ "2d3h4m5s", 183845 },
		{ "2-12", 216000 },
		{ "2-12:30", 217800 },
		{ "1-00:00:01", 86401 },
		{ "0:90", 90 },
		{ "1:00", 60 },
		{ "007", 7 },
		{ "36600d", 36600ULL * 86400 },
		{ "3162240000", 3162240000 },
	};
	static const char *const no[] = {
		"",
		"0",
		"0s",
		"0:00",
		"-1",
		"+1",
		" 1",
		"1 ",
		"1:",
		":1",
		"1::1",
		"1:-1",
		"1w",
		"1ss",
		"1.5",
		"1.5h",
		"1:30h",
		"s",
		"1S",
		"30m1h",
		"1m1m",
		"1h30",
		"1-",
		"-1-2",
		"1-24",
		"1-2-3",
		"1-2h",
		"1-0:0:0:0",
		"36601-00",
		"36600d1s",
		"1,5",
		"36601d",
		"3162240001",
		"99999999999999999999",
		"1:1:1:1:1:1:1:1:1:1:1:1:1:1:1",
	};

	(void)state;
	good(parse_seconds, ok, N(ok));
	bad(parse_seconds, no, N(no),
	    "is not a time (examples: 90s, 1h30m, 1:30:00, "
	    "2-12:00:00)");
}

static void offsets(void **state)
{
	static const struct {
		const char *text;
		int64_t sec;
		uint32_t nsec;
	} ok[] = {
		{ "0", 0, 0 },
		{ "-0", 0, 0 },
		{ "86400", 86400, 0 },
		{ "+1.5", 1, 500000000 },
		{ "-1.5", -2, 500000000 },
		{ "-0.000000001", -1, 999999999 },
		{ "10000000000", 10000000000, 0 },
	};
	static const char *const no[] = {
		"",    "-",  "+-1",         "1.",           ".5",
		"1e3", "1 ", "10000000001", "0.0000000001",
	};
	struct err err;
	int64_t sec = 7;
	uint32_t nsec = 7;

	(void)state;
	for (size_t i = 0; i < N(no); i++) {
		assert_int_equal(parse_offset(no[i], &sec, &nsec, &err), -1);
		assert_non_null(strstr(err.text, "not a number of seconds"));
	}
	assert_int_equal(sec, 7);
	assert_int_equal(nsec, 7);
	for (size_t i = 0; i < N(ok); i++) {
		assert_int_equal(parse_offset(ok[i].text, &sec, &nsec, &err),
				 0);
		assert_int_equal(sec, ok[i].sec);
		assert_int_equal(nsec, ok[i].nsec);
	}
}

static const char *const colours[] = { "red", "green", "blue", NULL };

static void words(void **state)
{
	static const char *const no[] = { "",     "r",    "redd",     "Red",
					  " red", "red ", "red green" };
	struct err err;
	int i = 9;

	(void)state;
	assert_int_equal(parse_word("red", colours, &i, &err), 0);
	assert_int_equal(i, 0);
	assert_int_equal(parse_word("blue", colours, &i, &err), 0);
	assert_int_equal(i, 2);
	for (size_t k = 0; k < N(no); k++) {
		char text[80];

		assert_int_equal(parse_word(no[k], colours, &i, &err), -1);
		assert_int_equal(i, 2);
		snprintf(text, sizeof(text),
			 "'%s' is not one of red green blue", no[k]);
		assert_string_equal(err.text, text);
	}
	/* A value that fills the message leaves the list out, no more. */
	for (size_t n = 200; n < 260; n++) {
		assert_int_equal(parse_word(letters(n), colours, &i, &err), -1);
		assert_true(strlen(err.text) < sizeof(err.text));
	}
}

static void bools(void **state)
{
	static const char *const yes[] = { "yes", "true", "on", "1" };
	static const char *const no[] = { "no", "false", "off", "0" };
	static const char *const neither[] = { "", "2", "Yes", "y", "yes " };
	struct err err;
	bool b;

	(void)state;
	for (size_t i = 0; i < N(yes); i++) {
		b = false;
		assert_int_equal(parse_bool(yes[i], &b, &err), 0);
		assert_true(b);
		assert_int_equal(parse_bool(no[i], &b, &err), 0);
		assert_false(b);
	}
	for (size_t i = 0; i < N(neither); i++) {
		b = true;
		assert_int_equal(parse_bool(neither[i], &b, &err), -1);
		assert_true(b);
	}
}

static void note_range(void *arg, unsigned first, unsigned last)
{
	size_t len = strlen(arg);

	snprintf((char *)arg + len, 100 - len, "[%u,%u]", first, last);
}

static void lists(void **state)
{
	static const struct {
		const char *text, *ranges;
	} ok[] = {
		{ "0", "[0,0]" },          { "0-3,8", "[0,3][8,8]" },
		{ "8,0-3", "[8,8][0,3]" }, { "5-5", "[5,5]" },
		{ "1023", "[1023,1023]" },
	};
	static const char *const no[] = {
		"",
		",",
		"1,",
		",1",
		"1,,2",
		"3-1",
		"1-",
		"-1",
		"1--2",
		"1-2-3",
		"a",
		"1 ",
		" 1",
		"1, 2",
		"1024",
		"0-1024",
		"+1",
		"1\n",
		"99999999999999999999",
	};
	struct err err;
	char text[100], seen[100];

	(void)state;
	for (size_t i = 0; i < N(ok); i++) {
		*seen = '\0';
		assert_int_equal(
			parse_list(ok[i].text, 1023, note_range, seen, &err),
			0);
		assert_string_equal(seen, ok[i].ranges);
	}
	for (size_t i = 0; i < N(no); i++) {
		*seen = '\0';
		assert_int_equal(
			parse_list(no[i], 1023, note_range, seen, &err), -1);
		snprintf(text, sizeof(text), "'%s' is not a list", no[i]);
		text[strcspn(text, "\n")] = '\0';
		assert_memory_equal(err.text, text, strcspn(text, "\n"));
		assert_non_null(strstr(err.text, "(example: 0-3,8)"));
	}
}

/* --- pool --- */

static void pool_zeroes_and_aligns(void **state)
{
	struct pool pool = { 0 };
	static const size_t sizes_[] = { 1,   2,    7,       15,   16,   17,
					 100, 3999, 4000,    4001, 8191, 65536,
					 1,   3,    1 << 20, 1 };
	static const char zero[1 << 20];

	(void)state;
	for (size_t i = 0; i < N(sizes_); i++) {
		char *p = pool_alloc(&pool, sizes_[i]);

		assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
		assert_memory_equal(p, zero, sizes_[i]);
		memset(p, 0xa5, sizes_[i]);
	}
	pool_free(&pool);
	assert_null(pool.block);
	/* Freed is as good as new. */
	assert_non_null(pool_alloc(&pool, 1));
	pool_free(&pool);
	pool_free(&pool);
}

/* Blocks do not overlap: each keeps what was written into it. */
static void pool_keeps(void **state)
{
	struct pool pool = { 0 };
	char *p[400];

	(void)state;
	for (size_t i = 0; i < N(p); i++) {
		p[i] = pool_alloc(&pool, i + 1);
		memset(p[i], (int)(i & 0xff), i + 1);
	}
	for (size_t i = 0; i < N(p); i++)
		for (size_t k = 0; k <= i; k++)
			assert_int_equal((unsigned char)p[i][k], i & 0xff);
	pool_free(&pool);
}

static void pool_strings(void **state)
{
	struct pool pool = { 0 };
	char text[] = "change me";
	const char *copy = pool_strdup(&pool, text);

	(void)state;
	*text = 'X';
	assert_string_equal(copy, "change me");
	assert_null(pool_strdup(&pool, NULL));
	assert_string_equal(pool_strdup(&pool, ""), "");
	assert_string_equal(pool_strndup(&pool, "abcdef", 3), "abc");
	assert_string_equal(pool_strndup(&pool, "abc", 0), "");
	assert_string_equal(pool_printf(&pool, "%d-%s", 42, "x"), "42-x");
	copy = pool_printf(&pool, "%s%s", letters(599), letters(599));
	assert_int_equal(strlen(copy), 1198);
	pool_free(&pool);
}

struct triple {
	uint32_t a, b, c;
};

static void pool_push_grows(void **state)
{
	struct pool pool = { 0 };
	struct triple *list = NULL;
	size_t n = 0;

	(void)state;
	for (uint32_t i = 0; i < 1030; i++) {
		struct triple *t = pool_push(&pool, &list, &n, sizeof(*list));

		assert_int_equal(n, i + 1);
		assert_ptr_equal(t, &list[i]);
		assert_true(!t->a && !t->b && !t->c);
		*t = (struct triple){ i, ~i, i * 3 };
		/* Something else in between must not be written over. */
		memset(pool_alloc(&pool, 16), 0xff, 16);
		if ((i & (i + 1)) && i % 97)
			continue;
		for (uint32_t k = 0; k <= i; k++)
			assert_true(list[k].a == k && list[k].b == ~k &&
				    list[k].c == k * 3);
	}
	pool_free(&pool);
}

/* --- fd --- */

/* A file of `len` bytes at hand, already removed from its directory. */
static void scratch_file(char *path, const char *text, size_t len)
{
	int fd;

	strcpy(path, "/tmp/test_base.XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, len), 0);
	close(fd);
}

static void read_file(void **state)
{
	char path[40], buf[16];

	(void)state;
	scratch_file(path, "0123456789\n", 11);
	memset(buf, 'x', sizeof(buf));
	assert_int_equal(fd_read_file(AT_FDCWD, path, buf, sizeof(buf)), 10);
	assert_string_equal(buf, "0123456789");
	assert_int_equal(buf[12], 'x');
	/* Eleven bytes need room for twelve. */
	assert_int_equal(fd_read_file(AT_FDCWD, path, buf, 12), 10);
	errno = 0;
	assert_int_equal(fd_read_file(AT_FDCWD, path, buf, 11), -1);
	assert_int_equal(errno, EFBIG);
	errno = 0;
	assert_int_equal(fd_read_file(AT_FDCWD, path, buf, 5), -1);
	assert_int_equal(errno, EFBIG);
	unlink(path);
	errno = 0;
	assert_int_equal(fd_read_file(AT_FDCWD, path, buf, sizeof(buf)), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(fd_read_file(AT_FDCWD, "/", buf, sizeof(buf)), -1);
	assert_int_equal(errno, EISDIR);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* In a child, whose descriptors nobody misses. */
static void close_others(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		int keep[] = { 40, -1, 12, 1, 12 }, bad = 0;

		for (int fd = 10; fd < 60; fd++)
			dup2(0, fd);
		if (fd_close_others(keep, sizeof(keep) / sizeof(keep[0])))
			_exit(255);
		for (int fd = 0; fd < 60; fd++)
			bad += is_open(fd) != (fd < 3 || fd == 12 || fd == 40);
		_exit(bad);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void read_file_newlines(void **state)
{
	static const struct {
		const char *text, *read;
	} rows[] = {
		{ "", "" },
		{ "\n", "" },
		{ "a\n\n", "a\n" },
		{ "a\nb", "a\nb" },
	};
	char path[40], buf[16];

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		scratch_file(path, rows[i].text, strlen(rows[i].text));
		assert_int_equal(fd_read_file(AT_FDCWD, path, buf, sizeof(buf)),
				 strlen(rows[i].read));
		assert_string_equal(buf, rows[i].read);
		unlink(path);
	}
}

static void write_file(void **state)
{
	char path[40], buf[16];

	(void)state;
	scratch_file(path, "", 0);
	assert_int_equal(fd_write_file(AT_FDCWD, path, "text"), 0);
	assert_int_equal(fd_read_file(AT_FDCWD, path, buf, sizeof(buf)), 4);
	assert_string_equal(buf, "text");
	unlink(path);
	/* It never creates. */
	assert_int_equal(fd_write_file(AT_FDCWD, path, "text"), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(fd_write_file(AT_FDCWD, "/dev/full", "x"), -1);
	assert_int_equal(errno, ENOSPC);
}

static void no_magic_links(void **state)
{
	char link[40];
	cleanup_fd int fd = fd_open(AT_FDCWD, "/dev/null", O_RDONLY, 0, 0);
	int other;

	(void)state;
	if (fd < 0 && errno == ENOSYS)
		skip();
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	other = fd_open(AT_FDCWD, link, O_RDONLY, 0, 0);
	assert_int_equal(other, -1);
	assert_int_equal(errno, ELOOP);
}

static void steal(void **state)
{
	int fd = 7;

	(void)state;
	assert_int_equal(steal_fd(&fd), 7);
	assert_int_equal(fd, -1);
}

/* --- proc --- */

/* Whatever the process calls itself. */
static void proc_stat(void **state)
{
	static const char text[] = "7 (a) S 9 (b) S 4 5 6 7 -1 9 10 11 12 13 "
				   "1000 200 30 4 18 19 20 21 4242 23";
	static const char *const bad[] = { "", "7 (a", "7 (a) S 1" };
	struct proc_stat stat;

	(void)state;
	assert_int_equal(proc_stat_parse(text, &stat), 0);
	assert_int_equal(stat.parent, 4);
	assert_int_equal(stat.cpu, 1234);
	assert_int_equal(stat.start, 4242);
	for (size_t i = 0; i < N(bad); i++)
		assert_int_equal(proc_stat_parse(bad[i], &stat), -1);
}

static void proc_stat_of_self(void **state)
{
	cleanup_fd int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct proc_stat stat;

	(void)state;
	assert_int_equal(proc_stat_read(-1, getpid(), &stat), 0);
	assert_int_equal(stat.parent, getppid());
	assert_true(stat.start > 0);
	assert_int_equal(proc_start(getpid()), stat.start);
	assert_int_equal(proc_stat_read(proc, 1, &stat), 0);
	assert_int_equal(proc_stat_read(proc, INT_MAX, &stat), -1);
	assert_int_equal(proc_start(INT_MAX), 0);
}

static int end_of(int sig)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
		sigset_t set;

		setrlimit(RLIMIT_CORE, &all);
		signal(sig, SIG_IGN);
		sigfillset(&set);
		sigprocmask(SIG_BLOCK, &set, NULL);
		proc_end_by(sig);
		_exit(7);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* Whatever is blocked or ignored, and without a core. */
static void end_by_signal(void **state)
{
	static const int signals[] = { SIGTERM, SIGKILL, SIGSEGV, SIGQUIT };
	int status;

	(void)state;
	for (size_t i = 0; i < N(signals); i++) {
		status = end_of(signals[i]);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), signals[i]);
		assert_false(WCOREDUMP(status));
	}
	/* This one ends nobody. */
	status = end_of(SIGCHLD);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
}

/* --- lazy --- */

static void lazy_missing_library(void **state)
{
	static const char *const names[] = { "f", NULL };
	void *table[1] = { NULL };
	struct err err;

	(void)state;
	assert_int_equal(lazy_load("libnot-there.so.9", names, table, &err),
			 -1);
	assert_memory_equal(err.text,
			    "library libnot-there.so.9 cannot be loaded: ", 44);
	assert_null(table[0]);
}

static void lazy_missing_symbol(void **state)
{
	static const char *const names[] = { "cos", "no_such_function", "sin",
					     NULL };
	void *table[3] = { NULL };
	struct err err;

	(void)state;
	/* Twice: what was found must not pass for all there is. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(lazy_load("libm.so.6", names, table, &err),
				 -1);
		assert_string_equal(
			err.text, "library libm.so.6 has no no_such_function");
		assert_null(table[2]);
	}
}

static void lazy_loads_once(void **state)
{
	static const char *const names[] = { "sin", "cos", NULL };
	void *table[2] = { NULL };
	struct err err;

	(void)state;
	assert_int_equal(lazy_load("libm.so.6", names, table, &err), 0);
	assert_true(table[0] && table[1] && table[0] != table[1]);
	/* Loaded already: the name is not even looked at. */
	assert_int_equal(lazy_load("libnot-there.so.9", names, table, &err), 0);
}

/* Deeper than a path can be long or files can be open, with names that the
 * removal itself might use, closed directories and ways out. */
static void remove_tree(void **state)
{
	char dir[] = "/tmp/test-tree-XXXXXX";
	struct rlimit old;
	int top, fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	top = open(dir, O_RDONLY | O_DIRECTORY);
	assert_true(top >= 0);
	assert_int_equal(mkdirat(top, "stays", 0755), 0);
	assert_int_equal(mkdirat(top, "stays/file", 0755), 0);
	assert_int_equal(mkdirat(top, "tree", 0755), 0);
	fd = openat(top, "tree", O_RDONLY | O_DIRECTORY);
	for (int i = 0; i < 400; i++) {
		static const char *const names[] = { "0", "1", "a\nb", "-" };
		const char *name = names[i % 4];
		int next;

		assert_int_equal(mkdirat(fd, name, 0700), 0);
		assert_int_equal(symlinkat("../stays", fd, "link"), 0);
		assert_int_equal(symlinkat(dir, fd, "2"), 0);
		assert_int_equal(mkfifoat(fd, "pipe", 0), 0);
		assert_int_equal(mkdirat(fd, "closed", 0700), 0);
		assert_int_equal(mkdirat(fd, "closed/in", 0000), 0);
		assert_int_equal(fchmodat(fd, "closed", 0000, 0), 0);
		next = openat(fd, name, O_RDONLY | O_DIRECTORY);
		assert_true(next >= 0);
		assert_int_equal(fchmod(fd, i % 8 ? 0700 : 0000), 0);
		close(fd);
		fd = next;
	}
	close(fd);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(
		setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 16, old.rlim_max }),
		0);
	assert_int_equal(tree_remove(top, "tree"), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(faccessat(top, "tree", F_OK, 0), -1);
	assert_int_equal(faccessat(top, "stays/file", F_OK, 0), 0);
	/* Nothing is no error, a file and a link are removed as such. */
	assert_int_equal(tree_remove(top, "tree"), 0);
	assert_int_equal(symlinkat("stays", top, "link"), 0);
	assert_int_equal(tree_remove(top, "link"), 0);
	assert_int_equal(faccessat(top, "stays/file", F_OK, 0), 0);
	assert_int_equal(tree_remove(top, "stays"), 0);
	close(top);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(err_says),
		cmocka_unit_test(err_fits_pipe),
		cmocka_unit_test(err_truncates),
		cmocka_unit_test(err_prefix_truncates),
		cmocka_unit_test(err_hint_truncates),
		cmocka_unit_test(err_cleans),
		cmocka_unit_test(err_keeps_errno),
		cmocka_unit_test(numbers),
		cmocka_unit_test(sizes),
		cmocka_unit_test(millicpus),
		cmocka_unit_test(seconds),
		cmocka_unit_test(offsets),
		cmocka_unit_test(words),
		cmocka_unit_test(bools),
		cmocka_unit_test(lists),
		cmocka_unit_test(pool_zeroes_and_aligns),
		cmocka_unit_test(pool_keeps),
		cmocka_unit_test(pool_strings),
		cmocka_unit_test(pool_push_grows),
		cmocka_unit_test(read_file),
		cmocka_unit_test(close_others),
		cmocka_unit_test(read_file_newlines),
		cmocka_unit_test(write_file),
		cmocka_unit_test(no_magic_links),
		cmocka_unit_test(steal),
		cmocka_unit_test(remove_tree),
		cmocka_unit_test(proc_stat),
		cmocka_unit_test(proc_stat_of_self),
		cmocka_unit_test(end_by_signal),
		cmocka_unit_test(lazy_missing_library),
		cmocka_unit_test(lazy_missing_symbol),
		cmocka_unit_test(lazy_loads_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
