/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>

#include "words.h"

void words_add(struct words *words, const char *word)
{
	*(char **)pool_push(words->pool, &words->word, &words->n,
			    sizeof(char *)) = pool_strdup(words->pool, word);
}

void words_split(struct words *words, const char *text)
{
	char *save, *copy = pool_strdup(words->pool, text);

	for (char *w = strtok_r(copy, " \t\n", &save); w;
	     w = strtok_r(NULL, " \t\n", &save))
		words_add(words, w);
}

size_t words_end(struct words *words, char ***ret)
{
	pool_push(words->pool, &words->word, &words->n, sizeof(char *));
	*ret = words->word;
	return words->n - 1;
}
