/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WRAPPER_CHIRP_H
#define WRAPPER_CHIRP_H

#include "base/err.h"
#include "base/pool.h"
#include "plan/job.h"

/*
 * A job of HTCondor may write attributes into its own ad: over TCP to the
 * starter, by a cookie that lies in the scratch directory (condor_chirp(1)).
 * The starter takes one line a request, and answers each by a number in a line.
 *
 * Nothing is done in other queues, nor for root, whom HTCondor starts no job
 * as and who would only send off a file that the environment names.
 *
 * -1 and `err` where HTCondor does not take them, which is no error of the
 * cell's; none of both waits for longer than a few seconds.
 */

/* How a cell ended and what it used, by its record: Cloison... */
int chirp_record(const struct job *job, const char *json, struct pool *pool,
		 struct err *err);

/*
 * Why there was no cell, or no command in it: CloisonError, and in
 * CloisonErrorStart which of the job's starts that was.
 */
int chirp_error(const struct job *job, const char *text, struct pool *pool,
		struct err *err);

/* A string of ClassAds as one word of a request. Pure. */
const char *chirp_string(const char *text, struct pool *pool);

#endif
