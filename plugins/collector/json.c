/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/lazy.h"
#include "collector/json.h"

#define FUNCTIONS(X)                      \
	X(json_object_new_object)         \
	X(json_object_new_array)          \
	X(json_object_new_string)         \
	X(json_object_new_int64)          \
	X(json_object_new_double_s)       \
	X(json_object_array_add)          \
	X(json_object_object_add)         \
	X(json_object_to_json_string_ext) \
	X(json_object_put)
LAZY_TABLE(jc, FUNCTIONS);

int json_load(struct err *err)
{
	return LAZY_LOAD(jc, JSONC_SONAME, FUNCTIONS, err);
}

static struct json_object *need(struct json_object *o)
{
	if (!o)
		abort();
	return o;
}

struct json_object *json_new_object(void)
{
	return need(jc.json_object_new_object());
}

struct json_object *json_new_array(void)
{
	return need(jc.json_object_new_array());
}

void json_add(struct json_object *o, const char *name,
	      struct json_object *value)
{
	if (jc.json_object_object_add(o, name, value))
		abort();
}

void json_append(struct json_object *array, struct json_object *value)
{
	if (jc.json_object_array_add(array, value))
		abort();
}

void json_string(struct json_object *o, const char *name, const char *s)
{
	if (s)
		json_add(o, name, need(jc.json_object_new_string(s)));
}

void json_count(struct json_object *o, const char *name, int64_t v)
{
	if (v >= 0)
		json_add(o, name, need(jc.json_object_new_int64(v)));
}

/* json-c prints the text rather than the double. */
void json_number(struct json_object *o, const char *name, const char *text)
{
	if (text)
		json_add(o, name,
			 need(jc.json_object_new_double_s(strtod(text, NULL),
							  text)));
}

void json_print(struct json_object *o)
{
	const char *text = jc.json_object_to_json_string_ext(
		o, JSON_C_TO_STRING_NOSLASHESCAPE);

	if (!text)
		abort();
	fputs(text, stdout);
	jc.json_object_put(o);
}
