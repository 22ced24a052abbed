/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COLLECTOR_GROUP_H
#define COLLECTOR_GROUP_H

#include "collector/column.h"

struct json_object;

/* A view of groups of cells, on stdout: what --by and its likes ask for. */
struct group_view {
	const struct column_group *group;
	const char *format; /* NULL: the group's own */
	const char *sort;   /* a column, after a - from high to low; NULL */
};

/* Whether such a view can be had; needs no store. */
int group_check(const struct group_view *view, struct err *err);

/* Sums that were gathered, in memory of `pool`. */
struct group_rows {
	struct store_sum *sum;
	size_t n;
};

/*
 * In the order that is asked for. The filter's limit is one of groups: with an
 * order that was asked for the first, without one those that ended last.
 */
int group_read(struct store *store, const struct store_filter *filter,
	       const struct group_view *view, struct pool *pool,
	       struct group_rows *ret, struct err *err);

/* The rows, already in order, as a table with the view's columns. */
int group_print(const struct group_rows *rows, const struct group_view *view,
		struct err *err);

/* Add a column's value to a JSON object, unless it was not measured. */
void group_json_add(struct json_object *o, const struct column *column,
		    const struct store_sum *sum);

/* What users wrote comes with its control characters escaped. */
int group_table(struct store *store, const struct store_filter *filter,
		const struct group_view *view, struct err *err);
int group_csv(struct store *store, const struct store_filter *filter,
	      const struct group_view *view, struct err *err);
int group_json(struct store *store, const struct store_filter *filter,
	       const struct group_view *view, struct err *err);

/* What --format takes, for --helpformat. */
void group_help(void);

#endif
