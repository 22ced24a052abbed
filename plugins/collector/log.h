/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COLLECTOR_LOG_H
#define COLLECTOR_LOG_H

#include "base/err.h"

/*
 * Lines for stderr, which a unit's is the journal: "<N>" with the priority
 * (sd-daemon(3)), then KEY=VALUE. From any thread.
 */
enum log_level {
	LOG_LEVEL_ERR = 3,
	LOG_LEVEL_WARN,
	LOG_LEVEL_NOTE,
	LOG_LEVEL_INFO
};

/* The text, then msg="..." if there is an `err`. */
void log_line(enum log_level level, const struct err *err, const char *fmt, ...)
	CLOISON_PRINTF(3, 4);

/* What can be said often is said five times in ten seconds, of one kind. */
struct log_limit {
	long long since; /* seconds */
	unsigned said, held_back;
};

void log_limited(struct log_limit *limit, enum log_level level,
		 const struct err *err, const char *fmt, ...)
	CLOISON_PRINTF(4, 5);

#endif
