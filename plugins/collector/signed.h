/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COLLECTOR_SIGNED_H
#define COLLECTOR_SIGNED_H

#include "base/err.h"
#include "store/store.h"

/*
 * Records on their way to another store, one MUNGE credential a line. `socket`
 * is munged's or NULL, `file` NULL for stdout or stdin.
 */

/*
 * Sign and write the records that pass the filter and that the caller signed,
 * or whose spool was the caller's: nobody vouches for what another said. A
 * file appears whole or not at all.
 */
int signed_export(struct store *store, const struct store_filter *filter,
		  const char *socket, int ttl, const char *file,
		  struct err *err);

/*
 * Verify and store every line; each that is refused is reported on stderr,
 * the count of all at the end. 1: some were refused; -1: the store or munged
 * failed, and the rest was not read.
 */
int signed_import(struct store *store, const char *socket, const char *file,
		  struct err *err);

#endif
