/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "plan/resolve.h"

void options_resolve(struct options *options, struct pool *pool)
{
	for (size_t i = 0; i < options->n_mounts; i++) {
		struct option_mount *m = &options->mount[i];
		cleanup_free char *real = realpath(m->src, NULL);
		bool same = !strcmp(m->src, m->dst);

		if (!real)
			continue;
		m->src = pool_strdup(pool, real);
		if (same)
			m->dst = m->src;
	}
}
