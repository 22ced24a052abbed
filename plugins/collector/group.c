/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/group.h"
#include "collector/json.h"
#include "collector/text.h"

enum {
	CELL_MAX = 24 /* characters, where no width is asked for */
};

/* Its strings live no longer than the call that brings it. */
static void copy(struct pool *pool, const struct store_sum *from,
		 struct store_sum *to)
{
	static const size_t strings[] = {
		offsetof(struct store_sum, cluster),
		offsetof(struct store_sum, job),
		offsetof(struct store_sum, step),
		offsetof(struct store_sum, user),
		offsetof(struct store_sum, account),
		offsetof(struct store_sum, node),
		offsetof(struct store_sum, profile),
		offsetof(struct store_sum, reason),
		offsetof(struct store_sum, scheduler),
		offsetof(struct store_sum, queue),
		offsetof(struct store_sum, project),
		offsetof(struct store_sum, job_name),
		offsetof(struct store_sum, day),
		offsetof(struct store_sum, peak_node),
	};

	*to = *from;
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		const char **s = (const char **)((char *)to + strings[i]);

		*s = pool_strdup(pool, *s);
	}
}

struct gathering {
	struct pool *pool;
	struct group_rows *rows;
};

static int gather(void *arg, const struct store_sum *sum, struct err *err)
{
	struct gathering *g = arg;

	(void)err;
	copy(g->pool, sum,
	     pool_push(g->pool, &g->rows->sum, &g->rows->n, sizeof(*sum)));
	return 0;
}

struct order {
	const struct column *column, *next; /* the other decides among equals */
	bool descending;
};

static int compare(const void *a, const void *b, void *arg)
{
	const struct order *o = arg;
	int result = column_compare(o->column, o->descending, a, b);

	return result ? result : column_compare(o->next, false, a, b);
}

static void sort(struct group_rows *rows, const struct order *order)
{
	if (rows->n)
		qsort_r(rows->sum, rows->n, sizeof(*rows->sum), compare,
			(void *)order);
}

static int find_order(const char *name, const struct column_group *group,
		      struct order *ret, struct err *err)
{
	ret->descending = *name == '-';
	ret->column = column_find(name + ret->descending, err);
	ret->next = column_find(group->sort, err);
	return ret->column ? column_check(ret->column, group, err) : -1;
}

int group_check(const struct group_view *view, struct err *err)
{
	struct column_wish *wishes;
	struct pool pool = { 0 };
	struct order order;
	int result = 0;
	size_t n;

	if (view->sort && find_order(view->sort, view->group, &order, err))
		result = err_prefix(err, "--sort");
	else if (view->format && column_parse(view->format, view->group, &pool,
					      &wishes, &n, err))
		result = err_prefix(err, "--format");
	pool_free(&pool);
	return result;
}

static int put_in_order(const struct group_view *view, int64_t limit,
			struct group_rows *rows, struct err *err)
{
	struct order order;

	if (!view->sort && limit >= 0) {
		if (find_order("-end", view->group, &order, err))
			return -1;
		sort(rows, &order);
		rows->n = rows->n > (size_t)limit ? (size_t)limit : rows->n;
	}
	if (find_order(view->sort ? view->sort : view->group->sort, view->group,
		       &order, err))
		return -1;
	sort(rows, &order);
	if (limit >= 0 && rows->n > (size_t)limit)
		rows->n = (size_t)limit;
	return 0;
}

int group_read(struct store *store, const struct store_filter *filter,
	       const struct group_view *view, struct pool *pool,
	       struct group_rows *ret, struct err *err)
{
	struct gathering g = { pool, ret };
	struct store_filter all = *filter;

	*ret = (struct group_rows){ 0 };
	all.limit = -1;
	if (store_sum(store, &all, view->group->by, gather, &g, err))
		return -1;
	return put_in_order(view, filter->limit, ret, err);
}

/* A view with its columns and its rows. */
struct view {
	struct pool pool;
	struct column_wish *wish;
	size_t n;
	struct group_rows rows;
};

static int choose_columns(const struct group_view *asked, struct view *v,
			  struct err *err)
{
	const char *format =
		asked->format ? asked->format : asked->group->format;

	return column_parse(format, asked->group, &v->pool, &v->wish, &v->n,
			    err);
}

static int open_view(struct store *store, const struct store_filter *filter,
		     const struct group_view *asked, struct view *ret,
		     struct err *err)
{
	*ret = (struct view){ 0 };
	if (choose_columns(asked, ret, err))
		return -1;
	return group_read(store, filter, asked, &ret->pool, &ret->rows, err);
}

static void fill_cell(struct view *v, const struct column_wish *w,
		      const char *text, struct text_column *column,
		      const char **ret)
{
	size_t max = w->width ? w->width : CELL_MAX, width;

	*ret = text ? text_shorten(&v->pool, text_escape(&v->pool, text), max)
		    : "";
	width = text_width(*ret);
	if (width > column->width)
		column->width = width;
}

static void print_table(struct view *v)
{
	struct text_column *shape = pool_alloc(&v->pool, v->n * sizeof(*shape));
	const char **cells =
		pool_alloc(&v->pool, (v->rows.n + 1) * v->n * sizeof(*cells));

	for (size_t i = 0; i < v->n; i++) {
		const struct column_wish *w = &v->wish[i];

		shape[i].right = column_is_right(w->column) && !w->left;
		shape[i].width = w->width;
		fill_cell(v, w, w->column->head, &shape[i], &cells[i]);
		for (size_t row = 0; row < v->rows.n; row++)
			fill_cell(v, w,
				  column_text(w->column, &v->rows.sum[row],
					      &v->pool),
				  &shape[i], &cells[(row + 1) * v->n + i]);
	}
	for (size_t row = 0; row <= v->rows.n; row++)
		text_line(stdout, shape, v->n, &cells[row * v->n]);
}

int group_print(const struct group_rows *rows, const struct group_view *view,
		struct err *err)
{
	struct view v = { .rows = *rows };
	int result = choose_columns(view, &v, err);

	if (!result)
		print_table(&v);
	pool_free(&v.pool);
	return result;
}

int group_table(struct store *store, const struct store_filter *filter,
		const struct group_view *view, struct err *err)
{
	struct view v;
	int result = open_view(store, filter, view, &v, err);

	if (!result)
		print_table(&v);
	pool_free(&v.pool);
	return result;
}

static void csv_line(struct view *v, const struct store_sum *sum)
{
	struct pool pool = { 0 };

	for (size_t i = 0; i < v->n; i++) {
		const struct column *c = v->wish[i].column;

		if (i)
			putchar(',');
		text_csv(stdout, &pool,
			 sum ? column_raw(c, sum, &pool)
			     : column_key(c, &pool));
	}
	fputs("\r\n", stdout);
	pool_free(&pool);
}

int group_csv(struct store *store, const struct store_filter *filter,
	      const struct group_view *view, struct err *err)
{
	struct view v;
	int result = open_view(store, filter, view, &v, err);

	if (!result) {
		csv_line(&v, NULL);
		for (size_t i = 0; i < v.rows.n; i++)
			csv_line(&v, &v.rows.sum[i]);
	}
	pool_free(&v.pool);
	return result;
}

void group_json_add(struct json_object *o, const struct column *column,
		    const struct store_sum *sum)
{
	struct pool pool = { 0 };

	(column_is_number(column) ? json_number : json_string)(
		o, column_key(column, &pool), column_raw(column, sum, &pool));
	pool_free(&pool);
}

static void json_row(const struct view *v, const struct store_sum *sum)
{
	struct json_object *o = json_new_object();

	for (size_t i = 0; i < v->n; i++)
		group_json_add(o, v->wish[i].column, sum);
	json_print(o);
}

int group_json(struct store *store, const struct store_filter *filter,
	       const struct group_view *view, struct err *err)
{
	struct view v;
	int result = open_view(store, filter, view, &v, err);

	if (!result)
		result = json_load(err);
	if (!result) {
		fputs("[", stdout);
		for (size_t i = 0; i < v.rows.n; i++) {
			fputs(i ? ",\n" : "\n", stdout);
			json_row(&v, &v.rows.sum[i]);
		}
		fputs(v.rows.n ? "\n]\n" : "]\n", stdout);
	}
	pool_free(&v.pool);
	return result;
}

void group_help(void)
{
	struct pool pool = { 0 };

	for (size_t i = 0; i < columns_n; i++)
		printf("%-14s  %-22s  %s\n", columns[i].name,
		       column_key(&columns[i], &pool), columns[i].help);
	pool_free(&pool);
}
