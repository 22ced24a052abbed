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

/*
 * Upper and work directory of an overlay on `lower`, in the tmpfs `tmp`. The
 * upper one lends the overlay's top its mode and owner.
 */
int mnt_make_upper(int tmp, int lower, int *ret_upper, int *ret_work)
{
	struct stat st;

	if (mkdirat(tmp, "upper", 0755) || mkdirat(tmp, "work", 0755) ||
	    fstat(lower, &st) || fchmodat(tmp, "upper", st.st_mode & 07777, 0))
		return -1;
	/* An id that is not mapped here cannot be given: it stays ours. */
	if (fchownat(tmp, "upper", st.st_uid, st.st_gid, 0) &&
	    errno != EINVAL && errno != EPERM)
		return -1;
	*ret_upper = openat(tmp, "upper", O_PATH | O_CLOEXEC);
	*ret_work = openat(tmp, "work", O_PATH | O_CLOEXEC);
	return *ret_upper < 0 || *ret_work < 0 ? -1 : 0;
}

/* The overlay of three directories, not yet attached. */
int mnt_make_overlay(const struct mnt_work *w, const struct mnt_op *op,
		     int lower, int upper, int work, struct err *err)
{
	const struct {
		const char *key;
		int fd;
	} layers[] = { { "lowerdir", lower },
		       { "upperdir", upper },
		       { "workdir", work } };
	cleanup_fd int fs = fsopen("overlay", FSOPEN_CLOEXEC);
	char path[40];
	int tree;

	if (fs < 0)
		return err_set(err, errno,
			       "%s: no overlay file system in this kernel",
			       op->origin);
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", layers[i].fd);
		if (fsconfig(fs, FSCONFIG_SET_STRING, layers[i].key, path, 0))
			return err_set(err, errno, "%s: overlay %s of %s",
				       op->origin, layers[i].key, op->src);
	}
	if (w->plan->userxattr &&
	    fsconfig(fs, FSCONFIG_SET_FLAG, "userxattr", NULL, 0))
		return err_set(err, errno, "%s: overlay without privilege",
			       op->origin);
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		return err_set(err, errno,
			       "%s: overlay on %s (a directory with other "
			       "mounts below it cannot be a lower layer)",
			       op->origin, op->src);
	tree = fsmount(fs, FSMOUNT_CLOEXEC,
		       MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	if (tree < 0)
		err_set(err, errno, "%s: overlay on %s", op->origin, op->src);
	return tree;
}

/*
 * The upper layer is a tmpfs that is mounted on the target first and covered
 * by the overlay itself: its layers need paths in this namespace.
 */
int mnt_overlay(struct mnt_work *w, size_t i, struct err *err)
{
	const struct mnt_op *op = &w->plan->op[i];
	cleanup_fd int tmp = mnt_make_tmpfs(w, op->size, 0755);
	cleanup_fd int upper = -1, work = -1, tree = -1;

	if (tmp < 0)
		return err_set(err, errno, "%s: make a tmpfs", op->origin);
	if (!mnt_is_dir(w->src[i]))
		return err_set(err, ENOTDIR, "%s: %s", op->origin, op->src);
	if (mnt_attach(w, op, tmp, true, err))
		return -1;
	if (mnt_make_upper(tmp, w->src[i], &upper, &work))
		return err_set(err, errno, "%s: make the upper layer",
			       op->origin);
	tree = mnt_make_overlay(w, op, w->src[i], upper, work, err);
	if (tree < 0)
		return -1;
	return mnt_attach(w, op, tree, true, err);
}
