/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "topo/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A cache that parses must be fit for a pick. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pool pool = { 0 };
	char *text = malloc(size + 1);
	const struct topo_want want = { .n = 1, .policy = TOPO_PACK };
	struct topo_plan plan;
	struct topo topo;
	struct err err;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (!topo_cache_parse(text, "boot", &pool, &topo, &err) &&
	    topo_pick(&topo, NULL, &want, &pool, &plan, &err))
		abort();
	pool_free(&pool);
	free(text);
	return 0;
}
