/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acct/spool.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "cg/cg.h"
#include "plan/option.h"
#include "run/queuejob.h"

#define NOTES "/run/cloison/queue"

enum {
	NOTE_MAX = 8192,
};

/* --- notes --- */

static int open_notes(void)
{
	return open(NOTES, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int write_note(const struct queue_job *job, struct err *err)
{
	cleanup_fd int dir = spool_dir(NOTES, 0, err), fd = -1;
	struct pool pool = { 0 };
	const char *text;
	int r = 0;

	if (dir < 0)
		return -1;
	text = queue_job_print(job, &pool);
	fd = fd_unnamed(dir, 0644);
	if (fd < 0 || fchmod(fd, 0644) ||
	    fd_write_all(fd, text, strlen(text)) || fd_name(fd, dir, job->id))
		r = err_set(err, errno, "%s/%s", NOTES, job->id);
	pool_free(&pool);
	return r;
}

static int read_note(int dir, const char *id, struct pool *pool,
		     struct queue_job *ret, struct err *err)
{
	cleanup_fd int fd = openat(dir, id, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char text[NOTE_MAX];
	struct stat st;
	ssize_t n;

	if (fd < 0 && errno == ENOENT)
		return 1;
	if (fd < 0 || fstat(fd, &st))
		return err_set(err, errno, "%s/%s", NOTES, id);
	if (st.st_uid || !S_ISREG(st.st_mode) || st.st_mode & 0022)
		return err_set(err, 0, "%s/%s is not root's", NOTES, id);
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return err_set(err, errno, "%s/%s", NOTES, id);
	text[n] = '\0';
	if (queue_job_parse(text, pool, ret, err))
		return err_prefix(err, "%s/%s", NOTES, id);
	if (strcmp(ret->id, id) != 0)
		return err_set(err, 0, "%s/%s is of another job", NOTES, id);
	return 0;
}

int queuejob_read(const char *id, struct pool *pool, struct queue_job *ret,
		  struct err *err)
{
	cleanup_fd int dir = open_notes();

	if (option_job_id(id, err))
		return -1;
	return dir < 0 ? 1 : read_note(dir, id, pool, ret, err);
}

/* Of one job, or of all that nobody serves any more. */
static int each(const struct host *host, const char *only,
		int (*fn)(const struct host *host, const struct queue_job *job,
			  int dir, struct err *err),
		struct err *err)
{
	int fd = open_notes(), r = 0;
	cleanup_dir DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d && fd >= 0)
		close(fd);
	while (d && (e = readdir(d))) {
		struct pool pool = { 0 };
		struct queue_job job = { .id = e->d_name };
		int found;

		if (*e->d_name == '.' || (only && strcmp(only, e->d_name) != 0))
			continue;
		found = read_note(fd, e->d_name, &pool, &job, err);

		if (found < 0 ||
		    (!found && (only || !proc_alive(&job.shepherd)) &&
		     fn(host, &job, fd, err)))
			r = -1;
		pool_free(&pool);
	}
	return r;
}

/* --- the cgroup --- */

/* What its user needs to divide it (cgroup-v2.rst, "Delegation"). */
static int delegate(const struct queue_job *job, const struct cg *cg,
		    struct err *err)
{
	static const char *const files[] = { "cgroup.procs", "cgroup.threads",
					     "cgroup.subtree_control", "." };

	if (mkdirat(cg->fd, CG_MAIN, 0755))
		return err_set(err, errno, "mkdir cgroup %s/%s", cg->path,
			       CG_MAIN);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (fchownat(cg->fd, files[i], (uid_t)job->uid, (gid_t)job->gid,
			     AT_SYMLINK_NOFOLLOW))
			return err_set(err, errno, "chown cgroup %s/%s",
				       cg->path, files[i]);
	return 0;
}

static int make_cgroup(const struct queue_job *job, const struct cg_plan *plan,
		       const struct host *host, struct err *err)
{
	struct err ignored;
	struct cg cg;

	if (cg_create(plan, &host->cg, &cg, err))
		return -1;
	if (plan->source != CG_NONE && delegate(job, &cg, err)) {
		cg_remove(&cg, &ignored);
		return -1;
	}
	cg_close(&cg);
	return 0;
}

/* 1 where it is gone. */
static int open_cgroup(const struct host *host, const struct queue_job *job,
		       struct cg *ret, struct err *err)
{
	if (!job->cgroup || !host->cg.mount[0])
		return 1;
	if (!cg_open(&host->cg, job->cgroup, NULL, ret, err))
		return 0;
	return err->num == ENOENT ? 1 : -1;
}

static int kill_one(const struct host *host, const struct queue_job *job,
		    int dir, struct err *err)
{
	struct cg cg;
	int r = open_cgroup(host, job, &cg, err);

	(void)dir;
	if (r)
		return r < 0 ? -1 : 0;
	r = cg_kill(&cg, err);
	cg_close(&cg);
	return r;
}

static int remove_one(const struct host *host, const struct queue_job *job,
		      int dir, struct err *err)
{
	struct cg cg;
	int r = open_cgroup(host, job, &cg, err);

	if (r < 0 || (!r && cg_remove(&cg, err)))
		return -1;
	if (unlinkat(dir, job->id, 0) && errno != ENOENT)
		return err_set(err, errno, "remove %s/%s", NOTES, job->id);
	return 0;
}

int queuejobs_kill(const struct host *host, const char *id, struct err *err)
{
	return each(host, id, kill_one, err);
}

int queuejobs_remove(const struct host *host, const char *id, struct err *err)
{
	return each(host, id, remove_one, err);
}

int queuejob_make(const struct queue_job *job, const struct cg_plan *plan,
		  const struct host *host, struct err *err)
{
	struct err ignored;

	if (option_job_id(job->id, err) || queuejobs_kill(host, job->id, err) ||
	    queuejobs_remove(host, job->id, err) || write_note(job, err))
		return -1;
	if (!make_cgroup(job, plan, host, err))
		return 0;
	queuejobs_remove(host, job->id, &ignored);
	return -1;
}

/* --- the job's first process --- */

/* 1: not there yet. */
static int move_it(const struct queue_job *job, const struct cg *cg, int spool,
		   const char *name)
{
	struct proc_stat stat;
	char text[32];
	pid_t pid;

	if (fd_read_file(spool, name, text, sizeof(text)) <= 0)
		return 1;
	pid = (pid_t)strtol(text, NULL, 10);
	/* The shepherd's own child keeps its number until it is reaped. */
	if (pid <= 0 || proc_stat_read(-1, pid, &stat) ||
	    stat.parent != job->shepherd.pid)
		return 1;
	snprintf(text, sizeof(text), "%d", (int)pid);
	return fd_write_file(cg->fd, CG_MAIN "/cgroup.procs", text);
}

static void watch(const struct queue_job *job, const struct cg *cg, int spool,
		  const char *name)
{
	cleanup_fd int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	cleanup_fd int shepherd = pidfd_open(job->shepherd.pid, 0);
	struct pollfd p[] = { { .fd = shepherd, .events = POLLIN },
			      { .fd = fd, .events = POLLIN } };
	char path[32], events[4096];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", spool);
	if (fd < 0 || shepherd < 0 || !proc_alive(&job->shepherd) ||
	    inotify_add_watch(fd, path,
			      IN_CREATE | IN_MODIFY | IN_MOVED_TO |
				      IN_CLOSE_WRITE) < 0)
		return;
	while (move_it(job, cg, spool, name) > 0) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return;
		if (p[0].revents)
			return;
		while (read(fd, events, sizeof(events)) > 0)
			;
	}
}

/* Out of reach of what ends the prolog's process group when that is done. */
static void detach(int ready)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	for (int fd = 0; fd <= 2 && null >= 0; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
	close(ready);
}

int queuejob_watch(const struct queue_job *job, const struct host *host,
		   int spool, const char *name, struct err *err)
{
	struct cg cg = CG_INIT;
	int ready[2];
	pid_t pid;
	char c;

	if (!job->cgroup)
		return 0;
	if (cg_open(&host->cg, job->cgroup, NULL, &cg, err))
		return -1;
	if (pipe2(ready, O_CLOEXEC)) {
		cg_close(&cg);
		return err_set(err, errno, "make a pipe");
	}
	pid = fork();
	if (!pid) {
		close(ready[0]);
		detach(ready[1]);
		watch(job, &cg, spool, name);
		_exit(0);
	}
	close(ready[1]);
	/* The end of it is the word. */
	while (pid > 0 && read(ready[0], &c, 1) < 0 && errno == EINTR)
		;
	close(ready[0]);
	cg_close(&cg);
	return pid < 0 ? err_set(err, errno, "fork") : 0;
}
