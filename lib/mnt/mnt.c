/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "mnt/internal.h"

static int (*const apply[])(struct mnt_work *w, size_t i, struct err *err) = {
	[MNT_BIND] = mnt_bind,        [MNT_TMPFS] = mnt_tmpfs,
	[MNT_SCRATCH] = mnt_scratch,  [MNT_HIDE] = mnt_hide,
	[MNT_OVERLAY] = mnt_overlay,  [MNT_PROC] = mnt_kernel_fs,
	[MNT_SYSFS] = mnt_kernel_fs,  [MNT_CGROUP2] = mnt_kernel_fs,
	[MNT_MQUEUE] = mnt_kernel_fs, [MNT_DEV] = mnt_dev,
	[MNT_ROOTFS] = mnt_rootfs,
};

/*
 * 1: nothing to show, or no place to show it on; the target of a tree that was
 * found can still be made, in a directory that has been hidden.
 */
static int missing(const struct mnt_work *w, size_t i, struct err *err)
{
	const struct mnt_op *op = &w->plan->op[i];
	cleanup_fd int fd = -1;

	if (op->kind == MNT_BIND)
		return w->src[i] < 0;
	if (!op->optional)
		return 0;
	fd = fd_open(AT_FDCWD, op->dst, O_PATH, 0, 0);
	if (fd >= 0)
		return 0;
	if (mnt_is_absent(errno))
		return 1;
	return err_set(err, errno, "%s: mount point %s", op->origin, op->dst);
}

static int apply_all(struct mnt_work *w, struct err *err)
{
	const struct mnt_plan *p = w->plan;
	bool own_root = p->n && p->op[0].kind == MNT_ROOTFS;

	/* Before anything is cloned: nothing we do may reach the host. */
	if (mnt_set_tree(AT_FDCWD, "/", 0))
		return err_set(err, errno, "make all mounts slaves");
	if (mnt_open_sources(w, err))
		return -1;
	if (!own_root &&
	    mnt_set_tree(AT_FDCWD, "/", mnt_hardening(p, p->rdonly)))
		return err_set(err, errno, "make the tree read-only");
	for (size_t i = 0; i < p->n; i++) {
		int skip = missing(w, i, err);

		if (skip < 0 || (!skip && apply[p->op[i].kind](w, i, err)))
			return -1;
	}
	if (own_root && mnt_leave_host(w, err))
		return -1;
	return mnt_seal(w, err);
}

static int *no_fds(size_t n)
{
	int *fd = malloc((n + 1) * sizeof(*fd));

	for (size_t i = 0; fd && i < n; i++)
		fd[i] = -1;
	return fd;
}

static void close_fds(int *fd, size_t n)
{
	for (size_t i = 0; fd && i < n; i++)
		if (fd[i] >= 0)
			close(fd[i]);
	free(fd);
}

int mnt_apply(const struct mnt_plan *plan, const char *store,
	      const struct mnt_wait *wait, struct mnt_live *ret,
	      struct err *err)
{
	struct mnt_work w = {
		.plan = plan,
		.wait = wait,
		.store = store,
		.tmpfs = -1,
		.empty = -1,
		.live = ret,
		.src = no_fds(plan->n),
		.keep = no_fds(plan->n),
		/* An operation makes one mount, and one may be the scratch. */
		.fresh = calloc(2 * plan->n + 1, sizeof(*w.fresh)),
	};
	mode_t mask = umask(0);
	int status;

	*ret = (struct mnt_live){ .scratch = -1,
				  .upper = no_fds(plan->n),
				  .dir = no_fds(plan->n) };
	if (w.src && w.keep && w.fresh && ret->upper && ret->dir)
		status = apply_all(&w, err);
	else
		status = err_set(err, ENOMEM, "mount");
	if (ret->scratch < 0)
		ret->scratch = w.tmpfs;
	else if (w.tmpfs >= 0)
		close(w.tmpfs);
	close_fds(w.src, plan->n);
	close_fds(w.keep, plan->n);
	free(w.fresh);
	umask(mask);
	return status;
}
