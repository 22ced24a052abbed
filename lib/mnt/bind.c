/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <sys/mount.h>

#include "mnt/internal.h"

int mnt_bind(struct mnt_work *w, size_t i, struct err *err)
{
	const struct mnt_op *op = &w->plan->op[i];

	unsigned long long attr = mnt_hardening(w->plan, op->rdonly) |
				  (op->nodev ? MOUNT_ATTR_NODEV : 0);

	if (mnt_set_tree(w->src[i], "", attr))
		return err_set(err, errno, "%s: set attributes of %s",
			       op->origin, op->src);
	return mnt_attach(w, op, w->src[i], mnt_is_dir(w->src[i]), err);
}
