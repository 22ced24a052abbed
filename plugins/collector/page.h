/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COLLECTOR_PAGE_H
#define COLLECTOR_PAGE_H

#include "base/err.h"
#include "store/store.h"

/*
 * All about the one job that the filter lets pass, on stdout: what was asked
 * for and used, why it ended, and what to ask for next time. None, or those of
 * several clusters, is an error. What users wrote comes with its control
 * characters escaped.
 */
int page_text(struct store *store, const struct store_filter *filter,
	      struct err *err);
int page_json(struct store *store, const struct store_filter *filter,
	      struct err *err);

#endif
