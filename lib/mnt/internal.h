/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MNT_INTERNAL_H
#define MNT_INTERNAL_H

#include <sys/stat.h>

#include "mnt/mnt.h"

/* State of one mnt_apply. */
struct mnt_work {
	const struct mnt_plan *plan;
	int *src;     /* per operation: the tree to bind or to seal, or -1 */
	int scratch;  /* root of the scratch tmpfs, once it is mounted */
	int host;     /* the host's root, once the cell has another */
	dev_t *fresh; /* file systems made here: we may mkdir in them */
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

/* Remember that the file system of `fd` was made for this cell. */
void mnt_set_fresh(struct mnt_work *w, int fd);

/* Whether `fd` lies in a file system that was made for this cell. */
bool mnt_is_fresh(const struct mnt_work *w, int fd);

/* The place to mount on; made where it is missing, if that is fresh. */
int mnt_open_target(const struct mnt_work *w, const char *path, bool dir);

/* Mount `tree` on the operation's dst. */
int mnt_attach(const struct mnt_work *w, const struct mnt_op *op, int tree,
	       bool dir, struct err *err);

bool mnt_is_dir(int fd);

/* Does the error say that there is no such file, and not just no answer? */
bool mnt_is_absent(int num);

/* source.c: what operations take from the host, before any of it changes. */
int mnt_open_sources(struct mnt_work *w, struct err *err);

/* image.c: open the image at the operation's src, if it can be trusted; and
 * mount it, read-only, not yet seen. */
int mnt_open_image(const struct mnt_op *op, struct err *err);
int mnt_image(const struct mnt_op *op, int image, struct err *err);

/* overlay.c: the layers of an overlay on `lower` in the tmpfs `tmp`; and the
 * overlay, not yet seen. */
int mnt_make_upper(int tmp, int lower, int *ret_upper, int *ret_work);
int mnt_make_overlay(const struct mnt_work *w, const struct mnt_op *op,
		     int lower, int upper, int work, struct err *err);

/* root.c: when all is mounted, the host's tree is left behind. */
int mnt_leave_host(struct mnt_work *w, struct err *err);

/* tmpfs.c */
int mnt_make_tmpfs(struct mnt_work *w, uint64_t size, unsigned mode);

/* tree.c: when all is mounted, what was made to be read-only becomes it. */
int mnt_seal(const struct mnt_work *w, struct err *err);

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
