/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TOPO_CHOOSE_H
#define TOPO_CHOOSE_H

#include "topo/internal.h"

/*
 * Between the files of lib/topo that choose. All of it is pure; memory is from
 * the pool of the way, and the parts given are sorted in place.
 */

/* What units share, from the widest on. */
enum level {
	PACKAGE,
	NODE,
	L3,
	CORE,
	LEVELS
};

/* What is picked: a core with those of its PUs that are allowed, or one PU. */
struct unit {
	unsigned group[LEVELS];
	int kind;
	bool taken, chosen; /* for tasks.c */
	size_t order;       /* hwloc's logical order */
	size_t first, n;    /* its PUs, see struct machine */
};

/* Some of the units. */
struct part {
	struct unit **unit;
	size_t n;
	int kind; /* of the fastest of them; set by divide */
};

/* The levels that a choice goes down. */
struct way {
	const enum level *level;
	size_t n;
	struct pool *pool;
};

/* From nodes on rather than from packages, with as many levels. */
struct way way_nodes(const struct way *way);
/* The same without the first `n` of them. */
struct way way_below(const struct way *way, size_t n);

/* pack.c: in as few groups as possible, level by level. */
struct part choose_pack(struct part from, size_t need, const struct way *way);
/* Units in the order of preference where all else is equal. */
void sort_by_kind(struct part part);
/* The groups of a level, the largest first; `part` is sorted by them, too. */
struct part *divide(struct part part, enum level level, struct pool *pool,
		    size_t *ret);

/* spread.c: as evenly over groups as possible. */
struct part choose_spread(struct part from, size_t need, const struct way *way);
/* The fastest units: all those of as many kinds as it takes for `need`. */
struct part fastest(struct part from, size_t need);
/* In as few nodes as possible, and evenly over these; of way_nodes. */
struct part choose_nodes(struct part from, size_t need, const struct way *way);

/* tasks.c: units for each task out of `from`, which has enough for all. */
struct claim {
	size_t task;
	size_t need;
	struct part got;
};
void deal(struct part from, struct claim *claim, size_t n,
	  enum topo_policy policy, const struct way *way);

#endif
