/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PLAN_POLICY_H
#define PLAN_POLICY_H

#include <stdbool.h>

#include "base/err.h"
#include "plan/job.h"
#include "plan/option.h"
#include "plan/site.h"

/*
 * The profile of a cell that was asked for without one, or of a step that asks
 * for nothing (job->unasked); may be SITE_NO_CELL. An error where the
 * partition decides that and is not known.
 */
int policy_default(const struct site *site, const struct job *job,
		   const char **ret, struct err *err);

/*
 * May the user have `profile`, or SITE_NO_CELL in Slurm? Without a list from
 * the site: those that the site made, batch and strict, but nothing beside the
 * default one where cells are not the users' choice; any for a wrapper that no
 * site governs.
 */
int policy_profile(const struct site *site, const struct job *job,
		   const char *profile, struct err *err);

/*
 * Is each wish no looser than what the profile gives, or allowed to be? An
 * option that fails is named with what the profile says.
 */
int policy_check(const struct options *base, const struct options *wish,
		 const struct site *site, const struct job *job,
		 struct err *err);

/* What --scratch makes private, NULL-terminated. */
extern const char *const policy_scratch[];

/* Does `path` equal `dir` or lie below it? By text; both are clean. */
bool policy_below(const char *path, const char *dir);

#endif
