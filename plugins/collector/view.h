/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COLLECTOR_VIEW_H
#define COLLECTOR_VIEW_H

#include "base/err.h"
#include "store/store.h"

/*
 * Each prints the records that pass the filter to stdout. What users wrote
 * comes with its control characters escaped.
 */
int view_table(struct store *store, const struct store_filter *filter,
	       struct err *err);
int view_json(struct store *store, const struct store_filter *filter,
	      struct err *err);
int view_csv(struct store *store, const struct store_filter *filter,
	     struct err *err);

#endif
