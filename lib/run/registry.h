/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RUN_REGISTRY_H
#define RUN_REGISTRY_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "plan/host.h"
#include "plan/plan.h"

/*
 * What runs on this node: a file per cell, named by the cell's id, which is
 * that of its record, too. It has a line "key value" for each fact, the first
 * of them "cloison 1"; bytes that could forge a line stand as \xHH.
 *
 *	/run/cloison/cells			root's, 0755
 *	/var/lib/cloison/cells			root's, where plan->lasting
 *	$XDG_RUNTIME_DIR/cloison/cells		a user's, 0700
 *	/tmp/cloison-UID/cells			a user's without such a
 *directory
 *
 * An open file description lock (fcntl_locking(2)) on its first byte says that
 * the cell lives: it is taken before the file has its name, and shared by all
 * who inherit the descriptor, which are the supervisor and the cell's init. So
 * the kernel frees it when both are gone. It is a lock for writing: others may
 * open root's files, and nothing that a reader can lock looks like it.
 *
 * What would outlive a SIGKILL of both is noted before it is made, so that
 * "cloison gc" can undo it from these lines alone.
 */
struct registry {
	int fd;  /* the entry, open for appending and locked; -1: there is none
		  */
	int dir; /* where it lies */
	char id[65]; /* of the cell, with or without an entry */
};
#define REGISTRY_INIT                \
	{                            \
		.fd = -1, .dir = -1, \
	}

enum {
	REGISTRY_VALUE = 4096, /* longest value of a line, written */
};

/*
 * Give the cell an id and an entry with what the plan says about it, before
 * anything else of it is made. On failure there is an id, and no entry.
 */
int registry_open(const struct plan *plan, const struct host *host,
		  struct registry *ret, struct err *err);

/*
 * Take hold of the entry of a cell that another process made. Where it is gone
 * ("cloison gc" was quicker) `ret` has no entry, and that is no error.
 */
int registry_adopt(const struct plan *plan, const char *id,
		   struct registry *ret, struct err *err);

/*
 * Add a line: before what it says comes to be. A key is of [a-z-]. Without an
 * entry there is nothing to do. After an error nothing may be made.
 */
int registry_note(const struct registry *registry, const char *key,
		  const char *value, struct err *err);

/* Note a process, so that it can be told from a later one with its number. */
int registry_note_process(const struct registry *registry, const char *key,
			  pid_t pid, struct err *err);

/* What cg_create is about to make, and then which directory that was. */
int registry_note_cgroup(const struct registry *registry,
			 const struct cg_plan *cg, struct err *err);
int registry_note_made_cgroup(const struct registry *registry,
			      const struct cg *cg, struct err *err);

/* All is undone: remove the entry, if there is one, and close. */
int registry_remove(struct registry *registry, struct err *err);

/* Leave the entry to "cloison gc", as something could not be undone. */
void registry_close(struct registry *registry);

#endif
