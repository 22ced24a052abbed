/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "mnt/internal.h"

/* What can be an image: read-only by nature, and told by its first bytes. */
static const struct image {
	const char *type;
	off_t at;
	char magic[4];
} images[] = {
	{ "squashfs", 0, { 'h', 's', 'q', 's' } },
	{ "erofs", 1024, { '\xe2', '\xe1', '\xf5', '\xe0' } },
};

static const struct image *recognize(int fd)
{
	for (size_t i = 0; i < sizeof(images) / sizeof(images[0]); i++) {
		char found[4];

		if (pread(fd, found, 4, images[i].at) == 4 &&
		    !memcmp(found, images[i].magic, 4))
			return &images[i];
	}
	return NULL;
}

/* Nobody but root can change what is at `fd`, or put something else there. */
static int check_owner(const struct mnt_op *op, int fd, const char *name,
		       struct err *err)
{
	struct stat st;

	if (op->trusted)
		return 0;
	if (fstat(fd, &st))
		return err_set(err, errno, "%s: %s", op->origin, op->src);
	if (st.st_uid == 0 && !(st.st_mode & (S_IWGRP | S_IWOTH)))
		return 0;
	return err_set(err, EPERM,
		       "%s: %s: '%s' can be changed by others than root (site "
		       "file: rootfs-trust = DIR)",
		       op->origin, op->src, name);
}

/* From the root on, one name after the other: each is what was checked. */
static int open_checked(const struct mnt_op *op, struct err *err)
{
	int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const char *p = op->src + 1;

	for (; fd >= 0; p += strcspn(p, "/") + 1) {
		cleanup_fd int dir = fd;
		size_t len = strcspn(p, "/");
		char name[256];

		if (check_owner(op, dir, "a directory of it", err))
			return -1;
		snprintf(name, sizeof(name), "%.*s", (int)len, p);
		fd = openat(dir, name,
			    (p[len] ? O_PATH | O_DIRECTORY
				    : O_RDONLY | O_NONBLOCK | O_NOCTTY) |
				    O_NOFOLLOW | O_CLOEXEC);
		if (!p[len])
			break;
	}
	return fd < 0 ? err_set(err, errno, "%s: %s", op->origin, op->src) : fd;
}

int mnt_open_image(const struct mnt_op *op, struct err *err)
{
	cleanup_fd int fd = open_checked(op, err);
	struct stat st;

	if (fd < 0 || check_owner(op, fd, "the file", err))
		return -1;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || !recognize(fd))
		return err_set(err, 0,
			       "%s: %s is neither a directory nor a squashfs "
			       "or erofs image",
			       op->origin, op->src);
	return steal_fd(&fd);
}

/*
 * A loop device that is free again with its last user, whatever becomes of us:
 * it is made with its file and that flag in one call (loop(4)).
 */
static int open_loop(const struct mnt_op *op, int image)
{
	struct loop_config config = {
		.fd = (unsigned)image,
		.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR,
	};
	cleanup_fd int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

	if (control < 0)
		return -1;
	snprintf((char *)config.info.lo_file_name, LO_NAME_SIZE, "%s", op->src);
	/* Others look for one at the same time. */
	for (int i = 0; i < 100; i++) {
		int n = ioctl(control, LOOP_CTL_GET_FREE);
		cleanup_fd int fd = -1;
		char path[32];

		if (n < 0)
			return -1;
		snprintf(path, sizeof(path), "/dev/loop%d", n);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return -1;
		if (!ioctl(fd, LOOP_CONFIGURE, &config))
			return steal_fd(&fd);
		if (errno != EBUSY)
			return -1;
	}
	return -1;
}

static int mount_source(const char *type, int fd)
{
	char path[40];
	const char *const param[][2] = { { "source", path }, { "ro", NULL } };

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return mnt_make_fs(type, param, 2,
			   MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
				   MOUNT_ATTR_NODEV);
}

int mnt_image(const struct mnt_op *op, int image, struct err *err)
{
	const struct image *kind = recognize(image);
	const char *type;
	int tree;

	if (!kind)
		return err_set(err, errno, "%s: read the image %s", op->origin,
			       op->src);
	type = kind->type;
	/* Since 6.12 erofs can do without a device. */
	tree = mount_source(type, image);
	if (tree < 0 && errno == ENOTBLK) {
		cleanup_fd int loop = open_loop(op, image);

		if (loop < 0)
			return err_set(err, errno,
				       "%s: get a loop device for %s",
				       op->origin, op->src);
		tree = mount_source(type, loop);
	}
	if (tree < 0)
		return err_set(err, errno, "%s: mount the %s image %s",
			       op->origin, type, op->src);
	return tree;
}
