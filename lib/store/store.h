/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdint.h>

#include "acct/record.h"
#include "base/err.h"

/*
 * Where records are kept. One interface, several engines: SQLite in a file
 * now, a database server for the sites that outgrow it. A store is for one
 * thread; several processes may use the same one.
 */

/* How a record came. */
enum store_source {
	STORE_SPOOL,  /* from a spool; its signer is the spool's owner */
	STORE_SIGNED, /* with a MUNGE credential */
};
extern const char *const store_sources[]; /* "spool", "signed", NULL */

/* What became of a record. */
enum store_fate {
	STORE_NEW,
	STORE_KNOWN, /* the same signer's is there already, and stays */
	STORE_CLASH, /* another signer's has the same id, and stays */
};

struct store_entry {
	const struct record *record;
	const char *text; /* of record_rewrite */
	int64_t signer;   /* uid */
	enum store_source source;
	enum store_fate fate; /* set by insert */
};

/* NULL and -1: whatever it is. */
struct store_filter {
	/*
	 * The scheduler's job; for a record without one its id, or the last
	 * 8 characters of that.
	 */
	const char *job;
	const char *user;
	int64_t since_us; /* ended at or after; started, if it has no end */
	int64_t signer;
	int64_t limit; /* the newest so many */
};
#define STORE_FILTER_ALL                                  \
	{                                                 \
		.since_us = -1, .signer = -1, .limit = -1 \
	}

struct store_row {
	const char *text;
	size_t len;
	int64_t signer;
	enum store_source source;
};

struct store {
	const struct store_engine *engine;
};

struct store_engine {
	/*
	 * Open, making it or bringing it up to date at need. A store newer
	 * than this program is an error.
	 */
	int (*open)(const char *where, struct store **ret, struct err *err);
	/*
	 * Insert all of `entries` in one transaction, which is on the disk
	 * when 0 is returned; nothing is inserted otherwise. Idempotent by
	 * id: the first record stays, but one that root signed replaces one
	 * that somebody else did, as a user must not be able to take the
	 * place of the site's record by guessing its id.
	 */
	int (*insert)(struct store *store, struct store_entry *entries,
		      size_t n, struct err *err);
	/*
	 * Call `fn` for the rows that `filter` lets pass, oldest start first,
	 * until it returns something other than 0, which is returned; a -1
	 * has `err` filled. `fn` may take its time: nobody waits for it.
	 */
	int (*each)(struct store *store, const struct store_filter *filter,
		    int (*fn)(void *arg, const struct store_row *row,
			      struct err *err),
		    void *arg, struct err *err);
	void (*close)(struct store *store);
};

/*
 * `where` is a path. Its directory must be one's own and not writable by
 * others, as for spool_dir, and so must the file, which is made with mode 0600.
 */
extern const struct store_engine store_sqlite;

static inline int store_open(const char *where, struct store **ret,
			     struct err *err)
{
	return store_sqlite.open(where, ret, err);
}

static inline int store_insert(struct store *store, struct store_entry *entries,
			       size_t n, struct err *err)
{
	return store->engine->insert(store, entries, n, err);
}

static inline int
store_each(struct store *store, const struct store_filter *filter,
	   int (*fn)(void *arg, const struct store_row *row, struct err *err),
	   void *arg, struct err *err)
{
	return store->engine->each(store, filter, fn, arg, err);
}

/* Takes NULL. */
static inline void store_close(struct store *store)
{
	if (store)
		store->engine->close(store);
}

#endif
