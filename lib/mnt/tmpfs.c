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

static int make_tmpfs(uint64_t size, unsigned mode)
{
	char size_text[24], mode_text[8];
	const char *const param[][2] = { { "size", size_text },
					 { "mode", mode_text } };

	snprintf(size_text, sizeof(size_text), "%llu",
		 (unsigned long long)size);
	snprintf(mode_text, sizeof(mode_text), "%o", mode);
	return mnt_make_fs("tmpfs", param, 2,
			   MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
}

int mnt_make_tmpfs(struct mnt_work *w, uint64_t size, unsigned mode)
{
	int fd = make_tmpfs(size, mode);

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
 * All scratch directories, and the upper layers of overlays that are not kept,
 * are one tmpfs, so that one size holds for all. Only a tree that is attached
 * can be cloned in part or be a layer, so its root goes onto the first target
 * and is covered there by what is shown on it.
 */
int mnt_scratch_root(struct mnt_work *w, const struct mnt_op *op,
		     struct err *err)
{
	const struct mnt_plan *p = w->plan;
	int *root = &w->tmpfs;

	if (*root >= 0)
		return *root;
	*root = mnt_make_tmpfs(w, p->uppers ? p->uppers : p->scratch, 0755);
	if (*root < 0)
		return err_set(err, errno, "%s: make a scratch tmpfs",
			       op->origin);
	return mnt_attach(w, op, *root, true, err) ? -1 : *root;
}

int mnt_scratch(struct mnt_work *w, size_t i, struct err *err)
{
	const struct mnt_op *op = &w->plan->op[i];
	cleanup_fd int tree = -1;
	char name[16];
	int root;

	if (w->store)
		return mnt_attach(w, op, w->src[i], true, err);
	root = mnt_scratch_root(w, op, err);
	if (root < 0)
		return -1;
	snprintf(name, sizeof(name), "%zu", i);
	if (mkdirat(root, name, op->mode) || fchmodat(root, name, op->mode, 0))
		return err_set(err, errno, "%s: make a scratch directory",
			       op->origin);
	tree = open_tree(root, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0)
		return err_set(err, errno, "%s: clone a scratch directory",
			       op->origin);
	mnt_set_fresh(w, tree);
	return mnt_attach(w, op, tree, true, err);
}

int mnt_mount_tmpfs(int fd, uint64_t size, struct err *err)
{
	cleanup_fd int tree = make_tmpfs(size, 0755);

	if (tree < 0 ||
	    move_mount(tree, "", fd, "",
		       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH))
		return err_set(err, errno, "mount a tmpfs");
	return 0;
}
