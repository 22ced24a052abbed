/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COLLECTOR_HTML_H
#define COLLECTOR_HTML_H

#include "base/err.h"
#include "store/store.h"

/*
 * One page for a browser or paper on all that the filter lets pass, in HTML
 * with its plots in it: it runs no script and fetches nothing. To `file` as by
 * whole_write. Of jobs no more is in memory than the page shows.
 */
int html_write(struct store *store, const struct store_filter *filter,
	       const char *file, struct err *err);

#endif
