/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cell's view of the file system (mount_namespaces(7)): a copy of the
 * host's mounts, which lib/mnt changes. A second one goes with the inner user
 * namespace (user.c), and has what the first one mounted locked.
 */
#include "config.h"

#include <sched.h>

#include "ns/internal.h"

const struct ns_row ns_mnt = { .name = "mnt", .flag = CLONE_NEWNS };
