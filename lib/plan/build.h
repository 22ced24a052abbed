/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PLAN_BUILD_H
#define PLAN_BUILD_H

#include "plan/plan.h"

/*
 * The parts of plan_build. All work on what plan.c has put together: the
 * options in force (profile, then the user's wishes over it), of which the
 * first `n_base` mounts are the profile's.
 */
struct build {
	const struct options *o;
	size_t n_base;
	bool own_rootfs; /* the user's wish, not the profile's */
	const struct site *site;
	const struct job *job;
	const struct host *host;
	struct pool *pool;
};

/*
 * given.c: what the queue gives the job becomes the options of the cell, where
 * neither the user nor the profile says less. It is the queue that keeps it:
 * what this host cannot is no error then. A user's wish for more is one. After
 * the profile and before all defaults.
 */
int build_given(const struct options *wish, const struct job *job,
		struct pool *pool, struct options *o, struct err *err);

/*
 * mounts.c: all of them; system.c: the kernel's own file systems, /sys on
 * its own; protect.c, behind the mounts: what the payload is kept from beside
 * them.
 */
int build_mounts(const struct build *b, struct plan *plan, struct err *err);
int build_system(const struct build *b, struct plan *plan, struct err *err);
void build_sys(const struct build *b, struct plan *plan);
int build_sec(const struct build *b, struct plan *plan, struct err *err);
int build_link(const struct build *b, struct plan *plan, struct err *err);
/*
 * places.c: CPUs and memory nodes, into plan->topo. On failure *ret_origin
 * says whose wish cannot be fulfilled. Whether there is anything to do comes
 * of options that are not complete, too.
 */
bool build_wants_places(const struct options *o, const struct job *job);
int build_places(const struct build *b, struct plan *plan,
		 const char **ret_origin, struct err *err);
/* The policy and the unit asked for, and mem-policy for CPUs that are known. */
struct topo_want build_want(const struct build *b);
int build_memory(const struct build *b, struct topo_plan *p, struct err *err);

/*
 * tasks.c: the same for each task of Slurm's, into plan->task. On failure
 * *ret_id is the option that cannot be fulfilled.
 */
bool build_wants_tasks(const struct options *o, const struct job *job);
int build_tasks(const struct build *b, struct plan *plan,
		enum option_id *ret_id, struct err *err);
int build_limits(const struct build *b, struct plan *plan, struct err *err);

/* beside.c, last: whether it can be had inside what isolates the job. */
int build_beside(const struct build *b, const struct plan *plan,
		 struct err *err);

/*
 * cores.c: pick some out of `allowed` that no other cell has, or take all of
 * these CPUs. 1: others have them, and `err` names them; -1: there are not as
 * many.
 */
int build_cores(const struct build *b, const char *allowed,
		const struct topo_want *want, struct plan *plan,
		struct err *err);
int build_claim(const struct build *b, const char *allowed, struct plan *plan,
		struct err *err);

/* Append one operation to the plan's mounts. */
struct mnt_op *build_op(const struct build *b, struct plan *plan,
			enum mnt_kind kind, const char *src, const char *dst,
			const char *origin);

/* Append to one of the plan's lists of pairs. */
void build_pair(const struct build *b, struct record_pair **list, size_t *n,
		const char *key, const char *value);

#endif
