/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "run/places.h"

int places_bind(const struct plan *plan, const struct topo_plan *places,
		struct cell_shared *shared, struct err *err)
{
	int r = topo_bind(places, err);

	if (r <= 0)
		return r;
	if (!plan->unbound_ok)
		return -1;
	shared->unbound = *err;
	return 0;
}
