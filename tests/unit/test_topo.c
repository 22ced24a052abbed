/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

/* cmocka.h needs those before it. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "topo/internal.h"

#define BOOT "0f5a9a0c-0000-4000-8000-00000000beef"

static struct pool pool;

static int release(void **state)
{
	(void)state;
	pool_free(&pool);
	return 0;
}

static void load(const char *source, struct topo *ret)
{
	struct err err = { 0 };

	if (topo_load(source, &pool, ret, &err))
		fail_msg("%s: %s", source, err.text);
}

static const struct topo_set *parse(const char *list)
{
	struct topo_set *set;
	struct err err;

	assert_int_equal(topo_set_parse(list, &pool, &set, &err), 0);
	return set;
}

/* --- lists --- */

static void count(void **state)
{
	(void)state;
	assert_int_equal(topo_count("0"), 1);
	assert_int_equal(topo_count("0-3,8"), 5);
	assert_int_equal(topo_count("0-3,2-5"), 6);
	assert_int_equal(topo_count("0-65535"), 65536);
	assert_int_equal(topo_count("65536"), 0);
	assert_int_equal(topo_count("3-1"), 0);
	assert_int_equal(topo_count(""), 0);
	assert_int_equal(topo_count(NULL), 0);
}

static void lists(void **state)
{
	static const char *const same[] = { "",      "0",       "0-3,8",
					    "63-64", "127",     "0,2,4,6",
					    "65535", "0-65535", "1023-1025" };

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		assert_string_equal(topo_set_print(parse(same[i]), &pool),
				    same[i]);
	assert_string_equal(topo_set_print(parse("8,3,0-2"), &pool), "0-3,8");
	assert_int_equal(topo_set_end(parse("")), 0);
	assert_int_equal(topo_set_end(parse("0,64")), 65);
	assert_false(topo_set_has(parse("0-65535"), 65536));
}

static void combined(void **state)
{
	const char *list;
	struct err err;

	(void)state;
	assert_int_equal(topo_common("0-3,8", "2-9", &pool, &list, &err), 0);
	assert_string_equal(list, "2-3,8");
	assert_int_equal(topo_common("0-3", NULL, &pool, &list, &err), 0);
	assert_string_equal(list, "");
	assert_int_equal(topo_without("0-3,8", "2-9", &pool, &list, &err), 0);
	assert_string_equal(list, "0-1");
	assert_int_equal(topo_without("0-3", "", &pool, &list, &err), 0);
	assert_string_equal(list, "0-3");
	assert_int_equal(topo_without("0-3", "x", &pool, &list, &err), -1);
}

/* --- properties of any pick --- */

static int pick(const struct topo *t, const char *allowed, unsigned n,
		enum topo_policy policy, struct topo_plan *ret, struct err *err)
{
	const struct topo_want want = { .n = n, .policy = policy };

	return topo_pick(t, allowed, &want, &pool, ret, err);
}

struct tally {
	unsigned cores, packages, nodes, l3s;
};

/* Distinct values of a field over the PUs in `set`. */
static unsigned distinct(const struct topo *t, const struct topo_set *set,
			 size_t field)
{
	struct topo_set *seen = pool_alloc(&pool, sizeof(*seen));

	for (size_t i = 0; i < t->n; i++) {
		unsigned v;

		memcpy(&v, (const char *)&t->pu[i] + field, sizeof(v));
		if (topo_set_has(set, t->pu[i].os))
			topo_set_add(seen, v);
	}
	return topo_count(topo_set_print(seen, &pool));
}

static struct tally tally(const struct topo *t, const struct topo_set *set)
{
	return (struct tally){
		distinct(t, set, offsetof(struct topo_pu, core)),
		distinct(t, set, offsetof(struct topo_pu, package)),
		distinct(t, set, offsetof(struct topo_pu, numa)),
		distinct(t, set, offsetof(struct topo_pu, l3)),
	};
}

/* Allowed cores with `value` in a field. */
static unsigned room(const struct topo *t, const struct topo_set *allowed,
		     size_t field, unsigned value)
{
	struct topo_set *part = pool_alloc(&pool, sizeof(*part));

	for (size_t i = 0; i < t->n; i++) {
		unsigned v;

		memcpy(&v, (const char *)&t->pu[i] + field, sizeof(v));
		if (v == value && topo_set_has(allowed, t->pu[i].os))
			topo_set_add(part, t->pu[i].os);
	}
	return distinct(t, part, offsetof(struct topo_pu, core));
}

static int descending(const void *a, const void *b)
{
	return (int)*(const unsigned *)b - (int)*(const unsigned *)a;
}

/* How few groups can hold so many cores: the largest ones first. */
static unsigned fewest(const struct topo *t, const struct topo_set *allowed,
		       size_t field, unsigned cores)
{
	struct topo_set *seen = pool_alloc(&pool, sizeof(*seen));
	unsigned *rooms = pool_alloc(&pool, t->n * sizeof(*rooms));
	size_t n = 0;
	unsigned groups = 0;

	for (size_t i = 0; i < t->n; i++) {
		unsigned v;

		memcpy(&v, (const char *)&t->pu[i] + field, sizeof(v));
		if (topo_set_has(seen, v))
			continue;
		topo_set_add(seen, v);
		rooms[n++] = room(t, allowed, field, v);
	}
	qsort(rooms, n, sizeof(*rooms), descending);
	for (unsigned sum = 0; sum < cores; groups++)
		sum += rooms[groups];
	return groups;
}

/* Whole cores out of `allowed`, with their nodes, and the same again. */
static struct tally check(const struct topo *t, const char *allowed,
			  unsigned cores)
{
	const struct topo_set *may, *got;
	struct topo_plan plan, again;
	struct err err = { 0 };
	struct tally sum;

	if (pick(t, allowed, cores, TOPO_PACK, &plan, &err))
		fail_msg("%u cores of %s: %s", cores, allowed, err.text);
	assert_int_equal(pick(t, allowed, cores, TOPO_PACK, &again, &err), 0);
	assert_string_equal(plan.cpus, again.cpus);
	assert_true(plan.bind);
	may = parse(allowed);
	got = parse(plan.cpus);
	for (size_t i = 0; i < t->n; i++) {
		bool in = topo_set_has(got, t->pu[i].os);

		assert_true(!in || topo_set_has(may, t->pu[i].os));
		assert_true(!in || !t->numa ||
			    topo_set_has(parse(plan.mems), t->pu[i].numa));
		for (size_t k = i; k < t->n && t->pu[k].core == t->pu[i].core;
		     k++)
			assert_true(!topo_set_has(may, t->pu[k].os) ||
				    !topo_set_has(may, t->pu[i].os) ||
				    topo_set_has(got, t->pu[k].os) == in);
	}
	sum = tally(t, got);
	assert_int_equal(sum.cores, cores);
	assert_int_equal(
		sum.packages,
		fewest(t, may, offsetof(struct topo_pu, package), cores));
	if (t->numa) {
		assert_int_equal(topo_count(plan.mems), sum.nodes);
		if (fewest(t, may, offsetof(struct topo_pu, numa), cores) == 1)
			assert_int_equal(sum.nodes, 1);
	}
	return sum;
}

static const char *all(const struct topo *t)
{
	struct topo_set *set = pool_alloc(&pool, sizeof(*set));

	for (size_t i = 0; i < t->n; i++)
		topo_set_add(set, t->pu[i].os);
	return topo_set_print(set, &pool);
}

/* About half of the CPUs, the same ones each time. */
static const char *some(const struct topo *t, unsigned seed)
{
	struct topo_set *set = pool_alloc(&pool, sizeof(*set));

	for (size_t i = 0; i < t->n; i++) {
		seed = seed * 1103515245 + 12345;
		if (seed >> 16 & 1)
			topo_set_add(set, t->pu[i].os);
	}
	topo_set_add(set, t->pu[0].os);
	return topo_set_print(set, &pool);
}

/* --- properties of every policy, and of sets for tasks --- */

/* PUs or cores of a set in which a field has `value`. */
static unsigned amount(const struct topo *t, const struct topo_set *set,
		       enum topo_unit unit, size_t field, unsigned value)
{
	struct topo_set *seen = pool_alloc(&pool, sizeof(*seen));
	unsigned n = 0;

	for (size_t i = 0; i < t->n; i++) {
		const struct topo_pu *p = &t->pu[i];
		unsigned v, id = unit == TOPO_CORE ? p->core : p->os;

		memcpy(&v, (const char *)p + field, sizeof(v));
		if (v != value || !topo_set_has(set, p->os) ||
		    topo_set_has(seen, id))
			continue;
		topo_set_add(seen, id);
		n++;
	}
	return n;
}

static unsigned size_in(const struct topo *t, const struct topo_set *set,
			enum topo_unit unit)
{
	return distinct(t, set,
			unit == TOPO_CORE ? offsetof(struct topo_pu, core)
					  : offsetof(struct topo_pu, os));
}

/* None that has room has two fewer than another one. */
static void assert_even(const struct topo *t, const struct topo_set *may,
			const struct topo_set *got, enum topo_unit unit,
			size_t field, bool touched_only)
{
	struct topo_set *seen = pool_alloc(&pool, sizeof(*seen));
	unsigned most = 0, least = UINT_MAX;

	for (size_t i = 0; i < t->n; i++) {
		unsigned v, has, room;

		memcpy(&v, (const char *)&t->pu[i] + field, sizeof(v));
		if (topo_set_has(seen, v))
			continue;
		topo_set_add(seen, v);
		has = amount(t, got, unit, field, v);
		room = amount(t, may, unit, field, v) - has;
		if (has > most)
			most = has;
		if (room && has < least && (has || !touched_only))
			least = has;
	}
	assert_true(least == UINT_MAX || most <= least + 1);
}

static bool one_kind(const struct topo *t)
{
	for (size_t i = 1; i < t->n; i++)
		if (t->pu[i].kind != t->pu[0].kind)
			return false;
	return true;
}

/* Inside, of the size that was asked for, and whole where cores are. */
static void assert_sound(const struct topo *t, const struct topo_plan *plan,
			 const struct topo_set *may, enum topo_unit unit,
			 unsigned n)
{
	const struct topo_set *got = parse(plan->cpus);
	const struct topo_set *mems = parse(plan->mems);
	struct topo_set *cores = pool_alloc(&pool, sizeof(*cores));

	for (size_t i = 0; i < t->n; i++)
		if (topo_set_has(got, t->pu[i].os))
			topo_set_add(cores, t->pu[i].core);
	for (size_t i = 0; i < t->n; i++) {
		const struct topo_pu *p = &t->pu[i];
		bool in = topo_set_has(got, p->os);

		assert_true(!in || topo_set_has(may, p->os));
		assert_true(!in || !t->numa || topo_set_has(mems, p->numa));
		if (unit == TOPO_CORE && topo_set_has(may, p->os))
			assert_int_equal(in, topo_set_has(cores, p->core));
	}
	assert_int_equal(size_in(t, got, unit), n);
	if (!t->numa)
		return;
	assert_int_equal(plan->memory, TOPO_MEM_BIND);
	assert_int_equal(topo_count(plan->mems),
			 distinct(t, got, offsetof(struct topo_pu, numa)));
}

static void assert_close(const struct topo *t, const struct topo_set *may,
			 const struct topo_want *want,
			 const struct topo_plan *plan)
{
	const size_t node = offsetof(struct topo_pu, numa);
	const size_t package = offsetof(struct topo_pu, package);
	const struct topo_set *got = parse(plan->cpus);

	if (want->policy == TOPO_SPREAD && one_kind(t))
		assert_even(t, may, got, want->unit, package, false);
	if (want->policy == TOPO_NUMA) {
		assert_even(t, may, got, want->unit, node, true);
		if (want->unit == TOPO_CORE)
			assert_int_equal(distinct(t, got, node),
					 fewest(t, may, node, want->n));
	}
	if (want->policy == TOPO_PACK && want->unit == TOPO_CORE)
		assert_int_equal(distinct(t, got, package),
				 fewest(t, may, package, want->n));
}

static void check_cell(const struct topo *t, const char *allowed,
		       const struct topo_want *want)
{
	const struct topo_set *may = parse(allowed);
	struct topo_plan plan = { 0 }, again = { 0 };
	struct err err = { 0 };

	if (topo_pick(t, allowed, want, &pool, &plan, &err) ||
	    topo_pick(t, allowed, want, &pool, &again, &err))
		fail_msg("%u of %s: %s", want->n, allowed, err.text);
	assert_string_equal(plan.cpus, again.cpus);
	assert_sound(t, &plan, may, want->unit, want->n);
	assert_close(t, may, want, &plan);
}

/* How many of the tasks are in one group each, and how many could be. */
static void assert_undivided(const struct topo *t, const struct topo_set *may,
			     const struct topo_want *want,
			     const struct topo_plan *plan, unsigned tasks,
			     unsigned size)
{
	size_t field = want->policy == TOPO_NUMA
			       ? offsetof(struct topo_pu, numa)
			       : offsetof(struct topo_pu, package);
	struct topo_set *seen = pool_alloc(&pool, sizeof(*seen));
	unsigned could = 0, whole = 0;

	for (size_t i = 0; i < t->n; i++) {
		unsigned v;

		memcpy(&v, (const char *)&t->pu[i] + field, sizeof(v));
		if (topo_set_has(seen, v))
			continue;
		topo_set_add(seen, v);
		could += amount(t, may, want->unit, field, v) / size;
	}
	for (unsigned i = 0; i < tasks; i++)
		whole += distinct(t, parse(plan[i].cpus), field) == 1;
	assert_int_equal(whole, could < tasks ? could : tasks);
}

static void check_tasks(const struct topo *t, const char *allowed,
			const struct topo_want *want, unsigned tasks,
			unsigned size)
{
	const struct topo_set *may = parse(allowed);
	struct topo_set *all = pool_alloc(&pool, sizeof(*all));
	struct topo_task *task = pool_alloc(&pool, tasks * sizeof(*task));
	struct topo_plan *plan = pool_alloc(&pool, tasks * sizeof(*plan));
	struct topo_plan *again = pool_alloc(&pool, tasks * sizeof(*plan));
	struct err err = { 0 };
	unsigned sum = 0;

	for (unsigned i = 0; i < tasks; i++)
		task[i].n = size;
	if (topo_pick_tasks(t, allowed, want, task, tasks, &pool, plan, &err) ||
	    topo_pick_tasks(t, allowed, want, task, tasks, &pool, again, &err))
		fail_msg("%u tasks of %u of %s: %s", tasks, size, allowed,
			 err.text);
	for (unsigned i = 0; i < tasks; i++) {
		const struct topo_set *got = parse(plan[i].cpus);

		assert_string_equal(plan[i].cpus, again[i].cpus);
		assert_sound(t, &plan[i], may, want->unit, size);
		sum += topo_count(plan[i].cpus);
		for (size_t k = 0; k < t->n; k++)
			if (topo_set_has(got, t->pu[k].os))
				topo_set_add(all, t->pu[k].os);
	}
	/* Disjoint: together they have as many as each for itself. */
	assert_int_equal(topo_count(topo_set_print(all, &pool)), sum);
	if (want->policy != TOPO_SPREAD || one_kind(t))
		assert_undivided(t, may, want, plan, tasks, size);
	task[tasks - 1].n += (unsigned)t->n;
	assert_int_equal(topo_pick_tasks(t, allowed, want, task, tasks, &pool,
					 plan, &err),
			 -1);
}

static void one_policy(const struct topo *t, const char *allowed,
		       struct topo_want want)
{
	static const unsigned tasks[] = { 1, 2, 3, 7, 16, 50 };
	unsigned max = size_in(t, parse(allowed), want.unit);

	for (want.n = 1; want.n < max; want.n += max / 5 + 1)
		check_cell(t, allowed, &want);
	want.n = max;
	check_cell(t, allowed, &want);
	for (size_t i = 0; i < 6 && tasks[i] <= max; i++) {
		check_tasks(t, allowed, &want, tasks[i], 1);
		check_tasks(t, allowed, &want, tasks[i], max / tasks[i]);
		check_tasks(t, allowed, &want, tasks[i],
			    (max / tasks[i] + 2) / 3);
	}
	if (max < 64)
		check_tasks(t, allowed, &want, max, 1);
}

static void every_policy(const struct topo *t, const char *allowed)
{
	static const struct topo_want wants[] = {
		{ 0, TOPO_PACK, TOPO_CORE },   { 0, TOPO_PACK, TOPO_THREAD },
		{ 0, TOPO_NUMA, TOPO_CORE },   { 0, TOPO_NUMA, TOPO_THREAD },
		{ 0, TOPO_SPREAD, TOPO_CORE }, { 0, TOPO_SPREAD, TOPO_THREAD },
	};
	const struct pool keep = pool;

	/* Sets are large, and so would be the sum of them. */
	for (size_t i = 0; i < sizeof(wants) / sizeof(wants[0]); i++) {
		pool = (struct pool){ 0 };
		one_policy(t, allowed, wants[i]);
		pool_free(&pool);
	}
	pool = keep;
}

/* Numbers of cores: the smallest, the largest, and some between. */
static void sweep(const struct topo *t, bool regular)
{
	const char *full = all(t);
	const struct topo_set *set = parse(full);
	unsigned max = distinct(t, set, offsetof(struct topo_pu, core));
	unsigned step = max / 9 + 1;
	struct topo_plan plan;
	struct err err;

	for (unsigned cores = 1; cores <= max;
	     cores +=
	     cores + step <= max || cores == max ? step : max - cores) {
		struct tally sum = check(t, full, cores);

		if (regular)
			assert_int_equal(sum.nodes,
					 fewest(t, set,
						offsetof(struct topo_pu, numa),
						cores));
	}
	for (unsigned seed = 1; seed < 4; seed++) {
		const char *part = some(t, seed);
		unsigned n = distinct(t, parse(part),
				      offsetof(struct topo_pu, core));

		check(t, part, 1);
		check(t, part, (n + 1) / 2);
		check(t, part, n);
	}
	every_policy(t, full);
	every_policy(t, some(t, 7));
	assert_int_equal(pick(t, full, max + 1, TOPO_PACK, &plan, &err), -1);
	assert_int_equal(pick(t, full, 0, TOPO_PACK, &plan, &err), -1);
}

static void synthetic(void **state)
{
	static const struct {
		const char *text;
		unsigned pus;
	} rows[] = {
		{ "pu:1", 1 },
		{ "core:1 pu:1", 1 },
		{ "core:4 pu:1", 4 },
		{ "package:2 core:8 pu:2", 32 },
		{ "package:2 [numa] l3:2 core:4 pu:2", 32 },
		{ "package:2 group:4 [numa] core:6 pu:1", 48 },
		{ "package:2 group:4 [numa] l3:2 core:8 pu:2", 256 },
		{ "[numa] package:4 l3:3 core:5 pu:2", 120 },
		{ "package:1 core:7 pu:3", 21 },
		{ "package:2 l3:4 [numa] core:4 pu:4", 128 },
		{ "package:8 group:4 [numa] l3:4 core:16 pu:2", 4096 },
		{ "package:16 [numa] core:64 pu:1", 1024 },
	};
	char source[256];
	struct topo t;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(source, sizeof(source), "synthetic:%s", rows[i].text);
		load(source, &t);
		assert_int_equal(t.n, rows[i].pus);
		sweep(&t, true);
		pool_free(&pool);
	}
}

/* Every XML file of a directory; how many there were, -1 without one. */
static int dumps(const char *path)
{
	char source[1024];
	struct dirent *e;
	struct topo t;
	int n = 0;
	DIR *d = opendir(path);

	if (!d)
		return -1;
	while ((e = readdir(d))) {
		const char *dot = strrchr(e->d_name, '.');

		if (!dot || strcmp(dot, ".xml") != 0)
			continue;
		snprintf(source, sizeof(source), "xml:%s/%s", path, e->d_name);
		load(source, &t);
		sweep(&t, false);
		pool_free(&pool);
		n++;
	}
	closedir(d);
	return n;
}

static const char *in_sources(const char *path)
{
	const char *top = getenv("top_srcdir");

	return pool_printf(&pool, "%s/%s", top ? top : ".", path);
}

static void own_machines(void **state)
{
	char path[512];
	int n;

	(void)state;
	/* Its pool goes with each machine. */
	snprintf(path, sizeof(path), "%s",
		 in_sources("tests/topology/machines"));
	n = dumps(path);
	/* Another user runs this elsewhere, and may not read them. */
	if (n < 0 && !getenv("top_srcdir")) {
		print_message("skipped: no %s here\n", path);
		skip();
	}
	assert_true(n >= 4);
}

static void real_machines(void **state)
{
	const char *dir = getenv("CLOISON_TOPOLOGIES");
	char path[512];
	int n;

	(void)state;
	snprintf(path, sizeof(path), "%s",
		 dir ? dir : in_sources("../shared/topologies"));
	n = dumps(path);
	if (n < 0) {
		print_message("skipped: topologies of real machines, no %s\n",
			      path);
		skip();
		return;
	}
	print_message("%d real machines\n", n);
	assert_true(n > 0);
}

/* --- what is picked --- */

static void pick_is(const struct topo *t, const char *allowed, unsigned cores,
		    const char *cpus, const char *mems)
{
	struct topo_plan plan;
	struct err err = { 0 };

	if (pick(t, allowed, cores, TOPO_PACK, &plan, &err))
		fail_msg("%s", err.text);
	assert_string_equal(plan.cpus, cpus);
	if (mems)
		assert_string_equal(plan.mems, mems);
	else
		assert_null(plan.mems);
}

static void best_fit(void **state)
{
	struct topo t;

	(void)state;
	/* Two nodes of 8 CPUs each. */
	load("synthetic:package:2 [numa] l3:2 core:4 pu:1", &t);
	pick_is(&t, NULL, 1, "0", "0");
	pick_is(&t, NULL, 5, "0-4", "0");
	pick_is(&t, NULL, 9, "0-8", "0-1");
	/* The node with less room left, the L3 with less room left. */
	pick_is(&t, "0-7,8-11", 3, "8-10", "1");
	pick_is(&t, "0-3,5-7,8-15", 3, "5-7", "0");
	pick_is(&t, "3,8-9,12-15", 2, "8-9", "1");
	/* One node rather than the lowest numbers. */
	pick_is(&t, "0-1,8-10", 3, "8-10", "1");
	/* CPUs that do not exist are not there. */
	pick_is(&t, "14-99", 2, "14-15", "1");
}

static void offline_sibling(void **state)
{
	struct topo t;

	(void)state;
	load("synthetic:package:1 [numa] core:3 pu:2", &t);
	pick_is(&t, "0,2-3,4", 2, "0,2-3", "0");
	pick_is(&t, "1,3,5", 3, "1,3,5", "0");
}

static void tasks_are(const struct topo *t, const char *allowed,
		      enum topo_policy policy, const struct topo_task *task,
		      size_t n, const char *const *cpus)
{
	const struct topo_want want = { .policy = policy };
	struct topo_plan plan[8];
	struct err err = { 0 };

	if (topo_pick_tasks(t, allowed, &want, task, n, &pool, plan, &err))
		fail_msg("%s", err.text);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(plan[i].cpus, cpus[i]);
}

/* As a scheduler has laid a step's tasks out. */
static void layouts(void **state)
{
	static const struct topo_want want = { .policy = TOPO_PACK };
	struct topo_plan plan[2];
	struct err err;
	struct topo t;

	(void)state;
	load("synthetic:package:2 [numa] l3:2 core:4 pu:1", &t);
	/* Each in a package of its own, whatever the policy. */
	tasks_are(&t, NULL, TOPO_PACK,
		  (struct topo_task[]){ { 2, "0-7" }, { 2, "8-15" } }, 2,
		  (const char *[]){ "0-1", "8-9" });
	/* The same CPUs for several: divided. */
	tasks_are(&t, NULL, TOPO_SPREAD,
		  (struct topo_task[]){ { 2, "0-7" },
					{ 2, "0-7" },
					{ 1, "8-15" },
					{ 1, "8-15" } },
		  4, (const char *[]){ "0-1", "4-5", "8", "12" });
	/* Who has fewer to choose from chooses first. */
	tasks_are(&t, NULL, TOPO_PACK,
		  (struct topo_task[]){ { 3, NULL }, { 2, "0-3" }, { 1, "0" } },
		  3, (const char *[]){ "4-6", "1-2", "0" });
	/* What the step may not use is not used, either. */
	tasks_are(
		&t, "1,3-12", TOPO_NUMA,
		(struct topo_task[]){ { 1, "0-3" }, { 1, "0-3" }, { 2, NULL } },
		3, (const char *[]){ "1", "3", "4-5" });
	/* Large tasks do not have to make do with what is left. */
	tasks_are(&t, NULL, TOPO_PACK,
		  (struct topo_task[]){ { 1, NULL }, { 4, NULL }, { 3, NULL } },
		  3, (const char *[]){ "4", "0-3", "5-7" });
	assert_int_equal(
		topo_pick_tasks(&t, NULL, &want,
				(struct topo_task[]){ { 1, "0" }, { 1, "0" } },
				2, &pool, plan, &err),
		-1);
	assert_string_equal(err.text, "2 cores wanted, 1 can be used (CPUs 0)");
	assert_int_equal(topo_pick_tasks(&t, NULL, &want,
					 (struct topo_task[]){ { 0, NULL } }, 1,
					 &pool, plan, &err),
			 -1);
	assert_int_equal(topo_pick_tasks(&t, NULL, &want,
					 (struct topo_task[]){ { 1, "x" } }, 1,
					 &pool, plan, &err),
			 -1);
	assert_int_equal(
		topo_pick_tasks(&t, NULL, &want, NULL, 0, &pool, plan, &err),
		0);
}

/* Memory without CPUs is known, and nothing that is picked. */
static void memory_nodes(void **state)
{
	const char *nodes;
	struct err err;
	struct topo t;

	(void)state;
	load("synthetic:[numa] package:2 [numa] core:2 pu:1", &t);
	assert_string_equal(t.mems, "0-2");
	pick_is(&t, NULL, 4, "0-3", "0-1");
	assert_int_equal(topo_nodes(&t, "2-3", &pool, &nodes, &err), 0);
	assert_string_equal(nodes, "1");
	assert_int_equal(topo_nodes(&t, "2-", &pool, &nodes, &err), -1);
	assert_string_equal(topo_cpus(&t, &pool), "0-3");
}

static void units(void **state)
{
	struct err err;
	struct topo t;
	unsigned n;

	(void)state;
	load("synthetic:core:4 pu:2", &t);
	assert_int_equal(topo_units(&t, NULL, TOPO_CORE, &n, &err), 0);
	assert_int_equal(n, 4);
	assert_int_equal(topo_units(&t, "0,2-3", TOPO_CORE, &n, &err), 0);
	assert_int_equal(n, 2);
	assert_int_equal(topo_units(&t, "0,2-3", TOPO_THREAD, &n, &err), 0);
	assert_int_equal(n, 3);
	assert_int_equal(topo_units(&t, "2-", TOPO_THREAD, &n, &err), -1);
}

/* Two fast cores with SMT and four slow ones, which share one L3. */
static void hybrid(void **state)
{
	static const struct topo_pu pu[] = {
		{ 0, 0, 0, 0, 0, 0 }, { 1, 1, 0, 0, 0, 0 },
		{ 2, 2, 0, 0, 0, 0 }, { 3, 3, 0, 0, 0, 0 },
		{ 4, 4, 0, 0, 0, 1 }, { 5, 4, 0, 0, 0, 1 },
		{ 6, 5, 0, 0, 0, 1 }, { 7, 5, 0, 0, 0, 1 },
	};
	const struct topo t = { .pu = pu, .n = 8, .numa = false };

	(void)state;
	pick_is(&t, NULL, 1, "4-5", NULL);
	pick_is(&t, NULL, 2, "4-7", NULL);
	pick_is(&t, NULL, 3, "0,4-7", NULL);
	pick_is(&t, "0-3", 2, "0-1", NULL);
}

static void inherit(void **state)
{
	struct topo_plan plan;
	struct err err;
	struct topo t;

	(void)state;
	load("synthetic:core:2 pu:1", &t);
	assert_int_equal(pick(&t, NULL, 99, TOPO_INHERIT, &plan, &err), 0);
	assert_true(!plan.cpus && !plan.mems && !plan.bind);
	assert_int_equal(pick(&t, "0-", 1, TOPO_PACK, &plan, &err), -1);
	assert_int_equal(pick(&t, "7", 1, TOPO_PACK, &plan, &err), -1);
	assert_int_equal(pick(&t, "", 1, TOPO_PACK, &plan, &err), -1);
}

static void bad_sources(void **state)
{
	static const char *const bad[] = { "", "xml:/nonexistent",
					   "synthetic:", "synthetic:core:0",
					   "file:x" };
	struct err err;
	struct topo t;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(topo_load(bad[i], &pool, &t, &err), -1);
}

/* --- cache --- */

static char dir[64];

static const char *in_dir(const char *file)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return path;
}

static int make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/cloison-test-topo.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	unlink(in_dir("topology"));
	release(state);
	return rmdir(dir); /* nothing else may have been left there */
}

static void put_cache(const char *text, mode_t mode)
{
	FILE *f;

	unlink(in_dir("topology"));
	f = fopen(in_dir("topology"), "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(in_dir("topology"), mode), 0);
}

static size_t cached(const char *boot)
{
	struct err err = { 0 };
	struct topo t;

	if (topo_cached(dir, boot, &pool, &t, &err))
		fail_msg("%s", err.text);
	return t.n;
}

/* A machine that nobody has: CPU 40000 says that the cache was used. */
static const char fake[] = "cloison.topology/1 " BOOT " 1\n40000 0 0 7 0 0\n";

static bool fake_is_used(const char *boot)
{
	struct err err;
	struct topo t;

	assert_int_equal(topo_cached(dir, boot, &pool, &t, &err), 0);
	return t.n == 1 && t.pu[0].os == 40000 && t.pu[0].numa == 7;
}

static void cache_written(void **state)
{
	struct topo direct, read;
	struct err err;
	struct stat st;

	(void)state;
	assert_int_equal(topo_cached(NULL, BOOT, &pool, &direct, &err), 0);
	assert_int_equal(cached(BOOT), direct.n);
	assert_int_equal(stat(in_dir("topology"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(topo_cached(dir, BOOT, &pool, &read, &err), 0);
	assert_int_equal(read.n, direct.n);
	assert_int_equal(read.numa, direct.numa);
	for (size_t i = 0; i < read.n; i++)
		assert_memory_equal(&read.pu[i], &direct.pu[i],
				    sizeof(read.pu[i]));
}

static void cache_used(void **state)
{
	(void)state;
	put_cache(fake, 0644);
	assert_true(fake_is_used(BOOT));
	/* After a reboot it is not, and is written anew. */
	assert_false(fake_is_used("other-boot"));
	assert_false(fake_is_used(BOOT));
}

static void cache_distrusted(void **state)
{
	(void)state;
	put_cache(fake, 0666);
	assert_false(fake_is_used(BOOT));
	put_cache(fake, 0664);
	assert_false(fake_is_used(BOOT));
	/* A link, even to a good one; a FIFO must not block either. */
	put_cache(fake, 0644);
	assert_int_equal(rename(in_dir("topology"), "/tmp/cloison-test-link"),
			 0);
	assert_int_equal(symlink("/tmp/cloison-test-link", in_dir("topology")),
			 0);
	assert_false(fake_is_used(BOOT));
	unlink("/tmp/cloison-test-link");
	unlink(in_dir("topology"));
	assert_int_equal(mkfifo(in_dir("topology"), 0600), 0);
	assert_false(fake_is_used(BOOT));
	if (geteuid())
		return;
	put_cache(fake, 0644);
	assert_int_equal(chown(in_dir("topology"), 12345, 12345), 0);
	assert_false(fake_is_used(BOOT));
}

static void cache_malformed(void **state)
{
	static const char *const bad[] = {
		"",
		"cloison.topology/1",
		"cloison.topology/2 b 1\n0 0 0 0 0 0\n",
		"cloison.topology/1 bb 1\n0 0 0 0 0 0\n",
		"cloison.topology/1 b 1\n",
		"cloison.topology/1 b 0\n",
		"cloison.topology/1 b 2\n0 0 0 0 0 0\n",
		"cloison.topology/1 b 4000000000\n0 0 0 0 0 0\n",
		"cloison.topology/1 b 1\n0 0 0 0 0 0",
		"cloison.topology/1 b 1\n0 0 0 0 0 0\n\n",
		"cloison.topology/1 b 1\n0 0 0 0 0\n",
		"cloison.topology/1 b 1\n0 0 0 0 0 -1\n",
		"cloison.topology/1 b 1\n65536 0 0 0 0 0\n",
		"cloison.topology/1 b 1\n0 0 0 65536 0 0\n",
		"cloison.topology/1 b 1\n0 0 0 x 0 0\n",
		"cloison.topology/1 b 2\n0 0 0 0 0 0\n0 1 0 0 0 0\n",
	};
	struct err err;
	struct topo t;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(topo_cache_parse(bad[i], "b", &pool, &t, &err),
				 -1);
	assert_int_equal(
		topo_cache_parse("cloison.topology/1 b 1\n3 2 1 - 4 5\n", "b",
				 &pool, &t, &err),
		0);
	assert_false(t.numa);
	assert_int_equal(t.pu[0].kind, 5);
	put_cache(bad[2], 0644);
	assert_false(fake_is_used("b"));
	/* A boot id that would break the file is no reason to fail. */
	assert_true(cached("two words") > 0);
	assert_true(cached("") > 0);
}

static void cache_nowhere(void **state)
{
	struct err err;
	struct topo t;

	(void)state;
	assert_int_equal(topo_cached("/nonexistent/dir", BOOT, &pool, &t, &err),
			 0);
	assert_int_equal(topo_cached(NULL, NULL, &pool, &t, &err), 0);
}

/* --- binding: in a child, as it lasts --- */

static int bind_child(void)
{
	struct topo_plan plan = { .bind = true };
	const char *now, *list;
	struct err err;
	char one[16];

	if (topo_affinity(&pool, &list, &err) || !topo_count(list))
		return 1;
	snprintf(one, sizeof(one), "%u", topo_set_end(parse(list)) - 1);
	plan.cpus = one;
	if (topo_bind(&plan, &err) || topo_affinity(&pool, &now, &err) ||
	    strcmp(now, one) != 0)
		return 2;
	plan.cpus = "65535";
	if (!topo_bind(&plan, &err))
		return 3;
	plan.cpus = "";
	if (!topo_bind(&plan, &err))
		return 4;
	plan.bind = false;
	if (topo_bind(&plan, &err))
		return 5;
	plan = (struct topo_plan){ .bind = true,
				   .mems = "0",
				   .memory = TOPO_MEM_BIND };
	if (topo_bind(&plan, &err) && err.num != EPERM)
		return 6;
	plan.mems = "60000";
	return topo_bind(&plan, &err) ? 0 : 7;
}

static void binding(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (!pid) {
		int r = bind_child();

		pool_free(&pool);
		_exit(r);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define TEST(f)  cmocka_unit_test_teardown(f, release)
#define CACHE(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(count),
		TEST(lists),
		TEST(combined),
		TEST(synthetic),
		TEST(own_machines),
		TEST(real_machines),
		TEST(best_fit),
		TEST(offline_sibling),
		TEST(layouts),
		TEST(memory_nodes),
		TEST(units),
		TEST(hybrid),
		TEST(inherit),
		TEST(bad_sources),
		CACHE(cache_written),
		CACHE(cache_used),
		CACHE(cache_distrusted),
		CACHE(cache_malformed),
		TEST(cache_nowhere),
		TEST(binding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
