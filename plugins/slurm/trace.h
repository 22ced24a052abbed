/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SLURM_TRACE_H
#define SLURM_TRACE_H

#include <stdint.h>

/*
 * How long hooks take, for --cell-verbose: summed over all tasks of a step on
 * this node, in memory that slurmstepd shares with them. With a NULL trace
 * nothing is measured.
 */
enum trace_point {
	TRACE_INIT,
	TRACE_INIT_POST_OPT,
	TRACE_USER_INIT,
	TRACE_PRIVILEGED,
	TRACE_BUILD, /* part of the first one's privileged */
	TRACE_TASK_INIT,
	TRACE_TASK_EXIT,
	TRACE_EXIT,
	TRACE_POINTS,
};

struct trace;

struct trace_span {
	struct trace *trace;
	enum trace_point point;
	int64_t since;
};

/* NULL if there is no memory for it. */
struct trace *trace_new(void);

/* Microseconds of the monotonic clock. */
int64_t trace_now(void);

/* One hook took `us`. */
void trace_add(struct trace *trace, enum trace_point point, int64_t us);

/* From here to the end of the scope: TRACE(trace, TRACE_INIT); */
struct trace_span trace_begin(struct trace *trace, enum trace_point point);
void trace_end(const struct trace_span *span);
#define TRACE(trace, point)                         \
	__attribute__((cleanup(trace_end), unused)) \
	const struct trace_span trace_span = trace_begin(trace, point)

/* A line for each point from `from` on that has been told of, by Slurm's log:
 * the user's terminal as long as the step has one. */
void trace_print(const struct trace *trace, enum trace_point from);

#endif
