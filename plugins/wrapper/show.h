/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WRAPPER_SHOW_H
#define WRAPPER_SHOW_H

#include <json.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/pool.h"

/* Cells as text and as JSON, for ls and top. Negative numbers are not known. */

/* What a user has written, so that it does not steer root's terminal. */
const char *show_text(const char *text, struct pool *pool);

/* The end of a cell's id. */
const char *show_id(const char *id);

/* With a unit; and what is used, and of how much if that is more than 0. */
const char *show_bytes(int64_t n, struct pool *pool);
const char *show_of(int64_t used, int64_t limit, struct pool *pool);

/* The time since then, in its greatest unit. */
const char *show_age(int64_t start_us, struct pool *pool);

/* Print `rows` rows of `columns` texts each, the first of which is the head. */
enum {
	SHOW_COLUMNS = 12 /* at most */
};
void show_table(const char *const *text, size_t rows, int columns);

/* Members of an object; what is not known is left out. */
struct json_object *show_object(void);
void show_add_text(struct json_object *o, const char *key, const char *text,
		   struct pool *pool);
void show_add_number(struct json_object *o, const char *key, int64_t n);
void show_add_double(struct json_object *o, const char *key, double x);
void show_add_boolean(struct json_object *o, const char *key, int yes);
void show_add_object(struct json_object *o, const char *key,
		     struct json_object *value);

/* Before all of these: open json-c. */
int show_json(struct err *err);

/* {"cells": [...]} from an array of n objects, which are released. */
void show_cells(struct json_object *const *cells, size_t n);

#endif
