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
#include <stdio.h>
#include <string.h>

#include "plan/queuejob.h"
#include "wrapper/shepherd.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static struct pool pool;
static struct err err;

static int teardown(void **state)
{
	(void)state;
	pool_free(&pool);
	return 0;
}

/* Lines of a file of Grid Engine 8.1.9's, in their order. */
static const char config[] = "add_grp_id=65401\n"
			     "stdout_path=/home/alice/out\n"
			     "h_vmem=1G\n"
			     "h_vmem_is_consumable_job=0\n"
			     "s_vmem=INFINITY\n"
			     "tmpdir=/tmp/4711.7.all.q\n"
			     "job_owner=alice\n"
			     "pe=smp\n"
			     "pe_slots=4\n"
			     "host_slots=2\n"
			     "queue=all.q\n"
			     "job_name=a job\n"
			     "job_id=4711\n"
			     "ja_task_id=7\n"
			     "account=phys\n"
			     "acct_project=proj\n"
			     "njob_args=1\n"
			     "job_arg0=x\n"
			     "queue_tmpdir=/tmp\n";

static const char *replaced(const char *from, const char *to)
{
	const char *at = strstr(config, from);

	assert_non_null(at);
	return pool_printf(&pool, "%.*s%s%s", (int)(at - config), config, to,
			   at + strlen(from));
}

static void test_config(void **state)
{
	struct queue_job job;
	const char *owner;

	(void)state;
	assert_int_equal(shepherd_parse(config, &pool, &job, &owner, &err), 0);
	assert_string_equal(job.id, "4711.7");
	assert_string_equal(owner, "alice");
	assert_string_equal(job.queue, "all.q");
	assert_string_equal(job.dir, "/tmp/4711.7.all.q");
	assert_string_equal(job.account, "phys");
	assert_string_equal(job.project, "proj");
	assert_string_equal(job.name, "a job");
	assert_int_equal(job.slots, 2);
	assert_int_equal(job.memory, 2ULL << 30);
}

static void test_config_kinds(void **state)
{
	struct queue_job job;
	const char *owner, *text;

	(void)state;
	text = replaced("h_vmem=1G\nh_vmem_is_consumable_job=0",
			"h_vmem=1G\nh_vmem_is_consumable_job=1");
	assert_int_equal(shepherd_parse(text, &pool, &job, &owner, &err), 0);
	assert_int_equal(job.memory, 1 << 30);
	text = replaced("h_vmem=1G", "h_vmem=INFINITY");
	assert_int_equal(shepherd_parse(text, &pool, &job, &owner, &err), 0);
	assert_int_equal(job.memory, 0);
	text = replaced("acct_project=proj", "acct_project=none");
	assert_int_equal(shepherd_parse(text, &pool, &job, &owner, &err), 0);
	assert_null(job.project);
}

/* A path or an argument with a newline in it is lines of the file. */
static void test_config_twice(void **state)
{
	static const char *const rows[][2] = {
		{ "out\n", "out\njob_owner=bob\n" },
		{ "=x\n", "=x\njob_owner=bob\n" },
		{ "=x\n", "=x\nh_vmem=INFINITY\n" },
		{ "out\n", "out\nhost_slots=99\n" },
		{ "=x\n", "=x\njob_id=1\n" },
		{ "=x\n", "=x\nacct_project=\n" },
		{ "=x\n", "=x\ntmpdir=/root\n" },
	};
	struct queue_job job;
	const char *owner;

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		err.num = 0;
		assert_int_equal(
			shepherd_parse(replaced(rows[i][0], rows[i][1]), &pool,
				       &job, &owner, &err),
			-1);
		assert_int_equal(err.num, EPERM);
		assert_non_null(strstr(err.text, "twice"));
	}
	/* What is not ours may be there as often as it likes. */
	assert_int_equal(shepherd_parse(replaced("=x\n", "=x\npe=other\ny\n"),
					&pool, &job, &owner, &err),
			 0);
}

static void test_config_bad(void **state)
{
	static const char *const rows[][2] = {
		{ "job_owner=alice\n", "" },
		{ "job_id=4711", "job_id=../x" },
		{ "ja_task_id=7", "ja_task_id=-1" },
		{ "host_slots=2", "host_slots=many" },
		{ "h_vmem=1G", "h_vmem=much" },
		{ "h_vmem=1G", "h_vmem=" },
	};
	struct queue_job job;
	const char *owner;

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		err.num = 0;
		assert_int_equal(
			shepherd_parse(replaced(rows[i][0], rows[i][1]), &pool,
				       &job, &owner, &err),
			-1);
		assert_int_not_equal(err.num, EPERM);
	}
	assert_int_equal(shepherd_parse("", &pool, &job, &owner, &err), -1);
}

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} rows[] = {
		{ "0", 0 },
		{ "INFINITY", 0 },
		{ "none", 0 },
		{ "4096", 4096 },
		{ "1k", 1000 },
		{ "1K", 1024 },
		{ "2m", 2000000 },
		{ "512M", 512 << 20 },
		{ "1.5G", 3ULL << 29 },
		{ "1g", 1000000000 },
		{ "2T", 2ULL << 40 },
	};
	static const char *const bad[] = { "",    "G",   "1GB", "1x",
					   "-1G", "nan", "inf", "1e30" };
	uint64_t n;

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		assert_int_equal(shepherd_size(rows[i].text, &n, &err), 0);
		assert_int_equal(n, rows[i].bytes);
	}
	for (size_t i = 0; i < N(bad); i++)
		assert_int_equal(shepherd_size(bad[i], &n, &err), -1);
}

static void test_note(void **state)
{
	const struct queue_job job = {
		.id = "4711.7",
		.uid = 1000,
		.gid = 1001,
		.shepherd = { 99, 123456 },
		.slots = 2,
		.memory = 1 << 30,
		.account = "a\nuid 0",
		.name = "two words",
	};
	struct queue_job r;

	(void)state;
	assert_int_equal(
		queue_job_parse(queue_job_print(&job, &pool), &pool, &r, &err),
		0);
	assert_string_equal(r.id, job.id);
	assert_int_equal(r.uid, 1000);
	assert_int_equal(r.gid, 1001);
	assert_int_equal(r.shepherd.pid, 99);
	assert_int_equal(r.shepherd.start, 123456);
	assert_int_equal(r.slots, 2);
	assert_int_equal(r.memory, 1 << 30);
	assert_string_equal(r.account, "auid 0");
	assert_string_equal(r.name, "two words");
	assert_null(r.project);
	assert_null(r.cgroup);
}

static void test_note_bad(void **state)
{
	static const char *const rows[] = {
		"",
		"id 1.0\n",
		"id 1.0\nshepherd\n",
		"id 1.0\nshepherd x\n",
		"shepherd 5\n",
		"id 1.0\nshepherd 5\nuid 4294967296\n",
	};
	struct queue_job r;

	(void)state;
	for (size_t i = 0; i < N(rows); i++)
		assert_int_equal(queue_job_parse(rows[i], &pool, &r, &err), -1);
	assert_int_equal(queue_job_parse("id 1.0\nshepherd 5\nnew thing\n",
					 &pool, &r, &err),
			 0);
}

static void test_plan(void **state)
{
	struct queue_job job = { .id = "4711.7",
				 .slots = 3,
				 .memory = 1 << 30 };
	struct cg_plan plan;
	struct site site;

	(void)state;
	site_init(&site);
	queue_job_plan(&job, &site, &pool, &plan);
	assert_int_equal(plan.source, CG_NONE);
	assert_null(job.cgroup);
	site.cgroup_jobs = "/jobs";
	queue_job_plan(&job, &site, &pool, &plan);
	assert_int_equal(plan.source, CG_BELOW);
	assert_string_equal(job.cgroup, "/jobs/cloison-job-4711.7");
	assert_string_equal(plan.limit[CG_CPU_MAX], "300000 100000");
	assert_string_equal(plan.limit[CG_MEMORY_MAX], "1073741824");
	assert_string_equal(plan.limit[CG_MEMORY_SWAP_MAX], "0");
	assert_null(plan.limit[CG_PIDS_MAX]);
	job.memory = 0;
	queue_job_plan(&job, &site, &pool, &plan);
	assert_null(plan.limit[CG_MEMORY_MAX]);
	assert_null(plan.limit[CG_MEMORY_SWAP_MAX]);
	site.cgroup_jobs = "/";
	queue_job_plan(&job, &site, &pool, &plan);
	assert_string_equal(job.cgroup, "/cloison-job-4711.7");
	site_free(&site);
	assert_int_equal(queue_job_inside(1 << 30), (1 << 30) - (8 << 20));
	assert_int_equal(queue_job_inside(16 << 20), 15 << 20);
	assert_int_equal(queue_job_inside(0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_config_kinds),
		cmocka_unit_test(test_config_twice),
		cmocka_unit_test(test_config_bad),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_note),
		cmocka_unit_test(test_note_bad),
		cmocka_unit_test(test_plan),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
