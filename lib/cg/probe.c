/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "cg/internal.h"

/* A cgroup has no links; whatever else is on the way is not a cgroup. */
enum {
	BENEATH = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV
};

int cg_open_path(const char *mount, const char *path)
{
	cleanup_fd int top = open(mount, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (top < 0)
		return -1;
	path += strspn(path, "/");
	return fd_open(top, *path ? path : ".", O_PATH | O_DIRECTORY, 0,
		       BENEATH);
}

static unsigned controllers_of(int fd)
{
	cleanup_free char *text =
		fd < 0 ? NULL : cg_read(fd, "cgroup.controllers");

	return text ? cg_controllers_parse(text) : 0;
}

const char *cg_cpuset_read(const struct cg_host *host, const char *path,
			   const char *file, struct pool *pool)
{
	char name[32];
	cleanup_fd int fd = *host->mount ? cg_open_path(host->mount, path) : -1;
	cleanup_free char *text = NULL;

	snprintf(name, sizeof(name), "cpuset.%s", file);
	if (fd >= 0)
		text = cg_read(fd, name);
	return text && *text ? pool_strdup(pool, text) : NULL;
}

static bool xattr_set(int fd, const char *name)
{
	char path[32], value[8];
	ssize_t n;

	/* fgetxattr(2) does not take O_PATH descriptors. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = getxattr(path, name, value, sizeof(value));
	return n == 1 && value[0] == '1';
}

/*
 * systemd marks the cgroups of units with Delegate=yes (docs/
 * CGROUP_DELEGATION.md; trusted.delegate, since v251 also user.delegate for
 * those that cannot read the former). Root can write everywhere, so for root
 * the mark alone counts; one that a user may have set counts only for a
 * directory that is root's.
 */
static bool marked(int fd)
{
	struct stat st;

	if (xattr_set(fd, "trusted.delegate"))
		return true;
	return !fstat(fd, &st) && !st.st_uid && xattr_set(fd, "user.delegate");
}

bool cg_is_delegated(int fd)
{
	static const char *const files[] = { ".", "cgroup.procs",
					     "cgroup.subtree_control" };

	if (!geteuid())
		return marked(fd);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (faccessat(fd, files[i], W_OK, AT_EACCESS))
			return false;
	return true;
}

static int find_mount(const char *proc, struct cg_host *ret, struct err *err)
{
	cleanup_free char *path = NULL, *line = NULL;
	cleanup_file FILE *f = NULL;
	size_t size = 0;

	if (asprintf(&path, "%s/mountinfo", proc) < 0)
		return err_set(err, ENOMEM, "%s/mountinfo", proc);
	f = fopen(path, "re");
	if (!f)
		return err_set(err, errno, "open %s", path);
	/* The first one, as libcgroup takes it. */
	while (getline(&line, &size, f) > 0)
		if (cg_mount_parse(line, ret->mount, sizeof(ret->mount)))
			return 0;
	ret->mount[0] = '\0';
	return ferror(f) ? err_set(err, errno, "read %s", path) : 0;
}

static int read_proc(const char *proc, char *ret, size_t size,
		     unsigned *ret_legacy, struct err *err)
{
	cleanup_fd int fd = open(proc, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_free char *text = fd < 0 ? NULL : cg_read(fd, "cgroup");

	if (!text)
		return err_set(err, errno, "read %s/cgroup", proc);
	cg_proc_parse(text, ret, size, ret_legacy);
	return 0;
}

int cg_of(const char *pid, char *ret, size_t size, struct err *err)
{
	char proc[64];
	unsigned legacy;

	if ((size_t)snprintf(proc, sizeof(proc), "/proc/%s", pid) >=
	    sizeof(proc))
		return err_set(err, 0, "'%s' is not a process", pid);
	if (read_proc(proc, ret, size, &legacy, err))
		return -1;
	if (!*ret)
		return err_set(err, 0, "process %s has no cgroup in cgroup v2",
			       pid);
	return 0;
}

bool cg_user_runtime(char *ret, size_t size)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");
	char path[256];
	int n;

	/* A batch job often has no session, though the manager runs. */
	if (dir && *dir == '/')
		n = snprintf(ret, size, "%s", dir);
	else
		n = snprintf(ret, size, "/run/user/%u", (unsigned)geteuid());
	if ((size_t)n >= size ||
	    (size_t)n + sizeof("/systemd/private") > sizeof(path))
		return false;
	snprintf(path, sizeof(path), "%s/systemd/private", ret);
	if (!access(path, F_OK))
		return true;
	snprintf(path, sizeof(path), "%s/bus", ret);
	return !access(path, F_OK) && !access("/run/systemd/system", F_OK);
}

/* A user's manager passes on what it was given itself (user@.service). */
static unsigned user_scope(const char *mount)
{
	unsigned uid = (unsigned)geteuid();
	cleanup_fd int fd = -1;
	char path[128];

	snprintf(path, sizeof(path),
		 "/user.slice/user-%u.slice/user@%u.service", uid, uid);
	fd = cg_open_path(mount, path);
	return controllers_of(fd);
}

static void probe_systemd(struct cg_host *ret)
{
	char runtime[256];

	if (geteuid()) {
		ret->systemd = cg_user_runtime(runtime, sizeof(runtime));
		ret->scope = ret->systemd ? user_scope(ret->mount) : 0;
		return;
	}
	/* sd_booted(3); a hugetlb controller is not among those it knows. */
	ret->systemd = !access("/run/systemd/system", F_OK);
	ret->scope = ret->systemd ? ret->available & ~(unsigned)CG_HUGETLB : 0;
}

/* Processes that would be in the way of a division are in a leaf of it. */
static void step_up(struct cg_host *host)
{
	char *name = strrchr(host->own, '/');
	cleanup_fd int above = -1;

	if (!name || name == host->own || strcmp(name + 1, CG_MAIN) != 0)
		return;
	*name = '\0';
	above = cg_open_path(host->mount, host->own);
	if (above < 0 || !cg_is_delegated(above))
		*name = '/';
}

int cg_probe_from(const char *proc, struct cg_host *ret, struct err *err)
{
	cleanup_fd int top = -1, own = -1;

	memset(ret, 0, sizeof(*ret));
	if (find_mount(proc, ret, err) ||
	    read_proc(proc, ret->own, sizeof(ret->own), &ret->legacy, err))
		return -1;
	if (!ret->mount[0]) {
		ret->own[0] = '\0';
		return 0;
	}
	top = cg_open_path(ret->mount, "/");
	ret->available = controllers_of(top);
	if (!ret->own[0])
		return 0;
	step_up(ret);
	own = cg_open_path(ret->mount, ret->own);
	ret->delegated = controllers_of(own);
	ret->own_delegated = own >= 0 && cg_is_delegated(own);
	return 0;
}

int cg_probe(struct cg_host *ret, struct err *err)
{
	if (cg_probe_from("/proc/self", ret, err))
		return -1;
	probe_systemd(ret);
	return 0;
}
