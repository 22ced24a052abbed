/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "plan/build.h"

/*
 * Slurm says how many tasks a step has on the node and how many CPUs a task
 * has; which ones is ours to say only where a policy is asked for, and only
 * among those that no other job has.
 */

static bool places_cpus(const struct options *o)
{
	const struct option_value *policy = &o->value[OPT_CPU_POLICY];

	return policy->set && policy->num != POLICY_INHERIT;
}

bool build_wants_tasks(const struct options *o, const struct job *job)
{
	return job->front == JOB_SLURM &&
	       (places_cpus(o) || o->value[OPT_MEM_POLICY].set);
}

/*
 * As many units as Slurm gives a task CPUs, or as there are for each: what
 * Slurm calls a CPU is a core on one site and a thread on the next. Threads,
 * where there are fewer cores than tasks.
 */
static int share(const struct build *b, const char *allowed,
		 struct topo_want *want, struct err *err)
{
	const struct job *job = b->job;
	unsigned all;

	if (topo_units(&b->host->topo, allowed, want->unit, &all, err))
		return -1;
	if (all < job->tasks && want->unit == TOPO_CORE) {
		want->unit = TOPO_THREAD;
		return share(b, allowed, want, err);
	}
	if (all < job->tasks)
		return err_set(err, 0,
			       "%u tasks cannot have a CPU each out of %s: use "
			       "cpu-policy=inherit",
			       job->tasks, allowed);
	want->n = all / job->tasks;
	if (job->task_cpus && job->task_cpus < want->n)
		want->n = job->task_cpus;
	return 0;
}

static int pick(const struct build *b, struct plan *plan, struct err *err)
{
	const char *allowed = b->host->affinity;
	struct topo_want want = build_want(b);
	struct topo_task *task;

	if (!b->job->confined)
		return err_set(err, 0,
			       "Slurm keeps no CPUs for the step alone to "
			       "pick from (ConstrainCores of cgroup.conf)");
	if (share(b, allowed, &want, err))
		return -1;
	task = pool_alloc(b->pool, plan->n_tasks * sizeof(*task));
	for (size_t i = 0; i < plan->n_tasks; i++)
		task[i].n = want.n;
	return topo_pick_tasks(&b->host->topo, allowed, &want, task,
			       plan->n_tasks, b->pool, plan->task, err);
}

/* Slurm's own, unless the user has another wish. */
static int place_memory(const struct build *b, struct plan *plan,
			struct err *err)
{
	for (size_t i = 0; i < plan->n_tasks; i++) {
		struct topo_plan *p = &plan->task[i];

		if (b->o->value[OPT_MEM_POLICY].set) {
			if (build_memory(b, p, err))
				return -1;
			continue;
		}
		p->memory = TOPO_MEM_INHERIT;
		p->mems = NULL;
	}
	return 0;
}

/* What is in any of the lists; NULL if there are none. */
static int unite(const struct build *b, const char *const *list, size_t n,
		 const char **ret, struct err *err)
{
	size_t size = 1;
	char *all, *end;

	for (size_t i = 0; i < n; i++)
		size += list[i] ? strlen(list[i]) + 1 : 0;
	if (size == 1)
		return 0;
	all = end = pool_alloc(b->pool, size);
	for (size_t i = 0; i < n; i++)
		if (list[i])
			end += sprintf(end, "%s%s", end > all ? "," : "",
				       list[i]);
	return topo_common(all, all, b->pool, ret, err);
}

/* For the record. */
static int sum_up(const struct build *b, struct plan *plan, struct err *err)
{
	size_t n = plan->n_tasks;
	const char **cpus = pool_alloc(b->pool, n * sizeof(*cpus));
	const char **mems = pool_alloc(b->pool, n * sizeof(*mems));

	for (size_t i = 0; i < n; i++) {
		cpus[i] = plan->task[i].cpus;
		mems[i] = plan->task[i].mems;
		plan->topo.memory = plan->task[i].memory;
	}
	return unite(b, cpus, n, &plan->topo.cpus, err) ||
			       unite(b, mems, n, &plan->topo.mems, err)
		       ? -1
		       : 0;
}

int build_tasks(const struct build *b, struct plan *plan,
		enum option_id *ret_id, struct err *err)
{
	if (!build_wants_tasks(b->o, b->job))
		return 0;
	plan->n_tasks = b->job->tasks;
	plan->task = pool_alloc(b->pool, plan->n_tasks * sizeof(*plan->task));
	*ret_id = OPT_CPU_POLICY;
	if (places_cpus(b->o) && pick(b, plan, err))
		return -1;
	*ret_id = OPT_MEM_POLICY;
	if (place_memory(b, plan, err))
		return -1;
	return sum_up(b, plan, err);
}
