/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COLLECTOR_INTAKE_H
#define COLLECTOR_INTAKE_H

#include "base/err.h"
#include "store/store.h"

/*
 * The way of records into the store. A record counts when root signed it, or
 * the user whose record it is; a spool's owner signs for what is in it.
 */
struct intake {
	struct store *store;
	/* Hears of every record once it is safe in the store. */
	int (*done)(void *arg, const char *label, enum store_fate fate,
		    struct err *err);
	void *arg;
	/* Waiting for the next transaction. */
	struct pool pool;
	struct store_entry *entries;
	const char **labels;
	size_t n;
};

enum intake_verdict {
	INTAKE_TAKEN,
	INTAKE_MALFORMED, /* it is no record */
	INTAKE_FOREIGN,   /* another user's, and root did not sign it */
};

/*
 * Check one record; `ret` is what a store wants of it, from `pool`. `err` says
 * why it is not taken. Pure but for the loading of json-c, which
 * record_foresee does ahead of several threads.
 */
enum intake_verdict intake_check(const char *text, size_t len, int64_t signer,
				 enum store_source source, struct pool *pool,
				 struct store_entry *ret, struct err *err);

/*
 * Check a record and queue it. `label` is what `done` gets. 1: refused, and
 * `err` says why; -1: the store failed.
 */
int intake_add(struct intake *in, const char *label, const char *text,
	       size_t len, int64_t signer, enum store_source source,
	       struct err *err);

/* Commit what is queued. */
int intake_flush(struct intake *in, struct err *err);

/* Forget what is queued. */
void intake_drop(struct intake *in);

/*
 * Everything in a spool to the store; a file is removed once its record is
 * committed. A file that is refused is reported on stderr and moved to bad/.
 */
int intake_spool(struct store *store, const char *dir, struct err *err);

#endif
