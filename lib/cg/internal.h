/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CG_INTERNAL_H
#define CG_INTERNAL_H

#include "cg/cg.h"

/* Between the files of lib/cg, and for their tests. */

/* parse.c: text as the kernel writes it. All pure. */

/*
 * One line of mountinfo (proc_pid_mountinfo(5)): true, and where it is
 * mounted, when it is a cgroup2 file system that shows the hierarchy from its
 * root on.
 */
bool cg_mount_parse(const char *line, char *ret, size_t size);

/*
 * /proc/PID/cgroup: the path in the v2 hierarchy ("" when there is none, it is
 * too long, or the cgroup was removed), and the controllers bound to v1.
 */
void cg_proc_parse(const char *text, char *ret, size_t size,
		   unsigned *ret_legacy);

/* Names between blanks, as in cgroup.controllers. Unknown ones are skipped. */
unsigned cg_controllers_parse(const char *text);

/* The value of a key in a flat keyed file such as cpu.stat; -1 if absent. */
int64_t cg_key_parse(const char *text, const char *key);

/*
 * The sum of KEY=N over all lines of io.stat, which has none for a disk that
 * was not used.
 */
int64_t cg_io_parse(const char *text, const char *key);

/* The total of the "some" line of a pressure file; -1 if absent. */
int64_t cg_pressure_parse(const char *text);

/* Whether cgroup.procs holds a process other than `self` (0 for nobody). */
bool cg_procs_other(const char *text, pid_t self);

/* limit.c */

/*
 * Whether `found`, read from the file of a limit, keeps what was asked:
 * exactly, but for sizes, which the kernel rounds down to whole pages.
 */
bool cg_limit_holds(enum cg_limit_kind kind, const char *asked,
		    const char *found);

/*
 * The tighter of `current` and `asked`, a new string; equal to `current` when
 * nothing is to be done. For lists, what both have. NULL and `err` if that is
 * nothing, or either cannot be read.
 */
char *cg_limit_lower(enum cg_limit_kind kind, const char *current,
		     const char *asked, struct err *err);

/* The same for what has lines, see lines.c. */
bool cg_lines_hold(const char *asked, const char *found);
char *cg_lines_lower(const char *current, const char *asked, struct err *err);

/* Write the limits of a plan to the cgroup `path`, open at `fd`, and check. */
int cg_limit_apply(const struct cg_plan *plan, const char *path, int fd,
		   bool lower_only, struct err *err);

/* probe.c: as cg_probe, from "mountinfo" and "cgroup" in `proc`. */
int cg_probe_from(const char *proc, struct cg_host *ret, struct err *err);

/* Whether the cgroup that is open at `fd` is delegated to us. */
bool cg_is_delegated(int fd);

/* A cgroup by its path in the hierarchy: O_PATH descriptor or -1 and errno. */
int cg_open_path(const char *mount, const char *path);

/*
 * usage.c: a small file below `fd`, whole and terminated, to be freed; NULL
 * and errno when it cannot be read.
 */
char *cg_read(int fd, const char *file);

/*
 * scope.c: have systemd make cloison-NAME.scope, delegated, with the calling
 * process in it. `ret` receives its cgroup.
 */
int cg_scope_start(const char *name, char *ret, size_t size, struct err *err);

/* The scope's unit name; characters that systemd does not allow become '_'. */
void cg_scope_name(const char *name, char *ret, size_t size);

/* Where the user's systemd manager listens: "/run/user/UID". False: nowhere. */
bool cg_user_runtime(char *ret, size_t size);

/*
 * oom.c: one record of /dev/kmsg (kernel: Documentation/ABI/testing/dev-kmsg).
 * True, with `ret`'s victim and pid, if it is the kernel's word that it chose a
 * process in the cgroup `path` or below.
 */
bool cg_oom_parse(const char *record, const char *path, struct cg_oom *ret);

/* disk.c: the whole disk of a device, MAJ:MIN, by the sysfs at `sys`. */
int cg_disk_of(const char *sys, dev_t dev, char ret[static CG_DISK],
	       struct err *err);

/* libcgroup.c */

/* Write `value` to `file` of the cgroup `path`, whose directory is `fd`. */
int cg_lib_set(const char *path, int fd, const char *file, const char *value,
	       struct err *err);

/* Remove the directory of the cgroup `path`, never moving its processes. */
int cg_lib_delete(const char *path, struct err *err);

#endif
