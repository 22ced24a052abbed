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
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acct/lost.h"
#include "acct/record.h"
#include "acct/room.h"
#include "acct/spool.h"
#include "base/fd.h"

static char dir[64];
static struct err err;
static const struct spool_rule any;

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/cloison-spool-XXXXXX");
	return mkdtemp(dir) && !chdir(dir) ? 0 : -1;
}

static int rm(const char *path, const struct stat *st, int type,
	      struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static int teardown(void **state)
{
	(void)state;
	return chdir("/") || nftw(dir, rm, 16, FTW_DEPTH | FTW_PHYS);
}

static void put(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

static int open_ok(const char *path)
{
	int fd = spool_open(path, geteuid(), &err);

	if (fd < 0)
		fail_msg("spool_open: %s", err.text);
	return fd;
}

static void open_fails(const char *path, const char *says)
{
	assert_int_equal(spool_open(path, geteuid(), &err), -1);
	if (!strstr(err.text, says))
		fail_msg("%s", err.text);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

struct seen {
	size_t n, bad;
	char names[512], why[512];
	int stop;
};

static int see(void *arg, const char *name, const char *text, size_t len,
	       struct err *e)
{
	struct seen *s = arg;

	s->n++;
	strcat(strcat(s->names, name), " ");
	if (!text) {
		s->bad++;
		strcat(strcat(s->why, e->text), "; ");
	} else {
		assert_int_equal(strlen("text"), len);
		assert_memory_equal(text, "text", len);
	}
	return s->stop;
}

static void test_write_and_read(void **state)
{
	struct seen s = { 0 };
	int fd = open_ok("a/b//spool/");

	(void)state;
	umask(0277);
	assert_int_equal(spool_write(fd, -1, "2-b", "text", &any, &err), 0);
	umask(022);
	assert_int_equal(spool_write(fd, -1, "1-a", "text", &any, &err), 0);
	assert_int_equal(spool_write(fd, -1, "1-a", "text", &any, &err), 0);
	assert_int_equal(mode_of("a/b/spool/new/2-b.json"), 0600);
	assert_int_equal(mode_of("a/b/spool"), geteuid() ? 0700 : 0755);
	assert_int_equal(spool_read(fd, geteuid(), see, &s, &err), 0);
	assert_string_equal(s.names, "1-a.json 2-b.json ");
	assert_int_equal(s.bad, 0);
	assert_int_equal(spool_remove(fd, "1-a.json", &err), 0);
	assert_int_equal(spool_remove(fd, "1-a.json", &err), 0);
	assert_int_equal(spool_reject(fd, "2-b.json", &err), 0);
	assert_int_equal(access("a/b/spool/bad/2-b.json", F_OK), 0);
	assert_int_equal(mode_of("a/b/spool/bad"), 0700);
	s = (struct seen){ 0 };
	assert_int_equal(spool_read(fd, geteuid(), see, &s, &err), 0);
	assert_int_equal(s.n, 0);
	close(fd);
	/* Nothing is left over of the writing. */
	assert_int_equal(rmdir("a/b/spool/tmp"), 0);
}

static void test_stop(void **state)
{
	struct seen s = { .stop = -1 };
	int fd = open_ok("spool");

	(void)state;
	assert_int_equal(spool_write(fd, -1, "1", "text", &any, &err), 0);
	assert_int_equal(spool_write(fd, -1, "2", "text", &any, &err), 0);
	assert_int_equal(spool_read(fd, geteuid(), see, &s, &err), -1);
	assert_int_equal(s.n, 1);
	close(fd);
}

static void test_bad_ids(void **state)
{
	static char big[RECORD_MAX + 2];
	int fd = open_ok("spool");

	(void)state;
	assert_int_equal(spool_write(fd, -1, "../x", "text", &any, &err), -1);
	assert_int_equal(spool_write(fd, -1, "", "text", &any, &err), -1);
	memset(big, 'x', sizeof(big) - 1);
	assert_int_equal(spool_write(fd, -1, "1", big, &any, &err), -1);
	assert_int_equal(err.num, EFBIG);
	close(fd);
}

static void test_hostile_files(void **state)
{
	static char big[RECORD_MAX + 2];
	struct seen s = { 0 };
	int fd = open_ok("spool");

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	put("secret", "secret", 0600);
	put("spool/new/big.json", big, 0600);
	put("spool/new/good.json", "text", 0600);
	put("spool/new/hidden", "text", 0600);
	put("spool/new/linked.json", "text", 0600);
	assert_int_equal(link("spool/new/linked.json", "elsewhere"), 0);
	put("spool/new/open.json", "text", 0622);
	assert_int_equal(symlink("../../secret", "spool/new/symlink.json"), 0);
	assert_int_equal(mkfifo("spool/new/fifo.json", 0600), 0);
	assert_int_equal(mkdir("spool/new/dir.json", 0700), 0);
	assert_int_equal(spool_read(fd, geteuid(), see, &s, &err), 0);
	assert_int_equal(s.n, 8);
	assert_int_equal(s.bad, 7);
	assert_string_equal(s.names,
			    "big.json dir.json fifo.json good.json hidden "
			    "linked.json open.json symlink.json ");
	assert_string_equal(
		s.why, "it is too big; not a regular file; not a regular file; "
		       "its name is not ID.json; it has several links; "
		       "others may write it; it is a link: Too many levels of "
		       "symbolic links; ");
	assert_int_equal(spool_reject(fd, "dir.json", &err), 0);
	assert_int_equal(spool_reject(fd, "symlink.json", &err), 0);
	assert_int_equal(access("secret", F_OK), 0);
	close(fd);
}

static void test_foreign_file(void **state)
{
	struct seen s = { 0 };
	int fd = open_ok("spool");

	(void)state;
	if (geteuid())
		skip();
	put("spool/new/1.json", "text", 0600);
	assert_int_equal(chown("spool/new/1.json", 65534, 65534), 0);
	assert_int_equal(spool_read(fd, geteuid(), see, &s, &err), 0);
	assert_string_equal(s.why, "it belongs to somebody else; ");
	close(fd);
}

static void test_bad_dirs(void **state)
{
	(void)state;
	close(open_ok("spool"));
	assert_int_equal(symlink("spool", "link"), 0);
	open_fails("link", "must be a real directory");
	put("file", "", 0600);
	open_fails("file", "must be a real directory");
	open_fails("file/spool", "Not a directory");
	assert_int_equal(chmod("spool", 0770), 0);
	open_fails("spool", "chmod go-w");
	assert_int_equal(chmod("spool", 0700), 0);
	assert_int_equal(chmod("spool/new", 0702), 0);
	open_fails("spool", "chmod go-w");
	assert_int_equal(rmdir("spool/new"), 0);
	assert_int_equal(symlink("/tmp", "spool/new"), 0);
	open_fails("spool", "open new/");
	open_fails("/tmp", geteuid() ? "belongs to uid 0" : "others may write");
	if (geteuid())
		open_fails("/proc/1", "belongs");
}

/* The owner's own links on the way are his to make; those of others are not. */
static void test_links_on_the_way(void **state)
{
	(void)state;
	assert_int_equal(mkdir("real", 0700), 0);
	assert_int_equal(symlink("real", "link"), 0);
	close(open_ok("link/spool"));
	assert_int_equal(access("real/spool/new", F_OK), 0);
	if (geteuid())
		return;
	assert_int_equal(lchown("link", 65534, 65534), 0);
	open_fails("link/spool", "Too many levels");
	assert_int_equal(chown("real/spool", 65534, 65534), 0);
	open_fails("real/spool", "belongs to uid 65534");
}

/* Nobody makes a directory in the name of another. */
static void test_not_for_others(void **state)
{
	(void)state;
	assert_int_equal(spool_open("other", geteuid() + 1, &err), -1);
	assert_int_equal(err.num, ENOENT);
	assert_int_equal(access("other", F_OK), -1);
}

static void test_sweep(void **state)
{
	const struct timespec old[2] = { { 1000000, 0 }, { 1000000, 0 } };
	struct seen s = { 0 };
	int fd = open_ok("spool");

	(void)state;
	put("spool/tmp/old.json", "half", 0600);
	put("spool/tmp/fresh.json", "half", 0600);
	assert_int_equal(utimensat(AT_FDCWD, "spool/tmp/old.json", old, 0), 0);
	assert_int_equal(spool_read(fd, geteuid(), see, &s, &err), 0);
	assert_int_equal(s.n, 0);
	assert_int_equal(access("spool/tmp/old.json", F_OK), -1);
	assert_int_equal(access("spool/tmp/fresh.json", F_OK), 0);
	/* The same id again: the half one is no obstacle. */
	assert_int_equal(spool_write(fd, -1, "fresh", "text", &any, &err), 0);
	assert_int_equal(access("spool/new/fresh.json", F_OK), 0);
	close(fd);
}

#define WHOLE(id)                                       \
	"{\"schema\":\"cloison.record/1\",\"id\":\"" id \
	"\",\"user\":{\"uid\":0,\"gid\":0}}"

static void test_reserve(void **state)
{
	struct seen s = { 0 };
	int fd = open_ok("spool"),
	    room = spool_reserve(fd, "1-a", "{\"half\":1", &err);
	char *longer = test_malloc(RECORD_MAX);
	struct stat st;
	ino_t ino;

	(void)state;
	assert_true(room >= 0);
	assert_int_equal(mode_of("spool/tmp/1-a.json"), 0600);
	/* Readers see neither this nor what it is kept for. */
	assert_int_equal(spool_read(fd, geteuid(), see, &s, &err), 0);
	assert_int_equal(s.n, 0);
	assert_int_equal(spool_write(fd, room, "1-a", "text", &any, &err), 0);
	assert_int_equal(access("spool/tmp/1-a.json", F_OK), -1);
	close(room);
	assert_int_equal(spool_read(fd, geteuid(), see, &s, &err), 0);
	assert_string_equal(s.names, "1-a.json ");
	assert_int_equal(spool_remove(fd, "1-a.json", &err), 0);

	/* Longer than the room. */
	memset(longer, 'x', RECORD_MAX - 1);
	longer[RECORD_MAX - 1] = '\0';
	room = spool_reserve(fd, "2", "", &err);
	assert_int_equal(spool_write(fd, room, "2", longer, &any, &err), 0);
	close(room);
	test_free(longer);

	room = spool_reserve(fd, "3", "", &err);
	spool_cancel(fd, "3", room);
	assert_int_equal(access("spool/tmp/3.json", F_OK), -1);

	/* Nothing is left of what was longer, and nobody is there any more. */
	longer = test_malloc(RECORD_MAX);
	memset(longer, 'x', 9000);
	longer[9000] = '\0';
	room = spool_reserve(fd, "5", longer, &err);
	test_free(longer);
	assert_int_equal(spool_settle(fd, room, &err), 0);
	assert_int_equal(stat("spool/tmp/5.json", &st), 0);
	ino = st.st_ino;
	close(room);
	assert_int_equal(spool_write(fd, -1, "5", "text", &any, &err), 0);
	assert_int_equal(stat("spool/new/5.json", &st), 0);
	assert_int_equal(st.st_ino, ino);
	memset(&s, 0, sizeof(s));
	assert_int_equal(spool_remove(fd, "2.json", &err), 0);
	assert_int_equal(spool_read(fd, geteuid(), see, &s, &err), 0);
	assert_string_equal(s.names, "5.json ");

	/* Somebody has taken it away. */
	room = spool_reserve(fd, "4", "", &err);
	assert_int_equal(unlink("spool/tmp/4.json"), 0);
	assert_int_equal(spool_write(fd, room, "4", "text", &any, &err), 0);
	assert_int_equal(access("spool/new/4.json", F_OK), 0);
	close(room);
	close(fd);
}

static int see_whole(void *arg, const char *name, const char *text, size_t len,
		     struct err *e)
{
	(void)e;
	assert_string_equal(name, "1.json");
	assert_int_equal(strlen(WHOLE("1")), len);
	assert_memory_equal(text, WHOLE("1"), len);
	++*(int *)arg;
	return 0;
}

/* What a crash leaves is in tmp/, and a record when it is whole. */
static void test_recover(void **state)
{
	const struct timespec old[2] = { { 1000000, 0 }, { 1000000, 0 } };
	int fd = open_ok("spool"), room, n = 0;

	(void)state;
	put("spool/tmp/1.json", WHOLE("1") "   \n", 0600);
	put("spool/tmp/2.json", WHOLE("1"), 0600); /* another's */
	put("spool/tmp/3.json", "{\"schema\":\"clo   ", 0600);
	put("spool/tmp/4.json", WHOLE("4"), 0622);
	assert_int_equal(spool_read(fd, geteuid(), see_whole, &n, &err), 0);
	assert_int_equal(n, 1);
	assert_int_equal(access("spool/tmp/2.json", F_OK), 0);
	assert_int_equal(access("spool/tmp/3.json", F_OK), 0);
	assert_int_equal(access("spool/tmp/4.json", F_OK), 0);

	/* A writer lives, who is slow. */
	room = spool_reserve(fd, "5", "", &err);
	assert_int_equal(pwrite(room, WHOLE("5"), strlen(WHOLE("5")), 0),
			 strlen(WHOLE("5")));
	assert_int_equal(utimensat(AT_FDCWD, "spool/tmp/5.json", old, 0), 0);
	assert_int_equal(spool_read(fd, geteuid(), see_whole, &n, &err), 0);
	assert_int_equal(access("spool/tmp/5.json", F_OK), 0);
	/* By word of somebody who knows that it does not. */
	for (int i = 0; i < 2; i++)
		assert_int_equal(spool_recover(fd, "5", geteuid(), &err), 1);
	assert_int_equal(access("spool/new/5.json", F_OK), 0);
	close(room);
	assert_int_equal(spool_recover(fd, "3", geteuid(), &err), 0);
	assert_int_equal(spool_recover(fd, "../x", geteuid(), &err), -1);
	close(fd);
}

static void this_node(char node[static 65], char boot[static 40])
{
	assert_int_equal(gethostname(node, 64), 0);
	assert_true(fd_read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id",
				 boot, 40) > 0);
}

/* What a cell that runs has in the spool. */
static const char *head(const char *id, const char *node, const char *boot)
{
	static char text[512];

	snprintf(text, sizeof(text),
		 "{\"schema\":\"cloison.record/1\",\"id\":\"%s\","
		 "\"node\":\"%s\",\"cell\":{\"boot_id\":\"%s\"},"
		 "\"tags\":{\"a\":\"b\"}    \n",
		 id, node, boot);
	return text;
}

static int see_lost(void *arg, const char *name, const char *text, size_t len,
		    struct err *e)
{
	(void)e;
	strcat(strcat(arg, name), " ");
	assert_non_null(memmem(text, len, "\"lost\"", 6));
	if (!strcmp(name, "1.json"))
		assert_non_null(memmem(text, len, "\"tags\":{\"a\"", 11));
	return 0;
}

/* Of those that were cut, only which cannot run any more are closed. */
static void test_lost(void **state)
{
	const struct timespec old[2] = { { 1000000, 0 }, { 1000000, 0 } };
	const char *const kept[] = { "2", "3", "4", "6", "7", "9" };
	char node[65] = "", boot[40], names[128] = "", path[32];
	int fd = open_ok("spool"), held;
	size_t n = 9;

	(void)state;
	this_node(node, boot);
	put("spool/tmp/1.json", head("1", node, "earlier"), 0600);
	put("spool/tmp/2.json", head("2", node, boot), 0600);
	put("spool/tmp/3.json", head("3", "other", "earlier"), 0600);
	put("spool/tmp/4.json", head("4", node, "earlier"), 0622);
	put("spool/tmp/5.json", "{\"schema\":\"clo", 0600);
	put("spool/tmp/6.json", "{\"schema\":\"clo", 0600);
	put("spool/tmp/7.json", head("1", node, "earlier"), 0600);
	put("spool/tmp/8.json", WHOLE("8"), 0600);
	assert_int_equal(utimensat(AT_FDCWD, "spool/tmp/5.json", old, 0), 0);
	put("spool/tmp/9.json", head("9", node, "earlier"), 0600);
	held = open("spool/tmp/9.json", O_RDWR | O_CLOEXEC);
	assert_int_equal(fd_lock(held), 0);
	assert_int_equal(lost_close(fd, geteuid(), &n, &err), 0);
	assert_int_equal(n, 2);
	assert_int_equal(access("spool/new/8.json", F_OK), 0);
	assert_int_equal(spool_remove(fd, "8.json", &err), 0);
	assert_int_equal(spool_read(fd, geteuid(), see_lost, names, &err), 0);
	assert_string_equal(names, "1.json 5.json ");
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		snprintf(path, sizeof(path), "spool/tmp/%s.json", kept[i]);
		assert_int_equal(access(path, F_OK), 0);
	}
	close(held);
	close(fd);
}

static int64_t used(void)
{
	char text[32] = "";

	assert_true(fd_read_file(AT_FDCWD, "spool/used", text, sizeof(text)) >
		    0);
	return strtoll(text, NULL, 10);
}

/* What finds no room is refused and counted; what is read makes room. */
static void test_limit(void **state)
{
	const struct spool_rule rule = { .max = 12288, .unsynced = true };
	const char *const ids[] = { "1", "2", "3" };
	int fd = open_ok("spool"), room;
	struct seen s = { 0 };
	char full[128];

	(void)state;
	assert_int_equal(room_full(fd, &err), 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(
			spool_write(fd, -1, ids[i], "text", &rule, &err), 0);
	room = spool_reserve(fd, "4", "", &err);
	assert_int_equal(spool_write(fd, room, "4", "text", &rule, &err), -1);
	close(room);
	assert_int_equal(err.num, EDQUOT);
	assert_non_null(strstr(err.text, "spool-max"));
	assert_int_equal(spool_write(fd, -1, "5", "text", &rule, &err), -1);
	assert_int_equal(access("spool/tmp/4.json", F_OK), -1);
	assert_int_equal(used(), 12288);
	assert_int_equal(room_full(fd, &err), 1);
	assert_non_null(strstr(err.text, "no room for 2 records"));
	assert_true(fd_read_file(AT_FDCWD, "spool/full", full, sizeof(full)) >
		    0);
	assert_memory_equal(full, "records 2\nsince 20", 18);
	/* Without a limit there is room. */
	assert_int_equal(spool_write(fd, -1, "6", "text", &any, &err), 0);
	assert_int_equal(used(), 16384);
	for (size_t i = 0; i < 3; i++) {
		char name[8];

		snprintf(name, sizeof(name), "%s.json", ids[i]);
		assert_int_equal(spool_remove(fd, name, &err), 0);
		assert_int_equal(spool_remove(fd, name, &err), 0);
	}
	assert_int_equal(used(), 4096);
	assert_int_equal(spool_write(fd, -1, "7", "text", &rule, &err), 0);
	assert_int_equal(spool_reject(fd, "7.json", &err), 0);
	assert_int_equal(used(), 4096);
	/* Somebody has died in between, or meddled: readers count. */
	put("spool/used", "99999999\n", 0600);
	assert_int_equal(spool_write(fd, -1, "8", "text", &rule, &err), -1);
	assert_int_equal(spool_read(fd, geteuid(), see, &s, &err), 0);
	assert_int_equal(used(), 4096);
	assert_int_equal(spool_write(fd, -1, "8", "text", &rule, &err), 0);
	/* Three records by now; the number is gone, and nobody knows. */
	assert_int_equal(unlink("spool/used"), 0);
	assert_int_equal(spool_write(fd, -1, "9", "text", &rule, &err), 0);
	assert_int_equal(spool_read(fd, geteuid(), see, &s, &err), 0);
	assert_int_equal(used(), 12288);
	/* Said until somebody removes it. */
	assert_int_equal(room_full(fd, &err), 1);
	assert_int_equal(unlink("spool/full"), 0);
	assert_int_equal(room_full(fd, &err), 0);
	close(fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_write_and_read),
		TEST(test_stop),
		TEST(test_bad_ids),
		TEST(test_hostile_files),
		TEST(test_foreign_file),
		TEST(test_bad_dirs),
		TEST(test_links_on_the_way),
		TEST(test_not_for_others),
		TEST(test_sweep),
		TEST(test_reserve),
		TEST(test_recover),
		TEST(test_lost),
		TEST(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
