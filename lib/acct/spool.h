/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ACCT_SPOOL_H
#define ACCT_SPOOL_H

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

/*
 * A spool is a directory with tmp/ and new/. A record is written to tmp/,
 * synced, and appears in new/ID.json by one rename(2): a reader never sees
 * half of it, whenever the writer dies. What a reader could not use goes to
 * bad/, so that it is complained about once.
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
 * Write one record; when this returns 0 it survives a crash of the node. The
 * file belongs to the caller and has mode 0600. One that has the same id is
 * replaced.
 */
int spool_write(int spool, const char *id, const char *text, struct err *err);

/*
 * Call `fn` for every file in new/, oldest name first, until it returns
 * something other than 0. Files that `owner` does not own or others may
 * write, that are no regular files, have several links, are too big or have
 * no record's name are passed to `fn` with text NULL and `err` filled. No file
 * is removed, as the reader first has to make sure that it keeps the record.
 * What dead writers left in tmp/ is removed after an hour.
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
