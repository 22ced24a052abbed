/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/pool.h"
#include "collector/text.h"
#include "collector/view.h"

static const char *c_job(const struct record *r, struct pool *pool)
{
	(void)pool;
	return r->scheduler.job;
}

static const char *c_step(const struct record *r, struct pool *pool)
{
	(void)pool;
	return r->scheduler.step;
}

static const char *c_user(const struct record *r, struct pool *pool)
{
	if (r->user.name || r->user.uid < 0)
		return r->user.name;
	return pool_printf(pool, "%lld", (long long)r->user.uid);
}

static const char *c_node(const struct record *r, struct pool *pool)
{
	(void)pool;
	return r->node;
}

static const char *c_profile(const struct record *r, struct pool *pool)
{
	(void)pool;
	return r->cell.profile;
}

static const char *c_state(const struct record *r, struct pool *pool)
{
	(void)pool;
	return r->exit.reason;
}

static const char *c_exit(const struct record *r, struct pool *pool)
{
	long long code = r->exit.code, signal = r->exit.signal;

	if (code < 0 && signal < 0)
		return NULL;
	return pool_printf(pool, "%lld:%lld", code < 0 ? 0 : code,
			   signal < 0 ? 0 : signal);
}

static const char *c_elapsed(const struct record *r, struct pool *pool)
{
	return text_duration(pool, r->time.wall_us);
}

static const char *c_cputime(const struct record *r, struct pool *pool)
{
	return text_duration(pool, r->usage.cpu_usage_us);
}

/* Of the CPUs that the cell might have used. */
static const char *c_percent(const struct record *r, struct pool *pool)
{
	double could = (double)r->time.wall_us * (double)r->cpu.count;

	if (r->usage.cpu_usage_us < 0 || r->time.wall_us <= 0 ||
	    r->cpu.count <= 0)
		return NULL;
	return pool_printf(pool, "%.1f",
			   (double)r->usage.cpu_usage_us * 100 / could);
}

/* Without a cgroup only the biggest process is known, which says less. */
static const char *c_memory(const struct record *r, struct pool *pool)
{
	if (r->usage.memory_peak >= 0)
		return text_size(pool, "", r->usage.memory_peak);
	return text_size(pool, "~", r->memory.max_process);
}

static const char *c_limit(const struct record *r, struct pool *pool)
{
	return text_size(pool, "", r->memory.limit);
}

static const char *c_start(const struct record *r, struct pool *pool)
{
	return text_time(pool, r->time.start_us);
}

/* What --job= takes for a record without a job. */
static const char *c_id(const struct record *r, struct pool *pool)
{
	size_t len = strlen(r->id);

	(void)pool;
	return len > 8 ? r->id + len - 8 : r->id;
}

static const struct {
	const char *head;
	bool right;
	const char *(*text)(const struct record *r, struct pool *pool);
} columns[] = {
	{ "JOBID", true, c_job },        { "STEP", false, c_step },
	{ "USER", false, c_user },       { "NODE", false, c_node },
	{ "PROFILE", false, c_profile }, { "STATE", false, c_state },
	{ "EXIT", true, c_exit },        { "ELAPSED", true, c_elapsed },
	{ "CPUTIME", true, c_cputime },  { "CPU%", true, c_percent },
	{ "MAXMEM", true, c_memory },    { "MEMLIMIT", true, c_limit },
	{ "START", false, c_start },     { "ID", false, c_id },
};
enum {
	COLUMNS = sizeof(columns) / sizeof(columns[0]),
	CELL_MAX = 24
};

/* The table is gone through twice, so as not to hold it in memory. */
struct table {
	bool print;
	struct text_column column[COLUMNS];
};

static int table_row(void *arg, const struct store_row *row, struct err *err)
{
	const char *cell[COLUMNS];
	struct table *t = arg;
	struct pool pool = { 0 };
	struct record r;
	int result = record_parse(row->text, row->len, &pool, &r, err);

	for (size_t i = 0; i < COLUMNS && !result; i++) {
		size_t w;

		cell[i] = columns[i].text(&r, &pool);
		if (!cell[i])
			cell[i] = "";
		cell[i] = text_shorten(&pool, text_escape(&pool, cell[i]),
				       CELL_MAX);
		w = text_width(cell[i]);
		if (w > t->column[i].width)
			t->column[i].width = w;
	}
	if (!result && t->print)
		text_line(stdout, t->column, COLUMNS, cell);
	pool_free(&pool);
	return result ? err_prefix(err, "record in the store") : 0;
}

int view_table(struct store *store, const struct store_filter *filter,
	       struct err *err)
{
	const char *head[COLUMNS];
	struct table t = { .print = false };

	for (size_t i = 0; i < COLUMNS; i++) {
		head[i] = columns[i].head;
		t.column[i] = (struct text_column){ columns[i].right,
						    strlen(head[i]) };
	}
	if (store_each(store, filter, table_row, &t, err))
		return -1;
	t.print = true;
	text_line(stdout, t.column, COLUMNS, head);
	return store_each(store, filter, table_row, &t, err);
}

/* What the store adds to a record's own members. */
static int json_row(void *arg, const struct store_row *row, struct err *err)
{
	bool *first = arg;

	if (!row->len || row->text[row->len - 1] != '}')
		return err_set(err, 0, "record in the store: not an object");
	printf("%s%.*s,\"signer\":%lld,\"source\":\"%s\"}",
	       *first ? "\n" : ",\n", (int)row->len - 1, row->text,
	       (long long)row->signer, store_sources[row->source]);
	*first = false;
	return 0;
}

int view_json(struct store *store, const struct store_filter *filter,
	      struct err *err)
{
	bool first = true;
	int result;

	fputs("[", stdout);
	result = store_each(store, filter, json_row, &first, err);
	fputs(first ? "]\n" : "\n]\n", stdout);
	return result;
}

static void csv_name(void *arg, const char *name, const char *text)
{
	(void)arg, (void)text;
	printf("%s,", name);
}

static void csv_value(void *arg, const char *name, const char *text)
{
	(void)name;
	text_csv(stdout, arg, text);
	putchar(',');
}

static int csv_row(void *arg, const struct store_row *row, struct err *err)
{
	struct pool pool = { 0 };
	struct record r;
	int result = record_parse(row->text, row->len, &pool, &r, err);

	(void)arg;
	if (!result) {
		record_each(&r, &pool, csv_value, &pool);
		printf("%lld,%s\r\n", (long long)row->signer,
		       store_sources[row->source]);
	}
	pool_free(&pool);
	return result ? err_prefix(err, "record in the store") : 0;
}

int view_csv(struct store *store, const struct store_filter *filter,
	     struct err *err)
{
	struct pool pool = { 0 };
	struct record none;

	record_init(&none);
	record_each(&none, &pool, csv_name, NULL);
	pool_free(&pool);
	fputs("signer,source\r\n", stdout);
	return store_each(store, filter, csv_row, NULL, err);
}
