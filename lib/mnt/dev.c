/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "mnt/internal.h"

/*
 * A tmpfs with the host's devices bound one by one: their owners, modes and
 * ACLs stay the host's. Only the tmpfs itself is nodev, and noexec: programs
 * map /dev/zero to run code in it.
 *
 * Show `tree` as `name`, if it is a device and the name is free: it is not if
 * two patterns match the same, or if it is one of ours.
 */
static int attach_device(int tree, int dir, const char *name)
{
	struct mount_attr a = { .attr_set =
					MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID };
	struct stat st;

	if (fstat(tree, &st))
		return -1;
	if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
		return 0;
	if (mknodat(dir, name, S_IFREG | 0444, 0))
		return errno == EEXIST ? 0 : -1;
	if (mount_setattr(tree, "", AT_EMPTY_PATH, &a, sizeof(a)))
		return -1;
	return move_mount(tree, "", dir, name, MOVE_MOUNT_F_EMPTY_PATH);
}

static int bind_device(int host, int dir, const char *name)
{
	cleanup_fd int tree = open_tree(host, name,
					OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
						AT_SYMLINK_NOFOLLOW);

	if (tree < 0)
		return errno == ENOENT ? 0 : -1;
	return attach_device(tree, dir, name);
}

static int bind_matches(int host, int dir, const char *pattern);

/* The same directory on both sides, for what matches below it. */
static int descend(int host, int dir, const char *name, const char *pattern)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	cleanup_fd int from = openat(host, name, flags), to = -1;

	/* Not a directory, a link, or not for us to read: no match. */
	if (from < 0)
		return 0;
	if (mkdirat(dir, name, 0755) && errno != EEXIST)
		return -1;
	to = openat(dir, name, flags);
	if (to < 0)
		return errno == ELOOP || errno == ENOTDIR ? 0 : -1;
	return bind_matches(from, to, pattern);
}

static int bind_matches(int host, int dir, const char *pattern)
{
	size_t len = strcspn(pattern, "/");
	const char *rest = pattern[len] ? pattern + len + 1 : NULL;
	int fd = openat(host, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *list = fd < 0 ? NULL : fdopendir(fd);
	char part[NAME_MAX + 1];

	if (!list || len >= sizeof(part))
		return list ? 0 : -1;
	memcpy(part, pattern, len);
	part[len] = '\0';
	for (;;) {
		const struct dirent *e = (errno = 0, readdir(list));

		if (!e)
			return errno ? -1 : 0;
		if (fnmatch(part, e->d_name, FNM_PERIOD))
			continue;
		if (rest ? descend(host, dir, e->d_name, rest)
			 : bind_device(host, dir, e->d_name))
			return -1;
	}
}

/* The terminal that is our input, for ttyname(3): its name is another
 * instance's, so it is shown once more, as the console. */
static int bind_console(int host, int dir)
{
	char path[64];
	ssize_t n = readlink("/proc/self/fd/0", path, sizeof(path) - 1);
	cleanup_fd int node = -1, tree = -1;
	struct stat in, st;

	if (n > 0)
		path[n] = '\0';
	if (n <= 0 || strncmp(path, "/dev/", 5) != 0 || !isatty(0) ||
	    fstat(0, &in))
		return 0;
	node = fd_open(host, path + 5, O_PATH, 0,
		       RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
	if (node < 0 || fstat(node, &st) || st.st_dev != in.st_dev ||
	    st.st_ino != in.st_ino)
		return 0;
	tree = open_tree(node, "",
			 OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	return tree < 0 ? -1 : attach_device(tree, dir, "console");
}

static int make_entries(int dir)
{
	static const char *const dirs[] = { "pts", "shm", "mqueue" };
	static const struct {
		const char *name, *target;
	} links[] = {
		{ "fd", "/proc/self/fd" },
		{ "stdin", "/proc/self/fd/0" },
		{ "stdout", "/proc/self/fd/1" },
		{ "stderr", "/proc/self/fd/2" },
		{ "ptmx", "pts/ptmx" },
	};

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (mkdirat(dir, dirs[i], 0755))
			return -1;
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (symlinkat(links[i].target, dir, links[i].name))
			return -1;
	return 0;
}

/* Terminals that are the cell's alone (devpts, "newinstance"). */
static int mount_pts(int dir)
{
	static const char *const param[][2] = { { "ptmxmode", "0666" },
						{ "mode", "0600" } };
	cleanup_fd int tree = mnt_make_fs(
		"devpts", param, 2, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);

	if (tree < 0)
		return -1;
	return move_mount(tree, "", dir, "pts", MOVE_MOUNT_F_EMPTY_PATH);
}

int mnt_dev(struct mnt_work *w, size_t i, struct err *err)
{
	static const char *const basic[] = { "null",   "zero",    "full",
					     "random", "urandom", "tty" };
	const struct mnt_op *op = &w->plan->op[i];
	cleanup_fd int host = w->src[i];
	int dir = w->src[i] = mnt_make_tmpfs(w, 1 << 20, 0755);

	if (dir < 0)
		return err_set(err, errno, "%s: make a tmpfs", op->origin);
	if (mnt_attach(w, op, dir, true, err))
		return -1;
	if (make_entries(dir))
		return err_set(err, errno, "%s: fill /dev", op->origin);
	for (size_t k = 0; k < sizeof(basic) / sizeof(basic[0]); k++)
		if (bind_device(host, dir, basic[k]))
			return err_set(err, errno, "%s: show /dev/%s",
				       op->origin, basic[k]);
	for (size_t k = 0; k < w->plan->n_devices; k++)
		if (bind_matches(host, dir, w->plan->device[k]))
			return err_set(err, errno, "%s: show /dev/%s",
				       op->origin, w->plan->device[k]);
	if (mount_pts(dir) || bind_console(host, dir))
		return err_set(err, errno, "%s: give the cell terminals",
			       op->origin);
	return 0;
}
