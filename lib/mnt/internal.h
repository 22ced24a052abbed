/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MNT_INTERNAL_H
#define MNT_INTERNAL_H

#include <sys/stat.h>

#include "mnt/mnt.h"

/* State of one mnt_apply. */
struct mnt_work {
	const struct mnt_plan *plan;
	struct mnt_live *live;
	const struct mnt_wait *wait;
	const char *store; /* for scratch, on the host; NULL: a tmpfs */
	int tmpfs;         /* root of the one for scratch and upper layers */
	int empty;         /* root of the one that hides what stays hidden */
	int host;          /* the host's root, once the cell has another */
	int *src;        /* per operation: the tree to bind or to seal, or -1 */
	int *keep;       /* per operation: the tree to keep an upper layer in */
	uint64_t *fresh; /* mounts made here, by id: we may mkdir in them */
	size_t n_fresh;
};

/* tree.c: attributes, new file systems, places to mount on. */

/* MOUNT_ATTR_* that every mount of the plan gets. */
unsigned long long mnt_hardening(const struct mnt_plan *plan, bool rdonly);

/* Add attributes to a tree, recursively, and make it a slave. -1: errno. */
int mnt_set_tree(int fd, const char *path, unsigned long long attr);

/* A new file system of one type with `n` parameters, not yet seen. */
int mnt_make_fs(const char *type, const char *const (*param)[2], size_t n,
		unsigned attr);

/* Remember that the mount of `fd` was made for this cell, and ask for it. */
void mnt_set_fresh(struct mnt_work *w, int fd);
bool mnt_is_fresh(const struct mnt_work *w, int fd);

/* The place to mount on; made where it is missing, if that is fresh. */
int mnt_open_target(const struct mnt_work *w, const char *path, bool dir);

/* Mount `tree` on the operation's dst. */
int mnt_attach(const struct mnt_work *w, const struct mnt_op *op, int tree,
	       bool dir, struct err *err);

bool mnt_is_dir(int fd);

/* One more descriptor of what `fd` is. */
int mnt_dup(const struct mnt_op *op, int fd, struct err *err);

/* Does the error say that there is no such file, and not just no answer? */
bool mnt_is_absent(int num);

/* source.c: what operations take from the host, before any of it changes. */
int mnt_open_sources(struct mnt_work *w, struct err *err);

/* image.c: open the image at the operation's src, if it can be trusted; and
 * mount it, read-only, not yet seen. */
int mnt_open_image(const struct mnt_op *op, struct err *err);
int mnt_image(const struct mnt_op *op, int image, struct err *err);

/* overlay.c: the layers of an overlay on `lower`, new in the directory `base`;
 * and the overlay, not yet seen. */
int mnt_make_upper(int base, int lower, int *ret_upper, int *ret_work);
int mnt_make_overlay(const struct mnt_work *w, const struct mnt_op *op,
		     int lower, int upper, int work, struct err *err);

/* root.c: when all is mounted, the host's tree is left behind. */
int mnt_leave_host(struct mnt_work *w, struct err *err);

/* File accesses with the user's ids and without capabilities over files, and
 * back; nothing to do unless the caller is root on the user's behalf. */
int mnt_be_user(const struct mnt_plan *plan, struct err *err);
int mnt_be_root(const struct mnt_plan *plan, struct err *err);

/* layer.c: may the directory `fd`, known as `path`, be a layer? */
int mnt_check_lower(const struct mnt_op *op, int fd, const char *path,
		    struct err *err);
int mnt_check_upper(const struct mnt_op *op, int fd, const char *path,
		    struct err *err);

/* tmpfs.c */
int mnt_make_tmpfs(struct mnt_work *w, uint64_t size, unsigned mode);

/* tree.c: when all is mounted, what was made to be read-only becomes it. */
int mnt_seal(const struct mnt_work *w, struct err *err);

/* The root of the one scratch tmpfs; made, and mounted on the operation's dst
 * to be covered there, when it is first needed. The caller's to leave open. */
int mnt_scratch_root(struct mnt_work *w, const struct mnt_op *op,
		     struct err *err);

/* The operations, one for each kind: apply number `i` of the plan. */
int mnt_bind(struct mnt_work *w, size_t i, struct err *err);
int mnt_tmpfs(struct mnt_work *w, size_t i, struct err *err);
int mnt_scratch(struct mnt_work *w, size_t i, struct err *err);
int mnt_hide(struct mnt_work *w, size_t i, struct err *err);
int mnt_overlay(struct mnt_work *w, size_t i, struct err *err);
int mnt_rootfs(struct mnt_work *w, size_t i, struct err *err);
int mnt_dev(struct mnt_work *w, size_t i, struct err *err);
int mnt_kernel_fs(struct mnt_work *w, size_t i, struct err *err);

#endif
