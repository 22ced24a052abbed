/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "found.h"
#include "run/cell.h"
#include "show.h"
#include "wrapper.h"

enum {
	COLUMNS = 10
};

static const char *pid(pid_t n, struct pool *pool)
{
	return n > 0 ? pool_printf(pool, "%d", (int)n) : "-";
}

static void row(const struct found *f, struct pool *pool,
		const char *ret[static COLUMNS])
{
	const struct entry *e = &f->entry;
	const struct process *p = f->now.payload;

	ret[0] = show_id(e->id);
	ret[1] = show_text(e->job, pool);
	ret[2] = show_text(e->step, pool);
	ret[3] = show_text(e->user, pool);
	ret[4] = show_text(e->profile, pool);
	ret[5] = pid(p ? p->pid : 0, pool);
	ret[6] = pid(p ? p->inside : 0, pool);
	ret[7] = f->now.alive ? show_age(e->start_us, pool) : "dead";
	ret[8] = show_of(f->now.memory, e->memory, pool);
	ret[9] = show_of(f->now.scratch, e->scratch, pool);
}

static void print_table(const struct finds *finds, struct pool *pool)
{
	static const char *const head[COLUMNS] = {
		"CELL", "JOB",    "STEP", "USER",   "PROFILE",
		"PID",  "INSIDE", "AGE",  "MEMORY", "SCRATCH",
	};
	const char **text = pool_alloc(pool, (finds->n + 1) * sizeof(head));

	memcpy(text, head, sizeof(head));
	for (size_t i = 0; i < finds->n; i++)
		row(&finds->list[i], pool, text + (i + 1) * COLUMNS);
	show_table(text, finds->n + 1, COLUMNS);
}

static void add_process(struct json_object *o, const char *key,
			const struct process *p)
{
	struct json_object *pids;

	if (!p)
		return;
	pids = show_object();
	show_add_number(pids, "pid", p->pid);
	show_add_number(pids, "inside", p->inside);
	show_add_object(o, key, pids);
}

static struct json_object *cell_object(const struct found *f, struct pool *pool)
{
	const struct entry *e = &f->entry;
	struct json_object *o = show_object();

	show_add_text(o, "id", e->id, pool);
	show_add_boolean(o, "alive", f->now.alive);
	show_add_text(o, "scheduler", e->scheduler, pool);
	show_add_text(o, "cluster", e->cluster, pool);
	show_add_text(o, "job", e->job, pool);
	show_add_text(o, "step", e->step, pool);
	show_add_text(o, "user", e->user, pool);
	show_add_number(o, "uid", e->uid);
	show_add_text(o, "profile", e->profile, pool);
	show_add_text(o, "namespaces", e->namespaces, pool);
	show_add_text(o, "addresses", e->addresses, pool);
	show_add_number(o, "supervisor", e->supervisor.pid);
	add_process(o, "init", f->now.init);
	add_process(o, "payload", f->now.payload);
	show_add_number(o, "processes", (int64_t)f->now.processes);
	show_add_number(o, "age_s",
			(cell_now(CLOCK_REALTIME) - e->start_us) / 1000000);
	show_add_number(o, "memory_bytes", f->now.memory);
	show_add_text(o, "memory_from",
		      f->now.memory < 0     ? NULL
		      : f->now.memory_exact ? "cgroup"
					    : "processes",
		      pool);
	show_add_number(o, "memory_limit_bytes", e->memory);
	show_add_number(o, "scratch_bytes", f->now.scratch);
	show_add_number(o, "scratch_limit_bytes", e->scratch);
	show_add_text(o, "cgroup", e->cgroup, pool);
	return o;
}

static int print_json(const struct finds *finds, struct pool *pool,
		      struct err *err)
{
	struct json_object **list =
		pool_alloc(pool, (finds->n + 1) * sizeof(struct json_object *));

	if (show_json(err))
		return -1;
	for (size_t i = 0; i < finds->n; i++)
		list[i] = cell_object(&finds->list[i], pool);
	show_cells(list, finds->n);
	return 0;
}

int ls_main(int argc, char *argv[])
{
	bool json = false, all = false, help = false;
	const struct flag flags[] = {
		{ "all", &all }, { "json", &json }, { "help", &help }, { 0 }
	};
	struct finds finds;
	struct err err;
	int r;

	if (read_flags(argc, argv, flags, &err))
		return fail(&err);
	if (help) {
		puts("usage: cloison ls [--all] [--json] [CELL ...]\n\n"
		     "See cloison(1).");
		return 0;
	}
	r = found_look(argv + optind, all, &finds, &err);
	if (!r && json)
		r = print_json(&finds, &finds.pool, &err);
	else if (!r)
		print_table(&finds, &finds.pool);
	if (!r && (fflush(stdout) || ferror(stdout)))
		r = err_set(&err, 0, "cannot write to standard output");
	found_free(&finds);
	return r ? fail(&err) : 0;
}
