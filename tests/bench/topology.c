/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "topo/topo.h"

/*
 * Prints the CPU time that it takes to pick on a machine, the median of 21
 * times each: 4,096 PUs, or what SOURCE says (see topo_load). Nothing is
 * asserted.
 *
 *	./bench_topology [SOURCE]
 */
static const struct {
	const char *name;
	enum topo_policy policy;
} policies[] = {
	{ "pack", TOPO_PACK },
	{ "numa", TOPO_NUMA },
	{ "spread", TOPO_SPREAD },
};

enum {
	RUNS = 21,
	CELLS = 5
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int by_time(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int pick(const struct topo *topo, const struct topo_want *want,
		size_t tasks, struct err *err)
{
	struct pool pool = { 0 };
	struct topo_plan *plan = pool_alloc(&pool, (tasks + 1) * sizeof(*plan));
	struct topo_task *task = pool_alloc(&pool, (tasks + 1) * sizeof(*task));
	int r;

	for (size_t i = 0; i < tasks; i++)
		task[i].n = want->n;
	if (tasks)
		r = topo_pick_tasks(topo, NULL, want, task, tasks, &pool, plan,
				    err);
	else
		r = topo_pick(topo, NULL, want, &pool, plan, err);
	pool_free(&pool);
	return r;
}

static int measure(const struct topo *topo, const struct topo_want *want,
		   size_t tasks, struct err *err)
{
	double ms[RUNS];

	for (int i = 0; i < RUNS; i++) {
		double start = now();

		if (pick(topo, want, tasks, err))
			return -1;
		ms[i] = now() - start;
	}
	qsort(ms, RUNS, sizeof(ms[0]), by_time);
	printf(" %9.3f", ms[RUNS / 2]);
	return 0;
}

static int row(const struct topo *topo, enum topo_unit unit, unsigned n,
	       size_t tasks, struct err *err)
{
	char what[64];

	if (tasks)
		snprintf(what, sizeof(what), "%zu tasks of %u", tasks, n);
	else
		snprintf(what, sizeof(what), "a cell of %u", n);
	printf("%-22s %-8s", what, unit == TOPO_CORE ? "cores" : "threads");
	for (size_t p = 0; p < sizeof(policies) / sizeof(policies[0]); p++) {
		const struct topo_want want = { n, policies[p].policy, unit };

		if (measure(topo, &want, tasks, err))
			return -1;
	}
	putchar('\n');
	return 0;
}

static int rows(const struct topo *topo, enum topo_unit unit, unsigned n,
		struct err *err)
{
	const unsigned cells[CELLS] = { 1, n / 64, n / 8, n / 2 + 1, n };

	for (int i = 0; i < CELLS; i++)
		if (cells[i] && row(topo, unit, cells[i], 0, err))
			return -1;
	for (unsigned tasks = 8; tasks <= n; tasks *= 8)
		if (row(topo, unit, n / tasks, tasks, err) ||
		    (n / tasks > 4 &&
		     row(topo, unit, n / tasks - 3, tasks, err)))
			return -1;
	return row(topo, unit, 1, n, err);
}

static unsigned cores_of(const struct topo *topo)
{
	unsigned n = 0;

	/* Those of a core stand side by side. */
	for (size_t i = 0; i < topo->n; i++)
		n += !i || topo->pu[i].core != topo->pu[i - 1].core;
	return n;
}

int main(int argc, char *argv[])
{
	const char *source = "synthetic:package:8 group:4 [numa] l3:4 core:16 "
			     "pu:2(indexes=core)";
	struct pool pool = { 0 };
	struct topo topo;
	struct err err;
	int r;

	if (argc > 1)
		source = argv[1];
	r = topo_load(source, &pool, &topo, &err);
	if (!r) {
		printf("%s: %zu PUs, ms of CPU time\n%-31s", source, topo.n,
		       "");
		for (size_t p = 0; p < 3; p++)
			printf(" %9s", policies[p].name);
		putchar('\n');
		r = rows(&topo, TOPO_CORE, cores_of(&topo), &err) ||
		    rows(&topo, TOPO_THREAD, (unsigned)topo.n, &err);
	}
	if (r)
		fprintf(stderr, "bench_topology: %s\n", err.text);
	pool_free(&pool);
	return r ? 1 : 0;
}
