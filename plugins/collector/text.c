/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>
#include <time.h>

#include "acct/record.h"
#include "collector/text.h"

/* C1 control characters (U+0080 and up) are among them. */
static bool is_plain(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} special[] = {
		{ 0, 0x1f },          { 0x7f, 0x9f },     { 0xad, 0xad },
		{ 0x61c, 0x61c },     { 0x200b, 0x200f }, { 0x2028, 0x202e },
		{ 0x2060, 0x206f },   { 0xfeff, 0xfeff }, { 0xfff9, 0xfffb },
		{ 0xe0000, 0xe0fff },
	};

	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		if (c >= special[i].first && c <= special[i].last)
			return false;
	return true;
}

const char *text_escape(struct pool *pool, const char *s)
{
	enum {
		LONGEST = 8
	};
	size_t len = strlen(s), out = 0;
	char *copy = pool_alloc(pool, len * LONGEST + 1);

	while (len) {
		uint32_t c;
		size_t n = record_utf8(s, len, &c);

		if (n && is_plain(c)) {
			memcpy(copy + out, s, n);
			out += n;
		} else {
			out += (size_t)sprintf(copy + out,
					       n ? "\\u%04x" : "\\x%02x",
					       n ? c : (unsigned char)*s);
		}
		s += n ? n : 1;
		len -= n ? n : 1;
	}
	return copy;
}

size_t text_width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

const char *text_shorten(struct pool *pool, const char *s, size_t max)
{
	const char *p = s;

	if (text_width(s) <= max)
		return s;
	for (size_t n = 0; *p; p++) {
		n += (*p & 0xc0) != 0x80;
		if (n == max)
			break;
	}
	return pool_printf(pool, "%.*s+", (int)(p - s), s);
}

const char *text_duration(struct pool *pool, int64_t us)
{
	long long s = us / 1000000;
	int day_s = (int)(s % 86400);

	if (us < 0)
		return NULL;
	if (s < 3600)
		return pool_printf(pool, "%02d:%02d.%03d", day_s / 60,
				   day_s % 60, (int)(us % 1000000 / 1000));
	if (s < 86400)
		return pool_printf(pool, "%02d:%02d:%02d", day_s / 3600,
				   day_s / 60 % 60, day_s % 60);
	return pool_printf(pool, "%lld-%02d:%02d:%02d", s / 86400, day_s / 3600,
			   day_s / 60 % 60, day_s % 60);
}

const char *text_size(struct pool *pool, const char *mark, int64_t bytes)
{
	static const char units[] = "KMGTPE";
	double v = (double)bytes;
	int unit = -1;

	if (bytes < 0)
		return NULL;
	while (v >= 1023.95) {
		v /= 1024;
		unit++;
	}
	if (unit < 0)
		return pool_printf(pool, "%s%lld", mark, (long long)bytes);
	return pool_printf(pool, "%s%.1f%c", mark, v, units[unit]);
}

const char *text_time(struct pool *pool, int64_t us)
{
	time_t s = us / 1000000;
	char text[32];
	struct tm tm;

	if (us < 0 || !localtime_r(&s, &tm))
		return NULL;
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	return pool_strdup(pool, text);
}

const char *text_utc(struct pool *pool, int64_t us)
{
	time_t s = us / 1000000;
	char text[32];
	struct tm tm;

	if (us < 0 || !gmtime_r(&s, &tm))
		return NULL;
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	return pool_printf(pool, "%s.%06dZ", text, (int)(us % 1000000));
}

/* It has no control characters, so these are escaped here too. */
void text_csv(FILE *out, struct pool *pool, const char *s)
{
	if (!s)
		return;
	s = text_escape(pool, s);
	if (!strpbrk(s, "\", ")) {
		fputs(s, out);
		return;
	}
	putc('"', out);
	for (; *s; s++)
		fprintf(out, *s == '"' ? "\"%c" : "%c", *s);
	putc('"', out);
}

void text_line(FILE *out, const struct text_column *columns, size_t n,
	       const char *const *cells)
{
	for (size_t i = 0; i < n; i++) {
		const char *cell = cells[i] && *cells[i] ? cells[i] : "-";
		size_t w = text_width(cell);
		size_t pad = w < columns[i].width ? columns[i].width - w : 0;
		bool last = i == n - 1;

		if (columns[i].right)
			fprintf(out, "%*s%s", (int)pad, "", cell);
		else
			fprintf(out, "%s%*s", cell, last ? 0 : (int)pad, "");
		fputs(last ? "\n" : "  ", out);
	}
}
