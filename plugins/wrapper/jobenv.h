/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WRAPPER_JOBENV_H
#define WRAPPER_JOBENV_H

#include "base/pool.h"
#include "plan/job.h"

/*
 * Which queue the caller runs under, by what it puts into the environment.
 * These are words for the record only: ids come from the kernel.
 */
void jobenv_read(struct job *job, struct pool *pool);

#endif
