/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ACCT_LOST_H
#define ACCT_LOST_H

#include <stddef.h>
#include <sys/types.h>

#include "acct/record.h"
#include "base/err.h"
#include "base/pool.h"

/*
 * Cells whose node died. What spool_reserve keeps of a cell that runs is the
 * text of its record without the last brace, so that no reader takes it for a
 * whole one. It is closed, with the reason "lost", when that cell cannot run
 * any more: nobody has it locked, and it is of an earlier boot of this node. Of
 * the same boot, cells are in the registry, and its janitor's (lib/run/gc.h).
 */

/* Such a text to the record that it begins. -1: it is none. */
int lost_parse(const char *text, size_t len, struct pool *pool,
	       struct record *ret);

/*
 * Close those of the spool that `owner` owns; they are in new/ then. What a
 * crash has left in pieces is closed after an hour, with the id alone. `ret` is
 * how many there were.
 */
int lost_close(int spool, uid_t owner, size_t *ret, struct err *err);

#endif
