/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WRAPPER_WORDS_H
#define WRAPPER_WORDS_H

#include "base/pool.h"

/* An argument vector that grows, of the pool's memory. */
struct words {
	struct pool *pool;
	char **word;
	size_t n;
};

void words_add(struct words *words, const char *word);

/* What stands between blanks, as a shell has it that knows no patterns. */
void words_split(struct words *words, const char *text);

/* With NULL behind the last. Returns how many. */
size_t words_end(struct words *words, char ***ret);

#endif
