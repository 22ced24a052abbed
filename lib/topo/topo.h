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
	/*
	 * All of them as a kernel list, also those without CPUs (HBM, CXL);
	 * NULL for this machine, see topo_memory_nodes.
	 */
	const char *mems;
};

enum topo_policy {
	TOPO_INHERIT,
	TOPO_PACK,
	TOPO_SPREAD,
	TOPO_NUMA
};

enum topo_unit {
	TOPO_CORE,  /* whole cores: all of their PUs that are allowed */
	TOPO_THREAD /* PUs */
};

/* What a cell needs of a machine. */
struct topo_want {
	unsigned n; /* of the unit */
	enum topo_policy policy;
	enum topo_unit unit;
};

/* Where memory comes from; see set_mempolicy(2). */
enum topo_memory {
	TOPO_MEM_INHERIT,    /* as it is */
	TOPO_MEM_LOCAL,      /* from the node of the CPU that asks */
	TOPO_MEM_PREFERRED,  /* from `mems`, while they have some */
	TOPO_MEM_INTERLEAVE, /* from `mems` in turn */
	TOPO_MEM_BIND        /* from `mems` alone */
};

/* What a plan says about places: kernel lists, NULL for "as inherited". */
struct topo_plan {
	const char *cpus; /* "0-3,8" */
	const char *mems; /* "0" */
	enum topo_memory memory;
	bool bind; /* set affinity and memory policy ourselves */
};

/*
 * Load a topology: `source` NULL for this machine as the process may use it
 * (hwloc leaves out what its cpuset or cgroup disallows), "xml:FILE" or
 * "synthetic:TEXT", where what comes before the colon may be left out if a
 * file's name has a slash or ends in .xml. Loads libhwloc. Memory from `pool`.
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
 * Pick for one cell out of the CPUs in `allowed` (kernel list; NULL for all):
 * `want->n` whole cores, or as many PUs. Pure and deterministic.
 *
 *	TOPO_INHERIT	nothing: *ret is zero
 *	TOPO_PACK	close together: in as few packages, then NUMA nodes, L3s
 *			and (PUs) cores as possible, where least room is left
 *	TOPO_NUMA	in as few NUMA nodes as possible, with the same number
 *			in each; close together in each
 *	TOPO_SPREAD	apart: evenly over packages, then nodes, L3s and cores
 *
 * Fast cores come before slow ones: for TOPO_SPREAD in any case, for others
 * where both are as close. What is equal otherwise has the lowest place in
 * hwloc's order. ret->cpus lists the PUs picked, ret->mems their nodes
 * (NULL where none are known), to bind memory to. Nodes without CPUs of their
 * own are never among them. Fails when less is there than is wanted.
 */
int topo_pick(const struct topo *topo, const char *allowed,
	      const struct topo_want *want, struct pool *pool,
	      struct topo_plan *ret, struct err *err);

/* What a task of a step has been given by its scheduler. */
struct topo_task {
	unsigned n;         /* how many of want->unit */
	const char *within; /* CPUs that it may use, kernel list; NULL: all */
};

/*
 * The same for each of the `n` tasks of a step, in ret[n]: no two share a CPU.
 * `want->n` is of no meaning here. A task is in one package as long as there
 * is one with room for all of it, within that in one node, then in one L3, for
 * TOPO_NUMA in one node before all.
 * TOPO_PACK and TOPO_NUMA keep to what one cell as large as all tasks would
 * have, but where a task would have to be divided for it; TOPO_NUMA fills its
 * nodes evenly, and TOPO_SPREAD keeps the tasks apart. Large tasks come first
 * and then, for the order of the machine, those with a lower index. Sets
 * `within` need to be equal, apart or one in the other; where they only
 * overlap, a choice for all may be missed. Fails when there is not enough.
 */
int topo_pick_tasks(const struct topo *topo, const char *allowed,
		    const struct topo_want *want, const struct topo_task *task,
		    size_t n, struct pool *pool, struct topo_plan *ret,
		    struct err *err);

/* How many cores or threads `cpus` (NULL for all) has. Pure. */
int topo_units(const struct topo *topo, const char *cpus, enum topo_unit unit,
	       unsigned *ret, struct err *err);

/* The nodes next to `cpus`, NULL where none are known. Pure. */
int topo_nodes(const struct topo *topo, const char *cpus, struct pool *pool,
	       const char **ret, struct err *err);

/*
 * Affinity (sched_setaffinity(2)) and memory policy (set_mempolicy(2)) for the
 * calling thread and what it forks. Any number of CPUs. The affinity is read
 * back: a CPU that did not take is an error. Nothing is done unless `bind`.
 * 1: the affinity is set, but not the policy, for the reason in `err`.
 */
int topo_bind(const struct topo_plan *plan, struct err *err);

/* The calling process's affinity as a kernel list. */
int topo_affinity(struct pool *pool, const char **ret, struct err *err);

/*
 * The memory nodes that the calling process may use, as a kernel list; NULL
 * where the kernel does not say (no NUMA, or a filter of system calls).
 */
const char *topo_memory_nodes(struct pool *pool);

/* All CPUs of a topology, as a kernel list. */
const char *topo_cpus(const struct topo *topo, struct pool *pool);

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
