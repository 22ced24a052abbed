/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/parse.h"
#include "run/entry.h"

/* --- text --- */

/* What lines say, and where it goes: a kind is how a value is read. */
enum kind {
	WORD,
	NUMBER,
	PROCESS, /* "PID START" */
	PAIR,    /* two numbers, in two neighbours */
};

static const struct field {
	const char *key;
	enum kind kind;
	size_t at;
} fields[] = {
#define FIELD(key, kind, member)                           \
	{                                                  \
		key, kind, offsetof(struct entry, member), \
	}
	FIELD("id", WORD, id),
	FIELD("boot", WORD, boot),
	FIELD("start", NUMBER, start_us),
	FIELD("scheduler", WORD, scheduler),
	FIELD("cluster", WORD, cluster),
	FIELD("job", WORD, job),
	FIELD("step", WORD, step),
	FIELD("account", WORD, account),
	FIELD("user", WORD, user),
	FIELD("uid", NUMBER, uid),
	FIELD("gid", NUMBER, gid),
	FIELD("profile", WORD, profile),
	FIELD("namespaces", WORD, namespaces),
	FIELD("addresses", WORD, addresses),
	FIELD("memory", NUMBER, memory),
	FIELD("scratch-size", NUMBER, scratch),
	FIELD("caps", WORD, caps),
	FIELD("cwd", WORD, cwd),
	FIELD("spool", WORD, spool),
	FIELD("recorded", WORD, recorded),
	FIELD("limits", WORD, limits),
	FIELD("cgroup", WORD, cgroup),
	FIELD("cgroup-id", NUMBER, cgroup_id),
	FIELD("cgroup-moved", PAIR, moved),
	FIELD("supervisor", PROCESS, supervisor),
	FIELD("init", PROCESS, init),
};

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *p = c ? strchr(digits, c) : NULL;

	return p ? (int)(p - digits) : -1;
}

/* In place; what is no escape of ours, or hides an end of text, is refused. */
static int unescape(char *s)
{
	char *out = s;

	while (*s) {
		int high, low;

		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return -1;
		if (*s != '\\') {
			*out++ = *s++;
			continue;
		}
		high = s[1] == 'x' ? hex_digit(s[2]) : -1;
		low = high < 0 ? -1 : hex_digit(s[3]);
		if (low < 0 || !(high | low))
			return -1;
		*out++ = (char)(high << 4 | low);
		s += 4;
	}
	*out = '\0';
	return 0;
}

static int two_numbers(const char *value, uint64_t max_first,
		       uint64_t ret[static 2], struct err *err)
{
	const char *blank = strchr(value, ' ');
	char first[24];

	if (!blank || blank - value >= (int)sizeof(first))
		return err_set(err, 0, "two numbers are expected");
	snprintf(first, sizeof(first), "%.*s", (int)(blank - value), value);
	if (parse_uint(first, max_first, &ret[0], err))
		return -1;
	return parse_uint(blank + 1, INT64_MAX, &ret[1], err);
}

static int take(struct entry *e, const struct field *f, const char *value,
		struct err *err)
{
	char *at = (char *)e + f->at;
	uint64_t n[2];

	if (f->kind == WORD) {
		*(const char **)at = value;
	} else if (f->kind == NUMBER) {
		if (parse_uint(value, INT64_MAX, n, err))
			return -1;
		*(int64_t *)at = (int64_t)n[0];
	} else if (two_numbers(value, INT32_MAX, n, err)) {
		return -1;
	} else if (f->kind == PAIR) {
		((int64_t *)at)[0] = (int64_t)n[0];
		((int64_t *)at)[1] = (int64_t)n[1];
	} else {
		*(struct proc *)at = (struct proc){ (pid_t)n[0], n[1] };
	}
	return 0;
}

static int take_line(struct entry *e, char *line, struct pool *pool,
		     struct err *err)
{
	size_t len = strspn(line, "abcdefghijklmnopqrstuvwxyz-");
	struct record_pair *pair;

	if (!len || line[len] != ' ' || unescape(line + len + 1))
		return err_set(err, 0, "line %zu is none of ours",
			       e->n_lines + 1);
	if (e->n_lines == ENTRY_LINES)
		return err_set(err, 0, "too many lines");
	line[len] = '\0';
	pair = pool_push(pool, &e->line, &e->n_lines, sizeof(*pair));
	*pair = (struct record_pair){ line, line + len + 1 };
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (!strcmp(fields[i].key, line) &&
		    take(e, &fields[i], pair->value, err))
			return err_prefix(err, "%s", line);
	return 0;
}

int entry_parse(const char *text, size_t len, struct pool *pool,
		struct entry *ret, struct err *err)
{
	char *copy = pool_strndup(pool, text, len), *line = copy, *end;

	*ret = (struct entry){ .uid = -1,
			       .gid = -1,
			       .start_us = -1,
			       .memory = -1,
			       .scratch = -1,
			       .cgroup_id = -1 };
	if (strlen(copy) != len)
		return err_set(err, 0, "it is not text");
	/* A line without an end is one that the disk had no room for. */
	for (; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		if (take_line(ret, line, pool, err))
			return -1;
	}
	if (!ret->n_lines || strcmp(ret->line[0].key, "cloison") != 0)
		return err_set(err, 0, "it is not a cell's entry");
	if (strcmp(ret->line[0].value, "1") != 0)
		return err_set(err, 0, "it is of another version (%s)",
			       ret->line[0].value);
	if (!ret->id || !record_id_valid(ret->id) || !ret->boot ||
	    ret->start_us < 0 || ret->uid < 0 || ret->uid > UINT32_MAX ||
	    ret->gid < 0 || ret->gid > UINT32_MAX)
		return err_set(err, 0, "it does not say whose cell it is");
	return 0;
}

/* --- places --- */

static bool fit(const struct stat *st, uid_t owner)
{
	return S_ISDIR(st->st_mode) && st->st_uid == owner &&
	       !(st->st_mode & (owner ? 0077 : 0022));
}

struct visit {
	int (*fn)(void *arg, const struct place *place, struct err *err);
	void *arg;
	struct err *err;
};

static int visit(const struct visit *v, const char *path, uid_t owner)
{
	cleanup_fd int fd = fd_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0,
				    RESOLVE_NO_SYMLINKS);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) || !fit(&st, owner))
		return 0;
	return v->fn(v->arg, &(struct place){ path, fd, owner, st.st_gid },
		     v->err);
}

/* DIR/PREFIX<UID>/REST for every user; root has places of his own. */
static int visit_users(const struct visit *v, const char *dir,
		       const char *prefix, const char *rest)
{
	cleanup_dir DIR *d = opendir(dir);
	size_t len = strlen(prefix);
	struct dirent *e;
	int r = 0;

	while (d && !r && (e = readdir(d))) {
		struct err ignored;
		char path[512];
		uint64_t uid;

		if (strncmp(e->d_name, prefix, len) != 0 ||
		    parse_uint(e->d_name + len, UINT32_MAX - 1, &uid,
			       &ignored) ||
		    !uid)
			continue;
		snprintf(path, sizeof(path), "%s/%s/%s", dir, e->d_name, rest);
		r = visit(v, path, (uid_t)uid);
	}
	return r;
}

static int visit_own(const struct visit *v)
{
	const char *run = getenv("XDG_RUNTIME_DIR");
	uid_t uid = geteuid();
	char session[64], path[4096];
	int r;

	/* A batch job often does not know of the session. */
	snprintf(session, sizeof(session), "/run/user/%u", uid);
	snprintf(path, sizeof(path), "%s/cloison/cells", session);
	r = uid ? visit(v, path, uid) : 0;
	if (!r && uid && run && *run == '/' && strcmp(run, session) != 0) {
		snprintf(path, sizeof(path), "%s/cloison/cells", run);
		r = visit(v, path, uid);
	}
	snprintf(path, sizeof(path), "/tmp/cloison-%u/cells", uid);
	return r ? r : visit(v, path, uid);
}

int places_each(int (*fn)(void *arg, const struct place *place,
			  struct err *err),
		void *arg, struct err *err)
{
	const struct visit v = { fn, arg, err };
	int r = visit(&v, "/run/cloison/cells", 0);

	if (!r)
		r = visit(&v, LOCALSTATEDIR "/lib/cloison/cells", 0);
	if (!r)
		r = visit_own(&v);
	if (r || geteuid())
		return r;
	r = visit_users(&v, "/run/user", "", "cloison/cells");
	return r ? r : visit_users(&v, "/tmp", "cloison-", "cells");
}

/* --- entries --- */

/* Each row is a reason not to believe a file. */
static const char *doubt(const struct stat *st, const struct place *place)
{
	const struct {
		bool holds;
		const char *text;
	} doubts[] = {
		{ !S_ISREG(st->st_mode), "it is not a regular file" },
		{ st->st_uid != place->owner, "it belongs to somebody else" },
		{ st->st_mode & (S_IWGRP | S_IWOTH), "others may write it" },
		{ st->st_nlink > 1, "it has several links" },
		{ st->st_size > ENTRY_MAX, "it is too big" },
	};

	for (size_t i = 0; i < sizeof(doubts) / sizeof(doubts[0]); i++)
		if (doubts[i].holds)
			return doubts[i].text;
	return NULL;
}

/* A lock for writing is a keeper's: readers cannot have one on root's. */
bool entry_locked(const struct place *place, const char *name)
{
	cleanup_fd int fd = openat(place->fd, name,
				   O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
					   O_NOCTTY | O_CLOEXEC);

	return fd >= 0 && fd_is_locked(fd);
}

static int read_all(int fd, char *buf, size_t size, size_t *ret_len,
		    struct err *err)
{
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, buf + len, size - len)) > 0)
		len += (size_t)n;
	*ret_len = len;
	if (n < 0)
		return err_set(err, errno, "read");
	return len == size ? err_set(err, 0, "it is too big") : 0;
}

/* 1: it is gone, as the cell has ended meanwhile. */
static int read_entry(const struct place *place, const char *name,
		      struct pool *pool, struct entry *ret, struct err *err)
{
	/* O_NONBLOCK: a FIFO must not stop us. */
	cleanup_fd int fd = openat(place->fd, name,
				   O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
					   O_NOCTTY | O_CLOEXEC);
	char *buf;
	const char *why;
	struct stat st;
	size_t len;
	bool locked;

	if (fd < 0 && errno == ENOENT)
		return 1;
	if (fd < 0)
		return err_set(err, errno == ELOOP ? 0 : errno,
			       errno == ELOOP ? "it is a link" : "open");
	if (fstat(fd, &st))
		return err_set(err, errno, "stat");
	why = doubt(&st, place);
	if (why)
		return err_set(err, 0, "%s", why);
	/* Before reading: what nobody holds any more does not change. */
	locked = fd_is_locked(fd);
	buf = pool_alloc(pool, (size_t)st.st_size + 4096);
	if (read_all(fd, buf, (size_t)st.st_size + 4096, &len, err) ||
	    entry_parse(buf, len, pool, ret, err))
		return -1;
	if (!ret->id || strcmp(ret->id, name) != 0)
		return err_set(err, 0, "it is that of cell %s", ret->id);
	if (place->owner && (uid_t)ret->uid != place->owner)
		return err_set(err, 0, "it speaks for uid %lld",
			       (long long)ret->uid);
	ret->owner = place->owner;
	ret->locked = locked;
	return fstat(fd, &st) || !st.st_nlink;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int list(const struct place *place, struct pool *pool, const char ***ret,
		size_t *ret_n, struct err *err)
{
	int copy = openat(place->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *d = copy < 0 ? NULL : fdopendir(copy);
	size_t max = place->owner ? PLACE_MAX_USER : PLACE_MAX;
	struct dirent *e;

	if (!d) {
		err_set(err, errno, "list %s", place->path);
		if (copy >= 0)
			close(copy);
		return -1;
	}
	while (*ret_n < max && (e = readdir(d)))
		if (record_id_valid(e->d_name))
			*(const char **)pool_push(pool, ret, ret_n,
						  sizeof(char *)) =
				pool_strdup(pool, e->d_name);
	if (*ret_n)
		qsort(*ret, *ret_n, sizeof(**ret), by_name);
	return 0;
}

int entries_each(const struct place *place, struct pool *pool,
		 int (*fn)(void *arg, const struct place *place,
			   const char *name, const struct entry *entry,
			   struct err *err),
		 void *arg, struct err *err)
{
	const char **name = NULL;
	size_t n = 0;
	int r = list(place, pool, &name, &n, err);

	for (size_t i = 0; i < n && !r; i++) {
		struct entry entry;
		int got = read_entry(place, name[i], pool, &entry, err);

		if (got <= 0)
			r = fn(arg, place, name[i], got ? NULL : &entry, err);
	}
	return r;
}
