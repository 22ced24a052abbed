/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "acct/lost.h"
#include "acct/record.h"
#include "acct/spool.h"
#include "base/cleanup.h"
#include "cg/cg.h"
#include "link/link.h"
#include "mnt/mnt.h"
#include "run/entry.h"
#include "run/gc.h"
#include "run/scratch.h"

enum {
	DEATH_MS = 5000, /* from SIGKILL to the end of a process */
	USER_MS = 20000, /* for all that one user has left */
};

struct gc {
	const struct host *host;
	const struct gc_report *report;
	struct gc_count count;
	struct cg_usage usage; /* last figures of the cell at hand */
};

static void complain(struct gc *gc, const char *id, const char *text)
{
	gc->report->fn(gc->report->arg, id, text, true);
}

/* --- what entries note, and how it is undone --- */

/*
 * A step's leaf has one name for all who run there, so that the directory may
 * be that of a later cell: only the one whose inode is noted is killed.
 */
static bool is_ours(const struct entry *e, const struct cg *cg)
{
	struct stat st;

	return e->cgroup_id >= 0 && !fstat(cg->leaf_fd, &st) &&
	       st.st_ino == (ino_t)e->cgroup_id;
}

/* Somebody was killed between mkdir and the note: empty, or not ours. */
static int remove_unsure(const struct cg *cg, const char *name, struct err *err)
{
	if (!unlinkat(cg->fd, name, AT_REMOVEDIR) || errno == EBUSY ||
	    errno == ENOENT)
		return 0;
	return err_set(err, errno, "remove cgroup %s", cg->leaf);
}

static int undo_cgroup(struct gc *gc, const struct entry *e, const char *path,
		       struct err *err)
{
	const char *name = strrchr(path, '/');
	struct cg cg = CG_INIT;
	int r;

	if (path != e->cgroup || !gc->host->cg.mount[0])
		return 0;
	if (*path != '/' || strncmp(name, "/cloison", 8) != 0)
		return err_set(err, 0, "'%s' is no cgroup of ours", path);
	if (e->moved == getpid())
		return err_set(err, EAGAIN, "cgroup %s", path);
	r = cg_open(&gc->host->cg, e->limits ? e->limits : path,
		    e->limits ? path : NULL, &cg, err);
	if (r && err->num != ENOENT)
		return -1;
	if (!r && e->limits && !is_ours(e, &cg)) {
		r = e->cgroup_id < 0 ? remove_unsure(&cg, name + 1, err) : 0;
		cg_close(&cg);
		return r;
	}
	cg.moved = (pid_t)e->moved;
	cg.enabled = (unsigned)e->moved_enabled;
	if (!r) {
		cg_usage_read(cg.fd, &gc->usage);
		if (cg_kill(&cg, err)) {
			cg_close(&cg);
			return -1;
		}
	}
	return cg_remove(&cg, err);
}

static int undo_interface(struct gc *gc, const struct entry *e,
			  const char *name, struct err *err)
{
	(void)gc;
	(void)e;
	return link_sweep_host_end(name, err);
}

/* All that nobody holds, and nowhere else, whatever the note says. */
static int undo_leases(struct gc *gc, const struct entry *e, const char *where,
		       struct err *err)
{
	(void)gc;
	(void)e;
	(void)where;
	return link_sweep(LINK_LEASES, err);
}

static int undo_scratch(struct gc *gc, const struct entry *e, const char *note,
			struct err *err)
{
	(void)gc;
	(void)e;
	return scratch_undo(note, err);
}

/*
 * In a directory of the user's, with his ids. What cannot be removed, or not
 * soon, is when the directory is used again.
 */
static int undo_kept(struct gc *gc, const struct entry *e, const char *dir,
		     struct err *err)
{
	pid_t pid;

	(void)gc;
	if (geteuid() || !e->uid) {
		mnt_tidy_kept(dir);
		return 0;
	}
	pid = fork();
	if (pid < 0)
		return err_set(err, errno, "fork to tidy %s", dir);
	if (!pid) {
		alarm(USER_MS / 1000);
		if (!setgroups(0, NULL) &&
		    !setresgid((gid_t)e->gid, (gid_t)e->gid, (gid_t)e->gid) &&
		    !setresuid((uid_t)e->uid, (uid_t)e->uid, (uid_t)e->uid))
			mnt_tidy_kept(dir);
		_exit(0);
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return 0;
}

static const struct {
	const char *key;
	bool disk; /* outlives a boot */
	int (*undo)(struct gc *gc, const struct entry *entry, const char *value,
		    struct err *err);
} notes[] = {
	{ "cgroup", false, undo_cgroup },
	{ "interface", false, undo_interface },
	{ "leases", false, undo_leases },
	{ "scratch", true, undo_scratch },
	{ "kept", true, undo_kept },
};

/* The last one first, as cells are taken apart. */
static int undo_notes(struct gc *gc, const struct entry *e, struct err *err)
{
	bool same_boot = !strcmp(e->boot, gc->host->boot_id);
	int r = 0;

	for (size_t i = e->n_lines; i--;)
		for (size_t j = 0; j < sizeof(notes) / sizeof(notes[0]); j++)
			if (!strcmp(notes[j].key, e->line[i].key) &&
			    (same_boot || notes[j].disk) &&
			    notes[j].undo(gc, e, e->line[i].value, err))
				r = -1;
	return r;
}

/* --- the record of a cell that had nobody to write it --- */

/* What its supervisor had put into the spool, or what the entry says. */
static void begin(int spool, const struct entry *e, struct pool *pool,
		  struct record *r)
{
	const char *head;

	if (!spool_head(spool, e->id, geteuid(), pool, &head) ||
	    lost_parse(head, strlen(head), pool, r))
		record_init(r);
}

static void fill(const struct gc *gc, const struct entry *e, struct record *r)
{
	r->id = e->id;
	r->scheduler.name = e->scheduler;
	r->scheduler.cluster = e->cluster;
	r->scheduler.job = e->job;
	r->scheduler.step = e->step;
	r->node = gc->host->node;
	r->user.name = e->user;
	r->user.uid = e->uid;
	r->user.gid = e->gid;
	r->user.account = e->account;
	r->cell.profile = e->profile;
	r->cell.namespaces = e->namespaces;
	r->cell.boot_id = e->boot;
	r->time.start_us = e->start_us;
	r->exit.reason = "lost";
	r->usage = gc->usage;
	if (e->scratch >= 0)
		r->scratch.limit = e->scratch;
}

static int write_lost(const struct gc *gc, const struct entry *e,
		      struct pool *pool, struct err *err)
{
	const struct spool_rule any = { 0 };
	cleanup_fd int spool = -1;
	const char *json;
	struct record r;
	int found;

	if (e->recorded || !e->spool)
		return 0;
	spool = spool_open(e->spool, geteuid(), err);
	if (spool < 0)
		return -1;
	/* It was killed after it had written, and before it could say so. */
	found = spool_recover(spool, e->id, geteuid(), err);
	if (found)
		return found < 0 ? -1 : 0;
	begin(spool, e, pool, &r);
	fill(gc, e, &r);
	if (record_format(&r, pool, &json, err))
		return -1;
	return spool_write(spool, -1, e->id, json, &any, err);
}

/* --- cells --- */

static void kill_init(const struct proc *init)
{
	cleanup_fd int fd = init->pid > 0 ? pidfd_open(init->pid, 0) : -1;
	struct pollfd p = { .fd = fd, .events = POLLIN };

	/* Only now: the number cannot get to somebody else any more. */
	if (fd < 0 || !proc_alive(init))
		return;
	pidfd_send_signal(fd, SIGKILL, NULL, 0);
	poll(&p, 1, DEATH_MS);
}

/*
 * A supervisor that is there will clean up. Without it, init has nobody to
 * serve. What is still held then is not ours to judge: it may be seen from
 * within another PID namespace.
 */
static bool is_dead(const struct gc *gc, const struct place *place,
		    const struct entry *e)
{
	if (strcmp(e->boot, gc->host->boot_id) != 0)
		return true;
	if (proc_alive(&e->supervisor))
		return false;
	if (e->locked && !e->supervisor.pid)
		return false;
	kill_init(&e->init);
	return !e->locked || !entry_locked(place, e->id);
}

static int one(void *arg, const struct place *place, const char *name,
	       const struct entry *e, struct err *err)
{
	struct gc *gc = arg;
	struct pool pool = { 0 };

	if (!e) {
		complain(gc, name, err->text);
		gc->count.failed++;
		return 0;
	}
	if (!is_dead(gc, place, e)) {
		gc->count.alive++;
		return 0;
	}
	cg_usage_init(&gc->usage);
	if (undo_notes(gc, e, err)) {
		complain(gc, name, err->text);
		gc->count.failed++;
		return 0;
	}
	if (write_lost(gc, e, &pool, err)) {
		err_prefix(err, "no record");
		complain(gc, name, err->text);
	}
	pool_free(&pool);
	if (unlinkat(place->fd, name, 0) && errno != ENOENT)
		return err_set(err, errno, "remove %s/%s", place->path, name);
	gc->report->fn(gc->report->arg, name, "removed", false);
	gc->count.removed++;
	return 0;
}

/* Files whose makers died before they had their name. */
static void remove_unnamed(const struct place *place)
{
	int copy = openat(place->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;

	if (!d && copy >= 0)
		close(copy);
	while (d && (e = readdir(d)))
		if (e->d_name[0] == '.' && record_id_valid(e->d_name + 1) &&
		    !entry_locked(place, e->d_name))
			unlinkat(place->fd, e->d_name, 0);
}

/*
 * One at a time, by a file that only the owner can open. Nobody waits for a
 * lock that a user may hold for ever.
 */
static int clean(struct gc *gc, const struct place *place, bool wait,
		 struct err *err)
{
	struct pool pool = { 0 };
	cleanup_fd int fd =
		openat(place->fd, "gc.lock",
		       O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return err_set(err, errno, "%s/gc.lock", place->path);
	if (flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)))
		return errno == EWOULDBLOCK
			       ? 0
			       : err_set(err, errno, "lock %s", place->path);
	remove_unnamed(place);
	r = entries_each(place, &pool, one, gc, err);
	pool_free(&pool);
	return r;
}

/* --- places --- */

static _Noreturn void be_user(struct gc *gc, const struct place *place,
			      int pipe)
{
	struct err err;

	memset(&gc->count, 0, sizeof(gc->count));
	if (setgroups(0, NULL) ||
	    setresgid(place->gid, place->gid, place->gid) ||
	    setresuid(place->owner, place->owner, place->owner))
		_exit(1);
	if (clean(gc, place, false, &err))
		complain(gc, place->path, err.text);
	_exit(write(pipe, &gc->count, sizeof(gc->count)) != sizeof(gc->count));
}

/*
 * What a user has noted is done with nothing but his rights. He can stop or
 * kill the process that is his then, but not make us wait for it.
 */
static int clean_for(struct gc *gc, const struct place *place, struct err *err)
{
	struct gc_count count;
	struct pollfd p = { .events = POLLIN };
	int fd[2];
	pid_t pid;

	if (pipe2(fd, O_CLOEXEC))
		return err_set(err, errno, "make a pipe");
	pid = fork();
	if (!pid)
		be_user(gc, place, fd[1]);
	close(fd[1]);
	p.fd = fd[0];
	if (pid > 0 && poll(&p, 1, USER_MS) == 1 &&
	    read(fd[0], &count, sizeof(count)) == sizeof(count)) {
		gc->count.alive += count.alive;
		gc->count.removed += count.removed;
		gc->count.failed += count.failed;
	} else {
		complain(gc, place->path, "was not cleaned up in time");
		gc->count.failed++;
	}
	close(fd[0]);
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	return pid < 0 ? err_set(err, errno, "fork") : 0;
}

struct walk {
	struct gc gc;
	bool users;
};

static int at_place(void *arg, const struct place *place, struct err *err)
{
	struct walk *w = arg;

	if (place->owner == geteuid())
		return clean(&w->gc, place, true, err);
	if (geteuid() || !w->users)
		return 0;
	return clean_for(&w->gc, place, err);
}

int gc_run(const struct host *host, bool users, const struct gc_report *report,
	   struct gc_count *ret, struct err *err)
{
	struct walk w = { .gc = { .host = host, .report = report },
			  .users = users };
	int r = places_each(at_place, &w, err);

	if (users)
		topo_claims_sweep(topo_ledger);
	if (!geteuid() && scratch_jobs_gc(host->boot_id, err))
		r = -1;

	*ret = w.gc.count;
	return r;
}
