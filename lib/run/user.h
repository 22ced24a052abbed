/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RUN_USER_H
#define RUN_USER_H

#include "plan/plan.h"

/*
 * Make the calling process, a child that was forked for it, what the payload
 * is: the user's ids, where it is root on the user's behalf, and no more
 * privileges. It dies with its parent. Not dumpable, so that the user does not
 * get hold of it from elsewhere.
 */
int user_become(const struct plan *plan, struct err *err);

/*
 * When the cell is gone: remove the directories that the overlays it kept
 * needed only while they were mounted, with the user's rights. What cannot be
 * removed is, when the directory is used again.
 */
void user_tidy(const struct plan *plan);

#endif
