/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "topo/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One PU can always be had, and all of them; two tasks if there are two. */
static void pick(const struct topo *topo, enum topo_policy policy,
		 struct pool *pool)
{
	const struct topo_want one = { 1, policy, TOPO_CORE };
	const struct topo_want all = { (unsigned)topo->n, policy, TOPO_THREAD };
	const struct topo_task task[] = { { 1, NULL },
					  { (unsigned)topo->n - 1, NULL } };
	struct topo_plan plan[2];
	struct err err;

	if (topo_pick(topo, NULL, &one, pool, plan, &err) ||
	    topo_pick(topo, NULL, &all, pool, plan, &err))
		abort();
	if (topo->n > 1 &&
	    topo_pick_tasks(topo, NULL, &all, task, 2, pool, plan, &err))
		abort();
}

/* A cache that parses must be fit for a pick. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pool pool = { 0 };
	char *text = malloc(size + 1);
	struct topo topo;
	struct err err;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (!topo_cache_parse(text, "boot", &pool, &topo, &err)) {
		pick(&topo, TOPO_PACK, &pool);
		pick(&topo, TOPO_NUMA, &pool);
		pick(&topo, TOPO_SPREAD, &pool);
	}
	pool_free(&pool);
	free(text);
	return 0;
}
