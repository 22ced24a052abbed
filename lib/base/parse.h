/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_PARSE_H
#define BASE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Text to value. All of these are pure, take the whole string or fail, and
 * leave `ret` alone on failure; `err` then says what was expected.
 */

/* Decimal number up to `max`. */
int parse_uint(const char *s, uint64_t max, uint64_t *ret, struct err *err);

/*
 * Bytes: a number, fractional if wanted, with K M G T P (powers of 1024; an
 * "iB" or "B" may follow) or none. Not zero.
 */
int parse_size(const char *s, uint64_t *ret, struct err *err);

/* CPUs in thousandths: "2" is 2000, "0.5" is 500. Not zero. */
int parse_millicpus(const char *s, uint64_t *ret, struct err *err);

/*
 * Seconds: "90", "90s", "15m", "1h30m", "1d", "1:30:00", "15:00" (minutes and
 * seconds); with days as Slurm writes them "2-12" (hours), "2-12:30:00". Not
 * zero, at most 100 years.
 */
int parse_seconds(const char *s, uint64_t *ret, struct err *err);

/*
 * Seconds with a sign: "-1.5" is -2 and 500000000. At most ten billion, the
 * range of the kernel's clocks.
 */
int parse_offset(const char *s, int64_t *ret_sec, uint32_t *ret_nsec,
		 struct err *err);

/* The index of `s` in a NULL-terminated list of words. */
int parse_word(const char *s, const char *const *words, int *ret,
	       struct err *err);

/* yes/no, true/false, on/off, 1/0 */
int parse_bool(const char *s, bool *ret, struct err *err);

/*
 * A kernel list such as "0-3,8" (cpuset(7), "List format"), each number at
 * most `max`. Calls `fn` for every range in order.
 */
int parse_list(const char *s, unsigned max,
	       void (*fn)(void *arg, unsigned first, unsigned last), void *arg,
	       struct err *err);

#endif
