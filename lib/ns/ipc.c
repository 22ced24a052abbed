/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System V queues, semaphores and shared memory, and POSIX message queues, of
 * the cell alone (ipc_namespaces(7)): they vanish with it instead of filling
 * the node. Born empty, it needs nothing.
 */
#include "config.h"

#include <sched.h>

#include "ns/internal.h"

const struct ns_row ns_ipc = { .name = "ipc", .flag = CLONE_NEWIPC };
