/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MNT_MNT_H
#define MNT_MNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/*
 * The cell's view of the file system: a list of operations on a copy of the
 * caller's mount tree, by the new mount API (open_tree(2), mount_setattr(2),
 * fsopen(2), move_mount(2)). Attributes are only ever added, trees are slaves
 * of the host's, so that automounts and unmounts of the host arrive.
 */
enum mnt_kind {
	MNT_BIND,    /* the tree at src as the host has it, on dst */
	MNT_TMPFS,   /* an empty file system of `size` bytes on dst */
	MNT_SCRATCH, /* a directory of the cell's one scratch tmpfs on dst */
	MNT_HIDE,    /* dst appears empty and read-only */
	MNT_OVERLAY, /* what is at src, with changes kept in tmpfs, on dst */
	MNT_PROC,
	MNT_SYSFS,
	MNT_CGROUP2,
	MNT_MQUEUE,
	MNT_ROOTFS, /* src, writable by a layer of `size` bytes, as /: first */
	MNT_DEV,    /* a /dev of the basic devices and those in `device` */
	MNT_KINDS,
};

struct mnt_op {
	enum mnt_kind kind;
	/* Absolute; src for BIND, OVERLAY, DEV, ROOTFS. */
	const char *src, *dst;
	bool rdonly;        /* BIND */
	bool nodev;         /* BIND: device nodes in it do not work */
	bool nofollow;      /* src has no symbolic link in it */
	bool trusted;       /* ROOTFS: an image of anybody's will do */
	bool optional;      /* nothing to do where src or dst is missing */
	uint64_t size;      /* TMPFS, OVERLAY: of its upper layer */
	unsigned mode;      /* TMPFS, SCRATCH: of the top directory */
	const char *origin; /* who asked: "--ro", "cloison.conf:12" */
};

struct mnt_plan {
	bool rdonly;               /* the whole tree, recursively */
	bool nosuid;               /* the same for set-id bits */
	uint64_t scratch;          /* bytes for all MNT_SCRATCH, 0: none */
	bool hidepid;              /* MNT_PROC: without others' processes */
	const char *const *device; /* MNT_DEV: patterns below src */
	size_t n_devices;
	bool userxattr;          /* overlays made without privilege */
	const struct mnt_op *op; /* applied in this order */
	size_t n;
	uid_t uid; /* the user: looks up, owns what is fresh */
	gid_t gid;
	const gid_t *groups;
	size_t n_groups;
};

/*
 * Change the calling process's mount namespace, which must be its own (and
 * its PID namespace, for MNT_PROC), as planned. Sources are looked up before
 * anything changes, and with the user's ids where the caller is root on the
 * user's behalf: they may be the user's paths, on a file system that squashes
 * root. Clears the parent death signal then (prctl(2)). Needs CAP_SYS_ADMIN
 * over the namespace. On failure the namespace is of no use.
 */
int mnt_apply(const struct mnt_plan *plan, struct err *err);

#endif
