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

#include <json.h>
#include <stdlib.h>
#include <string.h>

#include "plan/expand.h"
#include "plan/plan.h"
#include "plan/policy.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

enum {
	ALL = CG_CPU | CG_CPUSET | CG_MEMORY | CG_PIDS | CG_IO
};

static struct pool pool;
static struct site site;
static struct options options;
static struct job job;
static struct host host;
static struct plan plan;

/* A host with the whole of cgroup v2 and eight cores. */
static int setup(void **state)
{
	static const struct topo_pu pu[8] = {
		{ 0, 0, 0, 0 }, { 1, 1, 0, 0 }, { 2, 2, 0, 0 }, { 3, 3, 0, 0 },
		{ 4, 4, 1, 0 }, { 5, 5, 1, 0 }, { 6, 6, 1, 0 }, { 7, 7, 1, 0 },
	};

	(void)state;
	memset(&options, 0, sizeof(options));
	job = (struct job){ .scheduler = { .name = "none", .job = "42" },
			    .user = "ana",
			    .uid = 1000,
			    .gid = 1000,
			    .home = "/home/ana",
			    .cwd = "/jobs/run",
			    .state = "/home/ana/.local/state" };
	host = (struct host){ .privileged = true,
			      .memory = 8000000000,
			      .affinity = "0-7",
			      .topo = { pu, N(pu), true } };
	host.cg = (struct cg_host){ .mount = "/sys/fs/cgroup",
				    .own = "/queue/42",
				    .available = ALL,
				    .delegated = ALL,
				    .own_delegated = true };
	site_init(&site);
	return 0;
}

static int release(void **state)
{
	(void)state;
	site_free(&site);
	pool_free(&pool);
	return 0;
}

static void fresh(void)
{
	release(NULL);
	setup(NULL);
}

/* cgroup v1 has the controllers: as many clusters are. */
static void hybrid(void)
{
	host.cg = (struct cg_host){ .mount = "/sys/fs/cgroup/unified",
				    .own = "/",
				    .legacy = ALL };
}

static void in_slurm(void)
{
	job.front = JOB_SLURM;
	job.scheduler.name = "slurm";
	job.cgroup = "/slurm/job_42/step_0/user";
	job.spool = "/var/spool/slurmd";
}

static void given(const char *text)
{
	struct err err = { 0 };

	if (site_parse(&site, text, "site", &err))
		fail_msg("%s", err.text);
}

/* "memory=1G ro=/data": options as the CLI would set them. */
static void wish(const char *text)
{
	char *copy = pool_strdup(&pool, text), *save;
	struct err err = { 0 };

	for (char *w = strtok_r(copy, " ", &save); w;
	     w = strtok_r(NULL, " ", &save)) {
		char *eq = strchr(w, '=');
		int id;

		*eq = '\0';
		id = option_find(w, OPTION_CLI | OPTION_SPANK);
		assert_true(id >= 0);
		if (option_set(&options, (enum option_id)id, eq + 1,
			       pool_printf(&pool, "--%s", w), NULL, &pool,
			       &err))
			fail_msg("%s", err.text);
	}
}

static void build(void)
{
	struct err err = { 0 };

	if (plan_build(&options, &site, &job, &host, &pool, &plan, &err))
		fail_msg("%s", err.text);
}

static void refused(const char *message)
{
	struct err err = { 0 };

	if (!plan_build(&options, &site, &job, &host, &pool, &plan, &err))
		fail_msg("built without '%s'", message);
	assert_string_equal(err.text, message);
}

static bool has(const char *line)
{
	const char *text = plan_text(&plan, &pool);
	const char *both = pool_printf(&pool, "\n%s\n", line);

	return strstr(pool_printf(&pool, "\n%s", text), both) != NULL;
}

static void says(const char *line)
{
	if (!has(line))
		fail_msg("no '%s' in\n%s", line, plan_text(&plan, &pool));
}

static void says_not(const char *line)
{
	if (has(line))
		fail_msg("'%s' in\n%s", line, plan_text(&plan, &pool));
}

/* --- policy --- */

#define SITE                                                         \
	"[site]\nprofiles = p batch\ndefault-profile = p\n"          \
	"loosen-rw = /scratch/ /proj\n"                              \
	"[profile p]\npid = new\nipc = new\nuts = new\nnet = none\n" \
	"user = identity\nro = /\nhide = /secret\nrw = /data\n"      \
	"ro = /data/fixed\nrw = /img:/mnt\nmemory = 4G\ncpus = 4\n"  \
	"pids = 100\nscratch = 50%\nrw = %w\n"

/* What each wish gets where a site governs; NULL: it is granted. */
static const struct {
	const char *wish, *message;
} policy[] = {
	/* Tighter, or the same. */
	{ "memory=4G cpus=4 pids=100", NULL },
	{ "memory=1G cpus=0.5 pids=1", NULL },
	{ "scratch=1%", NULL },
	{ "scratch=2G", NULL },
	{ "user=self", NULL },
	{ "net=none pid=new ipc=new uts=new cgroup=new", NULL },
	{ "hide=/data tmpfs=/opt overlay=/opt", NULL },
	{ "ro=/data ro=/opt:/data ro=/", NULL },
	{ "hostname=x cpu-policy=inherit record=/r tag=a=b", NULL },
	{ "limits=enforce", NULL },
	/* Looser. */
	{ "memory=4097M", "--memory: '4097M' is looser than the profile's "
			  "'4G' (site file: loosen = memory)" },
	{ "cpus=4.001", "--cpus: '4.001' is looser than the profile's '4' "
			"(site file: loosen = cpus)" },
	{ "pids=101", "--pids: '101' is looser than the profile's '100' "
		      "(site file: loosen = pids)" },
	{ "scratch=51%", "--scratch: '51%' is looser than the profile's "
			 "'50%' (site file: loosen = scratch)" },
	{ "scratch=2049M", "--scratch: '2049M' is looser than the profile's "
			   "'50%' (site file: loosen = scratch)" },
	{ "net=host", "--net: 'host' is looser than the profile's 'none' "
		      "(site file: loosen = net)" },
	{ "pid=host", "--pid: 'host' is looser than the profile's 'new' "
		      "(site file: loosen = pid)" },
	{ "ipc=host", "--ipc: 'host' is looser than the profile's 'new' "
		      "(site file: loosen = ipc)" },
	{ "uts=host", "--uts: 'host' is looser than the profile's 'new' "
		      "(site file: loosen = uts)" },
	{ "user=root", "--user: 'root' is looser than the profile's "
		       "'identity' (site file: loosen = user)" },
	{ "user=host", "--user: 'host' is looser than the profile's "
		       "'identity' (site file: loosen = user)" },
	/* Against what is so without a word of the profile. */
	{ "cgroup=host", "--cgroup: 'host' is looser than the profile's "
			 "'new' (site file: loosen = cgroup)" },
	{ "limits=try", "--limits: 'try' is looser than the profile's "
			"'enforce' (site file: loosen = limits)" },
	{ "limits=off", "--limits: 'off' is looser than the profile's "
			"'enforce' (site file: loosen = limits)" },
	/* A memory limit of one's own makes the share smaller, too. */
	{ "memory=2G scratch=1024M", NULL },
	{ "memory=2G scratch=1025M",
	  "--scratch: '1025M' is looser than the profile's '50%' (site "
	  "file: loosen = scratch)" },
	/* Hidden: the path, its parent, its child. */
	{ "ro=/secret", "--ro: /secret is hidden by the profile (site file: "
			"loosen = hide)" },
	{ "ro=/secret:/opt", "--ro: /secret is hidden by the profile (site "
			     "file: loosen = hide)" },
	{ "ro=/secret/a", "--ro: /secret/a is hidden by the profile (site "
			  "file: loosen = hide)" },
	{ "ro=/:/opt", "--ro: / is hidden by the profile (site file: loosen "
		       "= hide)" },
	{ "overlay=/secret", "--overlay: /secret is hidden by the profile "
			     "(site file: loosen = hide)" },
	{ "rw=/secret", "--rw: /secret is hidden by the profile (site file: "
			"loosen = hide)" },
	{ "ro=/secrets", NULL },
	/* What the cell has of its own stands for the host's. */
	{ "ro=/tmp", "--ro: /tmp is hidden by the profile (site file: loosen "
		     "= hide)" },
	{ "ro=/var/tmp/x:/opt", "--ro: /var/tmp/x is hidden by the profile "
				"(site file: loosen = hide)" },
	{ "ro=/dev:/opt", "--ro: /dev is hidden by the profile (site file: "
			  "loosen = hide)" },
	{ "ro=/proc:/opt", "--ro: /proc is hidden by the profile (site file: "
			   "loosen = hide)" },
	{ "ro=/mnt:/opt", "--ro: /mnt is hidden by the profile (site file: "
			  "loosen = hide)" },
	/* Writable: where the profile has it, or the site lets it. */
	{ "rw=/jobs/run rw=/jobs/run/x", NULL },
	{ "rw=/data/x rw=/data/x:/opt", NULL },
	{ "rw=/scratch rw=/proj/x", NULL },
	{ "overlay=/opt:keep=/data/k overlay=/opt:collect=*=/proj/x", NULL },
	{ "rw=/data", "--rw: /data is read-only by the profile (site file: "
		      "loosen-rw = DIR ...)" },
	{ "rw=/data/fixed/x", "--rw: /data/fixed/x is read-only by the "
			      "profile (site file: loosen-rw = DIR ...)" },
	{ "rw=/project", "--rw: /project is read-only by the profile (site "
			 "file: loosen-rw = DIR ...)" },
	{ "overlay=/opt:keep=/data", "--overlay: /data is read-only by the "
				     "profile (site file: loosen-rw = DIR "
				     "...)" },
	{ "overlay=/opt:collect=*=/project",
	  "--overlay: /project is read-only by the profile (site file: "
	  "loosen-rw = DIR ...)" },
	{ "overlay=/opt:keep=/secret/k",
	  "--overlay: /secret/k is hidden by the profile (site file: loosen "
	  "= hide)" },
	{ "rw=/jobs", "--rw: /jobs is read-only by the profile (site file: "
		      "loosen-rw = DIR ...)" },
	{ "rw=/img", "--rw: /img is read-only by the profile (site file: "
		     "loosen-rw = DIR ...)" },
	/* The profile. */
	{ "profile=batch", NULL },
	{ "profile=p", NULL },
	{ "profile=open", "--profile: profile 'open' is not for users here "
			  "(site file: profiles = ...)" },
	{ "profile=strict", "--profile: profile 'strict' is not for users "
			    "here (site file: profiles = ...)" },
	{ "profile=nope", "--profile: profile 'nope' does not exist" },
};

static void policy_governed(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(policy); i++) {
		fresh();
		given(SITE);
		wish(policy[i].wish);
		if (policy[i].message)
			refused(policy[i].message);
		else
			build();
	}
}

static void policy_loosened(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(policy); i++) {
		fresh();
		given(SITE "[site]\nloosen = all\n");
		wish(policy[i].wish);
		if (!strncmp(policy[i].wish, "profile=", 8) &&
		    policy[i].message)
			refused(policy[i].message);
		else
			build();
	}
}

/* Each is loosened by its own word, and by no other. */
static void policy_loosen_one(void **state)
{
	static const struct {
		const char *word, *wish;
	} rows[] = {
		{ "memory", "memory=5G" },   { "cpus", "cpus=5" },
		{ "pids", "pids=101" },      { "scratch", "scratch=51%" },
		{ "net", "net=host" },       { "pid", "pid=host" },
		{ "ipc", "ipc=host" },       { "uts", "uts=host" },
		{ "cgroup", "cgroup=host" }, { "user", "user=root" },
		{ "limits", "limits=try" },  { "rw", "rw=/opt" },
		{ "hide", "ro=/secret" },
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < N(rows); i++)
		for (size_t k = 0; k < N(rows); k++) {
			fresh();
			given(pool_printf(&pool, "%s[site]\nloosen = %s\n",
					  SITE, rows[k].word));
			wish(rows[i].wish);
			if (i == k)
				build();
			else
				assert_int_equal(plan_build(&options, &site,
							    &job, &host, &pool,
							    &plan, &err),
						 -1);
		}
}

static const char anything[] = "net=host pid=host ipc=host uts=host "
			       "cgroup=host rw=/etc limits=try scratch=100% "
			       "rw=/tmp ro=/proc:/mnt";

/* The wrapper has its caller's rights: nobody else has a say. */
static void policy_ungoverned(void **state)
{
	(void)state;
	wish("profile=strict");
	wish(anything);
	build();
	says("profile.name strict");
	says_not("namespaces net");
	fresh();
	wish("profile=open");
	build();
	/* A file that says nothing governs nothing. */
	fresh();
	given("# nothing\n");
	wish(anything);
	build();
}

/* In Slurm root acts for a user, with a site file or without. */
static void policy_slurm(void **state)
{
	(void)state;
	in_slurm();
	wish("profile=strict net=host");
	refused("--net: 'host' is looser than the profile's 'none' (site "
		"file: loosen = net)");
	fresh();
	in_slurm();
	wish("rw=/etc");
	refused("--rw: /etc is read-only by the profile (site file: "
		"loosen-rw = DIR ...)");
	fresh();
	in_slurm();
	wish("profile=open");
	refused("--profile: profile 'open' is not for users here (site file: "
		"profiles = ...)");
	fresh();
	in_slurm();
	wish("user=self");
	refused("--user: 'self' is not possible in Slurm, where tasks join "
		"as root (identity or host)");
	fresh();
	in_slurm();
	wish("profile=strict");
	build();
}

/* What a step needs its network for, by how Slurm starts its tasks. */
static void policy_network(void **state)
{
	static const struct {
		const char *wish, *mpi;
		unsigned nodes, tasks;
		const char *message;
	} rows[] = {
		{ "net=none", NULL, 1, 4, NULL },
		{ "net=none", NULL, 4, 4, NULL },
		{ "net=none", "none", 4, 4, NULL },
		{ "net=none", "pmix", 1, 1, NULL },
		{ "net=host", "pmix", 4, 4, NULL },
		{ "ipc=new", "pmix_v4", 4, 4, NULL },
		{ "net=none", "pmi2", 1, 4, NULL },
		{ "net=none", "pmi2", 2, 4,
		  "net=none, from --net: an MPI program of 4 tasks "
		  "(--mpi=pmi2) needs the network of the hosts: ask for "
		  "--cell-net=host, or for --mpi=none if it is not one" },
		{ "net=none", "pmix_v4", 1, 2,
		  "net=none, from --net: an MPI program of 2 tasks "
		  "(--mpi=pmix) needs the network of the host: ask for "
		  "--cell-net=host, or for --mpi=none if it is not one" },
		{ "net=veth:br0,addr=192.0.2.1/24", "pmi2", 2, 2, NULL },
		{ "net=veth:br0,addr=192.0.2.1/24", "pmix", 2, 2,
		  "net=veth:br0,addr=192.0.2.1/24, from --net: an MPI program "
		  "of 2 tasks (--mpi=pmix) needs the network of the hosts: ask "
		  "for --cell-net=host, or for --mpi=none if it is not one" },
		{ "profile=strict", "pmix", 1, 2,
		  "net=none, from profile strict: an MPI program of 2 tasks "
		  "(--mpi=pmix) needs the network of the host: ask for "
		  "--cell-net=host, or for --mpi=none if it is not one" },
		{ "profile=strict", NULL, 2, 2,
		  "net=none, from profile strict, keeps tasks from each other "
		  "that run on 2 nodes: ask for it (--cell-net=none) or for "
		  "another" },
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		fresh();
		given("loosen = net\nnets = veth:br0\n");
		in_slurm();
		job.mpi = rows[i].mpi;
		job.nodes = rows[i].nodes;
		job.all_tasks = rows[i].tasks;
		wish(rows[i].wish);
		if (rows[i].message) {
			refused(rows[i].message);
			continue;
		}
		build();
		/* Its files for the ranks are in the host's /tmp. */
		assert_true(has("env.PMIX_MCA_gds ^shmem,shmem2") ==
			    (rows[i].mpi && !strncmp(rows[i].mpi, "pmix", 4)));
	}
}

/* The order of a profile's lines decides what may be shown again. */
static void policy_shown_again(void **state)
{
	static const char hidden[] = "--ro: /a/b is hidden by the profile "
				     "(site file: loosen = hide)";

	(void)state;
	given("default-profile = p\n[profile p]\nhide = /a\nro = /a/b\n");
	wish("ro=/a/b ro=/a/b/c ro=/a/b:/x");
	build();
	fresh();
	given("default-profile = p\n[profile p]\nro = /a/b\nhide = /a\n");
	wish("ro=/a/b");
	refused(hidden);
	/* "ro /" only makes what there is read-only. */
	fresh();
	given("default-profile = p\n[profile p]\nhide = /a\nro = /\n");
	wish("ro=/a/b");
	refused(hidden);
	/* A working directory in /tmp is the user's to use. */
	fresh();
	job.cwd = "/tmp/run";
	in_slurm();
	wish("ro=/tmp/run/x rw=/tmp/run");
	build();
	fresh();
	job.cwd = "/tmp/run";
	in_slurm();
	wish("ro=/tmp/other");
	refused("--ro: /tmp/other is hidden by the profile (site file: loosen "
		"= hide)");
}

/* Facts that a user chooses do not undo what the profile gives. */
static void policy_facts(void **state)
{
	static const char *const paths[] = { "/",     "//",        "/tmp",
					     "/tmp/", "/var//tmp", "/dev/shm/.",
					     "/dev",  "/proc",     "/proc/1",
					     "/sys",  "/secret",   "/secret/" };
	static const char *const rows[] = { "rw = %w", "ro = %w",
					    "overlay = %w", "rw = %w:/mnt",
					    "ro = %h" };

	(void)state;
	for (size_t i = 0; i < N(paths) * N(rows); i++) {
		const char *bare;

		fresh();
		given("default-profile = p\n[profile p]\nro = /\n"
		      "scratch = 1G\nhide = /secret/in\n");
		build();
		bare = pool_strdup(&pool, plan_text(&plan, &pool));
		given(pool_printf(&pool, "[profile p]\n%s\n",
				  rows[i % N(rows)]));
		job.home = job.cwd = paths[i / N(rows)];
		build();
		plan.cwd = "/jobs/run";
		assert_string_equal(plan_text(&plan, &pool), bare);
	}
}

static void below(void **state)
{
	(void)state;
	assert_true(policy_below("/a", "/a"));
	assert_true(policy_below("/a/b", "/a"));
	assert_true(policy_below("/a", "/"));
	assert_true(policy_below("/", "/"));
	assert_false(policy_below("/ab", "/a"));
	assert_false(policy_below("/", "/a"));
	assert_false(policy_below("/a", "/a/b"));
}

/* --- one plan for one world --- */

static void deterministic(void **state)
{
	struct pool other = { 0 };
	struct plan again;
	struct err err;
	const char *text;

	(void)state;
	given(SITE);
	wish("memory=1G cpus=2.5 ro=/opt:/mnt/x tag=a=b");
	build();
	text = plan_text(&plan, &pool);
	for (int i = 0; i < 3; i++) {
		/* Memory that is not as it was the first time. */
		memset(pool_alloc(&other, 1000), 0xff, 1000);
		memset(&again, 0xff, sizeof(again));
		assert_int_equal(plan_build(&options, &site, &job, &host,
					    &other, &again, &err),
				 0);
		assert_string_equal(plan_text(&again, &other), text);
		assert_string_equal(plan_text(&plan, &other), text);
	}
	pool_free(&other);
}

/* The inputs come out as they went in. */
static void pure(void **state)
{
	struct options o;
	struct site s;

	(void)state;
	given(SITE);
	wish("memory=1G scratch=10% ro=/opt tag=a=b tag=c=d");
	o = options;
	s = site;
	build();
	assert_memory_equal(&o, &options, sizeof(o));
	assert_memory_equal(&s, &site, sizeof(s));
}

static void nothing_left_open(const char *text)
{
	char *copy = pool_strdup(&pool, text), *save;

	assert_null(strchr(text, '%'));
	assert_null(strstr(text, "auto"));
	for (char *line = strtok_r(copy, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		char *value = strchr(line, ' ');

		assert_non_null(value);
		if (!strncmp(line, "mounts ", 7))
			value = strchr(value + 1, ' ');
		else if (strncmp(line, "start.cwd ", 10) != 0 &&
			 strncmp(line, "record.", 7) != 0 &&
			 strncmp(line, "cgroup.parent ", 14) != 0)
			continue;
		assert_non_null(value);
		if (value[1] != '/')
			fail_msg("no absolute path: %s", line);
	}
}

static void nothing_left_to_decide(void **state)
{
	static const char *const profiles[] = { "batch", "strict", "open",
						"p" };

	(void)state;
	for (size_t i = 0; i < N(profiles) * 4; i++) {
		fresh();
		given(SITE "rw = /scratch/%u/%j\n"
			   "[site]\nprofiles = batch strict open p\n");
		if (i & 1)
			in_slurm();
		else
			/* "p" maps all ids, which needs root. */
			host.privileged = i & 2 || i / 4 == 3;
		wish(pool_printf(&pool, "profile=%s scratch=10%% memory=1G",
				 profiles[i / 4]));
		build();
		nothing_left_open(plan_text(&plan, &pool));
	}
}

static void text_is_lines(void **state)
{
	(void)state;
	/* Facts are not options: nobody has looked at them yet. */
	job.cwd = "/jobs/a\nmounts rw /etc";
	given("default-profile = p\n[profile p]\nro = /\n");
	build();
	says("start.cwd /jobs/a?mounts rw /etc");
	says_not("mounts rw /etc");
	/* Nor does a value pass that has any. */
	fresh();
	job.cwd = "/jobs/a\nb";
	refused("profile batch: '/jobs/a?b' has a control character");
}

static void json(void **state)
{
	struct json_object *top, *o;
	const char *text;
	struct err err;

	(void)state;
	wish("memory=1G tag=quote=\"\\");
	build();
	assert_int_equal(plan_json(&plan, &pool, &text, &err), 0);
	top = json_tokener_parse(text);
	assert_non_null(top);
	assert_true(json_object_object_get_ex(top, "profile", &o));
	assert_true(json_object_object_get_ex(o, "name", &o));
	assert_string_equal(json_object_get_string(o), "batch");
	assert_true(json_object_object_get_ex(top, "namespaces", &o));
	assert_int_equal(json_object_array_length(o), 6);
	assert_true(json_object_object_get_ex(top, "enforced", &o));
	assert_true(json_object_object_get_ex(o, "memory", &o));
	assert_string_equal(json_object_get_string(o), "1073741824");
	assert_true(json_object_object_get_ex(top, "tags", &o));
	assert_true(json_object_object_get_ex(o, "quote", &o));
	assert_string_equal(json_object_get_string(o), "\"\\");
	assert_false(json_object_object_get_ex(top, "hostname", &o));
	json_object_put(top);
}

/* --- limits --- */

static void limits_enforced(void **state)
{
	(void)state;
	wish("cpus=2.5 memory=1G pids=100");
	build();
	assert_int_equal(plan.cg.source, CG_BELOW);
	assert_string_equal(plan.cg.parent, "/queue/42");
	assert_string_equal(plan.cg.limit[CG_CPU_MAX], "250000 100000");
	assert_string_equal(plan.cg.limit[CG_MEMORY_MAX], "1073741824");
	assert_string_equal(plan.cg.limit[CG_MEMORY_SWAP_MAX], "0");
	/* Our PID 1 is one of them. */
	assert_string_equal(plan.cg.limit[CG_PIDS_MAX], "101");
	assert_string_equal(plan.cg.limit[CG_CPUSET_CPUS], "0-2");
	assert_string_equal(plan.cg.limit[CG_CPUSET_MEMS], "0");
	assert_true(plan.topo.bind);
	assert_int_equal(plan.n_asked, 3);
	assert_int_equal(plan.n_enforced, 3);
	assert_int_equal(plan.n_missing, 0);
	says("asked.cpus 2.5");
	says("enforced.pids 100");
}

static void limits_fractions(void **state)
{
	static const struct {
		const char *cpus, *max, *list;
	} rows[] = {
		{ "0.5", "50000 100000", "0" },
		{ "0.999", "99900 100000", "0" },
		{ "1", "100000 100000", "0" },
		{ "1.001", "100100 100000", "0-1" },
		{ "4", "400000 100000", "0-3" },
		{ "7.5", "750000 100000", "0-7" },
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		fresh();
		wish(pool_printf(&pool, "cpus=%s", rows[i].cpus));
		build();
		assert_string_equal(plan.cg.limit[CG_CPU_MAX], rows[i].max);
		assert_string_equal(plan.cg.limit[CG_CPUSET_CPUS],
				    rows[i].list);
		says(pool_printf(&pool, "asked.cpus %s", rows[i].cpus));
	}
}

/* Values that no cgroup would take, each with one line that says why. */
static void limits_refused(void **state)
{
	static const struct {
		const char *name, *value, *message;
	} rows[] = {
		{ "cpu-weight", "0",
		  "--x: '0' is not a weight from 1 to 10000" },
		{ "cpu-weight", "10001",
		  "--x: '10001' is not a weight from 1 to 10000" },
		{ "memory-high", "0",
		  "--x: '0' is not a size (examples: 512M, 1.5G)" },
		{ "swap", "none",
		  "--x: 'none' is not a size (examples: 512M, 1.5G)" },
		{ "oom-group", "maybe", "--x: 'maybe' is not one of yes no" },
		{ "cpu-time", "1,kill=2",
		  "--x: '1,kill=2' is not "
		  "TIME,grace=TIME" },
		{ "io-max", "/a", "--x: '/a' is not PATH:KEY=N" },
		{ "io-max", "/a:", "--x: '/a:' is not PATH:KEY=N" },
		{ "io-max", ";", "--x: the value is empty" },
		{ "io-max", "a:wbps=1", "--x: 'a' is not an absolute path" },
		{ "io-max", "/a:bps=1",
		  "--x: 'bps' is not one of: rbps=SIZE wbps=SIZE riops=N "
		  "wiops=N" },
		{ "io-max", "/a:wbps=0",
		  "--x: wbps: '0' is not a size (examples: 512M, 1.5G)" },
		{ "io-max", "/a:riops=0",
		  "--x: riops: '0' would stop all "
		  "I/O" },
		{ "io-max", "/a:riops=4294967295",
		  "--x: riops: '4294967295' is not a number from 0 to "
		  "4294967294" },
		{ "io-weight", "/a:0",
		  "--x: '0' is not a weight from 1 to 10000" },
		{ "io-weight", "/a",
		  "--x: '/a' is not a weight from 1 to 10000" },
		{ "hugetlb", "2M", "--x: '2M' is not PAGE:SIZE" },
		{ "hugetlb", "3M:1G", "--x: '3M' is not the size of a page" },
		{ "hugetlb", "2M:x",
		  "--x: 'x' is not a size (examples: 512M, 1.5G)" },
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		int id = option_find(rows[i].name, OPTION_CLI);

		assert_true(id >= 0);
		assert_int_equal(option_set(&options, (enum option_id)id,
					    rows[i].value, "--x", NULL, &pool,
					    &err),
				 -1);
		assert_string_equal(err.text, rows[i].message);
		assert_int_equal(options.n_parts, 0);
	}
}

/* A path with a colon, and the paths whose disks are to be found. */
static void limits_disks(void **state)
{
	const char *const *paths;
	struct err err;
	size_t n;

	(void)state;
	given("[profile p]\nio-max = /a:wbps=1\n");
	wish("profile=p io-max=/b\\:c:rbps=1 io-weight=7 hugetlb=2M:0");
	assert_int_equal(
		plan_disks(&options, &site, &job, &pool, &paths, &n, &err), 0);
	assert_int_equal(n, 2);
	assert_string_equal(paths[0], "/a");
	assert_string_equal(paths[1], "/b:c");
	refused("--io-max: the disk of /a is not known, or use limits=try");
}

/* A kill at the limit takes the cell, but in Slurm only if that is asked. */
static void limits_oom_group(void **state)
{
	(void)state;
	wish("memory=1G");
	build();
	says("cgroup.memory.oom.group 1");
	fresh();
	wish("memory=1G oom-group=no");
	build();
	says_not("cgroup.memory.oom.group 1");
	fresh();
	in_slurm();
	wish("memory=1G");
	build();
	says_not("cgroup.memory.oom.group 1");
	fresh();
	in_slurm();
	wish("oom-group=yes");
	build();
	says("cgroup.memory.oom.group 1");
}

/* The record says what was asked for, to the last digit. */
static void limits_exact(void **state)
{
	(void)state;
	in_slurm();
	wish("cpus=123456.789 memory=9007199254740993");
	build();
	says("asked.cpus 123456.789");
	says("asked.memory 9007199254740993");
	says("cgroup.cpu.max 12345678900 100000");
}

static void limits_of_the_kernel(void **state)
{
	struct err err;

	(void)state;
	/* pids.max takes 1 << 22 (kernel/cgroup/pids.c, PIDS_MAX). */
	wish("pids=4194303");
	build();
	says("cgroup.pids.max 4194304");
	assert_int_equal(option_set(&options, OPT_PIDS, "4194304", "--pids",
				    NULL, &pool, &err),
			 -1);
	assert_string_equal(err.text, "--pids: '4194304' is not a number from "
				      "0 to 4194303");
}

#define BOOT                                                                    \
	" controller in cgroup v2 on this host (it is bound to v1): boot with " \
	"systemd.unified_cgroup_hierarchy=1"

static void limits_hybrid(void **state)
{
	static const char *const names[] = { "cpus", "memory", "pids" };
	static const char *const wishes[] = { "cpus=1", "memory=1G", "pids=9" };
	static const char *const bound[] = { "cpu", "memory", "pids" };

	(void)state;
	for (size_t i = 0; i < N(names); i++) {
		fresh();
		hybrid();
		wish(wishes[i]);
		refused(pool_printf(&pool,
				    "--%s: no %s" BOOT ", or use limits=try",
				    names[i], bound[i]));
		wish("limits=try");
		build();
		says(pool_printf(&pool, "missing.%s no %s" BOOT, names[i],
				 bound[i]));
		assert_int_equal(plan.n_asked, 1);
		assert_int_equal(plan.n_enforced, 0);
		assert_int_equal(plan.cg.source, CG_NONE);
		for (int k = 0; k < CG_LIMITS; k++)
			assert_null(plan.cg.limit[k]);
	}
	/* Without limits no controller is wanted. */
	fresh();
	hybrid();
	build();
	assert_int_equal(plan.cg.source, CG_NONE);
	assert_int_equal(plan.n_missing, 0);
}

/* No cgroup, but the cores can be bound to all the same. */
static void limits_hybrid_binds(void **state)
{
	(void)state;
	hybrid();
	wish("cpus=3 limits=try");
	build();
	assert_true(plan.topo.bind);
	assert_string_equal(plan.topo.cpus, "0-2");
	assert_null(plan.cg.limit[CG_CPUSET_CPUS]);
}

static void limits_try_what_can_be(void **state)
{
	(void)state;
	host.cg.delegated = CG_MEMORY;
	wish("cpus=1 memory=1G pids=5 limits=try");
	build();
	assert_int_equal(plan.cg.source, CG_BELOW);
	assert_int_equal(plan.n_enforced, 1);
	assert_int_equal(plan.n_missing, 2);
	says("missing.cpus the cpu controller is not delegated to /queue/42");
	assert_null(plan.cg.limit[CG_CPUSET_CPUS]);
	/* With cpuset alone there is something to make a cgroup for. */
	fresh();
	host.cg.delegated = CG_CPUSET;
	wish("cpus=2 limits=try");
	build();
	assert_int_equal(plan.cg.source, CG_BELOW);
	assert_string_equal(plan.cg.limit[CG_CPUSET_CPUS], "0-1");
}

static void limits_off(void **state)
{
	(void)state;
	wish("cpus=1 memory=1G pids=5 limits=off");
	build();
	assert_int_equal(plan.cg.source, CG_NONE);
	assert_null(plan.cg.parent);
	assert_false(plan.topo.bind);
	assert_int_equal(plan.n_asked, 3);
	assert_int_equal(plan.n_enforced, 0);
	says("missing.memory limits=off");
	fresh();
	hybrid();
	wish("cpus=1 limits=off");
	build();
}

static void limits_slurm(void **state)
{
	(void)state;
	in_slurm();
	wish("cpus=2 memory=1G");
	build();
	assert_int_equal(plan.cg.source, CG_ADOPT);
	assert_string_equal(plan.cg.parent, "/slurm/job_42/step_0/user");
	assert_string_equal(plan.cg.limit[CG_MEMORY_MAX], "1073741824");
	/* Slurm has a say in swap and in cores. */
	assert_null(plan.cg.limit[CG_MEMORY_SWAP_MAX]);
	assert_null(plan.cg.limit[CG_CPUSET_CPUS]);
	assert_null(plan.topo.cpus);
	assert_false(plan.topo.bind);
	fresh();
	in_slurm();
	build();
	assert_int_equal(plan.cg.source, CG_ADOPT);
	/* The cgroup plugin is not there. */
	fresh();
	in_slurm();
	job.cgroup = NULL;
	build();
	assert_int_equal(plan.cg.source, CG_NONE);
}

static void limits_where(void **state)
{
	(void)state;
	/* What the site names comes first. */
	given("cgroup-parent = /cells.slice\n");
	host.cg.own_delegated = false;
	host.cg.delegated = 0;
	wish("memory=1G");
	build();
	assert_int_equal(plan.cg.source, CG_BELOW);
	assert_string_equal(plan.cg.parent, "/cells.slice");
	fresh();
	host.cg.own_delegated = false;
	host.cg.systemd = true;
	host.cg.scope = CG_MEMORY;
	wish("memory=1G");
	build();
	assert_int_equal(plan.cg.source, CG_SCOPE);
	fresh();
	host.cg.own_delegated = false;
	wish("memory=1G");
	refused("--memory: no cgroup of our own: /queue/42 is not delegated, "
		"and systemd is not there or not to be asked in a queue's job "
		"(site file: cgroup-parent), "
		"or use limits=try");
}

/* Only what nobody but the queue wants may be missing. */
static void limits_given(void **state)
{
	static const char *const wishes[] = { NULL, "memory=1M", "cpuset=0-1",
					      "cpu-policy=pack", "pids=9" };

	(void)state;
	for (size_t i = 0; i < N(wishes); i++) {
		fresh();
		given("cgroup-parent = /cells.slice\n");
		job.scheduler.name = "gridengine";
		job.memory = 1 << 30;
		job.cpus = 2000;
		host.cg.own_delegated = false;
		if (wishes[i])
			wish(wishes[i]);
		build();
		assert_int_equal(plan.cg.source, CG_BELOW);
		assert_int_equal(plan.unasked, !i);
		assert_int_equal(plan.unlimited_ok, !i);
	}
}

static void cores_missing(void **state)
{
	(void)state;
	wish("cpus=9");
	refused("--cpus: 9 cores wanted, 8 can be used (CPUs 0-7), or use "
		"limits=try");
	wish("limits=try");
	build();
	says("missing.cpuset 9 cores wanted, 8 can be used (CPUs 0-7)");
	says("enforced.cpus 9");
	assert_null(plan.topo.cpus);
}

static void scratch_share(void **state)
{
	(void)state;
	wish("scratch=10%");
	build();
	assert_true(plan.mnt.scratch == 800000000);
	wish("memory=1000000000");
	build();
	assert_true(plan.mnt.scratch == 100000000);
	/* A limit over what there is changes nothing. */
	wish("memory=100G");
	build();
	assert_true(plan.mnt.scratch == 800000000);
	/* Scratch does not go away for being small. */
	wish("memory=1");
	build();
	assert_true(plan.mnt.scratch > 0);
	says("mounts scratch? /tmp mode 1777");
	/* The profile's memory counts, too. */
	fresh();
	given("default-profile = p\n[profile p]\nmemory = 1000\n"
	      "scratch = 50%\n");
	build();
	assert_true(plan.mnt.scratch == 500);
	wish("memory=800");
	build();
	assert_true(plan.mnt.scratch == 400);
}

static void needs(void **state)
{
	static const struct {
		const char *wish;
		unsigned needs;
		bool slurm;
	} rows[] = {
		{ "net=none", 0 },
		{ "memory=1G", HOST_CGROUP },
		{ "pids=5", HOST_CGROUP },
		{ "cpus=1", HOST_CGROUP | HOST_TOPOLOGY | HOST_CLAIMS },
		{ "cpus=1 cpu-policy=inherit", HOST_CGROUP },
		{ "cpus=1", HOST_CGROUP, true },
		{ "cpu-policy=inherit", 0, true },
		{ "cpu-policy=numa", HOST_TOPOLOGY, true },
		{ "mem-policy=local", HOST_TOPOLOGY, true },
	};
	struct err err;
	unsigned n;

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		fresh();
		if (rows[i].slurm)
			in_slurm();
		wish(rows[i].wish);
		assert_int_equal(plan_needs(&options, &site, &job, &n, &err),
				 0);
		assert_int_equal(n, rows[i].needs);
	}
	wish("profile=nope");
	assert_int_equal(plan_needs(&options, &site, &job, &n, &err), -1);
	assert_string_equal(err.text,
			    "--profile: profile 'nope' does not exist");
}

/* --- steps that do not ask, and users who want none --- */

/* The profile, "none", or the message. */
static const char *choice(const char *text)
{
	struct err err = { 0 };
	bool wanted;

	memset(&options, 0, sizeof(options));
	job.unasked = !text;
	wish(text ? text : "");
	if (plan_wanted(&options, &site, &job, &wanted, &err))
		return pool_strdup(&pool, err.text);
	if (!wanted)
		return SITE_NO_CELL;
	build();
	return plan.profile;
}

static void unasked(void **state)
{
	static const struct {
		const char *site, *implied, *partition, *wish, *choice;
	} rows[] = {
		{ "", "batch", NULL, NULL, "batch" },
		{ "", "strict", NULL, NULL, "strict" },
		{ "", "strict", NULL, "memory=1G", "strict" },
		{ "", "none", NULL, NULL, "none" },
		{ "", "none", NULL, "memory=1G", "batch" },
		{ "default-profile = batch", "strict", NULL, "memory=1G",
		  "batch" },
		{ "default-profile = batch", "strict", NULL, "profile=strict",
		  "strict" },
		/* What is not listed is no way around the default. */
		{ "", "strict", NULL, "profile=batch",
		  "--profile: profile 'batch' is not for users here (site "
		  "file: profiles = ...)" },
		{ "", "batch", NULL, "profile=none",
		  "--profile: to go without a cell ('none') is not for users "
		  "here (site file: profiles = ...)" },
		{ "profiles = strict", "batch", NULL, "profile=none",
		  "--profile: to go without a cell ('none') is not for users "
		  "here (site file: profiles = ...)" },
		{ "profiles = strict none", "batch", NULL, "profile=none",
		  "none" },
		{ "profiles = strict", "batch", NULL, "profile=strict",
		  "strict" },
		/* Without a default it is what a step has anyway. */
		{ "", NULL, NULL, "profile=none", "none" },
		{ "profiles = batch", NULL, NULL, "profile=none", "none" },
		/* Partitions. */
		{ "partitions = gpu:strict", "batch", "gpu", NULL, "strict" },
		{ "partitions = gpu:strict", "batch", "cpu", NULL, "batch" },
		{ "partitions = gpu:strict", "batch", "gpu", "memory=1G",
		  "strict" },
		{ "partitions = gpu:strict\nprofiles = batch none", "batch",
		  "gpu", "profile=batch",
		  "--profile: profile 'batch' is not for users in partition "
		  "gpu (site file: partitions = ...)" },
		{ "partitions = gpu:strict\nprofiles = batch none", "batch",
		  "gpu", "profile=none",
		  "--profile: to go without a cell ('none') is not for users "
		  "in partition gpu (site file: partitions = ...)" },
		{ "partitions = gpu:strict:none", "batch", "gpu",
		  "profile=none", "none" },
		{ "partitions = d:none:open", "batch", "d", NULL, "none" },
		{ "partitions = d:none:open", "batch", "d", "memory=1G",
		  "open" },
		{ "partitions = d:none", "none", "d", "memory=1G",
		  "profile 'batch' is not for users in partition d (site "
		  "file: partitions = ...)" },
		/* Whoever has no partition may be in any. */
		{ "partitions = d:none", "batch", NULL, NULL,
		  "slurmd was not told the partition of the job, which says "
		  "the profile (site file: partitions; plugstack.conf: "
		  "spank_cloison_job.so; slurm.conf: PrologFlags=Alloc)" },
		{ "partitions = d:none", "batch", NULL, "profile=batch",
		  "slurmd was not told the partition of the job, which says "
		  "the profile (site file: partitions; plugstack.conf: "
		  "spank_cloison_job.so; slurm.conf: PrologFlags=Alloc)" },
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		struct err err;

		fresh();
		in_slurm();
		given(rows[i].site);
		if (rows[i].implied)
			assert_int_equal(
				site_imply(&site, rows[i].implied, &err), 0);
		job.partition = rows[i].partition;
		assert_string_equal(choice(rows[i].wish), rows[i].choice);
	}
	/* The wrapper has none of that. */
	fresh();
	given("partitions = d:strict\n");
	assert_string_equal(choice("memory=1G"), "batch");
	assert_string_equal(choice("profile=none"),
			    "--profile: profile 'none' does not exist");
	wish("profile=none");
	refused("--profile: profile 'none' does not exist");
	fresh();
	in_slurm();
	wish("profile=none");
	refused("'none' is no cell to make a plan of");
}

/* --- bases from plugstack.conf, which comes in pieces --- */

static void arguments(const char *a, const char *b, const char *c)
{
	const char *const all[] = { a, b, c };
	struct err err;

	for (size_t i = 0; i < N(all); i++)
		assert_int_equal(site_argument(&site, all[i], &err), 0);
}

static void bases(void **state)
{
	(void)state;
	arguments("x.base=y", "default-profile=x", "loosen=none");
	refused("profile 'x': base 'y' does not exist");
	fresh();
	arguments("x.base=y", "y.base=x", "default-profile=x");
	refused("profile 'x': base 'y' leads back to itself");
	fresh();
	arguments("x.base=y", "y.base=batch", "default-profile=x");
	build();
	says("tree.access ro");
}

/* --- values --- */

static void expansions(void **state)
{
	static const struct {
		const char *value, *text;
	} rows[] = {
		{ "/a", "/a" },
		{ "%h", "/home/ana" },
		{ "%w/out", "/jobs/run/out" },
		{ "/s/%u/%j", "/s/ana/42" },
		{ "50%", "50%" },
		{ "50%%", "50%" },
		{ "%%h", "%h" },
		{ "", "" },
	};
	const char *text;
	struct err err;

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		assert_int_equal(
			expand(rows[i].value, &job, &pool, &text, &err), 0);
		assert_string_equal(text, rows[i].text);
	}
	job.cwd = "/a:b";
	assert_int_equal(expand("%w:/x", &job, &pool, &text, &err), 0);
	assert_string_equal(text, "/a\\:b:/x");
	job.cwd = NULL;
	assert_int_equal(expand("%w", &job, &pool, &text, &err), 0);
	assert_null(text);
	assert_int_equal(expand("%q", &job, &pool, &text, &err), -1);
	assert_string_equal(err.text, "'%q': unknown expansion (known: %h %w "
				      "%u %j %%)");
}

static void values(void **state)
{
	static char too_long[OPTION_NAME_MAX + 2];
	static const struct {
		enum option_id id;
		const char *text, *message;
	} rows[] = {
		{ OPT_RO, "", "o: '' is not an absolute path" },
		{ OPT_RO, ":/x", "o: '' is not an absolute path" },
		{ OPT_RO, "/a:x", "o: 'x' is not an absolute path" },
		{ OPT_RO, "/a:/b:/c", "o: '/b:/c': more than one path" },
		{ OPT_RO, "/a:/", "o: '/a:/': '/' cannot be replaced" },
		{ OPT_RW, "/", "o: '/' can only be given to ro" },
		{ OPT_RW, "../x", "o: '../x': '..' is not supported" },
		{ OPT_HIDE, "/a:/b", "o: '/a:/b': a path alone is expected" },
		{ OPT_HIDE, "/.//", "o: '/' can only be given to ro" },
		{ OPT_TMPFS, "/a:",
		  "o: '' is not a size (examples: 512M, "
		  "1.5G)" },
		{ OPT_OVERLAY, "/a:keep",
		  "o: 'keep' is not one of: discard, keep=DIR, "
		  "collect=GLOB=DIR" },
		{ OPT_OVERLAY, "/a:collect=*",
		  "o: 'collect=*' is not one of: discard, keep=DIR, "
		  "collect=GLOB=DIR" },
		{ OPT_OVERLAY, "/a:collect==/d",
		  "o: '' is no pattern of paths below the overlay" },
		{ OPT_OVERLAY, "/a:collect=/x=/d",
		  "o: '/x' is no pattern of paths below the overlay" },
		{ OPT_OVERLAY, "/a:keep=", "o: '' is not an absolute path" },
		{ OPT_OVERLAY, "/a:keep=/b:/c",
		  "o: '/b:/c': more than one path" },
		{ OPT_DEV, " , ", "o: the value is empty" },
		{ OPT_DEV, "host,fuse",
		  "o: 'host,fuse': devices can only be added to a private "
		  "/dev" },
		{ OPT_DEV, "/dev/fuse",
		  "o: '/dev/fuse' is neither 'private' nor 'host' nor a "
		  "pattern for names in /dev" },
		{ OPT_DEV, "dri/../x",
		  "o: 'dri/../x' is neither 'private' nor 'host' nor a "
		  "pattern for names in /dev" },
		{ OPT_HIDEPID, "2", "o: '2' is not one of yes no" },
		{ OPT_SCRATCH, "0%", "o: '0%' leaves no scratch" },
		{ OPT_SCRATCH, "101%",
		  "o: '101%' is not a share of memory "
		  "(1% to 100%)" },
		{ OPT_SCRATCH, "%",
		  "o: '%' is not a size (examples: 512M, "
		  "1.5G)" },
		{ OPT_PIDS, "0", "o: '0' leaves no room" },
		{ OPT_HOSTNAME, "-x", "o: '-x' is not a host name" },
		{ OPT_HOSTNAME, "a b", "o: 'a b' is not a host name" },
		{ OPT_HOSTNAME, "", "o: the value is empty" },
		{ OPT_RECORD, "", "o: the value is empty" },
		{ OPT_JOB_ID, "", "o: the value is empty" },
		{ OPT_JOB_ID, too_long, "o: longer than 256 bytes" },
		{ OPT_JOB_ID, "1\n2", "o: '1?2' has a control character" },
		{ OPT_JOB_ID, "a/b",
		  "o: 'a/b' cannot name a file, as %j in profiles does" },
		{ OPT_JOB_ID, "..",
		  "o: '..' cannot name a file, as %j in profiles does" },
		{ OPT_JOB_NAME, "", "o: the value is empty" },
		{ OPT_JOB_NAME, too_long, "o: longer than 256 bytes" },
		{ OPT_JOB_NAME, "\x1b[m", "o: '?[m' has a control character" },
		{ OPT_TAG, "x", "o: 'x' is not KEY=VALUE" },
		{ OPT_TAG, "=x", "o: '=x' is not KEY=VALUE" },
		{ OPT_TAG, "a b=x",
		  "o: 'a b=x': a key has letters, digits, "
		  "'-', '_' and '.'" },
		{ OPT_TAG, "a=\n", "o: 'a=?' has a control character" },
		{ OPT_RO, "/a\t", "o: '/a?' has a control character" },
		{ OPT_RECORD, "/\177", "o: '/?' has a control character" },
	};
	struct err err;

	(void)state;
	memset(too_long, 'x', sizeof(too_long) - 1);
	for (size_t i = 0; i < N(rows); i++) {
		if (!option_set(&options, rows[i].id, rows[i].text, "o",
				"/jobs", &pool, &err))
			fail_msg("'%s' is taken", rows[i].text);
		assert_string_equal(err.text, rows[i].message);
		assert_false(options.value[rows[i].id].set);
	}
	assert_int_equal(options.n_mounts, 0);
	assert_int_equal(options.n_tags, 0);
}

static void paths(void **state)
{
	static const struct {
		const char *text, *src, *dst;
	} rows[] = {
		{ "/a", "/a", "/a" },
		{ "//a///b/./", "/a/b", "/a/b" },
		{ "x/y", "/jobs/x/y", "/jobs/x/y" },
		{ ".", "/jobs", "/jobs" },
		{ "/a..b/...", "/a..b/...", "/a..b/..." },
		{ "/a\\:b:/c", "/a:b", "/c" },
		{ "/a:/b\\:c", "/a", "/b:c" },
		{ "/a\\b", "/a\\b", "/a\\b" },
		{ "/", "/", "/" },
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		if (option_set(&options, OPT_RO, rows[i].text, "o", "/jobs",
			       &pool, &err))
			fail_msg("%s", err.text);
		assert_string_equal(options.mount[i].src, rows[i].src);
		assert_string_equal(options.mount[i].dst, rows[i].dst);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, release)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(policy_governed),
		TEST(policy_loosened),
		TEST(policy_loosen_one),
		TEST(policy_ungoverned),
		TEST(policy_slurm),
		TEST(policy_network),
		TEST(policy_shown_again),
		TEST(policy_facts),
		TEST(below),
		TEST(deterministic),
		TEST(pure),
		TEST(nothing_left_to_decide),
		TEST(text_is_lines),
		TEST(json),
		TEST(limits_enforced),
		TEST(limits_fractions),
		TEST(limits_exact),
		TEST(limits_refused),
		TEST(limits_disks),
		TEST(limits_oom_group),
		TEST(limits_of_the_kernel),
		TEST(limits_hybrid),
		TEST(limits_hybrid_binds),
		TEST(limits_try_what_can_be),
		TEST(limits_off),
		TEST(limits_slurm),
		TEST(limits_where),
		TEST(limits_given),
		TEST(cores_missing),
		TEST(scratch_share),
		TEST(needs),
		TEST(unasked),
		TEST(bases),
		TEST(expansions),
		TEST(values),
		TEST(paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
