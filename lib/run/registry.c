/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "acct/record.h"
#include "acct/spool.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/proc.h"
#include "run/cell.h"
#include "run/registry.h"

enum {
	WORD_MAX = 128, /* of a user's words nobody needs more to find a cell */
	HEADER_MAX = 64 * 1024,
};

/* --- lines --- */

struct text {
	char buf[HEADER_MAX];
	size_t len;
	bool full;
};

static void put_raw(struct text *t, char c)
{
	t->full = t->len == sizeof(t->buf);
	if (!t->full)
		t->buf[t->len++] = c;
}

static void put_byte(struct text *t, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";

	if (c >= ' ' && c != 0x7f && c != '\\') {
		put_raw(t, (char)c);
	} else {
		put_raw(t, '\\');
		put_raw(t, 'x');
		put_raw(t, hex[c >> 4]);
		put_raw(t, hex[c & 15]);
	}
}

/* "key value\n"; of a value that is longer than `max` the rest is left out. */
static void put(struct text *t, const char *key, const char *value, size_t max)
{
	if (!value)
		return;
	while (*key)
		put_raw(t, *key++);
	put_raw(t, ' ');
	while (*value && max--)
		put_byte(t, (unsigned char)*value++);
	put_raw(t, '\n');
}

static void put_number(struct text *t, const char *key, uint64_t n)
{
	char value[24];

	snprintf(value, sizeof(value), "%llu", (unsigned long long)n);
	put(t, key, value, sizeof(value));
}

static void put_header(struct text *t, const struct plan *plan,
		       const struct host *host, const char *id)
{
	const struct job *job = plan->job;
	char list[CELL_NAMESPACES];

	put_number(t, "cloison", 1);
	put(t, "id", id, SIZE_MAX);
	put(t, "boot", host->boot_id, SIZE_MAX);
	put_number(t, "start", (uint64_t)cell_now(CLOCK_REALTIME));
	put(t, "scheduler", job->scheduler.name, WORD_MAX);
	put(t, "cluster", job->scheduler.cluster, WORD_MAX);
	put(t, "job", job->scheduler.job, WORD_MAX);
	put(t, "step", job->scheduler.step, WORD_MAX);
	put(t, "account", job->scheduler.account, WORD_MAX);
	put(t, "user", job->user, WORD_MAX);
	put_number(t, "uid", job->uid);
	put_number(t, "gid", job->gid);
	put(t, "profile", plan->profile, WORD_MAX);
	put(t, "namespaces", cell_namespaces(&plan->ns, list), SIZE_MAX);
	if (plan->memory)
		put_number(t, "memory", plan->memory);
	if (plan->mnt.scratch)
		put_number(t, "scratch-size", plan->mnt.scratch);
	if (plan->sec.keep_caps)
		put(t, "caps", "keep", SIZE_MAX);
	put_number(t, "seccomp", plan->sec.seccomp);
	if (plan->sec.nestable)
		put(t, "nestable", "yes", SIZE_MAX);
	if (plan->sec.isolated)
		put(t, "isolated", "yes", SIZE_MAX);
	if (plan->sec.landlock != SEC_OFF)
		put_number(t, "landlock", plan->sec.landlock);
	for (size_t i = 0; i < plan->sec.n_writable; i++)
		put(t, "writable", plan->sec.writable[i], SIZE_MAX);
	put(t, "cwd", plan->cwd, SIZE_MAX);
	put(t, "spool", plan->spool, SIZE_MAX);
	for (size_t i = 0; i < plan->n_env; i++) {
		put(t, "env-name", plan->env[i].key, SIZE_MAX);
		put(t, "env-value", plan->env[i].value, SIZE_MAX);
	}
}

static int write_text(const struct registry *r, const struct text *t,
		      struct err *err)
{
	ssize_t n;

	if (t->full)
		return err_set(err, ENAMETOOLONG, "register the cell");
	/* At once, so that no line is ever half there for a reader. */
	n = write(r->fd, t->buf, t->len);
	if (n == (ssize_t)t->len)
		return 0;
	return err_set(err, n < 0 ? errno : ENOSPC, "register the cell");
}

int registry_note(const struct registry *registry, const char *key,
		  const char *value, struct err *err)
{
	struct text t;

	if (registry->fd < 0)
		return 0;
	t.len = 0;
	t.full = strlen(value) > REGISTRY_VALUE;
	put(&t, key, value, REGISTRY_VALUE);
	return write_text(registry, &t, err);
}

int registry_note_process(const struct registry *registry, const char *key,
			  pid_t pid, struct err *err)
{
	char value[48];

	if (registry->fd < 0)
		return 0;
	snprintf(value, sizeof(value), "%d %llu", (int)pid,
		 (unsigned long long)proc_start(pid));
	return registry_note(registry, key, value, err);
}

int registry_note_cgroup(const struct registry *registry,
			 const struct cg_plan *cg, struct err *err)
{
	char path[1024], moved[24];

	if (cg->source == CG_NONE)
		return 0;
	if (cg->source == CG_SCOPE)
		return registry_note(registry, "scope", cg->name, err);
	if (cg->source == CG_ADOPT &&
	    registry_note(registry, "limits", cg->parent, err))
		return -1;
	snprintf(path, sizeof(path), "%s%s%s", cg->parent,
		 cg->parent[1] ? "/" : "", cg->name);
	if (registry_note(registry, "cgroup", path, err))
		return -1;
	if (cg->source == CG_ADOPT)
		return 0;
	snprintf(moved, sizeof(moved), "%d 0", (int)getpid());
	return registry_note(registry, "cgroup-moved", moved, err);
}

int registry_note_made_cgroup(const struct registry *registry,
			      const struct cg *cg, struct err *err)
{
	char value[48];
	struct stat st;

	if (registry->fd < 0 || cg->leaf_fd < 0)
		return 0;
	if (fstat(cg->leaf_fd, &st))
		return err_set(err, errno, "stat cgroup %s", cg->leaf);
	snprintf(value, sizeof(value), "%llu", (unsigned long long)st.st_ino);
	if (registry_note(registry, "cgroup", cg->leaf, err) ||
	    registry_note(registry, "cgroup-id", value, err))
		return -1;
	if (!cg->moved)
		return 0;
	snprintf(value, sizeof(value), "%d %u", (int)cg->moved, cg->enabled);
	return registry_note(registry, "cgroup-moved", value, err);
}

/* --- places --- */

/* Ours, and nobody else can put anything there. */
static int check_dir(int fd, const char *path, struct err *err)
{
	struct stat st;
	mode_t no = geteuid() ? 0077 : 0022;

	if (fstat(fd, &st))
		return err_set(err, errno, "stat %s", path);
	if (st.st_uid != geteuid())
		return err_set(err, 0, "%s belongs to uid %u", path, st.st_uid);
	if (st.st_mode & no)
		return err_set(err, 0, "%s has mode %04o: chmod it to %04o",
			       path, st.st_mode & 07777, 0777 & ~no);
	return 0;
}

/* In one call where it is there already, as it is for all but the first. */
static int open_dir(const char *path, struct err *err)
{
	cleanup_fd int fd = fd_open(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0,
				    RESOLVE_NO_SYMLINKS);

	if (fd < 0) {
		/* Root's is for all to read, whoever of root's comes first. */
		mode_t mask = umask(022);

		fd = spool_dir(path, geteuid(), err);
		umask(mask);
	}
	if (fd < 0 || check_dir(fd, path, err))
		return -1;
	return steal_fd(&fd);
}

static int open_place(const struct plan *plan, struct err *err)
{
	const char *run = getenv("XDG_RUNTIME_DIR");
	char path[4096];
	int fd = -1;

	if (!geteuid()) {
		fd = open_dir(plan->lasting ? LOCALSTATEDIR "/lib/cloison/cells"
					    : "/run/cloison/cells",
			      err);
		/* Fake root is a user: what it calls /run is somebody else's.
		 */
		if (fd >= 0 || ns_in_first_user())
			return fd;
	} else if (run && *run == '/' &&
		   snprintf(path, sizeof(path), "%s/cloison/cells", run) <
			   (int)sizeof(path)) {
		fd = open_dir(path, err);
	}
	snprintf(path, sizeof(path), "/tmp/cloison-%u/cells", geteuid());
	return fd >= 0 ? fd : open_dir(path, err);
}

/* --- entries --- */

/*
 * The file gets its name when it is locked and has its header. Until then gc
 * may take it for what a dead one left: then rename finds nothing.
 */
static int create(struct registry *r, const struct text *t, struct err *err)
{
	char name[sizeof(r->id) + 1];

	snprintf(name, sizeof(name), ".%s", r->id);
	r->fd = openat(r->dir, name,
		       O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW |
			       O_CLOEXEC,
		       0600);
	if (r->fd < 0)
		return err_set(err, errno, "register the cell");
	if (fd_lock(r->fd))
		err_set(err, errno, "lock the cell's entry");
	else if (!write_text(r, t, err)) {
		/* Others may read root's, and only now could lock it. */
		if (!fchmod(r->fd, 0644) &&
		    !renameat(r->dir, name, r->dir, r->id))
			return 0;
		err_set(err, errno, "register the cell");
	}
	unlinkat(r->dir, name, 0);
	close(r->fd);
	r->fd = -1;
	return -1;
}

int registry_open(const struct plan *plan, const struct host *host,
		  struct registry *ret, struct err *err)
{
	struct text t;
	int r;

	*ret = (struct registry)REGISTRY_INIT;
	if (record_id(ret->id, err))
		return -1;
	ret->dir = open_place(plan, err);
	if (ret->dir < 0)
		return err_prefix(err, "register the cell");
	t.len = 0;
	t.full = false;
	put_header(&t, plan, host, ret->id);
	r = create(ret, &t, err);
	if (r && err->num == ENOENT)
		r = create(ret, &t, err);
	if (r)
		registry_close(ret);
	return r;
}

int registry_adopt(const struct plan *plan, const char *id,
		   struct registry *ret, struct err *err)
{
	*ret = (struct registry)REGISTRY_INIT;
	snprintf(ret->id, sizeof(ret->id), "%s", id);
	ret->dir = open_place(plan, err);
	if (ret->dir < 0)
		return err_prefix(err, "find the cell's entry");
	ret->fd = openat(ret->dir, id,
			 O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
	if (ret->fd >= 0)
		return 0;
	if (errno != ENOENT)
		err_set(err, errno, "find the cell's entry");
	else
		err->num = 0;
	registry_close(ret);
	return err->num ? -1 : 0;
}

int registry_remove(struct registry *registry, struct err *err)
{
	int r = 0;

	if (registry->fd >= 0 && unlinkat(registry->dir, registry->id, 0) &&
	    errno != ENOENT)
		r = err_set(err, errno, "remove the cell's entry");
	registry_close(registry);
	return r;
}

void registry_close(struct registry *registry)
{
	if (registry->fd >= 0)
		close(registry->fd);
	if (registry->dir >= 0)
		close(registry->dir);
	registry->fd = registry->dir = -1;
}
