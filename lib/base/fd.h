/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_FD_H
#define BASE_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Descriptors. Everything here opens with O_CLOEXEC and returns -1 with errno
 * on failure.
 */

/*
 * openat2(2): `flags` as for open, `resolve` as RESOLVE_*;
 * RESOLVE_NO_MAGICLINKS is always added, so that no path leads through
 * /proc/PID/fd and its like.
 */
int fd_open(int dirfd, const char *path, int flags, mode_t mode,
	    uint64_t resolve);

/*
 * Read a small file whole into `buf`, which is terminated; a trailing newline
 * is cut. Returns the length; a file of `size` bytes or more is EFBIG.
 */
ssize_t fd_read_file(int dirfd, const char *path, char *buf, size_t size);

/* Write `text` in one write(2), as files in /proc and cgroupfs want it. */
int fd_write_file(int dirfd, const char *path, const char *text);

/*
 * Close all descriptors above 2 but the `n` of `keep`, which is put in order;
 * negative ones in it count for none.
 */
int fd_close_others(int *keep, size_t n);

/*
 * A file without a name in the directory `dirfd` (open(2), O_TMPFILE), for
 * writing: whoever makes it may die and leaves nothing. Not all file systems
 * can do that; NFS cannot.
 */
int fd_unnamed(int dirfd, mode_t mode);

/* Give it a name in `dirfd`, in place of what has that now. Needs /proc. */
int fd_name(int fd, int dirfd, const char *name);

/*
 * Lock the first byte for writing (fcntl(2), F_OFD_SETLK), if nobody else has:
 * until the last copy of `fd` is closed. -1: errno.
 */
int fd_lock(int fd);

/* Whether somebody else has; another's lock for reading counts for none. */
bool fd_is_locked(int fd);

/* All of `len` bytes, whatever write(2) makes of it. */
int fd_write_all(int fd, const void *buf, size_t len);

#endif
