/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"

struct pool_block {
	struct pool_block *next;
	size_t used, size;
	alignas(max_align_t) char data[];
};

enum {
	POOL_BLOCK = 4000
};

void *pool_alloc(struct pool *pool, size_t size)
{
	struct pool_block *b = pool->block;
	size_t want =
		(size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	void *p;

	if (want < size)
		abort();
	if (!b || b->size - b->used < want) {
		size_t room = want > POOL_BLOCK ? want : POOL_BLOCK;

		b = calloc(1, sizeof(*b) + room);
		if (!b)
			abort();
		b->size = room;
		b->next = pool->block;
		pool->block = b;
	}
	p = b->data + b->used;
	b->used += want;
	return p;
}

char *pool_strndup(struct pool *pool, const char *s, size_t n)
{
	char *p = pool_alloc(pool, n + 1);

	memcpy(p, s, n);
	return p;
}

char *pool_strdup(struct pool *pool, const char *s)
{
	return s ? pool_strndup(pool, s, strlen(s)) : NULL;
}

char *pool_printf(struct pool *pool, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		abort();
	p = pool_alloc(pool, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return p;
}

void *pool_push(struct pool *pool, void *array, size_t *n, size_t size)
{
	char *old, *p;

	memcpy(&old, array, sizeof(old));
	p = old;
	/* Capacity is implied: it doubles whenever n is a power of two. */
	if ((*n & (*n - 1)) == 0) {
		p = pool_alloc(pool, (*n ? 2 * *n : 1) * size);
		if (*n)
			memcpy(p, old, *n * size);
		memcpy(array, &p, sizeof(p));
	}
	return p + size * (*n)++;
}

void pool_free(struct pool *pool)
{
	struct pool_block *next;

	for (struct pool_block *b = pool->block; b; b = next) {
		next = b->next;
		free(b);
	}
	pool->block = NULL;
}
