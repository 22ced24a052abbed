/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RUN_CELL_H
#define RUN_CELL_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/err.h"
#include "cg/cg.h"
#include "link/link.h"
#include "plan/plan.h"
#include "run/registry.h"
#include "run/scratch.h"
#include "run/shared.h"

/* How a task of a scheduler's step ended. */
struct cell_task {
	int64_t rank;
	int status; /* see wait(2) */
};

/*
 * A cell while it lives. Three processes: the supervisor (the caller), the
 * init that is PID 1 of the cell and has set it up, and the payload, init's
 * child. Init and supervisor talk over one socket pair of messages. A fourth,
 * the supervisor's, makes the network namespace and is gone at once.
 *
 *	supervisor			init			payload
 *	cell_start: clone3 ----------->	outer namespaces
 *	its network namespace ------->	mounts, cgroup ns
 *	registry, interface -- ack -->	/sys, inner namespaces
 *	map ids		<-- MSG_MAP ---
 *			--- ack ------>	fork ----------------->	cwd, caps
 *			<-- MSG_EXEC ----------------------------	execve
 *	cell_foresee, cell_settle
 *	cell_wait	<-- MSG_EXIT --	kill and reap all, exit
 *	cell_record, cell_deliver	(the kernel takes namespaces apart)
 *	cell_remove: init reaped, cgroup gone
 *
 * Made as CELL_INIT, `shared` and `watch` are the caller's to set.
 */
struct cell {
	struct cell_shared *shared; /* from cell_share; outlives the cell */
	int watch;  /* pidfd of whom a cell without payload is for, or -1 */
	pid_t init; /* by the caller's PID namespace */
	int pidfd;
	int sock;
	int sigfd; /* all signals; -1 if there is no payload */
	struct registry registry;
	struct err unregistered; /* why it has no entry, "" if it has */
	struct topo_hold claim;  /* of its cores */
	struct err unclaimed;    /* why it has none, "" if it has */
	bool contested; /* it failed as another took its cores: plan again */
	struct scratch scratch; /* on the host, if the plan wants it there */
	struct cg cg;
	struct link link;
	sigset_t old_mask;  /* the caller's, for the payload */
	int64_t start_us;   /* since the epoch */
	int64_t start_mono; /* monotonic, microseconds */
	int64_t setup_us; /* until the payload's execve; -1: never got so far */
	int64_t end_mono;
	bool unlimited; /* no limit is enforced, because of why_not */
	struct err why_not;
	bool adopts; /* who outlives init becomes the caller's child */
	bool failed; /* it could not be set up */
	bool exited; /* `status` holds the payload's wait status */
	int status;
	struct cell_task *task; /* those that have ended, by rank */
	size_t n_tasks;
	struct rusage rusage; /* of init and all that it reaped */
	struct cg_usage usage;
	struct cg_oom oom;
	struct link_usage net; /* of its own interface */
	int exec_errno;        /* the payload could not be executed */
	int spool;             /* opened by cell_foresee, or -1 */
	int reserved;          /* from it, for the record, or -1 */
};
#define CELL_INIT                                                       \
	{                                                               \
		.watch = -1, .pidfd = -1, .sock = -1, .sigfd = -1,      \
		.spool = -1, .reserved = -1, .registry = REGISTRY_INIT, \
		.cg = CG_INIT, .claim = TOPO_HOLD_INIT, .setup_us = -1, \
		.net = { -1, -1 },                                      \
	}

/* Map what init and the caller share, until the end of the process. */
int cell_share(struct cell_shared **ret, struct err *err);

/*
 * Build the cell. With `argv` the payload is started in it; without, init
 * waits alone for tasks to join (cell_join), and ends with the process that
 * `watch` is of. On failure everything is undone and
 * `err` says what went wrong, wherever it did. All signals stay blocked in the
 * caller until cell_wait has ended.
 */
int cell_start(const struct plan *plan, const struct host *host, char *argv[],
	       struct cell *cell, struct err *err);

/*
 * Let a cell without payload outlive its creator: until then its init ends
 * with the creator, however that ends.
 */
void cell_release(const struct cell *cell);

/*
 * Pass signals on to the payload until it ends; then everything in the cell
 * is dead, but init may still be on its way out. Fills end_mono, status,
 * rusage and usage.
 */
int cell_wait(const struct plan *plan, struct cell *cell, struct err *err);

/*
 * Reap init, which waits for the kernel to take the namespaces apart, remove
 * the cgroup and the interface, then the cell's entry in the registry, which
 * stays if something else does; close what is open.
 */
int cell_remove(const struct plan *plan, struct cell *cell, struct err *err);

/*
 * Join the namespaces of the cell whose init is `init`; those of a new PID
 * namespace take effect at the next fork. The caller has to be
 * single-threaded and privileged over the cell (setns(2)).
 */
int cell_join(const struct plan *plan, pid_t init, struct err *err);

/*
 * Wait for init's end, and with it that of everything in the cell. Its status
 * and use stand in for what it has not told (MSG_EXIT): something killed it.
 */
int cell_reap(struct cell *cell, struct err *err);

/*
 * Prepare for the record while the payload runs, when nobody waits for it: the
 * spool gets what is known already, which is all there will be if the node
 * dies. What fails here fails again in cell_record and cell_deliver, which
 * tell.
 */
void cell_foresee(const struct plan *plan, const struct host *host,
		  struct cell *cell);

/* Wait until that is on the disk, if the site wants it there. */
void cell_settle(const struct plan *plan, const struct cell *cell);

/* What a finished cell's record says, beside what the plan does. */
int cell_record(const struct plan *plan, const struct host *host,
		const struct cell *cell, struct pool *pool, const char **ret,
		struct err *err);

/*
 * Where records go by plan: the spool and, if asked for, a file. What happens
 * to a cell before cell_remove and after this costs no record.
 */
int cell_deliver(const struct plan *plan, struct cell *cell, const char *json,
		 struct err *err);

/*
 * What a user should be told about a cell that has ended, beside how its
 * payload did: `num` is 0 for what is no more than a warning. Returns how many.
 */
enum {
	CELL_COMPLAINTS = 4
};
size_t cell_complaints(const struct plan *plan, const struct cell_shared *seen,
		       const struct cg_oom *oom,
		       struct err ret[static CELL_COMPLAINTS]);

int64_t cell_now(clockid_t clock);

/* The kinds of namespaces that the cell has of its own: "user mnt pid". */
enum {
	CELL_NAMESPACES = 64
};
const char *cell_namespaces(const struct ns_plan *ns,
			    char ret[static CELL_NAMESPACES]);

#endif
