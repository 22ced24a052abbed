/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sec/internal.h"

/* Headers may be older than the kernel (Linux 6.2, 6.7 and 6.12). */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

struct ruleset {
	uint64_t fs, net, scoped;
};

enum {
	SCOPE_ABSTRACT_SOCKET = 1 << 0,
	SCOPE_SIGNAL = 1 << 1,
	/* Without the right to refer (ABI 2) nothing could be renamed. */
	ABI_DEFAULT = 2,
	ABI_TRUNCATE = 3,
	ABI_SCOPE = 6,
};

static const uint64_t on_files =
	LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE;
static const uint64_t writing =
	LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
	LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
	LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
	LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
	LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM |
	LANDLOCK_ACCESS_FS_REFER | LANDLOCK_ACCESS_FS_TRUNCATE;

/* What the kernel has, or an error when that is too little. */
static int find_abi(const struct sec_plan *plan, struct err *err)
{
	bool strict = plan->landlock == SEC_STRICT;
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
			   LANDLOCK_CREATE_RULESET_VERSION);

	if (abi < 0)
		return err_set(err, errno,
			       "landlock: not in this kernel, or not among its "
			       "lsm= (see landlock=off)");
	if (abi < (strict ? ABI_SCOPE : ABI_DEFAULT))
		return err_set(err, ENOSYS,
			       "landlock=%s: this kernel has version %ld of "
			       "it, not %d (Linux %s)",
			       sec_levels[plan->landlock], abi,
			       strict ? ABI_SCOPE : ABI_DEFAULT,
			       strict ? "6.12" : "5.19");
	return (int)abi;
}

/* A path that the payload cannot reach needs no rule that allows it. */
static int allow(int ruleset, const char *path, uint64_t access,
		 struct err *err)
{
	cleanup_fd int fd = open(path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = { .parent_fd = fd };
	struct stat st;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == EACCES))
		return 0;
	if (fd < 0 || fstat(fd, &st))
		return err_set(err, errno, "landlock: %s", path);
	rule.allowed_access = S_ISDIR(st.st_mode) ? access : access & on_files;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
		    &rule, 0))
		return err_set(err, errno, "landlock: allow %s", path);
	return 0;
}

int sec_landlock(const struct sec_plan *plan, struct err *err)
{
	struct ruleset r = { .fs = writing };
	cleanup_fd int fd = -1;
	int abi;

	if (plan->landlock == SEC_OFF)
		return 0;
	abi = find_abi(plan, err);
	if (abi < 0)
		return -1;
	if (abi < ABI_TRUNCATE)
		r.fs &= ~LANDLOCK_ACCESS_FS_TRUNCATE;
	if (plan->landlock == SEC_STRICT)
		r.scoped = SCOPE_ABSTRACT_SOCKET | SCOPE_SIGNAL;
	/* An older kernel takes a longer struct, if the rest of it is zero. */
	fd = (int)syscall(SYS_landlock_create_ruleset, &r, sizeof(r), 0);
	if (fd < 0)
		return err_set(err, errno, "landlock: make a ruleset");
	for (size_t i = 0; i < plan->n_writable; i++)
		if (allow(fd, plan->writable[i], r.fs, err))
			return -1;
	if (syscall(SYS_landlock_restrict_self, fd, 0))
		return err_set(err, errno, "landlock: restrict the payload");
	return 0;
}
