/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "mnt/internal.h"

/*
 * What may be a layer of an overlay (Documentation/filesystems/overlayfs.rst).
 * A file system decides by mode, owner and ACL who may do what, or an overlay
 * that root has mounted would let a user past it; it is local, as others do
 * not know the mounter's ids or lose handles; and it stores extended
 * attributes and whiteouts, where it is the upper one. What is not named here
 * is refused; those that are named without a right are for the message.
 */
enum {
	NOTHING,
	LOWER,
	BOTH
};

static const struct {
	unsigned long magic;
	const char *name;
	int may;
} types[] = {
	{ 0xef53, "ext4", BOTH },          { 0x58465342, "XFS", BOTH },
	{ 0x9123683e, "Btrfs", BOTH },     { 0x01021994, "tmpfs", BOTH },
	{ 0xf2f52010, "F2FS", BOTH },      { 0x2fc12fc1, "ZFS", BOTH },
	{ 0xca451a4e, "bcachefs", BOTH },  { 0x794c7630, "overlay", LOWER },
	{ 0x73717368, "squashfs", LOWER }, { 0xe0f5e1e2, "EROFS", LOWER },
	{ 0x9660, "ISO 9660", LOWER },     { 0x858458f6, "ramfs", LOWER },
	{ 0x6969, "NFS", NOTHING },        { 0x0bd00bd0, "Lustre", NOTHING },
	{ 0x47504653, "GPFS", NOTHING },   { 0x65735546, "FUSE", NOTHING },
	{ 0x01021997, "9p", NOTHING },     { 0x00c36400, "Ceph", NOTHING },
	{ 0x517b, "SMB", NOTHING },        { 0xff534d42, "CIFS", NOTHING },
	{ 0xfe534d42, "SMB", NOTHING },    { 0x5346414f, "AFS", NOTHING },
	{ 0x6b414653, "AFS", NOTHING },    { 0x19830326, "BeeGFS", NOTHING },
	{ 0xaad7aaea, "PanFS", NOTHING },  { 0x20030528, "OrangeFS", NOTHING },
	{ 0x01161970, "GFS2", NOTHING },   { 0x7461636f, "OCFS2", NOTHING },
	{ 0x0187, "autofs", NOTHING },     { 0x4d44, "FAT", NOTHING },
	{ 0x2011bab0, "exFAT", NOTHING },  { 0x9fa0, "proc", NOTHING },
	{ 0x62656572, "sysfs", NOTHING },  { 0x63677270, "cgroup2", NOTHING },
};

/* What `fd` lies on may be; its name in `ret`, which has room for any. */
static int may_be(int fd, char ret[static 24])
{
	struct statfs fs;

	snprintf(ret, 24, "an unknown type");
	if (fstatfs(fd, &fs))
		return NOTHING;
	snprintf(ret, 24, "type %#lx", (unsigned long)fs.f_type);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (types[i].magic == (unsigned long)fs.f_type) {
			snprintf(ret, 24, "%s", types[i].name);
			return types[i].may;
		}
	return NOTHING;
}

int mnt_check_upper(const struct mnt_op *op, int fd, const char *path,
		    struct err *err)
{
	struct statvfs fs;
	char name[24];

	if (may_be(fd, name) != BOTH)
		return err_set(err, 0,
			       "%s: %s lies on %s, which cannot hold the "
			       "changes of an overlay (name a directory on "
			       "ext4, XFS or Btrfs)",
			       op->origin, path, name);
	if (!fstatvfs(fd, &fs) && (fs.f_flag & ST_RDONLY))
		return err_set(err, EROFS, "%s: %s", op->origin, path);
	return 0;
}

/* In place: \040 and its like, as mountinfo has them (proc(5)). */
static void unescape(char *s)
{
	char *out = s;

	for (; *s; s++) {
		unsigned c;

		if (*s == '\\' && sscanf(s + 1, "%3o", &c) == 1) {
			*out++ = (char)c;
			s += 3;
		} else {
			*out++ = *s;
		}
	}
	*out = '\0';
}

/*
 * An overlay shows its layers without what is mounted on them, which may be
 * there to cover something.
 */
static int nothing_below(const struct mnt_op *op, int fd, struct err *err)
{
	cleanup_file FILE *f = fopen("/proc/self/mountinfo", "re");
	cleanup_free char *line = NULL;
	char link[40], real[4096];
	size_t size = 0;
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, real, sizeof(real) - 1);
	if (!f || len < 0)
		return err_set(err, errno, "%s: read the list of mounts",
			       op->origin);
	real[len] = '\0';
	while (getline(&line, &size, f) > 0) {
		char *at;

		if (sscanf(line, "%*s %*s %*s %*s %ms", &at) != 1)
			continue;
		unescape(at);
		if (!strncmp(at, real, (size_t)len) && at[len] == '/') {
			err_set(err, 0,
				"%s: %s has another mount below it, %s: an "
				"overlay cannot span both (give each one its "
				"own)",
				op->origin, op->src, at);
			free(at);
			return -1;
		}
		free(at);
	}
	return 0;
}

int mnt_check_lower(const struct mnt_op *op, int fd, const char *path,
		    struct err *err)
{
	char name[24];

	if (!mnt_is_dir(fd))
		return err_set(err, ENOTDIR, "%s: %s", op->origin, path);
	if (may_be(fd, name) == NOTHING)
		return err_set(err, 0,
			       "%s: %s lies on %s, which cannot be under an "
			       "overlay (show it by 'ro', or copy it to a "
			       "local file system)",
			       op->origin, path, name);
	/* Nothing of the host is seen in another root file system. */
	return op->kind == MNT_ROOTFS ? 0 : nothing_below(op, fd, err);
}
