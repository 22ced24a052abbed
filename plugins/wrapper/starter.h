/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WRAPPER_STARTER_H
#define WRAPPER_STARTER_H

#include <stdbool.h>

#include "base/pool.h"

/*
 * What Grid Engine tells the starter_method of a queue, see queue_conf(5): how
 * to start a command as it would itself. All of it is the user's to change, as
 * is what the starter does.
 */
struct starter {
	/* From the job's configuration. */
	bool binary;     /* a command that is no script */
	bool no_shell;   /* which has no shell */
	const char *dir; /* the job's own; NULL: not there */
	/* From the environment; "": not said. */
	const char *shell;   /* "": the user's own, for text instead of words */
	const char *mode;    /* SGE_STARTER_SHELL_START_MODE */
	const char *login;   /* SGE_STARTER_USE_LOGIN_SHELL */
	const char *cores;   /* SGE_BINDING */
	const char *options; /* CLOISON_OPTIONS */
	const char *own_shell;
};

/* What the configuration says, an empty text nothing. Pure. */
void starter_parse(const char *text, struct pool *pool, struct starter *ret);

/*
 * The arguments of `cloison run`, that word the first of them, for the words
 * that Grid Engine has passed on. Returns how many; NULL follows. Pure.
 */
size_t starter_build(const struct starter *starter, const char *const words[],
		     struct pool *pool, char ***ret);

#endif
