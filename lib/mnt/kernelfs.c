/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <sys/mount.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "mnt/internal.h"

/* Kernel file systems that show the namespaces of whoever mounts them. */
int mnt_kernel_fs(struct mnt_work *w, size_t i, struct err *err)
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
	/* The number, as kernels before 5.8 know no names for it (proc(5)). */
	static const char *const hidepid[][2] = { { "hidepid", "2" } };
	const struct mnt_op *op = &w->plan->op[i];
	size_t n_params = op->kind == MNT_PROC && w->plan->hidepid;
	cleanup_fd int tree = -1;

	if (op->kind == MNT_SYSFS && w->wait->fn(w->wait->arg, err))
		return -1;
	tree = mnt_make_fs(fs[op->kind].type, hidepid, n_params,
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
	return mnt_attach(w, op, tree, true, err);
}
