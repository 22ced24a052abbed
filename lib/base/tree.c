/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/tree.h"

/* One removal: directories that are not empty are moved up to `top`. */
struct removal {
	int top;
	unsigned long moved;
	bool progress; /* something went in this round */
	int num;       /* why something did not */
};

static DIR *open_dir(int dirfd, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
	const uint64_t resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS;
	int fd = fd_open(dirfd, name, flags, 0, resolve);
	DIR *d;

	if (fd < 0 && errno == EACCES && !fchmodat(dirfd, name, 0700, 0))
		fd = fd_open(dirfd, name, flags, 0, resolve);
	if (fd < 0)
		return NULL;
	fchmod(fd, 0700);
	d = fdopendir(fd);
	if (!d)
		close(fd);
	return d;
}

static bool is_dots(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

/* Remove a file or an empty directory. */
static bool gone(int dirfd, const char *name)
{
	return !unlinkat(dirfd, name, 0) ||
	       !unlinkat(dirfd, name, AT_REMOVEDIR);
}

static bool move_up(struct removal *r, int dirfd, const char *name)
{
	char to[32];

	/* It is a directory, whose entry ".." is about to change. */
	if (faccessat(dirfd, name, W_OK, AT_EACCESS | AT_SYMLINK_NOFOLLOW) &&
	    fchmodat(dirfd, name, 0700, AT_SYMLINK_NOFOLLOW))
		return false;
	do {
		snprintf(to, sizeof(to), "%lu", r->moved++);
		if (!renameat2(dirfd, name, r->top, to, RENAME_NOREPLACE))
			return true;
	} while (errno == EEXIST);
	return false;
}

/* Empty a directory of `top`: what is deeper comes next to it. */
static void flatten(struct removal *r, const char *name)
{
	cleanup_dir DIR *d = open_dir(r->top, name);
	struct dirent *e;

	if (!d) {
		r->num = errno;
		return;
	}
	while ((e = readdir(d))) {
		if (is_dots(e->d_name))
			continue;
		if (gone(dirfd(d), e->d_name) ||
		    move_up(r, dirfd(d), e->d_name))
			r->progress = true;
		else
			r->num = errno;
	}
}

static int empty(DIR *top)
{
	struct removal r = { .top = dirfd(top) };
	struct dirent *e;
	bool found;

	do {
		r.progress = found = false;
		rewinddir(top);
		while ((e = readdir(top))) {
			if (is_dots(e->d_name))
				continue;
			found = true;
			if (gone(r.top, e->d_name)) {
				r.progress = true;
				continue;
			}
			flatten(&r, e->d_name);
		}
	} while (r.progress);
	errno = r.num;
	return found ? -1 : 0;
}

int tree_remove(int dirfd, const char *name)
{
	cleanup_dir DIR *top = NULL;

	if (gone(dirfd, name) || errno == ENOENT)
		return 0;
	top = open_dir(dirfd, name);
	if (!top || empty(top))
		return -1;
	return unlinkat(dirfd, name, AT_REMOVEDIR);
}
