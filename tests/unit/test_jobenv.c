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
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acct/record.h"
#include "plan/option.h"
#include "wrapper/jobenv.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static struct pool pool;
static struct job job;
static char dir[256];

static int setup(void **state)
{
	(void)state;
	clearenv();
	job = (struct job){ .user = "alice", .uid = 1000, .gid = 1000 };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pool_free(&pool);
	return 0;
}

static const char *fact(const char *name)
{
	const struct {
		const char *name, *value;
	} rows[] = {
		{ "name", job.scheduler.name },
		{ "job", job.scheduler.job },
		{ "step", job.scheduler.step },
		{ "cluster", job.scheduler.cluster },
		{ "account", job.scheduler.account },
		{ "project", job.scheduler.project },
		{ "queue", job.scheduler.queue },
		{ "job_name", job.scheduler.job_name },
	};

	for (size_t i = 0; i < N(rows); i++)
		if (!strcmp(rows[i].name, name))
			return rows[i].value;
	fail_msg("%s: no such fact", name);
	return NULL;
}

static size_t facts(void)
{
	static const char *const all[] = { "name",    "job",     "step",
					   "cluster", "account", "project",
					   "queue",   "job_name" };
	size_t n = 0;

	for (size_t i = 0; i < N(all); i++)
		n += !!fact(all[i]);
	return n;
}

/* "@DIR@" in a value is where the files are. */
static void set(char *line)
{
	static const char mark[] = "@DIR@";
	char *eq = strchr(line, '='), *at = strstr(line, mark);
	char value[512];

	assert_non_null(eq);
	*eq++ = '\0';
	snprintf(value, sizeof(value), "%s%s", at ? dir : "",
		 at ? at + strlen(mark) : eq);
	assert_int_equal(setenv(line, value, 1), 0);
}

static void check_file(const char *path)
{
	FILE *f = fopen(path, "re");
	char line[512];
	size_t n = 0;

	assert_non_null(f);
	setup(NULL);
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strchr("#?", *line))
			set(line);
	}
	jobenv_read(&job, &pool);
	rewind(f);
	while (fgets(line, sizeof(line), f)) {
		char *value;

		line[strcspn(line, "\n")] = '\0';
		if (*line != '?')
			continue;
		value = strchr(line + 2, ' ');
		assert_non_null(value);
		*value++ = '\0';
		if (!fact(line + 2) || strcmp(fact(line + 2), value) != 0)
			fail_msg("%s: %s is '%s', not '%s'", path, line + 2,
				 fact(line + 2), value);
		n++;
	}
	fclose(f);
	if (facts() != n)
		fail_msg("%s: more was found than is said", path);
}

/* Each queue's own words, and nothing that the file does not say. */
static void test_queues(void **state)
{
	char pattern[300];
	glob_t found;

	(void)state;
	/* An ordinary user may not come to where the source is. */
	if (access(dir, R_OK))
		skip();
	snprintf(pattern, sizeof(pattern), "%s/*.env", dir);
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	assert_true(found.gl_pathc >= 12);
	for (size_t i = 0; i < found.gl_pathc; i++)
		check_file(found.gl_pathv[i]);
	globfree(&found);
}

/* Whatever a queue says about users, who it is comes from the kernel. */
static void test_identity(void **state)
{
	static const char *const names[] = { "USER",          "LOGNAME",
					     "SUDO_USER",     "SLURM_JOB_USER",
					     "SLURM_JOB_UID", "PBS_O_LOGNAME",
					     "SGE_O_LOGNAME", "LSFUSER" };

	(void)state;
	for (size_t i = 0; i < N(names); i++)
		setenv(names[i], "0", 1);
	setenv("SLURM_JOB_ID", "1", 1);
	jobenv_read(&job, &pool);
	assert_string_equal(job.user, "alice");
	assert_int_equal(job.uid, 1000);
	assert_int_equal(job.gid, 1000);
	assert_int_equal(job.login_uid, 0);
	assert_int_equal(job.sudo_uid, 0);
}

/* An id that is none is left out, not made into another job's. */
static void test_ids(void **state)
{
	static char longest[OPTION_NAME_MAX + 1], longer[OPTION_NAME_MAX + 2];
	static const struct {
		const char *text;
		bool good;
	} rows[] = { { "1", true },     { "1[2].a", true }, { "\xff", true },
		     { longest, true }, { longer, false },  { "a/b", false },
		     { "..", false },   { ".", false },     { "1\n2", false },
		     { "\x7f", false }, { "\x1b[m", false } };

	(void)state;
	memset(longest, '7', sizeof(longest) - 1);
	memset(longer, '7', sizeof(longer) - 1);
	for (size_t i = 0; i < N(rows); i++) {
		setenv("PBS_JOBID", rows[i].text, 1);
		setenv("PBS_ARRAY_INDEX", rows[i].text, 1);
		jobenv_read(&job, &pool);
		assert_string_equal(job.scheduler.name, "pbs");
		if (rows[i].good) {
			assert_string_equal(job.scheduler.job, rows[i].text);
			assert_string_equal(job.scheduler.step, rows[i].text);
		} else {
			assert_null(job.scheduler.job);
			assert_null(job.scheduler.step);
		}
	}
}

static const char *record(void)
{
	struct record r;
	const char *json;
	struct err err;

	record_init(&r);
	r.id = "1";
	r.scheduler.name = job.scheduler.name;
	r.scheduler.job_name = job.scheduler.job_name;
	r.scheduler.queue = job.scheduler.queue;
	r.user.account = job.scheduler.account;
	assert_int_equal(record_format(&r, &pool, &json, &err), 0);
	return json;
}

/* 100 KiB of anything become a bounded word, and one line of UTF-8. */
static void test_words(void **state)
{
	enum {
		HUGE_WORD = 100 * 1024
	};
	static char huge[HUGE_WORD + 1];

	(void)state;
	setenv("PBS_JOBID", "1", 1);
	for (int byte = 1; byte < 256; byte++) {
		memset(huge, byte, HUGE_WORD);
		setenv("PBS_JOBNAME", huge, 1);
		setenv("PBS_QUEUE", "a\nb\"\\\x1b\xc3", 1);
		setenv("PBS_ACCOUNT", huge, 1);
		jobenv_read(&job, &pool);
		assert_int_equal(strlen(job.scheduler.job_name),
				 OPTION_NAME_MAX);
		assert_int_equal(strlen(job.scheduler.account),
				 OPTION_NAME_MAX);
		assert_true(strlen(record()) < 8192);
		assert_null(strchr(record(), '\n'));
		assert_non_null(
			strstr(record(), "a\\nb\\\"\\\\\\u001b\xef\xbf\xbd\""));
		pool_free(&pool);
	}
}

static char ad[64];

static void put_ad(const char *text, size_t len)
{
	int fd = open(ad, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), (ssize_t)len);
	close(fd);
}

static void read_again(void)
{
	setup(NULL);
	setenv("_CONDOR_JOB_AD", ad, 1);
	jobenv_read(&job, &pool);
	assert_string_equal(job.scheduler.name, "htcondor");
}

static int make_ad(void **state)
{
	snprintf(ad, sizeof(ad), "/tmp/test_jobenv.%d", (int)getpid());
	return setup(state);
}

static int remove_ad(void **state)
{
	unlink(ad);
	rmdir(ad);
	return teardown(state);
}

/* What the job has made of its ad is a word or nothing. */
static void test_ad(void **state)
{
	static const struct {
		const char *text, *job, *account;
	} rows[] = {
		{ "", NULL, NULL },
		{ "ClusterId", NULL, NULL },
		{ "ClusterId =", NULL, NULL },
		{ "ClusterId = 1", "1", NULL },
		{ "ClusterId=2\r\n", "2", NULL },
		{ "ClusterId = 1 + 1\n", NULL, NULL },
		{ "ClusterId = -1\n", NULL, NULL },
		{ "ClusterIdX = 1\nXClusterId = 2\n", NULL, NULL },
		{ "ClusterId = \"../x\"\n", NULL, NULL },
		{ "AccountingGroup = \"open\nClusterId = 3\n", "3", "open" },
		{ "AccountingGroup = \"\"\nAcctGroup = \"g\"", NULL, "g" },
		{ "AccountingGroup = undefined\n", NULL, NULL },
		{ "AccountingGroup = \"a\\", NULL, "a\\" },
		{ "\n\n\nClusterId = 4", "4", NULL },
	};
	const struct row {
		const char *got, *want;
	} * r;

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		put_ad(rows[i].text, strlen(rows[i].text));
		read_again();
		const struct row both[] = { { job.scheduler.job, rows[i].job },
					    { job.scheduler.account,
					      rows[i].account } };

		for (r = both; r < both + N(both); r++)
			if (!r->want)
				assert_null(r->got);
			else
				assert_string_equal(r->got, r->want);
	}
}

static void test_ad_size(void **state)
{
	static const char first[] = "AccountingGroup = \"",
			  last[] = "\nClusterId = 5\n";
	static char big[JOBENV_AD + sizeof(last)];

	(void)state;
	memset(big, 'x', sizeof(big));
	memcpy(big, first, sizeof(first) - 1);
	memcpy(big + JOBENV_AD - 1, last, sizeof(last));
	put_ad(big, sizeof(big));
	read_again();
	assert_null(job.scheduler.job);
	assert_int_equal(strlen(job.scheduler.account), OPTION_NAME_MAX);
	put_ad("Cluster\0ClusterId = 5", 21);
	read_again();
	assert_null(job.scheduler.job);
}

/* The cell has a little less memory than the cgroup that HTCondor makes. */
static void test_ad_gives(void **state)
{
	static const struct {
		const char *text;
		uint64_t cpus, memory, seconds;
	} rows[] = {
		{ "CpusProvisioned = 2\nMemoryProvisioned = 256\n"
		  "AllowedExecuteDuration = 60\n",
		  2000, 248ULL << 20, 60 },
		{ "RequestCpus = 8\nRequestMemory = 512\n", 0, 0, 0 },
		{ "MemoryProvisioned = 64", 0, 60ULL << 20, 0 },
		{ "MemoryProvisioned = 0", 0, 0, 0 },
		{ "CpusProvisioned = 99999999999999999999\n"
		  "MemoryProvisioned = \"1x\"\n",
		  0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		put_ad(rows[i].text, strlen(rows[i].text));
		read_again();
		assert_int_equal(job.cpus, rows[i].cpus);
		assert_int_equal(job.memory, rows[i].memory);
		assert_int_equal(job.seconds, rows[i].seconds);
	}
}

/* A pipe would never end, a directory is no file. */
static void test_ad_kinds(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(ad, 0600), 0);
	read_again();
	assert_null(job.scheduler.job);
	unlink(ad);
	assert_int_equal(mkdir(ad, 0700), 0);
	read_again();
	rmdir(ad);
	read_again();
	put_ad("ClusterId = 5\n", 14);
	read_again();
	assert_string_equal(job.scheduler.job, "5");
	setup(NULL);
	setenv("_CONDOR_JOB_AD", strrchr(ad, '/') + 1, 1);
	assert_int_equal(chdir("/tmp"), 0);
	jobenv_read(&job, &pool);
	assert_null(job.scheduler.job);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_queues),
		cmocka_unit_test_setup_teardown(test_identity, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ids, setup, teardown),
		cmocka_unit_test_setup_teardown(test_words, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ad, make_ad, remove_ad),
		cmocka_unit_test_setup_teardown(test_ad_gives, make_ad,
						remove_ad),
		cmocka_unit_test_setup_teardown(test_ad_size, make_ad,
						remove_ad),
		cmocka_unit_test_setup_teardown(test_ad_kinds, make_ad,
						remove_ad),
	};
	const char *top = getenv("top_srcdir");

	snprintf(dir, sizeof(dir), "%s/tests/queues", top ? top : ".");
	return cmocka_run_group_tests(tests, NULL, teardown);
}
