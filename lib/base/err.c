/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

/* Text of users ends up in terminals and logs: no control characters. */
static void clean(char *text, int full_length, size_t size)
{
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	if (full_length >= (int)size)
		memcpy(text + size - 4, "...", 4);
}

int err_set(struct err *err, int num, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	if (num && n >= 0 && n < (int)sizeof(err->text))
		n += snprintf(err->text + n, sizeof(err->text) - (size_t)n,
			      ": %s", strerror(num));
	clean(err->text, n, sizeof(err->text));
	err->num = num;
	errno = saved;
	return -1;
}

int err_prefix(struct err *err, const char *fmt, ...)
{
	int saved = errno;
	char old[sizeof(err->text)];
	va_list ap;
	int n;

	memcpy(old, err->text, sizeof(old));
	va_start(ap, fmt);
	n = vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	if (n >= 0 && n < (int)sizeof(err->text))
		n += snprintf(err->text + n, sizeof(err->text) - (size_t)n,
			      ": %s", old);
	clean(err->text, n, sizeof(err->text));
	errno = saved;
	return -1;
}

int err_hint(struct err *err, const char *fmt, ...)
{
	int saved = errno;
	size_t len = strlen(err->text);
	va_list ap;
	int n;

	n = snprintf(err->text + len, sizeof(err->text) - len, ": ");
	va_start(ap, fmt);
	if (len + 2 < sizeof(err->text))
		n += vsnprintf(err->text + len + 2, sizeof(err->text) - len - 2,
			       fmt, ap);
	va_end(ap);
	clean(err->text, (int)len + n, sizeof(err->text));
	errno = saved;
	return -1;
}
