/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RUN_GC_H
#define RUN_GC_H

#include <stdbool.h>

#include "base/err.h"
#include "plan/host.h"

struct gc_count {
	unsigned alive;   /* cells that were left alone */
	unsigned removed; /* dead ones, of which nothing is left now */
	unsigned failed;  /* dead ones, of which something is */
};

/* What happens to one cell, or what is wrong with an entry, as it happens. */
struct gc_report {
	void (*fn)(void *arg, const char *id, const char *text, bool bad);
	void *arg;
};

/*
 * Undo what dead cells have left: those that neither a supervisor nor an init
 * lives for, and those of an earlier boot. Exactly what their entries note is
 * removed, and then the entry; a cell without a record gets one whose reason
 * is "lost". Done twice, or by two at once, it does no more than once.
 *
 * A user cleans up what is his; root what is root's and, with `users`, as each
 * user in a process with that user's ids and no more, what is theirs.
 */
int gc_run(const struct host *host, bool users, const struct gc_report *report,
	   struct gc_count *ret, struct err *err);

#endif
