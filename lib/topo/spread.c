/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <limits.h>
#include <string.h>

#include "topo/choose.h"

static void append(struct part *to, struct part part)
{
	memcpy(to->unit + to->n, part.unit, part.n * sizeof(*part.unit));
	to->n += part.n;
}

static struct part room_for(size_t n, struct pool *pool)
{
	return (struct part){ .unit = pool_alloc(pool,
						 n * sizeof(struct unit *)) };
}

/*
 * How many each of the groups gives: one each in turn, as long as it has some.
 * The first ones, which are the larger ones, give what cannot be divided.
 */
static size_t *even_shares(const struct part *g, size_t count, size_t need,
			   struct pool *pool)
{
	size_t *share = pool_alloc(pool, count * sizeof(*share));

	for (size_t turn = 0; need; turn++)
		for (size_t i = 0; need && i < count; i++) {
			if (g[i].n <= turn)
				continue;
			share[i]++;
			need--;
		}
	return share;
}

static void spread(struct part from, size_t need, const struct way *way,
		   struct part *ret)
{
	const struct way below = way_below(way, way->n != 0);
	size_t count, *share;
	struct part *g;

	if (!way->n || need == from.n) {
		sort_by_kind(from);
		append(ret, (struct part){ from.unit, need });
		return;
	}
	g = divide(from, way->level[0], way->pool, &count);
	share = even_shares(g, count, need, way->pool);
	for (size_t i = 0; i < count; i++)
		if (share[i])
			spread(g[i], share[i], &below, ret);
}

/* Where a kind begins and ends in what is sorted by kinds. */
static size_t kind_end(struct part part, size_t start)
{
	size_t end = start;

	while (end < part.n && part.unit[end]->kind == part.unit[start]->kind)
		end++;
	return end;
}

struct part fastest(struct part from, size_t need)
{
	size_t end = 0;

	sort_by_kind(from);
	while (end < need)
		end = kind_end(from, end);
	return (struct part){ from.unit, end };
}

/* Kinds that are needed whole need no choice: the last of them is spread. */
struct part choose_spread(struct part from, size_t need, const struct way *way)
{
	struct part ret = room_for(need, way->pool);
	size_t start = 0, end;

	sort_by_kind(from);
	for (end = kind_end(from, 0); end < need; end = kind_end(from, end))
		start = end;
	append(&ret, (struct part){ from.unit, start });
	spread((struct part){ from.unit + start, end - start }, need - start,
	       way, &ret);
	return ret;
}

/* --- NUMA nodes --- */

struct candidate {
	struct part *node;
	size_t units, packages;
};

static unsigned package_of(const struct part *node)
{
	return node->unit[0]->group[PACKAGE];
}

/* The largest `k`, those of `package` before others. */
static struct candidate around(const struct part *g, size_t count, size_t k,
			       unsigned package, struct pool *pool)
{
	struct candidate c = { pool_alloc(pool, k * sizeof(*g)), 0, 0 };
	size_t n = 0;

	for (int other = 0; other < 2; other++)
		for (size_t i = 0; n < k && i < count; i++) {
			if ((package_of(&g[i]) != package) != other)
				continue;
			if (!n ||
			    package_of(&g[i]) != package_of(&c.node[n - 1]))
				c.packages++;
			c.node[n++] = g[i];
			c.units += g[i].n;
		}
	return c;
}

static bool better(const struct candidate *a, const struct candidate *b)
{
	if (a->packages != b->packages)
		return a->packages < b->packages;
	return a->units < b->units;
}

/* The fewest nodes that do, in the fewest packages, with the least left. */
static struct candidate fewest(const struct part *g, size_t count, size_t need,
			       size_t *ret, struct pool *pool)
{
	struct candidate best;
	size_t k = 0;

	for (size_t sum = 0; sum < need; k++)
		sum += g[k].n;
	/* The largest of all do; those around a package may not. */
	best = around(g, count, k, UINT_MAX, pool);
	for (size_t i = 0; i < count; i++) {
		struct candidate c;

		if (i && package_of(&g[i]) == package_of(&g[i - 1]))
			continue;
		c = around(g, count, k, package_of(&g[i]), pool);
		if (c.units >= need && better(&c, &best))
			best = c;
	}
	*ret = k;
	return best;
}

struct way way_nodes(const struct way *way)
{
	static const enum level levels[] = { NODE, PACKAGE, L3, CORE };

	return (struct way){ levels, way->n, way->pool };
}

struct part choose_nodes(struct part from, size_t need, const struct way *way)
{
	const struct way below = way_below(way, 1);
	struct candidate c;
	size_t count, k, *share;
	struct part *g, ret;

	g = divide(from, NODE, way->pool, &count);
	if (g[0].n >= need)
		return choose_pack(from, need, way);
	c = fewest(g, count, need, &k, way->pool);
	ret = room_for(need, way->pool);
	share = even_shares(c.node, k, need, way->pool);
	for (size_t i = 0; i < k; i++)
		append(&ret, choose_pack(c.node[i], share[i], &below));
	return ret;
}
