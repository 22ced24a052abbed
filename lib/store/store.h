/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "acct/record.h"
#include "base/err.h"

/*
 * Where records are kept. One interface, two engines: SQLite in a file, and
 * MariaDB for the sites that outgrow it. A store is for one thread; several
 * processes may use the same one.
 *
 * A server that is away, or goes away, is an error of the call. The store stays
 * good: each later call tries to connect again. Of a store_insert that failed
 * so nothing may be known; it can be called again with the same entries.
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
	const char *user, *account, *node, *profile, *reason, *cluster;
	const char *scheduler, *queue, *project;
	/* Ended at or after, and before; started, if it has no end. */
	int64_t since_us, until_us;
	int64_t uid, signer;
	int64_t limit; /* each: the newest so many; sum: the first so many */
	bool failed;   /* only those that did not exit with 0 */
};
#define STORE_FILTER_ALL                                                 \
	{                                                                \
		.since_us = -1, .until_us = -1, .uid = -1, .signer = -1, \
		.limit = -1                                              \
	}

struct store_row {
	const char *text;
	size_t len;
	int64_t signer;
	enum store_source source;
};

/* What sums are over. A record without a job is a job of its own. */
enum store_by {
	STORE_BY_JOB,  /* of a cluster of a scheduler */
	STORE_BY_STEP, /* of a job */
	STORE_BY_USER,
	STORE_BY_ACCOUNT,
	STORE_BY_NODE,
	STORE_BY_PROFILE,
	STORE_BY_DAY,
	STORE_BY_REASON,
	STORE_BY_SCHEDULER,
	STORE_BY_QUEUE, /* of a cluster of a scheduler */
	STORE_BY_PROJECT,
	STORE_BY_USER_DAY,
};

/*
 * A group of cells. NULL: they have none or not all the same one; -1: it was
 * measured in none of them.
 */
struct store_sum {
	const char *cluster;
	const char *job; /* the id of a record without one */
	const char *step, *user, *account, *node, *profile, *reason;
	const char *scheduler, *queue, *project;
	const char *job_name;            /* by job and step only */
	const char *day;                 /* YYYY-MM-DD, UTC, of the end */
	int64_t records, failed, ooms;   /* cells; of them not exit 0, "oom" */
	int64_t nodes;                   /* by job and step only */
	int64_t start_us, end_us;        /* first, last */
	int64_t wall_us;                 /* sum over cells */
	int64_t cpu_us;                  /* sum */
	int64_t cpu_asked_us;            /* wall * count, where use is known */
	int64_t throttled_us;            /* sum */
	int64_t peak_bytes, limit_bytes; /* largest */
	const char *peak_node; /* where that peak was; by job and step only */
	/* Sums of peak * wall and limit * wall, where both are known. */
	int64_t memory_used_mib_s, memory_asked_mib_s;
	int64_t scratch_peak_bytes;                          /* largest */
	int64_t read_bytes, write_bytes, rx_bytes, tx_bytes; /* sums */
};

/* A job of which its scheduler has not yet heard what its cells used. */
struct store_job {
	const char *cluster; /* or NULL */
	const char *job;
	int64_t last_us; /* when its newest record was taken in */
	int64_t tries;   /* how often it was put off */
};

enum store_told {
	STORE_TOLD_LATER,   /* put off; all others are for good */
	STORE_TOLD_DONE,    /* the scheduler has it */
	STORE_TOLD_FOREIGN, /* somebody else's is in its place */
	STORE_TOLD_NEVER,   /* the scheduler does not want it */
};

struct store;

/*
 * Open, making it or bringing it up to date at need. A store newer than this
 * program is an error. `where` is a path, for SQLite. Its directory must be
 * one's own and not writable by others, as for spool_dir, and so must the file,
 * which is made with mode 0600.
 *
 * Or it is "mariadb:" and the path of an option file of the client library, of
 * which group [cloison] counts: host or socket, user, password, database. It
 * must be root's or one's own, others may not read nor the group write it. The
 * database is the store's alone. SELECT, INSERT, UPDATE and DELETE on it are
 * needed, and CREATE, ALTER, DROP and INDEX to make it or bring it up to date.
 */
int store_open(const char *where, struct store **ret, struct err *err);

/* Takes NULL. */
void store_close(struct store *store);

/*
 * Insert all of `entries` in one transaction, which is on the disk when 0 is
 * returned; nothing is inserted otherwise. Idempotent by id, as long as the
 * record has not expired: the first record stays, but one that root signed
 * replaces one that somebody else did, as a user must not be able to take the
 * place of the site's record by guessing its id.
 */
int store_insert(struct store *store, struct store_entry *entries, size_t n,
		 struct err *err);

/*
 * Call `fn` for the rows that `filter` lets pass, oldest start first, until it
 * returns something other than 0, which is returned; a -1 has `err` filled.
 * `fn` may take its time: nobody waits for it. Texts are those that were
 * inserted, byte for byte.
 */
int store_each(struct store *store, const struct store_filter *filter,
	       int (*fn)(void *arg, const struct store_row *row,
			 struct err *err),
	       void *arg, struct err *err);

/*
 * Call `fn` for each group of the records that `filter` lets pass, in the
 * order of its key, until it returns something other than 0, as for
 * store_each. Strings live until `fn` returns. The groups are in memory at
 * once.
 *
 * Sums are kept by UTC day and all that a filter names but node and job, and
 * by node and day; only what else is asked for is read from records: by job or
 * step, node together with another filter or key than day and cluster, and the
 * rest of days that `since_us` and `until_us` cut.
 *
 * Of records that expired the sums are left, and by job and step, too, without
 * `nodes` if the job's records expired at different times or had different
 * ends. What they cannot tell, parts of days and a node with something else, is
 * an error that says so. Sums of what had expired before the store knew them
 * have no scheduler, queue, project and name.
 */
int store_sum(struct store *store, const struct store_filter *filter,
	      enum store_by by,
	      int (*fn)(void *arg, const struct store_sum *sum,
			struct err *err),
	      void *arg, struct err *err);

/*
 * Call `fn`, as above, for at most `limit` jobs of `scheduler` that are not
 * told yet nor put off beyond `now_us`, longest due first. A record that comes
 * for a job that has been told makes it due again. `fn` may call store_told.
 */
int store_due(struct store *store, const char *scheduler, int64_t now_us,
	      int64_t limit,
	      int (*fn)(void *arg, const struct store_job *job,
			struct err *err),
	      void *arg, struct err *err);

/*
 * What became of a job that store_due named; STORE_TOLD_LATER puts it off until
 * `again_us`. The job stays due if a record came since.
 */
int store_told(struct store *store, const char *scheduler,
	       const struct store_job *job, enum store_told told,
	       int64_t again_us, struct err *err);

/*
 * Remove the records of the whole days, in UTC, before `before_us`; how many is
 * in `ret_n`. Their sums stay: see store_sum. Jobs of which no record came
 * since and nobody was told are forgotten. One transaction a day: what was done
 * before an error stays.
 */
int store_expire(struct store *store, int64_t before_us, int64_t *ret_n,
		 struct err *err);

#endif
