/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COLLECTOR_FRAME_H
#define COLLECTOR_FRAME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/pool.h"

/*
 * What goes over the wire between the two roles of cloisond. A frame is a head
 * (its type in one byte, three bytes 0, the length of the body as a big-endian
 * number of four) and a body:
 *
 *	HELLO    to the collector: "CLSN", a version in two bytes, two bytes 0
 *	HELLO    back: the version that counts, at most the other
 *	BATCH    to the collector: a credential, of records
 *	RESULT   back: a credential, of what became of each
 *	REFUSED  or this: one byte, why none was looked at
 *
 * Batches are answered one by one. Both credentials are MUNGE's (munge(7)),
 * made for the other side's eyes only. In a batch's are the lines
 *
 *	cloisond/1 NONCE
 *	RECORD
 *	...
 *
 * and in its result's, with one letter for each record,
 *
 *	cloisond/1 NONCE LETTERS
 *
 * where NONCE is 32 digits of [0-9a-f] that ship has drawn: so that nobody who
 * is not the collector, or has an old answer of it, can have records removed.
 *
 * All of this is pure but for the nonce, and believes nothing. Texts come from
 * MUNGE, with a NUL behind them that `len` does not count.
 */
enum frame_type {
	FRAME_HELLO = 1,
	FRAME_BATCH,
	FRAME_RESULT,
	FRAME_REFUSED,
};

enum {
	FRAME_VERSION = 1,
	FRAME_HEAD = 8,
	FRAME_HELLO_SIZE = 8,
	/* munged takes requests below 1 MiB, and a credential is base64. */
	FRAME_MAX = 1000 * 1024,
	FRAME_TEXT_MAX = 512 * 1024,
	FRAME_RECORDS = 4096,
	FRAME_NONCE = 32,
};

struct frame {
	enum frame_type type;
	size_t len; /* of the body */
};

/* What became of a record, in RESULT as 'a' + this, in REFUSED as a byte. */
enum frame_fate {
	FATE_NEW,
	FATE_KNOWN,
	FATE_MALFORMED,
	FATE_FOREIGN,
	FATE_CLASH,
	FATE_STORE,
	FATE_EXPIRED,
	FATE_REPLAYED,
	FATE_FORGED,
	FATE_STRANGER,
	FATE_MUNGE,
	FATES
};

/* What ship does with a record of that fate. */
enum frame_verdict {
	FRAME_KEPT, /* it is in the store: remove the file */
	FRAME_BAD,  /* it never will be */
	FRAME_LATER /* try again */
};

extern const struct frame_fate_row {
	const char *name; /* of the counter */
	enum frame_verdict verdict;
	const char *text;
} frame_fates[FATES];

void frame_head_build(enum frame_type type, size_t len,
		      unsigned char ret[static FRAME_HEAD]);

/* A length that no frame of the type has is an error; EMSGSIZE: too long. */
int frame_head_parse(const unsigned char head[static FRAME_HEAD],
		     struct frame *ret, struct err *err);

void frame_hello_build(unsigned version,
		       unsigned char ret[static FRAME_HELLO_SIZE]);

int frame_hello_parse(const unsigned char body[static FRAME_HELLO_SIZE],
		      unsigned *ret_version, struct err *err);

/* 128 random bits. */
int frame_nonce(char ret[static FRAME_NONCE + 1], struct err *err);

/* What stands before the records of a batch. */
const char *frame_batch_build(const char *nonce, struct pool *pool);

/*
 * The records of a batch are the `n` lines at `records`, which all have their
 * end.
 */
struct frame_batch {
	char nonce[FRAME_NONCE + 1];
	const char *records;
	size_t len, n;
};

int frame_batch_parse(const char *text, size_t len, struct frame_batch *ret,
		      struct err *err);

/* The next line without its end, until there is none. */
bool frame_batch_next(struct frame_batch *batch, const char **ret,
		      size_t *ret_len);

const char *frame_result_build(const char *nonce, const enum frame_fate *fates,
			       size_t n, struct pool *pool);

/* It must be the answer to the batch of `n` records with that nonce. */
int frame_result_parse(const char *text, size_t len, const char *nonce,
		       enum frame_fate *ret, size_t n, struct err *err);

/* Of REFUSED: only what may pass can happen to a whole batch. */
int frame_refused_parse(unsigned char body, enum frame_fate *ret,
			struct err *err);

#endif
