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

#include <fcntl.h>
#include <ftw.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "auth/auth.h"
#include "base/fd.h"

/*
 * A munged of our own, with its own key, socket and files in a directory that
 * goes away with it. There are two, of two realms.
 */
struct daemon {
	pid_t pid;
	char socket[96];
};
static struct daemon here, elsewhere;
static char dir[64];
static struct pool pool;
static struct err err;

static void exec_munged(const char *name)
{
	enum {
		FILES = 5
	};
	static const char *const options[FILES] = { "--socket", "--key-file",
						    "--pid-file", "--seed-file",
						    "--log-file" };
	static const char *const suffixes[FILES] = { "socket", "key", "pid",
						     "seed", "log" };
	static char text[FILES][160];
	static char program[] = "munged", stay[] = "--foreground";
	char *argv[FILES + 3] = { program, stay };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; i < FILES; i++) {
		snprintf(text[i], sizeof(text[i]), "%s=%s/%s.%s", options[i],
			 dir, name, suffixes[i]);
		argv[2 + i] = text[i];
	}
	setenv("PATH", "/usr/sbin:/usr/local/sbin:/usr/bin:/bin", 1);
	dup2(null, 1);
	dup2(null, 2);
	execvp("munged", argv);
	_exit(127);
}

static int start(struct daemon *d, const char *name)
{
	const struct timespec wait = { 0, 20 * 1000 * 1000 };
	char path[96], key[64];
	int fd;

	snprintf(path, sizeof(path), "%s/%s.key", dir, name);
	snprintf(d->socket, sizeof(d->socket), "%s/%s.socket", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || getrandom(key, sizeof(key), 0) != sizeof(key) ||
	    fd_write_all(fd, key, sizeof(key)))
		return -1;
	close(fd);
	d->pid = fork();
	if (!d->pid)
		exec_munged(name);
	for (int i = 0; i < 250; i++) {
		if (!access(d->socket, F_OK))
			return 0;
		if (waitpid(d->pid, NULL, WNOHANG)) {
			d->pid = 0;
			return 0; /* not installed: the tests are skipped */
		}
		nanosleep(&wait, NULL);
	}
	return -1;
}

static void stop(struct daemon *d)
{
	if (d->pid <= 0)
		return;
	kill(d->pid, SIGTERM);
	waitpid(d->pid, NULL, 0);
	d->pid = 0;
}

static int rm(const char *path, const struct stat *st, int type,
	      struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/cloison-auth-XXXXXX");
	/* munged wants its socket to be within everybody's reach. */
	if (!mkdtemp(dir) || chmod(dir, 0755))
		return -1;
	return start(&here, "here") || start(&elsewhere, "elsewhere");
}

static int teardown(void **state)
{
	(void)state;
	stop(&here);
	stop(&elsewhere);
	pool_free(&pool);
	return nftw(dir, rm, 16, FTW_DEPTH | FTW_PHYS);
}

static char *sign(const char *payload, int ttl)
{
	const char *cred = NULL;

	if (!here.pid)
		skip();
	if (auth_sign(here.socket, ttl, payload, &pool, &cred, &err))
		fail_msg("auth_sign: %s", err.text);
	return pool_strdup(&pool, cred);
}

static void refused(const struct daemon *d, const char *cred,
		    enum auth_verdict verdict, const char *says)
{
	struct auth_cred c;

	assert_int_equal(auth_verify(d->socket, cred, &pool, &c, &err), -1);
	if (!strstr(err.text, says))
		fail_msg("%s", err.text);
	assert_int_equal(c.verdict, verdict);
	assert_null(c.payload);
	assert_int_equal(c.uid, (uid_t)-1);
}

/* As munged finds it: its host's name, by the resolver. */
static in_addr_t own_address(void)
{
	const struct addrinfo hints = { .ai_family = AF_INET };
	struct sockaddr_in in = { 0 };
	struct addrinfo *all;
	char name[256];

	assert_int_equal(gethostname(name, sizeof(name)), 0);
	if (getaddrinfo(name, NULL, &hints, &all))
		skip();
	memcpy(&in, all->ai_addr, sizeof(in));
	freeaddrinfo(all);
	return in.sin_addr.s_addr;
}

static void refused_not(const char *cred)
{
	struct auth_cred c;

	if (auth_verify(here.socket, cred, &pool, &c, &err))
		fail_msg("%s", err.text);
}

static void test_good(void **state)
{
	const char *cred = sign("hello", AUTH_TTL_MAX);
	struct auth_cred c;

	(void)state;
	assert_null(strpbrk(cred, " \n"));
	if (auth_verify(here.socket, cred, &pool, &c, &err))
		fail_msg("%s", err.text);
	assert_int_equal(c.verdict, AUTH_OK);
	assert_string_equal(c.payload, "hello");
	assert_int_equal(c.len, 5);
	assert_int_equal(c.uid, geteuid());
	assert_int_equal(c.gid, getegid());
	assert_in_range(c.encoded, time(NULL) - 60, time(NULL) + 1);
	assert_int_equal(c.host.s_addr, own_address());
	refused(&here, cred, AUTH_REPLAYED, "shown here before");
}

static void test_reader(void **state)
{
	const char *cred;

	(void)state;
	if (!here.pid)
		skip();
	assert_int_equal(auth_sign_for(here.socket, AUTH_TTL_MAX, geteuid() + 1,
				       "x", &pool, &cred, &err),
			 0);
	refused(&here, cred, AUTH_INVALID, "for another user");
	assert_int_equal(auth_sign_for(here.socket, AUTH_TTL_MAX, geteuid(),
				       "x", &pool, &cred, &err),
			 0);
	refused_not(cred);
}

static void test_empty_payload(void **state)
{
	const char *cred = sign("", AUTH_TTL_DEFAULT);
	struct auth_cred c;

	(void)state;
	assert_int_equal(auth_verify(here.socket, cred, &pool, &c, &err), 0);
	assert_string_equal(c.payload, "");
	assert_int_equal(c.len, 0);
}

static void test_expired(void **state)
{
	const char *cred = sign("hello", 1);

	(void)state;
	sleep(3);
	refused(&here, cred, AUTH_EXPIRED, "expired");
}

static void test_altered(void **state)
{
	char *cred = sign("hello hello hello", AUTH_TTL_MAX);
	char *middle = cred + strlen(cred) / 2;

	(void)state;
	*middle = *middle == 'A' ? 'B' : 'A';
	refused(&here, cred, AUTH_INVALID, "altered");
}

static void test_other_key(void **state)
{
	(void)state;
	refused(&elsewhere, sign("hello", AUTH_TTL_MAX), AUTH_INVALID,
		"another MUNGE key");
}

static void test_garbage(void **state)
{
	static const char *const rows[] = { "", "x", "MUNGE:", "MUNGE:AAAA:",
					    "MUNGE:\xff\xff:" };
	struct auth_cred c;

	(void)state;
	if (!here.pid)
		skip();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(
			auth_verify(here.socket, rows[i], &pool, &c, &err), -1);
		assert_int_equal(c.verdict, AUTH_INVALID);
		assert_true(*err.text);
	}
}

static void test_no_munged(void **state)
{
	const char *cred;
	struct daemon none = { .socket = "/nonexistent/munge.socket" };

	(void)state;
	refused(&none, "MUNGE:AAAA:", AUTH_UNAVAILABLE, "is munged running");
	assert_non_null(strstr(err.text, none.socket));
	assert_int_equal(auth_sign(none.socket, 0, "x", &pool, &cred, &err),
			 -1);
	assert_non_null(strstr(err.text, "is munged running"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_reader),
		cmocka_unit_test(test_empty_payload),
		cmocka_unit_test(test_expired),
		cmocka_unit_test(test_altered),
		cmocka_unit_test(test_other_key),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_no_munged),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
