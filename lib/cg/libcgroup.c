/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <libcgroup.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/lazy.h"
#include "cg/internal.h"

/*
 * What of libcgroup is used, and what is not (as of 2.0.2 and 3.1).
 *
 * cgroup_create_cgroup is not: for a v2 controller it walks from the mount
 * point down to the parent and writes "+controller" into the
 * cgroup.subtree_control of every directory on the way, making those that are
 * missing. The ones above ours belong to systemd or to a scheduler, and an
 * ordinary user cannot write them at all. Without a controller, 3.x makes the
 * directory only, but 2.x nothing, and both take one that exists for success.
 * So directories are made with mkdirat(2), below an open parent, exclusively.
 *
 * cgroup_attach_task is not: 2.x knows no version for the pseudo controller.
 *
 * cgroup_modify_cgroup writes exactly the files named. Every file, whatever
 * its controller, is put under the pseudo controller "cgroup": that resolves
 * to the v2 hierarchy, while "memory" resolves to v1 on a host that has it
 * there. The names begin with '/', or 3.x would put a default slice in front.
 *
 * cgroup_delete_cgroup_ext without CGFLAG_DELETE_EMPTY_ONLY moves the group's
 * processes into the parent, out of their limits, before it removes it; with
 * it, a busy directory is reported as success. The caller has to look.
 */
#define LIBCGROUP(X)                \
	X(cgroup_set_logger)        \
	X(cgroup_init)              \
	X(cgroup_new_cgroup)        \
	X(cgroup_add_controller)    \
	X(cgroup_set_value_string)  \
	X(cgroup_modify_cgroup)     \
	X(cgroup_delete_cgroup_ext) \
	X(cgroup_free)              \
	X(cgroup_strerror)          \
	X(cgroup_get_last_errno)

LAZY_TABLE(lib, LIBCGROUP);

/* Values are kept in a fixed array there; a longer one goes to stderr. */
enum {
	VALUE_MAX = 4096
};

static void quiet(void *arg, int level, const char *fmt, va_list ap)
{
	(void)arg;
	(void)level;
	(void)fmt;
	(void)ap;
}

static int fail(int code, const char *what, const char *path, struct err *err)
{
	if (code == ECGOTHER)
		return err_set(err, lib.cgroup_get_last_errno(), "%s %s", what,
			       path);
	return err_set(err, 0, "%s %s: libcgroup: %s", what, path,
		       lib.cgroup_strerror(code));
}

/*
 * The mount table is read once per process and kept by libcgroup. Its default
 * logger prints to stdout, which is the payload's: put ours in its place first.
 */
static int load(struct err *err)
{
	static bool ready;
	int code;

	if (ready)
		return 0;
	if (LAZY_LOAD(lib, CGROUP_SONAME, LIBCGROUP, err))
		return -1;
	lib.cgroup_set_logger(quiet, CGROUP_LOG_ERROR, NULL);
	code = lib.cgroup_init();
	if (code)
		return fail(code, "read the mount table", "/proc/mounts", err);
	ready = true;
	return 0;
}

/* A description of the cgroup with one file to write, or none. */
static struct cgroup *describe(const char *path, const char *file,
			       const char *value)
{
	struct cgroup *cgroup = lib.cgroup_new_cgroup(path);
	struct cgroup_controller *c;

	if (!cgroup)
		return NULL;
	c = lib.cgroup_add_controller(cgroup, "cgroup");
	if (!c || (file && lib.cgroup_set_value_string(c, file, value)))
		lib.cgroup_free(&cgroup);
	return cgroup;
}

int cg_lib_set(const char *path, int fd, const char *file, const char *value,
	       struct err *err)
{
	struct cgroup *cgroup;
	int code;

	/* libcgroup calls any failure to open the file a missing one. */
	if (faccessat(fd, file, R_OK | W_OK, AT_EACCESS))
		return err_set(err, errno, "write %s of cgroup %s", file, path);
	if (strlen(value) >= VALUE_MAX) {
		if (fd_write_file(fd, file, value))
			return err_set(err, errno, "write %s of cgroup %s",
				       file, path);
		return 0;
	}
	if (load(err))
		return -1;
	cgroup = describe(path, file, value);
	if (!cgroup)
		return err_set(err, ENOMEM, "describe cgroup %s", path);
	code = lib.cgroup_modify_cgroup(cgroup);
	lib.cgroup_free(&cgroup);
	if (!code)
		return 0;
	fail(code, "write to cgroup", path, err);
	return err_prefix(err, "%s '%.64s'", file, value);
}

int cg_lib_delete(const char *path, struct err *err)
{
	struct cgroup *cgroup;
	int code;

	if (load(err))
		return -1;
	cgroup = describe(path, NULL, NULL);
	if (!cgroup)
		return err_set(err, ENOMEM, "describe cgroup %s", path);
	code = lib.cgroup_delete_cgroup_ext(cgroup, CGFLAG_DELETE_EMPTY_ONLY);
	lib.cgroup_free(&cgroup);
	return code ? fail(code, "remove cgroup", path, err) : 0;
}
