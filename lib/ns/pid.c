/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers of its own for the cell's processes (pid_namespaces(7)). Init, born
 * into it, is PID 1: it adopts orphans, and all others die with it. Nobody in
 * it can name a process outside.
 */
#include "config.h"

#include <sched.h>

#include "ns/internal.h"

const struct ns_row ns_pid = { .name = "pid", .flag = CLONE_NEWPID };
