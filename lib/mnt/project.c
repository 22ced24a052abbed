/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <linux/dqblk_xfs.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mnt/project.h"

/* The C library has no wrapper. */
static int quota(int fd, int cmd, uint32_t id, void *arg)
{
	return (int)syscall(SYS_quotactl_fd, fd, QCMD(cmd, PRJQUOTA), id, arg);
}

int mnt_project_check(int fd, const char *path, struct err *err)
{
	struct fs_quota_statv s = { .qs_version = FS_QSTATV_VERSION1 };

	if (!quota(fd, Q_XGETQSTATV, 0, &s) && (s.qs_flags & FS_QUOTA_PDQ_ENFD))
		return 0;
	return err_set(err, 0,
		       "%s: the file system has no project quotas to keep a "
		       "size (ext4: tune2fs -O project,quota, and mount ext4 "
		       "or XFS with prjquota)",
		       path);
}

/* XFS says ENOENT of a project that it has never seen. */
static int usage(int fd, uint32_t id, struct if_dqblk *ret)
{
	*ret = (struct if_dqblk){ 0 };
	if (!quota(fd, Q_GETQUOTA, id, ret) || errno == ENOENT)
		return 0;
	return -1;
}

static bool is_free(const struct if_dqblk *q)
{
	return !q->dqb_curspace && !q->dqb_curinodes && !q->dqb_bhardlimit &&
	       !q->dqb_bsoftlimit && !q->dqb_ihardlimit && !q->dqb_isoftlimit;
}

int mnt_project_find(int fd, uint32_t first, uint32_t last, uint32_t *ret,
		     struct err *err)
{
	struct if_dqblk q;

	for (uint64_t id = first; id <= last; id++) {
		if (usage(fd, (uint32_t)id, &q))
			return err_set(err, errno,
				       "read the quota of project "
				       "%llu",
				       (unsigned long long)id);
		if (is_free(&q)) {
			*ret = (uint32_t)id;
			return 0;
		}
	}
	return err_set(err, 0,
		       "all projects from %u to %u are in use (site file: "
		       "scratch-projects = FIRST-LAST)",
		       first, last);
}

int mnt_project_limit(int fd, uint32_t id, uint64_t bytes, struct err *err)
{
	struct if_dqblk q = {
		.dqb_bhardlimit = (bytes + QIF_DQBLKSIZE - 1) / QIF_DQBLKSIZE,
		.dqb_valid = QIF_BLIMITS,
	};

	if (quota(fd, Q_SETQUOTA, id, &q))
		return err_set(err, errno, "set the quota of project %u", id);
	return 0;
}

bool mnt_project_used(int fd, uint32_t id)
{
	struct if_dqblk q;

	return usage(fd, id, &q) || q.dqb_curspace || q.dqb_curinodes;
}

int mnt_project_join(int fd, uint32_t id, struct err *err)
{
	struct fsxattr x;

	if (ioctl(fd, FS_IOC_FSGETXATTR, &x))
		return err_set(err, errno, "read the project of scratch");
	x.fsx_projid = id;
	x.fsx_xflags |= FS_XFLAG_PROJINHERIT;
	if (ioctl(fd, FS_IOC_FSSETXATTR, &x))
		return err_set(err, errno, "put scratch into project %u", id);
	return 0;
}

uint32_t mnt_project_leave(int fd)
{
	struct fsxattr x;

	if (ioctl(fd, FS_IOC_FSGETXATTR, &x))
		return 0;
	x.fsx_xflags &= ~(__u32)FS_XFLAG_PROJINHERIT;
	ioctl(fd, FS_IOC_FSSETXATTR, &x);
	return x.fsx_projid;
}
