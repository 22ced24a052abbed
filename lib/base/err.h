/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#define CLOISON_PRINTF(a, b) __attribute__((format(printf, a, b)))

/*
 * An error travels upwards as data. It has a fixed size below PIPE_BUF, so
 * that a child's failure reaches its parent in one atomic write (pipe(7)).
 * `num` is an errno value, or 0 when the text says it all.
 */
struct err {
	int num;
	char text[248];
};

/*
 * Fill `err` with the formatted text, followed by ": strerror(num)" when num
 * is not 0. Control characters from user input are replaced by '?'. A text
 * that does not fit ends in "...". errno is kept. Always returns -1.
 */
int err_set(struct err *err, int num, const char *fmt, ...)
	CLOISON_PRINTF(3, 4);

/* Put the formatted text and ": " in front of what `err` says. Returns -1. */
int err_prefix(struct err *err, const char *fmt, ...) CLOISON_PRINTF(2, 3);

/* Put ": " and the formatted text behind what `err` says. Returns -1. */
int err_hint(struct err *err, const char *fmt, ...) CLOISON_PRINTF(2, 3);

#endif
