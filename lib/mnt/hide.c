/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "mnt/internal.h"

/* Made writable, as targets of later operations may lie below it. */
int mnt_hide(struct mnt_work *w, size_t i, struct err *err)
{
	const struct mnt_op *op = &w->plan->op[i];
	cleanup_fd int there = fd_open(AT_FDCWD, op->dst, O_PATH, 0, 0);
	int tree;

	if (there < 0 && mnt_is_absent(errno))
		return 0;
	if (there < 0)
		return err_set(err, errno, "%s: %s", op->origin, op->dst);
	tree = mnt_is_dir(there)
		       ? mnt_make_tmpfs(w, 1 << 20, 0755)
		       : open_tree(AT_FDCWD, "/dev/null",
				   OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0)
		return err_set(err, errno, "%s: hide %s", op->origin, op->dst);
	w->src[i] = tree;
	return mnt_attach(w, op, tree, mnt_is_dir(there), err);
}
