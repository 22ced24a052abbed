/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "mnt/mnt.h"

/* State of one mnt_apply. */
struct work {
	const struct mnt_plan *plan;
	int *src;     /* per operation: the tree to bind or to seal, or -1 */
	int scratch;  /* root of the scratch tmpfs, once it is mounted */
	dev_t *fresh; /* file systems made here: we may mkdir in them */
	size_t n_fresh;
};

static unsigned long long hardening(const struct mnt_plan *plan, bool rdonly)
{
	return (rdonly ? MOUNT_ATTR_RDONLY : 0) |
	       (plan->nosuid ? MOUNT_ATTR_NOSUID : 0);
}

static int set_tree(int fd, const char *path, unsigned long long attr)
{
	struct mount_attr a = { .attr_set = attr, .propagation = MS_SLAVE };

	return mount_setattr(fd, path,
			     AT_RECURSIVE | (*path ? 0 : AT_EMPTY_PATH), &a,
			     sizeof(a));
}

/* A new file system of one type with up to two parameters, not yet seen. */
static int make_fs(const char *type, const char *const (*param)[2], size_t n,
		   unsigned attr)
{
	cleanup_fd int fs = fsopen(type, FSOPEN_CLOEXEC);

	if (fs < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (fsconfig(fs, FSCONFIG_SET_STRING, param[i][0], param[i][1],
			     0))
			return -1;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		return -1;
	return fsmount(fs, FSMOUNT_CLOEXEC, attr);
}

static int make_tmpfs(struct work *w, uint64_t size, unsigned mode)
{
	char size_text[24], mode_text[8];
	const char *const param[][2] = { { "size", size_text },
					 { "mode", mode_text } };
	struct stat st;
	int fd;

	snprintf(size_text, sizeof(size_text), "%llu",
		 (unsigned long long)size);
	snprintf(mode_text, sizeof(mode_text), "%o", mode);
	fd = make_fs("tmpfs", param, 2, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	if (fd >= 0 && !fstat(fd, &st))
		w->fresh[w->n_fresh++] = st.st_dev;
	return fd;
}

static bool is_fresh(const struct work *w, int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return false;
	for (size_t i = 0; i < w->n_fresh; i++)
		if (w->fresh[i] == st.st_dev)
			return true;
	return false;
}

/* One directory or, as a target for a file, one empty file below `dirfd`. */
static int make_node(const struct work *w, int dirfd, const char *name,
		     bool dir)
{
	if (dir) {
		if (mkdirat(dirfd, name, 0755) && errno != EEXIST)
			return -1;
	} else {
		cleanup_fd int fd = openat(dirfd, name,
					   O_CREAT | O_EXCL | O_WRONLY |
						   O_CLOEXEC | O_NOFOLLOW,
					   0644);

		if (fd < 0 && errno != EEXIST)
			return -1;
	}
	if (geteuid() == 0 && w->plan->uid != 0 &&
	    fchownat(dirfd, name, w->plan->uid, w->plan->gid,
		     AT_SYMLINK_NOFOLLOW))
		return -1;
	return 0;
}

/*
 * The place to mount on. Where it is missing it is made, but only in a file
 * system that was made for this cell: the host's are never written to.
 */
static int open_target(const struct work *w, const char *path, bool dir)
{
	char copy[4096], *next;
	int fd = fd_open(AT_FDCWD, path, O_PATH, 0, 0);

	if (fd >= 0 || errno != ENOENT)
		return fd;
	if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = open("/", O_PATH | O_CLOEXEC | O_DIRECTORY);
	for (char *p = strtok_r(copy, "/", &next); fd >= 0 && p;) {
		char *following = strtok_r(NULL, "/", &next);
		int child = fd_open(fd, p, O_PATH, 0, 0);

		if (child < 0 && errno == ENOENT && is_fresh(w, fd)) {
			if (!make_node(w, fd, p, following || dir))
				child = fd_open(fd, p, O_PATH, 0, 0);
		}
		if (child < 0) {
			int saved = errno;

			close(fd);
			errno = saved;
			return -1;
		}
		close(fd);
		fd = child;
		p = following;
	}
	return fd;
}

static int attach(const struct work *w, const struct mnt_op *op, int tree,
		  bool dir, struct err *err)
{
	cleanup_fd int target = open_target(w, op->dst, dir);

	if (target < 0)
		return err_set(err, errno, "%s: mount point %s", op->origin,
			       op->dst);
	if (move_mount(tree, "", target, "",
		       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH))
		return err_set(err, errno, "%s: mount on %s", op->origin,
			       op->dst);
	return 0;
}

static bool is_dir(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISDIR(st.st_mode);
}

static int do_bind(struct work *w, size_t i, struct err *err)
{
	const struct mnt_op *op = &w->plan->op[i];

	if (set_tree(w->src[i], "", hardening(w->plan, op->rdonly)))
		return err_set(err, errno, "%s: set attributes of %s",
			       op->origin, op->src);
	return attach(w, op, w->src[i], is_dir(w->src[i]), err);
}

static int do_tmpfs(struct work *w, size_t i, struct err *err)
{
	const struct mnt_op *op = &w->plan->op[i];
	cleanup_fd int fd = make_tmpfs(w, op->size, op->mode);

	if (fd < 0)
		return err_set(err, errno, "%s: make a tmpfs for %s",
			       op->origin, op->dst);
	if (geteuid() == 0 && w->plan->uid != 0 &&
	    fchownat(fd, "", w->plan->uid, w->plan->gid, AT_EMPTY_PATH))
		return err_set(err, errno, "%s: give %s to the user",
			       op->origin, op->dst);
	return attach(w, op, fd, true, err);
}

/*
 * All scratch directories are one tmpfs, so that one size holds for all. Only
 * a tree that is attached can be cloned in part, so its root goes onto the
 * first target and is covered there by its own subdirectory.
 */
static int do_scratch(struct work *w, size_t i, struct err *err)
{
	const struct mnt_op *op = &w->plan->op[i];
	cleanup_fd int tree = -1;
	char name[16];

	if (w->scratch < 0) {
		w->scratch = make_tmpfs(w, w->plan->scratch, 0755);
		if (w->scratch < 0)
			return err_set(err, errno, "%s: make a scratch tmpfs",
				       op->origin);
		if (attach(w, op, w->scratch, true, err))
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
	return attach(w, op, tree, true, err);
}

/* Made writable, as targets of later operations may lie below it. */
static int do_hide(struct work *w, size_t i, struct err *err)
{
	const struct mnt_op *op = &w->plan->op[i];
	cleanup_fd int there = fd_open(AT_FDCWD, op->dst, O_PATH, 0, 0);
	int tree;

	if (there < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (there < 0)
		return err_set(err, errno, "%s: %s", op->origin, op->dst);
	tree = is_dir(there) ? make_tmpfs(w, 1 << 20, 0755)
			     : open_tree(AT_FDCWD, "/dev/null",
					 OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0)
		return err_set(err, errno, "%s: hide %s", op->origin, op->dst);
	w->src[i] = tree;
	return attach(w, op, tree, is_dir(there), err);
}

/*
 * Upper and work directory of an overlay on `lower`, in the tmpfs `tmp`. The
 * upper one lends the overlay's top its mode and owner.
 */
static int make_upper(int tmp, int lower, int *ret_upper, int *ret_work)
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
static int make_overlay(const struct work *w, const struct mnt_op *op,
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
static int do_overlay(struct work *w, size_t i, struct err *err)
{
	const struct mnt_op *op = &w->plan->op[i];
	cleanup_fd int tmp = make_tmpfs(w, op->size, 0755);
	cleanup_fd int upper = -1, work = -1, tree = -1;

	if (tmp < 0)
		return err_set(err, errno, "%s: make a tmpfs", op->origin);
	if (!is_dir(w->src[i]))
		return err_set(err, ENOTDIR, "%s: %s", op->origin, op->src);
	if (attach(w, op, tmp, true, err))
		return -1;
	if (make_upper(tmp, w->src[i], &upper, &work))
		return err_set(err, errno, "%s: make the upper layer",
			       op->origin);
	tree = make_overlay(w, op, w->src[i], upper, work, err);
	if (tree < 0)
		return -1;
	return attach(w, op, tree, true, err);
}

/* Kernel file systems that show the namespaces of whoever mounts them. */
static int do_kernel_fs(struct work *w, size_t i, struct err *err)
{
	static const struct {
		const char *type;
		unsigned attr;
	} fs[] = {
		[MNT_PROC] = { "proc", 0 },
		[MNT_SYSFS] = { "sysfs", MOUNT_ATTR_RDONLY },
		/* Limits are the payload's to read, be it root or not. */
		[MNT_CGROUP2] = { "cgroup2", MOUNT_ATTR_RDONLY },
		[MNT_MQUEUE] = { "mqueue", 0 },
	};
	const struct mnt_op *op = &w->plan->op[i];
	cleanup_fd int tree =
		make_fs(fs[op->kind].type, NULL, 0,
			MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
				MOUNT_ATTR_NOEXEC | fs[op->kind].attr);

	if (tree < 0 && errno == EPERM)
		return err_set(err, EPERM,
			       "mount a fresh %s on %s (inside a container "
			       "that hides parts of it the kernel refuses "
			       "this: unmask it there)",
			       fs[op->kind].type, op->dst);
	if (tree < 0)
		return err_set(err, errno, "mount a fresh %s on %s",
			       fs[op->kind].type, op->dst);
	return attach(w, op, tree, true, err);
}

static int (*const apply[])(struct work *w, size_t i, struct err *err) = {
	[MNT_BIND] = do_bind,        [MNT_TMPFS] = do_tmpfs,
	[MNT_SCRATCH] = do_scratch,  [MNT_HIDE] = do_hide,
	[MNT_OVERLAY] = do_overlay,  [MNT_PROC] = do_kernel_fs,
	[MNT_SYSFS] = do_kernel_fs,  [MNT_CGROUP2] = do_kernel_fs,
	[MNT_MQUEUE] = do_kernel_fs,
};

/* Nothing to show, or no place to show it on; the target of a tree that was
 * found can still be made, in a directory that has been hidden. */
static bool missing(const struct work *w, size_t i)
{
	const struct mnt_op *op = &w->plan->op[i];
	cleanup_fd int fd = -1;

	if (op->kind == MNT_BIND)
		return w->src[i] < 0;
	if (!op->optional)
		return false;
	fd = fd_open(AT_FDCWD, op->dst, O_PATH, 0, 0);
	return fd < 0;
}

/* The tree that an operation takes from the host, before any has changed. */
static int open_source(struct work *w, size_t i, struct err *err)
{
	const struct mnt_op *op = &w->plan->op[i];
	cleanup_fd int path = -1;

	if (op->kind != MNT_BIND && op->kind != MNT_OVERLAY)
		return 0;
	path = fd_open(AT_FDCWD, op->src, O_PATH, 0,
		       op->nofollow ? RESOLVE_NO_SYMLINKS : 0);
	if (path < 0 && op->optional && errno != ELOOP)
		return 0;
	if (path < 0)
		return err_set(err, errno, "%s: %s", op->origin, op->src);
	/* A lower layer is looked up where it is, in this namespace. */
	w->src[i] = op->kind == MNT_OVERLAY
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

static int open_sources(struct work *w, struct err *err)
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

static int seal_hidden(const struct work *w, struct err *err)
{
	struct mount_attr ro = { .attr_set = MOUNT_ATTR_RDONLY };
	const struct mnt_plan *p = w->plan;

	for (size_t i = 0; i < p->n; i++)
		if (p->op[i].kind == MNT_HIDE && w->src[i] >= 0 &&
		    mount_setattr(w->src[i], "", AT_EMPTY_PATH, &ro,
				  sizeof(ro)))
			return err_set(err, errno, "%s: seal %s",
				       p->op[i].origin, p->op[i].dst);
	return 0;
}

static int apply_all(struct work *w, struct err *err)
{
	const struct mnt_plan *p = w->plan;

	/* Before anything is cloned: nothing we do may reach the host. */
	if (set_tree(AT_FDCWD, "/", 0))
		return err_set(err, errno, "make all mounts slaves");
	if (open_sources(w, err))
		return -1;
	if (set_tree(AT_FDCWD, "/", hardening(p, p->rdonly)))
		return err_set(err, errno, "make the tree read-only");
	for (size_t i = 0; i < p->n; i++) {
		if (!missing(w, i) && apply[p->op[i].kind](w, i, err))
			return -1;
	}
	return seal_hidden(w, err);
}

int mnt_apply(const struct mnt_plan *plan, struct err *err)
{
	struct work w = { .plan = plan, .scratch = -1 };
	mode_t mask = umask(0);
	int ret;

	w.src = malloc((plan->n + 1) * sizeof(*w.src));
	w.fresh = malloc((plan->n + 1) * sizeof(*w.fresh));
	if (!w.src || !w.fresh) {
		free(w.src);
		free(w.fresh);
		return err_set(err, ENOMEM, "mount");
	}
	for (size_t i = 0; i < plan->n; i++)
		w.src[i] = -1;
	ret = apply_all(&w, err);
	for (size_t i = 0; i < plan->n; i++)
		if (w.src[i] >= 0)
			close(w.src[i]);
	if (w.scratch >= 0)
		close(w.scratch);
	free(w.src);
	free(w.fresh);
	umask(mask);
	return ret;
}
