/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "acct/record.h"
#include "acct/room.h"
#include "acct/spool.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/pool.h"

static const char suffix[] = ".json";

enum {
	/* In tmp/, what is empty and older (seconds) has no writer. */
	STALE = 3600,
	/* Of most records. One that is longer takes its block then. */
	ROOM = 4096,
	NAME = 80,
};

/* Way down a path: `what` is the whole of it, for messages. */
struct walk {
	const char *what;
	uid_t owner;
	struct err *err;
};

static int check_dir(int fd, const struct walk *w, const char *part)
{
	const char *slash = *part ? "/" : "";
	struct stat st;

	if (fstat(fd, &st))
		return err_set(w->err, errno, "stat %s%s%s", w->what, slash,
			       part);
	if (st.st_uid != w->owner)
		return err_set(
			w->err, 0,
			"%s%s%s belongs to uid %u and not to uid %u: name another directory",
			w->what, slash, part, st.st_uid, w->owner);
	/* The group bits are the mask of an access list, if there is one. */
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return err_set(
			w->err, 0,
			"others may write %s%s%s: chmod go-w it, or name another directory",
			w->what, slash, part);
	return 0;
}

/* Only who will own it may make a directory. */
static int make_dir(int parent, const char *name, const struct walk *w)
{
	if (geteuid() != w->owner) {
		errno = ENOENT;
		return -1;
	}
	if (mkdirat(parent, name, w->owner ? 0700 : 0755) && errno != EEXIST)
		return -1;
	return 0;
}

/*
 * A link on the way is followed when root or the owner made it, as
 * /home -> /data/home is common; where it leads is not checked. Nothing rests
 * on that: what counts is who owns the last directory.
 */
static int follow(int parent, const char *name, const struct walk *w)
{
	struct stat st;

	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW))
		return -1;
	if (S_ISLNK(st.st_mode) && st.st_uid && st.st_uid != w->owner) {
		errno = ELOOP;
		return -1;
	}
	return openat(parent, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* Open one component of the path, making it at need. */
static int step(int parent, const char *name, bool last, const struct walk *w)
{
	const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(parent, name, flags);

	if (fd < 0 && errno == ENOENT && !make_dir(parent, name, w))
		fd = openat(parent, name, flags);
	/* With O_DIRECTORY a link is ENOTDIR. */
	if (fd < 0 && errno == ENOTDIR && !last)
		fd = follow(parent, name, w);
	if (fd < 0)
		return err_set(w->err, errno,
			       errno == ENOTDIR
				       ? "open %s (%s must be a real directory)"
				       : "open %s (at %s)",
			       w->what, name);
	return fd;
}

int spool_dir(const char *path, uid_t owner, struct err *err)
{
	const struct walk w = { path, owner, err };
	cleanup_fd int at = open(*path == '/' ? "/" : ".",
				 O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_fd int fd = -1;
	const char *p = path;

	if (at < 0)
		return err_set(err, errno, "open %s", path);
	while (*(p += strspn(p, "/"))) {
		size_t len = strcspn(p, "/");
		char name[NAME_MAX + 1];
		int next;

		if (len > NAME_MAX)
			return err_set(err, ENAMETOOLONG, "open %s", path);
		memcpy(name, p, len);
		name[len] = '\0';
		p += len;
		next = step(at, name, !p[strspn(p, "/")], &w);
		if (next < 0)
			return -1;
		close(at);
		at = next;
	}
	fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, errno, "open %s", path);
	return check_dir(fd, &w, "") ? -1 : steal_fd(&fd);
}

static int open_part(int spool, const char *name, struct err *err)
{
	int fd = openat(spool, name,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? err_set(err, errno, "open %s/ of the spool", name) : fd;
}

int spool_open(const char *dir, uid_t owner, struct err *err)
{
	static const char *const parts[] = { "tmp", "new" };
	const struct walk w = { dir, owner, err };
	cleanup_fd int spool = spool_dir(dir, owner, err);

	if (spool < 0)
		return -1;
	for (size_t i = 0; i < 2; i++) {
		cleanup_fd int fd = -1;

		if (faccessat(spool, parts[i], F_OK, AT_SYMLINK_NOFOLLOW) &&
		    errno == ENOENT && make_dir(spool, parts[i], &w))
			return err_set(err, errno, "make %s/%s", dir, parts[i]);
		fd = open_part(spool, parts[i], err);
		if (fd < 0)
			return err_prefix(err, "%s", dir);
		if (check_dir(fd, &w, parts[i]))
			return -1;
	}
	return steal_fd(&spool);
}

/* "ID.json" */
static int file_name(const char *id, char ret[static NAME], struct err *err)
{
	if (!record_id_valid(id))
		return err_set(err, 0, "'%s' is no record's id", id);
	snprintf(ret, NAME, "%s%s", id, suffix);
	return 0;
}

/* The lock says that the writer lives. Without one readers leave it alone for
 * an hour. */
static int create(int tmp, const char *name)
{
	cleanup_fd int fd = -1;

	/* A writer of the same id is dead: ids are made once. */
	if (unlinkat(tmp, name, 0) && errno != ENOENT)
		return -1;
	fd = openat(tmp, name,
		    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	fd_lock(fd);
	/* The umask may have taken bits away. */
	if (!fchmod(fd, 0600))
		return steal_fd(&fd);
	unlinkat(tmp, name, 0);
	return -1;
}

/* A new file in tmp/, on the disk with its name. */
static int create_durable(int tmp, const char *name, const char *text,
			  const struct spool_rule *rule)
{
	cleanup_fd int fd = create(tmp, name);

	if (fd < 0)
		return -1;
	if (!fd_write_all(fd, text, strlen(text)) &&
	    (rule->unsynced || (!fsync(fd) && !fsync(tmp))))
		return steal_fd(&fd);
	unlinkat(tmp, name, 0);
	return -1;
}

/* `text`, and blanks behind it up to `size`. */
static int write_padded(int fd, const char *text, size_t size)
{
	struct pool pool = { 0 };
	size_t len = strlen(text);
	char *padded;
	int r;

	if (len >= size)
		return fd_write_all(fd, text, len);
	padded = pool_alloc(&pool, size);
	memset(stpcpy(padded, text), ' ', size - len);
	r = fd_write_all(fd, padded, size);
	pool_free(&pool);
	return r;
}

int spool_reserve(int spool, const char *id, const char *head, struct err *err)
{
	cleanup_fd int tmp = -1, fd = -1;
	char name[NAME];

	if (file_name(id, name, err))
		return -1;
	tmp = open_part(spool, "tmp", err);
	if (tmp < 0)
		return -1;
	fd = create(tmp, name);
	if (fd >= 0 && !write_padded(fd, head, ROOM))
		return steal_fd(&fd);
	err_set(err, errno, "make room for a record");
	if (fd >= 0)
		unlinkat(tmp, name, 0);
	return -1;
}

int spool_settle(int spool, int reserved, struct err *err)
{
	cleanup_fd int tmp = open_part(spool, "tmp", err);

	if (tmp < 0)
		return -1;
	if (fsync(reserved) || fsync(tmp))
		return err_set(err, errno, "make room for a record");
	return 0;
}

void spool_cancel(int spool, const char *id, int reserved)
{
	cleanup_fd int tmp = -1;
	struct err ignored;
	char name[NAME];

	tmp = open_part(spool, "tmp", &ignored);
	if (tmp >= 0 && !file_name(id, name, &ignored))
		unlinkat(tmp, name, 0);
	close(reserved);
}

/* Nothing is left of what has been there. */
static int overwrite(int fd, const char *text, const struct spool_rule *rule)
{
	struct stat st;

	if (fstat(fd, &st) || lseek(fd, 0, SEEK_SET) ||
	    write_padded(fd, text, (size_t)st.st_size))
		return -1;
	return rule->unsynced ? 0 : fdatasync(fd);
}

/* What somebody has reserved who is not there any more. */
static int take_over(int tmp, const char *name)
{
	cleanup_fd int fd =
		openat(tmp, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fd_lock(fd) || fstat(fd, &st) || !S_ISREG(st.st_mode) ||
	    st.st_uid != geteuid() || st.st_nlink != 1 ||
	    (st.st_mode & (S_IWGRP | S_IWOTH)))
		return -1;
	return steal_fd(&fd);
}

int spool_write(int spool, int reserved, const char *id, const char *text,
		const struct spool_rule *rule, struct err *err)
{
	cleanup_fd int tmp = -1, new = -1, made = -1, taken = -1;
	uint64_t room = room_blocks(strlen(text));
	char name[NAME];

	if (file_name(id, name, err))
		return -1;
	if (strlen(text) > RECORD_MAX)
		return err_set(err, EFBIG, "spool record %s", id);
	tmp = open_part(spool, "tmp", err);
	new = tmp < 0 ? -1 : open_part(spool, "new", err);
	if (new < 0)
		return -1;
	if (room_take(spool, room, rule->max, err)) {
		unlinkat(tmp, name, 0);
		return err_prefix(err, "record %s", id);
	}
	if (reserved < 0) {
		taken = take_over(tmp, name);
		reserved = taken;
	}
	if (reserved >= 0 && !overwrite(reserved, text, rule) &&
	    !renameat(tmp, name, new, name))
		return 0;
	made = create_durable(tmp, name, text, rule);
	if (made >= 0 && !renameat(tmp, name, new, name))
		return 0;
	err_set(err, errno, "write record %s to the spool", id);
	unlinkat(tmp, name, 0);
	room_give(spool, room);
	return -1;
}

static bool name_valid(const char *name)
{
	size_t len = strlen(name), cut = sizeof(suffix) - 1;
	char id[65];

	if (len <= cut || len - cut >= sizeof(id) ||
	    strcmp(name + len - cut, suffix) != 0)
		return false;
	memcpy(id, name, len - cut);
	id[len - cut] = '\0';
	return record_id_valid(id);
}

/* Each row is a reason not to believe a file. */
static const char *doubt(const struct stat *st, uid_t owner, const char *name)
{
	const struct {
		bool holds;
		const char *text;
	} doubts[] = {
		{ !S_ISREG(st->st_mode), "not a regular file" },
		{ st->st_uid != owner, "it belongs to somebody else" },
		{ st->st_mode & (S_IWGRP | S_IWOTH), "others may write it" },
		{ st->st_nlink != 1, "it has several links" },
		{ st->st_size > RECORD_MAX, "it is too big" },
		{ !name_valid(name), "its name is not ID.json" },
	};

	for (size_t i = 0; i < sizeof(doubts) / sizeof(doubts[0]); i++)
		if (doubts[i].holds)
			return doubts[i].text;
	return NULL;
}

/* The length of the text in the file; -1 with `err` filled, whose num may be
 * ENOENT. */
static ssize_t read_file(int dir, const char *name, uid_t owner,
			 char buf[static RECORD_MAX + 1], struct err *err)
{
	/* O_NONBLOCK: a FIFO must not stop us. */
	cleanup_fd int fd = openat(dir, name,
				   O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
					   O_NOCTTY | O_CLOEXEC);
	const char *why;
	struct stat st;
	size_t len = 0;

	if (fd < 0)
		return err_set(err, errno,
			       errno == ELOOP ? "it is a link" : "open");
	if (fstat(fd, &st))
		return err_set(err, errno, "stat");
	/* Another reader removed it just now. */
	if (!st.st_nlink)
		return err_set(err, ENOENT, "open");
	why = doubt(&st, owner, name);
	if (why)
		return err_set(err, 0, "%s", why);
	while (len <= RECORD_MAX) {
		ssize_t n = read(fd, buf + len, RECORD_MAX + 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(err, errno, "read");
		if (!n)
			break;
		len += (size_t)n;
	}
	if (len > RECORD_MAX)
		return err_set(err, 0, "it is too big");
	while (len && (buf[len - 1] == ' ' || buf[len - 1] == '\n'))
		len--;
	return (ssize_t)len;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a directory, sorted. */
static int list(int spool, const char *part, struct pool *pool, char ***ret,
		size_t *ret_n, struct err *err)
{
	int fd = open_part(spool, part, err);
	cleanup_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (fd < 0)
		return -1;
	if (!dir) {
		close(fd);
		return err_set(err, errno, "list %s/ of the spool", part);
	}
	while (errno = 0, e = readdir(dir)) {
		char **name;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		name = pool_push(pool, ret, ret_n, sizeof(*name));
		*name = pool_strdup(pool, e->d_name);
	}
	if (errno)
		return err_set(err, errno, "list %s/ of the spool", part);
	if (*ret_n)
		qsort(*ret, *ret_n, sizeof(**ret), by_name);
	return 0;
}

/* A whole record in tmp/, whose writer died before the rename or was cut off
 * by a crash of the node: it was promised to be kept. */
static bool recover(int spool, const char *name, uid_t owner,
		    char buf[static RECORD_MAX + 1])
{
	struct pool pool = { 0 };
	cleanup_fd int tmp = -1, new = -1;
	struct err ignored;
	struct record r;
	char own[NAME];
	bool whole;
	ssize_t len;

	tmp = open_part(spool, "tmp", &ignored);
	new = open_part(spool, "new", &ignored);
	if (tmp < 0 || new < 0)
		return false;
	len = read_file(tmp, name, owner, buf, &ignored);
	whole = len > 0 &&
		!record_parse(buf, (size_t)len, &pool, &r, &ignored) &&
		!file_name(r.id, own, &ignored) && !strcmp(own, name);
	pool_free(&pool);
	return whole && !renameat(tmp, name, new, name);
}

int spool_recover(int spool, const char *id, uid_t owner, struct err *err)
{
	struct pool pool = { 0 };
	char name[NAME], file[NAME + 4];
	int found;

	if (file_name(id, name, err))
		return -1;
	snprintf(file, sizeof(file), "new/%s", name);
	if (!faccessat(spool, file, F_OK, AT_SYMLINK_NOFOLLOW))
		return 1;
	found = recover(spool, name, owner, pool_alloc(&pool, RECORD_MAX + 1));
	pool_free(&pool);
	return found;
}

int spool_head(int spool, const char *id, uid_t owner, struct pool *pool,
	       const char **ret)
{
	struct err ignored;
	char name[NAME];
	cleanup_fd int tmp = open_part(spool, "tmp", &ignored);
	char *buf = pool_alloc(pool, RECORD_MAX + 1);
	ssize_t len;

	if (tmp < 0 || file_name(id, name, &ignored))
		return 0;
	len = read_file(tmp, name, owner, buf, &ignored);
	if (len <= 0)
		return 0;
	buf[len] = '\0';
	*ret = buf;
	return 1;
}

static bool has_writer(int tmp, const char *name)
{
	cleanup_fd int fd = openat(tmp, name,
				   O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
					   O_NOCTTY | O_CLOEXEC);

	return fd >= 0 && fd_is_locked(fd);
}

/* A head is kept until somebody knows what became of its cell. */
static bool is_head(const char *text, ssize_t len)
{
	return len > 0 && *text == '{';
}

int spool_heads(int spool, uid_t owner,
		int (*fn)(void *arg, const char *id, const char *text,
			  size_t len, time_t written, struct err *err),
		void *arg, struct err *err)
{
	cleanup_fd int tmp = open_part(spool, "tmp", err);
	struct pool pool = { 0 };
	char **names = NULL, *buf;
	int result = 0;
	size_t n = 0;

	if (tmp < 0)
		return -1;
	buf = pool_alloc(&pool, RECORD_MAX + 1);
	if (list(spool, "tmp", &pool, &names, &n, err))
		result = -1;
	for (size_t i = 0; i < n && !result; i++) {
		struct err ignored;
		struct stat st;
		ssize_t len;

		if (has_writer(tmp, names[i]) ||
		    recover(spool, names[i], owner, buf) ||
		    fstatat(tmp, names[i], &st, AT_SYMLINK_NOFOLLOW))
			continue;
		len = read_file(tmp, names[i], owner, buf, &ignored);
		if (!is_head(buf, len))
			continue;
		names[i][strlen(names[i]) - (sizeof(suffix) - 1)] = '\0';
		result = fn(arg, names[i], buf, (size_t)len, st.st_mtime, err);
	}
	pool_free(&pool);
	return result;
}

static void sweep(int spool, uid_t owner, char buf[static RECORD_MAX + 1])
{
	struct pool pool = { 0 };
	struct err ignored;
	char **names = NULL;
	size_t n = 0;
	cleanup_fd int tmp = open_part(spool, "tmp", &ignored);

	if (tmp >= 0 && !list(spool, "tmp", &pool, &names, &n, &ignored))
		for (size_t i = 0; i < n; i++) {
			struct stat st;

			if (!has_writer(tmp, names[i]) &&
			    !recover(spool, names[i], owner, buf) &&
			    !is_head(buf, read_file(tmp, names[i], owner, buf,
						    &ignored)) &&
			    !fstatat(tmp, names[i], &st, AT_SYMLINK_NOFOLLOW) &&
			    st.st_mtime + STALE < time(NULL))
				unlinkat(tmp, names[i], 0);
		}
	pool_free(&pool);
}

/* Others write while we count: that is not held against them. */
static void recount(int spool, int new, char *const names[], size_t n,
		    uint64_t before)
{
	uint64_t found = 0;

	for (size_t i = 0; i < n; i++) {
		struct stat st;

		if (!fstatat(new, names[i], &st, AT_SYMLINK_NOFOLLOW))
			found += room_blocks((uint64_t)st.st_size);
	}
	room_found(spool, before, found);
}

int spool_read(int spool, uid_t owner,
	       int (*fn)(void *arg, const char *name, const char *text,
			 size_t len, struct err *err),
	       void *arg, struct err *err)
{
	cleanup_fd int new = open_part(spool, "new", err);
	struct pool pool = { 0 };
	char **names = NULL, *buf;
	uint64_t before;
	int result = 0;
	size_t n = 0;

	if (new < 0)
		return -1;
	buf = pool_alloc(&pool, RECORD_MAX + 1);
	sweep(spool, owner, buf);
	before = room_used(spool);
	if (list(spool, "new", &pool, &names, &n, err))
		result = -1;
	else
		recount(spool, new, names, n, before);
	for (size_t i = 0; i < n && !result; i++) {
		ssize_t len = read_file(new, names[i], owner, buf, err);

		/* Another reader may have been here. */
		if (len < 0 && err->num == ENOENT)
			continue;
		result = fn(arg, names[i], len < 0 ? NULL : buf,
			    len < 0 ? 0 : (size_t)len, err);
	}
	pool_free(&pool);
	return result;
}

int spool_remove(int spool, const char *name, struct err *err)
{
	cleanup_fd int new = open_part(spool, "new", err);
	struct stat st = { 0 };

	if (new < 0)
		return -1;
	if (fstatat(new, name, &st, AT_SYMLINK_NOFOLLOW) ||
	    unlinkat(new, name, 0))
		return errno == ENOENT
			       ? 0
			       : err_set(err, errno, "remove %s from the spool",
					 name);
	room_give(spool, room_blocks((uint64_t)st.st_size));
	return 0;
}

int spool_reject(int spool, const char *name, struct err *err)
{
	cleanup_fd int new = open_part(spool, "new", err), bad = -1;
	struct stat st = { 0 };

	if (new < 0)
		return -1;
	if (mkdirat(spool, "bad", 0700) && errno != EEXIST)
		return err_set(err, errno, "make bad/ in the spool");
	bad = open_part(spool, "bad", err);
	if (bad < 0)
		return -1;
	if (fstatat(new, name, &st, AT_SYMLINK_NOFOLLOW) ||
	    renameat(new, name, bad, name))
		return errno == ENOENT
			       ? 0
			       : err_set(err, errno,
					 "move %s to bad/ of the spool", name);
	room_give(spool, room_blocks((uint64_t)st.st_size));
	return 0;
}
