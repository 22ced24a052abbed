/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WRAPPER_CONDOR_H
#define WRAPPER_CONDOR_H

#include <stdbool.h>

#include "base/pool.h"

/* What HTCondor tells its USER_JOB_WRAPPER beside the job's command. */
struct condor {
	const char *scratch; /* the job's own directory; NULL: not there */
	const char *options; /* CLOISON_OPTIONS; "": not said */
	bool interactive;    /* condor_submit -i */
};

/*
 * The arguments of `cloison run`, that word the first of them, for the words
 * of the job. Returns how many; NULL follows. Pure.
 */
size_t condor_build(const struct condor *condor, const char *const words[],
		    struct pool *pool, char ***ret);

/*
 * condor_ssh_to_job has HTCondor start an sshd beside the job, by its wrapper,
 * too: the path of that one's configuration; NULL: it is something else.
 */
const char *condor_sshd(const char *const words[]);

/* The one command that the first of those keys is for; "": none. Pure. */
const char *condor_forced(const char *authorized_keys, struct pool *pool);

#endif
