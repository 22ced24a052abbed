/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "store/internal.h"

/*
 * What repeats in records (users, nodes, shapes) is stored once and has a
 * number. Numbers are remembered; between two transactions they are forgotten
 * if there are too many, or if the one was undone that made them.
 */
enum {
	KNOWN_MAX = 100000,
	NUMBER_MAX = 1 << 24,
	SHAPES_MAX =
		4096, /* who sends ever new ones shall not fill the store */
};

struct name {
	const char *text;
	int64_t number;
};

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct name *)a)->text,
		      ((const struct name *)b)->text);
}

static void leave(void *node)
{
	(void)node; /* the pool's */
}

void names_forget(struct names *names)
{
	tdestroy(names->by_text, leave);
	pool_free(&names->pool);
	*names = (struct names){ 0 };
}

void names_trim(struct names *names)
{
	if (names->n > KNOWN_MAX)
		names_forget(names);
}

static const char *remember(struct names *names, const char *text, size_t len,
			    int64_t number)
{
	struct name *name;
	void *found;

	name = pool_alloc(&names->pool, sizeof(*name));
	*name = (struct name){ pool_strndup(&names->pool, text, len), number };
	found = tsearch(name, &names->by_text, compare);
	if (!found)
		abort();
	while (number < NUMBER_MAX && names->n <= (size_t)number)
		pool_push(&names->pool, &names->text, &names->n,
			  sizeof(*names->text));
	if (number < NUMBER_MAX)
		names->text[number] = name->text;
	return name->text;
}

/* The three statements of a table of texts. */
struct table {
	struct names *names;
	enum store_statement find, insert, get;
};

static void bind(struct store_stmt *stmt, const struct table *t,
		 const char *text)
{
	if (t->find == S_SHAPE_FIND)
		bind_bytes(stmt, text, strlen(text));
	else
		bind_text(stmt, text);
}

/* The number in the database, or 0. */
static int find(struct store *store, const struct table *t, const char *text,
		int64_t *ret, struct err *err)
{
	struct store_stmt *stmt = store_statement(store, t->find, err);
	int result;

	if (!stmt)
		return -1;
	bind(stmt, t, text);
	result = stmt_step(stmt, err);
	*ret = result > 0 ? got_number(stmt) : 0;
	stmt_reset(stmt);
	return result < 0 ? -1 : 0;
}

static int add(struct store *store, const struct table *t, const char *text,
	       int64_t *ret, struct err *err)
{
	struct store_stmt *stmt = store_statement(store, t->insert, err);

	if (!stmt)
		return -1;
	bind(stmt, t, text);
	return stmt_run(stmt, err) || find(store, t, text, ret, err) ? -1 : 0;
}

static int number_of(struct store *store, const struct table *t,
		     const char *text, bool may_add, int64_t *ret,
		     struct err *err)
{
	struct name wanted = { text, 0 };
	void *known = tfind(&wanted, &t->names->by_text, compare);

	if (known) {
		*ret = (*(struct name **)known)->number;
		return 0;
	}
	if (find(store, t, text, ret, err) ||
	    (!*ret && may_add && add(store, t, text, ret, err)))
		return -1;
	if (*ret)
		remember(t->names, text, strlen(text), *ret);
	return 0;
}

static int text_of(struct store *store, const struct table *t, int64_t number,
		   const char **ret, struct err *err)
{
	struct store_stmt *stmt;
	const char *text;
	size_t len;
	int result;

	if (number > 0 && (size_t)number < t->names->n &&
	    t->names->text[number]) {
		*ret = t->names->text[number];
		return 0;
	}
	stmt = store_statement(store, t->get, err);
	if (!stmt)
		return -1;
	bind_number(stmt, number);
	result = stmt_step(stmt, err);
	if (result > 0) {
		text = got_bytes(stmt, &len);
		*ret = remember(t->names, text ? text : "", text ? len : 0,
				number);
	}
	stmt_reset(stmt);
	if (!result)
		err_set(err, 0, "store: text %lld is missing: it is damaged",
			(long long)number);
	return result > 0 ? 0 : -1;
}

static struct table name_table(struct store *store)
{
	return (struct table){ &store->names, S_NAME_FIND, S_NAME_INSERT,
			       S_NAME_GET };
}

static struct table shape_table(struct store *store)
{
	return (struct table){ &store->shapes, S_SHAPE_FIND, S_SHAPE_INSERT,
			       S_SHAPE_GET };
}

int name_number(struct store *store, const char *text, bool may_add,
		int64_t *ret, struct err *err)
{
	struct table t = name_table(store);

	*ret = 0;
	if (!text)
		return 0;
	if (number_of(store, &t, text, may_add, ret, err))
		return -1;
	if (!*ret)
		*ret = -1;
	return 0;
}

int name_text(struct store *store, int64_t number, const char **ret,
	      struct err *err)
{
	struct table t = name_table(store);

	*ret = NULL;
	return number > 0 ? text_of(store, &t, number, ret, err) : 0;
}

int name_shape(struct store *store, const char *shape, bool trusted,
	       int64_t *ret, struct err *err)
{
	struct table t = shape_table(store);

	return number_of(store, &t, shape,
			 store->shapes.n <
				 (trusted ? SHAPES_MAX : SHAPES_MAX / 4),
			 ret, err);
}

int name_shape_text(struct store *store, int64_t number, const char **ret,
		    struct err *err)
{
	struct table t = shape_table(store);

	return text_of(store, &t, number, ret, err);
}
