/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RUN_SHARED_H
#define RUN_SHARED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/*
 * What init finds out while the cell runs, in memory that is shared (mmap(2),
 * MAP_SHARED | MAP_ANONYMOUS) from before it was made: whoever writes the
 * record reads it there, also when init was killed. Init alone writes
 * and, for memory of their own, Slurm's tasks; the
 * payload's execve takes it out of the cell's reach. All zero at first.
 */
struct cell_shared {
	bool orphaned;     /* whom the cell is for was gone: init ended it */
	bool timed_out;    /* the time limit was reached, all told to end */
	bool cpu_used_up;  /* the CPU time was, all told to end */
	bool scratch_seen; /* the next two say something */
	bool scratch_full; /* it was, when it was looked at */
	uint64_t scratch_peak;  /* bytes, the most that was seen in use */
	int64_t cpu_setup_us;   /* used before the payload; 0: not known */
	struct err uncollected; /* why files of an overlay were not; "" */
	struct err unbound;     /* why memory was not; "" */
};

#endif
