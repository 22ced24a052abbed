/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ACCT_ROOM_H
#define ACCT_ROOM_H

#include <stdint.h>

#include "base/err.h"

/*
 * How much a spool holds, so that it can have a limit without anybody counting
 * files when a cell ends: a number of bytes in its file `used`, changed under
 * a lock (flock(2)) that only the spool's owner can take and nobody waits for
 * longer than a second. Who dies in between
 * leaves it wrong; each reader, who lists the spool anyway, puts it right. A
 * spool whose number cannot be kept has no limit: records count for more.
 *
 * What found no room is counted in the file `full`, which nobody but the
 * administrator removes:
 *
 *	records 3
 *	since 2026-01-31T15:00:00Z
 *	last 2026-01-31T15:02:11Z
 */

/* What a file of `bytes` is counted as: whole blocks. */
uint64_t room_blocks(uint64_t bytes);

/*
 * Take room for `bytes`. -1 with EDQUOT if there would be more than `max` then
 * (0: no limit), which `full` counts.
 */
int room_take(int spool, uint64_t bytes, uint64_t max, struct err *err);

/* What was taken is free again. */
void room_give(int spool, uint64_t bytes);

/*
 * Files were found to take `found`, when the number was `before`: others may
 * have come and gone since.
 */
void room_found(int spool, uint64_t before, uint64_t found);

/* The number as it is. */
uint64_t room_used(int spool);

/* Whether records found no room: how many and since when, for a reader. */
int room_full(int spool, struct err *ret);

#endif
