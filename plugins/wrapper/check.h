/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WRAPPER_CHECK_H
#define WRAPPER_CHECK_H

#include "base/err.h"
#include "base/pool.h"

/* What `cloison check` has found out about one thing. */
enum verdict {
	CHECK_OK,
	CHECK_WARN, /* something of cloison's will not work, or not well */
	CHECK_FAIL, /* cells will not */
	CHECK_NONE, /* there is nothing to be checked: not shown */
};

struct finding {
	enum verdict verdict;
	struct err text; /* what there is and, unless ok, what to do */
};

struct check {
	const char *name;
	void (*look)(struct finding *ret, struct pool *pool);
};

/* Set both; text as with err_set. */
#define FOUND(f, v, ...) \
	((f)->verdict = (v), (void)err_set(&(f)->text, 0, __VA_ARGS__))

/*
 * What the program `argv[0]`, looked up in PATH unless it is one, says first on
 * stdout or stderr: a line without its end. Returns its exit status, -1 if it
 * did not start or was killed.
 */
int saying(const char *const argv[], char *ret, size_t size);

/* Tables that end with a row without a name; in their order. */
extern const struct check check_host[];  /* kernel and cgroups */
extern const struct check check_site[];  /* what the admin has set up */
extern const struct check check_slurm[]; /* nothing where there is no Slurm */

#endif
