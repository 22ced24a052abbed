/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "cg/internal.h"

/*
 * Limits that have a line for each of several things, as io.max has for disks:
 * a name, then a value or several of the form KEY=VALUE. Lines end with a
 * newline or a semicolon, a value is a number or "max".
 */

struct span {
	const char *s;
	size_t len;
};

/* The next of `*text` between any of `separators`; false at its end. */
static bool next(const char **text, const char *separators, struct span *ret)
{
	ret->s = *text + strspn(*text, separators);
	ret->len = strcspn(ret->s, separators);
	*text = ret->s + ret->len;
	return ret->len > 0;
}

/* The next word of a line, which it is cut off from. */
static bool next_word(struct span *line, struct span *ret)
{
	while (line->len && *line->s == ' ') {
		line->s++;
		line->len--;
	}
	*ret = (struct span){ line->s, 0 };
	while (ret->len < line->len && line->s[ret->len] != ' ')
		ret->len++;
	line->s += ret->len;
	line->len -= ret->len;
	return ret->len > 0;
}

static bool same(const struct span *a, const struct span *b)
{
	return a->len == b->len && !memcmp(a->s, b->s, a->len);
}

/* "KEY=" of a word, or "" of one that is a value alone. */
static struct span key_of(const struct span *word)
{
	const char *eq = memchr(word->s, '=', word->len);

	return (struct span){ word->s, eq ? (size_t)(eq + 1 - word->s) : 0 };
}

static bool value_of(const struct span *word, uint64_t *ret)
{
	const struct span key = key_of(word);
	size_t len = word->len - key.len;
	char number[24];
	struct err err;

	if (len >= sizeof(number))
		return false;
	memcpy(number, word->s + key.len, len);
	number[len] = '\0';
	*ret = UINT64_MAX;
	return !strcmp(number, "max") ||
	       !parse_uint(number, INT64_MAX, ret, &err);
}

/*
 * The value of `word`'s key in the line of `name`; without such a line there
 * is the default's, and without either no limit. False: it is no number.
 */
static bool find(const char *text, const struct span *name,
		 const struct span *word, uint64_t *ret)
{
	const struct span fallback = { "default", 7 }, key = key_of(word);
	struct span line, first, w, k;

	*ret = UINT64_MAX;
	while (next(&text, ";\n", &line)) {
		bool ours;

		if (!next_word(&line, &first))
			continue;
		ours = same(&first, name);
		if (!ours && !same(&first, &fallback))
			continue;
		while (next_word(&line, &w)) {
			k = key_of(&w);
			if (same(&k, &key) && !value_of(&w, ret))
				return false;
		}
		if (ours)
			return true;
	}
	return true;
}

bool cg_lines_hold(const char *asked, const char *found)
{
	struct span line, name, word;
	uint64_t a, f;

	while (next(&asked, ";\n", &line)) {
		if (!next_word(&line, &name))
			continue;
		while (next_word(&line, &word))
			if (!value_of(&word, &a) ||
			    !find(found, &name, &word, &f) || a != f)
				return false;
	}
	return true;
}

/* What of one line is lower than what there is. */
static int lower_line(FILE *f, const char *current, struct span *line,
		      struct err *err)
{
	const char *start = ftell(f) > 0 ? "; " : "";
	struct span name, word;
	uint64_t a, c;
	bool any = false;

	if (!next_word(line, &name))
		return 0;
	while (next_word(line, &word)) {
		if (!value_of(&word, &a) || !find(current, &name, &word, &c))
			return err_set(err, 0,
				       "'%.60s' and '%.*s' cannot be compared",
				       current, (int)word.len, word.s);
		if (a >= c)
			continue;
		if (!any)
			fprintf(f, "%s%.*s", start, (int)name.len, name.s);
		any = true;
		fprintf(f, " %.*s", (int)word.len, word.s);
	}
	return 0;
}

char *cg_lines_lower(const char *current, const char *asked, struct err *err)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	struct span line;
	int failed = 0;

	if (!f) {
		err_set(err, ENOMEM, "limit");
		return NULL;
	}
	while (!failed && next(&asked, ";\n", &line))
		failed = lower_line(f, current, &line, err);
	if (fclose(f))
		failed = err_set(err, ENOMEM, "limit");
	if (failed || !size) {
		free(text);
		text = failed ? NULL : strdup(current);
		if (!text && !failed)
			err_set(err, ENOMEM, "limit");
	}
	return text;
}
