/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "collector/log.h"

enum {
	LINE = 1024,
	WINDOW = 10,
	BURST = 5
};

static size_t append(char line[static LINE], size_t len, const char *fmt, ...)
	CLOISON_PRINTF(3, 4);

static size_t append(char line[static LINE], size_t len, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line + len, LINE - len, fmt, ap);
	va_end(ap);
	len += n < 0 ? 0 : (size_t)n;
	return len < LINE ? len : LINE - 1;
}

static void put(enum log_level level, const struct err *err, unsigned held_back,
		const char *fmt, va_list ap) CLOISON_PRINTF(4, 0);

/* One write, so that lines of threads do not mix. */
static void put(enum log_level level, const struct err *err, unsigned held_back,
		const char *fmt, va_list ap)
{
	char line[LINE], text[LINE];
	size_t len;

	vsnprintf(text, sizeof(text), fmt, ap);
	len = append(line, 0, "<%d>%s", level, text);
	if (held_back)
		len = append(line, len, " suppressed=%u", held_back);
	if (err) {
		snprintf(text, sizeof(text), "%s", err->text);
		for (char *quote; (quote = strchr(text, '"'));)
			*quote = '\'';
		len = append(line, len, " msg=\"%s\"", text);
	}
	if (len == LINE - 1)
		len--;
	line[len++] = '\n';
	fd_write_all(STDERR_FILENO, line, len);
}

void log_line(enum log_level level, const struct err *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put(level, err, 0, fmt, ap);
	va_end(ap);
}

void log_limited(struct log_limit *limit, enum log_level level,
		 const struct err *err, const char *fmt, ...)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	unsigned held_back = 0;
	struct timespec now;
	bool quiet;
	va_list ap;

	clock_gettime(CLOCK_MONOTONIC, &now);
	pthread_mutex_lock(&lock);
	if (!limit->since || now.tv_sec - limit->since >= WINDOW) {
		held_back = limit->held_back;
		*limit = (struct log_limit){ .since = now.tv_sec };
	}
	quiet = limit->said == BURST;
	if (quiet)
		limit->held_back++;
	else
		limit->said++;
	pthread_mutex_unlock(&lock);
	if (quiet)
		return;
	va_start(ap, fmt);
	put(level, err, held_back, fmt, ap);
	va_end(ap);
}
