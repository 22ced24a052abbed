/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "collector/group.h"
#include "collector/html.h"
#include "collector/plot.h"
#include "collector/text.h"
#include "collector/whole.h"

enum {
	WIDE = 920, /* pixels: a plot as wide as the page, and half of it */
	HALF = 450,
	BINS = 10,
	TOP = 10,  /* lines of a plot of the most */
	DAYS = 92, /* columns of a plot over time */
	DAY_S = 86400
};

static const double CORE_HOUR = 3600e6, GIB_HOUR = 1024.0 * 3600;

/* Jobs by how much of what they asked for they used. */
struct spread {
	struct plot_bar bin[BINS];
	int64_t unknown;
};

/* Those with the highest second part, in order. */
struct top {
	struct plot_bar bar[TOP];
	size_t n;
};

struct page {
	struct store *store;
	const struct store_filter *filter;
	struct pool pool;
	FILE *out;
	int64_t jobs, cells, failed, ooms, start_us, end_us;
	double cores_asked, cores_used, gib_asked, gib_used; /* hours */
	struct spread cpu, memory;
	struct top cpu_waste, memory_waste;
};

static void spread_add(struct spread *s, int64_t used, int64_t asked)
{
	int64_t i;

	if (used < 0 || asked <= 0) {
		s->unknown++;
		return;
	}
	i = (int64_t)((double)used * BINS / (double)asked);
	s->bin[i < BINS ? i : BINS - 1].part[0]++;
}

static bool top_has_room(const struct top *top, double v)
{
	return top->n < TOP || top->bar[TOP - 1].part[1] < v;
}

static void top_add(struct top *top, const struct plot_bar *bar)
{
	size_t i = top->n < TOP ? top->n++ : TOP - 1;

	for (; i && top->bar[i - 1].part[1] < bar->part[1]; i--)
		top->bar[i] = top->bar[i - 1];
	top->bar[i] = *bar;
}

static void add_waste(struct page *page, struct top *top,
		      const struct store_sum *sum, int64_t used, int64_t asked,
		      double unit)
{
	struct plot_bar bar = { 0 };
	struct err err;

	if (used < 0 || asked <= used)
		return;
	bar.part[0] = (double)used / unit;
	bar.part[1] = (double)(asked - used) / unit;
	if (!top_has_room(top, bar.part[1]))
		return;
	bar.label = pool_printf(
		&page->pool, "%s%s%s",
		column_text(column_find("job", &err), sum, &page->pool),
		sum->user ? " " : "", sum->user ? sum->user : "");
	top_add(top, &bar);
}

static double hours(int64_t v, double unit)
{
	return v > 0 ? (double)v / unit : 0;
}

static int add_job(void *arg, const struct store_sum *sum, struct err *err)
{
	struct page *page = arg;

	(void)err;
	page->jobs++;
	page->cells += sum->records;
	page->failed += sum->failed;
	page->ooms += sum->ooms;
	if (sum->start_us >= 0 &&
	    (page->start_us < 0 || sum->start_us < page->start_us))
		page->start_us = sum->start_us;
	if (sum->end_us > page->end_us)
		page->end_us = sum->end_us;
	page->cores_asked += hours(sum->cpu_asked_us, CORE_HOUR);
	page->cores_used += hours(sum->cpu_us, CORE_HOUR);
	page->gib_asked += hours(sum->memory_asked_mib_s, GIB_HOUR);
	page->gib_used += hours(sum->memory_used_mib_s, GIB_HOUR);
	spread_add(&page->cpu, sum->cpu_us, sum->cpu_asked_us);
	spread_add(&page->memory, sum->memory_used_mib_s,
		   sum->memory_asked_mib_s);
	add_waste(page, &page->cpu_waste, sum, sum->cpu_us, sum->cpu_asked_us,
		  CORE_HOUR);
	add_waste(page, &page->memory_waste, sum, sum->memory_used_mib_s,
		  sum->memory_asked_mib_s, GIB_HOUR);
	return 0;
}

/* Only this page's own style applies, and nothing is loaded or run. */
static const char head[] =
	"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	"<meta name=\"color-scheme\" content=\"light dark\">\n"
	"<title>What jobs used</title>\n<style>\n"
	":root { --back: #fff; --fore: #1d2430; --soft: #5b6575; --line: #dfe3ea;"
	" --tile: #f5f7fa; --p0: #2563b8; --p1: #f0a35e; }\n"
	"@media screen and (prefers-color-scheme: dark) { :root { --back: #14181f;"
	" --fore: #e6e9ef; --soft: #9aa5b5; --line: #2e3644; --tile: #1d232d;"
	" --p0: #6aa5f0; --p1: #c47f3d; } }\n"
	"body { margin: 0 auto; padding: 24px; max-width: 920px; background: var(--back);"
	" color: var(--fore); font: 15px/1.5 system-ui, sans-serif; }\n"
	"h1 { margin: 0; font-size: 26px; font-weight: 650; }\n"
	".about { margin: 4px 0 20px; color: var(--soft); }\n"
	".tiles, .pair { display: grid; gap: 20px; }\n"
	".tiles { grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); gap: 10px;"
	" margin: 0 0 8px; }\n"
	".tiles div { background: var(--tile); border-radius: 8px; padding: 10px 14px; }\n"
	".tiles dt { color: var(--soft); font-size: 13px; }\n"
	".tiles dd { margin: 0; font-size: 21px; font-weight: 600; }\n"
	".tiles small { display: block; font-size: 13px; font-weight: 400; color: var(--soft); }\n"
	".pair { grid-template-columns: 1fr 1fr; }\n"
	"@media (max-width: 700px) { .pair { grid-template-columns: 1fr; } }\n"
	"figure { margin: 26px 0 0; break-inside: avoid; }\n"
	"figcaption { font-weight: 600; }\n"
	".legend { margin: 0; font-size: 13px; color: var(--soft); }\n"
	".key { display: inline-block; width: 11px; height: 11px; margin: 0 5px 0 0;"
	" border-radius: 2px; }\n.key.p1 { margin-left: 14px; }\n"
	".key.p0 { background: var(--p0); }\n.key.p1 { background: var(--p1); }\n"
	"svg { display: block; max-width: 100%; height: auto; margin-top: 6px; }\n"
	"rect.p0 { fill: var(--p0); }\nrect.p1 { fill: var(--p1); }\n"
	"g:hover rect { opacity: .75; }\n"
	"line.grid { stroke: var(--line); }\nline.axis { stroke: var(--soft); }\n"
	"text { fill: var(--fore); font-size: 12px; }\n"
	"text.small { font-size: 11px; }\n"
	"text.name { fill: var(--soft); }\n"
	"text.mid { text-anchor: middle; }\ntext.end { text-anchor: end; }\n"
	"footer { margin-top: 30px; color: var(--soft); font-size: 13px; }\n"
	"@media print { body { padding: 0; } * { print-color-adjust: exact;"
	" -webkit-print-color-adjust: exact; } }\n"
	"</style>\n</head>\n<body>\n";

/* What the report was restricted to. */
static void print_filter(const struct page *page)
{
	const struct store_filter *f = page->filter;
	const struct {
		const char *name, *value;
	} parts[] = {
		{ "job", f->job },
		{ "user", f->user },
		{ "account", f->account },
		{ "cluster", f->cluster },
		{ "scheduler", f->scheduler },
		{ "queue", f->queue },
		{ "project", f->project },
		{ "node", f->node },
		{ "profile", f->profile },
		{ "end", f->reason },
		{ "failed", f->failed ? "only" : NULL },
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (!parts[i].value)
			continue;
		fprintf(page->out, "; %s ", parts[i].name);
		plot_text(page->out, parts[i].value);
	}
}

static void print_head(struct page *page)
{
	const char *start = text_time(&page->pool, page->start_us);
	const char *stop = text_time(&page->pool, page->end_us);

	fputs(head, page->out);
	fprintf(page->out,
		"<h1>What jobs used</h1>\n<p class=\"about\">%s to %s",
		start ? start : "-", stop ? stop : "-");
	print_filter(page);
	fputs("</p>\n", page->out);
}

static void tile(struct page *page, const char *name, double v, double of)
{
	fprintf(page->out, "<div><dt>%s</dt><dd>%s", name,
		plot_number(&page->pool, v));
	if (of > 0)
		fprintf(page->out, "<small>%.0f %% of %s</small>", v * 100 / of,
			plot_number(&page->pool, of));
	fputs("</dd></div>\n", page->out);
}

static void print_tiles(struct page *page)
{
	fputs("<dl class=\"tiles\">\n", page->out);
	tile(page, "Jobs", (double)page->jobs, 0);
	tile(page, "Cells", (double)page->cells, 0);
	tile(page, "Cells that failed", (double)page->failed, 0);
	tile(page, "Out of memory", (double)page->ooms, 0);
	tile(page, "Core hours used", page->cores_used, page->cores_asked);
	tile(page, "GiB hours used", page->gib_used, page->gib_asked);
	fputs("</dl>\n", page->out);
}

static void print_spread(struct page *page, const char *title,
			 const char *of_what, struct spread *s)
{
	struct plot plot = { .title = title,
			     .up = "jobs",
			     .parts = { "jobs", NULL },
			     .width = HALF };

	plot.across = pool_printf(
		&page->pool, s->unknown ? "%s (not known of %lld jobs)" : "%s",
		of_what, (long long)s->unknown);
	for (int i = 0; i < BINS; i++)
		s->bin[i].label =
			pool_printf(&page->pool, i < BINS - 1 ? "%d–%d" : "%d+",
				    i * 100 / BINS, (i + 1) * 100 / BINS);
	plot_columns(page->out, &plot, s->bin, BINS);
}

static int64_t day_number(const char *day)
{
	struct tm tm = { 0 };

	return day && strptime(day, "%Y-%m-%d", &tm) ? timegm(&tm) / DAY_S : -1;
}

static const char *day_label(struct page *page, int64_t number)
{
	time_t t = number * DAY_S;
	char text[32];
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), "%m-%d", &tm);
	return pool_strdup(&page->pool, text);
}

static void add_use(struct plot_bar *bar, const struct store_sum *sum)
{
	bar->part[0] += hours(sum->cpu_us, CORE_HOUR);
	if (sum->cpu_us >= 0 && sum->cpu_asked_us > sum->cpu_us)
		bar->part[1] +=
			hours(sum->cpu_asked_us - sum->cpu_us, CORE_HOUR);
}

static const struct plot uses = { .across = "core hours",
				  .parts = { "used", "asked for, not used" },
				  .width = HALF };

static int print_days(struct page *page, struct err *err)
{
	const struct group_view view = { .group = column_group_find("day") };
	struct plot_bar bars[DAYS] = { 0 };
	struct plot plot = uses;
	struct group_rows rows;
	int64_t first, last, each;

	if (group_read(page->store, page->filter, &view, &page->pool, &rows,
		       err))
		return -1;
	/* What has no end has no day, and comes last. */
	while (rows.n && day_number(rows.sum[rows.n - 1].day) < 0)
		rows.n--;
	first = rows.n ? day_number(rows.sum[0].day) : 0;
	last = rows.n ? day_number(rows.sum[rows.n - 1].day) : 0;
	each = (last - first) / DAYS + 1;
	for (size_t i = 0; i < rows.n; i++)
		add_use(&bars[(day_number(rows.sum[i].day) - first) / each],
			&rows.sum[i]);
	for (int64_t i = 0; i <= (last - first) / each; i++)
		bars[i].label = day_label(page, first + i * each);
	plot.title = each == 1 ? "Use by day"
			       : pool_printf(&page->pool,
					     "Use, each column %lld days",
					     (long long)each);
	plot.up = "core hours";
	plot.across = "day of the end (UTC)";
	plot.width = WIDE;
	plot_columns(page->out, &plot, bars,
		     (size_t)((last - first) / each) + 1);
	return 0;
}

/* Queues of several schedulers are in one plot, and some have none. */
static const char *queue_label(struct page *page, const struct store_sum *sum)
{
	if (!sum->scheduler || !sum->queue)
		return sum->scheduler ? sum->scheduler : sum->queue;
	return pool_printf(&page->pool, "%s of %s", sum->queue, sum->scheduler);
}

static const char *label_of(struct page *page, const struct group_view *view,
			    const struct store_sum *sum)
{
	const char *name;
	struct err err;

	if (view->group->by == STORE_BY_QUEUE)
		name = queue_label(page, sum);
	else
		name = column_text(column_find(view->group->name, &err), sum,
				   &page->pool);
	return name ? name : "(none)";
}

/* The most of a kind of group, and all others in one. */
static int print_most(struct page *page, const char *by, const char *title,
		      struct err *err)
{
	const struct group_view view = { .group = column_group_find(by),
					 .sort = "-cpuasked" };
	struct plot_bar bars[TOP] = { 0 };
	struct plot plot = uses;
	struct group_rows rows;
	size_t n;

	if (group_read(page->store, page->filter, &view, &page->pool, &rows,
		       err))
		return -1;
	n = rows.n < TOP ? rows.n : TOP;
	for (size_t i = 0; i < rows.n; i++) {
		add_use(&bars[i < TOP ? i : TOP - 1], &rows.sum[i]);
		if (i < TOP)
			bars[i].label = label_of(page, &view, &rows.sum[i]);
	}
	if (rows.n > TOP)
		bars[TOP - 1].label = pool_printf(&page->pool, "%zu others",
						  rows.n - TOP + 1);
	plot.title = title;
	plot_rows(page->out, &plot, bars, n);
	return 0;
}

static void print_waste(struct page *page, const char *title, const char *unit,
			const struct top *top)
{
	struct plot plot = uses;

	plot.title = title;
	plot.across = unit;
	plot.rest = true;
	plot_rows(page->out, &plot, top->bar, top->n);
}

static void print_foot(struct page *page)
{
	fprintf(page->out,
		"<footer>Sums are over cells in which a thing was measured. cloison %s, %s</footer>\n</body>\n</html>\n",
		PACKAGE_VERSION,
		text_time(&page->pool, (int64_t)time(NULL) * 1000000));
}

static int write_page(void *arg, FILE *out, struct err *err)
{
	static const char open[] = "<div class=\"pair\">\n",
			  shut[] = "</div>\n";
	struct page *page = arg;

	page->out = out;
	if (store_sum(page->store, page->filter, STORE_BY_JOB, add_job, page,
		      err))
		return -1;
	print_head(page);
	print_tiles(page);
	fputs(open, out);
	print_spread(page, "Jobs by CPU efficiency",
		     "CPU time used, in % of what was asked for", &page->cpu);
	print_spread(page, "Jobs by memory efficiency",
		     "peak, in % of the limit", &page->memory);
	fputs(shut, out);
	if (print_days(page, err))
		return -1;
	fputs(open, out);
	if (print_most(page, "account", "Use by account", err) ||
	    print_most(page, "user", "Use by user", err))
		return -1;
	fputs(shut, out);
	fputs(open, out);
	if (print_most(page, "queue", "Use by queue", err) ||
	    print_most(page, "project", "Use by project", err))
		return -1;
	fputs(shut, out);
	fputs(open, out);
	print_waste(page, "Jobs that left most CPU time unused",
		    "core hours; the numbers: not used", &page->cpu_waste);
	print_waste(page, "Jobs that left most memory unused",
		    "GiB hours; the numbers: not used", &page->memory_waste);
	fputs(shut, out);
	print_foot(page);
	return 0;
}

int html_write(struct store *store, const struct store_filter *filter,
	       const char *file, struct err *err)
{
	struct page page = {
		.store = store, .filter = filter, .start_us = -1, .end_us = -1
	};
	int result = whole_write(file, write_page, &page, err);

	pool_free(&page.pool);
	return result;
}
