/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <json.h>
#include <stdio.h>
#include <string.h>

#include "base/lazy.h"
#include "run/cell.h"
#include "show.h"

#define JSON(X)                           \
	X(json_object_new_object)         \
	X(json_object_new_array)          \
	X(json_object_new_string)         \
	X(json_object_new_int64)          \
	X(json_object_new_double)         \
	X(json_object_new_boolean)        \
	X(json_object_array_add)          \
	X(json_object_object_add)         \
	X(json_object_to_json_string_ext) \
	X(json_object_put)
LAZY_TABLE(jc, JSON);

enum {
	CELL_WIDTH = 64,
	SHORT_ID = 8, /* of an id's end, which is random */
};

const char *show_text(const char *text, struct pool *pool)
{
	char *copy = pool_strdup(pool, text ? text : "-");

	for (char *p = copy; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	return copy;
}

const char *show_bytes(int64_t n, struct pool *pool)
{
	static const char units[] = "KMGTPE";
	double value = (double)n / 1024;
	size_t unit = 0;

	if (n < 0)
		return "-";
	for (; value >= 1000 && unit + 2 < sizeof(units); unit++)
		value /= 1024;
	return pool_printf(pool, value < 10 ? "%.1f%c" : "%.0f%c", value,
			   units[unit]);
}

const char *show_of(int64_t used, int64_t limit, struct pool *pool)
{
	if (limit <= 0)
		return show_bytes(used, pool);
	return pool_printf(pool, "%s/%s", show_bytes(used, pool),
			   show_bytes(limit, pool));
}

const char *show_age(int64_t start_us, struct pool *pool)
{
	int64_t s = (cell_now(CLOCK_REALTIME) - start_us) / 1000000;

	if (s < 0)
		s = 0;
	if (s < 120)
		return pool_printf(pool, "%llds", (long long)s);
	if (s < 7200)
		return pool_printf(pool, "%lldm", (long long)s / 60);
	if (s < 48L * 3600)
		return pool_printf(pool, "%lldh", (long long)s / 3600);
	return pool_printf(pool, "%lldd", (long long)s / 86400);
}

const char *show_id(const char *id)
{
	size_t len = strlen(id);

	return id + (len > SHORT_ID ? len - SHORT_ID : 0);
}

void show_table(const char *const *text, size_t rows, int columns)
{
	const size_t n = rows * (size_t)columns;
	int width[SHOW_COLUMNS] = { 0 };

	for (size_t i = 0; i < n; i++) {
		int *w = &width[i % (size_t)columns];
		int len = (int)strnlen(text[i], CELL_WIDTH);

		if (len > *w)
			*w = len;
	}
	width[columns - 1] = 0;
	for (size_t i = 0; i < n; i++) {
		int c = (int)(i % (size_t)columns);

		printf("%-*.*s%s", width[c], CELL_WIDTH, text[i],
		       c + 1 < columns ? "  " : "\n");
	}
}

struct json_object *show_object(void)
{
	return jc.json_object_new_object();
}

void show_add_text(struct json_object *o, const char *key, const char *text,
		   struct pool *pool)
{
	if (text)
		jc.json_object_object_add(
			o, key,
			jc.json_object_new_string(show_text(text, pool)));
}

void show_add_number(struct json_object *o, const char *key, int64_t n)
{
	if (n >= 0)
		jc.json_object_object_add(o, key, jc.json_object_new_int64(n));
}

void show_add_double(struct json_object *o, const char *key, double x)
{
	if (x >= 0)
		jc.json_object_object_add(o, key, jc.json_object_new_double(x));
}

void show_add_boolean(struct json_object *o, const char *key, int yes)
{
	jc.json_object_object_add(o, key, jc.json_object_new_boolean(yes));
}

void show_add_object(struct json_object *o, const char *key,
		     struct json_object *value)
{
	jc.json_object_object_add(o, key, value);
}

int show_json(struct err *err)
{
	return LAZY_LOAD(jc, JSONC_SONAME, JSON, err);
}

void show_cells(struct json_object *const *cells, size_t n)
{
	struct json_object *top = jc.json_object_new_object();
	struct json_object *list = jc.json_object_new_array();

	jc.json_object_object_add(top, "cells", list);
	for (size_t i = 0; i < n; i++)
		jc.json_object_array_add(list, cells[i]);
	puts(jc.json_object_to_json_string_ext(
		top, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	jc.json_object_put(top);
}
