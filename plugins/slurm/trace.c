/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <slurm/spank.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <time.h>

#include "trace.h"

struct trace {
	struct {
		_Atomic int64_t n, sum, max; /* microseconds */
	} of[TRACE_POINTS];
};

static const char *const name[TRACE_POINTS] = {
	[TRACE_INIT] = "init",
	[TRACE_INIT_POST_OPT] = "init_post_opt",
	[TRACE_USER_INIT] = "user_init",
	[TRACE_PRIVILEGED] = "task_init_privileged",
	[TRACE_BUILD] = "the cell's building",
	[TRACE_TASK_INIT] = "task_init",
	[TRACE_TASK_EXIT] = "task_exit",
	[TRACE_EXIT] = "exit",
};

struct trace *trace_new(void)
{
	struct trace *t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return t == MAP_FAILED ? NULL : t;
}

int64_t trace_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void trace_add(struct trace *trace, enum trace_point point, int64_t us)
{
	int64_t max;

	if (!trace)
		return;
	trace->of[point].n++;
	trace->of[point].sum += us;
	max = trace->of[point].max;
	while (us > max &&
	       !atomic_compare_exchange_weak(&trace->of[point].max, &max, us))
		;
}

struct trace_span trace_begin(struct trace *trace, enum trace_point point)
{
	return (struct trace_span){ trace, point, trace ? trace_now() : 0 };
}

void trace_end(const struct trace_span *span)
{
	if (span->trace)
		trace_add(span->trace, span->point, trace_now() - span->since);
}

void trace_print(const struct trace *trace, enum trace_point from)
{
	for (int i = from; trace && i < TRACE_POINTS; i++)
		if (trace->of[i].n)
			slurm_spank_log("cloison: %s: %lld us in %lld calls, "
					"%lld at most",
					name[i], (long long)trace->of[i].sum,
					(long long)trace->of[i].n,
					(long long)trace->of[i].max);
}
