/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PLAN_EXPAND_H
#define PLAN_EXPAND_H

#include "base/err.h"
#include "base/pool.h"
#include "plan/job.h"

/*
 * The value of a profile's key for one job: %h home directory, %w working
 * directory, %u user name, %j job id, %% a percent sign. Pure. *ret is NULL
 * when the job lacks what a value is made of: the key is passed over then.
 * A percent sign at the end is one itself ("50%").
 */
int expand(const char *value, const struct job *job, struct pool *pool,
	   const char **ret, struct err *err);

#endif
