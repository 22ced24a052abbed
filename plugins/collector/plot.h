/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COLLECTOR_PLOT_H
#define COLLECTOR_PLOT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/pool.h"

/* Plots as SVG within an HTML page; its style sheet has their colours. */

struct plot_bar {
	const char *label;
	double part[2]; /* one upon the other */
};

struct plot {
	const char *title;
	const char *across, *up; /* what the axes have, with the unit */
	const char *parts[2];    /* names; the second NULL where there is one */
	int width;               /* in pixels where there is room */
	bool rest;               /* rows amount to the second part only */
};

/* Text of users as HTML: markup and control characters are escaped. */
void plot_text(FILE *out, const char *s);

/* A number for people: "12", "3.4", "1,234". */
const char *plot_number(struct pool *pool, double v);

/* Upright, from left to right; as many labels as there is room for. */
void plot_columns(FILE *out, const struct plot *plot,
		  const struct plot_bar *bars, size_t n);

/* Lying, one below the other, each with its label and what it amounts to. */
void plot_rows(FILE *out, const struct plot *plot, const struct plot_bar *bars,
	       size_t n);

#endif
