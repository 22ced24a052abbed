/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <math.h>
#include <string.h>

#include "base/parse.h"
#include "collector/column.h"
#include "collector/text.h"

enum {
	BY_JOB = 1 << STORE_BY_JOB,
	BY_STEP = 1 << STORE_BY_STEP,
	/* Those that lie on nodes of their own, for a while of their own. */
	BY_RUN = BY_JOB | BY_STEP,
	BY_ALL = ~0,
};

#define USE "cputime,cpueff,cpuwaste,maxmem,memeff,memwaste"
const struct column_group column_groups[] = {
	{ "job", STORE_BY_JOB,
	  "job,user,account,profile,state,failed,nodes,elapsed,cputime,"
	  "cpueff,maxmem,memeff,start",
	  "start" },
	{ "step", STORE_BY_STEP,
	  "job,step,user,profile,state,failed,nodes,elapsed,cputime,"
	  "cpueff,maxmem,memeff,start",
	  "start" },
	{ "user", STORE_BY_USER, "user,cells,failed,ooms,celltime," USE,
	  "user" },
	{ "account", STORE_BY_ACCOUNT,
	  "account,cells,failed,ooms,celltime," USE, "account" },
	{ "node", STORE_BY_NODE, "node,cells,failed,ooms,celltime," USE,
	  "node" },
	{ "profile", STORE_BY_PROFILE,
	  "profile,cells,failed,ooms,celltime," USE, "profile" },
	{ "day", STORE_BY_DAY, "day,cells,failed,ooms,celltime," USE, "day" },
	{ "reason", STORE_BY_REASON, "state,cells,celltime," USE, "state" },
	{ "scheduler", STORE_BY_SCHEDULER,
	  "scheduler,cells,failed,ooms,celltime," USE, "scheduler" },
	{ "queue", STORE_BY_QUEUE,
	  "scheduler,cluster,queue,cells,failed,ooms,celltime," USE, "queue" },
	{ "project", STORE_BY_PROJECT,
	  "project,cells,failed,ooms,celltime," USE, "project" },
};
const size_t column_groups_n = sizeof(column_groups) / sizeof(column_groups[0]);

const struct column_group *column_group_find(const char *name)
{
	for (size_t i = 0; i < column_groups_n; i++)
		if (!strcmp(column_groups[i].name, name))
			return &column_groups[i];
	return NULL;
}

static const char *count_text(struct pool *pool, double v)
{
	return pool_printf(pool, "%.0f", v);
}

static const char *duration_text(struct pool *pool, double v)
{
	return text_duration(pool, (int64_t)v);
}

static const char *size_text(struct pool *pool, double v)
{
	return text_size(pool, "", (int64_t)v);
}

static const char *tenth_text(struct pool *pool, double v)
{
	return pool_printf(pool, "%.1f", v);
}

static const char *time_text(struct pool *pool, double v)
{
	return text_time(pool, (int64_t)v);
}

static const char *time_raw(struct pool *pool, double v)
{
	return text_utc(pool, (int64_t)v);
}

static const char *fraction_raw(struct pool *pool, double v)
{
	return pool_printf(pool, "%.10g", v);
}

/* A UUID is what a record without a job has: --job= takes the end of it. */
static const char *job_shown(const char *s)
{
	enum {
		UUID = 36,
		SHOWN = 8
	};

	return s && strlen(s) == UUID && record_id_valid(s) ? s + UUID - SHOWN
							    : s;
}

static const char *string_shown(const char *s)
{
	return s;
}

struct column_kind {
	const char *suffix;
	bool right;
	const char *(*shown)(const char *s); /* of a string */
	/* Of a number. */
	const char *(*text)(struct pool *pool, double v);
	const char *(*raw)(struct pool *pool, double v);
};
static const struct column_kind string = { .shown = string_shown,
					   .suffix = "" };
static const struct column_kind job = { .shown = job_shown,
					.suffix = "",
					.right = true };
static const struct column_kind when = { "", false, NULL, time_text, time_raw };
#define NUMBER(name, suffix, text, raw) \
	static const struct column_kind name = { suffix, true, NULL, text, raw }
NUMBER(count, "", count_text, count_text);
NUMBER(duration, "_us", duration_text, count_text);
NUMBER(bytes, "_bytes", size_text, count_text);
NUMBER(percent, "_percent", tenth_text, fraction_raw);
NUMBER(core_h, "_core_h", tenth_text, fraction_raw);
NUMBER(gib_h, "_gib_h", tenth_text, fraction_raw);
#undef NUMBER

static double part(int64_t of, int64_t whole)
{
	return of < 0 || whole <= 0 ? NAN : (double)of * 100 / (double)whole;
}

static double cpu_percent(const struct store_sum *sum)
{
	return part(sum->cpu_us, sum->cpu_asked_us);
}

static double memory_percent(const struct store_sum *sum)
{
	return part(sum->memory_used_mib_s, sum->memory_asked_mib_s);
}

/* Of the time in which something wanted to run. */
static double throttled_percent(const struct store_sum *sum)
{
	return sum->cpu_us < 0 || sum->throttled_us < 0
		       ? NAN
		       : part(sum->throttled_us,
			      sum->cpu_us + sum->throttled_us);
}

/* A cell without a limit may use more than it asked for: no waste. */
static double waste(int64_t asked, int64_t used, double unit)
{
	if (asked < 0 || used < 0)
		return NAN;
	return asked > used ? (double)(asked - used) / unit : 0;
}

static double cpu_waste(const struct store_sum *sum)
{
	return waste(sum->cpu_asked_us, sum->cpu_us, 3600e6);
}

static double memory_waste(const struct store_sum *sum)
{
	return waste(sum->memory_asked_mib_s, sum->memory_used_mib_s,
		     1024.0 * 3600);
}

/* One cell's is by the monotonic clock. */
static double elapsed(const struct store_sum *sum)
{
	if (sum->records == 1 && sum->wall_us >= 0)
		return (double)sum->wall_us;
	if (sum->start_us < 0 || sum->end_us < sum->start_us)
		return NAN;
	return (double)(sum->end_us - sum->start_us);
}

#define AT(member) offsetof(struct store_sum, member), NULL
const struct column columns[] = {
	{ "scheduler", "SCHEDULER", &string, BY_ALL, AT(scheduler),
	  "whose job it was: slurm, gridengine, ..." },
	{ "cluster", "CLUSTER", &string, BY_ALL, AT(cluster),
	  "as the scheduler calls it" },
	{ "queue", "QUEUE", &string, BY_ALL, AT(queue),
	  "as the scheduler calls it" },
	{ "job", "JOBID", &job, BY_RUN, AT(job),
	  "of one without a job the end of the record's ID" },
	{ "jobname", "JOBNAME", &string, BY_RUN, AT(job_name),
	  "as its user calls it" },
	{ "step", "STEP", &string, BY_STEP, AT(step), "" },
	{ "user", "USER", &string, BY_ALL, AT(user), "" },
	{ "account", "ACCOUNT", &string, BY_ALL, AT(account),
	  "what the scheduler charges" },
	{ "project", "PROJECT", &string, BY_ALL, AT(project),
	  "where the scheduler has them beside accounts" },
	{ "node", "NODE", &string, BY_ALL, AT(node), "" },
	{ "profile", "PROFILE", &string, BY_ALL, AT(profile), "" },
	{ "day", "DAY", &string, BY_ALL, AT(day), "of the end, in UTC" },
	{ "state", "STATE", &string, BY_ALL, AT(reason),
	  "the reason of the end" },
	{ "cells", "CELLS", &count, BY_ALL, AT(records), "how many" },
	{ "failed", "FAILED", &count, BY_ALL, AT(failed),
	  "cells that did not exit with 0" },
	{ "ooms", "OOMS", &count, BY_ALL, AT(ooms),
	  "cells killed at their memory limit" },
	{ "nodes", "NODES", &count, BY_RUN, AT(nodes), "how many" },
	{ "start", "START", &when, BY_ALL, AT(start_us), "of the first cell" },
	{ "end", "END", &when, BY_ALL, AT(end_us), "of the last cell" },
	{ "elapsed", "ELAPSED", &duration, BY_RUN, 0, elapsed,
	  "from the first start to the last end" },
	{ "celltime", "CELLTIME", &duration, BY_ALL, AT(wall_us),
	  "wall clock time of all cells together" },
	{ "cputime", "CPUTIME", &duration, BY_ALL, AT(cpu_us),
	  "on all CPUs together" },
	{ "cpuasked", "CPUASKED", &duration, BY_ALL, AT(cpu_asked_us),
	  "what the cells' CPUs could have given" },
	{ "cpueff", "CPU%", &percent, BY_ALL, 0, cpu_percent,
	  "cputime of cpuasked" },
	{ "cpuwaste", "CPUWASTE", &core_h, BY_ALL, 0, cpu_waste,
	  "cpuasked less cputime, in core hours" },
	{ "throttled", "THROTTLED", &duration, BY_ALL, AT(throttled_us),
	  "time held back by a CPU limit" },
	{ "throttledshare", "THROTTLED%", &percent, BY_ALL, 0,
	  throttled_percent, "throttled of throttled and cputime" },
	{ "maxmem", "MAXMEM", &bytes, BY_ALL, AT(peak_bytes),
	  "most memory in use at once in one cell" },
	{ "memlimit", "MEMLIMIT", &bytes, BY_ALL, AT(limit_bytes),
	  "highest limit of a cell" },
	{ "memeff", "MEM%", &percent, BY_ALL, 0, memory_percent,
	  "peak of limit, by time, of cells with both" },
	{ "memwaste", "MEMWASTE", &gib_h, BY_ALL, 0, memory_waste,
	  "limit less peak, in GiB hours" },
	{ "maxmemnode", "MAXMEMNODE", &string, BY_RUN, AT(peak_node),
	  "where maxmem was" },
	{ "scratch", "SCRATCH", &bytes, BY_ALL, AT(scratch_peak_bytes),
	  "most scratch in use at once in one cell" },
	{ "read", "READ", &bytes, BY_ALL, AT(read_bytes), "from disks" },
	{ "written", "WRITTEN", &bytes, BY_ALL, AT(write_bytes), "to disks" },
	{ "received", "RECEIVED", &bytes, BY_ALL, AT(rx_bytes),
	  "by the cells' own interfaces" },
	{ "sent", "SENT", &bytes, BY_ALL, AT(tx_bytes), "likewise" },
};
const size_t columns_n = sizeof(columns) / sizeof(columns[0]);

const struct column *column_find(const char *name, struct err *err)
{
	for (size_t i = 0; i < columns_n; i++)
		if (!strcmp(columns[i].name, name))
			return &columns[i];
	err_set(err, 0, "there is no column '%s' (see --helpformat)", name);
	return NULL;
}

int column_check(const struct column *column, const struct column_group *group,
		 struct err *err)
{
	if (column->by & 1U << group->by)
		return 0;
	return err_set(err, 0, "there is no column '%s' with --by=%s",
		       column->name, group->name);
}

bool column_is_right(const struct column *column)
{
	return column->kind->right;
}

bool column_is_number(const struct column *column)
{
	return !column->kind->shown && column->kind != &when;
}

const char *column_key(const struct column *column, struct pool *pool)
{
	return pool_printf(pool, "%s%s", column->name, column->kind->suffix);
}

static const char *string_of(const struct column *column,
			     const struct store_sum *sum)
{
	return *(const char *const *)((const char *)sum + column->at);
}

/* NAN: not measured. */
static double number_of(const struct column *column,
			const struct store_sum *sum)
{
	int64_t v;

	if (column->number)
		return column->number(sum);
	v = *(const int64_t *)((const char *)sum + column->at);
	return v < 0 ? NAN : (double)v;
}

const char *column_text(const struct column *column,
			const struct store_sum *sum, struct pool *pool)
{
	double v;

	if (column->kind->shown)
		return column->kind->shown(string_of(column, sum));
	v = number_of(column, sum);
	return isnan(v) ? NULL : column->kind->text(pool, v);
}

const char *column_raw(const struct column *column, const struct store_sum *sum,
		       struct pool *pool)
{
	double v;

	if (column->kind->shown)
		return string_of(column, sum);
	v = number_of(column, sum);
	return isnan(v) ? NULL : column->kind->raw(pool, v);
}

/* Job IDs are texts with numbers in them. */
static int compare_strings(const char *a, const char *b, bool descending)
{
	if (!a || !b)
		return !a - !b;
	return descending ? strverscmp(b, a) : strverscmp(a, b);
}

static int compare_numbers(double a, double b, bool descending)
{
	if (isnan(a) || isnan(b))
		return !!isnan(a) - !!isnan(b);
	return descending ? (a < b) - (a > b) : (a > b) - (a < b);
}

int column_compare(const struct column *column, bool descending,
		   const struct store_sum *a, const struct store_sum *b)
{
	if (column->kind->shown)
		return compare_strings(string_of(column, a),
				       string_of(column, b), descending);
	return compare_numbers(number_of(column, a), number_of(column, b),
			       descending);
}

/* "name", "name%12" or, to the left, "name%-12" */
static int wish_parse(char *s, struct column_wish *ret, struct err *err)
{
	enum {
		WIDTH_MAX = 1000
	};
	char *mark = strchr(s, '%');
	uint64_t width;

	if (mark) {
		*mark++ = '\0';
		ret->left = *mark == '-';
		if (parse_uint(mark + ret->left, WIDTH_MAX, &width, err))
			return err_prefix(err, "width of column '%s'", s);
		ret->width = (size_t)width;
	}
	ret->column = column_find(s, err);
	return ret->column ? 0 : -1;
}

int column_parse(const char *format, const struct column_group *group,
		 struct pool *pool, struct column_wish **ret, size_t *ret_n,
		 struct err *err)
{
	char *rest = pool_strdup(pool, format), *s;

	*ret = NULL;
	*ret_n = 0;
	while ((s = strsep(&rest, ","))) {
		struct column_wish *wish =
			pool_push(pool, ret, ret_n, sizeof(*wish));

		if (wish_parse(s, wish, err) ||
		    column_check(wish->column, group, err))
			return -1;
	}
	return 0;
}
