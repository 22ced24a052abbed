/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "store/internal.h"

const char *const fold_columns =
	"records, failures, ooms, nodes, peak_node, start_us, end_us, "
	"wall_us, cpu_us, cpu_asked_us, throttled_us, peak_bytes, "
	"limit_bytes, memory_used, memory_asked, scratch_bytes, read_bytes, "
	"write_bytes, rx_bytes, tx_bytes";

const char *const fold_key_columns[KEYS] = {
	[K_DAY] = "day",
	[K_CLUSTER] = "cluster",
	[K_NODE] = "node",
	[K_USER] = "user",
	[K_ACCOUNT] = "account",
	[K_PROFILE] = "profile",
	[K_REASON] = "reason",
	[K_FAILED] = "failed",
	[K_UID] = "uid",
	[K_SIGNER] = "signer",
	[K_SCHEDULER] = "scheduler",
	[K_QUEUE] = "queue",
	[K_PROJECT] = "project",
	[K_JOB] = "job",
	[K_STEP] = "step",
	[K_JOB_NAME] = "job_name",
};

/* Who invents huge numbers makes none overflow. */
static int64_t add(int64_t a, int64_t b)
{
	int64_t sum;

	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static int64_t most(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t least(int64_t a, int64_t b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a < b ? a : b;
}

/* Two counts of nodes may be about the same ones. */
static int64_t unknown(int64_t a, int64_t b)
{
	(void)a, (void)b;
	return -1;
}

static int64_t product(int64_t a, int64_t b, int64_t divisor)
{
	__int128 v = (__int128)a * b / divisor;

	if (a < 0 || b < 0)
		return -1;
	return v > INT64_MAX ? INT64_MAX : (int64_t)v;
}

/* Bytes * us in one MiB * 10 ms. */
static const int64_t MIB_CS = 1048576 * (int64_t)10000;

/* -1, nobody measured it, gives way to everything. */
static int64_t (*const merge[FOLDS])(int64_t a, int64_t b) = {
	[F_RECORDS] = add,   [F_FAILED] = add,      [F_OOMS] = add,
	[F_NODES] = unknown, [F_PEAK_NODE] = NULL,  [F_START] = least,
	[F_END] = most,      [F_WALL] = add,        [F_CPU] = add,
	[F_CPU_ASKED] = add, [F_THROTTLED] = add,   [F_PEAK] = most,
	[F_LIMIT] = most,    [F_MEMORY_USED] = add, [F_MEMORY_ASKED] = add,
	[F_SCRATCH] = most,  [F_READ] = add,        [F_WRITE] = add,
	[F_RX] = add,        [F_TX] = add,
};

void fold_merge(struct fold *to, const struct fold *from)
{
	if (!to->v[F_RECORDS]) {
		*to = *from;
		return;
	}
	if (from->v[F_PEAK] > to->v[F_PEAK])
		to->v[F_PEAK_NODE] = from->v[F_PEAK_NODE];
	for (size_t i = 0; i < FOLDS; i++)
		if (merge[i])
			to->v[i] = merge[i](to->v[i], from->v[i]);
}

void fold_of_cell(const struct store_cell *cell, struct fold *ret)
{
#define V(i) cell->value[i].number
	const char *reason = cell->value[C_REASON].text;
	bool both = V(C_PEAK) >= 0 && V(C_LIMIT) >= 0;

	*ret = (struct fold){ {
		[F_RECORDS] = 1,
		[F_FAILED] = cell->failed,
		[F_OOMS] = reason && !strcmp(reason, "oom"),
		[F_NODES] = -1,
		[F_PEAK_NODE] = V(C_PEAK) >= 0 ? V(C_NODE) : 0,
		[F_START] = V(C_START),
		[F_END] = V(C_END),
		[F_WALL] = V(C_WALL),
		[F_CPU] = V(C_CPU),
		[F_CPU_ASKED] =
			V(C_CPU) < 0 ? -1 : product(V(C_WALL), V(C_COUNT), 1),
		[F_THROTTLED] = V(C_THROTTLED),
		[F_PEAK] = V(C_PEAK),
		[F_LIMIT] = V(C_LIMIT),
		[F_MEMORY_USED] =
			both ? product(V(C_PEAK), V(C_WALL), MIB_CS) : -1,
		[F_MEMORY_ASKED] =
			both ? product(V(C_LIMIT), V(C_WALL), MIB_CS) : -1,
		[F_SCRATCH] = V(C_SCRATCH),
		[F_READ] = V(C_READ),
		[F_WRITE] = V(C_WRITE),
		[F_RX] = V(C_RX),
		[F_TX] = V(C_TX),
	} };
#undef V
}

void fold_key_of_cell(const struct store_cell *cell, struct fold_key *ret)
{
	const char *job = cell->value[C_JOB].text;

	*ret = (struct fold_key){
		.v = {
			[K_DAY] = cell->day,
			[K_CLUSTER] = cell->value[C_CLUSTER].number,
			[K_NODE] = cell->value[C_NODE].number,
			[K_USER] = cell->value[C_USER].number,
			[K_ACCOUNT] = cell->value[C_ACCOUNT].number,
			[K_PROFILE] = cell->value[C_PROFILE].number,
			[K_REASON] = cell->value[C_REASON].number,
			[K_FAILED] = cell->failed,
			[K_UID] = cell->value[C_UID].number,
			[K_SIGNER] = cell->signer,
			[K_SCHEDULER] = cell->value[C_SCHEDULER].number,
			[K_QUEUE] = cell->value[C_QUEUE].number,
			[K_PROJECT] = cell->value[C_PROJECT].number,
		},
		.text = { job ? job : cell->value[C_ID].text,
			  cell->value[C_STEP].text,
			  cell->value[C_JOB_NAME].text },
	};
}

static int compare_text(const char *a, const char *b)
{
	if (!a || !b)
		return (a != NULL) - (b != NULL);
	return strcmp(a, b);
}

static int compare(const void *a, const void *b)
{
	const struct fold_key *x = &((const struct fold_group *)a)->key;
	const struct fold_key *y = &((const struct fold_group *)b)->key;
	int order = memcmp(x->v, y->v, sizeof(x->v));

	for (size_t i = 0; i < KEYS - K_NUMBERS && !order; i++)
		order = compare_text(x->text[i], y->text[i]);
	return order;
}

static struct fold_key project(const struct fold_key *key, unsigned mask)
{
	struct fold_key ret = { 0 };

	for (size_t i = 0; i < K_NUMBERS; i++)
		if (mask & 1U << i)
			ret.v[i] = key->v[i];
	for (size_t i = K_NUMBERS; i < KEYS; i++)
		if (mask & 1U << i)
			ret.text[i - K_NUMBERS] = key->text[i - K_NUMBERS];
	return ret;
}

/* A node counts once for its group. */
struct node {
	const struct fold_group *group;
	int64_t number;
};

static int compare_nodes(const void *a, const void *b)
{
	const struct node *x = a, *y = b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

static bool is_new_node(struct fold_set *set, const struct fold_group *group,
			int64_t number)
{
	struct node wanted = { group, number }, *node;

	if (tfind(&wanted, &set->nodes, compare_nodes))
		return false;
	node = pool_alloc(&set->pool, sizeof(*node));
	*node = wanted;
	if (!tsearch(node, &set->nodes, compare_nodes))
		abort();
	return true;
}

static struct fold_group *group_of(struct fold_set *set,
				   const struct fold_key *key)
{
	struct fold_group wanted = { .key = project(key, set->mask) };
	void *found = tfind(&wanted, &set->tree, compare);
	struct fold_group *g, **place;

	if (found)
		return *(struct fold_group **)found;
	g = pool_alloc(&set->pool, sizeof(*g));
	*g = wanted;
	for (size_t i = 0; i < KEYS - K_NUMBERS; i++)
		g->key.text[i] = pool_strdup(&set->pool, wanted.key.text[i]);
	if (!tsearch(g, &set->tree, compare))
		abort();
	place = pool_push(&set->pool, &set->group, &set->n, sizeof(g));
	*place = g;
	return g;
}

static void set_common(struct fold_set *set, struct fold_group *g,
		       const struct fold_key *key)
{
	bool first = !g->fold.v[F_RECORDS];

	for (size_t i = 0; i < K_NUMBERS; i++)
		if (first)
			g->common.v[i] = key->v[i];
		else if (g->common.v[i] != key->v[i])
			g->common.v[i] = FOLD_MIXED;
	for (size_t i = 0; i < KEYS - K_NUMBERS && g->key.text[0]; i++)
		if (first)
			g->common.text[i] =
				pool_strdup(&set->pool, key->text[i]);
		else if (compare_text(g->common.text[i], key->text[i]) != 0)
			g->common.text[i] = "";
}

struct fold_group *fold_add(struct fold_set *set, const struct fold_key *key,
			    const struct fold *fold, int64_t node)
{
	struct fold_group *g = group_of(set, key);
	bool first = !g->fold.v[F_RECORDS];
	int64_t nodes = g->fold.v[F_NODES];

	set_common(set, g, key);
	fold_merge(&g->fold, fold);
	/* By the node of each record, as long as there are such only. */
	if (node < 0 || (!first && nodes < 0))
		return g;
	if (first)
		nodes = 0;
	g->fold.v[F_NODES] =
		nodes + (node > 0 && is_new_node(set, g, node) ? 1 : 0);
	return g;
}

static void leave(void *node)
{
	(void)node; /* the pool's */
}

void fold_free(struct fold_set *set)
{
	tdestroy(set->tree, leave);
	tdestroy(set->nodes, leave);
	pool_free(&set->pool);
	*set = (struct fold_set){ .mask = set->mask };
}
