/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WRAPPER_FOUND_H
#define WRAPPER_FOUND_H

#include "run/entry.h"
#include "run/survey.h"

/* A cell that the caller may see, and what it does. */
struct found {
	struct entry entry;
	struct cell_now now;
};

struct finds {
	struct pool pool;
	struct host host;
	struct survey survey;
	struct found *list; /* oldest first */
	size_t n;
};

/*
 * The cells that any of `words` means (survey_means), or all without words:
 * root sees all, a user his own. Dead ones only with `dead`. A word that means
 * none is an error. To be freed in any case.
 */
int found_look(char *const words[], bool dead, struct finds *ret,
	       struct err *err);
void found_free(struct finds *finds);

#endif
