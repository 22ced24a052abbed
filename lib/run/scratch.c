/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/tree.h"
#include "mnt/project.h"
#include "run/scratch.h"

static const char name_start[] = "cloison-";

/*
 * While a project is looked for, gets its limit or loses it: one without
 * files and limits is free, and one that has files is somebody's.
 */
static int lock_projects(struct err *err)
{
	static const char file[] = "/run/cloison/projects.lock";
	cleanup_fd int fd = -1;

	if (mkdir("/run/cloison", 0755) && errno != EEXIST)
		return err_set(err, errno, "make /run/cloison");
	fd = open(file, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || flock(fd, LOCK_EX))
		return err_set(err, errno, "lock %s", file);
	return steal_fd(&fd);
}

static int make_dir(int dir, const char *path, struct err *err)
{
	const char *name = strrchr(path, '/') + 1;
	int fd = -1;

	if (!mkdirat(dir, name, 0700))
		fd = openat(dir, name,
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_set(err, errno, "make %s", path) : fd;
}

/* Scratch in the making: what its notes go to is a cell's or a job's. */
struct making {
	const struct plan *plan;
	const struct registry *registry;
	int job; /* the job's directory, or -1 */
	struct scratch *s;
};

const char *scratch_path(const struct scratch *s)
{
	return strchr(s->note, '/');
}

/* In a file that is there with all of its text or not at all. */
static int write_note(int dir, const char *name, const char *text,
		      struct err *err)
{
	cleanup_fd int fd = openat(
		dir, "new",
		O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0 || fd_write_all(fd, text, strlen(text)) || fsync(fd) ||
	    renameat(dir, "new", dir, name))
		return err_set(err, errno, "note the job's scratch");
	return 0;
}

static int note(const struct making *m, uint32_t project, const char *path,
		struct err *err)
{
	struct scratch *s = m->s;

	if (snprintf(s->note, sizeof(s->note), "%u %s", project, path) >=
	    (int)sizeof(s->note)) {
		*s->note = '\0';
		return err_set(err, ENAMETOOLONG, "%s", path);
	}
	return m->job >= 0
		       ? write_note(m->job, "note", s->note, err)
		       : registry_note(m->registry, "scratch", s->note, err);
}

/* The limit comes first: a project without files and limit is free. */
static int make_sized(const struct making *m, int dir, const char *path,
		      struct err *err)
{
	const struct plan *plan = m->plan;
	cleanup_fd int lock = lock_projects(err);
	cleanup_fd int fd = -1;
	uint32_t project;

	if (lock < 0 ||
	    mnt_project_find(dir, plan->scratch.first, plan->scratch.last,
			     &project, err) ||
	    note(m, project, path, err) ||
	    mnt_project_limit(dir, project, plan->mnt.scratch, err))
		return -1;
	fd = make_dir(dir, path, err);
	return fd < 0 ? -1 : mnt_project_join(fd, project, err);
}

static int make_unsized(const struct making *m, int dir, const char *path,
			struct err *err)
{
	cleanup_fd int fd = -1;

	if (note(m, 0, path, err))
		return -1;
	fd = make_dir(dir, path, err);
	return fd < 0 ? -1 : 0;
}

static int make_on_disk(const struct making *m, const char *name,
			struct err *err)
{
	const char *where = m->plan->scratch.dir;
	cleanup_fd int dir = fd_open(AT_FDCWD, where, O_RDONLY | O_DIRECTORY, 0,
				     RESOLVE_NO_SYMLINKS);
	char path[1024];

	if (dir < 0)
		return err_set(err, errno, "%s", where);
	if (snprintf(path, sizeof(path), "%s/%s%s", where, name_start, name) >=
	    (int)sizeof(path))
		return err_set(err, ENAMETOOLONG, "%s", where);
	if (!mnt_project_check(dir, where, err))
		return make_sized(m, dir, path, err);
	if (!m->plan->scratch.unsized_ok)
		return -1;
	m->s->no_quota = *err;
	return make_unsized(m, dir, path, err);
}

/* --- scratch of a job --- */

/* What is in memory is gone with the boot, and so may be what says so. */
static const char *const places[] = { "/run/cloison/jobs",
				      LOCALSTATEDIR "/lib/cloison/jobs" };

static int open_made(int dir, const char *name)
{
	if (mkdirat(dir, name, 0700) && errno != EEXIST)
		return -1;
	return openat(dir, name,
		      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* A directory that only root can enter, with all above it. */
static int open_place(const char *path, struct err *err)
{
	char copy[256], *slash = copy;
	int fd;

	snprintf(copy, sizeof(copy), "%s", path);
	while ((slash = strchr(slash + 1, '/'))) {
		*slash = '\0';
		if (mkdir(copy, 0755) && errno != EEXIST)
			return err_set(err, errno, "make %s", copy);
		*slash = '/';
	}
	fd = open_made(AT_FDCWD, path);
	return fd < 0 ? err_set(err, errno, "make %s", path) : fd;
}

static void job_name(const char *job, uid_t uid, char ret[static 80])
{
	snprintf(ret, 80, "%.40s-%u", job, uid);
	for (char *p = ret; *p; p++)
		if (*p == '/' || *p == '.')
			*p = '_';
}

/* One tmpfs, mounted for whoever is to find it below the job's directory. */
static int make_tmpfs(const struct making *m, const char *path, struct err *err)
{
	struct stat above, st;
	cleanup_fd int fd = open_made(m->job, "scratch");

	if (fd < 0 || fstat(fd, &st) || fstat(m->job, &above))
		return err_set(err, errno, "make %s", path);
	snprintf(m->s->note, sizeof(m->s->note), "0 %s", path);
	if (st.st_dev != above.st_dev)
		return 0;
	return mnt_mount_tmpfs(fd, m->plan->mnt.scratch, err);
}

static int make_job(const struct making *m, const char *place, const char *name,
		    struct err *err)
{
	char path[256], boot[64] = "", job[96];
	ssize_t n;

	if (!m->plan->scratch.dir) {
		snprintf(path, sizeof(path), "%s/%s/scratch", place, name);
		return make_tmpfs(m, path, err);
	}
	n = fd_read_file(m->job, "note", m->s->note, sizeof(m->s->note));
	if (n > 0 && !faccessat(m->job, "ready", F_OK, 0))
		return 0;
	/* Whoever began was killed. */
	if (n > 0 && scratch_undo(m->s->note, err))
		return -1;
	*m->s->note = '\0';
	if (fd_read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", boot,
			 sizeof(boot)) < 0)
		return err_set(err, errno, "read the boot's id");
	snprintf(job, sizeof(job), "job-%s", name);
	return write_note(m->job, "boot", boot, err) ||
			       make_on_disk(m, job, err) ||
			       write_note(m->job, "ready", "", err)
		       ? -1
		       : 0;
}

/* The first step makes it; who comes later finds it, whatever he asks. */
static int share_job(const struct plan *plan, struct scratch *s,
		     struct err *err)
{
	const char *where = places[plan->scratch.dir ? 1 : 0];
	cleanup_fd int place = open_place(where, err);
	cleanup_fd int dir = -1;
	struct making m = { .plan = plan, .s = s };
	char name[80];

	if (place < 0)
		return -1;
	job_name(plan->job->scheduler.job, plan->job->uid, name);
	dir = open_made(place, name);
	if (dir < 0 || flock(dir, LOCK_EX))
		return err_set(err, errno, "make %s/%s", where, name);
	m.job = dir;
	s->of_job = true;
	return make_job(&m, where, name, err);
}

int scratch_create(const struct plan *plan, const struct registry *registry,
		   struct scratch *ret, struct err *err)
{
	const struct making m = {
		.plan = plan, .registry = registry, .job = -1, .s = ret
	};
	int r;

	*ret = (struct scratch){ 0 };
	if (plan->scratch.job)
		r = share_job(plan, ret, err);
	else if (plan->scratch.dir)
		r = make_on_disk(&m, registry->id, err);
	else
		return 0;
	return r ? err_prefix(err, "%s", plan->scratch.origin) : 0;
}

int scratch_remove(const struct scratch *s, struct err *err)
{
	return *s->note && !s->of_job ? scratch_undo(s->note, err) : 0;
}

/* Whether the directory is there, and in the project that was noted. */
static bool is_joined(uint32_t project, int dir, const char *name)
{
	cleanup_fd int fd = openat(
		dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return project && fd >= 0 && mnt_project_leave(fd) == project;
}

/* The directory may be there or not, as may the project's limit. */
static int undo(uint32_t project, int dir, const char *name, struct err *err)
{
	bool joined = is_joined(project, dir, name);
	cleanup_fd int lock = -1;

	if (tree_remove(dir, name))
		return err_set(err, errno, "remove scratch %s", name);
	if (!project)
		return 0;
	lock = lock_projects(err);
	if (lock < 0)
		return -1;
	/* It may be another cell's if this one never came to use it. */
	return !joined && mnt_project_used(dir, project)
		       ? 0
		       : mnt_project_limit(dir, project, 0, err);
}

int scratch_undo(const char *text, struct err *err)
{
	char path[sizeof(((struct scratch *)NULL)->note)];
	cleanup_fd int dir = -1;
	unsigned project;
	char *slash;
	int at;

	if (sscanf(text, "%u %n", &project, &at) != 1 || text[at] != '/')
		return err_set(err, 0, "'%s' is no note of scratch", text);
	snprintf(path, sizeof(path), "%s", text + at);
	slash = strrchr(path, '/');
	if (strncmp(slash + 1, name_start, strlen(name_start)) != 0)
		return err_set(err, 0, "'%s' is no scratch of ours", text);
	*slash = '\0';
	dir = fd_open(AT_FDCWD, *path ? path : "/", O_RDONLY | O_DIRECTORY, 0,
		      RESOLVE_NO_SYMLINKS);
	if (dir < 0)
		return errno == ENOENT ? 0 : err_set(err, errno, "%s", path);
	return undo(project, dir, slash + 1, err);
}

/* Emptied first: a cell of another job may have a copy of the mount. */
static int remove_tmpfs(int job, const char *path, struct err *err)
{
	cleanup_fd int fd =
		openat(job, "scratch",
		       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_dir DIR *d = NULL;
	struct stat above, st;
	struct dirent *e;

	if (fd < 0)
		return 0;
	if (fstat(fd, &st) || fstat(job, &above))
		return err_set(err, errno, "%s", path);
	if (st.st_dev == above.st_dev)
		return 0;
	d = fdopendir(fd);
	if (!d)
		return err_set(err, errno, "%s", path);
	steal_fd(&fd);
	while ((e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			tree_remove(dirfd(d), e->d_name);
	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW))
		return err_set(err, errno, "unmount %s", path);
	return 0;
}

static int remove_job(int place, const char *path, const char *name,
		      struct err *err)
{
	cleanup_fd int dir = openat(
		place, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char text[1100], mounted[256];

	if (dir < 0)
		return errno == ENOENT ? 0 : err_set(err, errno, "%s", name);
	if (flock(dir, LOCK_EX))
		return err_set(err, errno, "lock %s/%s", path, name);
	snprintf(mounted, sizeof(mounted), "%s/%s/scratch", path, name);
	if (remove_tmpfs(dir, mounted, err))
		return -1;
	if (fd_read_file(dir, "note", text, sizeof(text)) > 0 &&
	    scratch_undo(text, err))
		return -1;
	return tree_remove(place, name)
		       ? err_set(err, errno, "remove %s/%s", path, name)
		       : 0;
}

int scratch_job_remove(const char *job, uid_t uid, struct err *err)
{
	char name[80];
	int r = 0;

	job_name(job, uid, name);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		cleanup_fd int place =
			open(places[i],
			     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (place >= 0 && remove_job(place, places[i], name, err))
			r = -1;
	}
	return r;
}

int scratch_jobs_gc(const char *boot, struct err *err)
{
	cleanup_dir DIR *d = opendir(places[1]);
	struct dirent *e;
	int r = 0;

	while (d && (e = readdir(d))) {
		char file[300], is[64] = "";

		if (*e->d_name == '.')
			continue;
		snprintf(file, sizeof(file), "%s/boot", e->d_name);
		if (fd_read_file(dirfd(d), file, is, sizeof(is)) > 0 &&
		    strcmp(is, boot) != 0 &&
		    remove_job(dirfd(d), places[1], e->d_name, err))
			r = -1;
	}
	return r;
}
