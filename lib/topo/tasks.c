/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "topo/choose.h"

/*
 * Tasks go down the levels with the units. At each, every task that some group
 * has room for is booked there, the large ones first. Which group depends on
 * the policy:
 *
 *	pack	those that a cell as large as all tasks would have, the one that
 *		it would have most of first, as long as there is room
 *	numa	the same among nodes, but each time the one with the most room
 *	spread	the one with the most room
 *
 * A task that no group has room for is cut out of several of them: at once as
 * long as all groups are untouched, and else from what the others have left.
 *
 * A claim is looked at once per level and group, a unit as often as in a pick
 * for one cell per level, but for claims that are cut.
 */
struct group {
	struct part part;
	size_t chosen; /* units that one cell would have */
	size_t room;   /* units that no claim has been booked for */
	struct claim **claim;
	size_t n;
};

struct table {
	struct group *group;
	size_t n;
	struct claim **late; /* to be cut from what is left */
	size_t n_late;
	bool booked;
};

static int by_need(const void *a, const void *b)
{
	const struct claim *x = *(struct claim *const *)a;
	const struct claim *y = *(struct claim *const *)b;

	if (x->need != y->need)
		return x->need > y->need ? -1 : 1;
	return (x->task > y->task) - (x->task < y->task);
}

static int by_task(const void *a, const void *b)
{
	const struct claim *x = *(struct claim *const *)a;
	const struct claim *y = *(struct claim *const *)b;

	return (x->task > y->task) - (x->task < y->task);
}

static int by_choice(const void *a, const void *b)
{
	const struct group *x = a, *y = b;
	size_t i = x->part.unit[0]->order, k = y->part.unit[0]->order;

	if (x->chosen != y->chosen)
		return x->chosen > y->chosen ? -1 : 1;
	return (i > k) - (i < k);
}

/* The units that nobody has, in an array of their own. */
static struct part untaken(struct part from, struct pool *pool)
{
	struct part ret = {
		.unit = pool_alloc(pool, (from.n + 1) * sizeof(*ret.unit)),
	};

	for (size_t i = 0; i < from.n; i++)
		if (!from.unit[i]->taken)
			ret.unit[ret.n++] = from.unit[i];
	return ret;
}

static void take(struct claim *claim, struct part part)
{
	claim->got = part;
	for (size_t i = 0; i < part.n; i++)
		part.unit[i]->taken = true;
}

static void cut(struct part from, struct claim *claim, const struct way *way)
{
	take(claim, choose_pack(untaken(from, way->pool), claim->need, way));
}

static struct group *room_among(const struct table *t, size_t need, bool chosen,
				bool most)
{
	struct group *best = NULL;

	for (size_t i = 0; i < t->n; i++) {
		struct group *g = &t->group[i];

		if (g->room < need || (chosen && !g->chosen))
			continue;
		if (!best || g->room > best->room)
			best = g;
		if (!most)
			break;
	}
	return best;
}

static struct group *room_for(const struct table *t, size_t need,
			      enum topo_policy policy)
{
	struct group *g = room_among(t, need, true, policy != TOPO_PACK);

	return g ? g : room_among(t, need, false, policy == TOPO_SPREAD);
}

static void count_room(struct table *t)
{
	for (size_t i = 0; i < t->n; i++) {
		struct group *g = &t->group[i];

		g->room = 0;
		for (size_t k = 0; k < g->part.n; k++)
			g->room += !g->part.unit[k]->taken;
	}
}

static void book(struct part from, struct table *t, struct claim *claim,
		 enum topo_policy policy, const struct way *way)
{
	struct group *g = room_for(t, claim->need, policy);

	if (g) {
		g->room -= claim->need;
		*(struct claim **)pool_push(way->pool, &g->claim, &g->n,
					    sizeof(*g->claim)) = claim;
		t->booked = true;
	} else if (!t->booked) {
		cut(from, claim, way);
		count_room(t);
	} else {
		*(struct claim **)pool_push(way->pool, &t->late, &t->n_late,
					    sizeof(*t->late)) = claim;
	}
}

static struct table groups_of(struct part from, const struct way *way)
{
	struct table t = { 0 };
	struct part *g = divide(from, way->level[0], way->pool, &t.n);

	t.group = pool_alloc(way->pool, t.n * sizeof(*t.group));
	for (size_t i = 0; i < t.n; i++) {
		t.group[i] = (struct group){ .part = g[i], .room = g[i].n };
		for (size_t k = 0; k < g[i].n; k++)
			t.group[i].chosen += g[i].unit[k]->chosen;
	}
	qsort(t.group, t.n, sizeof(*t.group), by_choice);
	return t;
}

/* What one cell would have that is as large as all of them. */
static void choose(struct part from, struct claim *const *claim, size_t n,
		   enum topo_policy policy, const struct way *way)
{
	struct part ret;
	size_t need = 0;

	for (size_t i = 0; i < from.n; i++)
		from.unit[i]->chosen = false;
	for (size_t i = 0; i < n; i++)
		need += claim[i]->need;
	if (policy == TOPO_SPREAD || need == from.n)
		ret = from;
	else if (policy == TOPO_NUMA)
		ret = choose_nodes(from, need, way);
	else
		ret = choose_pack(from, need, way);
	for (size_t i = 0; i < ret.n; i++)
		ret.unit[i]->chosen = true;
}

/* Nothing is nearer than anything else: in the order of the tasks. */
static void hand_out(struct part from, struct claim **claim, size_t n)
{
	qsort(claim, n, sizeof(*claim), by_task);
	sort_by_kind(from);
	for (size_t i = 0; i < n; i++) {
		take(claim[i], (struct part){ from.unit, claim[i]->need });
		from.unit += claim[i]->need;
	}
}

static void deal_level(struct part from, struct claim **claim, size_t n,
		       enum topo_policy policy, const struct way *way)
{
	const struct way below = way_below(way, way->n != 0);
	struct table t;

	if (!way->n) {
		hand_out(from, claim, n);
		return;
	}
	choose(from, claim, n, policy, way);
	/* Cutting sorts what it is given: these groups stay as they are. */
	t = groups_of(from, way);
	qsort(claim, n, sizeof(*claim), by_need);
	for (size_t i = 0; i < n; i++)
		book(from, &t, claim[i], policy, way);
	/* A task that is in one node has no more to do with others. */
	if (policy == TOPO_NUMA)
		policy = TOPO_PACK;
	for (size_t i = 0; i < t.n; i++)
		if (t.group[i].n)
			deal_level(untaken(t.group[i].part, way->pool),
				   t.group[i].claim, t.group[i].n, policy,
				   &below);
	for (size_t i = 0; i < t.n_late; i++)
		cut(from, t.late[i], way);
}

void deal(struct part from, struct claim *claim, size_t n,
	  enum topo_policy policy, const struct way *way)
{
	struct claim **list = pool_alloc(way->pool, n * sizeof(*list));
	size_t need = 0;

	for (size_t i = 0; i < n; i++) {
		list[i] = &claim[i];
		need += claim[i].need;
	}
	if (policy == TOPO_SPREAD)
		from = fastest(from, need);
	deal_level(from, list, n, policy, way);
}
