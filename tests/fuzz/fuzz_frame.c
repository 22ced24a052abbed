/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "collector/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char nonce[] = "0123456789abcdef0123456789abcdef";

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* Lines add up to what was taken, and their number to what was said. */
static void batch(const char *text, size_t len)
{
	struct frame_batch b;
	size_t n = 0, sum = 0, line_len;
	const char *line;
	struct err err;

	if (frame_batch_parse(text, len, &b, &err)) {
		check(*err.text);
		return;
	}
	check(b.n && b.n <= FRAME_RECORDS && b.len < len);
	sum = b.len;
	while (frame_batch_next(&b, &line, &line_len)) {
		check(!memchr(line, '\n', line_len));
		sum -= line_len + 1;
		n++;
	}
	check(!sum && n == b.n);
}

static void result(const char *text, size_t len, struct pool *pool)
{
	enum frame_fate fates[64];
	const char *again;
	struct err err;

	for (size_t n = 0; n < 64; n++) {
		if (frame_result_parse(text, len, nonce, fates, n, &err))
			continue;
		again = frame_result_build(nonce, fates, n, pool);
		check(strlen(again) == len && !memcmp(again, text, len));
	}
}

/* The first frames of a stream, as either side reads it. */
static void stream(const uint8_t *data, size_t size, struct pool *pool)
{
	unsigned char head[FRAME_HEAD];
	enum frame_fate fate;
	unsigned version;
	struct frame f;
	struct err err;

	while (size >= FRAME_HEAD) {
		const uint8_t *body = data + FRAME_HEAD;
		const char *text;

		if (frame_head_parse(data, &f, &err))
			return;
		check(f.len && f.len <= FRAME_MAX);
		frame_head_build(f.type, f.len, head);
		check(!memcmp(head, data, FRAME_HEAD));
		if (f.len > size - FRAME_HEAD)
			return;
		/* As they come from MUNGE: with a NUL behind. */
		text = pool_strndup(pool, (const char *)body, f.len);
		if (f.type == FRAME_HELLO)
			frame_hello_parse(body, &version, &err);
		else if (f.type == FRAME_BATCH)
			batch(text, f.len);
		else if (f.type == FRAME_RESULT)
			result(text, f.len, pool);
		else if (!frame_refused_parse(*body, &fate, &err))
			check(frame_fates[fate].verdict == FRAME_LATER);
		data = body + f.len;
		size -= FRAME_HEAD + f.len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pool pool = { 0 };

	stream(data, size, &pool);
	pool_free(&pool);
	return 0;
}
