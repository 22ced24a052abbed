/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SLURM_CUTOFF_H
#define SLURM_CUTOFF_H

#include "base/err.h"

/*
 * In srun, sbatch and salloc: -1 with what to do instead, if the caller is in
 * a cell that has no network, from which no slurmctld can be reached.
 */
int cutoff_check(struct err *err);

#endif
