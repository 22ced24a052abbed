/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "run/threads.h"

int threads_read(const struct plan *plan, unsigned *ret, struct err *err)
{
	struct pool pool = { 0 };
	const char *list;
	int r;

	*ret = 0;
	if (!plan->omp_threads)
		return 0;
	r = topo_affinity(&pool, &list, err);
	if (!r)
		*ret = topo_count(list);
	pool_free(&pool);
	if (*ret > plan->omp_threads)
		*ret = plan->omp_threads;
	return r;
}
