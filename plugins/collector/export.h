/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COLLECTOR_EXPORT_H
#define COLLECTOR_EXPORT_H

#include <stdio.h>

#include "base/err.h"
#include "store/store.h"

/*
 * What is in the store in the words of other programs. `what` is a format's
 * name, with "=FILE" behind it if it is to go to a file, which appears whole or
 * not at all, and else to stdout.
 */
int export_write(struct store *store, const struct store_filter *filter,
		 const char *what, struct err *err);

/*
 * One line for each of Slurm's jobs, with the fields that the shredder for
 * Slurm of Open XDMoD has sacct(1) write, separated by "|".
 */
int export_xdmod(struct store *store, const struct store_filter *filter,
		 FILE *out, struct err *err);

/*
 * A document of usage records of the Open Grid Forum, one for each cell: Usage
 * Record Format 1.0, GFD.98.
 */
int export_ur(struct store *store, const struct store_filter *filter, FILE *out,
	      struct err *err);

/*
 * Sums by user, and cells by how they ended, in OpenMetrics' text format, all
 * of them gauges, so that it is Prometheus' older one, too.
 */
int export_metrics(struct store *store, const struct store_filter *filter,
		   FILE *out, struct err *err);

#endif
