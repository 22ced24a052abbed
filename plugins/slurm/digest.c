/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <ctype.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"

#define PREFIX    "CL1:"
#define SEPARATOR "; "

/* Most important first: the last ones are dropped when there is no room. */
static const struct member {
	const char *name;
	bool text;
	size_t at;
} members[] = {
#define TEXT(name, member)                                     \
	{                                                      \
		name, true, offsetof(struct store_sum, member) \
	}
#define NUMBER(name, member)                                    \
	{                                                       \
		name, false, offsetof(struct store_sum, member) \
	}
	NUMBER("records", records),
	NUMBER("nodes", nodes),
	TEXT("reason", reason),
	NUMBER("failed", failed),
	NUMBER("ooms", ooms),
	NUMBER("cpu_us", cpu_us),
	NUMBER("cpu_asked_us", cpu_asked_us),
	NUMBER("peak_bytes", peak_bytes),
	NUMBER("limit_bytes", limit_bytes),
	TEXT("peak_node", peak_node),
	NUMBER("throttled_us", throttled_us),
	NUMBER("scratch_peak_bytes", scratch_peak_bytes),
	NUMBER("read_bytes", read_bytes),
	NUMBER("write_bytes", write_bytes),
	NUMBER("rx_bytes", rx_bytes),
	NUMBER("tx_bytes", tx_bytes),
	NUMBER("wall_us", wall_us),
	TEXT("profile", profile),
#undef TEXT
#undef NUMBER
};

static bool plain(char c)
{
	return c >= ' ' && c <= '~' && !strchr("\"'\\{}|", c);
}

static struct json_object *text_value(const char *text, struct pool *pool)
{
	char *copy = pool_strdup(pool, text);

	for (char *c = copy; *c; c++)
		if (!plain(*c))
			*c = '?';
	return json_object_new_string(copy);
}

/* NULL: not known. */
static struct json_object *value_of(const struct store_sum *sum,
				    const struct member *m, struct pool *pool)
{
	const char *at = (const char *)sum + m->at;
	const char *text;
	int64_t number;

	if (m->text) {
		memcpy(&text, at, sizeof(text));
		return text ? text_value(text, pool) : NULL;
	}
	memcpy(&number, at, sizeof(number));
	return number >= 0 ? json_object_new_int64(number) : NULL;
}

static const char *print(struct json_object *o)
{
	const char *text = json_object_to_json_string_ext(
		o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

	if (!text)
		abort(); /* out of memory */
	return text;
}

const char *digest_build(const struct store_sum *sum, size_t max,
			 struct pool *pool)
{
	struct json_object *o = json_object_new_object();
	const char *ret;

	if (!o)
		abort();
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		struct json_object *v = value_of(sum, &members[i], pool);

		if (!v)
			continue;
		json_object_object_add(o, members[i].name, v);
		if (strlen(PREFIX) + strlen(print(o)) > max)
			json_object_object_del(o, members[i].name);
	}
	ret = pool_printf(pool, PREFIX "%s", print(o));
	json_object_put(o);
	return ret;
}

/* 0 is the worst: a reason that this program is too old to know. */
static size_t badness(const char *reason)
{
	static const char *const order[] = {
		NULL,           "lost",       "oom",
		"setup-failed", "time-limit", "cpu-limit",
		"signaled",     "cancelled",  "exited",
	};

	for (size_t i = 1; i < sizeof(order) / sizeof(order[0]); i++)
		if (strcmp(order[i], reason) == 0)
			return i;
	return 0;
}

const char *digest_worse(const char *a, const char *b)
{
	if (!a || !b)
		return a ? a : b;
	return badness(b) < badness(a) ? b : a;
}

/* Our older value in a comment, which stands alone or behind a separator. */
static const char *find(const char *comment, size_t *ret_len)
{
	const size_t sep = strlen(SEPARATOR);
	const char *at = comment;

	while ((at = strstr(at, PREFIX "{"))) {
		const char *end = strpbrk(at + strlen(PREFIX "{"), "{}");

		if (end && *end == '}' &&
		    (at == comment || (at - comment >= (ptrdiff_t)sep &&
				       !strncmp(at - sep, SEPARATOR, sep)))) {
			*ret_len = (size_t)(end + 1 - at);
			return at;
		}
		at++;
	}
	return NULL;
}

enum digest_fate digest_merge(const char *old, const char *value, bool append,
			      struct pool *pool, const char **ret)
{
	const char *ours;
	size_t len;

	if (!old || !*old) {
		*ret = value;
		return DIGEST_WRITE;
	}
	ours = find(old, &len);
	if (!ours && !append)
		return DIGEST_FOREIGN;
	*ret = ours ? pool_printf(pool, "%.*s%s%s", (int)(ours - old), old,
				  value, ours + len)
		    : pool_printf(pool, "%s" SEPARATOR "%s", old, value);
	if (strlen(*ret) > COMMENT_MAX)
		return DIGEST_FOREIGN;
	return strcmp(*ret, old) == 0 ? DIGEST_SAME : DIGEST_WRITE;
}
