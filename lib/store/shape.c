/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/internal.h"

/*
 * A record's text is about 1,100 bytes, of which hardly 60 are news: member
 * names and order are the same in most records, and half of the values are
 * columns. General compression leaves 190, or 95 without the columns, and
 * takes longer.
 */

enum {
	MARK_COLUMN = 1, /* what the column of the letter behind says */
	MARK_NUMBER,     /* in `values`, 7 bits a byte, lowest first */
	MARK_LITERAL,    /* its length, in that way, and its bytes */
	MARK_STRING,     /* the same, in quotes */
	DEPTH = 16,
};

static void put(struct shape_bytes *b, const char *from, size_t len)
{
	if (!len)
		return;
	if (!b->at || b->room - b->len < len) {
		b->room = 2 * (b->room + len);
		b->at = realloc(b->at, b->room);
		if (!b->at)
			abort();
	}
	memcpy(b->at + b->len, from, len);
	b->len += len;
}

static void put_char(struct shape_bytes *b, int c)
{
	char byte = (char)c;

	put(b, &byte, 1);
}

static void put_number(struct shape_bytes *b, uint64_t v)
{
	for (; v > 0x7f; v >>= 7)
		put_char(b, (int)(v & 0x7f) | 0x80);
	put_char(b, (int)v);
}

/* As record_rewrite has it. */
static int time_print(int64_t us, char *ret, size_t size)
{
	time_t s = us / 1000000;
	struct tm tm;

	gmtime_r(&s, &tm);
	return snprintf(ret, size, "\"%04d-%02d-%02dT%02d:%02d:%02d.%06dZ\"",
			tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
			tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(us % 1000000));
}

static int seconds_print(int64_t us, char *ret, size_t size)
{
	int n = snprintf(ret, size, "%lld.%06d", (long long)us / 1000000,
			 (int)(us % 1000000));

	while (n > 2 && ret[n - 1] == '0' && ret[n - 2] != '.')
		ret[--n] = '\0';
	return n;
}

/* A column's value as the text has it; 0: it has none. */
static size_t column_print(const struct store_cell *cell, size_t i,
			   char ret[static NAME_CAP + 3])
{
	int64_t v = cell->value[i].number;
	int n = 0;

	if (store_columns[i].kind != COLUMN_NUMBER) {
		if (cell->value[i].text)
			n = snprintf(ret, NAME_CAP + 3, "\"%s\"",
				     cell->value[i].text);
	} else if (v >= 0) {
		if (store_columns[i].form == FORM_TIME)
			n = time_print(v, ret, NAME_CAP);
		else if (store_columns[i].form == FORM_SECONDS)
			n = seconds_print(v, ret, NAME_CAP);
		else
			n = snprintf(ret, NAME_CAP, "%lld", (long long)v);
	}
	return (size_t)n;
}

/* Only what is written again the same way. */
static bool number_parse(const char *s, size_t len, uint64_t *ret)
{
	uint64_t v = 0;

	if (!len || len > 18 || (len > 1 && *s == '0'))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		v = 10 * v + (uint64_t)(s[i] - '0');
	}
	*ret = v;
	return true;
}

struct word {
	const char *at;
	size_t len;
};

struct scan {
	const struct store_cell *cell;
	struct shape_bytes *shape, *values;
	const char *from; /* of the text that is not in the shape yet */
	struct word key[DEPTH];
	bool array[DEPTH];
	size_t depth;
	size_t next; /* members mostly come in the order of the columns */
};

static bool is_word(const struct word *w, const char *s)
{
	return s && !strncmp(w->at, s, w->len) && !s[w->len];
}

/* The column of the member, or COLUMNS. */
static size_t column_of(struct scan *s)
{
	if (s->depth < 1 || s->depth > 2)
		return COLUMNS;
	for (size_t k = 0; k < COLUMNS; k++) {
		size_t i = (s->next + k) % COLUMNS;
		const struct store_column *c = &store_columns[i];

		if (!is_word(&s->key[s->depth], c->member))
			continue;
		if (s->depth == 2 ? is_word(&s->key[1], c->group) : !c->group) {
			s->next = i + 1;
			return i;
		}
	}
	return COLUMNS;
}

static bool is_column(const struct scan *s, size_t i, const char *at,
		      size_t len)
{
	char text[NAME_CAP + 3];
	uint64_t v;

	if (store_columns[i].kind == COLUMN_NUMBER &&
	    store_columns[i].form == FORM_PLAIN)
		return number_parse(at, len, &v) &&
		       (int64_t)v == s->cell->value[i].number;
	return column_print(s->cell, i, text) == len && !memcmp(text, at, len);
}

static void put_value(struct scan *s, const char *at, size_t len)
{
	size_t i = s->array[s->depth] ? COLUMNS : column_of(s);
	uint64_t v;

	put(s->shape, s->from, (size_t)(at - s->from));
	s->from = at + len;
	if (i < COLUMNS && is_column(s, i, at, len)) {
		put_char(s->shape, MARK_COLUMN);
		put_char(s->shape, 'A' + (int)i);
	} else if (number_parse(at, len, &v)) {
		put_char(s->shape, MARK_NUMBER);
		put_number(s->values, v);
	} else {
		bool quoted = *at == '"';

		at += quoted;
		len -= quoted ? 2 : 0;
		put_char(s->shape, quoted ? MARK_STRING : MARK_LITERAL);
		put_number(s->values, len);
		put(s->values, at, len);
	}
}

static size_t string_len(const char *at)
{
	size_t len = 1;

	while (at[len] && at[len] != '"')
		len += at[len] == '\\' && at[len + 1] ? 2 : 1;
	return at[len] ? len + 1 : 0;
}

/* A name, a word of a list, or a value. */
static void see_string(struct scan *s, const char *at, size_t len)
{
	if (at[len] == ':')
		s->key[s->depth] = (struct word){ at + 1, len - 2 };
	else if (!s->array[s->depth])
		put_value(s, at, len);
}

static bool see_bracket(struct scan *s, char c)
{
	if (c == '{' || c == '[') {
		if (++s->depth == DEPTH)
			return false;
		s->array[s->depth] = c == '[';
		s->key[s->depth] = (struct word){ "", 0 };
	} else if (c == '}' || c == ']') {
		if (!s->depth--)
			return false;
	}
	return true;
}

bool shape_build(const char *text, const struct store_cell *cell,
		 struct shape_bytes *ret_shape, struct shape_bytes *ret_values)
{
	struct scan s = { .cell = cell,
			  .from = text,
			  .shape = ret_shape,
			  .values = ret_values };
	size_t len;

	ret_shape->len = ret_values->len = 0;
	for (; *text; text += len) {
		len = 1;
		if ((unsigned char)*text < ' ')
			return false;
		if (*text == '"') {
			len = string_len(text);
			if (!len)
				return false;
			see_string(&s, text, len);
		} else if (*text == '-' || (*text >= '0' && *text <= '9')) {
			len = strcspn(text, ",}]");
			put_value(&s, text, len);
		} else if (!see_bracket(&s, *text)) {
			return false;
		}
	}
	put(ret_shape, s.from, (size_t)(text - s.from) + 1);
	ret_shape->len--;
	return true;
}

static bool get_number(const char **at, const char *end, uint64_t *ret)
{
	*ret = 0;
	for (unsigned bit = 0; *at < end && bit < 64; bit += 7) {
		unsigned char byte = (unsigned char)*(*at)++;

		*ret |= (uint64_t)(byte & 0x7f) << bit;
		if (byte < 0x80)
			return true;
	}
	return false;
}

static bool print_mark(struct shape_bytes *to, const char **shape,
		       const char *shape_end, const char **values,
		       const char *values_end, const struct store_cell *cell)
{
	char mark = *(*shape)++, text[NAME_CAP + 3];
	uint64_t v;

	if (mark == MARK_COLUMN) {
		size_t i = *shape < shape_end ? (size_t)(*(*shape)++ - 'A')
					      : COLUMNS;

		if (i >= COLUMNS)
			return false;
		put(to, text, column_print(cell, i, text));
		return true;
	}
	if (!get_number(values, values_end, &v))
		return false;
	if (mark == MARK_NUMBER) {
		put(to, text,
		    (size_t)snprintf(text, sizeof(text), "%llu",
				     (unsigned long long)v));
		return true;
	}
	if ((mark != MARK_LITERAL && mark != MARK_STRING) ||
	    v > (size_t)(values_end - *values))
		return false;
	put(to, "\"", mark == MARK_STRING);
	put(to, *values, v);
	put(to, "\"", mark == MARK_STRING);
	*values += v;
	return true;
}

int shape_print(const char *shape, size_t shape_len, const char *values,
		size_t values_len, const struct store_cell *cell,
		struct pool *pool, const char **ret, size_t *ret_len,
		struct err *err)
{
	const char *end = shape + shape_len, *values_end = values + values_len;
	struct shape_bytes to = { 0 };
	bool good = true;

	while (good && shape < end) {
		const char *from = shape;

		while (shape < end && (unsigned char)*shape >= ' ')
			shape++;
		put(&to, from, (size_t)(shape - from));
		if (shape < end)
			good = print_mark(&to, &shape, end, &values, values_end,
					  cell);
	}
	good = good && values == values_end;
	if (good) {
		*ret = pool_strndup(pool, to.at ? to.at : "", to.len);
		*ret_len = to.len;
	}
	free(to.at);
	return good ? 0
		    : err_set(err, 0, "store: the text of record %s is damaged",
			      cell->value[C_ID].text ? cell->value[C_ID].text
						     : "?");
}
