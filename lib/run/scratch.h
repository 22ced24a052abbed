/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RUN_SCRATCH_H
#define RUN_SCRATCH_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "plan/plan.h"
#include "run/registry.h"

/*
 * Scratch that is not the cell's own tmpfs but a directory of the host: on
 * disk, with a project quota, or of all steps of a job.
 */
struct scratch {
	char note[1100];     /* "PROJECT PATH", project 0: no quota; "": none */
	bool of_job;         /* stays when the cell goes */
	struct err no_quota; /* why it has none; "" if that is as planned */
};

/* Where it is, or NULL. */
const char *scratch_path(const struct scratch *s);

/*
 * Make what the plan asks for; nothing where it asks for nothing. What would
 * stay is noted before it is made. After a failure scratch_remove undoes what
 * there is.
 */
int scratch_create(const struct plan *plan, const struct registry *registry,
		   struct scratch *ret, struct err *err);

/* Remove what is the cell's alone. The cell must be gone. */
int scratch_remove(const struct scratch *scratch, struct err *err);

/*
 * Undo one note of scratch_create's, the value of a line "scratch". Nobody
 * may be using the directory. Nothing to do where all is gone.
 */
int scratch_undo(const char *text, struct err *err);

/*
 * Remove the scratch that the steps of a job have shared on this node, once
 * all have ended. Nothing to do where there is none. Needs root.
 */
int scratch_job_remove(const char *job, uid_t uid, struct err *err);

/* The same for all jobs of an earlier boot than `boot`. */
int scratch_jobs_gc(const char *boot, struct err *err);

#endif
