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

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "acct/record.h"
#include "wrapper/chirp.h"

static struct pool pool;
static struct job job;
static struct err err;
static char dir[64], config[80], ad[80];
static pid_t starter;
static int heard; /* what the starter was asked, when it has ended */
static char asked[8192];

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* Answers each line by "0", but one that begins with `refused` by "1". */
static void serve(int fd, const char *refused, int out)
{
	FILE *in = fdopen(accept(fd, NULL, NULL), "re");
	char line[2048];

	while (in && fgets(line, sizeof(line), in)) {
		const char *is =
			refused && !strncmp(line, refused, strlen(refused))
				? "1\n"
				: "0\n";

		if (write(out, line, strlen(line)) < 0 ||
		    write(fileno(in), is, 2) != 2)
			break;
	}
	_exit(0);
}

static void start(const char *refused)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), out[2];

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	starter = fork();
	assert_true(starter >= 0);
	if (!starter)
		serve(fd, refused, out[1]);
	close(fd);
	close(out[1]);
	heard = out[0];
	put(config,
	    pool_printf(&pool, "127.0.0.1 %u secret\n", ntohs(a.sin_port)));
}

/* All that was asked. */
static const char *stop(void)
{
	size_t n = 0;
	ssize_t got;

	while ((got = read(heard, asked + n, sizeof(asked) - 1 - n)) > 0)
		n += (size_t)got;
	asked[n] = '\0';
	close(heard);
	assert_int_equal(waitpid(starter, NULL, 0), starter);
	return asked;
}

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/test_chirp.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(config, sizeof(config), "%s/config", dir);
	snprintf(ad, sizeof(ad), "%s/ad", dir);
	put(ad, "NumShadowStarts = 3\n");
	setenv("_CONDOR_JOB_AD", ad, 1);
	setenv("_CONDOR_CHIRP_CONFIG", config, 1);
	job = (struct job){ .uid = 1000, .scheduler.name = "htcondor" };
	err = (struct err){ 0 };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(config);
	unlink(ad);
	rmdir(dir);
	pool_free(&pool);
	return 0;
}

static const char *a_record(void)
{
	struct record r;
	const char *json;

	record_init(&r);
	r.id = "0-1";
	r.exit.reason = "exited";
	r.exit.code = 3;
	r.time.wall_us = 1500000;
	r.usage.memory_peak = 4096;
	assert_int_equal(record_format(&r, &pool, &json, &err), 0);
	return json;
}

static void test_string(void **state)
{
	static const struct {
		const char *text, *word;
	} rows[] = {
		{ "", "\"\"" },
		{ "oom", "\"oom\"" },
		{ "a b", "\"a\\ b\"" },
		{ "say \"x\"", "\"say\\ \\\\\"x\\\\\"\"" },
		{ "a\\b", "\"a\\\\\\\\b\"" },
		{ "a\nset_job_attr b c", "\"a?set_job_attr\\ b\\ c\"" },
	};
	char longer[2000];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(chirp_string(rows[i].text, &pool),
				    rows[i].word);
	memset(longer, '\\', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	/* The starter takes no more of a value, nor of a line. */
	assert_true(strlen(chirp_string(longer, &pool)) < 1100);
}

static void test_record(void **state)
{
	(void)state;
	start(NULL);
	assert_int_equal(chirp_record(&job, a_record(), &pool, &err), 0);
	assert_string_equal(stop(),
			    "cookie secret\n"
			    "set_job_attr_delayed CloisonRecord \"0-1\"\n"
			    "set_job_attr_delayed CloisonWallSeconds 1.500000\n"
			    "set_job_attr_delayed CloisonExitCode 3\n"
			    "set_job_attr_delayed CloisonReason \"exited\"\n"
			    "set_job_attr_delayed CloisonMemoryPeakBytes "
			    "4096\n");
}

/* A job on hold for want of memory gets no more updates. */
static void test_oom(void **state)
{
	struct record r;
	const char *json;

	(void)state;
	record_init(&r);
	r.id = "0-1";
	r.exit.reason = "oom";
	r.usage.oom_kills = 2;
	assert_int_equal(record_format(&r, &pool, &json, &err), 0);
	start(NULL);
	assert_int_equal(chirp_record(&job, json, &pool, &err), 0);
	assert_string_equal(stop(), "cookie secret\n"
				    "set_job_attr CloisonRecord \"0-1\"\n"
				    "set_job_attr CloisonReason \"oom\"\n"
				    "set_job_attr CloisonOomKills 2\n");
	/* Where that is refused they are better than nothing. */
	start("set_job_attr ");
	assert_int_equal(chirp_record(&job, json, &pool, &err), 0);
	stop();
	assert_non_null(strstr(asked, "delayed CloisonRecord \"0-1\"\n"
				      "set_job_attr_delayed CloisonReason "
				      "\"oom\"\n"));
}

/* What the job's last run has said of itself is not said of this one. */
static void test_run_again(void **state)
{
	(void)state;
	put(ad, "CloisonExitSignal = 9\nCloisonReason = \"oom\"\n"
		"CloisonError = \"x\"\nCloisonOomKills = undefined\n");
	start(NULL);
	assert_int_equal(chirp_record(&job, a_record(), &pool, &err), 0);
	stop();
	assert_non_null(strstr(asked, "delayed CloisonExitSignal undefined\n"));
	assert_non_null(strstr(asked, "delayed CloisonError undefined\n"));
	assert_non_null(strstr(asked, "delayed CloisonReason \"exited\"\n"));
	assert_null(strstr(asked, "CloisonOomKills"));
}

static void test_error(void **state)
{
	(void)state;
	start(NULL);
	assert_int_equal(chirp_error(&job, "no site", &pool, &err), 0);
	assert_string_equal(stop(),
			    "cookie secret\n"
			    "set_job_attr_delayed CloisonError "
			    "\"cloison:\\ no\\ site\"\n"
			    "set_job_attr_delayed CloisonErrorStart 3\n");
}

static void test_refused(void **state)
{
	(void)state;
	/* The other kind, at once from then on. */
	start("set_job_attr_delayed");
	assert_int_equal(chirp_error(&job, "x", &pool, &err), 0);
	assert_string_equal(stop(),
			    "cookie secret\n"
			    "set_job_attr_delayed CloisonError "
			    "\"cloison:\\ x\"\n"
			    "set_job_attr CloisonError \"cloison:\\ x\"\n"
			    "set_job_attr CloisonErrorStart 3\n");
	/* None. */
	start("set_job_attr");
	assert_int_equal(chirp_error(&job, "x", &pool, &err), -1);
	assert_non_null(strstr(err.text, "CHIRP_DELAYED_UPDATE_PREFIX"));
	assert_null(strstr(stop(), "CloisonErrorStart"));
	start("cookie");
	assert_int_equal(chirp_error(&job, "x", &pool, &err), -1);
	assert_string_equal(stop(), "cookie secret\n");
}

/* Nobody listens, or there is nothing that says where. */
static void test_nobody(void **state)
{
	static const char *const texts[] = { "",
					     "\n",
					     "127.0.0.1",
					     "127.0.0.1 1 secret",
					     "localhost.example 1 secret",
					     "127.0.0.1 -1 secret" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		put(config, texts[i]);
		assert_int_equal(chirp_error(&job, "x", &pool, &err), -1);
	}
	setenv("_CONDOR_CHIRP_CONFIG", "config", 1);
	assert_int_equal(chirp_error(&job, "x", &pool, &err), -1);
	unsetenv("_CONDOR_CHIRP_CONFIG");
	assert_int_equal(chirp_record(&job, a_record(), &pool, &err), -1);
}

/* Other queues, and root, say nothing, whatever the environment has. */
static void test_not_ours(void **state)
{
	(void)state;
	put(config, "127.0.0.1 1 secret");
	job.uid = 0;
	assert_int_equal(chirp_error(&job, "x", &pool, &err), 0);
	assert_int_equal(chirp_record(&job, a_record(), &pool, &err), 0);
	job.uid = 1000;
	job.scheduler.name = "slurm";
	assert_int_equal(chirp_error(&job, "x", &pool, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_string, setup, teardown),
		cmocka_unit_test_setup_teardown(test_record, setup, teardown),
		cmocka_unit_test_setup_teardown(test_oom, setup, teardown),
		cmocka_unit_test_setup_teardown(test_run_again, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_error, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_ours, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
