/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SLURM_RELEASE_H
#define SLURM_RELEASE_H

#include <slurm/slurm_errno.h>
#include <slurm/slurm_version.h>
#include <slurm/spank.h>

/*
 * What differs between the releases of Slurm that the plugin is built for
 * (tried: 22.05, 24.11, 26.05). Everything else holds for all of them: cgroups
 * are found, not named; no function is called whose arguments have changed;
 * what a hook returns on failure is -1.
 */
#define RELEASE_FROM(major, minor) \
	(SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(major, minor, 0))

/* A plugin that cannot be initialised fails the job where that can be told;
 * before, it drained the node. */
#if RELEASE_FROM(25, 5)
#define RELEASE_FAILURE_MODE \
	int slurm_spank_init_failure_mode = ESPANK_JOB_FAILURE;
#else
#define RELEASE_FAILURE_MODE
#endif

enum {
	/* sbatch --export=NONE did not hand on options to the batch step. */
	RELEASE_LOSES_OPTIONS = !RELEASE_FROM(23, 11),
};

#endif
