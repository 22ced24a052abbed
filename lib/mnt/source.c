/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
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
	w->src[i] = op->kind != MNT_BIND
			    ? steal_fd(&path)
			    : open_tree(path, "",
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

int mnt_open_sources(struct mnt_work *w, struct err *err)
{
	const struct mnt_plan *p = w->plan;
	bool as_user = geteuid() == 0 && p->uid != 0;

	if (as_user && file_ids(p->uid, p->gid, p->groups, p->n_groups, err))
		return -1;
	for (size_t i = 0; i < p->n; i++)
		if (open_source(w, i, err))
			return -1;
	return as_user ? file_ids(0, 0, NULL, 0, err) : 0;
}
