/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COLLECTOR_JSON_H
#define COLLECTOR_JSON_H

#include <stdint.h>

#include "base/err.h"

/*
 * JSON to be printed. What was not measured (NULL, -1) is left out. Objects
 * belong to what they are added to; the outermost to the caller. Running out
 * of memory ends the process, as it does in a pool.
 */
struct json_object;

/* Load libjson-c, which everything else here needs. */
int json_load(struct err *err);

struct json_object *json_new_object(void);
struct json_object *json_new_array(void);

void json_string(struct json_object *o, const char *name, const char *s);
void json_count(struct json_object *o, const char *name, int64_t v);

/* `text` is a number in JSON. */
void json_number(struct json_object *o, const char *name, const char *text);

void json_add(struct json_object *o, const char *name,
	      struct json_object *value);
void json_append(struct json_object *array, struct json_object *value);

/* In one line, without its end; releases it. */
void json_print(struct json_object *o);

#endif
