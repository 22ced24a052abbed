/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <ctype.h>
#include <grp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/pool.h"
#include "collector/export.h"

/* What a cell tells of its job. */
struct part {
	const char *cluster, *job, *step, *node, *account, *user, *reason;
	const char *queue, *name;
	int64_t uid, gid, start_us, end_us, code, signal, cpus, memory;
};

struct parts {
	struct pool pool; /* the strings */
	struct part *part;
	size_t n;
};

/* The parts of one job, by node; and what is printed of them. */
struct job {
	const struct part *part;
	size_t n;
	struct pool *pool;
};

/* No field may hold what ends one. */
static const char *field(struct pool *pool, const char *s)
{
	char *copy = pool_strdup(pool, s ? s : "");

	for (char *p = copy; *p; p++)
		if (*p == '|' || iscntrl((unsigned char)*p))
			*p = '_';
	return copy;
}

/* Slurm's, and by number: XDMoD has no other jobs. */
static bool is_job(const struct record *r)
{
	return r->scheduler.name && !strcmp(r->scheduler.name, "slurm") &&
	       r->scheduler.job && *r->scheduler.job &&
	       !r->scheduler.job[strspn(r->scheduler.job, "0123456789")];
}

static int keep(void *arg, const struct store_row *row, struct err *err)
{
	struct parts *all = arg;
	struct pool *pool = &all->pool, scratch = { 0 };
	struct record r;
	int result = record_parse(row->text, row->len, &scratch, &r, err);

	if (!result && is_job(&r))
		*(struct part *)pool_push(pool, &all->part, &all->n,
					  sizeof(*all->part)) = (struct part){
			.cluster = field(pool, r.scheduler.cluster),
			.job = field(pool, r.scheduler.job),
			.step = field(pool, r.scheduler.step),
			.node = field(pool, r.node),
			.account = field(pool, r.user.account),
			.user = field(pool, r.user.name),
			.reason = field(pool, r.exit.reason),
			.queue = field(pool, r.scheduler.queue),
			.name = field(pool, r.scheduler.job_name),
			.uid = r.user.uid,
			.gid = r.user.gid,
			.start_us = r.time.start_us,
			.end_us = r.time.end_us,
			.code = r.exit.code,
			.signal = r.exit.signal,
			.cpus = r.cpu.count,
			.memory = r.memory.limit,
		};
	pool_free(&scratch);
	return result ? err_prefix(err, "a record of the store") : 0;
}

static int by_job(const void *a, const void *b)
{
	const struct part *x = a, *y = b;
	int d = strcmp(x->cluster, y->cluster);

	if (!d)
		d = strcmp(x->job, y->job);
	return d ? d : strcmp(x->node, y->node);
}

static int64_t most(const struct job *j, size_t at)
{
	int64_t v = -1;

	for (size_t i = 0; i < j->n; i++) {
		int64_t one =
			*(const int64_t *)((const char *)&j->part[i] + at);

		v = one > v ? one : v;
	}
	return v;
}

/* Not all cells need to know: a step's environment is its user's. */
static const char *known(const struct job *j, size_t at)
{
	const char *s = "";

	for (size_t i = 0; i < j->n && !*s; i++)
		s = *(const char *const *)((const char *)&j->part[i] + at);
	return s;
}

static int64_t first(const struct job *j)
{
	int64_t v = -1;

	for (size_t i = 0; i < j->n; i++)
		if (j->part[i].start_us >= 0 &&
		    (v < 0 || j->part[i].start_us < v))
			v = j->part[i].start_us;
	return v;
}

static bool is_new_node(const struct job *j, size_t i)
{
	return !i || strcmp(j->part[i].node, j->part[i - 1].node) != 0;
}

/* Of each node the most that one of its cells could use. */
static int64_t cpus(const struct job *j)
{
	int64_t all = 0, here = 0;

	for (size_t i = 0; i < j->n; i++) {
		if (is_new_node(j, i)) {
			all += here;
			here = 0;
		}
		if (j->part[i].cpus > here)
			here = j->part[i].cpus;
	}
	return all + here;
}

static int64_t nodes(const struct job *j)
{
	int64_t n = 0;

	for (size_t i = 0; i < j->n; i++)
		n += is_new_node(j, i);
	return n;
}

/* The batch script's end is that of its job; else the worst one is. */
static const struct part *last_word(const struct job *j)
{
	const struct part *worst = j->part;

	for (size_t i = 0; i < j->n; i++) {
		const struct part *p = &j->part[i];

		if (!strcmp(p->step, "batch"))
			return p;
		if (p->signal > worst->signal ||
		    (p->signal == worst->signal && p->code > worst->code))
			worst = p;
	}
	return worst;
}

static const char *state(const struct part *p)
{
	static const struct {
		const char *reason, *state;
	} states[] = {
		{ "oom", "OUT_OF_MEMORY" },   { "host-oom", "OUT_OF_MEMORY" },
		{ "time-limit", "TIMEOUT" },  { "cpu-time", "TIMEOUT" },
		{ "cancelled", "CANCELLED" }, { "lost", "NODE_FAIL" },
	};

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (!strcmp(states[i].reason, p->reason))
			return states[i].state;
	return p->code == 0 ? "COMPLETED" : "FAILED";
}

static void print_time(FILE *out, int64_t us)
{
	time_t s = us / 1000000;
	char text[24];
	struct tm tm;

	if (us < 0) {
		fputs("Unknown|", out);
		return;
	}
	gmtime_r(&s, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	fprintf(out, "%s|", text);
}

static void print_elapsed(FILE *out, int64_t us)
{
	long long s = us < 0 ? 0 : us / 1000000;

	if (s >= 86400)
		fprintf(out, "%lld-", s / 86400);
	fprintf(out, "%02lld:%02lld:%02lld|", s / 3600 % 24, s / 60 % 60,
		s % 60);
}

static void print_number(FILE *out, int64_t v)
{
	if (v >= 0)
		fprintf(out, "%lld", (long long)v);
	putc('|', out);
}

static void print_group(FILE *out, const struct job *j)
{
	int64_t gid = most(j, offsetof(struct part, gid));
	const struct group *g = gid < 0 ? NULL : getgrgid((gid_t)gid);

	if (g)
		fprintf(out, "%s|", field(j->pool, g->gr_name));
	else
		print_number(out, gid);
	print_number(out, gid);
}

static void print_resources(FILE *out, const struct job *j)
{
	int64_t memory = most(j, offsetof(struct part, memory));
	int64_t n_cpus = cpus(j), n_nodes = nodes(j);

	print_number(out, n_nodes);
	print_number(out, n_cpus);
	print_number(out, n_cpus);
	if (memory >= 0)
		fprintf(out, "%lldM", (long long)(memory >> 20));
	putc('|', out);
	/* Asked for and given: records tell only of the second. */
	for (int i = 0; i < 2; i++) {
		fprintf(out, "cpu=%lld,", (long long)n_cpus);
		if (memory >= 0)
			fprintf(out, "mem=%lldM,",
				(long long)(memory >> 20) * n_nodes);
		fprintf(out, "node=%lld|", (long long)n_nodes);
	}
}

/* In the order of the shredder's fields. */
static void print_job(FILE *out, const struct job *j)
{
	const struct part *end = last_word(j), *p = j->part;
	int64_t start = first(j);
	int64_t stop = most(j, offsetof(struct part, end_us));

	/* jobid, jobidraw, cluster, partition, qos, account */
	fprintf(out, "%s|%s|%s|%s||%s|", p->job, p->job, p->cluster,
		known(j, offsetof(struct part, queue)), p->account);
	print_group(out, j);
	fprintf(out, "%s|", p->user);
	print_number(out, p->uid);
	/* Records do not know of submit and eligible: no time was waited. */
	for (int i = 0; i < 3; i++)
		print_time(out, start);
	print_time(out, stop);
	print_elapsed(out, start < 0 || stop < 0 ? -1 : stop - start);
	fprintf(out, "%lld:%lld|%s|", end->code < 0 ? 0 : (long long)end->code,
		end->signal < 0 ? 0 : (long long)end->signal, state(end));
	print_resources(out, j);
	/* timelimit, nodelist, jobname */
	putc('|', out);
	for (size_t i = 0; i < j->n; i++)
		if (is_new_node(j, i))
			fprintf(out, "%s%s", i ? "," : "", j->part[i].node);
	fprintf(out, "|%s\n", known(j, offsetof(struct part, name)));
}

int export_xdmod(struct store *store, const struct store_filter *filter,
		 FILE *out, struct err *err)
{
	struct parts all = { 0 };
	int result = store_each(store, filter, keep, &all, err);

	if (!result && all.n)
		qsort(all.part, all.n, sizeof(*all.part), by_job);
	for (size_t i = 0, n; !result && i < all.n; i += n) {
		struct pool pool = { 0 };
		struct job job = { .part = &all.part[i], .pool = &pool };

		for (n = 1;
		     i + n < all.n &&
		     !strcmp(all.part[i].job, all.part[i + n].job) &&
		     !strcmp(all.part[i].cluster, all.part[i + n].cluster);
		     n++)
			;
		job.n = n;
		print_job(out, &job);
		pool_free(&pool);
	}
	pool_free(&all.pool);
	return result;
}
