/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "mnt/internal.h"

unsigned long long mnt_hardening(const struct mnt_plan *plan, bool rdonly)
{
	return (rdonly ? MOUNT_ATTR_RDONLY : 0) |
	       (plan->nosuid ? MOUNT_ATTR_NOSUID : 0);
}

int mnt_set_tree(int fd, const char *path, unsigned long long attr)
{
	struct mount_attr a = { .attr_set = attr, .propagation = MS_SLAVE };

	return mount_setattr(fd, path,
			     AT_RECURSIVE | (*path ? 0 : AT_EMPTY_PATH), &a,
			     sizeof(a));
}

/* A new file system of one type not yet seen; a flag has no value. */
int mnt_make_fs(const char *type, const char *const (*param)[2], size_t n,
		unsigned attr)
{
	cleanup_fd int fs = fsopen(type, FSOPEN_CLOEXEC);

	if (fs < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (fsconfig(fs,
			     param[i][1] ? FSCONFIG_SET_STRING
					 : FSCONFIG_SET_FLAG,
			     param[i][0], param[i][1], 0))
			return -1;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		return -1;
	return fsmount(fs, FSMOUNT_CLOEXEC, attr);
}

/* By the mount's id: a file system on disk is not all ours. */
static int mount_id(int fd, uint64_t *ret)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st))
		return -1;
	*ret = st.stx_mnt_id;
	return 0;
}

void mnt_set_fresh(struct mnt_work *w, int fd)
{
	if (!mount_id(fd, &w->fresh[w->n_fresh]))
		w->n_fresh++;
}

bool mnt_is_fresh(const struct mnt_work *w, int fd)
{
	uint64_t id;

	if (mount_id(fd, &id))
		return false;
	for (size_t i = 0; i < w->n_fresh; i++)
		if (w->fresh[i] == id)
			return true;
	return false;
}

/* One directory or, as a target for a file, one empty file below `dirfd`. */
static int make_node(const struct mnt_work *w, int dirfd, const char *name,
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
static int open_target(const struct mnt_work *w, const char *path, bool dir)
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

		if (child < 0 && errno == ENOENT && mnt_is_fresh(w, fd)) {
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

int mnt_open_target(const struct mnt_work *w, const char *path, bool dir)
{
	int fd = open_target(w, path, dir), saved;
	struct err ignored;

	if (fd >= 0 || errno != EACCES)
		return fd;
	/* A file system that squashes root lets nobody through but the user. */
	if (mnt_be_user(w->plan, &ignored))
		return -1;
	fd = open_target(w, path, dir);
	saved = errno;
	if (mnt_be_root(w->plan, &ignored)) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	errno = saved;
	return fd;
}

int mnt_attach(const struct mnt_work *w, const struct mnt_op *op, int tree,
	       bool dir, struct err *err)
{
	cleanup_fd int target = mnt_open_target(w, op->dst, dir);

	if (target < 0)
		return err_set(err, errno, "%s: mount point %s", op->origin,
			       op->dst);
	if (move_mount(tree, "", target, "",
		       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH))
		return err_set(err, errno, "%s: mount on %s", op->origin,
			       op->dst);
	return 0;
}

bool mnt_is_absent(int num)
{
	return num == ENOENT || num == ENOTDIR;
}

int mnt_dup(const struct mnt_op *op, int fd, struct err *err)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return copy < 0 ? err_set(err, errno, "%s: %s", op->origin, op->dst)
			: copy;
}

bool mnt_is_dir(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISDIR(st.st_mode);
}

/* Places for what is mounted below them are made until then. */
int mnt_seal(const struct mnt_work *w, struct err *err)
{
	static const unsigned attr[] = {
		[MNT_HIDE] = MOUNT_ATTR_RDONLY,
		[MNT_DEV] = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC,
	};
	const struct mnt_plan *p = w->plan;

	for (size_t i = 0; i < p->n; i++) {
		enum mnt_kind kind = p->op[i].kind;
		struct mount_attr a = { 0 };

		if (kind < sizeof(attr) / sizeof(attr[0]))
			a.attr_set = attr[kind];
		if (a.attr_set && w->src[i] >= 0 &&
		    mount_setattr(w->src[i], "", AT_EMPTY_PATH, &a, sizeof(a)))
			return err_set(err, errno, "%s: seal %s",
				       p->op[i].origin, p->op[i].dst);
	}
	return 0;
}
