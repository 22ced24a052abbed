/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "cg/internal.h"

int cg_disk_of(const char *sys, dev_t dev, char ret[static CG_DISK],
	       struct err *err)
{
	char path[320], text[CG_DISK];

	/* Of a partition it is the directory that its own lies in. */
	snprintf(path, sizeof(path), "%.256s/dev/block/%u:%u/partition", sys,
		 major(dev), minor(dev));
	if (access(path, F_OK)) {
		snprintf(ret, CG_DISK, "%u:%u", major(dev), minor(dev));
		return 0;
	}
	snprintf(path, sizeof(path), "%.256s/dev/block/%u:%u/../dev", sys,
		 major(dev), minor(dev));
	if (fd_read_file(AT_FDCWD, path, text, sizeof(text)) < 0)
		return err_set(err, errno, "read %s", path);
	snprintf(ret, CG_DISK, "%s", text);
	return 0;
}

/* The source of the mount with that id, or "" (proc_pid_mountinfo(5)). */
static int mount_source(uint64_t id, char *ret, size_t size, struct err *err)
{
	cleanup_file FILE *f = fopen("/proc/self/mountinfo", "re");
	cleanup_free char *line = NULL;
	size_t len = 0;

	*ret = '\0';
	if (!f)
		return err_set(err, errno, "open /proc/self/mountinfo");
	while (getline(&line, &len, f) > 0) {
		char *dash = strstr(line, " - "), *save;

		if (strtoull(line, NULL, 10) != id || !dash)
			continue;
		/* TYPE SOURCE OPTIONS */
		strtok_r(dash + 3, " ", &save);
		dash = strtok_r(NULL, " \n", &save);
		snprintf(ret, size, "%s", dash ? dash : "");
	}
	return 0;
}

/* Of file systems that have devices of their own, such as Btrfs. */
static int source_dev(const char *path, uint64_t mount, dev_t *ret,
		      struct err *err)
{
	char source[256];
	struct stat st;

	if (mount_source(mount, source, sizeof(source), err))
		return -1;
	if (*source != '/' || stat(source, &st) || !S_ISBLK(st.st_mode))
		return err_set(err, 0,
			       "%s is on no disk of this host (%s): the kernel "
			       "limits I/O to block devices alone",
			       path, *source ? source : "unknown");
	*ret = st.st_rdev;
	return 0;
}

int cg_disk(const char *path, char ret[static CG_DISK], struct err *err)
{
	struct statx st;
	dev_t dev;

	if (statx(AT_FDCWD, path, AT_NO_AUTOMOUNT, STATX_TYPE | STATX_MNT_ID,
		  &st))
		return err_set(err, errno, "%s", path);
	if (S_ISBLK(st.stx_mode))
		dev = makedev(st.stx_rdev_major, st.stx_rdev_minor);
	else
		dev = makedev(st.stx_dev_major, st.stx_dev_minor);
	if (!major(dev) && source_dev(path, st.stx_mnt_id, &dev, err))
		return -1;
	return cg_disk_of("/sys", dev, ret, err);
}
