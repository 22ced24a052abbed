/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RUN_PLACES_H
#define RUN_PLACES_H

#include "plan/plan.h"
#include "run/shared.h"

/*
 * Bind the caller to `places`, the plan's or those of one of its tasks. Where
 * a memory policy cannot be set (a filter of system calls around cloison) and
 * the plan can do without, `shared` has why.
 */
int places_bind(const struct plan *plan, const struct topo_plan *places,
		struct cell_shared *shared, struct err *err);

#endif
