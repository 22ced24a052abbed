/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "collector/group.h"
#include "collector/job.h"
#include "collector/json.h"
#include "collector/page.h"
#include "collector/text.h"

struct page {
	struct pool pool;
	struct group_rows jobs, steps;
	struct job job;
	struct job_reason *reason;
	size_t n_reasons;
	struct job_advice *advice;
	size_t n_advice;
};

static int add_record(void *arg, const struct store_row *row, struct err *err)
{
	struct page *page = arg;
	struct pool pool = { 0 };
	struct record r;
	int result = record_parse(row->text, row->len, &pool, &r, err);

	if (!result)
		job_add(&page->job, &page->pool, &r);
	pool_free(&pool);
	return result ? err_prefix(err, "record in the store") : 0;
}

static const char *word(const char *s)
{
	return s ? s : "-";
}

static int check_one(const struct group_rows *jobs, const char *name,
		     struct err *err)
{
	const char *a, *b;

	if (!jobs->n)
		return err_set(err, 0, "there is no record of job %s here",
			       name);
	if (jobs->n == 1)
		return 0;
	a = word(jobs->sum[0].scheduler);
	b = word(jobs->sum[1].scheduler);
	if (strcmp(a, b) != 0)
		return err_set(
			err, 0,
			"there is a job %s of %s and of %s: name one with --scheduler",
			name, a, b);
	return err_set(
		err, 0,
		"there is a job %s of cluster %s and of %s: name one with --cluster",
		name, word(jobs->sum[0].cluster), word(jobs->sum[1].cluster));
}

static int read_page(struct store *store, const struct store_filter *filter,
		     struct page *page, struct err *err)
{
	const struct group_view jobs = { .group = column_group_find("job") };
	const struct group_view steps = { .group = column_group_find("step") };

	*page = (struct page){ 0 };
	if (group_read(store, filter, &jobs, &page->pool, &page->jobs, err) ||
	    check_one(&page->jobs, filter->job, err) ||
	    group_read(store, filter, &steps, &page->pool, &page->steps, err) ||
	    store_each(store, filter, add_record, page, err))
		return -1;
	job_reasons(&page->job, &page->pool, &page->reason, &page->n_reasons);
	job_advise(&page->job, &page->pool, &page->advice, &page->n_advice);
	return 0;
}

/* A column of the job's sum, as the tables have it. */
static const char *value(struct page *page, const char *column)
{
	struct err err;
	const char *text = column_text(column_find(column, &err),
				       &page->jobs.sum[0], &page->pool);

	return text ? text_escape(&page->pool, text) : NULL;
}

static void print_if(struct page *page, const char *before, const char *column)
{
	const char *text = value(page, column);

	if (text)
		printf("%s%s", before, text);
}

static void print_head(struct page *page)
{
	print_if(page, "Job ", "job");
	print_if(page, ", ", "jobname");
	print_if(page, " of ", "user");
	print_if(page, ", account ", "account");
	print_if(page, ", project ", "project");
	print_if(page, ", queue ", "queue");
	print_if(page, ", cluster ", "cluster");
	print_if(page, "\n", "start");
	print_if(page, " to ", "end");
	print_if(page, ", ", "elapsed");
	print_if(page, "\nCells: ", "cells");
	print_if(page, ", nodes: ", "nodes");
	print_if(page, ", failed: ", "failed");
	print_if(page, ", profile: ", "profile");
	putchar('\n');
}

static const char *place(struct page *page, const struct job_cell *cell)
{
	return text_escape(&page->pool,
			   pool_printf(&page->pool, "%s%s%s%s",
				       cell->step ? "Step " : "The cell",
				       cell->step ? cell->step : "",
				       cell->node ? " on " : "",
				       cell->node ? cell->node : ""));
}

static void print_reasons(struct page *page)
{
	puts("\nWhy it ended");
	if (!page->n_reasons)
		puts(page->job.failed ? "  Nobody saw it end."
				      : "  Everything exited with 0.");
	for (size_t i = 0; i < page->n_reasons; i++) {
		const struct job_reason *r = &page->reason[i];

		printf("  %s %s", place(page, r->first),
		       text_escape(&page->pool, r->text));
		if (r->cells > 1)
			printf(" (as did %lld more)", (long long)r->cells - 1);
		puts(".");
	}
}

static const char *share(struct page *page, double used, double asked)
{
	if (used < 0 || asked <= 0)
		return NULL;
	return pool_printf(&page->pool, "%.0f %%", used * 100 / asked);
}

/* A line of what was used of a thing, and of that of all cells the fullest. */
static void print_use(struct page *page, const char *what, const char *asked,
		      const char *used, const char *part,
		      const struct job_cell *where)
{
	static const struct text_column shape[] = {
		{ false, 8 }, { true, 10 }, { true, 10 }, { true, 6 }, { 0 }
	};
	const char *cells[] = { what, asked, used, part, NULL };
	size_t n = sizeof(shape) / sizeof(shape[0]) - 1;

	if (where)
		cells[n++] = place(page, where);
	fputs("  ", stdout);
	text_line(stdout, shape, n, cells);
}

static const char *mean(struct page *page, double v)
{
	return v < 0 ? NULL : pool_printf(&page->pool, "%.1f", v);
}

static void print_uses(struct page *page)
{
	const struct job *job = &page->job;
	const struct job_cell *m = &job->memory, *s = &job->scratch;
	double asked = job_cpus_asked(job), used = job_cpus_used(job);

	puts("\nAsked for and used");
	print_use(page, " ", "ASKED", "USED", "OF IT", NULL);
	if (asked >= 0)
		print_use(page, "CPUs", mean(page, asked), mean(page, used),
			  share(page, used, asked), NULL);
	if (m->memory_peak >= 0)
		print_use(page, "Memory",
			  text_size(&page->pool, "", m->memory_limit),
			  text_size(&page->pool, "", m->memory_peak),
			  share(page, (double)m->memory_peak,
				(double)m->memory_limit),
			  m);
	if (s->scratch_peak >= 0)
		print_use(page, "Scratch",
			  text_size(&page->pool, "", s->scratch_limit),
			  text_size(&page->pool, "", s->scratch_peak),
			  share(page, (double)s->scratch_peak,
				(double)s->scratch_limit),
			  s);
	print_if(page, "  Throttled: ", "throttledshare");
	if (value(page, "throttledshare"))
		puts(" % of the time that it wanted to run");
}

static void print_pairs(struct page *page, const char *title,
			const struct record_pair *pairs, size_t n,
			const char *between)
{
	for (size_t i = 0; i < n; i++)
		printf("%s%s%s%s", i ? ", " : title,
		       text_escape(&page->pool, pairs[i].key), between,
		       text_escape(&page->pool, pairs[i].value));
	if (n)
		putchar('\n');
}

static int print_steps(struct page *page, struct err *err)
{
	const struct group_view view = {
		.group = column_group_find("step"),
		.format = "step,state,failed,nodes,elapsed,cputime,cpueff,"
			  "maxmem,maxmemnode,memlimit,scratch",
	};

	puts("\nSteps");
	return group_print(&page->steps, &view, err);
}

static void print_advice(struct page *page)
{
	puts("\nNext time");
	if (!page->n_advice)
		puts(page->job.failed
			     ? "  Nothing to change in what was asked for; see what the job itself has printed."
			     : "  Nothing to change in what was asked for.");
	for (size_t i = 0; i < page->n_advice; i++) {
		const struct job_advice *a = &page->advice[i];

		fputs("  ", stdout);
		if (a->option)
			printf("%s=%s: ", a->option,
			       a->value ? a->value : "MORE");
		printf("%s.\n", text_escape(&page->pool, a->text));
	}
}

int page_text(struct store *store, const struct store_filter *filter,
	      struct err *err)
{
	struct page page;
	int result = read_page(store, filter, &page, err);

	if (!result) {
		print_head(&page);
		print_reasons(&page);
		print_uses(&page);
		print_pairs(&page, "  Limits: ", page.job.asked,
			    page.job.n_asked, " ");
		print_pairs(&page, "  Not enforced: ", page.job.missing,
			    page.job.n_missing, ": ");
		result = print_steps(&page, err);
		print_advice(&page);
	}
	pool_free(&page.pool);
	return result;
}

/* All columns that such a group has. */
static void add_columns(struct json_object *o, enum store_by by,
			const struct store_sum *sum)
{
	for (size_t i = 0; i < columns_n; i++)
		if (columns[i].by & 1U << by)
			group_json_add(o, &columns[i], sum);
}

static struct json_object *steps_json(const struct page *page)
{
	struct json_object *list = json_new_array();

	for (size_t i = 0; i < page->steps.n; i++) {
		struct json_object *o = json_new_object();

		add_columns(o, STORE_BY_STEP, &page->steps.sum[i]);
		json_append(list, o);
	}
	return list;
}

static struct json_object *reasons_json(const struct page *page)
{
	struct json_object *list = json_new_array();

	for (size_t i = 0; i < page->n_reasons; i++) {
		const struct job_reason *r = &page->reason[i];
		struct json_object *o = json_new_object();

		json_string(o, "reason", r->reason);
		json_count(o, "cells", r->cells);
		json_string(o, "step", r->first->step);
		json_string(o, "node", r->first->node);
		json_string(o, "text", r->text);
		json_append(list, o);
	}
	return list;
}

static struct json_object *advice_json(const struct page *page)
{
	struct json_object *list = json_new_array();

	for (size_t i = 0; i < page->n_advice; i++) {
		const struct job_advice *a = &page->advice[i];
		struct json_object *o = json_new_object();

		json_string(o, "rule", a->rule);
		json_string(o, "option", a->option);
		json_string(o, "value", a->value);
		json_string(o, "text", a->text);
		json_append(list, o);
	}
	return list;
}

static struct json_object *pairs_json(const struct record_pair *pairs, size_t n)
{
	struct json_object *o = json_new_object();

	for (size_t i = 0; i < n; i++)
		json_string(o, pairs[i].key, pairs[i].value);
	return o;
}

static void print_json(const struct page *page)
{
	const struct job *job = &page->job;
	struct json_object *o = json_new_object();

	add_columns(o, STORE_BY_JOB, &page->jobs.sum[0]);
	json_add(o, "asked", pairs_json(job->asked, job->n_asked));
	json_add(o, "missing", pairs_json(job->missing, job->n_missing));
	json_add(o, "why", reasons_json(page));
	json_add(o, "advice", advice_json(page));
	json_add(o, "steps", steps_json(page));
	json_print(o);
	putchar('\n');
}

int page_json(struct store *store, const struct store_filter *filter,
	      struct err *err)
{
	struct page page;
	int result = read_page(store, filter, &page, err);

	if (!result)
		result = json_load(err);
	if (!result)
		print_json(&page);
	pool_free(&page.pool);
	return result;
}
