/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/parse.h"
#include "comment.h"
#include "digest.h"
#include "store/store.h"

/*
 * `cloison-slurmdb`: tells slurmdbd what the cells of each finished job have
 * used. What is yet to be told is in the store, so that a run may end at any
 * point: what is written twice is the same.
 */

#define SCHEDULER "slurm"

enum {
	FAILED = 125,
	SECOND = 1000000,
	RETRY_MAX = 900, /* seconds */
};

struct request {
	const char *store;
	uint64_t settle, retry, give_up; /* seconds */
	uint64_t limit;
	bool append;
	bool help;
};

struct teller {
	const struct request *rq;
	struct store *store;
	void *db; /* slurmdbd, when there is something to tell */
	int64_t now_us;
	int64_t count[STORE_TOLD_NEVER + 1];
};

/* What becomes of a job. */
struct fate {
	enum store_told told;
	int64_t again_us;
};

/* The sum of one run's cells, or of all. */
struct total {
	struct store_sum sum;
	struct pool *pool;
};

static int keep_sum(void *arg, const struct store_sum *sum, struct err *err)
{
	struct total *t = arg;

	(void)err;
	t->sum = *sum;
	t->sum.profile = pool_strdup(t->pool, sum->profile);
	t->sum.peak_node = pool_strdup(t->pool, sum->peak_node);
	t->sum.reason = NULL;
	return 0;
}

static int keep_reason(void *arg, const struct store_sum *sum, struct err *err)
{
	struct total *t = arg;
	const char *worse = digest_worse(t->sum.reason, sum->reason);

	(void)err;
	if (worse != t->sum.reason)
		t->sum.reason = pool_strdup(t->pool, worse);
	return 0;
}

/*
 * Of the cells that ended from `since` until before `until` (-1: any). Only
 * root's records count: anybody can sign one that says it is of this job.
 */
static int add_up(struct store *store, const struct store_job *job,
		  int64_t since_us, int64_t until_us, struct total *ret,
		  struct err *err)
{
	struct store_filter filter = STORE_FILTER_ALL;

	filter.cluster = job->cluster;
	filter.job = job->job;
	filter.signer = 0;
	filter.since_us = since_us;
	filter.until_us = until_us;
	if (store_sum(store, &filter, STORE_BY_JOB, keep_sum, ret, err))
		return -1;
	return store_sum(store, &filter, STORE_BY_REASON, keep_reason, ret,
			 err);
}

static struct fate later(const struct teller *t, const struct store_job *job)
{
	uint64_t wait = t->rq->retry << (job->tries < 12 ? job->tries : 12);

	if (wait > RETRY_MAX)
		wait = RETRY_MAX;
	return (struct fate){ STORE_TOLD_LATER,
			      t->now_us + (int64_t)wait * SECOND };
}

static int tell_run(struct teller *t, const struct store_job *job,
		    const struct comment_run *run, const struct total *total,
		    struct fate *ret, struct err *err)
{
	int64_t settled_us = job->last_us + (int64_t)t->rq->settle * SECOND;
	const char *value, *text;
	int done;

	if (!run->end) {
		*ret = later(t, job);
		return 0;
	}
	/* Cells may have been asked for by some of the steps only. */
	if (total->sum.records < run->cells && t->now_us < settled_us) {
		*ret = (struct fate){ STORE_TOLD_LATER, settled_us };
		return 0;
	}
	value = digest_build(&total->sum, DIGEST_MAX, total->pool);
	ret->told = STORE_TOLD_DONE;
	switch (digest_merge(run->text, value, t->rq->append, total->pool,
			     &text)) {
	case DIGEST_SAME:
		return 0;
	case DIGEST_FOREIGN:
		ret->told = STORE_TOLD_FOREIGN;
		return 0;
	case DIGEST_WRITE:
		break;
	}
	done = comment_set(t->db, job->cluster, run, text, err);
	if (!done)
		*ret = later(t, job);
	return done < 0 ? -1 : 0;
}

/* What has still to be done for one run has to be done for the job. */
static void combine(struct fate *ret, const struct fate *one)
{
	static const int rank[] = {
		[STORE_TOLD_NEVER] = 0,
		[STORE_TOLD_DONE] = 1,
		[STORE_TOLD_FOREIGN] = 2,
		[STORE_TOLD_LATER] = 3,
	};

	if (rank[one->told] > rank[ret->told] ||
	    (one->told == STORE_TOLD_LATER && one->again_us < ret->again_us))
		*ret = *one;
}

/*
 * A record belongs to the run that had started, and whose successor had not,
 * when its cell ended. Before the first run and after the last one there is
 * nothing to confuse, whatever a node's clock says.
 */
static int tell_runs(struct teller *t, const struct store_job *job,
		     const struct comment_run *runs, size_t n,
		     struct pool *pool, struct fate *ret, struct err *err)
{
	*ret = (struct fate){ .told = STORE_TOLD_NEVER };
	for (size_t i = 0; i < n; i++) {
		const struct comment_run *next = &runs[i + 1];
		struct total total = { .pool = pool };
		struct fate one = { .told = STORE_TOLD_NEVER };

		/* What has not started has no cells. */
		if (i && !runs[i].start)
			break;
		if (add_up(t->store, job, i ? runs[i].start * SECOND : -1,
			   i + 1 < n && next->start ? next->start * SECOND : -1,
			   &total, err))
			return -1;
		if (total.sum.records &&
		    tell_run(t, job, &runs[i], &total, &one, err))
			return -1;
		combine(ret, &one);
	}
	return 0;
}

/* The name becomes part of slurmdbd's SQL; it may come from anybody. */
static bool cluster_valid(const char *name)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

	return name && *name && !name[strspn(name, good)];
}

static int tell_slurmdbd(struct teller *t, const struct store_job *job,
			 uint32_t number, struct pool *pool, struct fate *ret,
			 struct err *err)
{
	struct comment_run *runs;
	size_t n;

	if (comment_runs(t->db, job->cluster, number, pool, &runs, &n, err))
		return -1;
	if (n)
		return tell_runs(t, job, runs, n, pool, ret, err);
	if (t->now_us - job->last_us > (int64_t)t->rq->give_up * SECOND)
		ret->told = STORE_TOLD_NEVER;
	else
		*ret = later(t, job);
	return 0;
}

static int tell_job(struct teller *t, const struct store_job *job,
		    struct pool *pool, struct fate *ret, struct err *err)
{
	struct total total = { .pool = pool };
	struct err ignored;
	uint64_t number;

	ret->told = STORE_TOLD_NEVER;
	if (!cluster_valid(job->cluster) ||
	    parse_uint(job->job, INT32_MAX, &number, &ignored))
		return 0;
	if (add_up(t->store, job, -1, -1, &total, err))
		return -1;
	if (!total.sum.records)
		return 0;
	return tell_slurmdbd(t, job, (uint32_t)number, pool, ret, err);
}

/*
 * A job that slurmdbd cannot digest is put off as well, as it must not keep
 * those behind it waiting; the run ends, as it may also be slurmdbd.
 */
static int tell_due(void *arg, const struct store_job *job, struct err *err)
{
	struct teller *t = arg;
	struct pool pool = { 0 };
	struct fate fate = { 0 };
	struct err ignored;
	int r;

	if (!t->db && comment_open(&t->db, err))
		return -1;
	r = tell_job(t, job, &pool, &fate, err);
	pool_free(&pool);
	if (r)
		fate = later(t, job);
	t->count[fate.told]++;
	if (store_told(t->store, SCHEDULER, job, fate.told, fate.again_us,
		       r ? &ignored : err))
		return -1;
	return r ? err_prefix(err, "job %s", job->job) : 0;
}

static int64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * SECOND + ts.tv_nsec / 1000;
}

static int tell(const struct request *rq, struct err *err)
{
	struct teller t = { .rq = rq, .now_us = now() };
	int r = store_open(rq->store, &t.store, err);

	if (!r)
		r = store_due(t.store, SCHEDULER, t.now_us, (int64_t)rq->limit,
			      tell_due, &t, err);
	store_close(t.store);
	if (t.db)
		comment_close(t.db);
	printf("%lld told, %lld foreign, %lld later, %lld never\n",
	       (long long)t.count[STORE_TOLD_DONE],
	       (long long)t.count[STORE_TOLD_FOREIGN],
	       (long long)t.count[STORE_TOLD_LATER],
	       (long long)t.count[STORE_TOLD_NEVER]);
	return r;
}

enum value {
	NOTHING,
	TEXT,
	TIME,
	NUMBER,
};

static const struct rule {
	const char *name;
	enum value value;
	size_t at; /* in struct request */
	const char *arg, *help;
} rules[] = {
#define AT(member) offsetof(struct request, member)
	{ "store", TEXT, AT(store), "=WHERE", "where records are kept" },
	{ "append", NOTHING, AT(append), "",
	  "write behind what somebody else has written" },
	{ "settle", TIME, AT(settle), "=TIME",
	  "how long to wait for records that may be missing (1m)" },
	{ "retry", TIME, AT(retry), "=TIME",
	  "when to try again first; then twice as long (1m)" },
	{ "give-up", TIME, AT(give_up), "=TIME",
	  "when to forget a job that slurmdbd does not know (7d)" },
	{ "limit", NUMBER, AT(limit), "=N", "at most so many jobs (1000)" },
	{ "help", NOTHING, AT(help), "", "this text" },
#undef AT
};
enum {
	RULES = sizeof(rules) / sizeof(rules[0])
};

static int set(struct request *rq, const struct rule *rule, const char *arg,
	       struct err *err)
{
	void *at = (char *)rq + rule->at;
	int r = 0;

	switch (rule->value) {
	case NOTHING:
		*(bool *)at = true;
		break;
	case TEXT:
		*(const char **)at = arg;
		break;
	case TIME:
		r = parse_seconds(arg, at, err);
		break;
	case NUMBER:
		r = parse_uint(arg, INT64_MAX, at, err);
		break;
	}
	return r ? err_prefix(err, "--%s", rule->name) : 0;
}

static int parse_request(int argc, char **argv, struct request *rq,
			 struct err *err)
{
	static const char see[] = "see cloison-slurmdb --help";
	struct option options[RULES + 1] = { 0 };
	int got, i;

	for (i = 0; i < RULES; i++)
		options[i] =
			(struct option){ rules[i].name,
					 rules[i].value != NOTHING, NULL, 0 };
	opterr = 0;
	while ((got = getopt_long(argc, argv, ":", options, &i)) != -1) {
		if (got == ':')
			return err_set(err, 0, "option '%s' needs a value (%s)",
				       argv[optind - 1], see);
		if (got)
			return err_set(err, 0, "bad option '%s' (%s)",
				       argv[optind - 1], see);
		if (set(rq, &rules[i], optarg, err))
			return -1;
	}
	if (optind < argc)
		return err_set(err, 0, "unexpected argument '%s' (%s)",
			       argv[optind], see);
	return 0;
}

static void print_help(void)
{
	printf("Usage: cloison-slurmdb [OPTION]...\n"
	       "Tell slurmdbd what the cells of finished jobs have used.\n\n");
	for (size_t i = 0; i < RULES; i++)
		printf("  --%s%-*s %s\n", rules[i].name,
		       (int)(16 - strlen(rules[i].name)), rules[i].arg,
		       rules[i].help);
	printf("\nSee cloison-slurmdb(8).\n");
}

int main(int argc, char **argv)
{
	struct request rq = {
		.store = LOCALSTATEDIR "/lib/cloison/records.db",
		.settle = 60,
		.retry = 60,
		.give_up = 604800, /* 7 days */
		.limit = 1000,
	};
	struct err err;
	int r;

	signal(SIGPIPE, SIG_IGN);
	r = parse_request(argc, argv, &rq, &err);
	if (!r && rq.help)
		print_help();
	else if (!r)
		r = tell(&rq, &err);
	if (!r && (fflush(stdout) || ferror(stdout)))
		r = err_set(&err, errno, "write to stdout");
	if (r)
		fprintf(stderr, "cloison-slurmdb: %s\n", err.text);
	return r ? FAILED : 0;
}
