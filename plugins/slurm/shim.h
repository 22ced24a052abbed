/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SLURM_SHIM_H
#define SLURM_SHIM_H

#include <sys/types.h>

/*
 * Stand in for `child` towards slurmstepd: pass signals on, and end the way it
 * ends. Holds no descriptor and stays asleep. Does not return.
 */
_Noreturn void shim_main(pid_t child);

#endif
