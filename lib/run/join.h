/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RUN_JOIN_H
#define RUN_JOIN_H

#include "base/err.h"
#include "plan/host.h"
#include "run/entry.h"
#include "run/survey.h"

/* A command for a cell that runs. */
struct join {
	const struct host *host;
	const struct entry *entry;
	const struct process *init, *payload; /* of the cell */
	char *const *argv;
	struct pool *pool;
};

/* How it ended. */
struct joined {
	int status;     /* wait status */
	int exec_errno; /* it could not be executed */
	bool cell_gone; /* the cell ended, and the command with it */
};

/*
 * Run a command in all namespaces and the cgroup of a cell, with the ids and
 * the restrictions of its payload, in its working directory or in "/", and
 * wait for it; signals are passed on meanwhile. Descriptors above 2 are not.
 *
 * For the cell's owner, if it is the owner who made it, and for root. Root
 * enters root's cells by way of init, which nobody else can (it is not
 * dumpable); a user's cell is entered by way of its payload, by root too, who
 * first becomes that user, for nothing there is to be trusted.
 */
int join_run(const struct join *join, struct joined *ret, struct err *err);

#endif
