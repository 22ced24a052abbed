/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SLURM_ARGUMENT_H
#define SLURM_ARGUMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/pool.h"
#include "plan/site.h"

enum {
	ARGUMENTS = 64
};

/* What stands behind the plugin's path in plugstack.conf. */
struct arguments {
	const char *text[ARGUMENTS];
	size_t n; /* may be more than are kept: an error of arguments_load */
};

/* Those that are no keys of the site file, as they say how to read it. */
enum argument_id {
	ARGUMENT_CONFIG,
	ARGUMENT_DEFAULT,
	ARGUMENT_ON_CONFIG_ERROR,
	ARGUMENT_IDS,
};

void arguments_keep(struct arguments *ret, int ac, char *argv[],
		    struct pool *pool);

/* The value of one of them, or NULL; of several the last. */
const char *arguments_find(const struct arguments *a, enum argument_id id);

/*
 * on-config-error=bypass: a step goes without a cell where the site file
 * cannot be used. Never by itself: only if just that is written there.
 */
bool arguments_bypass(const struct arguments *a);

/* The site file and, over it, the arguments; `site` has been site_init()ed. */
int arguments_load(const struct arguments *a, struct site *site,
		   struct err *err);

#endif
