/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SLURM_SHIM_H
#define SLURM_SHIM_H

#include "base/err.h"

/*
 * Enter the PID namespace that the caller, a task, has joined: by a fork, and
 * what returns is the child. The parent stays as a shim and stands in for it
 * towards slurmstepd, which knows it by its pid: it passes signals on and ends
 * the way its child ends. It holds no descriptor, is asleep, and is in none of
 * the groups of its child, which gets what is sent to them by itself.
 */
int shim_enter(struct err *err);

#endif
