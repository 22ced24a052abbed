/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <slurm/slurm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/proc.h"
#include "glue.h"
#include "partition.h"
#include "plan/resolve.h"
#include "run/places.h"
#include "run/threads.h"
#include "shim.h"

enum {
	/* How long the step's end may wait for files to be collected. */
	COLLECT_SECONDS = 300,
	/* How long slurmd waits for the site file to be read. */
	CHECK_SECONDS = 10,
};

static const char *origin(enum option_id id, char *buf, size_t size)
{
	if (id == OPT_PROFILE)
		return "--cell";
	snprintf(buf, size, "--cell-%s", option_table[id].name);
	return buf;
}

/*
 * SPANK hands on one argument an option, so several paths stand in one,
 * separated by commas ("\," is a comma of a path).
 */
static int set_each(struct options *o, enum option_id id, const char *text,
		    struct pool *pool, struct err *err)
{
	bool list = option_table[id].kind == OPTION_MOUNT;
	char buf[64];

	for (;;) {
		char *one = pool_strdup(pool, text), *out = one;

		for (; *text && !(list && *text == ','); text++) {
			if (list && *text == '\\' && text[1] == ',')
				text++;
			*out++ = *text;
		}
		*out = '\0';
		if (option_set(o, id, one, origin(id, buf, sizeof(buf)), NULL,
			       pool, err))
			return -1;
		if (!*text)
			return 0;
		text++;
	}
}

int glue_try(enum option_id id, const char *text, struct err *err)
{
	struct pool pool = { 0 };
	struct options o = { 0 };
	int ret = 0;

	if (text && *text)
		ret = set_each(&o, id, text, &pool, err);
	pool_free(&pool);
	return ret;
}

void glue_option(struct glue *g, enum option_id id, const char *text)
{
	g->asked = true;
	g->text[id] = pool_strdup(&g->pool, text ? text : "");
}

static void fail(struct glue *g)
{
	g->failed = true;
}

void glue_refuse(struct glue *g, const struct err *err)
{
	g->asked = true;
	g->err = *err;
	fail(g);
}

/*
 * By a process of its own: slurmd would keep what it takes for as long as it
 * lives.
 */
int glue_check_site(struct glue *g, struct err *err)
{
	cleanup_fd int in = -1, out = -1;
	struct pollfd p = { .events = POLLIN };
	int pair[2];
	ssize_t n;
	pid_t pid;

	if (pipe2(pair, O_CLOEXEC))
		return err_set(err, errno, "make a pipe");
	in = pair[0];
	out = pair[1];
	pid = fork();
	if (pid < 0)
		return err_set(err, errno, "fork");
	if (!pid) {
		site_init(&g->site);
		if (arguments_load(&g->arguments, &g->site, err) &&
		    write(out, err, sizeof(*err)) < 0)
			_exit(1);
		_exit(0);
	}
	close(steal_fd(&out));
	p.fd = in;
	/* What a thread of slurmd's had locked stays locked in there. */
	if (poll(&p, 1, CHECK_SECONDS * 1000) != 1) {
		kill(pid, SIGKILL);
		n = sizeof(*err);
		err_set(err, 0, "the site file could not be read in time");
	} else {
		n = read(in, err, sizeof(*err));
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	pool_free(&g->pool);
	return n == (ssize_t)sizeof(*err) ? -1 : 0;
}

bool glue_concerned(const struct glue *g, spank_t spank)
{
	const char *profile = g->text[OPT_PROFILE];
	uint32_t step;

	if (!arguments_find(&g->arguments, ARGUMENT_DEFAULT))
		return g->asked &&
		       (!profile || strcmp(profile, SITE_NO_CELL) != 0);
	/* It runs no tasks: there is nothing to put into a cell. */
	return spank_get_item(spank, S_JOB_STEPID, &step) ||
	       step != SLURM_EXTERN_CONT;
}

static int share(struct glue *g, struct err *err)
{
	pthread_mutexattr_t attr;
	struct shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (s == MAP_FAILED)
		return err_set(err, errno, "map memory for the step's tasks");
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&s->lock, &attr);
	pthread_mutexattr_destroy(&attr);
	g->shared = s;
	g->stepd = pidfd_open(getpid(), 0);
	if (g->stepd < 0)
		return err_set(err, errno, "open the step daemon's pidfd");
	return 0;
}

void glue_trace(struct glue *g)
{
	if (!g->text[OPT_VERBOSE])
		return;
	g->trace = trace_new();
	trace_add(g->trace, TRACE_INIT, g->init_us);
}

void glue_prepare(struct glue *g, spank_t spank)
{
	uint32_t id;

	g->job.front = JOB_SLURM;
	g->job.unasked = !g->asked;
	g->asked = true;
	g->job.supervisor = getpid();
	if (g->failed)
		return;
	g->job.ends =
		dlopen("spank_cloison_job.so", RTLD_LAZY | RTLD_NOLOAD) != NULL;
	site_init(&g->site);
	if (arguments_load(&g->arguments, &g->site, &g->err)) {
		/* For the admin; the user reads it in his task. */
		slurm_error("cloison: %s", g->err.text);
		g->bypassed = arguments_bypass(&g->arguments);
		g->asked = !g->bypassed;
		if (g->asked)
			err_hint(&g->err, "the admin has to mend that");
		fail(g);
	} else if (share(g, &g->err)) {
		fail(g);
	} else if (g->site.n_partitions &&
		   !spank_get_item(spank, S_JOB_ID, &id)) {
		g->job.partition = partition_read(id, &g->pool);
	}
}

static const char *step_name(struct pool *pool, uint32_t step)
{
	static const struct {
		uint32_t id;
		const char *name;
	} special[] = {
		{ SLURM_BATCH_SCRIPT, "batch" },
		{ SLURM_INTERACTIVE_STEP, "interactive" },
		{ SLURM_EXTERN_CONT, "extern" },
	};

	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		if (special[i].id == step)
			return special[i].name;
	return pool_printf(pool, "%u", step);
}

/* Slurm's configuration, which the process that loaded us has read. */
static void read_conf(struct glue *g)
{
	const slurm_conf_t *conf = dlsym(RTLD_DEFAULT, "slurm_conf");

	if (!conf)
		return;
	g->job.scheduler.cluster = pool_strdup(&g->pool, conf->cluster_name);
	/* A pattern is per node: then the site file has to name it. */
	if (conf->slurmd_spooldir && *conf->slurmd_spooldir == '/' &&
	    !strchr(conf->slurmd_spooldir, '%'))
		g->job.spool = pool_strdup(&g->pool, conf->slurmd_spooldir);
}

static int read_user(struct glue *g, spank_t spank, struct err *err)
{
	struct job *job = &g->job;
	const struct passwd *pw;
	gid_t *groups = NULL;
	int n = 0;

	if (spank_get_item(spank, S_JOB_UID, &job->uid) ||
	    spank_get_item(spank, S_JOB_GID, &job->gid))
		return err_set(err, 0, "Slurm does not say who the user is");
	if (!spank_get_item(spank, S_JOB_SUPPLEMENTARY_GIDS, &groups, &n)) {
		gid_t *copy =
			pool_alloc(&g->pool, (size_t)(n + 1) * sizeof(*copy));

		memcpy(copy, groups, (size_t)n * sizeof(*copy));
		job->groups = copy;
		job->n_groups = (size_t)n;
	}
	pw = getpwuid(job->uid);
	job->user = pw ? pool_strdup(&g->pool, pw->pw_name)
		       : pool_printf(&g->pool, "%u", job->uid);
	if (pw && *pw->pw_dir == '/')
		job->home = pool_strdup(&g->pool, pw->pw_dir);
	return 0;
}

/*
 * The step's cgroup, from where slurmstepd is (never composed: releases name
 * it differently): .../step_Y/slurm has the limits' step_Y/user beside it.
 */
static void read_cgroup(struct glue *g)
{
	struct err ignored;
	char path[512], *slash;

	if (cg_of("self", path, sizeof(path), &ignored))
		return;
	slash = strrchr(path, '/');
	if (!slash || strcmp(slash, "/slurm") != 0)
		return;
	g->job.cgroup =
		pool_printf(&g->pool, "%.*s/user", (int)(slash - path), path);
	g->stepd_cgroup = pool_strdup(&g->pool, path);
}

/* What Slurm lets the step have, in MiB; 0 says nothing. */
static void read_memory(struct job *job, spank_t spank)
{
	uint64_t of_job = 0, of_step = 0;

	spank_get_item(spank, S_JOB_ALLOC_MEM, &of_job);
	spank_get_item(spank, S_STEP_ALLOC_MEM, &of_step);
	job->memory = (of_step ? of_step : of_job) << 20;
}

/*
 * A bundle for the runtime of oci.conf. It is what the job's environment says:
 * who denies it there has a runtime that fails in the cell.
 */
static void read_container(struct glue *g, spank_t spank)
{
	char bundle[4096];

	if (!spank_getenv(spank, "SLURM_CONTAINER", bundle, sizeof(bundle)) &&
	    *bundle)
		g->job.container = pool_strdup(&g->pool, bundle);
}

static int read_job(struct glue *g, spank_t spank, struct err *err)
{
	struct job *job = &g->job;
	uint32_t id, step;
	char text[256];
	char *cwd;

	job->scheduler.name = "slurm";
	if (!spank_get_item(spank, S_JOB_ID, &id))
		job->scheduler.job = pool_printf(&g->pool, "%u", id);
	if (!spank_get_item(spank, S_JOB_STEPID, &step))
		job->scheduler.step = step_name(&g->pool, step);
	read_memory(job, spank);
	spank_get_item(spank, S_JOB_NNODES, &job->nodes);
	if (!spank_getenv(spank, "SLURM_JOB_ACCOUNT", text, sizeof(text)) &&
	    *text)
		job->scheduler.account = pool_strdup(&g->pool, text);
	if (!spank_getenv(spank, "XAUTHORITY", text, sizeof(text)))
		job->xauthority = pool_strdup(&g->pool, text);
	spank_get_item(spank, S_JOB_LOCAL_TASK_COUNT, &job->tasks);
	spank_get_item(spank, S_STEP_CPUS_PER_TASK, &job->task_cpus);
	spank_get_item(spank, S_JOB_TOTAL_TASK_COUNT, &job->all_tasks);
	if (!spank_getenv(spank, "SLURM_MPI_TYPE", text, sizeof(text)))
		job->mpi = pool_strdup(&g->pool, text);
	cwd = getcwd(NULL, 0);
	if (cwd && *cwd == '/')
		job->cwd = pool_strdup(&g->pool, cwd);
	free(cwd);
	read_conf(g);
	read_container(g, spank);
	read_cgroup(g);
	return read_user(g, spank, err);
}

static const char *read_cpuset(struct glue *g, const char *file)
{
	return g->job.cgroup ? cg_cpuset_read(&g->host.cg, g->job.cgroup, file,
					      &g->pool)
			     : NULL;
}

/*
 * What Slurm gave the step, not slurmstepd itself; it is the step's alone where
 * it was set, as with ConstrainCores, and not just inherited.
 */
static void read_places(struct glue *g)
{
	const char *cpus = read_cpuset(g, "cpus.effective");
	const char *mems = read_cpuset(g, "mems.effective");

	if (cpus)
		g->host.affinity = cpus;
	if (mems)
		g->host.mems = mems;
	g->job.confined = read_cpuset(g, "cpus") != NULL;
}

static int make_plan(struct glue *g, spank_t spank, struct err *err)
{
	const char *const *paths;
	unsigned needs;
	bool wanted;
	size_t n;

	for (int i = 0; i < OPTIONS; i++)
		if (g->text[i] && *g->text[i] &&
		    set_each(&g->options, (enum option_id)i, g->text[i],
			     &g->pool, err))
			return -1;
	/* This hook has the user's rights and working directory. */
	options_resolve(&g->options, &g->pool);
	if (plan_wanted(&g->options, &g->site, &g->job, &wanted, err))
		return -1;
	if (!wanted) {
		g->asked = false;
		return 0;
	}
	if (read_job(g, spank, err) ||
	    plan_needs(&g->options, &g->site, &g->job, &needs, err) ||
	    host_probe(needs | HOST_CGROUP, "/run/cloison", &g->pool, &g->host,
		       err) ||
	    plan_disks(&g->options, &g->site, &g->job, &g->pool, &paths, &n,
		       err))
		return -1;
	host_disks(paths, n, &g->pool, &g->host);
	read_places(g);
	/* This hook runs as the user, those that act run as root. */
	g->host.privileged = true;
	return plan_build(&g->options, &g->site, &g->job, &g->host, &g->pool,
			  &g->plan, err);
}

/* Before there are tasks: Slurm takes its time for each variable. */
static int set_env(const struct plan *plan, spank_t spank, struct err *err)
{
	for (size_t i = 0; i < plan->n_env; i++)
		if (spank_setenv(spank, plan->env[i].key, plan->env[i].value,
				 1))
			return err_set(err, 0, "set %s", plan->env[i].key);
	return 0;
}

void glue_plan(struct glue *g, spank_t spank)
{
	g->start_us = cell_now(CLOCK_REALTIME);
	g->start_mono = cell_now(CLOCK_MONOTONIC);
	if (!g->failed &&
	    (make_plan(g, spank, &g->err) || set_env(&g->plan, spank, &g->err)))
		fail(g);
}

/* In a process that nobody waits for, as a disk may take its time. */
static void settle(const struct plan *plan, const struct cell *cell)
{
	int keep[] = { cell->spool, cell->reserved };

	if (cell->reserved < 0 || plan->spool_rule.unsynced || fork())
		return;
	/* Readers of the task's output wait for the last one that holds it. */
	fd_close_others(keep, 2);
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	cell_settle(plan, cell);
	_exit(0);
}

/*
 * Slurm moves the task through task_special, which it removes as soon as the
 * task is out of it, and tries that once: nobody may be born there meanwhile.
 */
static pid_t fork_beside(const struct glue *g)
{
	struct clone_args args = { .flags = CLONE_INTO_CGROUP,
				   .exit_signal = SIGCHLD };
	cleanup_fd int fd = -1;
	char path[768];
	pid_t pid = -1;

	if (g->stepd_cgroup) {
		snprintf(path, sizeof(path), "%s%s", g->host.cg.mount,
			 g->stepd_cgroup);
		fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd >= 0) {
		args.cgroup = (uint64_t)fd;
		pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	}
	return pid < 0 ? fork() : pid;
}

/*
 * Builds the cell in a process of its own, which then leaves: the cell's init
 * must not be a child of the task, nor live in its cgroup.
 */
static int build(struct glue *g, struct err *err)
{
	TRACE(g->trace, TRACE_BUILD);
	struct shared *s = g->shared;
	pid_t pid = fork_beside(g);
	int status;

	if (pid < 0)
		return err_set(err, errno, "fork");
	if (!pid) {
		struct cell cell = CELL_INIT;
		int failed;

		cell.shared = &s->cell;
		cell.watch = g->stepd;
		failed = cell_start(&g->plan, &g->host, NULL, &cell, &s->err);
		memcpy(s->id, cell.registry.id, sizeof(s->id));
		s->link = cell.link;
		s->scratch = cell.scratch;
		if (failed)
			_exit(1);
		s->init = cell.init;
		s->init_start = proc_start(cell.init);
		s->setup_us = cell.setup_us;
		snprintf(s->leaf, sizeof(s->leaf), "%s", cell.cg.leaf);
		cell.start_us = g->start_us;
		cell_foresee(&g->plan, &g->host, &cell);
		settle(&g->plan, &cell);
		cell_release(&cell);
		_exit(0);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_set(err, errno, "wait for the cell");
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	if (WIFEXITED(status))
		*err = s->err;
	else
		err_set(err, 0, "the cell's builder was killed by signal %d",
			WTERMSIG(status));
	return -1;
}

static int build_once(struct glue *g, struct err *err)
{
	struct shared *s = g->shared;
	int lock = pthread_mutex_lock(&s->lock);

	if (lock == EOWNERDEAD)
		pthread_mutex_consistent(&s->lock);
	else if (lock)
		return err_set(err, lock, "lock the step's memory");
	if (s->state == CELL_BUILDING) {
		err_set(&s->err, 0, "the task that built the cell was killed");
		s->state = CELL_FAILED;
	}
	if (s->state == CELL_NONE) {
		s->state = CELL_BUILDING;
		s->state = build(g, &s->err) ? CELL_FAILED : CELL_READY;
	}
	pthread_mutex_unlock(&s->lock);
	if (s->state == CELL_READY)
		return 0;
	*err = s->err;
	return -1;
}

/* The kernel says no more than EINVAL to a process with threads (setns(2)). */
static bool has_threads(void)
{
	struct stat st;

	return !stat("/proc/self/task", &st) && st.st_nlink > 3;
}

static int join(struct glue *g, struct err *err)
{
	if (ns_self_open(&g->self, err))
		return -1;
	if (cell_join(&g->plan, g->shared->init, err))
		return has_threads()
			       ? err_set(err, 0,
					 "another plugin of plugstack.conf has "
					 "started threads in the task, which "
					 "can join no cell with them")
			       : -1;
	ns_self_note(&g->self);
	return 0;
}

int glue_join(struct glue *g, struct err *err)
{
	if (g->failed) {
		*err = g->err;
		return -1;
	}
	if (build_once(g, err) || join(g, err))
		return -1;
	return sec_drop_bounding(err) || sec_keep_caps(err) ? -1 : 0;
}

/* Over what Slurm has set for it, if the plan has anything. */
static int bind_task(const struct glue *g, spank_t spank, struct err *err)
{
	int id = -1;

	if (!g->plan.n_tasks)
		return 0;
	if (spank_get_item(spank, S_TASK_ID, &id) || id < 0 ||
	    (size_t)id >= g->plan.n_tasks)
		return err_set(err, 0, "Slurm does not say which task this is");
	return places_bind(&g->plan, &g->plan.task[id], &g->shared->cell, err);
}

/* By the task's affinity, as it is now; the user's choice stays. */
static int set_threads(const struct glue *g, spank_t spank, struct err *err)
{
	char value[16];
	unsigned n;
	int r = 0;

	if (threads_read(&g->plan, &n, err))
		return -1;
	snprintf(value, sizeof(value), "%u", n);
	if (n)
		r = spank_setenv(spank, "OMP_NUM_THREADS", value, 0);
	return r && r != ESPANK_ENV_EXISTS
		       ? err_set(err, 0, "set OMP_NUM_THREADS")
		       : 0;
}

/* Other plugins have had the task meanwhile, and root's rights at first. */
static int check_inside(struct glue *g, struct err *err)
{
	const char *left = ns_self_left(&g->self, &g->plan.ns);

	ns_self_close(&g->self);
	if (!left)
		return 0;
	err_set(err, 0,
		"another plugin of plugstack.conf has taken the task out of "
		"the cell's %s namespace",
		left);
	return err_hint(err, "leave out --cell or what that plugin is asked "
			     "for");
}

/* What slurmstepd sets for a batch script is only now in the environment. */
static void note_restart(const struct glue *g, spank_t spank)
{
	char text[32];

	if (!spank_getenv(spank, "SLURM_RESTART_COUNT", text, sizeof(text)))
		g->shared->restart = (unsigned)strtoul(text, NULL, 10);
}

/* Slurm's number is that of the shim. */
static int set_task_pid(spank_t spank, struct err *err)
{
	char value[16];

	snprintf(value, sizeof(value), "%d", getpid());
	return spank_setenv(spank, "SLURM_TASK_PID", value, 1)
		       ? err_set(err, 0, "set SLURM_TASK_PID")
		       : 0;
}

int glue_enter(struct glue *g, spank_t spank, struct err *err)
{
	if (check_inside(g, err))
		return -1;
	note_restart(g, spank);
	if (bind_task(g, spank, err) || set_threads(g, spank, err))
		return -1;
	if (g->plan.ns.cgroup_late &&
	    (sec_raise_caps(err) || ns_task_enter(&g->plan.ns, err)))
		return -1;
	if (sec_apply(&g->plan.sec, err))
		return -1;
	if (!g->plan.ns.make[NS_PID])
		return 0;
	return shim_enter(err) || set_task_pid(spank, err) ? -1 : 0;
}

/* The order in which ends are bad: a signal, then the greater exit code. */
static int badness(int status)
{
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status)
				   : WEXITSTATUS(status);
}

/*
 * Once, while the holder keeps the interface. Its socket and its locks are
 * those of the process that has left.
 */
static void take_link(struct glue *g)
{
	cleanup_fd int init = -1;
	struct err ignored;

	if (!g->plan.link.kind || g->link_taken)
		return;
	g->link_taken = true;
	g->link = g->shared->link;
	g->link.sock = NULL;
	for (size_t i = 0; i < g->link.n; i++)
		g->link.lease[i] = -1;
	g->net = (struct link_usage){ -1, -1 };
	init = pidfd_open(g->shared->init, 0);
	/* Without its namespace the interface is gone anyway. */
	if (init >= 0 && !link_attach(init, &g->link, &ignored))
		link_read(&g->link, &g->net);
}

/*
 * While Slurm has not yet killed what is left of the step: the cell's init
 * looks at scratch a last time and has files collected.
 */
static void end_cell(struct glue *g)
{
	cleanup_fd int init = pidfd_open(g->shared->init, 0);
	const struct proc is = { g->shared->init, g->shared->init_start };
	struct pollfd p = { .fd = init, .events = POLLIN };

	/* Nobody who has got its number since. */
	if (init < 0 || !proc_alive(&is))
		return;
	take_link(g);
	if (pidfd_send_signal(init, SIGTERM, NULL, 0))
		return;
	if (poll(&p, 1, COLLECT_SECONDS * 1000) == 1)
		return;
	err_set(&g->shared->cell.uncollected, ETIMEDOUT, "collect files");
	pidfd_send_signal(init, SIGKILL, NULL, 0);
}

void glue_task_ended(struct glue *g, int64_t rank, int status)
{
	struct cell_task *t =
		pool_push(&g->pool, &g->task, &g->n_tasks, sizeof(*t));

	*t = (struct cell_task){ rank, status };
	if (!g->ended || badness(status) > badness(g->worst))
		g->worst = status;
	g->ended++;
	if (g->ended == g->job.tasks && g->shared &&
	    g->shared->state == CELL_READY)
		end_cell(g);
}

/* While Slurm keeps the step's cgroup. */
static void read_oom(const struct glue *g, struct cg_oom *ret)
{
	struct cg_usage usage;
	struct err ignored;
	struct cg cg;

	*ret = (struct cg_oom){ 0 };
	if (g->plan.cg.source != CG_ADOPT ||
	    cg_open(&g->host.cg, g->plan.cg.parent, g->plan.cg.parent, &cg,
		    &ignored))
		return;
	cg_usage_read(cg.fd, &usage);
	cg_oom_read(&g->plan.cg, &cg, &usage, ret);
	cg_close(&cg);
}

size_t glue_complaints(struct glue *g, struct err ret[static CELL_COMPLAINTS])
{
	struct cg_oom oom;

	if (!g->shared || g->ended != g->job.tasks)
		return 0;
	read_oom(g, &oom);
	return cell_complaints(&g->plan, &g->shared->cell, &oom, ret);
}

static int by_rank(const void *a, const void *b)
{
	const struct cell_task *x = a, *y = b;

	return (x->rank > y->rank) - (x->rank < y->rank);
}

static int account(struct glue *g, struct cell *cell, struct err *err)
{
	const char *json;

	g->job.scheduler.restart = g->shared->restart;
	cell->start_us = g->start_us;
	cell->start_mono = g->start_mono;
	cell->end_mono = cell_now(CLOCK_MONOTONIC);
	cell->setup_us = cell->failed ? -1 : g->shared->setup_us;
	cell->status = g->worst;
	cell->exited = g->ended;
	if (g->n_tasks)
		qsort(g->task, g->n_tasks, sizeof(*g->task), by_rank);
	cell->task = g->task;
	cell->n_tasks = g->n_tasks;
	if (cell_record(&g->plan, &g->host, cell, &g->pool, &json, err))
		return -1;
	return cell_deliver(&g->plan, cell, json, err);
}

/* The last figures, then the end of the holder and its leaf's emptiness. */
static int end_holder(struct glue *g, struct cell *cell, struct err *err)
{
	take_link(g);
	cell->link = g->link;
	if (g->link_taken)
		cell->net = g->net;
	if (g->plan.cg.source != CG_ADOPT) {
		kill(g->shared->init, SIGKILL);
		return 0;
	}
	if (cg_open(&g->host.cg, g->plan.cg.parent, g->shared->leaf, &cell->cg,
		    err)) {
		kill(g->shared->init, SIGKILL);
		return -1;
	}
	cg_usage_read(cell->cg.fd, &cell->usage);
	cg_oom_read(&g->plan.cg, &cell->cg, &cell->usage, &cell->oom);
	return cg_kill(&cell->cg, err);
}

int glue_finish(struct glue *g, struct err *err)
{
	struct cell cell = CELL_INIT;
	struct err ignored;
	int ret = 0;

	if (!g->shared || g->shared->state == CELL_NONE)
		return 0;
	cell.shared = &g->shared->cell;
	cell.scratch = g->shared->scratch;
	cg_usage_init(&cell.usage);
	cell.failed = g->shared->state != CELL_READY;
	if (registry_adopt(&g->plan, g->shared->id, &cell.registry, err) ||
	    (!cell.failed && end_holder(g, &cell, err)))
		ret = -1;
	if (account(g, &cell, ret ? &ignored : err))
		ret = -1;
	/* Something is left: gc needs the entry for it. */
	if (ret)
		registry_close(&cell.registry);
	if (cell_remove(&g->plan, &cell, ret ? &ignored : err))
		ret = -1;
	return ret;
}
