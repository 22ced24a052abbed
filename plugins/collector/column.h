/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COLLECTOR_COLUMN_H
#define COLLECTOR_COLUMN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/pool.h"
#include "store/store.h"

/*
 * The columns of a report on groups of cells, for tables, CSV and JSON alike.
 * All of this is pure.
 */

/* What records can be grouped by. */
struct column_group {
	const char *name; /* of --by */
	enum store_by by;
	const char *format; /* its columns when none are asked for */
	const char *sort;   /* column that its lines are in the order of */
};
extern const struct column_group column_groups[];
extern const size_t column_groups_n;

/* NULL: there is none with that name. */
const struct column_group *column_group_find(const char *name);

struct column_kind;

struct column {
	const char *name; /* of --format and --sort */
	const char *head;
	const struct column_kind *kind;
	unsigned by; /* 1 << enum store_by, or'ed: where it makes sense */
	/* The value: a member of struct store_sum, or what this returns. */
	size_t at;
	double (*number)(const struct store_sum *sum);
	const char *help;
};
extern const struct column columns[];
extern const size_t columns_n;

/* NULL: there is none with that name, and `err` says so. */
const struct column *column_find(const char *name, struct err *err);

/* Whether a group of this kind has it; `err` says where it is. */
int column_check(const struct column *column, const struct column_group *group,
		 struct err *err);

bool column_is_right(const struct column *column);

/*
 * The value as people and as programs read it; NULL was not measured.
 * The second is a number without unit, but for texts and points in time.
 */
const char *column_text(const struct column *column,
			const struct store_sum *sum, struct pool *pool);
const char *column_raw(const struct column *column, const struct store_sum *sum,
		       struct pool *pool);

/* Whether what column_raw returns is a number. */
bool column_is_number(const struct column *column);

/* Its name for programs, with the unit: "cputime_us". */
const char *column_key(const struct column *column, struct pool *pool);

/* <0, 0, >0: as for qsort(3). What was not measured comes last. */
int column_compare(const struct column *column, bool descending,
		   const struct store_sum *a, const struct store_sum *b);

/* A column as it was asked for. */
struct column_wish {
	const struct column *column;
	size_t width; /* 0: as wide as needed, within limits */
	bool left;    /* with a negative width */
};

/* "user,cputime%12,account%-20" (sacct(1), --format) */
int column_parse(const char *format, const struct column_group *group,
		 struct pool *pool, struct column_wish **ret, size_t *ret_n,
		 struct err *err);

#endif
