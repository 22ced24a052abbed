/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SLURM_GLUE_H
#define SLURM_GLUE_H

#include <pthread.h>
#include <slurm/spank.h>
#include <stdbool.h>
#include <stdint.h>

#include "argument.h"
#include "ns/ns.h"
#include "plan/plan.h"
#include "run/cell.h"
#include "trace.h"

/*
 * What the step daemon and its tasks share: the tasks are forks of it and of
 * each other's equals, and the first one to come builds the cell for all.
 */
struct shared {
	pthread_mutex_t lock; /* robust: its holder may be killed */
	enum {
		CELL_NONE,
		CELL_BUILDING,
		CELL_READY,
		CELL_FAILED
	} state;
	pid_t init;
	uint64_t init_start; /* see base/proc.h */
	char id[65];         /* the cell's */
	struct link link;
	struct cell_shared cell;
	int64_t setup_us;
	struct scratch scratch;
	char leaf[896];   /* of the init, by cgroup path */
	unsigned restart; /* as tasks are told; slurmstepd itself is not */
	struct err err;
};

/* One step on this node, as slurmstepd sees it. */
struct glue {
	bool asked;    /* there is to be a cell */
	bool bypassed; /* but there is none: err, for the user to read */
	const char *text[OPTIONS]; /* option arguments, "" for none */
	/* Where a job is submitted: those of its first component. */
	const char *first[OPTIONS];
	unsigned components;
	struct arguments arguments; /* of plugstack.conf */
	struct pool pool;
	struct site site;
	struct options options;
	struct job job;
	struct host host;
	struct plan plan;
	bool failed;  /* to be said in task_init_privileged: err */
	bool refused; /* said: this task is to fail in task_init */
	struct err err;
	struct shared *shared;
	int stepd;                /* pidfd of the step daemon */
	const char *stepd_cgroup; /* and its own, beside the step's, or NULL */
	struct trace *trace;      /* NULL without --cell-verbose */
	int64_t init_us;          /* that the hook init took */
	struct ns_self self;      /* in a task that has joined */
	int64_t start_us, start_mono;
	struct link link; /* the cell's interface, when link_taken */
	struct link_usage net;
	bool link_taken;
	struct cell_task *task; /* how those on this node have ended */
	size_t n_tasks;
	int worst;      /* wait status of the task that ended worst */
	uint32_t ended; /* how many of this node's tasks have */
};

/* Keep an option's argument. Never fails: it may come from a hostile env. */
void glue_option(struct glue *g, enum option_id id, const char *text);

/* Have the step's tasks fail, as if a cell that was asked for cannot be had. */
void glue_refuse(struct glue *g, const struct err *err);

/* Try an argument out, for a message before the job is even submitted. */
int glue_try(enum option_id id, const char *text, struct err *err);

/*
 * In slurmd: read the site file as a step would, -1 and what is wrong with it
 * if anything. Leaves nothing.
 */
int glue_check_site(struct glue *g, struct err *err);

/*
 * Whether this step may be one for a cell, by options and arguments alone: no
 * file is read for a step that nobody wants a cell for.
 */
bool glue_concerned(const struct glue *g, spank_t spank);

/* Measure from here on, if the user wants that. */
void glue_trace(struct glue *g);

/*
 * Where a job is submitted, after the options of each component of a
 * heterogeneous one: Slurm keeps no track of whose they are. srun's, of a
 * `step`, would hold for all components alike; those of sbatch and salloc are
 * the job's, and a later component cannot have others.
 */
int glue_component(struct glue *g, bool step, struct err *err);

/* Before the tasks are forked: site file and shared memory (root). */
void glue_prepare(struct glue *g, spank_t spank);

/* With the job's working directory and the user's euid: make the plan. */
void glue_plan(struct glue *g, spank_t spank);

/*
 * In a task, as root: have the cell built if nobody has yet, and join it.
 * What went wrong is the user's to read.
 */
int glue_join(struct glue *g, struct err *err);

/* In a task, as the user, last: take privileges away and enter the PID
 * namespace by a fork; the caller goes on as the child. */
int glue_enter(struct glue *g, spank_t spank, struct err *err);

/*
 * In the step daemon: remember how the task of rank `rank` ended. After the
 * last one the cell ends, and has what is to be collected copied before that.
 */
void glue_task_ended(struct glue *g, int64_t rank, int status);

/* What the user should know about the cell, once all tasks have ended. */
size_t glue_complaints(struct glue *g, struct err ret[static CELL_COMPLAINTS]);

/* In the step daemon, at its end: remove the cell, account. */
int glue_finish(struct glue *g, struct err *err);

#endif
