/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdbool.h>
#include <string.h>

#include "plan/expand.h"

/* A ':' separates source and target in values, so it is escaped in facts. */
static const char *escape(const char *s, struct pool *pool)
{
	char *out, *p;

	if (!s || !strchr(s, ':'))
		return s;
	out = p = pool_alloc(pool, 2 * strlen(s) + 1);
	for (; *s; s++) {
		if (*s == ':')
			*p++ = '\\';
		*p++ = *s;
	}
	return out;
}

static bool lookup(char letter, const struct job *job, struct pool *pool,
		   const char **ret)
{
	const struct {
		char letter;
		const char *text;
	} facts[] = {
		{ 'h', job->home }, { 'w', job->cwd },
		{ 'u', job->user }, { 'j', job->scheduler.job },
		{ '%', "%" },
	};

	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
		if (facts[i].letter == letter) {
			*ret = escape(facts[i].text, pool);
			return true;
		}
	return false;
}

int expand(const char *value, const struct job *job, struct pool *pool,
	   const char **ret, struct err *err)
{
	const char *out = "", *p = value;

	while (*p) {
		size_t len = strcspn(p, "%");
		const char *text = "%";

		out = pool_printf(pool, "%s%.*s", out, (int)len, p);
		if (!p[len])
			break;
		/* "50%": a percent sign at the end is one. */
		if (p[len + 1] && !lookup(p[len + 1], job, pool, &text))
			return err_set(err, 0,
				       "'%s': unknown expansion (known: %%h "
				       "%%w %%u %%j %%%%)",
				       value);
		if (!text) {
			*ret = NULL;
			return 0;
		}
		out = pool_printf(pool, "%s%s", out, text);
		p += len + (p[len + 1] ? 2 : 1);
	}
	*ret = out;
	return 0;
}
