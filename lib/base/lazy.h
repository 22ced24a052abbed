/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_LAZY_H
#define BASE_LAZY_H

#include "base/err.h"

/*
 * Libraries that only some cells need (hwloc, libcgroup, json-c, ...) are
 * opened at their first use, so that a launch without them does not pay for
 * their loading and so that the SPANK plugin brings nothing into slurmd.
 *
 * A user lists the functions once,
 *
 *	#define FUNCTIONS(X) X(json_object_put) X(json_object_new_object)
 *	LAZY_TABLE(json, FUNCTIONS);
 *	...
 *	if (LAZY_LOAD(json, "libjson-c.so.5", FUNCTIONS, err))
 *		return -1;
 *	json.json_object_put(o);
 */
#define LAZY_MEMBER_(f) __typeof__(&f) f;
#define LAZY_NAME_(f)   #f,
#define LAZY_TABLE(var, list)      \
	static struct {            \
		list(LAZY_MEMBER_) \
	} var
#define LAZY_LOAD(var, soname, list, err)                                 \
	lazy_load(soname, (const char *const[]){ list(LAZY_NAME_) NULL }, \
		  (void *)&(var), err)

/*
 * dlopen(3) `soname` and store the addresses of `names` (NULL-terminated) in
 * consecutive pointers at `table`; nothing is done when the last is set
 * already. The library stays loaded. Not for several threads at once.
 */
int lazy_load(const char *soname, const char *const *names, void **table,
	      struct err *err);

#endif
