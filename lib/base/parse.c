/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <ctype.h>
#include <string.h>

#include "base/parse.h"

/* Digits only: strtoull takes signs and blanks, which no value here has. */
static int digits(const char **s, uint64_t max, uint64_t *ret)
{
	const char *p = *s;
	uint64_t v = 0;

	if (!isdigit((unsigned char)*p))
		return -1;
	for (; isdigit((unsigned char)*p); p++) {
		unsigned d = (unsigned)(*p - '0');

		if (v > (max - d) / 10 || d > max)
			return -1;
		v = v * 10 + d;
	}
	*s = p;
	*ret = v;
	return 0;
}

/* A decimal with up to nine places, as whole part and billionths. */
static int decimal(const char **s, uint64_t max, uint64_t *ret_whole,
		   uint64_t *ret_nano)
{
	uint64_t scale = 1000000000;

	*ret_nano = 0;
	if (digits(s, max, ret_whole))
		return -1;
	if (**s != '.')
		return 0;
	(*s)++;
	if (!isdigit((unsigned char)**s))
		return -1;
	for (; isdigit((unsigned char)**s); (*s)++) {
		if (scale == 1)
			return -1;
		scale /= 10;
		*ret_nano += scale * (uint64_t)(**s - '0');
	}
	return 0;
}

int parse_uint(const char *s, uint64_t max, uint64_t *ret, struct err *err)
{
	const char *p = s;
	uint64_t v;

	if (digits(&p, max, &v) || *p)
		return err_set(err, 0, "'%s' is not a number from 0 to %llu", s,
			       (unsigned long long)max);
	*ret = v;
	return 0;
}

int parse_size(const char *s, uint64_t *ret, struct err *err)
{
	static const char units[] = "KMGTP";
	const char *p = s, *unit;
	uint64_t whole, nano, bytes;
	unsigned shift = 0;

	if (decimal(&p, UINT64_MAX / 2, &whole, &nano))
		goto bad;
	unit = *p ? strchr(units, toupper((unsigned char)*p)) : NULL;
	if (unit) {
		shift = 10 * (unsigned)(unit - units + 1);
		p++;
		if (!strcmp(p, "iB"))
			p += 2;
	}
	if (!strcmp(p, "B"))
		p++;
	if (*p || (nano && !shift) || whole > ((uint64_t)INT64_MAX >> shift))
		goto bad;
	bytes = (whole << shift) + (uint64_t)((unsigned __int128)nano *
					      (1ULL << shift) / 1000000000);
	if (!bytes || bytes > INT64_MAX)
		goto bad;
	*ret = bytes;
	return 0;
bad:
	return err_set(err, 0, "'%s' is not a size (examples: 512M, 1.5G)", s);
}

int parse_millicpus(const char *s, uint64_t *ret, struct err *err)
{
	const char *p = s;
	uint64_t whole, nano;

	if (decimal(&p, 1000000, &whole, &nano) || *p || nano % 1000000 ||
	    whole + nano == 0)
		return err_set(
			err, 0,
			"'%s' is not a number of CPUs (examples: 4, 0.5)", s);
	*ret = whole * 1000 + nano / 1000000;
	return 0;
}

enum {
	MINUTE = 60,
	HOUR = 60 * MINUTE,
	DAY = 24 * HOUR
};
static const uint64_t seconds_max = 100ULL * 366 * DAY;

/* "15m", "1h30m": units from large to small, each at most once. */
static int with_units(const char *s, uint64_t *ret)
{
	static const struct {
		char unit;
		uint64_t seconds;
	} units[] = {
		{ 'd', DAY }, { 'h', HOUR }, { 'm', MINUTE }, { 's', 1 }
	};
	size_t i = 0;
	uint64_t v;

	*ret = 0;
	while (*s) {
		if (digits(&s, seconds_max, &v))
			return -1;
		while (i < sizeof(units) / sizeof(units[0]) &&
		       units[i].unit != *s)
			i++;
		if (i == sizeof(units) / sizeof(units[0]))
			return -1;
		*ret += v * units[i++].seconds;
		if (*ret > seconds_max)
			return -1;
		s++;
	}
	return 0;
}

/* "90", "1:30:00", and with days, where hours come first: "2-12", "2-12:30" */
static int with_colons(const char *s, uint64_t *ret)
{
	uint64_t v, total = 0;
	int parts = 0;
	bool days;

	if (digits(&s, seconds_max, &v))
		return -1;
	days = *s == '-';
	if (days && (s++, *ret = v * DAY, digits(&s, 23, &v)))
		return -1;
	for (;;) {
		total = total * 60 + v;
		parts++;
		if (total > seconds_max || *s != ':')
			break;
		s++;
		if (digits(&s, seconds_max, &v))
			return -1;
	}
	if (*s || (days && parts > 3))
		return -1;
	for (; days && parts < 3; parts++)
		total *= 60;
	*ret = (days ? *ret : 0) + total;
	return 0;
}

int parse_seconds(const char *s, uint64_t *ret, struct err *err)
{
	uint64_t v = 0;

	if ((with_colons(s, &v) && with_units(s, &v)) || !v || v > seconds_max)
		return err_set(err, 0,
			       "'%s' is not a time (examples: 90s, 1h30m, "
			       "1:30:00, 2-12:00:00)",
			       s);
	*ret = v;
	return 0;
}

int parse_offset(const char *s, int64_t *ret_sec, uint32_t *ret_nsec,
		 struct err *err)
{
	const char *p = s + (*s == '-' || *s == '+');
	uint64_t whole, nano;

	if (decimal(&p, 10000000000, &whole, &nano) || *p)
		return err_set(err, 0,
			       "'%s' is not a number of seconds (examples: "
			       "86400, -1.5)",
			       s);
	*ret_sec = *s == '-' ? -(int64_t)whole : (int64_t)whole;
	*ret_nsec = (uint32_t)nano;
	if (*s == '-' && nano) {
		(*ret_sec)--;
		*ret_nsec = (uint32_t)(1000000000 - nano);
	}
	return 0;
}

int parse_word(const char *s, const char *const *words, int *ret,
	       struct err *err)
{
	for (int i = 0; words[i]; i++)
		if (!strcmp(s, words[i])) {
			*ret = i;
			return 0;
		}
	err_set(err, 0, "'%s' is not one of", s);
	for (int i = 0; words[i]; i++) {
		size_t len = strlen(err->text);

		if (len + strlen(words[i]) + 2 < sizeof(err->text)) {
			err->text[len] = ' ';
			strcpy(err->text + len + 1, words[i]);
		}
	}
	return -1;
}

int parse_bool(const char *s, bool *ret, struct err *err)
{
	static const char *const words[] = { "no",   "yes", "false",
					     "true", "off", "on",
					     "0",    "1",   NULL };
	int i;

	if (parse_word(s, words, &i, err))
		return -1;
	*ret = i & 1;
	return 0;
}

int parse_list(const char *s, unsigned max,
	       void (*fn)(void *arg, unsigned first, unsigned last), void *arg,
	       struct err *err)
{
	const char *p = s;

	do {
		uint64_t first, last;

		if (digits(&p, max, &first))
			goto bad;
		last = first;
		if (*p == '-' && (p++, digits(&p, max, &last)))
			goto bad;
		if (last < first)
			goto bad;
		fn(arg, (unsigned)first, (unsigned)last);
	} while (*p == ',' && p++);
	if (!*p)
		return 0;
bad:
	return err_set(err, 0, "'%s' is not a list (example: 0-3,8)", s);
}
