/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PLAN_RESOLVE_H
#define PLAN_RESOLVE_H

#include "base/pool.h"
#include "plan/option.h"

/*
 * Follow the symbolic links in the sources of a user's mounts and root file
 * system (realpath(3)), with the caller's rights: policy compares paths by
 * their text, so the text has to be the truth. What cannot be resolved is left
 * alone: it will not be found when the cell is built either, as links are not
 * followed then.
 */
void options_resolve(struct options *options, struct pool *pool);

#endif
