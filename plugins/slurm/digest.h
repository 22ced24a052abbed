/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SLURM_DIGEST_H
#define SLURM_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/pool.h"
#include "store/store.h"

/*
 * What a job's AdminComment says of it, cloison-slurmdb(8): "CL1:" and a flat
 * JSON object of printable ASCII, in which no quote, brace or backslash is
 * part of a value. So nothing that a record says can end it early, neither
 * for who reads it nor for a database.
 */
enum {
	DIGEST_MAX = 4096,   /* bytes of a value, its prefix included */
	COMMENT_MAX = 65535, /* bytes that slurmdbd has room for */
};

/*
 * The value for `sum`, of at most `max` bytes: what is not known is left out,
 * and so is the less important rest when there is no room for it. Pure.
 */
const char *digest_build(const struct store_sum *sum, size_t max,
			 struct pool *pool);

/* The worse of two reasons for an end; NULL is none. Pure. */
const char *digest_worse(const char *a, const char *b);

enum digest_fate {
	DIGEST_SAME,    /* it is there already */
	DIGEST_WRITE,   /* what is to be written */
	DIGEST_FOREIGN, /* somebody else's is there, and has to stay */
};

/*
 * Put `value` into the comment `old`, which may be NULL: in place of an older
 * value of ours and, if `append`, behind what somebody else has written. That
 * itself is never changed. Pure.
 */
enum digest_fate digest_merge(const char *old, const char *value, bool append,
			      struct pool *pool, const char **ret);

#endif
