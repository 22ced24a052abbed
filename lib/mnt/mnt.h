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
	MNT_OVERLAY, /* what is at src, with changes kept elsewhere, on dst */
	MNT_PROC,
	MNT_SYSFS,
	MNT_CGROUP2,
	MNT_MQUEUE,
	MNT_ROOTFS, /* src, writable by an upper layer, as /: first */
	MNT_DEV,    /* a /dev of the basic devices and those in `device` */
	MNT_KINDS,
};

/* What becomes of an overlay's upper layer. */
enum mnt_fate {
	MNT_DISCARD, /* it goes with the cell */
	MNT_KEEP,    /* it lies in dir/upper, and stays there */
	MNT_COLLECT, /* what matches is copied to dir by mnt_collect */
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
	enum mnt_fate fate; /* OVERLAY */
	const char *dir;    /* OVERLAY: of the host, to keep or collect in */
	const char *glob;   /* OVERLAY: what to collect, see mnt_collect */
	uint64_t size;      /* TMPFS */
	unsigned mode;      /* TMPFS, SCRATCH: of the top directory */
	const char *origin; /* who asked: "--ro", "cloison.conf:12" */
};

struct mnt_plan {
	bool rdonly; /* the whole tree, recursively */
	bool nosuid; /* the same for set-id bits */
	/*
	 * Bytes for all MNT_SCRATCH, 0: none; and for the upper layers that
	 * are not kept, 0: they lie in scratch.
	 */
	uint64_t scratch, uppers;
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

/* What a cell that stands has open; descriptors, -1 where there is none. */
struct mnt_live {
	int scratch; /* in what has a size: scratch, or else upper layers */
	int *upper;  /* per operation of the plan: the layer to collect from */
	int *dir; /* ... and its `dir`: to collect in, or locked (flock(2)) */
};

/* Called before MNT_SYSFS, which shows the network that its maker is in. */
struct mnt_wait {
	int (*fn)(void *arg, struct err *err);
	void *arg;
};

/*
 * Change the calling process's mount namespace, which must be its own (and
 * its PID namespace, for MNT_PROC), as planned. Sources are looked up before
 * anything changes, and with the user's ids where the caller is root on the
 * user's behalf: they may be the user's paths, on a file system that squashes
 * root. Clears the parent death signal then (prctl(2)). Needs CAP_SYS_ADMIN
 * over the namespace. On failure the namespace is of no use. `store` is the
 * directory that scratch is to be in, the caller's own and nobody else's to
 * enter; NULL: a tmpfs is made. What `ret` has
 * open is the caller's to hold until the cell's end; a process that ends
 * closes it.
 */
int mnt_apply(const struct mnt_plan *plan, const char *store,
	      const struct mnt_wait *wait, struct mnt_live *ret,
	      struct err *err);

/*
 * Copy what the plan's overlays are to collect: regular files and directories
 * of the upper layer, with new or changed contents, whose path below dst, or
 * the path of a directory they are in, matches `glob` (fnmatch(3),
 * FNM_PATHNAME). Follows no symbolic link on either side; a file that is
 * there already is replaced whole. To be called when nothing else of the cell
 * lives, by a process with the user's ids and no capability that the user
 * does not have. Goes on behind what cannot be copied; returns -1 then, and
 * `err` has the first failure and how many there were. Allocates.
 */
int mnt_collect(const struct mnt_plan *plan, const struct mnt_live *live,
		struct err *err);

/*
 * Mount a tmpfs of `size` bytes on the directory `fd`, in the caller's own
 * mount namespace. Needs CAP_SYS_ADMIN.
 */
int mnt_mount_tmpfs(int fd, uint64_t size, struct err *err);

/*
 * When the cell is gone: remove the work directories of what it kept. For a
 * process with the user's ids; what is in use or not as expected is left.
 */
void mnt_tidy(const struct mnt_plan *plan);

/* The same of one directory. */
void mnt_tidy_kept(const char *dir);

#endif
