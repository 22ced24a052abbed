/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RUN_ENTRY_H
#define RUN_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "acct/record.h"
#include "base/err.h"
#include "base/pool.h"
#include "base/proc.h"

/*
 * The registry as others read it (registry.h is how it is written). What it
 * says is the word of whoever owns the place that it lies in; it is held to
 * its form here, and believed in nothing that the kernel knows better.
 */

enum {
	ENTRY_MAX = 96 * 1024, /* bytes of an entry */
	ENTRY_LINES = 1024,
	/* Entries of one place that are looked at: a user may make many. */
	PLACE_MAX = 16384,
	PLACE_MAX_USER = 512,
};

/* A directory of entries. */
struct place {
	const char *path;
	int fd;
	uid_t owner;
	gid_t gid; /* of the directory */
};

/* Numbers are -1 and strings NULL where there is no such line. */
struct entry {
	const char *id;
	uid_t owner;
	bool locked; /* the supervisor or the cell's init is there */
	const char *boot, *scheduler, *cluster, *job, *step, *account, *user;
	const char *profile, *namespaces, *addresses, *caps, *cwd, *spool,
		*recorded;
	const char *cgroup; /* the directory that was made for the cell */
	const char *limits; /* the one with the limits; NULL: the same */
	int64_t uid, gid, start_us, memory, scratch;
	int64_t cgroup_id; /* inode of `cgroup` */
	int64_t moved;     /* struct cg's of that cgroup */
	int64_t moved_enabled;
	struct proc supervisor, init;
	/* All lines, in the order of the file. */
	struct record_pair *line;
	size_t n_lines;
};

/* Text to entry, from `pool`. Of several lines with one key the last counts. */
int entry_parse(const char *text, size_t len, struct pool *pool,
		struct entry *ret, struct err *err);

/*
 * Call `fn` for each place that can be looked at: root's, the caller's own
 * and, for root, those of all users. A place that is not what it should be
 * is passed over. Ends when `fn` returns other than 0, which is returned.
 */
int places_each(int (*fn)(void *arg, const struct place *place,
			  struct err *err),
		void *arg, struct err *err);

/*
 * Call `fn` for each entry of a place, by age of the cell. Of one that cannot
 * be read `entry` is NULL, `name` its file and `err` the reason.
 */
int entries_each(const struct place *place, struct pool *pool,
		 int (*fn)(void *arg, const struct place *place,
			   const char *name, const struct entry *entry,
			   struct err *err),
		 void *arg, struct err *err);

/* Whether somebody holds a file of a place; an entry or one in the making. */
bool entry_locked(const struct place *place, const char *name);

#endif
