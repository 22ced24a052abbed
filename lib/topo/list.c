/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdio.h>

#include "base/parse.h"
#include "topo/internal.h"

void topo_set_add(struct topo_set *set, unsigned i)
{
	if (set->words <= i / 64)
		set->words = i / 64 + 1;
	set->word[i / 64] |= UINT64_C(1) << i % 64;
}

void topo_set_remove(struct topo_set *set, unsigned i)
{
	set->word[i / 64] &= ~(UINT64_C(1) << i % 64);
}

bool topo_set_has(const struct topo_set *set, unsigned i)
{
	return i <= TOPO_MAX && set->word[i / 64] >> i % 64 & 1;
}

static void add_range(void *arg, unsigned first, unsigned last)
{
	for (unsigned i = first; i <= last; i++)
		topo_set_add(arg, i);
}

int topo_set_parse(const char *s, struct pool *pool, struct topo_set **ret,
		   struct err *err)
{
	struct topo_set *set = pool_alloc(pool, sizeof(*set));

	if (s && *s && parse_list(s, TOPO_MAX, add_range, set, err))
		return -1;
	*ret = set;
	return 0;
}

unsigned topo_set_end(const struct topo_set *set)
{
	unsigned w = (unsigned)set->words;

	while (w && !set->word[w - 1])
		w--;
	if (!w)
		return 0;
	return w * 64 - (unsigned)__builtin_clzll(set->word[w - 1]);
}

static unsigned size_of(const struct topo_set *set)
{
	unsigned n = 0;

	for (size_t i = 0; i < set->words; i++)
		n += (unsigned)__builtin_popcountll(set->word[i]);
	return n;
}

const char *topo_set_print(const struct topo_set *set, struct pool *pool)
{
	unsigned end = topo_set_end(set);
	/* No member takes more than its five digits and a separator. */
	size_t size = size_of(set) * 6UL + 1, n = 0;
	char *text = pool_alloc(pool, size);

	for (unsigned i = 0, last; i < end; i = last + 1) {
		last = i;
		if (!set->word[i / 64])
			last |= 63;
		if (!topo_set_has(set, i))
			continue;
		while (topo_set_has(set, last + 1))
			last++;
		n += (size_t)snprintf(text + n, size - n, n ? ",%u" : "%u", i);
		if (last > i)
			n += (size_t)snprintf(text + n, size - n, "-%u", last);
	}
	return text;
}

/* `a` and `b`, or `a` and not `b`. */
static int combine(const char *a, const char *b, bool without,
		   struct pool *pool, const char **ret, struct err *err)
{
	struct pool scratch = { 0 };
	struct topo_set *x, *y;
	int r = -1;

	if (!topo_set_parse(a, &scratch, &x, err) &&
	    !topo_set_parse(b, &scratch, &y, err)) {
		for (size_t i = 0; i < x->words; i++)
			x->word[i] &= without ? ~y->word[i] : y->word[i];
		*ret = topo_set_print(x, pool);
		r = 0;
	}
	pool_free(&scratch);
	return r;
}

int topo_common(const char *a, const char *b, struct pool *pool,
		const char **ret, struct err *err)
{
	return combine(a, b, false, pool, ret, err);
}

int topo_without(const char *a, const char *b, struct pool *pool,
		 const char **ret, struct err *err)
{
	return combine(a, b, true, pool, ret, err);
}

unsigned topo_count(const char *list)
{
	struct pool pool = { 0 };
	struct topo_set *set;
	unsigned n = 0;
	struct err err;

	if (!topo_set_parse(list, &pool, &set, &err))
		n = size_of(set);
	pool_free(&pool);
	return n;
}

const char *topo_cpus(const struct topo *topo, struct pool *pool)
{
	struct topo_set *set = pool_alloc(pool, sizeof(*set));

	for (size_t i = 0; i < topo->n; i++)
		topo_set_add(set, topo->pu[i].os);
	return topo_set_print(set, pool);
}
