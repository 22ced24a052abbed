/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "found.h"
#include "run/cell.h"
#include "show.h"
#include "wrapper.h"

enum {
	COLUMNS = 11,
	INTERVAL_MS = 2000, /* between two looks */
	FIRST_MS = 500,     /* but the second comes sooner */
};

/* One look at all cells. */
struct look {
	struct finds finds;
	struct cg_usage *use; /* of finds.list */
	int64_t mono_us;
};

/* What a cell does, by the second; negative: not known. */
struct rate {
	const struct found *found;
	double cpus, throttled, read, write;
};

static int take(char *const words[], struct look *ret, struct err *err)
{
	struct finds *f = &ret->finds;

	*ret = (struct look){ 0 };
	if (found_look(words, false, f, err))
		return -1;
	ret->use = pool_alloc(&f->pool, (f->n + 1) * sizeof(*ret->use));
	ret->mono_us = cell_now(CLOCK_MONOTONIC);
	for (size_t i = 0; i < f->n; i++)
		survey_use(&f->survey, &f->host, &f->list[i].entry,
			   &ret->use[i]);
	return 0;
}

/* Lists are in the order of ids; a cell that has just come is not in the old
 * one. */
static const struct cg_usage *earlier(const struct look *old, const char *id)
{
	for (size_t i = 0; i < old->finds.n; i++)
		if (!strcmp(old->finds.list[i].entry.id, id))
			return &old->use[i];
	return NULL;
}

static double per_second(int64_t from, int64_t to, double seconds)
{
	return from < 0 || to < from ? -1 : (double)(to - from) / seconds;
}

static void rate(const struct look *old, const struct look *now, size_t i,
		 struct rate *ret)
{
	const struct cg_usage *to = &now->use[i];
	const struct cg_usage *from = earlier(old, now->finds.list[i].entry.id);
	double s = (double)(now->mono_us - old->mono_us) / 1e6;

	*ret = (struct rate){ &now->finds.list[i], -1, -1, -1, -1 };
	if (!from || s <= 0)
		return;
	ret->cpus = per_second(from->cpu_usage_us, to->cpu_usage_us, s) / 1e6;
	ret->throttled =
		per_second(from->cpu_throttled_us, to->cpu_throttled_us, s) /
		1e6;
	ret->read = per_second(from->io_read, to->io_read, s);
	ret->write = per_second(from->io_write, to->io_write, s);
}

/* The busiest first; of those that are not, the oldest. */
static int by_cpus(const void *a, const void *b)
{
	const struct rate *x = a, *y = b;

	if (x->cpus != y->cpus)
		return x->cpus < y->cpus ? 1 : -1;
	return strcmp(x->found->entry.id, y->found->entry.id);
}

static struct rate *rates(const struct look *old, struct look *now)
{
	struct rate *list = pool_alloc(&now->finds.pool,
				       (now->finds.n + 1) * sizeof(*list));

	for (size_t i = 0; i < now->finds.n; i++)
		rate(old, now, i, &list[i]);
	if (now->finds.n)
		qsort(list, now->finds.n, sizeof(*list), by_cpus);
	return list;
}

static const char *percent(double x, struct pool *pool)
{
	return x < 0 ? "-" : pool_printf(pool, "%.1f", 100 * x);
}

static const char *speed(double x, struct pool *pool)
{
	return x < 0 ? "-" : show_bytes((int64_t)x, pool);
}

static void row(const struct rate *r, struct pool *pool,
		const char *ret[static COLUMNS])
{
	const struct entry *e = &r->found->entry;
	const struct cell_now *now = &r->found->now;

	ret[0] = show_id(e->id);
	ret[1] = show_text(e->job, pool);
	ret[2] = show_text(e->step, pool);
	ret[3] = show_text(e->user, pool);
	ret[4] = percent(r->cpus, pool);
	ret[5] = percent(r->throttled, pool);
	ret[6] = show_of(now->memory, e->memory, pool);
	ret[7] = pool_printf(pool, "%zu", now->processes);
	ret[8] = speed(r->read, pool);
	ret[9] = speed(r->write, pool);
	ret[10] = show_of(now->scratch, e->scratch, pool);
}

/* As many rows as the terminal has, 0 for all of them. */
static void print_table(struct look *now, const struct rate *list, size_t most)
{
	static const char *const head[COLUMNS] = {
		"CELL",   "JOB",   "STEP",   "USER",    "CPU%",    "THROTTLED%",
		"MEMORY", "PROCS", "READ/S", "WRITE/S", "SCRATCH",
	};
	struct pool *pool = &now->finds.pool;
	size_t n = most && now->finds.n > most ? most : now->finds.n;
	const char **text = pool_alloc(pool, (n + 1) * sizeof(head));

	memcpy(text, head, sizeof(head));
	for (size_t i = 0; i < n; i++)
		row(&list[i], pool, text + (i + 1) * COLUMNS);
	show_table(text, n + 1, COLUMNS);
}

static int print_json(struct look *now, const struct rate *list,
		      struct err *err)
{
	struct pool *pool = &now->finds.pool;
	struct json_object **cells =
		pool_alloc(pool, (now->finds.n + 1) * sizeof(*cells));

	if (show_json(err))
		return -1;
	for (size_t i = 0; i < now->finds.n; i++) {
		const struct entry *e = &list[i].found->entry;
		const struct cell_now *c = &list[i].found->now;
		struct json_object *o = cells[i] = show_object();

		show_add_text(o, "id", e->id, pool);
		show_add_text(o, "scheduler", e->scheduler, pool);
		show_add_text(o, "job", e->job, pool);
		show_add_text(o, "step", e->step, pool);
		show_add_text(o, "user", e->user, pool);
		show_add_double(o, "cpus", list[i].cpus);
		show_add_double(o, "throttled", list[i].throttled);
		show_add_number(o, "memory_bytes", c->memory);
		show_add_number(o, "memory_limit_bytes", e->memory);
		show_add_number(o, "processes", (int64_t)c->processes);
		show_add_double(o, "read_bytes_per_s", list[i].read);
		show_add_double(o, "write_bytes_per_s", list[i].write);
		show_add_number(o, "scratch_bytes", c->scratch);
		show_add_number(o, "scratch_limit_bytes", e->scratch);
	}
	show_cells(cells, now->finds.n);
	return 0;
}

static void wait_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

/* Rows below the head, and the line that is left for the cursor. */
static size_t height(void)
{
	struct winsize w = { 0 };

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) || w.ws_row < 4)
		return 0;
	return w.ws_row - 2U;
}

static int flush(struct err *err)
{
	return fflush(stdout) || ferror(stdout)
		       ? err_set(err, 0, "cannot write to standard output")
		       : 0;
}

/* One table, or one after the other in the same place. */
static int watch(char *const words[], bool json, bool once, struct err *err)
{
	struct look old, now;
	long ms = FIRST_MS;
	int r = take(words, &old, err);

	for (; !r; ms = INTERVAL_MS) {
		struct rate *list;

		wait_ms(ms);
		r = take(words, &now, err);
		if (!r) {
			list = rates(&old, &now);
			if (!once)
				fputs("\033[H\033[J", stdout);
			if (json)
				r = print_json(&now, list, err);
			else
				print_table(&now, list, once ? 0 : height());
		}
		if (!r)
			r = flush(err);
		found_free(&old.finds);
		old = now;
		if (once)
			break;
	}
	found_free(&old.finds);
	return r;
}

int top_main(int argc, char *argv[])
{
	bool json = false, once = false, help = false;
	const struct flag flags[] = {
		{ "once", &once }, { "json", &json }, { "help", &help }, { 0 }
	};
	struct err err;

	if (read_flags(argc, argv, flags, &err))
		return fail(&err);
	if (help) {
		puts("usage: cloison top [--once] [--json] [CELL ...]\n\n"
		     "See cloison(1).");
		return 0;
	}
	once = once || json || !isatty(STDOUT_FILENO);
	return watch(argv + optind, json, once, &err) ? fail(&err) : 0;
}
