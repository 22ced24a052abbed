/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WRAPPER_JOBENV_H
#define WRAPPER_JOBENV_H

#include "base/pool.h"
#include "plan/job.h"

/* No more is read of a file. */
enum {
	JOBENV_AD = 1024 * 1024
};

/*
 * Which queue the caller runs under, by what it puts into the environment,
 * and what it says there about the job; none: scheduler.name is "none".
 * These are words for the record only, which the caller can choose: ids of
 * users come from the kernel. What option_job_id() refuses for the id of a job
 * or step is left out; other words are cut at OPTION_NAME_MAX bytes. What the
 * queue gives the job is read as well, where it says that to the job, and the
 * directory that it has made for the job is looked for.
 */
void jobenv_read(struct job *job, struct pool *pool);

/* The ad of HTCondor's job; "" where there is none. */
const char *jobenv_ad(struct pool *pool);

/* What is a number, a string, true or false; NULL: no such attribute. */
const char *jobenv_attribute(const char *ad, const char *name,
			     struct pool *pool);

/* That of the environment; "": not set. */
const char *jobenv_variable(const char *name);

/* The path, if it is a directory's, or NULL, as which it may be given. */
const char *jobenv_dir(const char *path);

/* The text of a plain file, the first JOBENV_AD bytes; "" for all else. */
const char *jobenv_file(const char *path, struct pool *pool);

#endif
