/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PLAN_PLAN_H
#define PLAN_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "acct/record.h"
#include "acct/spool.h"
#include "base/err.h"
#include "base/pool.h"
#include "cg/cg.h"
#include "link/link.h"
#include "mnt/mnt.h"
#include "ns/ns.h"
#include "plan/host.h"
#include "plan/job.h"
#include "plan/option.h"
#include "plan/site.h"
#include "sec/sec.h"
#include "topo/topo.h"

/*
 * Everything about a cell that can be known before it exists. Nothing is left
 * to decide: no "auto", no relative path, mounts in their final order, CPUs
 * as lists. Made by plan_build, never changed afterwards.
 */
enum plan_claim {
	CLAIM_NONE,
	CLAIM_CORES,   /* nobody else may have any thread of these cores */
	CLAIM_THREADS, /* nobody else may have them */
	CLAIM_SHARED,  /* others have them, too */
};

struct plan {
	const char *profile;
	struct ns_plan ns;
	struct mnt_plan mnt;
	struct link_plan link;
	struct cg_plan cg;
	struct topo_plan topo;
	enum plan_claim claim; /* of the CPUs in `topo`, see topo/ledger.h */
	/* Slurm: the same for each task on the node, by its local id; none are
	 * as Slurm has placed them. `topo` has what is theirs together. */
	struct topo_plan *task;
	size_t n_tasks;
	/* OMP_NUM_THREADS: the CPUs that a process may use, but no more than
	 * this; 0: not set. */
	unsigned omp_threads;
	struct sec_plan sec;
	uint64_t cpus;           /* thousandths asked for, 0: no limit */
	uint64_t memory;         /* bytes, 0: no limit */
	uint64_t pids;           /* of the payload, 0: no limit */
	uint64_t time_limit;     /* seconds from the start, 0: no limit */
	uint64_t time_grace;     /* and how many more after SIGTERM */
	uint64_t cpu_time;       /* seconds of all CPUs together, 0: no limit */
	uint64_t cpu_grace;      /* and how many by the clock after SIGTERM */
	struct record_pair *env; /* set for the payload */
	size_t n_env;
	/* For the record: limits by name, and why some are missing. */
	struct record_pair *asked, *enforced, *missing;
	size_t n_asked, n_enforced, n_missing;
	struct record_pair *tags;
	size_t n_tags;
	bool nestable;        /* other containers can be made inside */
	bool unlimited_ok;    /* no cgroup to be had: go on without limits */
	bool unasked;         /* all limits are the queue's, which keeps them */
	bool unbound_ok;      /* no memory policy to be had: go on without */
	bool unregistered_ok; /* no entry in the registry: go on without */
	/* Scratch on the host, for the cell or all of the job's. */
	struct {
		const char *dir; /* where a directory is made; NULL: memory */
		uint32_t first, last; /* projects for its quota */
		bool unsized_ok;      /* go on without a quota */
		bool job;             /* lasts as long as the job */
		const char *origin;
	} scratch;
	bool lasting; /* leaves on disk what the next boot has to remove */
	const char *cpu_policy; /* by which cores were picked, or NULL */
	const char *cwd;        /* where the payload starts; NULL: "/" */
	const char *spool;      /* directory of records; NULL: none */
	struct spool_rule spool_rule;
	const char *record; /* file for a copy, or NULL */
	bool login;         /* the payload is a login shell */
	bool raise;         /* end by the signal that ended the payload */
	bool quiet, verbose;
	const struct job *job;
};

/*
 * Whether there is to be a cell at all. Always in the wrapper; in Slurm the
 * site may give cells to steps that do not ask, and let users go without.
 */
int plan_wanted(const struct options *wish, const struct site *site,
		const struct job *job, bool *ret, struct err *err);

/* What plan_build will need to know about the host (HOST_*). */
int plan_needs(const struct options *wish, const struct site *site,
	       const struct job *job, unsigned *ret, struct err *err);

/* The paths whose disks plan_build will need to know, see host_disks. */
int plan_disks(const struct options *wish, const struct site *site,
	       const struct job *job, struct pool *pool,
	       const char *const **ret, size_t *ret_n, struct err *err);

/*
 * Options, site, job and host become a plan. Pure and deterministic: looks at
 * nothing else, changes nothing; the only place that decides, and the only
 * one that compares a user's wish with the site's policy. Memory from `pool`;
 * the plan points into its inputs, which must outlive it.
 */
int plan_build(const struct options *wish, const struct site *site,
	       const struct job *job, const struct host *host,
	       struct pool *pool, struct plan *ret, struct err *err);

/* The plan as text, one fact a line, or as one JSON object. */
const char *plan_text(const struct plan *plan, struct pool *pool);
int plan_json(const struct plan *plan, struct pool *pool, const char **ret,
	      struct err *err);

#endif
