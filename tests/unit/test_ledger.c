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

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "topo/ledger.h"

#define LONG \
	"cloison.cpus/1 1 2 3 0-1 ana 123456789-123456789-123456789-123456789-1"

static struct pool pool;
static struct err err;
static struct topo topo; /* four cores of two threads */
static char top[64], cpus[80];
static const char *const ledger[] = { cpus, NULL };

/* --- what is free: pure --- */

static const char *left(const char *allowed, enum topo_unit unit,
			unsigned depth, const char *const *held)
{
	struct topo_claims all = { 0 };
	const char *ret;

	for (; *held; held++)
		*(struct topo_claim *)pool_push(&pool, &all.claim, &all.n,
						sizeof(*all.claim)) =
			(struct topo_claim){ .id = "x", .cpus = *held };
	assert_int_equal(
		topo_free(&topo, allowed, &all, unit, depth, &pool, &ret, &err),
		0);
	return ret;
}
#define LEFT(allowed, depth, ...)       \
	left(allowed, TOPO_CORE, depth, \
	     (const char *const[]){ __VA_ARGS__, NULL })

static void test_cores_are_whole(void **state)
{
	(void)state;
	assert_string_equal(LEFT("0-7", 1, NULL), "0-7");
	assert_string_equal(LEFT(NULL, 1, "0-1"), "2-7");
	/* One thread of a core is all of it. */
	assert_string_equal(LEFT("0-7", 1, "3", "6"), "0-1,4-5");
	assert_string_equal(LEFT("3-4", 1, "2"), "4");
	assert_string_equal(LEFT("0-7", 1, "0-7"), "");
	/* What the machine does not have is in nobody's way. */
	assert_string_equal(LEFT("0-1", 1, "2000"), "0-1");
}

static void test_depth(void **state)
{
	(void)state;
	/* Both threads by one cell are one claim, one each by two are two. */
	assert_string_equal(LEFT("0-3", 2, "0-1", "2", "3"), "0-1");
	assert_string_equal(LEFT("0-3", 3, "0-1", "2", "3"), "0-3");
}

static void test_threads(void **state)
{
	static const char *const held[] = { "0-1", "3", NULL };

	(void)state;
	assert_string_equal(left("0-7", TOPO_THREAD, 1, held), "2,4-7");
	assert_string_equal(left("3", TOPO_THREAD, 1, held), "");
}

static void test_overlap(void **state)
{
	(void)state;
	assert_true(topo_overlap("0-3", "3,9"));
	assert_false(topo_overlap("0-3", "4-9"));
	assert_false(topo_overlap("", "0"));
	assert_false(topo_overlap("rubbish", "0"));
}

static void test_lines(void **state)
{
	static const char *const bad[] = {
		"",
		"cloison.cpus/1",
		"cloison.cpus/2 1 2 3 0-1 ana 42",
		"cloison.cpus/1 1 2 3 0-1 ana",
		"cloison.cpus/1 1 2 3 0-1 ana 42 more",
		"cloison.cpus/1 1 -2 3 0-1 ana 42",
		"cloison.cpus/1 1 4294967296 3 0-1 ana 42",
		"cloison.cpus/1 1 2 3 1-0 ana 42",
		"cloison.cpus/1 1 2 3 0-99999999 ana 42",
		"cloison.cpus/1 1 2 3 0-1 a\033[31m 42",
		/* too long a word */
		LONG,
	};
	char line[] = "cloison.cpus/1 1 2 3 0-1,7 ana -";
	struct topo_claim_line l;

	(void)state;
	assert_int_equal(topo_claim_parse(line, &l), 0);
	assert_int_equal(l.pidns, 1);
	assert_int_equal(l.holder.pid, 2);
	assert_int_equal(l.holder.start, 3);
	assert_string_equal(l.claim.cpus, "0-1,7");
	assert_string_equal(l.claim.user, "ana");
	assert_null(l.claim.job);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char *copy = pool_strdup(&pool, bad[i]);

		if (!topo_claim_parse(copy, &l))
			fail_msg("%s", bad[i]);
	}
}

/* --- files, which count only in a directory of root's --- */

static int create(const char *id, const char *list, bool shared,
		  struct topo_hold *ret)
{
	const struct topo_claim c = {
		.id = id, .cpus = list, .user = "ana", .job = "4 2\n"
	};

	return topo_claim_create(ledger, &topo, &c, TOPO_CORE, shared, ret,
				 &err);
}

static struct topo_claims probe(void)
{
	struct topo_claims all;

	topo_claims_probe(ledger, &pool, &all);
	return all;
}

static size_t files(void)
{
	DIR *d = opendir(cpus);
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

/* The first CPU of ours: claims beyond our affinity do not count. */
static char cpu[16];

static void test_two_claims(void **state)
{
	struct topo_hold a, b;
	struct topo_claims all;

	(void)state;
	assert_int_equal(create("a-1", cpu, false, &a), 0);
	all = probe();
	assert_int_equal(all.n, 1);
	assert_string_equal(all.claim[0].id, "a-1");
	assert_string_equal(all.claim[0].cpus, cpu);
	assert_string_equal(all.claim[0].user, "ana");
	/* No blank and no control character gets in, or out. */
	assert_string_equal(all.claim[0].job, "4?2?");
	assert_int_equal(all.claim[0].owner, 0);
	assert_int_equal(create("b-2", cpu, false, &b), 1);
	assert_int_equal(files(), 1);
	assert_int_equal(create("b-2", cpu, true, &b), 0);
	assert_int_equal(probe().n, 2);
	topo_claim_remove(&b);
	topo_claim_remove(&a);
	assert_int_equal(files(), 0);
}

static void test_both_threads_are_contested(void **state)
{
	struct topo_hold a, b;

	(void)state;
	/* Whatever CPU is ours, it is a thread of the only core here. */
	topo_load("synthetic:core:1 pu:64", &pool, &topo, &err);
	assert_int_equal(create("a-1", cpu, false, &a), 0);
	assert_int_equal(
		create("b-2", strcmp(cpu, "5") != 0 ? "5" : "6", false, &b), 1);
	topo_claim_remove(&a);
}

/* A process of its own with a claim; 0 ends it without a word. */
static pid_t holder(const char *id, const char *list, uid_t uid, int *ret_end)
{
	int ready[2], end[2];
	struct topo_hold h;
	pid_t pid;
	char c;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(end), 0);
	pid = fork();
	if (!pid) {
		close(end[1]);
		if ((uid && setresuid(uid, uid, uid)) ||
		    create(id, list, true, &h) || write(ready[1], "", 1) != 1)
			_exit(1);
		_exit(read(end[0], &c, 1) != 0);
	}
	close(ready[1]);
	close(end[0]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	*ret_end = end[1];
	return pid;
}

static void test_the_dead_hold_nothing(void **state)
{
	struct topo_hold a;
	int end, status;
	pid_t pid = holder("d-1", cpu, 0, &end);

	(void)state;
	assert_int_equal(create("a-1", cpu, false, &a), 1);
	topo_claims_sweep(ledger);
	assert_int_equal(files(), 1);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	close(end);
	assert_int_equal(files(), 1);
	assert_int_equal(probe().n, 0);
	assert_int_equal(create("a-1", cpu, false, &a), 0);
	topo_claims_sweep(ledger);
	assert_int_equal(files(), 1);
	assert_int_equal(probe().n, 1);
	topo_claim_remove(&a);
}

static void test_users_share_the_directory(void **state)
{
	int end, status;
	struct topo_claims all;
	struct topo_hold a;
	pid_t pid;

	(void)state;
	chmod(cpus, 01777);
	pid = holder("u-1", cpu, 64321, &end);
	all = probe();
	assert_int_equal(all.n, 1);
	assert_int_equal(all.claim[0].owner, 64321);
	assert_int_equal(create("a-1", cpu, false, &a), 1);
	close(end);
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

/* A file that looks like a claim, locked by us. */
static int forge(const char *line, mode_t mode, uid_t uid)
{
	char path[160];
	int fd;

	snprintf(path, sizeof(path), "%s/cloison-cpus-f-1", cpus);
	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, line, strlen(line)), strlen(line));
	assert_int_equal(fchown(fd, uid, uid), 0);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(fd_lock(fd), 0);
	return fd;
}

static const char *line_of(pid_t pid, long more, const char *list)
{
	struct stat st;

	assert_int_equal(stat("/proc/self/ns/pid", &st), 0);
	return pool_printf(&pool, "cloison.cpus/1 %llu %d %llu %s ana -\n",
			   (unsigned long long)st.st_ino, (int)pid,
			   (unsigned long long)proc_start(pid) +
				   (unsigned long long)more,
			   list);
}

static void test_forged(void **state)
{
	const char *good = line_of(getpid(), 0, cpu);
	const struct {
		const char *line;
		mode_t mode;
		uid_t uid;
		bool counts;
	} rows[] = {
		{ good, 0644, 0, true },
		/* Others may have written it. */
		{ good, 0664, 0, false },
		{ good, 0646, 0, false },
		/* A user who speaks of another's process, or of none. */
		{ good, 0644, 64321, false },
		{ line_of(getpid(), 1, cpu), 0644, 0, false },
		{ line_of(4194304, 5, cpu), 0644, 0, false },
		/* Another PID namespace, whatever the number is there. */
		{ pool_printf(&pool, "cloison.cpus/1 7 %d %llu %s ana -\n",
			      (int)getpid(),
			      (unsigned long long)proc_start(getpid()), cpu),
		  0644, 0, false },
		/* We run in the cells of our ancestors. */
		{ line_of(getppid(), 0, cpu), 0644, 0, false },
		/* What the process could not use. */
		{ line_of(getpid(), 0, "60000"), 0644, 0, false },
		{ "", 0644, 0, false },
		{ "rubbish\n", 0644, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd = forge(rows[i].line, rows[i].mode, rows[i].uid);

		if ((probe().n == 1) != rows[i].counts)
			fail_msg("row %zu: %s", i, rows[i].line);
		close(fd);
		if (probe().n)
			fail_msg("row %zu without a lock", i);
	}
}

static void test_no_more_than_its_process_may_use(void **state)
{
	struct topo_claims all;
	int fd;

	(void)state;
	fd = forge(
		line_of(getpid(), 0, pool_printf(&pool, "%s,60000-65535", cpu)),
		0644, 0);
	all = probe();
	assert_int_equal(all.n, 1);
	assert_string_equal(all.claim[0].cpus, cpu);
	close(fd);
}

static void test_other_things_of_that_name(void **state)
{
	char path[160];

	(void)state;
	snprintf(path, sizeof(path), "%s/cloison-cpus-f-1", cpus);
	assert_int_equal(mkfifo(path, 0644), 0);
	assert_int_equal(probe().n, 0);
	topo_claims_sweep(ledger);
	assert_int_equal(files(), 1);
	unlink(path);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(probe().n, 0);
	topo_claims_sweep(ledger);
	assert_int_equal(files(), 1);
	unlink(path);
}

/* Whose file system that is may never answer. */
static int see_mounted(void)
{
	char from[160], to[160];
	int fd = forge(line_of(getpid(), 0, cpu), 0644, 0);

	snprintf(from, sizeof(from), "%s/cloison-cpus-f-1", cpus);
	snprintf(to, sizeof(to), "%s/cloison-cpus-g-1", cpus);
	if (unshare(CLONE_NEWNS))
		return 77;
	if (probe().n != 1 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mknod(to, S_IFREG | 0644, 0) ||
	    mount(from, to, NULL, MS_BIND, NULL))
		return 2;
	return probe().n != 1 || close(fd);
}

static void test_mounted(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (!pid)
		_exit(see_mounted());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	/* A root who may not mount. */
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

/* Somebody could take a claim away there, or put up another's. */
static void test_open_directories_are_none(void **state)
{
	struct topo_hold a;
	int fd = forge(line_of(getpid(), 0, cpu), 0644, 0);

	(void)state;
	assert_int_equal(probe().n, 1);
	chmod(cpus, 0777);
	assert_int_equal(probe().n, 0);
	assert_int_equal(create("a-1", cpu, false, &a), -1);
	chmod(cpus, 01777);
	assert_int_equal(probe().n, 1);
	assert_int_equal(chown(cpus, 64321, 64321), 0);
	assert_int_equal(probe().n, 0);
	assert_int_equal(create("a-1", cpu, false, &a), -1);
	close(fd);
}

/* Root makes the first one, whatever his umask is. */
static void test_first(void **state)
{
	struct topo_hold a;
	struct stat st;
	mode_t mask;

	(void)state;
	assert_int_equal(rmdir(cpus), 0);
	assert_int_equal(probe().n, 0);
	mask = umask(0077);
	assert_int_equal(create("a-1", cpu, false, &a), 0);
	umask(mask);
	assert_int_equal(stat(cpus, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(fstat(a.fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	topo_claim_remove(&a);
}

static int setup(void **state)
{
	cpu_set_t set;

	(void)state;
	if (sched_getaffinity(0, sizeof(set), &set))
		return -1;
	for (int i = 0; i < 32 && !*cpu; i++)
		if (CPU_ISSET(i, &set)) {
			snprintf(cpu, sizeof(cpu), "%d", i);
			CPU_ZERO(&set);
			CPU_SET(i, &set);
		}
	if (!*cpu || sched_setaffinity(0, sizeof(set), &set) ||
	    topo_load("synthetic:core:4 pu:2", &pool, &topo, &err))
		return -1;
	if (geteuid())
		return 0;
	strcpy(top, "/tmp/test_ledger.XXXXXX");
	if (!mkdtemp(top))
		return -1;
	snprintf(cpus, sizeof(cpus), "%s/cpus", top);
	return chmod(top, 0755) || mkdir(cpus, 0755);
}

static int teardown(void **state)
{
	(void)state;
	pool_free(&pool);
	if (*top) {
		char command[100];

		snprintf(command, sizeof(command), "rm -rf %s", top);
		if (system(command)) /* NOLINT(cert-env33-c) */
			return -1;
	}
	return 0;
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest pure[] = {
		TEST(test_cores_are_whole), TEST(test_depth),
		TEST(test_threads),         TEST(test_overlap),
		TEST(test_lines),
	};
	const struct CMUnitTest root[] = {
		TEST(test_two_claims),
		TEST(test_both_threads_are_contested),
		TEST(test_the_dead_hold_nothing),
		TEST(test_users_share_the_directory),
		TEST(test_forged),
		TEST(test_no_more_than_its_process_may_use),
		TEST(test_other_things_of_that_name),
		TEST(test_mounted),
		TEST(test_open_directories_are_none),
		TEST(test_first),
	};
	int failed = cmocka_run_group_tests(pure, NULL, NULL);

	if (!geteuid())
		failed += cmocka_run_group_tests(root, NULL, NULL);
	return failed;
}
