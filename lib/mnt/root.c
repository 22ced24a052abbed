/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "mnt/internal.h"

/*
 * Another root file system: an overlay of what is at src and a tmpfs. The tmpfs
 * is mounted on the host's root, where no path leads to it: its layers, and the
 * image, need a place in this namespace while the overlay is made. They all go
 * with the host's tree at the end; the overlay holds what it needs.
 */

/* One directory on the way to a place, as it is in the lower layer. */
static int make_dir(int upper, int lower, const char *name)
{
	struct stat st = { .st_mode = 0755 };

	if (lower >= 0 && fstatat(lower, name, &st, AT_SYMLINK_NOFOLLOW) &&
	    errno != ENOENT)
		return -1;
	if (mkdirat(upper, name, 0755))
		return errno == EEXIST ? 0 : -1;
	/* An id that is not mapped here cannot be given: it stays ours. */
	if (st.st_nlink && fchownat(upper, name, st.st_uid, st.st_gid, 0) &&
	    errno != EINVAL && errno != EPERM)
		return -1;
	return fchmodat(upper, name, st.st_mode & 07777, 0);
}

/*
 * Make a place to mount on in the upper layer, as long as nothing else uses it:
 * in the overlay an ordinary user could not make one below a directory of
 * root's. What leads over a symbolic link is left to mnt_open_target; a link
 * that leads nowhere makes room for a file.
 */
static int make_place(int upper, int lower, const char *path, bool dir)
{
	cleanup_fd int up = openat(upper, ".", O_PATH | O_CLOEXEC);
	cleanup_fd int low = openat(lower, ".", O_PATH | O_CLOEXEC);
	const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

	while (up >= 0) {
		size_t len = strcspn(path, "/");
		char name[256];
		int next;

		snprintf(name, sizeof(name), "%.*s", (int)len, path);
		if (!path[len] && !dir)
			return mknodat(up, name, S_IFREG | 0644, 0) &&
					       errno != EEXIST
				       ? -1
				       : 0;
		next = low < 0 ? -1 : openat(low, name, flags);
		/* A link, or a file in the way. */
		if (next < 0 && low >= 0 && errno != ENOENT)
			return 0;
		if (make_dir(up, next < 0 ? -1 : low, name))
			return -1;
		if (low >= 0)
			close(low);
		low = next;
		if (!path[len])
			return 0;
		next = openat(up, name, flags);
		close(up);
		up = next;
		path += len + 1;
	}
	return -1;
}

static int make_places(const struct mnt_work *w, int upper, int lower)
{
	for (size_t i = 1; i < w->plan->n; i++) {
		const struct mnt_op *op = &w->plan->op[i];
		bool bind = op->kind == MNT_BIND;
		cleanup_fd int there = -1;

		if ((bind && w->src[i] < 0) || op->kind == MNT_HIDE)
			continue;
		there = fd_open(lower, op->dst, O_PATH, 0, RESOLVE_IN_ROOT);
		if (there < 0 && make_place(upper, lower, op->dst + 1,
					    !bind || mnt_is_dir(w->src[i])))
			return -1;
	}
	return 0;
}

/* The lower layer, at a place in this namespace. */
static int open_lower(struct mnt_work *w, size_t i, int tmp, struct err *err)
{
	const struct mnt_op *op = &w->plan->op[i];
	cleanup_fd int tree = -1;

	if (mnt_is_dir(w->src[i]))
		return mnt_dup(op, w->src[i], err);
	tree = mnt_image(op, w->src[i], err);
	if (tree < 0)
		return -1;
	if (mkdirat(tmp, "image", 0755) ||
	    move_mount(tree, "", tmp, "image", MOVE_MOUNT_F_EMPTY_PATH))
		return err_set(err, errno, "%s: place the image %s", op->origin,
			       op->src);
	return steal_fd(&tree);
}

/* Make `tree` the root; the host's is mounted over it then, for no path to
 * see, and in w->host. */
static int change_root(struct mnt_work *w, const struct mnt_op *op, int tmp,
		       int tree, struct err *err)
{
	if (mkdirat(tmp, "root", 0755) ||
	    move_mount(tree, "", tmp, "root", MOVE_MOUNT_F_EMPTY_PATH))
		return err_set(err, errno, "%s: place the root", op->origin);
	w->host = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (w->host < 0 || fchdir(tree) || syscall(SYS_pivot_root, ".", "."))
		return err_set(err, errno, "%s: pivot_root%s", op->origin,
			       errno == EINVAL
				       ? " (not possible where the host's root "
					 "is the initial ramfs)"
				       : "");
	return 0;
}

int mnt_rootfs(struct mnt_work *w, size_t i, struct err *err)
{
	const struct mnt_op *op = &w->plan->op[i];
	int tmp = mnt_scratch_root(w, op, err);
	cleanup_fd int lower = -1, upper = -1, work = -1, tree = -1;

	if (tmp < 0)
		return -1;
	lower = open_lower(w, i, tmp, err);
	if (lower < 0)
		return -1;
	if (mnt_make_upper(tmp, lower, &upper, &work) ||
	    make_places(w, upper, lower))
		return err_set(err, errno, "%s: make the upper layer",
			       op->origin);
	tree = mnt_make_overlay(w, op, lower, upper, work, err);
	if (tree < 0)
		return -1;
	mnt_set_fresh(w, tree);
	return change_root(w, op, tmp, tree, err);
}

int mnt_leave_host(struct mnt_work *w, struct err *err)
{
	struct mount_attr ro = { .attr_set = MOUNT_ATTR_RDONLY };

	/* The tmpfs that is mounted over the host's root, then that. */
	if (fchdir(w->host) || umount2(".", MNT_DETACH) ||
	    umount2(".", MNT_DETACH) || chdir("/"))
		return err_set(err, errno, "leave the host's mounts");
	if (w->plan->rdonly && mount_setattr(AT_FDCWD, "/", 0, &ro, sizeof(ro)))
		return err_set(err, errno, "make the root read-only");
	return 0;
}
