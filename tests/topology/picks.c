/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "topo/topo.h"

/*
 * Prints what is picked on a machine, for every policy and unit and for one to
 * all of them, and for steps of one to eight tasks and of as many as there
 * are. The machine is a file with the lines
 *
 *	source SOURCE	see topo_load; of xml:FILE, FILE is beside this one
 *	allowed LIST	CPUs that may be used, all if not given
 *
 * and comments (#), or it is xml:FILE itself.
 */
struct machine {
	struct pool pool;
	struct topo topo;
	const char *allowed;
	const char *source;
};

static const struct {
	const char *name;
	enum topo_policy policy;
} policies[] = {
	{ "pack", TOPO_PACK },
	{ "numa", TOPO_NUMA },
	{ "spread", TOPO_SPREAD },
};
static const struct {
	const char *name;
	enum topo_unit unit;
} units[] = { { "core", TOPO_CORE }, { "thread", TOPO_THREAD } };

enum {
	POLICIES = sizeof(policies) / sizeof(policies[0]),
	WIDTH = 160,
	TASKS = 8
};

static _Noreturn void die(const struct err *err, const char *what)
{
	fprintf(stderr, "picks: %s: %s\n", what, err->text);
	exit(2);
}

/* A line for a reader; of long ones the end as a sum (FNV-1a). */
static void put(const char *text)
{
	unsigned long sum = 0xcbf29ce484222325;
	int cut = WIDTH;

	if (strlen(text) <= WIDTH) {
		puts(text);
		return;
	}
	for (const char *p = text; *p; p++)
		sum = (sum ^ (unsigned char)*p) * 0x100000001b3;
	while (cut && text[cut - 1] != ',' && text[cut - 1] != ' ')
		cut--;
	printf("%.*s... %016lx\n", cut, text, sum);
}

static void read_line(struct machine *m, const char *line, const char *dir)
{
	struct pool *pool = &m->pool;
	size_t len = strcspn(line, "\n");

	if (!strncmp(line, "source xml:", 11))
		m->source = pool_printf(pool, "xml:%s/%.*s", dir,
					(int)(len - 11), line + 11);
	else if (!strncmp(line, "source ", 7))
		m->source = pool_strndup(pool, line + 7, len - 7);
	else if (!strncmp(line, "allowed ", 8))
		m->allowed = pool_strndup(pool, line + 8, len - 8);
}

static void read_machine(struct machine *m, const char *file)
{
	const char *slash = strrchr(file, '/');
	struct err err = { 0 };
	char line[1024];

	m->source = file;
	if (strncmp(file, "xml:", 4) != 0) {
		cleanup_file FILE *f = fopen(file, "r");
		const char *dir = ".";

		if (slash)
			dir = pool_strndup(&m->pool, file,
					   (size_t)(slash - file));
		if (!f) {
			perror(file);
			exit(2);
		}
		while (fgets(line, sizeof(line), f))
			read_line(m, line, dir);
	}
	if (topo_load(m->source, &m->pool, &m->topo, &err))
		die(&err, file);
}

/* 1 2 3 4 6 8 12 ..., and the last. */
static unsigned next(unsigned n, unsigned last)
{
	unsigned step = n < 4 ? 1 : n & (n - 1) ? n / 3 : n / 2;

	return n < last && n + step > last ? last : n + step;
}

static struct topo_plan pick(struct machine *m, const struct topo_want *want)
{
	struct topo_plan plan;
	struct err err;

	if (topo_pick(&m->topo, m->allowed, want, &m->pool, &plan, &err))
		die(&err, "topo_pick");
	return plan;
}

/* How many there are: as many as can be picked. */
static unsigned count(struct machine *m, enum topo_unit unit)
{
	struct topo_want want = { .policy = TOPO_PACK, .unit = unit };
	unsigned low = 1, high = (unsigned)m->topo.n + 1;
	struct topo_plan plan;
	struct err err;

	while (high - low > 1) {
		want.n = (low + high) / 2;
		if (topo_pick(&m->topo, m->allowed, &want, &m->pool, &plan,
			      &err))
			high = want.n;
		else
			low = want.n;
	}
	return low;
}

static void cells(struct machine *m, int policy, int unit, unsigned last)
{
	struct topo_want want = { .policy = policies[policy].policy,
				  .unit = units[unit].unit };

	for (want.n = 1; want.n <= last; want.n = next(want.n, last)) {
		struct topo_plan plan = pick(m, &want);

		printf("%s %u %s%s", policies[policy].name, want.n,
		       units[unit].name, want.n > 1 ? "s" : "");
		printf(", memory %s: ", plan.mems ? plan.mems : "-");
		put(plan.cpus);
	}
}

static void step(struct machine *m, int policy, int unit, unsigned tasks,
		 unsigned size)
{
	const struct topo_want want = { .policy = policies[policy].policy,
					.unit = units[unit].unit };
	struct topo_task *task = pool_alloc(&m->pool, tasks * sizeof(*task));
	struct topo_plan *plan = pool_alloc(&m->pool, tasks * sizeof(*plan));
	char *text = NULL;
	struct err err;
	size_t len;
	FILE *f;

	for (unsigned i = 0; i < tasks; i++)
		task[i].n = size;
	if (topo_pick_tasks(&m->topo, m->allowed, &want, task, tasks, &m->pool,
			    plan, &err))
		die(&err, "topo_pick_tasks");
	f = open_memstream(&text, &len);
	if (!f)
		exit(2);
	for (unsigned i = 0; i < tasks; i++)
		fprintf(f, "%s%s", i ? " " : "", plan[i].cpus);
	if (fclose(f))
		exit(2);
	printf("%s %u tasks of %u %s%s: ", policies[policy].name, tasks, size,
	       units[unit].name, size > 1 ? "s" : "");
	put(text);
	free(text);
}

static void steps(struct machine *m, int policy, int unit, unsigned last)
{
	for (unsigned n = 2; n <= TASKS && n <= last; n++) {
		step(m, policy, unit, n, 1);
		/* Most of the machine, and less than half of it. */
		if (last / n > 1)
			step(m, policy, unit, n, last / n);
		if (last / n / 3 > 1)
			step(m, policy, unit, n, last / n / 3);
	}
	if (last > TASKS)
		step(m, policy, unit, last, 1);
}

int main(int argc, char *argv[])
{
	struct machine m = { 0 };
	unsigned last[2];

	if (argc != 2) {
		fputs("usage: picks FILE | xml:FILE\n", stderr);
		return 2;
	}
	read_machine(&m, argv[1]);
	for (int u = 0; u < 2; u++)
		last[u] = count(&m, units[u].unit);
	printf("%u cores, %u threads, memory nodes %s\n", last[0], last[1],
	       m.topo.mems);
	/* Without SMT a thread is a core. */
	for (int u = 0; u < 1 + (last[1] > last[0]); u++)
		for (int p = 0; p < POLICIES; p++)
			cells(&m, p, u, last[u]);
	for (int u = 0; u < 1 + (last[1] > last[0]); u++)
		for (int p = 0; p < POLICIES; p++)
			steps(&m, p, u, last[u]);
	pool_free(&m.pool);
	return 0;
}
