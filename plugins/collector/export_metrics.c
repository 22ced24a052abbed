/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stddef.h>
#include <string.h>

#include "base/pool.h"
#include "collector/export.h"

/* A family of metrics: a member of the sums. */
struct family {
	const char *name;
	const char *unit; /* or NULL; the name ends in it */
	const char *help;
	size_t at;
	double scale; /* from the member's unit */
};

#define AT(member) offsetof(struct store_sum, member)
static const struct family of_user[] = {
	{ "cloison_cells", NULL, "Cells that have ended", AT(records), 1 },
	{ "cloison_failed_cells", NULL, "Cells that did not exit with 0",
	  AT(failed), 1 },
	{ "cloison_oom_cells", NULL, "Cells that ended at their memory limit",
	  AT(ooms), 1 },
	{ "cloison_wall_seconds", "seconds", "Time that cells lived",
	  AT(wall_us), 1e-6 },
	{ "cloison_cpu_used_seconds", "seconds", "CPU time used", AT(cpu_us),
	  1e-6 },
	{ "cloison_cpu_asked_seconds", "seconds",
	  "CPU time that cells could have used", AT(cpu_asked_us), 1e-6 },
	{ "cloison_cpu_throttled_seconds", "seconds",
	  "Time held back by CPU limits", AT(throttled_us), 1e-6 },
	{ "cloison_memory_peak_bytes", "bytes",
	  "Most memory that one cell had in use", AT(peak_bytes), 1 },
	{ "cloison_memory_limit_bytes", "bytes",
	  "Highest memory limit of one cell", AT(limit_bytes), 1 },
	{ "cloison_scratch_peak_bytes", "bytes",
	  "Most scratch that one cell had in use", AT(scratch_peak_bytes), 1 },
	{ "cloison_io_read_bytes", "bytes", "Read from block devices",
	  AT(read_bytes), 1 },
	{ "cloison_io_written_bytes", "bytes", "Written to block devices",
	  AT(write_bytes), 1 },
	{ "cloison_net_received_bytes", "bytes",
	  "Received through cells' own interfaces", AT(rx_bytes), 1 },
	{ "cloison_net_sent_bytes", "bytes",
	  "Sent through cells' own interfaces", AT(tx_bytes), 1 },
};
static const struct family of_reason[] = {
	{ "cloison_ended_cells", NULL, "Cells by how they ended", AT(records),
	  1 },
};

static const struct family of_queue[] = {
	{ "cloison_queue_cells", NULL, "Cells of a queue's jobs", AT(records),
	  1 },
	{ "cloison_queue_failed_cells", NULL,
	  "Cells of a queue's jobs that did not exit with 0", AT(failed), 1 },
	{ "cloison_queue_wall_seconds", "seconds",
	  "Time that cells of a queue's jobs lived", AT(wall_us), 1e-6 },
	{ "cloison_queue_cpu_used_seconds", "seconds",
	  "CPU time used by a queue's jobs", AT(cpu_us), 1e-6 },
	{ "cloison_queue_cpu_asked_seconds", "seconds",
	  "CPU time that cells of a queue's jobs could have used",
	  AT(cpu_asked_us), 1e-6 },
};

enum {
	LABELS = 3
};

static const struct view {
	enum store_by by;
	struct {
		const char *name; /* NULL ends */
		size_t at;        /* its value */
	} label[LABELS];
	const struct family *family;
	size_t n;
} views[] = {
	{ STORE_BY_USER,
	  { { "user", AT(user) } },
	  of_user,
	  sizeof(of_user) / sizeof(of_user[0]) },
	{ STORE_BY_REASON,
	  { { "reason", AT(reason) } },
	  of_reason,
	  sizeof(of_reason) / sizeof(of_reason[0]) },
	{ STORE_BY_QUEUE,
	  { { "scheduler", AT(scheduler) },
	    { "cluster", AT(cluster) },
	    { "queue", AT(queue) } },
	  of_queue,
	  sizeof(of_queue) / sizeof(of_queue[0]) },
};
#undef AT

/* A family stands in one piece: all groups have to be there first. */
struct groups {
	struct pool pool;
	const struct view *view;
	struct store_sum *sum;
	const char **label; /* as text */
	size_t n, n_labels;
};

/* As a value in quotes. */
static const char *quote(struct pool *pool, const char *s)
{
	char *copy = pool_alloc(pool, 2 * strlen(s) + 1), *out = copy;

	for (; *s; s++) {
		if (*s == '\\' || *s == '"' || *s == '\n')
			*out++ = '\\';
		*out++ = (char)(*s == '\n' ? 'n' : *s);
	}
	return copy;
}

static const char *labels(struct groups *g, const struct store_sum *sum)
{
	const char *text = "";

	for (size_t i = 0; i < LABELS && g->view->label[i].name; i++) {
		const char *value =
			*(const char *const *)((const char *)sum +
					       g->view->label[i].at);

		text = pool_printf(&g->pool, "%s%s%s=\"%s\"", text,
				   i ? "," : "", g->view->label[i].name,
				   quote(&g->pool, value ? value : ""));
	}
	return text;
}

static int keep(void *arg, const struct store_sum *sum, struct err *err)
{
	struct groups *g = arg;

	(void)err;
	*(struct store_sum *)pool_push(&g->pool, &g->sum, &g->n, sizeof(*sum)) =
		*sum;
	*(const char **)pool_push(&g->pool, &g->label, &g->n_labels,
				  sizeof(*g->label)) = labels(g, sum);
	return 0;
}

/* What was measured in no cell of a group is left out. */
static void print(FILE *out, const struct groups *g, const struct family *f)
{
	fprintf(out, "# TYPE %s gauge\n", f->name);
	if (f->unit)
		fprintf(out, "# UNIT %s %s\n", f->name, f->unit);
	fprintf(out, "# HELP %s %s\n", f->name, f->help);
	for (size_t i = 0; i < g->n; i++) {
		int64_t v =
			*(const int64_t *)((const char *)&g->sum[i] + f->at);

		if (v >= 0)
			fprintf(out, "%s{%s} %.17g\n", f->name, g->label[i],
				(double)v * f->scale);
	}
}

int export_metrics(struct store *store, const struct store_filter *filter,
		   FILE *out, struct err *err)
{
	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
		struct groups g = { .view = &views[i] };
		int result =
			store_sum(store, filter, views[i].by, keep, &g, err);

		for (size_t j = 0; !result && j < views[i].n; j++)
			print(out, &g, &views[i].family[j]);
		pool_free(&g.pool);
		if (result)
			return result;
	}
	fputs("# EOF\n", out);
	return 0;
}
