/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "plan/build.h"

/* One limit that was asked for, on its way into the plan. */
struct ask {
	enum option_id id;
	enum cg_limit_kind kind;
	const char *value; /* for the record, and as the user would say it */
	const char *text;  /* for the file */
};

static void ask_list(const struct build *b, const struct plan *plan,
		     struct ask *list, size_t *n)
{
	struct pool *p = b->pool;

	if (plan->cpus)
		list[(*n)++] = (struct ask){
			OPT_CPUS, CG_CPU_MAX,
			pool_printf(p, "%.10g", (double)plan->cpus / 1000),
			pool_printf(p, "%llu 100000",
				    (unsigned long long)plan->cpus * 100)
		};
	if (plan->memory)
		list[(*n)++] = (struct ask){
			OPT_MEMORY, CG_MEMORY_MAX,
			pool_printf(p, "%llu",
				    (unsigned long long)plan->memory),
			pool_printf(p, "%llu", (unsigned long long)plan->memory)
		};
	/* One more than asked for: our PID 1 is in the cell, too. */
	if (plan->pids)
		list[(*n)++] = (struct ask){
			OPT_PIDS, CG_PIDS_MAX,
			pool_printf(p, "%llu", (unsigned long long)plan->pids),
			pool_printf(p, "%llu",
				    (unsigned long long)plan->pids + 1)
		};
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
	} else if (b->site->cgroup_parent) {
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
	if (b->site->cgroup_parent || source == CG_NONE)
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

static int refuse(const struct build *b, struct plan *plan, const char *origin,
		  const char *name, const char *why, struct err *err)
{
	if (b->o->value[OPT_LIMITS].num == LIMITS_ENFORCE)
		return err_set(err, 0, "%s: %s, or use limits=try", origin,
			       why);
	build_pair(b, &plan->missing, &plan->n_missing, name, why);
	return 0;
}

/* Near to each other, or as the policy says; kept by cpuset if possible. */
static int pick_cores(const struct build *b, struct plan *plan, struct err *err)
{
	const char *origin = NULL;

	if (build_places(b, plan, &origin, err)) {
		char why[sizeof(err->text)];

		memcpy(why, err->text, sizeof(why));
		plan->topo = (struct topo_plan){ 0 };
		return refuse(b, plan, origin, "cpuset",
			      pool_strdup(b->pool, why), err);
	}
	if (why_not(b, plan, CG_CPUSET_CPUS))
		return 0;
	plan->cg.limit[CG_CPUSET_CPUS] = plan->topo.cpus;
	if (plan->topo.memory == TOPO_MEM_BIND)
		plan->cg.limit[CG_CPUSET_MEMS] = plan->topo.mems;
	return 0;
}

/* Kept by init, which needs no cgroup for it. */
static int build_time_limit(const struct build *b, struct plan *plan,
			    struct err *err)
{
	const struct option_value *v = &b->o->value[OPT_TIME_LIMIT];

	if (!v->set)
		return 0;
	if (b->job->front == JOB_SLURM && !plan->ns.make[NS_PID])
		return err_set(err, 0,
			       "%s: needs pid=new in Slurm, where the cell's "
			       "init has no other hold on tasks",
			       v->origin);
	return option_seconds(v->text, &plan->time_limit, &plan->time_grace,
			      err);
}

int build_limits(const struct build *b, struct plan *plan, struct err *err)
{
	const struct option_value *v = b->o->value;
	struct ask list[3];
	size_t n = 0;

	plan->cpus = v[OPT_CPUS].num;
	plan->memory = v[OPT_MEMORY].num;
	plan->pids = v[OPT_PIDS].num;
	if (build_time_limit(b, plan, err))
		return -1;
	ask_list(b, plan, list, &n);
	if (!n && b->job->front != JOB_SLURM &&
	    !build_wants_places(b->o, b->job))
		return 0;
	choose_cgroup(b, plan);
	plan->unlimited_ok =
		v[OPT_LIMITS].num == LIMITS_TRY && plan->cg.source != CG_ADOPT;
	for (size_t i = 0; i < n; i++) {
		const char *name = option_table[list[i].id].name;
		const char *why = why_not(b, plan, list[i].kind);

		build_pair(b, &plan->asked, &plan->n_asked, name,
			   list[i].value);
		if (v[OPT_LIMITS].num == LIMITS_OFF) {
			build_pair(b, &plan->missing, &plan->n_missing, name,
				   "limits=off");
		} else if (why) {
			if (refuse(b, plan, v[list[i].id].origin, name, why,
				   err))
				return -1;
		} else {
			plan->cg.limit[list[i].kind] = list[i].text;
			build_pair(b, &plan->enforced, &plan->n_enforced, name,
				   list[i].value);
		}
	}
	if (v[OPT_LIMITS].num == LIMITS_OFF) {
		drop_cgroup(plan);
		return 0;
	}
	/* Swap would let a cell have more than it was given. */
	if (plan->cg.limit[CG_MEMORY_MAX] && b->job->front != JOB_SLURM)
		plan->cg.limit[CG_MEMORY_SWAP_MAX] = "0";
	if (pick_cores(b, plan, err))
		return -1;
	if (!plan->n_enforced && !plan->cg.limit[CG_CPUSET_CPUS] &&
	    !plan->cg.limit[CG_CPUSET_MEMS])
		drop_cgroup(plan);
	return 0;
}
