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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cg/internal.h"

/* --- a directory to play /proc and a hierarchy --- */

static char top[] = "/tmp/cloison-test-cg.XXXXXX";

static const char *at(const char *path)
{
	static char buf[4][512];
	static int i;

	i = (i + 1) % 4;
	snprintf(buf[i], sizeof(buf[i]), "%s/%s", top, path);
	return buf[i];
}

static void put(const char *path, const char *text)
{
	FILE *f = fopen(at(path), "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int make_top(void **state)
{
	(void)state;
	strcpy(top + strlen(top) - 6, "XXXXXX");
	return mkdtemp(top) ? 0 : -1;
}

static int remove_top(void **state)
{
	char cmd[600];

	(void)state;
	snprintf(cmd, sizeof(cmd), "chmod -R u+w '%s'; rm -rf '%s'", top, top);
	return system(cmd);
}

/* --- mountinfo --- */

static void mountinfo(void **state)
{
	static const struct {
		const char *line, *mount;
	} rows[] = {
		{ "35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 "
		  "cgroup2 rw,nsdelegate",
		  "/sys/fs/cgroup" },
		{ "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 c rw\n",
		  "/sys/fs/cgroup/unified" },
		{ "41 31 0:38 / /a\\040b\\134 rw - cgroup2 c rw", "/a b\\" },
		{ "41 31 0:38 / /x rw shared:1 master:2 - cgroup2 c rw", "/x" },
		/* A part of the hierarchy, and one from outside our view. */
		{ "41 31 0:38 /docker/x /c rw - cgroup2 c rw", NULL },
		{ "41 31 0:38 /.. /c rw - cgroup2 c rw", NULL },
		{ "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu",
		  NULL },
		{ "1 2 0:3 / /cgroup2 rw - ext4 cgroup2 rw", NULL },
		{ "1 2 0:3 / / rw - cgroup2x c rw", NULL },
		{ "", NULL },
		{ "1 2 0:3", NULL },
		{ " - cgroup2", NULL },
		{ "1 2 0:3 / - cgroup2 x", NULL },
	};
	char path[64];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool found = cg_mount_parse(rows[i].line, path, sizeof(path));

		assert_int_equal(found, rows[i].mount != NULL);
		if (found)
			assert_string_equal(path, rows[i].mount);
	}
	assert_false(
		cg_mount_parse("1 2 3:4 / /longer rw - cgroup2 c rw", path, 7));
}

/* --- /proc/PID/cgroup --- */

static void proc_cgroup(void **state)
{
	static const struct {
		const char *text, *own;
		unsigned legacy;
	} rows[] = {
		{ "0::/user.slice/user-1000.slice/session-3.scope\n",
		  "/user.slice/user-1000.slice/session-3.scope", 0 },
		{ "0::/system.slice/slurmstepd.scope/job_7/step_0/user/task_0",
		  "/system.slice/slurmstepd.scope/job_7/step_0/user/task_0",
		  0 },
		{ "9:name=systemd:/\n8:pids:/\n7:blkio:/\n4:memory:/a:b\n"
		  "3:cpu,cpuacct:/x\n0::/\n",
		  "/", CG_PIDS | CG_IO | CG_MEMORY | CG_CPU },
		{ "4:memory:/x\n3:cpuset:/\n", "", CG_MEMORY | CG_CPUSET },
		{ "0::/with:colon/0::/x\n", "/with:colon/0::/x", 0 },
		{ "0::/gone (deleted)\n", "", 0 },
		{ "0::/../outside\n", "", 0 },
		{ "0::/..\n", "", 0 },
		{ "0::/..x\n", "/..x", 0 },
		{ "10::/no\n", "", 0 },
		{ "\n:\n::\n0:\n0::\n0::x", "", 0 },
		{ "", "", 0 },
	};
	char own[80];
	unsigned legacy;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cg_proc_parse(rows[i].text, own, sizeof(own), &legacy);
		assert_string_equal(own, rows[i].own);
		assert_int_equal(legacy, rows[i].legacy);
	}
	cg_proc_parse("0::/1234567", own, 8, &legacy);
	assert_string_equal(own, "");
	cg_proc_parse("0::/123456", own, 8, &legacy);
	assert_string_equal(own, "/123456");
}

static void controllers(void **state)
{
	(void)state;
	assert_int_equal(cg_controllers_parse(""), 0);
	assert_int_equal(cg_controllers_parse("hugetlb\n"), CG_HUGETLB);
	assert_int_equal(cg_controllers_parse(
				 "cpuset cpu io memory hugetlb pids rdma misc"),
			 CG_CPUSET | CG_CPU | CG_IO | CG_MEMORY | CG_HUGETLB |
				 CG_PIDS);
	assert_int_equal(cg_controllers_parse("cpusets mem"), 0);
}

/* --- counters --- */

static void keys(void **state)
{
	const char *stat = "usage_usec 1500\nuser_usec 1000\nsystem_usec 500\n"
			   "nr_periods 0\nthrottled_usec 0";

	(void)state;
	assert_int_equal(cg_key_parse(stat, "usage_usec"), 1500);
	assert_int_equal(cg_key_parse(stat, "throttled_usec"), 0);
	assert_int_equal(cg_key_parse(stat, "user"), -1);
	assert_int_equal(cg_key_parse(stat, "usec"), -1);
	assert_int_equal(cg_key_parse("", "x"), -1);
	assert_int_equal(cg_key_parse("x ", "x"), -1);
	assert_int_equal(cg_key_parse("x -3", "x"), -1);
	assert_int_equal(cg_key_parse("x 9223372036854775807", "x"), INT64_MAX);
	assert_int_equal(cg_key_parse("x 9223372036854775808", "x"), -1);
}

static void io(void **state)
{
	const char *stat = "8:0 rbytes=100 wbytes=7 rios=1 wios=1\n"
			   "253:1 rbytes=20 wbytes=0 rios=1 wios=1 "
			   "dbytes=5 dios=0\n8:16 \n";

	(void)state;
	assert_int_equal(cg_io_parse(stat, "rbytes"), 120);
	assert_int_equal(cg_io_parse(stat, "wbytes"), 7);
	assert_int_equal(cg_io_parse(stat, "bytes"), 0);
	assert_int_equal(cg_io_parse("", "rbytes"), 0);
}

static void pressure(void **state)
{
	(void)state;
	assert_int_equal(
		cg_pressure_parse(
			"some avg10=0.00 avg60=0.00 avg300=0.00 total=4711\n"
			"full avg10=0.00 avg60=0.00 avg300=0.00 total=11\n"),
		4711);
	assert_int_equal(cg_pressure_parse("full avg10=0 total=1\n"), -1);
	assert_int_equal(cg_pressure_parse("some x\nfull total=1\n"), -1);
	assert_int_equal(cg_pressure_parse(""), -1);
}

static void usage(void **state)
{
	struct cg_usage u;
	int fd = open(top, O_PATH | O_DIRECTORY);

	(void)state;
	assert_true(fd >= 0);
	cg_usage_read(fd, &u);
	assert_int_equal(u.cpu_usage_us, -1);
	assert_int_equal(u.pressure_io_us, -1);
	put("cpu.stat", "usage_usec 30\nuser_usec 20\nsystem_usec 10\n");
	put("memory.peak", "4096\n");
	put("memory.stat", "anon 5\nfile 6\nkernel 1\nshmem 7\n");
	put("memory.events", "low 0\noom 2\noom_kill 1\noom_group_kill 0\n");
	put("pids.peak", "12\n");
	put("io.stat", "8:0 rbytes=1 wbytes=2 rios=0 wios=0\n");
	put("io.pressure", "some avg10=0.00 total=9\nfull total=8\n");
	cg_usage_read(fd, &u);
	close(fd);
	assert_int_equal(u.cpu_usage_us, 30);
	assert_int_equal(u.cpu_user_us, 20);
	assert_int_equal(u.cpu_system_us, 10);
	assert_int_equal(u.cpu_throttled_us, -1);
	assert_int_equal(u.memory_peak, 4096);
	assert_int_equal(u.memory_anon, 5);
	assert_int_equal(u.memory_file, 6);
	assert_int_equal(u.memory_shmem, 7);
	assert_int_equal(u.oom_kills, 1);
	assert_int_equal(u.pids_peak, 12);
	assert_int_equal(u.io_read, 1);
	assert_int_equal(u.io_write, 2);
	assert_int_equal(u.pressure_io_us, 9);
	assert_int_equal(u.pressure_cpu_us, -1);
	cg_usage_read(-1, &u);
	assert_int_equal(u.io_read, -1);
}

static void cpuset(void **state)
{
	struct cg_host host = { 0 };
	struct pool pool = { 0 };

	(void)state;
	assert_null(cg_cpuset_read(&host, "/", "cpus", &pool));
	strcpy(host.mount, top);
	assert_int_equal(mkdir(at("set"), 0755), 0);
	put("set/cpuset.cpus", "\n");
	put("set/cpuset.cpus.effective", "0-1,8\n");
	assert_null(cg_cpuset_read(&host, "/set", "cpus", &pool));
	assert_null(cg_cpuset_read(&host, "/set", "mems", &pool));
	assert_null(cg_cpuset_read(&host, "/no", "cpus", &pool));
	assert_null(cg_cpuset_read(&host, "/../x", "cpus", &pool));
	assert_string_equal(
		cg_cpuset_read(&host, "/set", "cpus.effective", &pool),
		"0-1,8");
	pool_free(&pool);
}

static void procs(void **state)
{
	(void)state;
	assert_false(cg_procs_other("", 5));
	assert_false(cg_procs_other("5", 5));
	assert_false(cg_procs_other("5\n", 5));
	assert_true(cg_procs_other("5\n6", 5));
	assert_true(cg_procs_other("55\n", 5));
	assert_true(cg_procs_other("0\n", 5));
	assert_true(cg_procs_other("5", 0));
}

/* --- limits --- */

static void holds(void **state)
{
	static const struct {
		enum cg_limit_kind kind;
		const char *asked, *found;
		bool holds;
	} rows[] = {
		{ CG_MEMORY_MAX, "67108865", "67108864", true },
		{ CG_MEMORY_MAX, "67108864", "67108865", false },
		{ CG_MEMORY_MAX, "67108864", "33554432", false },
		{ CG_MEMORY_MAX, "67108864", "max", false },
		{ CG_MEMORY_MAX, "max", "max", true },
		{ CG_MEMORY_MAX, "9223372036854775807", "max", true },
		{ CG_MEMORY_SWAP_MAX, "0", "0", true },
		{ CG_MEMORY_SWAP_MAX, "0", "max", false },
		{ CG_PIDS_MAX, "10", "10", true },
		{ CG_PIDS_MAX, "10", "9", false },
		{ CG_PIDS_MAX, "10", "junk", false },
		{ CG_CPU_MAX, "200000 100000", "200000 100000", true },
		{ CG_CPU_MAX, "200000", "200000 100000", true },
		{ CG_CPU_MAX, "200000 100000", "max 100000", false },
		{ CG_CPU_MAX, "max", "max 100000", true },
		{ CG_CPU_MAX, "20000 50000", "20000 100000", false },
		{ CG_CPUSET_CPUS, "0-3,8", "0-1,2-3,8", true },
		{ CG_CPUSET_CPUS, "0-3,8", "0-3", false },
		{ CG_CPUSET_MEMS, "0", "", false },
		{ CG_CPU_WEIGHT, "50", "50", true },
		{ CG_CPU_WEIGHT, "50", "100", false },
		{ CG_MEMORY_HIGH, "67108865", "67108864", true },
		{ CG_MEMORY_OOM_GROUP, "1", "1", true },
		{ CG_MEMORY_OOM_GROUP, "1", "0", false },
		{ CG_IO_MAX, "8:0 rbps=1 wiops=2",
		  "8:0 rbps=1 wbps=max riops=max wiops=2", true },
		{ CG_IO_MAX, "8:0 rbps=1", "8:0 rbps=2 wbps=1 riops=1 wiops=1",
		  false },
		{ CG_IO_MAX, "8:0 rbps=1", "8:16 rbps=1", false },
		{ CG_IO_MAX, "8:0 rbps=1; 8:16 wbps=3",
		  "8:16 rbps=max wbps=3\n8:0 rbps=1 wbps=max", true },
		{ CG_IO_MAX, "8:0 rbps=1; 8:16 wbps=3", "8:0 rbps=1", false },
		{ CG_IO_MAX, "8:0 rbps=1", "", false },
		{ CG_IO_MAX, "8:0 rbps=1", "8:0 rbps=x", false },
		{ CG_IO_MAX, "8:0 rbps=1", "8:01 rbps=1", false },
		{ CG_IO_WEIGHT, "default 50; 8:0 20", "default 50\n8:0 20",
		  true },
		{ CG_IO_WEIGHT, "default 50", "default 100", false },
		{ CG_IO_WEIGHT, "8:0 20", "default 50", false },
		{ CG_HUGETLB_MAX, "2MB 0; 1GB 1073741824",
		  "2MB 0\n1GB 1073741824\n", true },
		{ CG_HUGETLB_MAX, "2MB 0", "2MB max\n", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(cg_limit_holds(rows[i].kind, rows[i].asked,
						rows[i].found),
				 rows[i].holds);
}

static void lower(void **state)
{
	static const struct {
		enum cg_limit_kind kind;
		const char *current, *asked, *want;
	} rows[] = {
		{ CG_MEMORY_MAX, "max", "100", "100" },
		{ CG_MEMORY_MAX, "100", "max", "100" },
		{ CG_MEMORY_MAX, "100", "200", "100" },
		{ CG_MEMORY_MAX, "200", "100", "100" },
		{ CG_PIDS_MAX, "x", "100", NULL },
		{ CG_CPU_MAX, "max 100000", "50000 100000", "50000 100000" },
		{ CG_CPU_MAX, "50000 100000", "100000 200000", "50000 100000" },
		{ CG_CPU_MAX, "50000 100000", "90000 200000", "90000 200000" },
		{ CG_CPU_MAX, "50000 100000", "max", "50000 100000" },
		{ CG_CPU_MAX, "50000 0", "1 1", NULL },
		{ CG_CPUSET_CPUS, "0-7", "2-3,9", "2-3" },
		{ CG_CPUSET_CPUS, "0-3,6", "0-7", "0-3,6" },
		{ CG_CPUSET_CPUS, "0-3", "4-7", NULL },
		{ CG_CPUSET_MEMS, "0-65535", "65535", "65535" },
		{ CG_CPUSET_MEMS, "0", "65536", NULL },
		{ CG_CPU_WEIGHT, "100", "50", "50" },
		{ CG_CPU_WEIGHT, "100", "500", "100" },
		{ CG_MEMORY_OOM_GROUP, "0", "1", "1" },
		{ CG_MEMORY_OOM_GROUP, "1", "0", "1" },
		{ CG_IO_MAX, "", "8:0 rbps=5 wbps=6", "8:0 rbps=5 wbps=6" },
		{ CG_IO_MAX, "8:0 rbps=4 wbps=max riops=max wiops=max",
		  "8:0 rbps=5 wbps=6; 8:16 riops=1",
		  "8:0 wbps=6; 8:16 riops=1" },
		{ CG_IO_MAX, "8:0 rbps=4 wbps=5", "8:0 rbps=5 wbps=5",
		  "8:0 rbps=4 wbps=5" },
		{ CG_IO_MAX, "8:0 rbps=x", "8:0 rbps=5", NULL },
		{ CG_IO_WEIGHT, "default 100\n8:0 40", "8:0 50; 8:16 50",
		  "8:16 50" },
		{ CG_IO_WEIGHT, "default 100", "default 200", "default 100" },
		{ CG_HUGETLB_MAX, "2MB max\n1GB 0\n", "2MB 7; 1GB 1", "2MB 7" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = { 0 };
		char *got = cg_limit_lower(rows[i].kind, rows[i].current,
					   rows[i].asked, &err);

		if (rows[i].want)
			assert_string_equal(got, rows[i].want);
		else
			assert_true(!got && err.text[0]);
		free(got);
	}
}

/* A cgroup of plain files. */
static void apply_lines(void **state)
{
	struct cg_plan plan = { .limit = { [CG_HUGETLB_MAX] =
						   "2MB 0; 1GB 1" } };
	int fd = open(top, O_PATH | O_DIRECTORY);
	struct err err = { 0 };

	(void)state;
	put("hugetlb.2MB.max", "0\n");
	/* One of the files is missing. */
	assert_int_equal(cg_limit_apply(&plan, "/x", fd, true, &err), -1);
	assert_non_null(strstr(err.text, "limit hugetlb: hugetlb.1GB.max"));
	plan.optional[CG_HUGETLB_MAX] = true;
	assert_int_equal(cg_limit_apply(&plan, "/x", fd, true, &err), 0);
	/* Both are low enough already. */
	put("hugetlb.1GB.max", "0\n");
	plan.optional[CG_HUGETLB_MAX] = false;
	assert_int_equal(cg_limit_apply(&plan, "/x", fd, true, &err), 0);
	close(fd);
}

static void whole_disk(void **state)
{
	static const struct {
		unsigned minor;
		const char *want;
	} rows[] = { { 0, "8:0" }, { 1, "8:0" }, { 16, "8:16" } };
	char disk[CG_DISK];
	struct err err;

	(void)state;
	assert_int_equal(mkdir(at("dev"), 0755), 0);
	assert_int_equal(mkdir(at("dev/block"), 0755), 0);
	assert_int_equal(mkdir(at("sda"), 0755), 0);
	assert_int_equal(mkdir(at("sda/sda1"), 0755), 0);
	put("sda/dev", "8:0\n");
	put("sda/sda1/partition", "1\n");
	assert_int_equal(symlink("../../sda", at("dev/block/8:0")), 0);
	assert_int_equal(symlink("../../sda/sda1", at("dev/block/8:1")), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(
			cg_disk_of(top, makedev(8, rows[i].minor), disk, &err),
			0);
		assert_string_equal(disk, rows[i].want);
	}
	/* What has no disk. */
	assert_int_equal(cg_disk("/proc/self", disk, &err), -1);
	assert_non_null(strstr(err.text, "/proc/self is on no disk"));
	assert_int_equal(cg_disk("/no/such", disk, &err), -1);
	assert_int_equal(err.num, ENOENT);
}

/* --- out of memory --- */

#define OOM(prefix, cgroup, task)                                               \
	prefix ",77,5,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask="         \
	       "(null),cpuset=/,mems_allowed=0,oom_memcg=/c,task_memcg=" cgroup \
	       ",task=" task ",pid=123,uid=1000\n SUBSYSTEM=x,uid=1\n"

static void oom_victim(void **state)
{
	static const struct {
		const char *record, *victim;
	} rows[] = {
		{ OOM("6", "/a/c", "python3"), "python3" },
		{ OOM("3", "/a/c/task_0", "x y"), "x y" },
		/* A name as the payload likes it. */
		{ OOM("6", "/a/c", ",pid=1,uid=0"), ",pid=1,uid=0" },
		{ OOM("6", "/a/c", "a\033b"), "a?b" },
		/* Another cell's, and one whose name begins like ours. */
		{ OOM("6", "/a/d", "python3"), NULL },
		{ OOM("6", "/a/cc", "python3"), NULL },
		/* Somebody who writes to the log, but is no kernel. */
		{ OOM("14", "/a/c", "python3"), NULL },
		{ "6,1,2,-;Memory cgroup out of memory: Killed process 1",
		  NULL },
		{ "6,1,2,-;oom-kill:task_memcg=/a/c,task=", NULL },
		{ "6,1,2,-;oom-kill:,uid=,pid=,task=,task_memcg=", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cg_oom oom = { .pid = -1 };
		bool ours = cg_oom_parse(rows[i].record, "/a/c", &oom);

		assert_int_equal(ours, rows[i].victim != NULL);
		if (!ours)
			continue;
		assert_string_equal(oom.victim, rows[i].victim);
		assert_int_equal(oom.pid, 123);
	}
}

/* Whose limit it was; directories stand for the step's and the job's. */
static void oom_whose(void **state)
{
	struct cg_plan plan = { .source = CG_BELOW };
	struct cg_usage usage = { .oom_kills = 1, .memory_peak = 7 };
	struct cg cg = { .path = "/no/such" };
	struct cg_oom oom;

	(void)state;
	assert_int_equal(mkdir(at("step"), 0755), 0);
	assert_int_equal(mkdir(at("step/user"), 0755), 0);
	cg.fd = open(at("step/user"), O_PATH | O_DIRECTORY);
	put("step/user/memory.events", "max 3\noom 1\noom_kill 1\n");
	cg_oom_read(&plan, &cg, &usage, &oom);
	assert_int_equal(oom.kills, 1);
	assert_int_equal(oom.peak, 7);
	assert_false(oom.outside);
	assert_string_equal(oom.victim, "");
	put("step/user/memory.events", "max 0\noom 0\noom_kill 1\n");
	cg_oom_read(&plan, &cg, &usage, &oom);
	assert_true(oom.outside);
	/* What is above belongs to the job in a scheduler's tree alone. */
	put("memory.events.local", "oom 1\n");
	cg_oom_read(&plan, &cg, &usage, &oom);
	assert_true(oom.outside);
	plan.source = CG_ADOPT;
	cg_oom_read(&plan, &cg, &usage, &oom);
	assert_false(oom.outside);
	usage.oom_kills = 0;
	cg_oom_read(&plan, &cg, &usage, &oom);
	assert_int_equal(oom.kills, 0);
	close(cg.fd);
}

static void cpu_time(void **state)
{
	struct cg cg = { .fd = open(top, O_PATH | O_DIRECTORY), .path = "/x" };
	struct err err;
	int fd;

	(void)state;
	assert_int_equal(cg_open_cpu(&cg, &err), -1);
	assert_non_null(strstr(err.text, "cpu.stat of /x"));
	put("cpu.stat", "usage_usec 30\nuser_usec 20\n");
	fd = cg_open_cpu(&cg, &err);
	assert_int_equal(cg_cpu_read(fd), 30);
	/* Again, from the start. */
	assert_int_equal(cg_cpu_read(fd), 30);
	close(fd);
	close(cg.fd);
}

/* --- probing --- */

static void probe_text(const char *mountinfo_text, const char *cgroup_text,
		       struct cg_host *ret)
{
	struct err err;

	put("mountinfo", mountinfo_text);
	put("cgroup", cgroup_text);
	assert_int_equal(cg_probe_from(top, ret, &err), 0);
}

/* A hierarchy in `top`/cg with the cgroup /a/b. */
static void make_tree(char *ret_mountinfo, size_t size)
{
	assert_int_equal(mkdir(at("cg"), 0755), 0);
	assert_int_equal(mkdir(at("cg/a"), 0755), 0);
	assert_int_equal(mkdir(at("cg/a/b"), 0755), 0);
	put("cg/cgroup.controllers", "cpuset cpu memory pids\n");
	put("cg/a/b/cgroup.controllers", "memory pids\n");
	put("cg/a/b/cgroup.procs", "");
	put("cg/a/b/cgroup.subtree_control", "");
	snprintf(ret_mountinfo, size,
		 "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
		 "2 1 0:9 / /sys/fs/cgroup/cpu rw - cgroup c rw,cpu\n"
		 "3 1 0:8 / %s rw - cgroup2 c rw\n",
		 at("cg"));
}

static void probe_v2(void **state)
{
	char mounts[1024];
	struct cg_host h;

	(void)state;
	make_tree(mounts, sizeof(mounts));
	probe_text(mounts, "0::/a/b\n", &h);
	assert_string_equal(h.mount, at("cg"));
	assert_string_equal(h.own, "/a/b");
	assert_int_equal(h.available, CG_CPUSET | CG_CPU | CG_MEMORY | CG_PIDS);
	assert_int_equal(h.delegated, CG_MEMORY | CG_PIDS);
	assert_int_equal(h.legacy, 0);
	/* Nested: the path is not in our view of the tree. */
	probe_text(mounts, "0::/docker/x\n", &h);
	assert_string_equal(h.own, "/docker/x");
	assert_int_equal(h.delegated, 0);
	assert_false(h.own_delegated);
}

static void probe_v1(void **state)
{
	struct cg_host h;

	(void)state;
	probe_text("2 1 0:9 / /sys/fs/cgroup/cpu rw - cgroup c rw,cpu\n",
		   "2:cpu:/x\n1:memory:/y\n", &h);
	assert_string_equal(h.mount, "");
	assert_string_equal(h.own, "");
	assert_int_equal(h.available, 0);
	assert_int_equal(h.legacy, CG_CPU | CG_MEMORY);
	assert_false(h.own_delegated);
}

static void probe_nothing(void **state)
{
	struct cg_host h;
	struct err err;

	(void)state;
	assert_int_equal(cg_probe_from(at("none"), &h, &err), -1);
	assert_int_equal(err.num, ENOENT);
	/* Whatever this host is, it is no error. */
	assert_int_equal(cg_probe(&h, &err), 0);
}

static void delegated_user(void **state)
{
	char mounts[1024];
	struct cg_host h;

	(void)state;
	if (!geteuid())
		skip();
	make_tree(mounts, sizeof(mounts));
	probe_text(mounts, "0::/a/b\n", &h);
	assert_true(h.own_delegated);
	/* As Slurm 22.05 leaves it: the directory is ours, procs is not. */
	assert_int_equal(chmod(at("cg/a/b/cgroup.procs"), 0444), 0);
	probe_text(mounts, "0::/a/b\n", &h);
	assert_false(h.own_delegated);
}

static void delegated_root(void **state)
{
	char mounts[1024];
	struct cg_host h;

	(void)state;
	if (geteuid())
		skip();
	make_tree(mounts, sizeof(mounts));
	probe_text(mounts, "0::/a/b\n", &h);
	/* Root could write, but nobody gave it to us. */
	assert_false(h.own_delegated);
	if (setxattr(at("cg/a/b"), "trusted.delegate", "1", 1, 0))
		skip();
	probe_text(mounts, "0::/a/b\n", &h);
	assert_true(h.own_delegated);
	assert_int_equal(setxattr(at("cg/a/b"), "trusted.delegate", "0", 1, 0),
			 0);
	probe_text(mounts, "0::/a/b\n", &h);
	assert_false(h.own_delegated);
}

static void missing(void **state)
{
	struct cg_host h = { .mount = "/sys/fs/cgroup",
			     .own = "/x",
			     .available = CG_MEMORY | CG_CPU,
			     .legacy = CG_PIDS,
			     .delegated = CG_MEMORY,
			     .scope = CG_MEMORY };
	char why[256];

	(void)state;
	assert_false(cg_missing(&h, CG_BELOW, CG_MEMORY_MAX, why, sizeof(why)));
	assert_false(cg_missing(&h, CG_SCOPE, CG_MEMORY_MAX, why, sizeof(why)));
	assert_true(cg_missing(&h, CG_BELOW, CG_CPU_MAX, why, sizeof(why)));
	assert_string_equal(why, "the cpu controller is not delegated to /x");
	assert_true(cg_missing(&h, CG_SCOPE, CG_CPU_MAX, why, sizeof(why)));
	assert_non_null(strstr(why, "user@.service"));
	assert_true(cg_missing(&h, CG_ADOPT, CG_PIDS_MAX, why, sizeof(why)));
	assert_non_null(strstr(why, "bound to v1"));
	assert_true(cg_missing(&h, CG_ADOPT, CG_CPUSET_CPUS, why, sizeof(why)));
	assert_non_null(strstr(why, "kernel lacks it"));
	assert_true(cg_missing(&h, CG_NONE, CG_MEMORY_MAX, why, sizeof(why)));
	h.mount[0] = '\0';
	assert_true(cg_missing(&h, CG_BELOW, CG_MEMORY_MAX, why, sizeof(why)));
	assert_string_equal(why, "no cgroup v2 hierarchy is mounted");
}

/* --- plans that fail before anything is touched --- */

static void bad_plans(void **state)
{
	static const struct cg_plan plans[] = {
		{ .source = CG_BELOW, .parent = NULL, .name = "x" },
		{ .source = CG_BELOW, .parent = "relative", .name = "x" },
		{ .source = CG_BELOW, .parent = "/a/b", .name = "" },
		{ .source = CG_BELOW, .parent = "/a/b", .name = "../x" },
		{ .source = CG_BELOW, .parent = "/a/b", .name = ".." },
		{ .source = CG_BELOW, .parent = "/../..", .name = "x" },
		{ .source = CG_ADOPT, .parent = "/none", .name = "x" },
		{ .source = CG_SCOPE, .name = NULL },
	};
	struct cg_host h = { 0 };
	char mounts[1024];
	struct err err;
	struct cg cg;

	(void)state;
	assert_int_equal(cg_create(&plans[0], &h, &cg, &err), -1);
	make_tree(mounts, sizeof(mounts));
	probe_text(mounts, "0::/a/b\n", &h);
	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
		memset(&err, 0, sizeof(err));
		assert_int_equal(cg_create(&plans[i], &h, &cg, &err), -1);
		assert_true(err.text[0]);
		assert_int_equal(cg.fd, -1);
		assert_int_equal(cg.leaf_fd, -1);
	}
}

static void none(void **state)
{
	struct cg_plan plan = { .source = CG_NONE };
	struct cg_host h = { 0 };
	struct err err;
	struct cg cg;

	(void)state;
	assert_int_equal(cg_create(&plan, &h, &cg, &err), 0);
	assert_int_equal(cg_kill(&cg, &err), 0);
	assert_int_equal(cg_remove(&cg, &err), 0);
}

static void lacking_controller(void **state)
{
	struct cg_plan plan = { .source = CG_BELOW,
				.parent = "/a/b",
				.name = "x" };
	char mounts[1024];
	struct cg_host h;
	struct err err;
	struct cg cg;

	(void)state;
	plan.limit[CG_CPU_MAX] = "100000 100000";
	make_tree(mounts, sizeof(mounts));
	probe_text(mounts, "0::/a/b\n", &h);
	assert_int_equal(cg_create(&plan, &h, &cg, &err), -1);
	assert_non_null(strstr(err.text, "limit cpus"));
	assert_non_null(strstr(err.text, "no cpu controller"));
	assert_int_equal(access(at("cg/a/b/x"), F_OK), -1);
}

static void scope_name(void **state)
{
	char name[256], longer[400];

	(void)state;
	cg_scope_name("job 7/é\n", name, sizeof(name));
	assert_string_equal(name, "cloison-job_7____.scope");
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	cg_scope_name(longer, name, sizeof(name));
	assert_true(strlen(name) < 256);
	assert_string_equal(name + strlen(name) - 6, ".scope");
}

#define ON_TREE(f) cmocka_unit_test_setup_teardown(f, make_top, remove_top)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mountinfo),
		cmocka_unit_test(proc_cgroup),
		cmocka_unit_test(controllers),
		cmocka_unit_test(keys),
		cmocka_unit_test(io),
		cmocka_unit_test(pressure),
		cmocka_unit_test(procs),
		cmocka_unit_test(holds),
		cmocka_unit_test(lower),
		ON_TREE(apply_lines),
		ON_TREE(whole_disk),
		cmocka_unit_test(oom_victim),
		ON_TREE(oom_whose),
		ON_TREE(cpu_time),
		cmocka_unit_test(missing),
		cmocka_unit_test(none),
		cmocka_unit_test(scope_name),
		ON_TREE(usage),
		ON_TREE(cpuset),
		ON_TREE(probe_v2),
		ON_TREE(probe_v1),
		ON_TREE(probe_nothing),
		ON_TREE(delegated_user),
		ON_TREE(delegated_root),
		ON_TREE(bad_plans),
		ON_TREE(lacking_controller),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
