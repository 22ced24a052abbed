/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RUN_CHILDREN_H
#define RUN_CHILDREN_H

#include <stdbool.h>

/*
 * The calling process's children (proc_pid_task_tid_children(5)), among them,
 * for a subreaper, whom their parents left behind. For processes with one
 * thread. Nothing is allocated.
 */

/* Whether there are any. */
bool children_exist(void);

/* Kill and reap them, and whom they leave, until there is none. */
void children_kill(void);

#endif
