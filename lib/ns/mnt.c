/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cell's view of the file system (mount_namespaces(7)): a copy of the
 * host's mounts, which lib/mnt changes. For fake root a second one goes with
 * the inner user namespace (user.c), and has what the first one mounted locked.
 * To all others it would be of no use, and copying all mounts once more, and
 * taking them apart, costs time by their number.
 */
#include "config.h"

#include <sched.h>

#include "ns/internal.h"

const struct ns_row ns_mnt = { .name = "mnt", .flag = CLONE_NEWNS };
