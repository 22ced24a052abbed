/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PLAN_JOB_H
#define PLAN_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Through which front end the cell was asked for. */
enum job_front {
	JOB_WRAPPER,
	JOB_SLURM
};

/* What the scheduler, or the caller, says about the job. */
struct job {
	enum job_front front;
	struct {
		const char *name; /* "slurm", "none" */
		const char *cluster, *job, *step, *account;
		unsigned restart; /* how often the job was requeued */
		const char *job_name, *queue, *project;
	} scheduler;
	/* Who became root, by the kernel and by sudo; 0: not known. */
	uid_t login_uid, sudo_uid;
	const char *user;
	uid_t uid;
	gid_t gid;
	const gid_t *groups;
	size_t n_groups;
	const char *home; /* absolute, the user's own; NULL: unknown */
	const char *cwd;  /* absolute; NULL: unknown */
	/* Slurm: directory of slurmd, which MPI's files lie in. */
	const char *spool;
	/* Slurm: where X11 clients find their key, as the job says. */
	const char *xauthority;
	/* Slurm: slurmstepd, which removes the cell; 0: who makes it does. */
	pid_t supervisor;
	/* What the scheduler gives it on this node; 0: not said. Of Slurm's
	 * only the memory; see build_given. */
	uint64_t memory;  /* bytes */
	uint64_t cpus;    /* thousandths */
	uint64_t seconds; /* by the clock, from the job's start */
	/* By root's word or deed, a directory of the queue's for the job alone,
	 * which it is to see and to write; NULL: none. */
	const char *dir;
	/* Slurm: the step's cgroup, whose limits may be lowered. */
	const char *cgroup;
	unsigned nodes; /* that the step runs on; 0: not said */
	/* Slurm: tasks on this node and, if it says so, CPUs of each. */
	unsigned tasks, task_cpus;
	const char *partition; /* Slurm, by slurmctld; NULL: not known */
	bool unasked;       /* Slurm: the site wants the cell, not the user */
	unsigned all_tasks; /* Slurm: of the step, on all of its nodes */
	const char *mpi;    /* Slurm: --mpi of the step; NULL: none */
	bool confined;      /* Slurm: no other job has the step's CPUs */
	bool ends;          /* Slurm: the job's end calls scratch_job_remove */
	/* Slurm: what a container runtime makes of the command (--container);
	 * NULL: nothing. */
	const char *container;
	const char *state; /* the user's state directory, for the spool */
};

#endif
