/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "topo/choose.h"

/*
 * The search goes down the levels that units share: package, node, L3, core.
 * At each, units fall into groups. If some group has room for all, every such
 * group is tried to the end and the best result taken. If not, the largest
 * are taken whole until the rest fits into one: no choice needs fewer. What
 * was not taken is out, and the next level begins with what was.
 *
 * Every unit is looked at once per level and alternative, of which there are
 * no more than groups: O(units * levels) but for sorting.
 */

/* What the choice costs, in order of weight. */
struct cost {
	size_t groups[LEVELS]; /* how many it touches */
	long slow;             /* minus the ranks of its units */
	size_t room[LEVELS];   /* units left over in them */
	size_t first;          /* the first unit's place */
};

struct choice {
	struct part part;
	struct cost cost;
};

static int by_number(size_t a, size_t b)
{
	return (a > b) - (a < b);
}

static int by_kind(const void *a, const void *b)
{
	const struct unit *x = *(struct unit *const *)a;
	const struct unit *y = *(struct unit *const *)b;

	if (x->kind != y->kind)
		return x->kind > y->kind ? -1 : 1;
	return by_number(x->order, y->order);
}

void sort_by_kind(struct part part)
{
	qsort(part.unit, part.n, sizeof(*part.unit), by_kind);
}

static int by_group(const void *a, const void *b, void *level)
{
	const struct unit *x = *(struct unit *const *)a;
	const struct unit *y = *(struct unit *const *)b;
	enum level i = *(const enum level *)level;

	if (x->group[i] != y->group[i])
		return by_number(x->group[i], y->group[i]);
	return by_number(x->order, y->order);
}

static int by_size(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	if (x->n != y->n)
		return x->n > y->n ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind > y->kind ? -1 : 1;
	return by_number(x->unit[0]->order, y->unit[0]->order);
}

static int compare(const struct cost *a, const struct cost *b)
{
	for (int i = 0; i < LEVELS; i++)
		if (a->groups[i] != b->groups[i])
			return by_number(a->groups[i], b->groups[i]);
	if (a->slow != b->slow)
		return a->slow < b->slow ? -1 : 1;
	for (int i = 0; i < LEVELS; i++)
		if (a->room[i] != b->room[i])
			return by_number(a->room[i], b->room[i]);
	/* What is left of the same size: the lowest numbers. */
	return by_number(a->first, b->first);
}

struct way way_below(const struct way *way, size_t n)
{
	return (struct way){ way->level + n, way->n - n, way->pool };
}

struct part *divide(struct part part, enum level level, struct pool *pool,
		    size_t *ret)
{
	struct part *g = pool_alloc(pool, part.n * sizeof(*g));
	struct unit **u = part.unit;
	size_t count = 0;

	qsort_r(u, part.n, sizeof(*u), by_group, &level);
	for (size_t i = 0; i < part.n; i++) {
		if (!i || u[i]->group[level] != u[i - 1]->group[level])
			g[count++].unit = u + i;
		g[count - 1].n++;
		if (u[i]->kind > g[count - 1].kind)
			g[count - 1].kind = u[i]->kind;
	}
	qsort(g, count, sizeof(*g), by_size);
	*ret = count;
	return g;
}

/* A better last group: a faster one, else one with less room left. */
static bool fits_better(const struct part *a, const struct part *b)
{
	return a->kind != b->kind ? a->kind > b->kind : a->n < b->n;
}

/*
 * The largest groups, and the best that takes the rest. Returns how many;
 * their units at `*ret`.
 */
static size_t gather(const struct part *g, size_t count, size_t need,
		     struct pool *pool, struct part *ret)
{
	size_t taken = 0, last;

	for (; g[taken].n < need; taken++)
		need -= g[taken].n;
	last = taken;
	for (size_t i = taken + 1; i < count && g[i].n >= need; i++)
		if (fits_better(&g[i], &g[last]))
			last = i;
	ret->n = 0;
	for (size_t i = 0; i < taken; i++)
		ret->n += g[i].n;
	ret->n += g[last].n;
	ret->unit = pool_alloc(pool, ret->n * sizeof(*ret->unit));
	ret->n = 0;
	for (size_t i = 0; i <= taken; i++) {
		const struct part *from = &g[i < taken ? i : last];

		memcpy(ret->unit + ret->n, from->unit,
		       from->n * sizeof(*from->unit));
		ret->n += from->n;
	}
	return taken + 1;
}

static void search(struct part from, size_t need, size_t i,
		   const struct way *way, struct choice *ret);

/* Take `part` at this level and go on below. */
static void descend(struct part part, size_t groups, size_t need, size_t i,
		    const struct way *way, struct choice *ret)
{
	search(part, need, i + 1, way, ret);
	ret->cost.groups[i] = groups;
	ret->cost.room[i] = part.n - need;
}

static void search_units(struct part from, size_t need, struct pool *pool,
			 struct choice *ret)
{
	struct unit **u = pool_alloc(pool, need * sizeof(*u));

	*ret = (struct choice){ .part = { u, need }, .cost.first = SIZE_MAX };
	sort_by_kind(from);
	memcpy(u, from.unit, need * sizeof(*u));
	for (size_t i = 0; i < need; i++) {
		ret->cost.slow -= u[i]->kind;
		if (u[i]->order < ret->cost.first)
			ret->cost.first = u[i]->order;
	}
}

static void search(struct part from, size_t need, size_t i,
		   const struct way *way, struct choice *ret)
{
	struct choice next;
	struct part *g, whole;
	size_t count;

	if (i == way->n) {
		search_units(from, need, way->pool, ret);
		return;
	}
	g = divide(from, way->level[i], way->pool, &count);
	if (g[0].n < need) {
		size_t groups = gather(g, count, need, way->pool, &whole);

		descend(whole, groups, need, i, way, ret);
		return;
	}
	descend(g[0], 1, need, i, way, ret);
	for (size_t k = 1; k < count && g[k].n >= need; k++) {
		descend(g[k], 1, need, i, way, &next);
		if (compare(&next.cost, &ret->cost) < 0)
			*ret = next;
	}
}

struct part choose_pack(struct part from, size_t need, const struct way *way)
{
	struct choice choice;

	search(from, need, 0, way, &choice);
	return choice.part;
}
