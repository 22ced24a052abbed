/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "acct/spool.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "run/cell.h"

static int64_t micros(const struct timeval *t)
{
	return (int64_t)t->tv_sec * 1000000 + t->tv_usec;
}

/* From the cgroup where there is one, from rusage where not. */
static void fill_usage(const struct cell *cell, struct record *r)
{
	const struct rusage *ru = &cell->rusage;
	int64_t user = micros(&ru->ru_utime), sys = micros(&ru->ru_stime);

	r->usage = cell->usage;
	if (cell->shared->cpu_setup_us > 0)
		r->cpu.setup_us = cell->shared->cpu_setup_us;
	if (r->usage.cpu_usage_us < 0 && user + sys > 0) {
		r->usage.cpu_usage_us = user + sys;
		r->usage.cpu_user_us = user;
		r->usage.cpu_system_us = sys;
	}
	r->net.rx = cell->net.rx;
	r->net.tx = cell->net.tx;
	if (*cell->oom.victim) {
		r->memory.victim = cell->oom.victim;
		r->memory.victim_pid = cell->oom.pid;
	}
	if (ru->ru_maxrss > 0)
		r->memory.max_process = (int64_t)ru->ru_maxrss * 1024;
}

static void fill_exit(const struct cell *cell, struct record *r)
{
	if (!cell->exited) {
		r->exit.reason = "lost";
	} else if (WIFEXITED(cell->status)) {
		r->exit.code = WEXITSTATUS(cell->status);
		r->exit.reason = "exited";
	} else {
		r->exit.signal = WTERMSIG(cell->status);
		r->exit.reason = "signaled";
	}
	if (cell->failed) {
		r->exit.code = 125;
		r->exit.reason = "setup-failed";
	} else if (cell->exec_errno) {
		r->exit.code = cell->exec_errno == ENOENT ? 127 : 126;
		r->exit.reason = "setup-failed";
	}
	if (cell->shared->timed_out)
		r->exit.reason = "time-limit";
	else if (cell->shared->cpu_used_up)
		r->exit.reason = "cpu-time";
	else if ((!cell->exited || r->exit.signal == SIGKILL) &&
		 cell->oom.kills > 0)
		r->exit.reason = cell->oom.outside ? "host-oom" : "oom";
}

static bool same_end(const struct record_tasks *run, int status)
{
	return run->code == (WIFEXITED(status) ? WEXITSTATUS(status) : -1) &&
	       run->signal == (WIFSIGNALED(status) ? WTERMSIG(status) : -1);
}

/* One entry for all that are next to each other and ended the same way. */
static void fill_tasks(const struct cell *cell, struct pool *pool,
		       struct record *r)
{
	struct record_tasks *run = NULL;

	for (size_t i = 0; i < cell->n_tasks; i++) {
		const struct cell_task *t = &cell->task[i];

		if (!run || !same_end(run, t->status)) {
			if (r->exit.n_tasks == RECORD_TASKS)
				return;
			run = pool_push(pool, &r->exit.tasks, &r->exit.n_tasks,
					sizeof(*run));
			run->first = t->rank;
			run->code = WIFEXITED(t->status)
					    ? WEXITSTATUS(t->status)
					    : -1;
			run->signal = WIFSIGNALED(t->status)
					      ? WTERMSIG(t->status)
					      : -1;
		}
		run->last = t->rank;
		run->count++;
	}
}

const char *cell_namespaces(const struct ns_plan *ns,
			    char ret[static CELL_NAMESPACES])
{
	int n = 0;

	*ret = '\0';
	for (int i = 0; i < NS_KINDS; i++)
		if (ns->make[i])
			n += snprintf(ret + n, CELL_NAMESPACES - (size_t)n,
				      "%s%s", n ? " " : "", ns_table[i]->name);
	return ret;
}

static const char *const memory_policies[] = {
	[TOPO_MEM_INHERIT] = NULL,
	[TOPO_MEM_LOCAL] = "local",
	[TOPO_MEM_PREFERRED] = "preferred",
	[TOPO_MEM_INTERLEAVE] = "interleave",
	[TOPO_MEM_BIND] = "bind",
};

static void fill_plan(const struct plan *plan, const struct host *host,
		      struct pool *pool, struct record *r)
{
	const struct job *job = plan->job;
	char list[CELL_NAMESPACES];

	r->scheduler.name = job->scheduler.name;
	r->scheduler.cluster = job->scheduler.cluster;
	r->scheduler.job = job->scheduler.job;
	r->scheduler.step = job->scheduler.step;
	if (job->scheduler.restart)
		r->scheduler.restart = job->scheduler.restart;
	r->scheduler.job_name = job->scheduler.job_name;
	r->scheduler.queue = job->scheduler.queue;
	r->scheduler.project = job->scheduler.project;
	r->node = host->node;
	r->user.name = job->user;
	r->user.uid = job->uid;
	r->user.gid = job->gid;
	r->user.account = job->scheduler.account;
	if (job->login_uid)
		r->user.login_uid = job->login_uid;
	if (job->sudo_uid)
		r->user.sudo_uid = job->sudo_uid;
	r->cell.profile = plan->profile;
	r->cell.namespaces =
		pool_strdup(pool, cell_namespaces(&plan->ns, list));
	r->cell.boot_id = host->boot_id;
	r->cpu.cpuset = plan->topo.cpus ? plan->topo.cpus : host->affinity;
	if (r->cpu.cpuset)
		r->cpu.count = topo_count(r->cpu.cpuset);
	r->cpu.policy = plan->cpu_policy;
	r->memory.nodes = plan->topo.mems;
	r->memory.policy = memory_policies[plan->topo.memory];
	if (plan->cg.limit[CG_MEMORY_MAX])
		r->memory.limit = (int64_t)plan->memory;
	if (plan->mnt.scratch)
		r->scratch.limit = (int64_t)plan->mnt.scratch;
	r->limits.asked = plan->asked;
	r->limits.n_asked = plan->n_asked;
	r->limits.enforced = plan->enforced;
	r->limits.n_enforced = plan->n_enforced;
	r->limits.missing = plan->missing;
	r->limits.n_missing = plan->n_missing;
	r->tags = plan->tags;
	r->n_tags = plan->n_tags;
}

/* What was to be enforced and could not be when it came to it. */
static void fill_unlimited(const struct cell *cell, struct pool *pool,
			   struct record *r)
{
	struct record_pair *list =
		pool_alloc(pool, (r->limits.n_enforced + r->limits.n_missing) *
					 sizeof(*list));
	size_t n = 0;

	for (size_t i = 0; i < r->limits.n_missing; i++)
		list[n++] = r->limits.missing[i];
	for (size_t i = 0; i < r->limits.n_enforced; i++)
		list[n++] = (struct record_pair){ r->limits.enforced[i].key,
						  cell->why_not.text };
	r->limits.missing = list;
	r->limits.n_missing = n;
	r->limits.n_enforced = 0;
	r->memory.limit = -1;
}

/* Bytes for a reader. */
static const char *amount(int64_t bytes, char *ret, size_t size)
{
	bool kib = bytes < 1 << 20;

	if (bytes < 0)
		return "unknown";
	snprintf(ret, size, "%.*f %s", bytes % (kib ? 1 << 10 : 1 << 20) > 0,
		 (double)bytes / (kib ? 1 << 10 : 1 << 20),
		 kib ? "KiB" : "MiB");
	return ret;
}

/* The lower of the cell's own and what the scheduler gives; -1: unknown. */
static int64_t memory_limit(const struct plan *plan)
{
	uint64_t own = plan->cg.limit[CG_MEMORY_MAX] ? plan->memory : 0;
	uint64_t job = plan->job->memory;

	if (!own || (job && job < own))
		own = job;
	return own ? (int64_t)own : -1;
}

static const char *where(const struct plan *plan)
{
	if (plan->job->front == JOB_SLURM)
		return "for more with --cell-memory";
	return plan->memory && plan->memory == plan->job->memory
		       ? "the queue for more"
		       : "for more with --memory";
}

static void tell_oom(const struct plan *plan, const struct cg_oom *oom,
		     struct err *ret)
{
	char who[64] = "a process", most[32], at[32];

	if (*oom->victim)
		snprintf(who, sizeof(who), "%s (pid %lld)", oom->victim,
			 (long long)oom->pid);
	if (oom->outside)
		err_set(ret, 0,
			"out of memory: %s was killed, not at the cell's limit "
			"but as the host or a cgroup above had no more; peak "
			"%s",
			who, amount(oom->peak, most, sizeof(most)));
	else
		err_set(ret, 0,
			"out of memory: %s was killed at the limit of %s, peak "
			"%s: ask %s",
			who, amount(memory_limit(plan), at, sizeof(at)),
			amount(oom->peak, most, sizeof(most)), where(plan));
	ret->num = ENOMEM;
}

static void tell_cpu_time(const struct plan *plan, struct err *ret)
{
	err_set(ret, 0, "the CPU time of %llu s was used up",
		(unsigned long long)plan->cpu_time);
	ret->num = ETIME;
}

size_t cell_complaints(const struct plan *plan, const struct cell_shared *seen,
		       const struct cg_oom *oom,
		       struct err ret[static CELL_COMPLAINTS])
{
	uint64_t size =
		plan->mnt.scratch ? plan->mnt.scratch : plan->mnt.uppers;
	bool kib = size < 1 << 20;
	size_t n = 0;

	if (oom->kills > 0)
		tell_oom(plan, oom, &ret[n++]);
	if (seen->cpu_used_up)
		tell_cpu_time(plan, &ret[n++]);
	if (*seen->uncollected.text) {
		ret[n] = seen->uncollected;
		ret[n++].num = EIO;
	}
	if (seen->scratch_full)
		err_set(&ret[n++], 0,
			"scratch of %llu %s was full: ask for more with "
			"--%sscratch",
			(unsigned long long)(size >> (kib ? 10 : 20)),
			kib ? "KiB" : "MiB",
			plan->job->front == JOB_SLURM ? "cell-" : "");
	return n;
}

static void fill_scratch(const struct cell_shared *seen, struct record *r)
{
	if (seen->scratch_seen) {
		r->scratch.peak = (int64_t)seen->scratch_peak;
		r->scratch.full = seen->scratch_full;
	}
	if (*seen->uncollected.text)
		r->scratch.error = seen->uncollected.text;
}

static void add_missing(struct record *r, const char *name, const char *why,
			struct pool *pool)
{
	struct record_pair *list =
		pool_alloc(pool, (r->limits.n_missing + 1) * sizeof(*list));

	for (size_t i = 0; i < r->limits.n_missing; i++)
		list[i] = r->limits.missing[i];
	list[r->limits.n_missing++] = (struct record_pair){ name, why };
	r->limits.missing = list;
}

/* What the plan asked for and the host did not give, by limits=try. */
static void fill_missing(const struct plan *plan, const struct cell *cell,
			 struct pool *pool, struct record *r)
{
	if (*cell->scratch.no_quota.text) {
		add_missing(r, "scratch", cell->scratch.no_quota.text, pool);
		r->scratch.limit = -1;
	}
	if (*cell->shared->unbound.text) {
		add_missing(r, "mem-policy", cell->shared->unbound.text, pool);
		r->memory.policy = NULL;
		if (!plan->cg.limit[CG_CPUSET_MEMS] || cell->unlimited)
			r->memory.nodes = NULL;
	}
	if (cell->unlimited)
		fill_unlimited(cell, pool, r);
}

int cell_record(const struct plan *plan, const struct host *host,
		const struct cell *cell, struct pool *pool, const char **ret,
		struct err *err)
{
	struct record r;

	record_init(&r);
	r.id = cell->registry.id;
	fill_plan(plan, host, pool, &r);
	r.time.start_us = cell->start_us;
	r.time.wall_us = cell->end_mono - cell->start_mono;
	r.time.end_us = cell->start_us + r.time.wall_us;
	r.time.setup_us = cell->setup_us;
	fill_usage(cell, &r);
	fill_exit(cell, &r);
	fill_tasks(cell, pool, &r);
	fill_scratch(cell->shared, &r);
	fill_missing(plan, cell, pool, &r);
	return record_format(&r, pool, ret, err);
}

/* Beside its place, where the file system has no files without a name. */
static int write_named(int dir, const char *name, const char *json)
{
	char tmp[NAME_MAX + 1];
	cleanup_fd int fd = -1;

	if (snprintf(tmp, sizeof(tmp), "%s.%d.tmp", name, getpid()) >=
	    (int)sizeof(tmp)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = openat(dir, tmp,
		    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return -1;
	if (!fd_write_all(fd, json, strlen(json)) &&
	    !fd_write_all(fd, "\n", 1) && !renameat(dir, tmp, dir, name))
		return 0;
	unlinkat(dir, tmp, 0);
	return -1;
}

/* The directory of a file whose path ends in `name`. */
static int open_parent(const char *path, const char *name)
{
	char parent[PATH_MAX];

	if (name - path >= (ptrdiff_t)sizeof(parent)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	snprintf(parent, sizeof(parent), "%.*s", (int)(name - path), path);
	return open(*parent ? parent : ".", O_PATH | O_CLOEXEC);
}

/* A file appears whole or not at all, and never through a symbolic link. */
static int write_file(const char *path, const char *json, struct err *err)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	cleanup_fd int dir = open_parent(path, name);
	cleanup_fd int fd = dir < 0 ? -1 : fd_unnamed(dir, 0644);

	if (dir < 0)
		return err_set(err, errno, "write the record to %s", path);
	if (fd < 0 ? write_named(dir, name, json)
		   : fd_write_all(fd, json, strlen(json)) ||
			     fd_write_all(fd, "\n", 1) ||
			     fd_name(fd, dir, name))
		return err_set(err, errno, "write the record to %s", path);
	return 0;
}

/* What a record says already, and without its end no record (lost.h). */
static const char *head_text(const struct plan *plan, const struct host *host,
			     const struct cell *cell, struct pool *pool)
{
	struct err ignored;
	struct record r;
	const char *json;

	record_init(&r);
	r.id = cell->registry.id;
	fill_plan(plan, host, pool, &r);
	r.time.start_us = cell->start_us;
	r.time.setup_us = cell->setup_us;
	if (record_format(&r, pool, &json, &ignored))
		return "";
	return pool_strndup(pool, json, strlen(json) - 1);
}

void cell_foresee(const struct plan *plan, const struct host *host,
		  struct cell *cell)
{
	struct pool pool = { 0 };
	struct err ignored;

	record_foresee();
	if (!plan->spool)
		return;
	cell->spool = spool_open(plan->spool, geteuid(), &ignored);
	if (cell->spool >= 0)
		cell->reserved = spool_reserve(
			cell->spool, cell->registry.id,
			head_text(plan, host, cell, &pool), &ignored);
	pool_free(&pool);
}

void cell_settle(const struct plan *plan, const struct cell *cell)
{
	struct err ignored;

	if (cell->reserved >= 0 && !plan->spool_rule.unsynced)
		spool_settle(cell->spool, cell->reserved, &ignored);
}

static int write_spool(const struct plan *plan, struct cell *cell,
		       const char *json, struct err *err)
{
	if (cell->spool < 0)
		cell->spool = spool_open(plan->spool, geteuid(), err);
	if (cell->spool < 0 ||
	    spool_write(cell->spool, cell->reserved, cell->registry.id, json,
			&plan->spool_rule, err))
		return -1;
	if (cell->reserved >= 0)
		close(cell->reserved);
	cell->reserved = -1;
	return registry_note(&cell->registry, "recorded", "yes", err);
}

int cell_deliver(const struct plan *plan, struct cell *cell, const char *json,
		 struct err *err)
{
	int ret = 0;

	if (plan->spool && write_spool(plan, cell, json, err))
		ret = -1;
	if (plan->record && write_file(plan->record, json, err))
		ret = -1;
	return ret;
}
