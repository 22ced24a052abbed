/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stdarg.h>
#include <stddef.h>

#include "base/err.h"

/*
 * Memory that is released all at once: what a plan, a site file or a set of
 * options is made of. Zero-initialise to create. Running out of memory ends
 * the process (abort), as nothing here is big and no caller could go on.
 */
struct pool {
	struct pool_block *block;
};

/* Zeroed memory, aligned for any type; lives until pool_free. */
void *pool_alloc(struct pool *pool, size_t size);

/* A copy of `s`, or NULL for NULL. */
char *pool_strdup(struct pool *pool, const char *s);
char *pool_strndup(struct pool *pool, const char *s, size_t n);
char *pool_printf(struct pool *pool, const char *fmt, ...) CLOISON_PRINTF(2, 3);

/*
 * Room for one more element in a growing array of `*n` elements of `size`
 * bytes at `*array`; returns the new, zeroed element and counts it.
 */
void *pool_push(struct pool *pool, void *array, size_t *n, size_t size);

void pool_free(struct pool *pool);

#endif
