/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WRAPPER_SHEPHERD_H
#define WRAPPER_SHEPHERD_H

#include "base/err.h"
#include "base/pool.h"
#include "plan/queuejob.h"

/*
 * A job of Grid Engine as its shepherd is told it, by the file `config` in its
 * working directory. The prolog's environment is the job's, and says nothing
 * here.
 */

/* The file in that directory with the number of the job's first process. */
#define SHEPHERD_JOB "job_pid"

/*
 * What the file's last line with that key says, and how many there are; NULL:
 * none. Pure.
 */
const char *shepherd_value(const char *text, const char *key, struct pool *pool,
			   unsigned *ret_times);

/*
 * "KEY=VALUE" a line, written by sge_execd. Values may have newlines that the
 * user chose, so that a key of ours that is there twice is an error, with
 * EPERM. `ret_owner`: the user's name. All but ids and processes. Pure.
 */
int shepherd_parse(const char *text, struct pool *pool, struct queue_job *ret,
		   const char **ret_owner, struct err *err);

/* "1.5G": bytes as in sge_types(5), 0 for INFINITY and NONE. Pure. */
int shepherd_size(const char *text, uint64_t *ret, struct err *err);

/*
 * Of the parent process, which has to be root's: the job, and a descriptor of
 * its directory. Believed only if no user can write there. EPERM: the user has
 * done something about it.
 */
int shepherd_read(struct pool *pool, struct queue_job *ret, int *ret_spool,
		  struct err *err);

#endif
