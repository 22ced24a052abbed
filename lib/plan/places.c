/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "plan/build.h"

/* The words of cpu-policy and mem-policy, as lib/topo knows them. */
static const enum topo_policy policies[] = {
	[POLICY_INHERIT] = TOPO_INHERIT,
	[POLICY_PACK] = TOPO_PACK,
	[POLICY_SPREAD] = TOPO_SPREAD,
	[POLICY_NUMA] = TOPO_NUMA,
};
static const enum topo_memory memories[] = {
	[MEMORY_BIND] = TOPO_MEM_BIND,
	[MEMORY_PREFERRED] = TOPO_MEM_PREFERRED,
	[MEMORY_INTERLEAVE] = TOPO_MEM_INTERLEAVE,
	[MEMORY_LOCAL] = TOPO_MEM_LOCAL,
	[MEMORY_NONE] = TOPO_MEM_INHERIT,
};

bool build_wants_places(const struct options *o, const struct job *job)
{
	const struct option_value *policy = &o->value[OPT_CPU_POLICY];

	/* Slurm has placed its tasks already: see build_tasks. */
	if (job->front == JOB_SLURM)
		return false;
	if (o->value[OPT_CPUSET].set || o->value[OPT_MEM_POLICY].set)
		return true;
	return o->value[OPT_CPUS].set &&
	       !(policy->set && policy->num == POLICY_INHERIT);
}

/* `list` out of `found`, which NULL has all of. */
static int check_list(const char *list, const char *found, const char *what,
		      struct pool *pool, struct err *err)
{
	const char *missing;

	if (!found)
		return 0;
	if (topo_without(list, found, pool, &missing, err))
		return -1;
	if (!*missing)
		return 0;
	return err_set(err, 0, "%s %s cannot be used here (only %s)", what,
		       missing, found);
}

/* The CPUs to choose from, and whether the user has said which. */
static int allowed_cpus(const struct build *b, const char **ret,
			struct err *err)
{
	const struct option_value *v = &b->o->value[OPT_CPUSET];
	const char *all = b->host->affinity;

	*ret = all;
	if (!v->set)
		return 0;
	if (check_list(v->text, all, "CPUs", b->pool, err))
		return -1;
	/* In the kernel's own spelling. */
	return topo_common(v->text, v->text, b->pool, ret, err);
}

struct topo_want build_want(const struct build *b)
{
	const struct option_value *v = b->o->value;

	return (struct topo_want){
		.policy = policies[v[OPT_CPU_POLICY].num],
		.unit = v[OPT_CPU_UNIT].num == UNIT_THREAD ? TOPO_THREAD
							   : TOPO_CORE,
	};
}

static int place_cpus(const struct build *b, struct plan *plan, struct err *err)
{
	const struct option_value *v = b->o->value;
	struct topo_want want = build_want(b);
	struct topo_plan *p = &plan->topo;
	const char *allowed;
	int r;

	want.n = (unsigned)((plan->cpus + 999) / 1000);
	if (allowed_cpus(b, &allowed, err))
		return -1;
	if (plan->cpus && want.policy != TOPO_INHERIT)
		return build_cores(b, allowed, &want, plan, err);
	if (!v[OPT_CPUSET].set)
		return 0;
	r = build_claim(b, allowed, plan, err);
	if (r)
		return r;
	p->cpus = allowed;
	p->bind = true;
	if (topo_nodes(&b->host->topo, allowed, b->pool, &p->mems, err))
		return -1;
	p->memory = p->mems ? TOPO_MEM_BIND : TOPO_MEM_INHERIT;
	return 0;
}

/* The nodes of the CPUs, of which a cgroup may have taken some away. */
static int nearest_nodes(const struct build *b, struct topo_plan *p,
			 struct err *err)
{
	const struct host *host = b->host;

	if (!p->mems &&
	    topo_nodes(&host->topo, p->cpus ? p->cpus : host->affinity, b->pool,
		       &p->mems, err))
		return -1;
	if (!p->mems || !host->mems)
		return 0;
	if (topo_common(p->mems, host->mems, b->pool, &p->mems, err))
		return -1;
	if (!*p->mems)
		p->mems = NULL;
	return 0;
}

int build_memory(const struct build *b, struct topo_plan *p, struct err *err)
{
	const struct option_value *v = &b->o->value[OPT_MEM_POLICY];
	const char *list = NULL;
	int word = MEMORY_BIND;

	if (v->set && option_memory(v->text, &word, &list, err))
		return -1;
	if (v->set)
		p->memory = memories[word];
	if (p->memory == TOPO_MEM_INHERIT || p->memory == TOPO_MEM_LOCAL) {
		p->mems = NULL;
		p->bind |= p->memory == TOPO_MEM_LOCAL;
		return 0;
	}
	p->bind = true;
	if (list) {
		if (check_list(list, b->host->mems, "memory nodes", b->pool,
			       err))
			return -1;
		return topo_common(list, list, b->pool, &p->mems, err);
	}
	if (nearest_nodes(b, p, err))
		return -1;
	if (!p->mems && v->set)
		return err_set(err, 0,
			       "no memory node of these CPUs can be used");
	if (!p->mems)
		p->memory = TOPO_MEM_INHERIT;
	return 0;
}

int build_places(const struct build *b, struct plan *plan,
		 const char **ret_origin, struct err *err)
{
	const struct option_value *v = b->o->value;
	int r;

	if (!build_wants_places(b->o, b->job))
		return 0;
	*ret_origin =
		v[OPT_CPUSET].set ? v[OPT_CPUSET].origin : v[OPT_CPUS].origin;
	r = place_cpus(b, plan, err);
	if (r)
		return r;
	*ret_origin = v[OPT_MEM_POLICY].origin;
	return build_memory(b, &plan->topo, err);
}
