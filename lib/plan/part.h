/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PLAN_PART_H
#define PLAN_PART_H

#include "plan/host.h"
#include "plan/option.h"

/*
 * Limits on one of several things: disks, sizes of pages. Those of a profile
 * and of its user add up; where two are on one thing, the lower counts, so
 * that there is nothing that a user could loosen. All of this is pure.
 */

/* Bytes, which may be none: parse_size and "0". */
int part_size(const char *text, uint64_t *ret, struct err *err);

/* 1 to 10,000, as cpu.weight and io.weight have it. */
int part_weight(const char *text, uint64_t *ret, struct err *err);

/* Read a value, or several with ';' between them, into `options`. */
int part_set(struct options *options, enum option_id id, const char *text,
	     const char *origin, const char *dir, struct pool *pool,
	     struct err *err);

/*
 * All parts of an option: `ret_asked` as they were given, NULL if there is
 * none, and `ret` as struct cg_plan wants them. A path without a disk in `host`
 * is an error.
 */
int part_text(const struct options *options, enum option_id id,
	      const struct host *host, struct pool *pool,
	      const char **ret_asked, const char **ret, struct err *err);

#endif
