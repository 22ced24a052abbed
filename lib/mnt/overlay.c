/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "mnt/internal.h"

/*
 * The directory in which an overlay's upper layer and work directory lie, on
 * a mount of this namespace, as layers are looked up there: what lies on disk
 * comes onto the target and is covered by the overlay itself.
 */
static int open_base(struct mnt_work *w, size_t i, struct err *err)
{
	const struct mnt_op *op = &w->plan->op[i];
	char name[16];
	int root, fd;

	if (w->keep[i] >= 0) {
		if (mnt_attach(w, op, w->keep[i], true, err))
			return -1;
		return mnt_dup(op, w->keep[i], err);
	}
	root = mnt_scratch_root(w, op, err);
	if (root < 0)
		return -1;
	snprintf(name, sizeof(name), "%zu", i);
	if (mkdirat(root, name, 0700))
		return err_set(err, errno, "%s: make the upper layer",
			       op->origin);
	fd = openat(root, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_set(err, errno, "%s: open the upper layer",
				op->origin)
		      : fd;
}

static int make_dir(int base, const char *name, mode_t mode,
		    const struct mnt_op *op, struct err *err)
{
	int fd = -1;

	if (!mkdirat(base, name, mode) || errno == EEXIST)
		fd = openat(base, name,
			    O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_set(err, errno, "%s: make '%s' in %s", op->origin,
				name, op->dir)
		      : fd;
}

/* The upper layer lends the overlay's top its mode and owner. */
int mnt_make_upper(int base, int lower, int *ret_upper, int *ret_work)
{
	struct stat st;

	if (mkdirat(base, "upper", 0755) || mkdirat(base, "work", 0755) ||
	    fstat(lower, &st) || fchmodat(base, "upper", st.st_mode & 07777, 0))
		return -1;
	/* An id that is not mapped here cannot be given: it stays ours. */
	if (fchownat(base, "upper", st.st_uid, st.st_gid, 0) &&
	    errno != EINVAL && errno != EPERM)
		return -1;
	*ret_upper = openat(base, "upper", O_PATH | O_CLOEXEC);
	*ret_work = openat(base, "work", O_PATH | O_CLOEXEC);
	return *ret_upper < 0 || *ret_work < 0 ? -1 : 0;
}

/* Layers that are kept, and the user's: the upper one may be there already. */
static int open_kept(const struct mnt_work *w, size_t i, int base,
		     int *ret_upper, int *ret_work, struct err *err)
{
	const struct mnt_op *op = &w->plan->op[i];
	struct stat st;

	if (fstat(w->src[i], &st))
		return err_set(err, errno, "%s: %s", op->origin, op->src);
	*ret_upper = make_dir(base, "upper", st.st_mode & 07777, op, err);
	if (*ret_upper < 0)
		return -1;
	*ret_work = make_dir(base, "work", 0700, op, err);
	if (*ret_work < 0)
		return -1;
	/* Somebody else's would be a way to have the mounter change it. */
	if (fstat(*ret_upper, &st) || st.st_uid != w->plan->uid)
		return err_set(err, EPERM, "%s: %s/upper is not the user's",
			       op->origin, op->dir);
	return 0;
}

/* What mnt_be_user has taken away: an overlay acts with the capabilities that
 * its mounter has, but that of going beyond quotas (overlayfs.rst). */
static int raise_caps(void)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2];

	if (syscall(SYS_capget, &h, d))
		return -1;
	d[0].effective = d[0].permitted;
	d[1].effective = d[1].permitted;
	return (int)syscall(SYS_capset, &h, d);
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
	/* A layer that is kept can be used with and without privilege. */
	if ((w->plan->userxattr || op->fate == MNT_KEEP) &&
	    fsconfig(fs, FSCONFIG_SET_FLAG, "userxattr", NULL, 0))
		return err_set(err, errno, "%s: overlay without privilege",
			       op->origin);
	/* A file in the upper layer has its contents there. */
	if (op->fate == MNT_COLLECT && !w->plan->userxattr &&
	    fsconfig(fs, FSCONFIG_SET_STRING, "metacopy", "off", 0))
		return err_set(err, errno, "%s: overlay with whole files",
			       op->origin);
	if (raise_caps() || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		return err_set(err, errno,
			       "%s: overlay on %s (an overlay on two others "
			       "is one too many)",
			       op->origin, op->src);
	tree = fsmount(fs, FSMOUNT_CLOEXEC,
		       MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	if (tree < 0)
		err_set(err, errno, "%s: overlay on %s", op->origin, op->src);
	return tree;
}

static int overlay(struct mnt_work *w, size_t i, int base, struct err *err)
{
	const struct mnt_op *op = &w->plan->op[i];
	cleanup_fd int upper = -1, work = -1;

	if (op->fate == MNT_KEEP) {
		if (open_kept(w, i, base, &upper, &work, err))
			return -1;
	} else if (mnt_make_upper(base, w->src[i], &upper, &work)) {
		return err_set(err, errno, "%s: make the upper layer",
			       op->origin);
	}
	if (op->fate == MNT_COLLECT)
		w->live->upper[i] = openat(base, "upper",
					   O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return mnt_make_overlay(w, op, w->src[i], upper, work, err);
}

int mnt_overlay(struct mnt_work *w, size_t i, struct err *err)
{
	const struct mnt_op *op = &w->plan->op[i];
	bool as_user = op->fate == MNT_KEEP;
	cleanup_fd int base = open_base(w, i, err);
	cleanup_fd int tree = -1;

	if (base < 0 || (as_user && mnt_be_user(w->plan, err)))
		return -1;
	tree = overlay(w, i, base, err);
	if (tree < 0 || (as_user && mnt_be_root(w->plan, err)))
		return -1;
	mnt_set_fresh(w, tree);
	return mnt_attach(w, op, tree, true, err);
}

/* DIR/work, in which the kernel has made a directory that nobody may read. */
void mnt_tidy_kept(const char *dir)
{
	cleanup_fd int fd = fd_open(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY, 0,
				    RESOLVE_NO_SYMLINKS);
	cleanup_fd int work = -1, inner = -1;
	cleanup_dir DIR *d = NULL;
	struct dirent *e;

	/* Another cell that keeps its changes here needs it. */
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB))
		return;
	work = openat(fd, "work",
		      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (work < 0)
		return;
	/* It is gone where somebody was killed while tidying. */
	if (fchmodat(work, "work", 0700, AT_SYMLINK_NOFOLLOW) &&
	    errno != ENOENT)
		return;
	inner = openat(work, "work",
		       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (inner >= 0 && (d = fdopendir(inner))) {
		steal_fd(&inner);
		while ((e = readdir(d)))
			unlinkat(dirfd(d), e->d_name, 0);
	}
	unlinkat(work, "work", AT_REMOVEDIR);
	unlinkat(work, "index", AT_REMOVEDIR);
	unlinkat(fd, "work", AT_REMOVEDIR);
}

void mnt_tidy(const struct mnt_plan *plan)
{
	for (size_t i = 0; i < plan->n; i++)
		if (plan->op[i].kind == MNT_OVERLAY &&
		    plan->op[i].fate == MNT_KEEP)
			mnt_tidy_kept(plan->op[i].dir);
}
