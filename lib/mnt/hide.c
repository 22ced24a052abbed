/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "mnt/internal.h"

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return !strncmp(path, dir, len) && (path[len] == '/' || len == 1);
}

/* A directory to hide another with: writable if something is to be mounted
 * below it later, and otherwise the one for all others. */
static int empty_dir(struct mnt_work *w, size_t i)
{
	const struct mnt_plan *p = w->plan;

	for (size_t k = i + 1; k < p->n; k++)
		if (is_below(p->op[k].dst, p->op[i].dst))
			return mnt_make_tmpfs(w, 1 << 20, 0755);
	/* Only what is mounted already can be cloned. */
	if (w->empty >= 0)
		return open_tree(w->empty, "",
				 OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
					 AT_EMPTY_PATH);
	return w->empty = mnt_make_tmpfs(w, 1 << 20, 0755);
}

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
		       ? empty_dir(w, i)
		       : open_tree(AT_FDCWD, "/dev/null",
				   OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0)
		return err_set(err, errno, "%s: hide %s", op->origin, op->dst);
	w->src[i] = tree;
	return mnt_attach(w, op, tree, mnt_is_dir(there), err);
}
