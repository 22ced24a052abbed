/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

/* cmocka.h needs those before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/proc.h"
#include "run/entry.h"
#include "run/registry.h"

#define HEAD "cloison 1\nid 01-a\nboot b\nstart 5\nuid 7\ngid 8\n"

static struct pool pool;
static struct err err;

static int parse(const char *text, struct entry *ret)
{
	return entry_parse(text, strlen(text), &pool, ret, &err);
}

static void refused(const char *text, const char *says)
{
	struct entry e;

	assert_int_equal(parse(text, &e), -1);
	if (!strstr(err.text, says))
		fail_msg("%s", err.text);
}

static void test_values(void **state)
{
	struct entry e;

	(void)state;
	assert_int_equal(parse(HEAD "job 12\ninit 4 99\ncgroup-moved 3 6\n"
				    "cwd /a\\x0ab\\x5cc\n",
			       &e),
			 0);
	assert_string_equal(e.id, "01-a");
	assert_string_equal(e.job, "12");
	assert_string_equal(e.cwd, "/a\nb\\c");
	assert_int_equal(e.uid, 7);
	assert_int_equal(e.init.pid, 4);
	assert_int_equal(e.init.start, 99);
	assert_int_equal(e.moved, 3);
	assert_int_equal(e.moved_enabled, 6);
	assert_int_equal(e.memory, -1);
	assert_int_equal(e.n_lines, 10);
	assert_null(e.recorded);
}

static void test_last_line_counts(void **state)
{
	struct entry e;

	(void)state;
	assert_int_equal(parse(HEAD "cgroup /a\ncgroup /b\n", &e), 0);
	assert_string_equal(e.cgroup, "/b");
}

/* What a full disk cut was never promised. */
static void test_half_a_line_is_none(void **state)
{
	struct entry e;

	(void)state;
	assert_int_equal(parse(HEAD "cgroup /a\ncgroup /half", &e), 0);
	assert_string_equal(e.cgroup, "/a");
}

static void test_refused(void **state)
{
	char many[8 * 1100] = HEAD;

	(void)state;
	refused("", "not a cell's entry");
	refused("id a\ncloison 1\n", "not a cell's entry");
	refused("cloison 2\n", "another version");
	refused("cloison 1\nid 01\n", "whose cell");
	refused("cloison 1\nid ../x\nboot b\nstart 5\nuid 7\ngid 8\n",
		"whose cell");
	refused(HEAD "uid 99999999999\n", "whose cell");
	refused(HEAD "uid -1\n", "uid");
	refused(HEAD "uid 1 \n", "uid");
	refused(HEAD "init 1\n", "init");
	refused(HEAD "init 1 -1\n", "init");
	refused(HEAD "init 4294967297 1\n", "init");
	refused(HEAD "no value\n\n", "line 8");
	refused(HEAD "Key x\n", "line 7");
	refused(HEAD "nothing\n", "line 7");
	refused(HEAD "cwd /a\x1b[2J\n", "line 7");
	refused(HEAD "cwd /a\\x00b\n", "line 7");
	refused(HEAD "cwd /a\\x0\n", "line 7");
	refused(HEAD "cwd /a\\n\n", "line 7");
	for (int i = 0; i < 1100; i++)
		strcat(many, "job 1\n");
	refused(many, "too many");
	assert_int_equal(entry_parse("cloison 1\n\0", 11, &pool,
				     &(struct entry){ 0 }, &err),
			 -1);
}

static void test_start_time(void **state)
{
	struct proc self = { getpid(), proc_start(getpid()) };

	(void)state;
	assert_true(proc_alive(&self));
	self.start++;
	assert_false(proc_alive(&self));
	assert_false(proc_alive(&(struct proc){ 0 }));
}

/* --- a registry of the test's own --- */

struct found {
	int n, bad;
	struct entry last;
	char why[256];
};

static int find(void *arg, const struct place *place, const char *name,
		const struct entry *entry, struct err *e)
{
	struct found *f = arg;

	(void)place;
	(void)name;
	f->n++;
	if (entry)
		f->last = *entry;
	else
		f->bad++;
	if (!entry)
		snprintf(f->why, sizeof(f->why), "%s", e->text);
	return 0;
}

static struct found look(const char *dir)
{
	struct place place = { dir, open(dir, O_RDONLY | O_DIRECTORY),
			       geteuid(), getegid() };
	struct found f = { 0 };

	assert_true(place.fd >= 0);
	assert_int_equal(entries_each(&place, &pool, find, &f, &err), 0);
	close(place.fd);
	return f;
}

static char *make_dir(void **state)
{
	char *dir = strdup("/tmp/registry.XXXXXX");

	assert_non_null(mkdtemp(dir));
	*state = dir;
	return dir;
}

static int remove_dir(void **state)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", (char *)*state);
	free(*state);
	return system(command);
}

/* A user's place has his own entries alone. */
static const char *own(void)
{
	static char text[128];

	snprintf(text, sizeof(text), HEAD "uid %u\n", geteuid());
	return text;
}

static void put(const char *dir, const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void test_dead_entry(void **state)
{
	const char *dir = make_dir(state);
	struct found f;

	put(dir, "01-a", own());
	put(dir, ".01-b", own());
	put(dir, "gc.lock", "");
	f = look(dir);
	assert_int_equal(f.n, 1);
	assert_int_equal(f.bad, 0);
	assert_false(f.last.locked);
}

static void test_lock_of_a_keeper(void **state)
{
	const char *dir = make_dir(state);
	struct flock l = { .l_type = F_RDLCK, .l_len = 1 };
	char path[128];
	int fd;

	put(dir, "01-a", own());
	snprintf(path, sizeof(path), "%s/01-a", dir);
	fd = open(path, O_RDWR);
	/* A reader's lock does not look like life. */
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &l), 0);
	assert_false(look(dir).last.locked);
	l.l_type = F_WRLCK;
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &l), 0);
	assert_true(look(dir).last.locked);
	close(fd);
	assert_false(look(dir).last.locked);
}

static void bad(const char *dir, const char *why)
{
	struct found f = look(dir);

	assert_int_equal(f.n, 1);
	assert_int_equal(f.bad, 1);
	if (!strstr(f.why, why))
		fail_msg("%s", f.why);
}

static void test_hostile_files(void **state)
{
	const char *dir = make_dir(state);
	char path[128], other[128];

	snprintf(path, sizeof(path), "%s/01-a", dir);
	snprintf(other, sizeof(other), "%s/other~", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	bad(dir, "not a regular file");
	unlink(path);
	put(dir, "other~", own());
	assert_int_equal(symlink("other~", path), 0);
	bad(dir, "it is a link");
	unlink(path);
	assert_int_equal(link(other, path), 0);
	bad(dir, "several links");
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	bad(dir, "not a regular file");
	rmdir(path);
	put(dir, "01-a", own());
	assert_int_equal(chmod(path, 0666), 0);
	bad(dir, "others may write");
	unlink(path);
	put(dir, "01-a", "");
	assert_int_equal(truncate(path, ENTRY_MAX + 1), 0);
	bad(dir, "too big");
	assert_int_equal(truncate(path, ENTRY_MAX), 0);
	bad(dir, "not text");
	unlink(path);
	put(dir, "01-b", own());
	bad(dir, "that of cell 01-a");
}

/* --- writing --- */

/* As a user, so that the place is of the test's choice. */
static void become_user(const char *dir)
{
	if (geteuid())
		return;
	assert_int_equal(chown(dir, 64321, 64321), 0);
	assert_int_equal(seteuid(64321), 0);
}

static int end_user(void **state)
{
	return (getuid() == 0 && seteuid(0)) | remove_dir(state);
}

static void test_words_forge_no_lines(void **state)
{
	const struct host host = { .boot_id = "boot" };
	const struct job job = { .user = "eve\ninit 1 1\n\x7f\\x0a",
				 .uid = geteuid() ? geteuid() : 64321,
				 .scheduler = { .job = "1\nuid 0" } };
	const struct plan plan = { .profile = "batch",
				   .job = &job,
				   .cwd = "/a b\tc" };
	char *top = make_dir(state), dir[64];
	struct registry r;
	struct found f;

	become_user(top);
	setenv("XDG_RUNTIME_DIR", top, 1);
	snprintf(dir, sizeof(dir), "%s/cloison/cells", top);
	if (registry_open(&plan, &host, &r, &err))
		fail_msg("%s", err.text);
	assert_int_equal(registry_note(&r, "cgroup", "/x\ny", &err), 0);
	f = look(dir);
	assert_int_equal(f.n, 1);
	assert_int_equal(f.bad, 0);
	assert_true(f.last.locked);
	assert_string_equal(f.last.user, job.user);
	assert_string_equal(f.last.job, "1\nuid 0");
	assert_string_equal(f.last.cwd, plan.cwd);
	assert_string_equal(f.last.cgroup, "/x\ny");
	assert_int_equal(f.last.init.pid, 0);
	assert_int_equal(f.last.uid, job.uid);
	assert_int_equal(registry_remove(&r, &err), 0);
	assert_int_equal(look(dir).n, 0);
}

/* Somebody else's directory, or one that others see, is not used. */
static void test_place_must_be_ours(void **state)
{
	const struct host host = { .boot_id = "boot" };
	const struct job job = { .user = "eve" };
	const struct plan plan = { .profile = "batch", .job = &job };
	char *top = make_dir(state), dir[64];
	struct registry r;

	become_user(top);
	setenv("XDG_RUNTIME_DIR", top, 1);
	snprintf(dir, sizeof(dir), "%s/cloison", top);
	assert_int_equal(mkdir(dir, 0755), 0);
	strcat(dir, "/cells");
	assert_int_equal(mkdir(dir, 0755), 0);
	if (!registry_open(&plan, &host, &r, &err))
		registry_remove(&r, &err);
	assert_int_equal(look(dir).n, 0);
	/* There is an id for the record in any case. */
	assert_true(record_id_valid(r.id));
}

static void test_no_entry_no_notes(void **state)
{
	struct registry none = REGISTRY_INIT;

	(void)state;
	assert_int_equal(registry_note(&none, "cgroup", "/x", &err), 0);
	assert_int_equal(registry_remove(&none, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_last_line_counts),
		cmocka_unit_test(test_half_a_line_is_none),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_start_time),
		cmocka_unit_test_teardown(test_dead_entry, remove_dir),
		cmocka_unit_test_teardown(test_lock_of_a_keeper, remove_dir),
		cmocka_unit_test_teardown(test_hostile_files, remove_dir),
		cmocka_unit_test_teardown(test_words_forge_no_lines, end_user),
		cmocka_unit_test_teardown(test_place_must_be_ours, end_user),
		cmocka_unit_test(test_no_entry_no_notes),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	pool_free(&pool);
	return failed;
}
