/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "mnt/internal.h"

int mnt_make_tmpfs(struct mnt_work *w, uint64_t size, unsigned mode)
{
	char size_text[24], mode_text[8];
	const char *const param[][2] = { { "size", size_text },
					 { "mode", mode_text } };
	int fd;

	snprintf(size_text, sizeof(size_text), "%llu",
		 (unsigned long long)size);
	snprintf(mode_text, sizeof(mode_text), "%o", mode);
	fd = mnt_make_fs("tmpfs", param, 2,
			 MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	if (fd >= 0)
		mnt_set_fresh(w, fd);
	return fd;
}

int mnt_tmpfs(struct mnt_work *w, size_t i, struct err *err)
{
	const struct mnt_op *op = &w->plan->op[i];
	cleanup_fd int fd = mnt_make_tmpfs(w, op->size, op->mode);

	if (fd < 0)
		return err_set(err, errno, "%s: make a tmpfs for %s",
			       op->origin, op->dst);
	if (geteuid() == 0 && w->plan->uid != 0 &&
	    fchownat(fd, "", w->plan->uid, w->plan->gid, AT_EMPTY_PATH))
		return err_set(err, errno, "%s: give %s to the user",
			       op->origin, op->dst);
	return mnt_attach(w, op, fd, true, err);
}

/*
 * All scratch directories are one tmpfs, so that one size holds for all. Only
 * a tree that is attached can be cloned in part, so its root goes onto the
 * first target and is covered there by its own subdirectory.
 */
int mnt_scratch(struct mnt_work *w, size_t i, struct err *err)
{
	const struct mnt_op *op = &w->plan->op[i];
	cleanup_fd int tree = -1;
	char name[16];

	if (w->scratch < 0) {
		w->scratch = mnt_make_tmpfs(w, w->plan->scratch, 0755);
		if (w->scratch < 0)
			return err_set(err, errno, "%s: make a scratch tmpfs",
				       op->origin);
		if (mnt_attach(w, op, w->scratch, true, err))
			return -1;
	}
	snprintf(name, sizeof(name), "%zu", i);
	if (mkdirat(w->scratch, name, op->mode) ||
	    fchmodat(w->scratch, name, op->mode, 0))
		return err_set(err, errno, "%s: make a scratch directory",
			       op->origin);
	tree = open_tree(w->scratch, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0)
		return err_set(err, errno, "%s: clone a scratch directory",
			       op->origin);
	return mnt_attach(w, op, tree, true, err);
}
