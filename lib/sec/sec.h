/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SEC_SEC_H
#define SEC_SEC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* How much the filter and Landlock take away; by name. */
enum sec_level {
	SEC_STRICT,
	SEC_DEFAULT,
	SEC_OFF,
	SEC_LEVELS,
};
extern const char *const sec_levels[SEC_LEVELS];

struct sec_plan {
	/*
	 * Leave the capabilities of the cell's own user namespace (fake root
	 * needs them to be root); otherwise every set is emptied.
	 */
	bool keep_caps;
	enum sec_level seccomp;
	bool nestable; /* the filter lets namespaces and mounts be made */
	bool isolated; /* the cell has a network of its own to keep to */
	/*
	 * default: what is not at or below one of `writable` cannot be changed.
	 * strict: abstract sockets and processes outside are out of reach, too.
	 */
	enum sec_level landlock;
	const char *const *writable;
	size_t n_writable;
};

/*
 * Take away what the payload could use to gain privilege: no_new_privs
 * (prctl(2)), every capability set (capabilities(7)) unless kept, writing by
 * Landlock (landlock(7)) and system calls by a filter (seccomp(2)). Last step
 * before the payload, after ids have been switched. Holds for the calling
 * thread and all that it starts. Cannot be undone.
 */
int sec_apply(const struct sec_plan *plan, struct err *err);

/*
 * Empty the bounding set alone, so that no later exec gains anything; the
 * effective set stays for what is still to be done. Needs CAP_SETPCAP.
 */
int sec_drop_bounding(struct err *err);

/*
 * Let the permitted set survive the switch to an ordinary user (prctl(2),
 * PR_SET_KEEPCAPS), and afterwards make it effective again. For what can only
 * be done after the switch; sec_apply ends it.
 */
int sec_keep_caps(struct err *err);
int sec_raise_caps(struct err *err);

#endif
