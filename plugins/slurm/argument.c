/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>

#include "argument.h"

static const char *const names[ARGUMENT_IDS] = {
	[ARGUMENT_CONFIG] = "config=",
	[ARGUMENT_DEFAULT] = "default=",
	[ARGUMENT_ON_CONFIG_ERROR] = "on-config-error=",
};

static size_t kept(const struct arguments *a)
{
	return a->n < ARGUMENTS ? a->n : ARGUMENTS;
}

void arguments_keep(struct arguments *ret, int ac, char *argv[],
		    struct pool *pool)
{
	ret->n = (size_t)ac;
	for (size_t i = 0; i < kept(ret); i++)
		ret->text[i] = pool_strdup(pool, argv[i]);
}

static bool is(const char *text, enum argument_id id)
{
	return !strncmp(text, names[id], strlen(names[id]));
}

static bool is_key(const char *text)
{
	for (int i = 0; i < ARGUMENT_IDS; i++)
		if (is(text, (enum argument_id)i))
			return false;
	return true;
}

const char *arguments_find(const struct arguments *a, enum argument_id id)
{
	for (size_t i = kept(a); i-- > 0;)
		if (is(a->text[i], id))
			return a->text[i] + strlen(names[id]);
	return NULL;
}

bool arguments_bypass(const struct arguments *a)
{
	const char *value = arguments_find(a, ARGUMENT_ON_CONFIG_ERROR);

	return value && !strcmp(value, "bypass");
}

static int check(const struct arguments *a, struct err *err)
{
	const char *value = arguments_find(a, ARGUMENT_ON_CONFIG_ERROR);

	if (a->n > ARGUMENTS)
		return err_set(err, 0,
			       "plugstack.conf: %zu arguments, more than %d "
			       "(use the site file)",
			       a->n, ARGUMENTS);
	if (value && strcmp(value, "refuse") != 0 && !arguments_bypass(a))
		return err_set(err, 0,
			       "plugstack.conf: on-config-error: '%s' is "
			       "neither refuse nor bypass",
			       value);
	return 0;
}

int arguments_load(const struct arguments *a, struct site *site,
		   struct err *err)
{
	const char *implied = arguments_find(a, ARGUMENT_DEFAULT);

	if (check(a, err) ||
	    site_load(site, arguments_find(a, ARGUMENT_CONFIG), err))
		return -1;
	for (size_t i = 0; i < a->n; i++)
		if (is_key(a->text[i]) && site_argument(site, a->text[i], err))
			return -1;
	if (implied && site_imply(site, implied, err))
		return -1;
	return site_check(site, "plugstack.conf", err);
}
