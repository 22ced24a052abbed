/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "plan/resolve.h"

static const char *real_path(const char *path, struct pool *pool)
{
	cleanup_free char *real = realpath(path, NULL);

	return real ? pool_strdup(pool, real) : path;
}

void options_resolve(struct options *options, struct pool *pool)
{
	struct option_value *root = &options->value[OPT_ROOTFS];
	struct option_value *scratch = &options->value[OPT_SCRATCH];

	if (scratch->dir)
		scratch->dir = real_path(scratch->dir, pool);
	for (size_t i = 0; i < options->n_mounts; i++) {
		struct option_mount *m = &options->mount[i];
		bool same = !strcmp(m->src, m->dst);

		if (m->dir)
			m->dir = real_path(m->dir, pool);
		m->src = real_path(m->src, pool);
		if (same)
			m->dst = m->src;
	}
	for (size_t i = 0; i < options->n_parts; i++)
		if (options->part[i].path)
			options->part[i].path =
				real_path(options->part[i].path, pool);
	if (root->set)
		root->text = real_path(root->text, pool);
}
