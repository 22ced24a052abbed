/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COLLECTOR_TEXT_H
#define COLLECTOR_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/pool.h"

/*
 * What people read: numbers and strings as text from a pool. A number that is
 * negative was not measured, and gives NULL.
 */

/*
 * For terminals, which obey control characters and let others reorder or hide
 * what is around them: \xNN for a byte that is no UTF-8, \uNNNN for a character
 * that is special.
 */
const char *text_escape(struct pool *pool, const char *s);

/* Of escaped text, in characters. */
size_t text_width(const char *s);

/* At most `max` characters, the last a + when some were cut (as in sacct). */
const char *text_shorten(struct pool *pool, const char *s, size_t max);

/* [days-]hours:minutes:seconds, or minutes:seconds.milliseconds */
const char *text_duration(struct pool *pool, int64_t us);

/* "1.5G", with `mark` before it; powers of 1024. */
const char *text_size(struct pool *pool, const char *mark, int64_t bytes);

/* In local time, 2026-01-31T23:59:59. */
const char *text_time(struct pool *pool, int64_t us);

/* The same in UTC with microseconds and a Z, as in a record. */
const char *text_utc(struct pool *pool, int64_t us);

/* One field of CSV (RFC 4180), escaped as above; NULL is an empty one. */
void text_csv(FILE *out, struct pool *pool, const char *s);

/* A table that is printed line by line. */
struct text_column {
	bool right;
	size_t width; /* in characters */
};

/* Cells that are NULL or empty get a dash. */
void text_line(FILE *out, const struct text_column *columns, size_t n,
	       const char *const *cells);

#endif
