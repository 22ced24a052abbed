/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TOPO_TOPO_H
#define TOPO_TOPO_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/pool.h"

/*
 * A machine as cells see it: processing units (PU, hardware threads) that
 * belong to cores, caches, NUMA nodes and packages, as hwloc numbers them.
 */
struct topo_pu {
	unsigned os;      /* the kernel's CPU number */
	unsigned core;    /* logical core: index over the machine */
	unsigned l3;      /* logical L3 (or the package where there is none) */
	unsigned numa;    /* the kernel's number of the nearest node; the lowest
			     of several (DRAM, before HBM on the same chip) */
	unsigned package; /* logical package */
	int kind;         /* efficiency rank (hwloc cpukinds), 0 lowest */
};

struct topo {
	const struct topo_pu *pu; /* in hwloc's logical order */
	size_t n;
	bool numa; /* memory nodes are known */
};

enum topo_policy {
	TOPO_INHERIT,
	TOPO_PACK
};

/* What a cell needs of a machine. */
struct topo_want {
	unsigned n; /* whole cores */
	enum topo_policy policy;
};

/* What a plan says about places: kernel lists, NULL for "as inherited". */
struct topo_plan {
	const char *cpus; /* "0-3,8" */
	const char *mems; /* "0" */
	bool bind;        /* set affinity and memory policy ourselves */
};

/*
 * Load a topology: `source` NULL for this machine as the process may use it
 * (hwloc leaves out what its cpuset or cgroup disallows), "xml:FILE" or
 * "synthetic:TEXT". Loads libhwloc. Memory from `pool`.
 */
int topo_load(const char *source, struct pool *pool, struct topo *ret,
	      struct err *err);

/*
 * The topology of this whole machine, as what is allowed differs from caller
 * to caller and is given to topo_pick: from the cache in `dir` when it was
 * written in this boot (`boot_id`) by root or the caller; else loaded, and
 * cached when `dir` can be written. `dir` may be NULL.
 */
int topo_cached(const char *dir, const char *boot_id, struct pool *pool,
		struct topo *ret, struct err *err);

/*
 * Pick `want->n` whole cores for one cell out of the CPUs in `allowed` (kernel
 * list; NULL for all). Pure and deterministic. TOPO_PACK: close together, in
 * as few packages, NUMA nodes and L3s as possible, the best-fitting (least
 * room left over) first, then lowest numbers, performance cores before
 * efficiency cores. ret->cpus lists every allowed PU of the cores picked,
 * ret->mems their nodes (NULL where none are known). Fails when fewer cores
 * are there. TOPO_INHERIT: picks nothing.
 */
int topo_pick(const struct topo *topo, const char *allowed,
	      const struct topo_want *want, struct pool *pool,
	      struct topo_plan *ret, struct err *err);

/*
 * Affinity (sched_setaffinity(2)) and memory policy (set_mempolicy(2),
 * MPOL_BIND) for the calling thread and what it forks. Any number of CPUs. The
 * affinity is read back: a CPU that did not take is an error. Nothing is done
 * unless `bind`.
 */
int topo_bind(const struct topo_plan *plan, struct err *err);

/* The calling process's affinity as a kernel list. */
int topo_affinity(struct pool *pool, const char **ret, struct err *err);

/* How many CPUs a kernel list has. */
unsigned topo_count(const char *list);

/*
 * What two kernel lists have in common, and what `a` has alone. Pure. NULL
 * is the empty list.
 */
int topo_common(const char *a, const char *b, struct pool *pool,
		const char **ret, struct err *err);
int topo_without(const char *a, const char *b, struct pool *pool,
		 const char **ret, struct err *err);

#endif
