/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <math.h>
#include <signal.h>
#include <string.h>

#include "collector/job.h"
#include "collector/text.h"

/* Less is not advised on a job that was over as soon as this. */
static const int64_t SHORT_US = 60 * (int64_t)1000000;

static const char *say_oom(const struct job_cell *c, struct pool *pool)
{
	const char *limit = text_size(pool, "", c->memory_limit);
	const char *what =
		limit ? pool_printf(pool, "reached its memory limit of %s",
				    limit)
		      : "reached its memory limit";

	if (!c->victim)
		return what;
	return pool_printf(pool, "%s; the kernel killed %s (pid %lld)", what,
			   c->victim, (long long)c->victim_pid);
}

static const char *say_host_oom(const struct job_cell *c, struct pool *pool)
{
	return pool_printf(
		pool,
		"was killed for want of memory, but not at its own limit: the job's or the node's memory was full%s%s",
		c->victim ? "; the kernel chose " : "",
		c->victim ? c->victim : "");
}

static const char *say_time(const struct job_cell *c, struct pool *pool)
{
	const char *wall = text_duration(pool, c->wall_us);

	return wall ? pool_printf(pool, "was ended at its time limit, after %s",
				  wall)
		    : "was ended at its time limit";
}

static const char *say_cpu_time(const struct job_cell *c, struct pool *pool)
{
	const char *used = text_duration(pool, c->cpu_us);

	return used ? pool_printf(pool, "had used up its CPU time, %s", used)
		    : "had used up its CPU time";
}

static const char *say_scratch(const struct job_cell *c, struct pool *pool)
{
	const char *limit = text_size(pool, "", c->scratch_limit);

	return pool_printf(pool, "had no room left in its scratch%s%s",
			   limit ? " of " : "", limit ? limit : "");
}

static const char *say_setup(const struct job_cell *c, struct pool *pool)
{
	(void)c, (void)pool;
	return "could not be set up: its command was not started";
}

static const char *say_lost(const struct job_cell *c, struct pool *pool)
{
	(void)c, (void)pool;
	return "was lost: the node, or what watched over the cell, died";
}

static const char *say_cancelled(const struct job_cell *c, struct pool *pool)
{
	(void)c, (void)pool;
	return "was cancelled";
}

static const char *say_signal(const struct job_cell *c, struct pool *pool)
{
	const char *name = c->signal > 0 && c->signal < NSIG
				   ? sigabbrev_np((int)c->signal)
				   : NULL;

	return pool_printf(pool, "was ended by signal %lld%s%s%s",
			   (long long)c->signal, name ? " (SIG" : "",
			   name ? name : "", name ? ")" : "");
}

static const char *say_exit(const struct job_cell *c, struct pool *pool)
{
	return pool_printf(pool, "exited with %lld", (long long)c->code);
}

static bool has_reason(const struct record *r, const char *reason)
{
	return r->exit.reason && !strcmp(r->exit.reason, reason);
}

static bool is_full(const struct record *r, const char *name)
{
	(void)name;
	return r->scratch.full == 1;
}

static bool has_failed(const struct record *r, const char *name)
{
	return has_reason(r, name) && r->exit.code > 0;
}

/* Those that there is advice on, at their places in the table. */
enum {
	OOM,
	HOST_OOM,
	TIME_LIMIT,
	CPU_TIME,
	SCRATCH_FULL,
	OTHERS
};

/* The gravest, and what explains most, first. */
static const struct ending {
	const char *reason;
	bool (*is)(const struct record *r, const char *reason);
	const char *(*say)(const struct job_cell *c, struct pool *pool);
} endings[JOB_ENDINGS] = {
	[OOM] = { "oom", has_reason, say_oom },
	[HOST_OOM] = { "host-oom", has_reason, say_host_oom },
	[TIME_LIMIT] = { "time-limit", has_reason, say_time },
	[CPU_TIME] = { "cpu-time", has_reason, say_cpu_time },
	[SCRATCH_FULL] = { "scratch-full", is_full, say_scratch },
	[OTHERS] = { "setup-failed", has_reason, say_setup },
	{ "lost", has_reason, say_lost },
	{ "cancelled", has_reason, say_cancelled },
	{ "signaled", has_reason, say_signal },
	{ "exited", has_failed, say_exit },
};

static struct job_cell cell_of(const struct record *r, struct pool *pool)
{
	return (struct job_cell){
		.step = pool_strdup(pool, r->scheduler.step),
		.node = pool_strdup(pool, r->node),
		.victim = pool_strdup(pool, r->memory.victim),
		.victim_pid = r->memory.victim_pid,
		.code = r->exit.code,
		.signal = r->exit.signal,
		.wall_us = r->time.wall_us,
		.cpu_us = r->usage.cpu_usage_us,
		.memory_peak = r->usage.memory_peak,
		.memory_limit = r->memory.limit,
		.scratch_peak = r->scratch.peak,
		.scratch_limit = r->scratch.limit,
	};
}

static void add_cpu(struct job *job, const struct record *r)
{
	static const char *const waiting[] = { "batch", "extern",
					       "interactive" };
	struct job_cpu *cpu = &job->cpu;

	if (r->time.wall_us <= 0 || r->cpu.count <= 0 ||
	    r->usage.cpu_usage_us < 0)
		return;
	for (size_t i = 0; i < sizeof(waiting) / sizeof(waiting[0]); i++)
		if (r->scheduler.step && !strcmp(r->scheduler.step, waiting[i]))
			cpu = &job->waiting;
	cpu->wall_us += r->time.wall_us;
	cpu->asked_us += r->time.wall_us * r->cpu.count;
	cpu->used_us += r->usage.cpu_usage_us;
	if (r->usage.cpu_throttled_us > 0)
		cpu->throttled_us += r->usage.cpu_throttled_us;
}

/* Of its limit; what has none is less full than what has one. */
static bool fuller(int64_t peak, int64_t limit, int64_t than, int64_t of)
{
	double a = limit > 0 ? (double)peak / (double)limit : 0;
	double b = of > 0 ? (double)than / (double)of : 0;

	return peak >= 0 && (than < 0 || a > b || (a == b && peak > than));
}

static void copy_pairs(struct pool *pool, const struct record_pair *from,
		       size_t n, struct record_pair **ret, size_t *ret_n)
{
	if (*ret_n)
		return;
	for (size_t i = 0; i < n; i++)
		*(struct record_pair *)pool_push(pool, ret, ret_n,
						 sizeof(**ret)) =
			(struct record_pair){ pool_strdup(pool, from[i].key),
					      pool_strdup(pool,
							  from[i].value) };
}

void job_add(struct job *job, struct pool *pool, const struct record *r)
{
	if (!job->cells++) {
		job->scheduler = pool_strdup(pool, r->scheduler.name);
		job->memory.memory_peak = job->scratch.scratch_peak = -1;
	}
	job->failed += r->exit.code != 0;
	for (size_t i = 0; i < JOB_ENDINGS; i++)
		if (endings[i].is(r, endings[i].reason) && !job->ended[i]++)
			job->ending[i] = cell_of(r, pool);
	if (fuller(r->usage.memory_peak, r->memory.limit,
		   job->memory.memory_peak, job->memory.memory_limit))
		job->memory = cell_of(r, pool);
	if (fuller(r->scratch.peak, r->scratch.limit, job->scratch.scratch_peak,
		   job->scratch.scratch_limit))
		job->scratch = cell_of(r, pool);
	if (r->time.wall_us > job->longest_us)
		job->longest_us = r->time.wall_us;
	add_cpu(job, r);
	copy_pairs(pool, r->limits.asked, r->limits.n_asked, &job->asked,
		   &job->n_asked);
	copy_pairs(pool, r->limits.missing, r->limits.n_missing, &job->missing,
		   &job->n_missing);
}

void job_reasons(const struct job *job, struct pool *pool,
		 struct job_reason **ret, size_t *ret_n)
{
	*ret = NULL;
	*ret_n = 0;
	for (size_t i = 0; i < JOB_ENDINGS; i++)
		if (job->ended[i])
			*(struct job_reason *)pool_push(pool, ret, ret_n,
							sizeof(**ret)) =
				(struct job_reason){
					endings[i].reason, job->ended[i],
					&job->ending[i],
					endings[i].say(&job->ending[i], pool)
				};
}

/* Steps that wait count where there are no others. */
static const struct job_cpu *cpu_of(const struct job *job)
{
	return job->cpu.wall_us ? &job->cpu : &job->waiting;
}

double job_cpus_asked(const struct job *job)
{
	const struct job_cpu *cpu = cpu_of(job);

	return cpu->wall_us ? (double)cpu->asked_us / (double)cpu->wall_us : -1;
}

double job_cpus_used(const struct job *job)
{
	const struct job_cpu *cpu = cpu_of(job);

	return cpu->wall_us ? (double)cpu->used_us / (double)cpu->wall_us : -1;
}

/* What asks for a thing, in Slurm and elsewhere. */
enum thing {
	MEMORY,
	JOB_MEMORY,
	CPUS,
	CPU_LIMIT,
	TIME,
	CELL_CPU_TIME,
	SCRATCH,
	NOTHING
};
static const char *const options[][2] = {
	[MEMORY] = { "--memory", "--cell-memory" },
	[JOB_MEMORY] = { "--memory", "--mem" },
	[CPUS] = { "--cpus", "--cpus-per-task" },
	[CPU_LIMIT] = { "--cpus", "--cell-cpus" },
	[TIME] = { "--time-limit", "--time" },
	[CELL_CPU_TIME] = { "--cpu-time", "--cell-cpu-time" },
	[SCRATCH] = { "--scratch", "--cell-scratch" },
	[NOTHING] = { NULL, NULL },
};

/* As options take it, up to a round number; at least 64M. */
static const char *round_size(struct pool *pool, double bytes)
{
	const double mib = 1024 * 1024;
	double step = bytes > 16384 * mib  ? 1024
		      : bytes > 1024 * mib ? 512
					   : 64;
	double n = ceil(bytes / mib / step) * step;

	n = n < step ? step : n;
	if (fmod(n, 1024) == 0)
		return pool_printf(pool, "%.0fG", n / 1024);
	return pool_printf(pool, "%.0fM", n);
}

/* hours:minutes:00, up to 5 minutes in the first hour, then to 30. */
static const char *round_time(struct pool *pool, double us)
{
	double step = us > 3600e6 ? 30 : 5;
	long long minutes = (long long)(ceil(us / 60e6 / step) * step);

	return pool_printf(pool, "%02lld:%02lld:00", minutes / 60,
			   minutes % 60);
}

/*
 * Each fills the value and the text, and says whether it applies. More is
 * advised by half, less by what was used and a fifth.
 */
static const double MORE = 1.5, SPARE = 1.2;

static bool advise_oom(const struct job *job, struct pool *pool,
		       struct job_advice *a)
{
	const struct job_cell *c = &job->ending[OOM];

	if (!job->ended[OOM])
		return false;
	if (c->memory_limit > 0)
		a->value = round_size(pool, (double)c->memory_limit * MORE);
	a->text = "its memory limit was too low";
	return true;
}

static bool advise_host_oom(const struct job *job, struct pool *pool,
			    struct job_advice *a)
{
	int64_t peak = job->ending[HOST_OOM].memory_peak;

	if (!job->ended[HOST_OOM])
		return false;
	if (peak > 0)
		a->value = round_size(pool, (double)peak * MORE);
	a->text =
		"the memory of the job or the node was full: ask for more, so that the job gets a node that has it";
	return true;
}

static bool advise_time(const struct job *job, struct pool *pool,
			struct job_advice *a)
{
	int64_t wall = job->ending[TIME_LIMIT].wall_us;

	if (!job->ended[TIME_LIMIT])
		return false;
	if (wall > 0)
		a->value = round_time(pool, (double)wall * MORE);
	a->text = "it needs more time, or to go on from where it was";
	return true;
}

static bool advise_cpu_time(const struct job *job, struct pool *pool,
			    struct job_advice *a)
{
	int64_t used = job->ending[CPU_TIME].cpu_us;

	if (!job->ended[CPU_TIME])
		return false;
	if (used > 0)
		a->value = round_time(pool, (double)used * MORE);
	a->text = "it needs more CPU time";
	return true;
}

static bool advise_scratch(const struct job *job, struct pool *pool,
			   struct job_advice *a)
{
	int64_t limit = job->ending[SCRATCH_FULL].scratch_limit;

	if (!job->ended[SCRATCH_FULL])
		return false;
	if (limit > 0)
		a->value = round_size(pool, (double)limit * 2);
	a->text = "its scratch was full";
	return true;
}

static bool advise_throttled(const struct job *job, struct pool *pool,
			     struct job_advice *a)
{
	const struct job_cpu *cpu = cpu_of(job);
	double wanted = (double)cpu->used_us + (double)cpu->throttled_us;
	double share = wanted > 0 ? (double)cpu->throttled_us / wanted : 0;

	if (share <= 0.2)
		return false;
	a->value =
		pool_printf(pool, "%.0f", ceil(wanted / (double)cpu->wall_us));
	a->text = pool_printf(
		pool,
		"its CPU limit held it back for %.0f %% of the time it wanted to run",
		share * 100);
	return true;
}

/* What did not go well may not have come to using what it asked for. */
static bool went_well(const struct job *job)
{
	return !job->failed && job->longest_us >= SHORT_US;
}

static bool advise_less_memory(const struct job *job, struct pool *pool,
			       struct job_advice *a)
{
	const struct job_cell *c = &job->memory;

	if (!went_well(job) || c->memory_peak < 0 || c->memory_limit <= 0 ||
	    c->memory_peak >= c->memory_limit / 2)
		return false;
	a->value = round_size(pool, (double)c->memory_peak * SPARE);
	a->text = pool_printf(pool, "it used %s of %s at most",
			      text_size(pool, "", c->memory_peak),
			      text_size(pool, "", c->memory_limit));
	return true;
}

static bool advise_fewer_cpus(const struct job *job, struct pool *pool,
			      struct job_advice *a)
{
	double asked = job_cpus_asked(job), used = job_cpus_used(job);
	double enough = ceil(used * SPARE);

	enough = enough < 1 ? 1 : enough;
	if (!went_well(job) || asked < 0 || used >= asked / 2 ||
	    enough >= asked)
		return false;
	a->value = pool_printf(pool, "%.0f", enough);
	a->text = pool_printf(
		pool,
		"it kept %.1f of %.1f CPUs busy; if it should use more, see that it starts as many threads or processes",
		used, asked);
	return true;
}

static bool advise_limits(const struct job *job, struct pool *pool,
			  struct job_advice *a)
{
	if (!job->n_missing)
		return false;
	a->text = pool_printf(pool, "its limit '%s' was not enforced: %s",
			      job->missing[0].key, job->missing[0].value);
	return true;
}

static const struct rule {
	const char *name;
	enum thing thing;
	bool (*advise)(const struct job *job, struct pool *pool,
		       struct job_advice *a);
} rules[] = {
	{ "oom", MEMORY, advise_oom },
	{ "host-oom", JOB_MEMORY, advise_host_oom },
	{ "time-limit", TIME, advise_time },
	{ "cpu-time", CELL_CPU_TIME, advise_cpu_time },
	{ "scratch-full", SCRATCH, advise_scratch },
	{ "throttled", CPU_LIMIT, advise_throttled },
	{ "less-memory", MEMORY, advise_less_memory },
	{ "fewer-cpus", CPUS, advise_fewer_cpus },
	{ "not-enforced", NOTHING, advise_limits },
};

void job_advise(const struct job *job, struct pool *pool,
		struct job_advice **ret, size_t *ret_n)
{
	bool slurm = job->scheduler && !strcmp(job->scheduler, "slurm");

	*ret = NULL;
	*ret_n = 0;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct job_advice a = {
			.rule = rules[i].name,
			.option = options[rules[i].thing][slurm],
		};

		if (rules[i].advise(job, pool, &a))
			*(struct job_advice *)pool_push(pool, ret, ret_n,
							sizeof(a)) = a;
	}
}
