/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COLLECTOR_WHOLE_H
#define COLLECTOR_WHOLE_H

#include <stdio.h>

#include "base/err.h"

/*
 * Have `fn` write a file, which gets its name when it is on the disk: it
 * appears whole or not at all, in place of another one, with mode 0600. NULL
 * and "-" are stdout. Returns what `fn` does unless that is 0 and something
 * else fails.
 */
int whole_write(const char *file,
		int (*fn)(void *arg, FILE *out, struct err *err), void *arg,
		struct err *err);

#endif
