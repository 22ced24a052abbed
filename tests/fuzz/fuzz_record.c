/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "acct/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void length(void *arg, const char *name, const char *text)
{
	*(size_t *)arg += strlen(name) + (text ? strlen(text) : 0);
}

/* What is taken can be written, and reads back as what was written. */
static void round_trip(const struct record *r, struct pool *pool)
{
	const char *once, *twice;
	struct record again;
	struct err err;

	check(!record_format(r, pool, &once, &err));
	check(strlen(once) <= RECORD_MAX && !strchr(once, '\n'));
	check(!record_parse(once, strlen(once), pool, &again, &err));
	check(!record_format(&again, pool, &twice, &err));
	check(!strcmp(once, twice));
}

/* Written again it is still the same record, and does not change any more. */
static void rewrite(const char *text, size_t len, struct pool *pool)
{
	const char *once, *twice;
	struct record r;
	struct err err;

	if (record_rewrite(text, len, pool, &r, &once, &err))
		return;
	check(strlen(once) <= RECORD_MAX && !strchr(once, '\n'));
	check(!record_parse(once, strlen(once), pool, &r, &err));
	check(!record_rewrite(once, strlen(once), pool, &r, &twice, &err));
	check(!strcmp(once, twice));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pool pool = { 0 };
	struct record r;
	struct err err;
	size_t n = 0;
	/* A copy, so that reading behind its end is seen. */
	char *text = malloc(size ? size : 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	if (!record_parse(text, size, &pool, &r, &err)) {
		round_trip(&r, &pool);
		record_each(&r, &pool, length, &n);
		rewrite(text, size, &pool);
	} else {
		check(*err.text);
	}
	pool_free(&pool);
	free(text);
	return 0;
}
