/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ACCT_SPOOL_H
#define ACCT_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/err.h"
#include "base/pool.h"

/*
 * A spool is a directory with tmp/ and new/. A record is written to
 * tmp/ID.json, synced, and appears in new/ by one rename(2): a reader never
 * sees half of it, whenever the writer dies. The rename is not waited for to be
 * on the disk: after a crash of the node, readers move what is whole in tmp/ to
 * new/, if no writer has it locked (fcntl(2), open file description locks).
 * What a reader could not use goes to bad/, so that it is complained about
 * once.
 */

/*
 * Open the directory `path`, making it and its parents where missing (mode
 * 0700, or 0755 for root's) when `owner` is the caller. It must be a real
 * directory that `owner` owns and nobody else may write; a symbolic link on
 * the way to it must be root's or the owner's. Returns a descriptor.
 */
int spool_dir(const char *path, uid_t owner, struct err *err);

/*
 * The same for a spool and its parts: a spool is believed because of who
 * owns it. Returns a descriptor.
 */
int spool_open(const char *dir, uid_t owner, struct err *err);

/*
 * Make room for the record of `id` ahead of time: a file in tmp/ that begins
 * with `head`, which must not be a whole record, and ends with blanks. To write
 * the record takes no block and no name then, and is done sooner by some
 * hundreds of microseconds. Returns a descriptor for spool_settle, spool_write
 * and spool_cancel, which holds the lock.
 */
int spool_reserve(int spool, const char *id, const char *head, struct err *err);

/* Wait until that is on the disk, and so outlives a crash of the node. */
int spool_settle(int spool, int reserved, struct err *err);

/* There will be no record. Closes the descriptor. */
void spool_cancel(int spool, const char *id, int reserved);

/* What the site lays down; all zero is a spool without a limit, in sync. */
struct spool_rule {
	uint64_t max;  /* bytes that it may hold; 0: any (see room.h) */
	bool unsynced; /* nobody waits for the disk */
};

/*
 * Write one record, to what spool_reserve returned or, if that is -1, has made
 * when it was called by somebody who is gone; else to a new file; when this
 * returns 0 it survives a crash of the node, unless the rule says otherwise.
 * Where there is no room EDQUOT tells, and what was reserved is gone. The file
 * belongs to the caller, has mode 0600 and may end with blanks. One that has
 * the same id is replaced. `reserved` stays open.
 */
int spool_write(int spool, int reserved, const char *id, const char *text,
		const struct spool_rule *rule, struct err *err);

/*
 * When the writer of `id` is known to be dead: whether it has left a whole
 * record, which is in new/ then. 1, 0 or -1.
 */
int spool_recover(int spool, const char *id, uid_t owner, struct err *err);

/*
 * Call `fn` for every file in tmp/ that is no record and has something in it,
 * but no writer who holds its lock: its id, what it says, and when that was
 * written. Ends when `fn` returns other than 0, which is returned.
 */
int spool_heads(int spool, uid_t owner,
		int (*fn)(void *arg, const char *id, const char *text,
			  size_t len, time_t written, struct err *err),
		void *arg, struct err *err);

/* The same for the file of one id, whoever holds it; 1 if there is one. */
int spool_head(int spool, const char *id, uid_t owner, struct pool *pool,
	       const char **ret);

/*
 * Call `fn` for every file in new/, oldest name first, until it returns
 * something other than 0. Files that `owner` does not own or others may
 * write, that are no regular files, have several links, are too big or have
 * no record's name are passed to `fn` with text NULL and `err` filled. No file
 * is removed, as the reader first has to make sure that it keeps the record.
 * What dead writers left in tmp/ is moved here if it is a record, and removed
 * after an hour if there is nothing in it.
 */
int spool_read(int spool, uid_t owner,
	       int (*fn)(void *arg, const char *name, const char *text,
			 size_t len, struct err *err),
	       void *arg, struct err *err);

/* Remove a file that spool_read named; one that is gone is no error. */
int spool_remove(int spool, const char *name, struct err *err);

/* Move it to bad/, which is made at need. */
int spool_reject(int spool, const char *name, struct err *err);

#endif
