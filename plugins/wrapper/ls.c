/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <json.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/lazy.h"
#include "found.h"
#include "run/cell.h"
#include "wrapper.h"

#define JSON(X)                           \
	X(json_object_new_object)         \
	X(json_object_new_array)          \
	X(json_object_new_string)         \
	X(json_object_new_int64)          \
	X(json_object_new_boolean)        \
	X(json_object_array_add)          \
	X(json_object_object_add)         \
	X(json_object_to_json_string_ext) \
	X(json_object_put)
LAZY_TABLE(jc, JSON);

enum {
	COLUMNS = 10,
	CELL_WIDTH = 64,
	SHORT_ID = 8, /* of an id's end, which is random */
};

/* --- one value --- */

/* What a user has written must not steer root's terminal. */
static const char *shown(const char *text, struct pool *pool)
{
	char *copy = pool_strdup(pool, text ? text : "-");

	for (char *p = copy; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	return copy;
}

static const char *bytes(int64_t n, struct pool *pool)
{
	static const char units[] = "KMGTPE";
	double value = (double)n / 1024;
	size_t unit = 0;

	if (n < 0)
		return "-";
	for (; value >= 1000 && unit + 2 < sizeof(units); unit++)
		value /= 1024;
	return pool_printf(pool, value < 10 ? "%.1f%c" : "%.0f%c", value,
			   units[unit]);
}

/* What is used, and of how much. */
static const char *of(int64_t used, int64_t limit, struct pool *pool)
{
	if (limit <= 0)
		return bytes(used, pool);
	return pool_printf(pool, "%s/%s", bytes(used, pool),
			   bytes(limit, pool));
}

static const char *age(int64_t start_us, struct pool *pool)
{
	int64_t s = (cell_now(CLOCK_REALTIME) - start_us) / 1000000;

	if (s < 0)
		s = 0;
	if (s < 120)
		return pool_printf(pool, "%llds", (long long)s);
	if (s < 7200)
		return pool_printf(pool, "%lldm", (long long)s / 60);
	if (s < 48L * 3600)
		return pool_printf(pool, "%lldh", (long long)s / 3600);
	return pool_printf(pool, "%lldd", (long long)s / 86400);
}

static const char *pid(pid_t n, struct pool *pool)
{
	return n > 0 ? pool_printf(pool, "%d", (int)n) : "-";
}

/* --- the table --- */

static void row(const struct found *f, struct pool *pool,
		const char *ret[static COLUMNS])
{
	const struct entry *e = &f->entry;
	size_t len = strlen(e->id);
	const struct process *p = f->now.payload;

	ret[0] = e->id + (len > SHORT_ID ? len - SHORT_ID : 0);
	ret[1] = shown(e->job, pool);
	ret[2] = shown(e->step, pool);
	ret[3] = shown(e->user, pool);
	ret[4] = shown(e->profile, pool);
	ret[5] = pid(p ? p->pid : 0, pool);
	ret[6] = pid(p ? p->inside : 0, pool);
	ret[7] = f->now.alive ? age(e->start_us, pool) : "dead";
	ret[8] = of(f->now.memory, e->memory, pool);
	ret[9] = of(f->now.scratch, e->scratch, pool);
}

static void print_table(const struct finds *finds, struct pool *pool)
{
	static const char *const head[COLUMNS] = {
		"CELL", "JOB",    "STEP", "USER",   "PROFILE",
		"PID",  "INSIDE", "AGE",  "MEMORY", "SCRATCH",
	};
	const char *(*text)[COLUMNS] =
		pool_alloc(pool, (finds->n + 1) * sizeof(*text));
	int width[COLUMNS] = { 0 };

	memcpy(text[0], head, sizeof(head));
	for (size_t i = 0; i < finds->n; i++)
		row(&finds->list[i], pool, text[i + 1]);
	for (size_t i = 0; i <= finds->n; i++)
		for (int c = 0; c < COLUMNS; c++) {
			int len = (int)strnlen(text[i][c], CELL_WIDTH);

			if (len > width[c])
				width[c] = len;
		}
	for (size_t i = 0; i <= finds->n; i++)
		for (int c = 0; c < COLUMNS; c++)
			printf("%-*.*s%s", c + 1 < COLUMNS ? width[c] : 0,
			       CELL_WIDTH, text[i][c],
			       c + 1 < COLUMNS ? "  " : "\n");
}

/* --- JSON --- */

static void add_text(struct json_object *o, const char *key, const char *text,
		     struct pool *pool)
{
	if (text)
		jc.json_object_object_add(
			o, key, jc.json_object_new_string(shown(text, pool)));
}

static void add_number(struct json_object *o, const char *key, int64_t n)
{
	if (n >= 0)
		jc.json_object_object_add(o, key, jc.json_object_new_int64(n));
}

static void add_process(struct json_object *o, const char *key,
			const struct process *p)
{
	struct json_object *pids;

	if (!p)
		return;
	pids = jc.json_object_new_object();
	add_number(pids, "pid", p->pid);
	add_number(pids, "inside", p->inside);
	jc.json_object_object_add(o, key, pids);
}

static struct json_object *cell_object(const struct found *f, struct pool *pool)
{
	const struct entry *e = &f->entry;
	struct json_object *o = jc.json_object_new_object();

	add_text(o, "id", e->id, pool);
	jc.json_object_object_add(o, "alive",
				  jc.json_object_new_boolean(f->now.alive));
	add_text(o, "scheduler", e->scheduler, pool);
	add_text(o, "cluster", e->cluster, pool);
	add_text(o, "job", e->job, pool);
	add_text(o, "step", e->step, pool);
	add_text(o, "user", e->user, pool);
	add_number(o, "uid", e->uid);
	add_text(o, "profile", e->profile, pool);
	add_text(o, "namespaces", e->namespaces, pool);
	add_text(o, "addresses", e->addresses, pool);
	add_number(o, "supervisor", e->supervisor.pid);
	add_process(o, "init", f->now.init);
	add_process(o, "payload", f->now.payload);
	add_number(o, "processes", (int64_t)f->now.processes);
	add_number(o, "age_s",
		   (cell_now(CLOCK_REALTIME) - e->start_us) / 1000000);
	add_number(o, "memory_bytes", f->now.memory);
	add_text(o, "memory_from",
		 f->now.memory < 0     ? NULL
		 : f->now.memory_exact ? "cgroup"
				       : "processes",
		 pool);
	add_number(o, "memory_limit_bytes", e->memory);
	add_number(o, "scratch_bytes", f->now.scratch);
	add_number(o, "scratch_limit_bytes", e->scratch);
	add_text(o, "cgroup", e->cgroup, pool);
	return o;
}

static int print_json(const struct finds *finds, struct pool *pool,
		      struct err *err)
{
	struct json_object *top, *list;

	if (LAZY_LOAD(jc, JSONC_SONAME, JSON, err))
		return -1;
	top = jc.json_object_new_object();
	list = jc.json_object_new_array();
	jc.json_object_object_add(top, "cells", list);
	for (size_t i = 0; i < finds->n; i++)
		jc.json_object_array_add(list,
					 cell_object(&finds->list[i], pool));
	puts(jc.json_object_to_json_string_ext(
		top, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	jc.json_object_put(top);
	return 0;
}

/* --- */

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
