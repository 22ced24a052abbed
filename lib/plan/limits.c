/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "plan/build.h"
#include "plan/part.h"

/* One limit that was asked for, on its way into the plan. */
struct ask {
	enum option_id id;
	enum cg_limit_kind kind;
	const char *value; /* for the record, and as the user would say it */
	const char *text;  /* for the file */
};

struct asks {
	struct ask list[CG_LIMITS];
	size_t n;
};

static void ask(struct asks *asks, enum option_id id, enum cg_limit_kind kind,
		const char *value, const char *text)
{
	asks->list[asks->n++] = (struct ask){ id, kind, value, text };
}

static const char *number(const struct build *b, uint64_t n)
{
	return pool_printf(b->pool, "%llu", (unsigned long long)n);
}

/* Those whose number is what the kernel is told. */
static void ask_numbers(const struct build *b, struct asks *asks)
{
	static const struct {
		enum option_id id;
		enum cg_limit_kind kind;
	} rows[] = {
		{ OPT_CPU_WEIGHT, CG_CPU_WEIGHT },
		{ OPT_MEMORY, CG_MEMORY_MAX },
		{ OPT_MEMORY_HIGH, CG_MEMORY_HIGH },
		{ OPT_SWAP, CG_MEMORY_SWAP_MAX },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct option_value *v = &b->o->value[rows[i].id];

		if (v->set)
			ask(asks, rows[i].id, rows[i].kind, number(b, v->num),
			    number(b, v->num));
	}
}

/* Of ours, where the limit counts: PID 1, and Slurm's tasks have a shim each.
 */
static uint64_t own_processes(const struct build *b, const struct plan *plan)
{
	return 1 + (b->job->front == JOB_SLURM && plan->ns.make[NS_PID]
			    ? b->job->tasks
			    : 0);
}

static void ask_list(const struct build *b, const struct plan *plan,
		     struct asks *asks)
{
	if (plan->cpus)
		ask(asks, OPT_CPUS, CG_CPU_MAX,
		    pool_printf(b->pool, "%.10g", (double)plan->cpus / 1000),
		    pool_printf(b->pool, "%llu 100000",
				(unsigned long long)plan->cpus * 100));
	ask_numbers(b, asks);
	if (plan->pids)
		ask(asks, OPT_PIDS, CG_PIDS_MAX, number(b, plan->pids),
		    number(b, plan->pids + own_processes(b, plan)));
}

/* By the queue, for this job; where root does that, the site's is root's. */
static bool given_own(const struct build *b)
{
	return b->host->cg.own_delegated && !b->host->privileged &&
	       strcmp(b->job->scheduler.name, "none") != 0;
}

/* The cgroup to work in: the queue's, the site's, ours, or systemd's. */
static void choose_cgroup(const struct build *b, struct plan *plan)
{
	const struct cg_host *cg = &b->host->cg;
	struct cg_plan *p = &plan->cg;

	p->name = "cloison";
	if (b->job->front == JOB_SLURM) {
		p->source = b->job->cgroup ? CG_ADOPT : CG_NONE;
		p->parent = b->job->cgroup;
	} else if (b->site->cgroup_parent && !given_own(b)) {
		p->source = CG_BELOW;
		p->parent = b->site->cgroup_parent;
	} else if (cg->own_delegated) {
		p->source = CG_BELOW;
		p->parent = cg->own;
	} else if (cg->systemd && !strcmp(b->job->scheduler.name, "none")) {
		/* Not in a queue's job: a scope would take it from the queue.
		 */
		p->source = CG_SCOPE;
	}
}

/* Nothing is to be kept: no cgroup but the one a scheduler made. */
static void drop_cgroup(struct plan *plan)
{
	if (plan->cg.source == CG_ADOPT)
		return;
	plan->cg.source = CG_NONE;
	plan->cg.parent = NULL;
}

/* Why the cgroup chosen cannot carry a limit; NULL when it can. */
static const char *why_not(const struct build *b, const struct plan *plan,
			   enum cg_limit_kind kind)
{
	struct cg_host host = b->host->cg;
	enum cg_source source = plan->cg.source;
	char why[200];

	/* What the site names is asked when it is used, not before. */
	if (plan->cg.parent == b->site->cgroup_parent || source == CG_NONE)
		host.delegated = host.available;
	if (cg_missing(&host, source == CG_NONE ? CG_BELOW : source, kind, why,
		       sizeof(why)))
		return pool_strdup(b->pool, why);
	if (source != CG_NONE)
		return NULL;
	return pool_printf(b->pool,
			   "no cgroup of our own: %s is not delegated, and "
			   "systemd is not there or not to be asked in a "
			   "queue's job (site file: cgroup-parent)",
			   *host.own ? host.own : "ours");
}

/* A limit as well, where the user says which CPUs. */
static bool names_cpus(const struct build *b)
{
	return b->o->value[OPT_CPUSET].set && b->job->front != JOB_SLURM;
}

static int refuse(const struct build *b, struct plan *plan, const char *origin,
		  const char *name, const char *why, struct err *err)
{
	if (b->o->value[OPT_LIMITS].num == LIMITS_ENFORCE)
		return err_set(err, 0, "%s: %s, or use limits=try", origin,
			       why);
	build_pair(b, &plan->missing, &plan->n_missing, name, why);
	return 0;
}

/* Tasks are bound, and Slurm's cpusets left alone. */
static int pick_tasks(const struct build *b, struct plan *plan, struct err *err)
{
	enum option_id id;

	if (!build_tasks(b, plan, &id, err))
		return 0;
	plan->topo = (struct topo_plan){ 0 };
	plan->n_tasks = 0;
	return refuse(b, plan, b->o->value[id].origin, option_table[id].name,
		      pool_strdup(b->pool, err->text), err);
}

/* Near to each other, or as the policy says; kept by cpuset if possible. */
static int pick_cores(const struct build *b, struct plan *plan, struct err *err)
{
	const char *origin = NULL;
	int r = build_places(b, plan, &origin, err);

	/* Nothing that the host could not do: limits=try is not about it. */
	if (r > 0)
		return err_prefix(err, "%s", origin);
	if (r) {
		char why[sizeof(err->text)];

		memcpy(why, err->text, sizeof(why));
		plan->topo = (struct topo_plan){ 0 };
		return refuse(b, plan, origin, "cpuset",
			      pool_strdup(b->pool, why), err);
	}
	if (why_not(b, plan, CG_CPUSET_CPUS))
		return 0;
	plan->cg.limit[CG_CPUSET_CPUS] = plan->topo.cpus;
	if (names_cpus(b))
		build_pair(b, &plan->enforced, &plan->n_enforced, "cpuset",
			   plan->topo.cpus);
	if (plan->topo.memory == TOPO_MEM_BIND)
		plan->cg.limit[CG_CPUSET_MEMS] = plan->topo.mems;
	return 0;
}

/*
 * Limits on disks and pages. What cannot be found is not asked of the kernel,
 * but told like everything else that it cannot keep.
 */
static int ask_parts(const struct build *b, struct plan *plan,
		     struct asks *asks, struct err *err)
{
	static const struct {
		enum option_id id;
		enum cg_limit_kind kind;
	} rows[] = {
		{ OPT_IO_MAX, CG_IO_MAX },
		{ OPT_IO_WEIGHT, CG_IO_WEIGHT },
		{ OPT_HUGETLB, CG_HUGETLB_MAX },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *name = option_table[rows[i].id].name;
		const char *asked, *text, *why;

		if (!part_text(b->o, rows[i].id, b->host, b->pool, &asked,
			       &text, err)) {
			if (text)
				ask(asks, rows[i].id, rows[i].kind, asked,
				    text);
			continue;
		}
		build_pair(b, &plan->asked, &plan->n_asked, name, asked);
		why = pool_strdup(b->pool, err->text);
		if (refuse(b, plan, b->o->value[rows[i].id].origin, name, why,
			   err))
			return -1;
	}
	return 0;
}

/*
 * A time kept by init. In Slurm it has no hold on tasks but as PID 1 of their
 * PID namespace.
 */
static int build_seconds(const struct build *b, const struct plan *plan,
			 enum option_id id, uint64_t *ret_limit,
			 uint64_t *ret_grace, struct err *err)
{
	const struct option_value *v = &b->o->value[id];

	if (!v->set)
		return 0;
	if (b->job->front == JOB_SLURM && !plan->ns.make[NS_PID])
		return err_set(err, 0,
			       "%s: needs pid=new in Slurm, where the cell's "
			       "init has no other hold on tasks",
			       v->origin);
	return option_seconds(v->text, ret_limit, ret_grace, err);
}

/* Counted by the cgroup or, for want of one, in the PID namespace. */
static bool cpu_time_needs_cgroup(const struct build *b,
				  const struct plan *plan)
{
	return plan->cpu_time &&
	       (b->job->front == JOB_SLURM || !plan->ns.make[NS_PID]);
}

static int check_cpu_time(const struct build *b, struct plan *plan,
			  struct err *err)
{
	const struct option_value *v = &b->o->value[OPT_CPU_TIME];

	if (!cpu_time_needs_cgroup(b, plan) || plan->cg.source != CG_NONE)
		return 0;
	plan->cpu_time = 0;
	return refuse(b, plan, v->origin, option_table[OPT_CPU_TIME].name,
		      "needs a cgroup of the cell's own to count in, or "
		      "pid=new",
		      err);
}

/*
 * Half a cell is of no use to a job. In Slurm it is all tasks of the step that
 * would go, and Slurm has its own say on that.
 */
static void group_oom(const struct build *b, struct plan *plan)
{
	const struct option_value *v = &b->o->value[OPT_OOM_GROUP];
	bool slurm = b->job->front == JOB_SLURM;

	if (v->set ? v->num == OOM_GROUP_NO : slurm)
		return;
	if (!plan->cg.limit[CG_MEMORY_MAX] &&
	    (!slurm || why_not(b, plan, CG_MEMORY_OOM_GROUP)))
		return;
	plan->cg.limit[CG_MEMORY_OOM_GROUP] = "1";
}

/*
 * For the record, and only in a tree that is ours to divide. The cpu
 * controller would add nothing without a limit, as the kernel counts CPU time
 * in every cgroup, but have the cell scheduled as one.
 */
static void count_use(struct plan *plan)
{
	if (plan->cg.source == CG_BELOW || plan->cg.source == CG_SCOPE)
		plan->cg.measure = CG_MEMORY | CG_PIDS | CG_IO;
}

static int enforce(const struct build *b, struct plan *plan,
		   const struct ask *a, struct err *err)
{
	const char *name = option_table[a->id].name;
	const char *why = why_not(b, plan, a->kind);

	build_pair(b, &plan->asked, &plan->n_asked, name, a->value);
	/* The queue keeps it in its own way. */
	if (b->o->value[a->id].by_queue &&
	    (why || b->o->value[OPT_LIMITS].num == LIMITS_OFF))
		return 0;
	if (b->o->value[OPT_LIMITS].num == LIMITS_OFF) {
		build_pair(b, &plan->missing, &plan->n_missing, name,
			   "limits=off");
		return 0;
	}
	if (why)
		return refuse(b, plan, b->o->value[a->id].origin, name, why,
			      err);
	plan->cg.limit[a->kind] = a->text;
	/* Of several limits on one thing the lowest is. */
	build_pair(b, &plan->enforced, &plan->n_enforced, name,
		   option_table[a->id].kind == OPTION_PART ? a->text
							   : a->value);
	return 0;
}

/* Whether anybody but the queue wants something kept by a cgroup. */
static bool wants_cgroup(const struct build *b, const struct plan *plan,
			 const struct asks *asks)
{
	for (size_t i = 0; i < asks->n; i++)
		if (!b->o->value[asks->list[i].id].by_queue)
			return true;
	return build_wants_places(b->o, b->job) ||
	       cpu_time_needs_cgroup(b, plan);
}

int build_limits(const struct build *b, struct plan *plan, struct err *err)
{
	const struct option_value *v = b->o->value;
	struct asks asks = { .n = 0 };

	plan->cpus = v[OPT_CPUS].num;
	plan->memory = v[OPT_MEMORY].num;
	plan->pids = v[OPT_PIDS].num;
	if (build_seconds(b, plan, OPT_TIME_LIMIT, &plan->time_limit,
			  &plan->time_grace, err) ||
	    build_seconds(b, plan, OPT_CPU_TIME, &plan->cpu_time,
			  &plan->cpu_grace, err))
		return -1;
	plan->unbound_ok = v[OPT_LIMITS].num == LIMITS_TRY;
	ask_list(b, plan, &asks);
	if (ask_parts(b, plan, &asks, err))
		return -1;
	if (names_cpus(b))
		build_pair(b, &plan->asked, &plan->n_asked, "cpuset",
			   v[OPT_CPUSET].text);
	if (!asks.n && b->job->front != JOB_SLURM &&
	    !build_wants_places(b->o, b->job) &&
	    !cpu_time_needs_cgroup(b, plan))
		return 0;
	choose_cgroup(b, plan);
	plan->unasked = !wants_cgroup(b, plan, &asks);
	plan->unlimited_ok =
		(v[OPT_LIMITS].num == LIMITS_TRY || plan->unasked) &&
		plan->cg.source != CG_ADOPT;
	for (size_t i = 0; i < asks.n; i++)
		if (enforce(b, plan, &asks.list[i], err))
			return -1;
	if (v[OPT_LIMITS].num == LIMITS_OFF) {
		drop_cgroup(plan);
		if (names_cpus(b))
			build_pair(b, &plan->missing, &plan->n_missing,
				   "cpuset", "limits=off");
		return check_cpu_time(b, plan, err);
	}
	/* Swap would let a cell have more than it was given. */
	if (plan->cg.limit[CG_MEMORY_MAX] && b->job->front != JOB_SLURM &&
	    !v[OPT_SWAP].set) {
		plan->cg.limit[CG_MEMORY_SWAP_MAX] = "0";
		plan->cg.optional[CG_MEMORY_SWAP_MAX] = true;
	}
	group_oom(b, plan);
	if (b->job->front == JOB_SLURM ? pick_tasks(b, plan, err)
				       : pick_cores(b, plan, err))
		return -1;
	if (check_cpu_time(b, plan, err))
		return -1;
	if (!plan->n_enforced && !plan->cg.limit[CG_CPUSET_CPUS] &&
	    !plan->cg.limit[CG_CPUSET_MEMS] && !cpu_time_needs_cgroup(b, plan))
		drop_cgroup(plan);
	count_use(plan);
	return 0;
}
