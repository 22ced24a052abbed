/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "mnt/internal.h"

/*
 * A directory is opened as one: that, and not O_PATH alone, makes an automount
 * point be mounted (path_resolution(7), "Automount").
 */
static int open_path(const char *path, uint64_t resolve)
{
	int fd = fd_open(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, resolve);

	if (fd >= 0 || errno != ENOTDIR)
		return fd;
	return fd_open(AT_FDCWD, path, O_PATH, 0, resolve);
}

/*
 * The directory of an overlay's upper layer, or where its files go. It is
 * cloned, as the tree that it is in becomes read-only.
 */
static int open_dir(struct mnt_work *w, size_t i, struct err *err)
{
	const struct mnt_op *op = &w->plan->op[i];
	int *dir = &w->live->dir[i];
	cleanup_fd int path = fd_open(AT_FDCWD, op->dir, O_PATH | O_DIRECTORY,
				      0, RESOLVE_NO_SYMLINKS);
	cleanup_fd int tree = -1;
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_NOSUID |
					       MOUNT_ATTR_NODEV };

	if (path < 0)
		return err_set(err, errno, "%s: %s", op->origin, op->dir);
	if (op->fate == MNT_KEEP && mnt_check_upper(op, path, op->dir, err))
		return -1;
	tree = open_tree(path, "",
			 OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (tree < 0 ||
	    mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)))
		return err_set(err, errno, "%s: clone the mount at %s",
			       op->origin, op->dir);
	*dir = openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*dir < 0)
		return err_set(err, errno, "%s: %s", op->origin, op->dir);
	if (faccessat(*dir, ".", W_OK | X_OK, AT_EACCESS))
		return err_set(err, errno, "%s: write to %s", op->origin,
			       op->dir);
	if (op->fate != MNT_KEEP)
		return 0;
	if (flock(*dir, LOCK_EX | LOCK_NB))
		return err_set(err, errno == EWOULDBLOCK ? EBUSY : errno,
			       "%s: %s holds the changes of a cell that runs",
			       op->origin, op->dir);
	w->keep[i] = steal_fd(&tree);
	return 0;
}

static int open_layers(struct mnt_work *w, size_t i, struct err *err)
{
	const struct mnt_op *op = &w->plan->op[i];

	if (mnt_check_lower(op, w->src[i], op->src, err))
		return -1;
	return op->dir ? open_dir(w, i, err) : 0;
}

/* The tree that an operation takes from the host, before any has changed. */
static int open_source(struct mnt_work *w, size_t i, struct err *err)
{
	static const bool takes_source[] = {
		[MNT_BIND] = true,   [MNT_OVERLAY] = true, [MNT_DEV] = true,
		[MNT_ROOTFS] = true, [MNT_KINDS] = false,
	};
	const struct mnt_op *op = &w->plan->op[i];
	cleanup_fd int path = -1;

	if (!takes_source[op->kind])
		return 0;
	path = open_path(op->src, op->nofollow ? RESOLVE_NO_SYMLINKS : 0);
	/* Where a user cannot get to, it need not be made writable for him. */
	if (path < 0 && op->optional &&
	    (mnt_is_absent(errno) || (errno == EACCES && !op->rdonly)))
		return 0;
	if (path < 0)
		return err_set(err, errno, "%s: %s", op->origin, op->src);
	if (op->kind == MNT_ROOTFS && !mnt_is_dir(path)) {
		if (w->plan->userxattr)
			return err_set(err, EPERM,
				       "%s: the kernel lets root alone mount "
				       "the image %s: unpack it and name the "
				       "directory",
				       op->origin, op->src);
		w->src[i] = mnt_open_image(op, err);
		return w->src[i] < 0 ? -1 : 0;
	}
	/* Lower layers and devices are looked up where they are. */
	if (op->kind != MNT_BIND) {
		w->src[i] = steal_fd(&path);
		return op->kind == MNT_DEV ? 0 : open_layers(w, i, err);
	}
	w->src[i] = open_tree(path, "",
			      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
				      AT_RECURSIVE | AT_EMPTY_PATH);
	if (w->src[i] < 0)
		return err_set(err, errno, "%s: clone the mounts at %s",
			       op->origin, op->src);
	return 0;
}

/* File accesses with the ids of `uid`; capabilities over files go with it. */
static int file_ids(uid_t uid, gid_t gid, const gid_t *groups, size_t n,
		    struct err *err)
{
	if (setgroups(n, groups))
		return err_set(err, errno, "set the user's groups");
	setfsgid(gid);
	setfsuid(uid);
	if ((uid_t)setfsuid((uid_t)-1) != uid)
		return err_set(err, EPERM, "look up paths as uid %u", uid);
	return 0;
}

static bool for_user(const struct mnt_plan *plan)
{
	return geteuid() == 0 && plan->uid != 0;
}

int mnt_be_user(const struct mnt_plan *p, struct err *err)
{
	if (!for_user(p))
		return 0;
	return file_ids(p->uid, p->gid, p->groups, p->n_groups, err);
}

int mnt_be_root(const struct mnt_plan *p, struct err *err)
{
	return for_user(p) ? file_ids(0, 0, NULL, 0, err) : 0;
}

/* A place in the store for an operation, as a tree to attach. */
static int clone_stored(const struct mnt_work *w, const char *name,
			unsigned mode)
{
	int store = w->live->scratch, fd;
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_NOSUID |
					       MOUNT_ATTR_NODEV };

	/* Another step of the job may have made it. */
	if ((mkdirat(store, name, mode) && errno != EEXIST) ||
	    fchmodat(store, name, mode, 0))
		return -1;
	fd = open_tree(store, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (fd >= 0 &&
	    mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr))) {
		close(fd);
		return -1;
	}
	return fd;
}

static int open_stored(struct mnt_work *w, size_t i, struct err *err)
{
	const struct mnt_op *op = &w->plan->op[i];
	bool upper = op->kind == MNT_OVERLAY && op->fate != MNT_KEEP &&
		     !w->plan->uppers;
	int *tree = upper ? &w->keep[i] : &w->src[i];
	char name[64];

	if (!upper && op->kind != MNT_SCRATCH)
		return 0;
	if (upper)
		snprintf(name, sizeof(name), "overlay%zu", i);
	else
		snprintf(name, sizeof(name), "%s", op->dst + 1);
	for (char *p = name; *p; p++)
		if (*p == '/')
			*p = '-';
	*tree = clone_stored(w, name, upper ? 0700 : op->mode);
	if (*tree >= 0) {
		mnt_set_fresh(w, *tree);
		return 0;
	}
	return err_set(err, errno, "%s: make %s/%s", op->origin, w->store,
		       name);
}

/* While the mount that it lies on is still what the host has it to be. */
static int open_store(struct mnt_work *w, struct err *err)
{
	int *fd = &w->live->scratch;
	struct stat st;

	*fd = fd_open(AT_FDCWD, w->store, O_PATH | O_DIRECTORY, 0,
		      RESOLVE_NO_SYMLINKS);
	if (*fd < 0 || fstat(*fd, &st))
		return err_set(err, errno, "open scratch %s", w->store);
	if (st.st_uid != geteuid())
		return err_set(err, EPERM, "scratch %s is somebody else's",
			       w->store);
	for (size_t i = 0; i < w->plan->n; i++)
		if (open_stored(w, i, err))
			return -1;
	return 0;
}

int mnt_open_sources(struct mnt_work *w, struct err *err)
{
	if ((w->store && open_store(w, err)) || mnt_be_user(w->plan, err))
		return -1;
	for (size_t i = 0; i < w->plan->n; i++)
		if (open_source(w, i, err))
			return -1;
	return mnt_be_root(w->plan, err);
}
