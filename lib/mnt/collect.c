/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "mnt/internal.h"

/* One overlay's collection while it goes on. */
struct collection {
	const struct mnt_op *op;
	int dir;         /* where to */
	char path[4096]; /* of the entry at hand, below the upper layer */
	size_t len;
	unsigned failed;
	bool no_room;    /* there is no point in going on */
	struct err *err; /* the first failure */
};

static void note(struct collection *c, const char *what)
{
	int num = errno;

	c->no_room = c->no_room || num == ENOSPC || num == EDQUOT;
	if (!c->failed++)
		err_set(c->err, num, "%s: %s %s", c->op->origin, what, c->path);
}

/* Data is copied, holes are left out. */
static int copy_data(int from, int to, off_t size)
{
	off_t at = 0, end;

	if (ftruncate(to, size))
		return -1;
	while (at < size) {
		at = lseek(from, at, SEEK_DATA);
		if (at < 0)
			return errno == ENXIO ? 0 : -1;
		end = lseek(from, at, SEEK_HOLE);
		if (end < 0 || lseek(to, at, SEEK_SET) < 0)
			return -1;
		while (at < end) {
			ssize_t n = sendfile(to, from, &at, (size_t)(end - at));

			if (n < 0 && errno == EINTR)
				continue;
			if (n <= 0)
				return -1;
		}
	}
	return 0;
}

/* The directory that the entry's copy lies in, made where it is missing. */
static int open_parent(const struct collection *c)
{
	int fd = openat(c->dir, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const char *p = c->path, *slash;

	for (; fd >= 0 && (slash = strchr(p, '/')); p = slash + 1) {
		cleanup_fd int parent = fd;
		char name[256];

		snprintf(name, sizeof(name), "%.*s", (int)(slash - p), p);
		if (mkdirat(parent, name, 0777) && errno != EEXIST)
			return -1;
		fd = fd_open(parent, name, O_PATH | O_DIRECTORY, 0,
			     RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
	}
	return fd;
}

static const char *base_name(const struct collection *c)
{
	const char *slash = strrchr(c->path, '/');

	return slash ? slash + 1 : c->path;
}

/* A file appears whole, with its mode and time, or not at all. */
static int copy_to(const struct collection *c, int from, int parent,
		   const struct stat *st)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	char tmp[40];
	cleanup_fd int to = -1;
	int saved;

	snprintf(tmp, sizeof(tmp), ".cloison-%d.tmp", getpid());
	to = openat(parent, tmp,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return -1;
	if (!copy_data(from, to, st->st_size) &&
	    !fchmod(to, st->st_mode & 0777) && !futimens(to, times) &&
	    !renameat(parent, tmp, parent, base_name(c)))
		return 0;
	saved = errno;
	unlinkat(parent, tmp, 0);
	errno = saved;
	return -1;
}

static void copy_file(struct collection *c, int layer, const char *name)
{
	cleanup_fd int from = openat(layer, name,
				     O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
					     O_NOCTTY | O_CLOEXEC);
	cleanup_fd int parent = -1;
	struct stat st;

	if (from < 0 || fstat(from, &st)) {
		note(c, "collect");
		return;
	}
	if (!S_ISREG(st.st_mode))
		return;
	parent = open_parent(c);
	if (parent < 0 || copy_to(c, from, parent, &st))
		note(c, "write");
}

static void make_dir(struct collection *c, mode_t mode)
{
	cleanup_fd int parent = open_parent(c);

	if (parent < 0 ||
	    (mkdirat(parent, base_name(c), mode & 0777) && errno != EEXIST))
		note(c, "make");
}

static void collect_dir(struct collection *c, int fd, bool matched);

static void collect_entry(struct collection *c, int layer, const char *name,
			  bool matched)
{
	int fd;
	struct stat st;

	matched = matched || !fnmatch(c->op->glob, c->path, FNM_PATHNAME);
	if (fstatat(layer, name, &st, AT_SYMLINK_NOFOLLOW)) {
		note(c, "collect");
	} else if (S_ISREG(st.st_mode)) {
		if (matched)
			copy_file(c, layer, name);
	} else if (S_ISDIR(st.st_mode)) {
		if (matched)
			make_dir(c, st.st_mode);
		fd = openat(layer, name,
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			note(c, "collect");
		else
			collect_dir(c, fd, matched);
	}
}

/*
 * Owns `fd`. Depth is bounded by the length of a path, and by how many files
 * may be open. What cannot be written for want of room ends it.
 */
static void collect_dir(struct collection *c, int fd, bool matched)
{
	cleanup_dir DIR *d = fdopendir(fd);
	const size_t len = c->len;
	struct dirent *e;

	if (!d) {
		note(c, "collect");
		close(fd);
		return;
	}
	while ((e = readdir(d))) {
		int n;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (c->no_room)
			return;
		n = snprintf(c->path + len, sizeof(c->path) - len, "%s%s",
			     len ? "/" : "", e->d_name);
		c->len = len + (size_t)n;
		if (c->len < sizeof(c->path)) {
			collect_entry(c, dirfd(d), e->d_name, matched);
		} else {
			errno = ENAMETOOLONG;
			note(c, "collect");
		}
		c->len = len;
		c->path[len] = '\0';
	}
}

int mnt_collect(const struct mnt_plan *plan, const struct mnt_live *live,
		struct err *err)
{
	struct collection c = { .err = err };
	mode_t mask = umask(022);

	for (size_t i = 0; i < plan->n; i++) {
		int fd = live->upper[i];

		if (fd < 0)
			continue;
		c.op = &plan->op[i];
		c.dir = live->dir[i];
		c.len = 0;
		collect_dir(&c,
			    openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
			    false);
	}
	umask(mask);
	if (!c.failed)
		return 0;
	if (c.failed > 1)
		err_hint(err, "and %u more", c.failed - 1);
	return -1;
}
