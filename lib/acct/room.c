/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "acct/room.h"
#include "base/cleanup.h"
#include "base/fd.h"

enum {
	BLOCK = 4096,
	DIGITS = 20, /* of the number in `used` */
	STATE_MAX = 128,
	PATIENCE = 1000, /* milliseconds: a cell of its owner's may hold it */
};

uint64_t room_blocks(uint64_t bytes)
{
	return (bytes + BLOCK - 1) / BLOCK * BLOCK;
}

/* Closing it gives the lock back. */
static int open_used(int spool)
{
	cleanup_fd int fd = openat(
		spool, "used",
		O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);

	if (fd < 0)
		return -1;
	for (int i = 0; flock(fd, LOCK_EX | LOCK_NB); i++) {
		if ((errno != EWOULDBLOCK && errno != EINTR) || i == PATIENCE)
			return -1;
		usleep(1000);
	}
	return steal_fd(&fd);
}

static uint64_t get(int fd)
{
	char text[DIGITS + 1] = "";

	if (pread(fd, text, DIGITS, 0) < 0)
		return 0;
	return strtoull(text, NULL, 10);
}

static void put(int fd, uint64_t used)
{
	char text[DIGITS + 2];

	snprintf(text, sizeof(text), "%0*llu\n", DIGITS,
		 (unsigned long long)used);
	/* Without it the next reader's count is right again. */
	if (pwrite(fd, text, DIGITS + 1, 0) < 0)
		return;
}

static void now_text(char *ret, size_t size)
{
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(ret, size, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

/* Under the lock of `used`. 1 if there is such a file. */
static int read_full(int spool, unsigned long long *ret_n, char since[32])
{
	char text[STATE_MAX];

	*ret_n = 0;
	return fd_read_file(spool, "full", text, sizeof(text)) > 0 &&
	       sscanf(text, "records %llu since %31s", ret_n, since) == 2;
}

static void note_full(int spool)
{
	cleanup_fd int fd = -1;
	char text[STATE_MAX], since[32], now[32];
	unsigned long long n;

	now_text(now, sizeof(now));
	if (!read_full(spool, &n, since))
		memcpy(since, now, sizeof(now));
	fd = openat(spool, "full",
		    O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
		    0600);
	snprintf(text, sizeof(text), "records %llu\nsince %s\nlast %s\n", n + 1,
		 since, now);
	/* The caller is told of each of them, too. */
	if (fd >= 0 && pwrite(fd, text, strlen(text), 0) < 0)
		return;
}

int room_take(int spool, uint64_t bytes, uint64_t max, struct err *err)
{
	cleanup_fd int fd = open_used(spool);
	uint64_t used;

	if (fd < 0)
		return 0;
	used = get(fd) + bytes;
	if (!max || used <= max) {
		put(fd, used);
		return 0;
	}
	note_full(spool);
	return err_set(err, EDQUOT,
		       "the spool has its %llu bytes (spool-max): have it "
		       "read, or raise that",
		       (unsigned long long)max);
}

static void change(int spool, uint64_t more, uint64_t less)
{
	cleanup_fd int fd = open_used(spool);
	uint64_t used;

	if (fd < 0)
		return;
	used = get(fd) + more;
	put(fd, used > less ? used - less : 0);
}

void room_give(int spool, uint64_t bytes)
{
	change(spool, 0, bytes);
}

void room_found(int spool, uint64_t before, uint64_t found)
{
	if (before != found)
		change(spool, found, before);
}

uint64_t room_used(int spool)
{
	cleanup_fd int fd = open_used(spool);

	return fd < 0 ? 0 : get(fd);
}

int room_full(int spool, struct err *ret)
{
	cleanup_fd int fd = open_used(spool);
	unsigned long long n;
	char since[32];

	(void)fd; /* it has the lock */
	if (!read_full(spool, &n, since))
		return 0;
	err_set(ret, 0,
		"since %s the spool had no room for %llu record%s: raise "
		"spool-max, have it read, then remove its file 'full'",
		since, n, n == 1 ? "" : "s");
	return 1;
}
