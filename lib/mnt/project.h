/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MNT_PROJECT_H
#define MNT_PROJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Project quotas of ext4 and XFS (quotactl_fd(2), ioctl_xfs_fsgetxattr(2)): a
 * directory's files, and what is made in it later, count against one number.
 * `fd` is of a directory on the file system meant. All needs CAP_SYS_ADMIN in
 * the first user namespace; who owns a file and lives in another one cannot
 * take it out of its project.
 */

/* Are limits on projects enforced? If not, `err` says how to get there. */
int mnt_project_check(int fd, const char *path, struct err *err);

/* A project of the range that has neither limits nor files. */
int mnt_project_find(int fd, uint32_t first, uint32_t last, uint32_t *ret,
		     struct err *err);

/* Limit a project to so many bytes; 0: no limit. */
int mnt_project_limit(int fd, uint32_t id, uint64_t bytes, struct err *err);

/* Whether any file belongs to it. When in doubt, one does. */
bool mnt_project_used(int fd, uint32_t id);

/* Put the empty directory `fd` and all that will be made in it into it. */
int mnt_project_join(int fd, uint32_t id, struct err *err);

/*
 * From now on anything may be moved into the directory, and what is made in it
 * counts for nobody. Returns the project that it is in, 0: none.
 */
uint32_t mnt_project_leave(int fd);

#endif
