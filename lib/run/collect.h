/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RUN_COLLECT_H
#define RUN_COLLECT_H

#include <sys/types.h>

#include "plan/plan.h"
#include "run/shared.h"

/*
 * In init, when nothing else of the cell lives: have what overlays are to
 * collect copied (mnt_collect), by a child that has the payload's ids and
 * privileges, and ends by the signals that it gets. Returns the child, or 0
 * when there is nothing to do. What went wrong is in `shared->uncollected`,
 * there at the latest after collect_end with the child's wait status.
 */
pid_t collect_start(const struct plan *plan, const struct mnt_live *live,
		    struct cell_shared *shared);
void collect_end(struct cell_shared *shared, int status);

#endif
