/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "topo/internal.h"

/*
 * The search goes down the levels that cores share: package, node, L3. At
 * each, cores fall into groups. If some group has room for all, every such
 * group is tried to the end and the best result taken. If not, the largest
 * are taken whole until the rest fits into one: no choice needs fewer. What
 * was not taken is out, and the next level begins with what was.
 *
 * Every core is looked at once per level and alternative, of which there are
 * no more than groups: O(cores * levels) but for sorting.
 */
enum level {
	PACKAGE,
	NODE,
	L3,
	LEVELS
};

struct core {
	unsigned group[LEVELS];
	int kind;
	unsigned id;
	size_t order; /* hwloc's logical order */
};

/* What the choice costs, in order of weight. */
struct cost {
	unsigned groups[LEVELS]; /* how many it touches */
	long slow;               /* minus the ranks of its cores */
	size_t room[LEVELS];     /* cores left over in them */
	size_t first;            /* the first core's place */
};

struct choice {
	const struct core **core;
	struct cost cost;
};

struct group {
	const struct core **core;
	size_t n;
};

static int by_number(size_t a, size_t b)
{
	return (a > b) - (a < b);
}

static int by_kind(const void *a, const void *b)
{
	const struct core *x = *(const struct core *const *)a;
	const struct core *y = *(const struct core *const *)b;

	if (x->kind != y->kind)
		return x->kind > y->kind ? -1 : 1;
	return by_number(x->order, y->order);
}

static int by_group(const void *a, const void *b, void *level)
{
	const struct core *x = *(const struct core *const *)a;
	const struct core *y = *(const struct core *const *)b;
	int i = *(const int *)level;

	if (x->group[i] != y->group[i])
		return by_number(x->group[i], y->group[i]);
	return by_number(x->order, y->order);
}

static int by_size(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	if (x->n != y->n)
		return x->n > y->n ? -1 : 1;
	return by_number(x->core[0]->order, y->core[0]->order);
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

/* Sort `core` by group; the groups are parts of it, the largest first. */
static struct group *divide(const struct core **core, size_t n, int level,
			    struct pool *pool, size_t *ret)
{
	struct group *g = pool_alloc(pool, n * sizeof(*g));
	size_t count = 0;

	qsort_r(core, n, sizeof(*core), by_group, &level);
	for (size_t i = 0; i < n; i++) {
		if (!i || core[i]->group[level] != core[i - 1]->group[level])
			g[count++].core = core + i;
		g[count - 1].n++;
	}
	qsort(g, count, sizeof(*g), by_size);
	*ret = count;
	return g;
}

/*
 * The largest groups, and the smallest that takes the rest. Returns how many;
 * their cores at `*ret`.
 */
static unsigned gather(const struct group *g, size_t count, size_t need,
		       struct pool *pool, struct group *ret)
{
	unsigned taken = 0;
	size_t last;

	for (; g[taken].n < need; taken++)
		need -= g[taken].n;
	last = taken;
	for (size_t i = taken + 1; i < count && g[i].n >= need; i++)
		if (g[i].n < g[last].n)
			last = i;
	ret->n = 0;
	for (size_t i = 0; i < taken; i++)
		ret->n += g[i].n;
	ret->n += g[last].n;
	ret->core = pool_alloc(pool, ret->n * sizeof(*ret->core));
	ret->n = 0;
	for (size_t i = 0; i <= taken; i++) {
		const struct group *from = &g[i < taken ? i : last];

		memcpy(ret->core + ret->n, from->core,
		       from->n * sizeof(*from->core));
		ret->n += from->n;
	}
	return taken + 1;
}

static void search(const struct group *from, size_t need, int level,
		   struct pool *pool, struct choice *ret);

/* Take `part` at this level and go on below. */
static void descend(const struct group *part, unsigned groups, size_t need,
		    int level, struct pool *pool, struct choice *ret)
{
	search(part, need, level + 1, pool, ret);
	ret->cost.groups[level] = groups;
	ret->cost.room[level] = part->n - need;
}

static void search_cores(const struct group *from, size_t need,
			 struct pool *pool, struct choice *ret)
{
	*ret = (struct choice){ .cost.first = SIZE_MAX };
	qsort(from->core, from->n, sizeof(*from->core), by_kind);
	ret->core = pool_alloc(pool, need * sizeof(*ret->core));
	memcpy(ret->core, from->core, need * sizeof(*ret->core));
	for (size_t i = 0; i < need; i++) {
		ret->cost.slow -= ret->core[i]->kind;
		if (ret->core[i]->order < ret->cost.first)
			ret->cost.first = ret->core[i]->order;
	}
}

static void search(const struct group *from, size_t need, int level,
		   struct pool *pool, struct choice *ret)
{
	struct choice next;
	struct group *g, whole;
	size_t count;

	if (level == LEVELS) {
		search_cores(from, need, pool, ret);
		return;
	}
	g = divide(from->core, from->n, level, pool, &count);
	if (g[0].n < need) {
		unsigned groups = gather(g, count, need, pool, &whole);

		descend(&whole, groups, need, level, pool, ret);
		return;
	}
	descend(&g[0], 1, need, level, pool, ret);
	for (size_t i = 1; i < count && g[i].n >= need; i++) {
		descend(&g[i], 1, need, level, pool, &next);
		if (compare(&next.cost, &ret->cost) < 0)
			*ret = next;
	}
}

/* --- cores --- */

struct member {
	const struct topo_pu *pu;
	size_t order;
};

static int by_core(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	if (x->pu->core != y->pu->core)
		return by_number(x->pu->core, y->pu->core);
	return by_number(x->order, y->order);
}

/* The allowed PUs, those of a core side by side. */
static struct member *members(const struct topo *topo,
			      const struct topo_set *allowed, struct pool *pool,
			      size_t *ret)
{
	struct member *m = pool_alloc(pool, (topo->n + 1) * sizeof(*m));
	size_t n = 0;

	for (size_t i = 0; i < topo->n; i++)
		if (!allowed || topo_set_has(allowed, topo->pu[i].os))
			m[n++] = (struct member){ &topo->pu[i], i };
	qsort(m, n, sizeof(*m), by_core);
	*ret = n;
	return m;
}

/* One core for each run of PUs in `m`; pointers to them for the search. */
static struct group cores_of(const struct member *m, size_t n,
			     struct pool *pool)
{
	struct core *core = pool_alloc(pool, (n + 1) * sizeof(*core));
	struct group all = { .n = 0 };

	all.core = pool_alloc(pool, (n + 1) * sizeof(*all.core));
	for (size_t i = 0; i < n; i++) {
		const struct topo_pu *p = m[i].pu;

		if (i && m[i - 1].pu->core == p->core)
			continue;
		core[all.n] = (struct core){
			.group = { p->package, p->numa, p->l3 },
			.kind = p->kind,
			.id = p->core,
			.order = m[i].order,
		};
		all.core[all.n] = &core[all.n];
		all.n++;
	}
	return all;
}

static int compare_id(const void *key, const void *element)
{
	const struct core *c = *(const struct core *const *)element;

	return by_number(*(const unsigned *)key, c->id);
}

static int by_id(const void *a, const void *b)
{
	const struct core *x = *(const struct core *const *)a;

	return compare_id(&x->id, b);
}

/* Lists of the allowed PUs of the cores picked, and of their nodes. */
static void print(const struct choice *choice, size_t cores,
		  const struct member *m, size_t n, bool numa,
		  struct pool *scratch, struct pool *pool,
		  struct topo_plan *ret)
{
	struct topo_set *cpus = pool_alloc(scratch, sizeof(*cpus));
	struct topo_set *mems = pool_alloc(scratch, sizeof(*mems));

	qsort(choice->core, cores, sizeof(*choice->core), by_id);
	for (size_t i = 0; i < n; i++) {
		const struct topo_pu *p = m[i].pu;

		if (!bsearch(&p->core, choice->core, cores,
			     sizeof(*choice->core), compare_id))
			continue;
		topo_set_add(cpus, p->os);
		topo_set_add(mems, p->numa);
	}
	ret->cpus = topo_set_print(cpus, pool);
	ret->mems = numa ? topo_set_print(mems, pool) : NULL;
	ret->bind = true;
}

static int pick(const struct topo *topo, const char *allowed, unsigned cores,
		struct pool *scratch, struct pool *pool, struct topo_plan *ret,
		struct err *err)
{
	struct topo_set *set = NULL;
	struct choice choice;
	struct member *m;
	struct group all;
	size_t n;

	if (allowed && topo_set_parse(allowed, scratch, &set, err))
		return -1;
	m = members(topo, set, scratch, &n);
	all = cores_of(m, n, scratch);
	if (!cores || cores > all.n)
		return err_set(err, 0,
			       "%u cores wanted, %zu can be used (CPUs %s)",
			       cores, all.n, allowed ? allowed : "all");
	search(&all, cores, PACKAGE, scratch, &choice);
	print(&choice, cores, m, n, topo->numa, scratch, pool, ret);
	return 0;
}

int topo_pick(const struct topo *topo, const char *allowed,
	      const struct topo_want *want, struct pool *pool,
	      struct topo_plan *ret, struct err *err)
{
	struct pool scratch = { 0 };
	int r;

	*ret = (struct topo_plan){ 0 };
	if (want->policy == TOPO_INHERIT)
		return 0;
	r = pick(topo, allowed, want->n, &scratch, pool, ret, err);
	pool_free(&scratch);
	return r;
}
