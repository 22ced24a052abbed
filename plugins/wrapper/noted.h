/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WRAPPER_NOTED_H
#define WRAPPER_NOTED_H

#include "base/err.h"
#include "base/pool.h"
#include "plan/job.h"

/*
 * What root's prolog of the queue has noted of the job that the caller is in
 * takes the place of what the environment says, and what it gives the job is
 * read. The environment only says which note to look at: it counts where it is
 * of the caller's user, and either the caller's parent is the one that starts
 * the job or the caller is in the job's cgroup. Where the job is being moved to
 * that, this waits for it. Nothing to do in other queues, or without a prolog.
 */
int noted_read(struct job *job, struct pool *pool, struct err *err);

#endif
