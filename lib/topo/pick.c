/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "topo/choose.h"

static const char *const unit_names[] = {
	[TOPO_CORE] = "cores",
	[TOPO_THREAD] = "hardware threads",
};

/* --- units --- */

struct member {
	const struct topo_pu *pu;
	size_t order;
};

/* The allowed PUs, those of a core side by side, and the units they make. */
struct machine {
	struct member *member;
	size_t n;
	struct part units;
	bool numa;
	struct topo_set *cpus, *mems; /* empty, for an answer */
};

static int by_core(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	if (x->pu->core != y->pu->core)
		return x->pu->core > y->pu->core ? 1 : -1;
	return (x->order > y->order) - (x->order < y->order);
}

static void find_members(const struct topo *topo,
			 const struct topo_set *allowed, struct pool *pool,
			 struct machine *ret)
{
	struct member *m;
	size_t n = 0;

	for (size_t i = 0; i < topo->n; i++)
		n += !allowed || topo_set_has(allowed, topo->pu[i].os);
	m = pool_alloc(pool, (n + 1) * sizeof(*m));
	n = 0;
	for (size_t i = 0; i < topo->n; i++)
		if (!allowed || topo_set_has(allowed, topo->pu[i].os))
			m[n++] = (struct member){ &topo->pu[i], i };
	qsort(m, n, sizeof(*m), by_core);
	ret->member = m;
	ret->n = n;
}

/* A unit begins with each core, or with each PU. */
static void find_units(struct machine *machine, enum topo_unit kind,
		       struct pool *pool)
{
	const struct member *m = machine->member;
	struct unit *unit = pool_alloc(pool, (machine->n + 1) * sizeof(*unit));
	struct part all = {
		pool_alloc(pool, (machine->n + 1) * sizeof(*all.unit)), 0
	};

	for (size_t i = 0; i < machine->n; i++) {
		const struct topo_pu *p = m[i].pu;

		if (kind == TOPO_CORE && i && m[i - 1].pu->core == p->core) {
			all.unit[all.n - 1]->n++;
			continue;
		}
		unit[all.n] = (struct unit){
			.group = { p->package, p->numa, p->l3, p->core },
			.kind = p->kind,
			.order = m[i].order,
			.first = i,
			.n = 1,
		};
		all.unit[all.n] = &unit[all.n];
		all.n++;
	}
	machine->units = all;
}

static void look_at(const struct topo *topo, const struct topo_set *allowed,
		    enum topo_unit unit, struct pool *pool, struct machine *ret)
{
	find_members(topo, allowed, pool, ret);
	find_units(ret, unit, pool);
	ret->numa = topo->numa;
	ret->cpus = pool_alloc(pool, sizeof(*ret->cpus));
	ret->mems = pool_alloc(pool, sizeof(*ret->mems));
}

/* Whole cores have no level below the one that they are. */
static struct way way_of(const struct topo_want *want, struct pool *pool)
{
	static const enum level levels[] = { PACKAGE, NODE, L3, CORE };
	const struct way way = { levels,
				 want->unit == TOPO_CORE ? CORE : LEVELS,
				 pool };

	return want->policy == TOPO_NUMA ? way_nodes(&way) : way;
}

/* --- answers --- */

static void mark(const struct machine *machine, struct part part,
		 void (*fn)(struct topo_set *set, unsigned i))
{
	for (size_t i = 0; i < part.n; i++)
		for (size_t k = 0; k < part.unit[i]->n; k++) {
			const struct topo_pu *p =
				machine->member[part.unit[i]->first + k].pu;

			fn(machine->cpus, p->os);
			fn(machine->mems, p->numa);
		}
}

/* Lists of the PUs of the units picked, and of their nodes. */
static void answer(const struct machine *machine, struct part part,
		   struct pool *pool, struct topo_plan *ret)
{
	mark(machine, part, topo_set_add);
	*ret = (struct topo_plan){ .cpus = topo_set_print(machine->cpus, pool),
				   .bind = true };
	if (machine->numa) {
		ret->mems = topo_set_print(machine->mems, pool);
		ret->memory = TOPO_MEM_BIND;
	}
	mark(machine, part, topo_set_remove);
}

static int too_few(size_t need, size_t found, enum topo_unit unit,
		   const char *allowed, struct err *err)
{
	return err_set(err, 0, "%zu %s wanted, %zu can be used (CPUs %s)", need,
		       unit_names[unit], found, allowed ? allowed : "all");
}

/* --- for one cell --- */

static struct part (*const choosers[])(struct part from, size_t need,
				       const struct way *way) = {
	[TOPO_PACK] = choose_pack,
	[TOPO_SPREAD] = choose_spread,
	[TOPO_NUMA] = choose_nodes,
};

static int pick(const struct topo *topo, const char *allowed,
		const struct topo_want *want, struct pool *scratch,
		struct pool *pool, struct topo_plan *ret, struct err *err)
{
	const struct way way = way_of(want, scratch);
	struct topo_set *set = NULL;
	struct machine machine;

	if (allowed && topo_set_parse(allowed, scratch, &set, err))
		return -1;
	look_at(topo, set, want->unit, scratch, &machine);
	if (!want->n || want->n > machine.units.n)
		return too_few(want->n, machine.units.n, want->unit, allowed,
			       err);
	answer(&machine, choosers[want->policy](machine.units, want->n, &way),
	       pool, ret);
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
	r = pick(topo, allowed, want, &scratch, pool, ret, err);
	pool_free(&scratch);
	return r;
}

int topo_units(const struct topo *topo, const char *cpus, enum topo_unit unit,
	       unsigned *ret, struct err *err)
{
	struct pool scratch = { 0 };
	struct topo_set *set = NULL;
	struct machine machine;
	int r = cpus ? topo_set_parse(cpus, &scratch, &set, err) : 0;

	if (!r) {
		look_at(topo, set, unit, &scratch, &machine);
		*ret = (unsigned)machine.units.n;
	}
	pool_free(&scratch);
	return r;
}

int topo_nodes(const struct topo *topo, const char *cpus, struct pool *pool,
	       const char **ret, struct err *err)
{
	struct pool scratch = { 0 };
	struct topo_plan plan = { 0 };
	struct machine machine;
	struct topo_set *set;
	int r;

	r = topo_set_parse(cpus, &scratch, &set, err);
	if (!r) {
		look_at(topo, set, TOPO_THREAD, &scratch, &machine);
		answer(&machine, machine.units, pool, &plan);
		*ret = plan.mems;
	}
	pool_free(&scratch);
	return r;
}

/* --- for the tasks of a step --- */

/* Tasks that may use the same CPUs. */
struct class
{
	const char *within;
	struct topo_set *set;
	size_t cpus;
	struct claim *claim;
	size_t n, need;
};

struct step {
	const struct topo *topo;
	const struct topo_want *want;
	const char *allowed;
	struct topo_set *left;
	struct class *class;
	size_t n;
	struct pool *scratch;
};

static bool same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static int class_of(struct step *step, const char *within, struct class **ret,
		    struct err *err)
{
	struct topo_set *set;
	struct class *c;

	for (size_t i = 0; i < step->n; i++)
		if (same(step->class[i].within, within)) {
			*ret = &step->class[i];
			return 0;
		}
	if (topo_set_parse(within, step->scratch, &set, err))
		return -1;
	c = pool_push(step->scratch, &step->class, &step->n, sizeof(*c));
	*c = (struct class){ .within = within, .set = set, .cpus = SIZE_MAX };
	if (within)
		c->cpus = topo_count(within);
	*ret = c;
	return 0;
}

static int by_cpus(const void *a, const void *b)
{
	const struct class *x = a, *y = b;

	if (x->cpus != y->cpus)
		return x->cpus > y->cpus ? 1 : -1;
	/* Each has a task, and no two the same. */
	return x->claim[0].task > y->claim[0].task ? 1 : -1;
}

static int classify(struct step *step, const struct topo_task *task, size_t n,
		    struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		struct claim claim = { .task = i, .need = task[i].n };
		struct class *c;

		if (class_of(step, task[i].within, &c, err))
			return -1;
		*(struct claim *)pool_push(step->scratch, &c->claim, &c->n,
					   sizeof(claim)) = claim;
		c->need += claim.need;
		if (!claim.need)
			return err_set(err, 0, "task %zu: 0 %s wanted", i,
				       unit_names[step->want->unit]);
	}
	qsort(step->class, step->n, sizeof(*step->class), by_cpus);
	return 0;
}

static int deal_class(struct step *step, struct class *c, struct pool *pool,
		      struct topo_plan *ret, struct err *err)
{
	const struct topo_want *want = step->want;
	const struct way way = way_of(want, step->scratch);
	struct machine machine;

	for (size_t i = 0; i < c->set->words; i++)
		if (c->within)
			c->set->word[i] &= step->left->word[i];
	look_at(step->topo, c->within ? c->set : step->left, want->unit,
		step->scratch, &machine);
	if (c->need > machine.units.n)
		return too_few(c->need, machine.units.n, want->unit,
			       c->within ? c->within : step->allowed, err);
	deal(machine.units, c->claim, c->n, want->policy, &way);
	for (size_t i = 0; i < c->n; i++) {
		const struct part *got = &c->claim[i].got;

		answer(&machine, *got, pool, &ret[c->claim[i].task]);
		for (size_t k = 0; k < got->n; k++)
			for (size_t m = 0; m < got->unit[k]->n; m++)
				topo_set_remove(
					step->left,
					machine.member[got->unit[k]->first + m]
						.pu->os);
	}
	return 0;
}

static int pick_tasks(struct step *step, const struct topo_task *task, size_t n,
		      struct pool *pool, struct topo_plan *ret, struct err *err)
{
	if (topo_set_parse(step->allowed, step->scratch, &step->left, err))
		return -1;
	for (size_t i = 0; !step->allowed && i < step->topo->n; i++)
		topo_set_add(step->left, step->topo->pu[i].os);
	if (classify(step, task, n, err))
		return -1;
	for (size_t i = 0; i < step->n; i++)
		if (deal_class(step, &step->class[i], pool, ret, err))
			return -1;
	return 0;
}

int topo_pick_tasks(const struct topo *topo, const char *allowed,
		    const struct topo_want *want, const struct topo_task *task,
		    size_t n, struct pool *pool, struct topo_plan *ret,
		    struct err *err)
{
	struct pool scratch = { 0 };
	struct step step = { .topo = topo,
			     .want = want,
			     .allowed = allowed,
			     .scratch = &scratch };
	int r;

	if (!n)
		return 0;
	memset(ret, 0, n * sizeof(*ret));
	if (want->policy == TOPO_INHERIT)
		return 0;
	r = pick_tasks(&step, task, n, pool, ret, err);
	pool_free(&scratch);
	return r;
}
