/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "plan/build.h"

enum {
	/*
	 * The queue ends a job that is out of time, so that its own accounting
	 * says why: the cell's limit is for a queue whose daemon is not there.
	 */
	LATER = 10
};

/* As the user would write it, and as the kernel or init is told. */
static const char *amount(enum option_id id, uint64_t n, struct pool *pool)
{
	if (id == OPT_CPUS)
		return pool_printf(pool, "%.10g", (double)n / 1000);
	return pool_printf(pool, "%llu", (unsigned long long)n);
}

/* Without the grace, which is part of the number. */
static uint64_t wished(const struct option_value *v, enum option_id id)
{
	uint64_t limit, grace;
	struct err ignored;

	if (id != OPT_TIME_LIMIT ||
	    option_seconds(v->text, &limit, &grace, &ignored))
		return v->num;
	return limit;
}

/* Part of what the site wants, whatever its profile hides around it. */
static void show_dir(const struct job *job, struct pool *pool,
		     struct options *o)
{
	if (job->front != JOB_WRAPPER || !job->dir)
		return;
	*(struct option_mount *)pool_push(pool, &o->mount, &o->n_mounts,
					  sizeof(*o->mount)) =
		(struct option_mount){
			.id = OPT_RW,
			.src = job->dir,
			.dst = job->dir,
			.origin = job->scheduler.name,
		};
}

int build_given(const struct options *wish, const struct job *job,
		struct pool *pool, struct options *o, struct err *err)
{
	const struct {
		enum option_id id;
		uint64_t given, later;
		const char *unit;
	} rows[] = {
		{ OPT_CPUS, job->cpus, 0, "" },
		{ OPT_MEMORY, job->memory, 0, " bytes" },
		{ OPT_TIME_LIMIT, job->seconds, LATER, " s" },
	};

	/* Slurm keeps its own. */
	for (size_t i = 0;
	     job->front == JOB_WRAPPER && i < sizeof(rows) / sizeof(rows[0]);
	     i++) {
		enum option_id id = rows[i].id;
		const struct option_value *w = &wish->value[id];
		struct option_value *v = &o->value[id];
		uint64_t n = rows[i].given + rows[i].later;

		if (!rows[i].given)
			continue;
		if (w->set && wished(w, id) > rows[i].given)
			return err_set(err, 0,
				       "%s: '%s' is more than the %s%s that "
				       "%s gives the job: ask the queue for "
				       "more",
				       w->origin, w->text,
				       amount(id, rows[i].given, pool),
				       rows[i].unit, job->scheduler.name);
		if (w->set || (v->set && wished(v, id) <= n))
			continue;
		*v = (struct option_value){
			.set = true,
			/* The site wants a limit kept, be it another. */
			.by_queue = !v->set,
			.num = n,
			.text = amount(id, n, pool),
			.origin = job->scheduler.name,
		};
	}
	show_dir(job, pool, o);
	/* What the queue gives is time: which cores is for it, or the user. */
	if (o->value[OPT_CPUS].by_queue && !o->value[OPT_CPU_POLICY].set)
		o->value[OPT_CPU_POLICY] = (struct option_value){
			.set = true,
			.num = POLICY_INHERIT,
			.text = option_table[OPT_CPU_POLICY]
					.words[POLICY_INHERIT],
			.origin = job->scheduler.name,
		};
	return 0;
}
