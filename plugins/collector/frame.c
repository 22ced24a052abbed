/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "collector/frame.h"

static const char magic[4] = { 'C', 'L', 'S', 'N' };
static const char banner[] = "cloisond/1 ";
static const char hex[] = "0123456789abcdef";

enum {
	BANNER = sizeof(banner) - 1
};

const struct frame_fate_row frame_fates[FATES] = {
	[FATE_NEW] = { "new", FRAME_KEPT, "it was stored" },
	[FATE_KNOWN] = { "known", FRAME_KEPT, "it was in the store already" },
	[FATE_MALFORMED] = { "malformed", FRAME_BAD,
			     "it is not a proper record" },
	[FATE_FOREIGN] = { "foreign", FRAME_BAD,
			   "it is another user's, and root did not sign it" },
	[FATE_CLASH] = { "clash", FRAME_BAD, "another user's has its id" },
	[FATE_STORE] = { "store", FRAME_LATER, "the store did not take it" },
	[FATE_EXPIRED] = { "expired", FRAME_LATER,
			   "it had expired, or is from the future: set the clocks of both hosts" },
	[FATE_REPLAYED] = { "replayed", FRAME_LATER,
			    "it was shown there before" },
	[FATE_FORGED] = { "forged", FRAME_LATER,
			  "it was altered, or signed with another MUNGE key: compare the keys of both hosts" },
	[FATE_STRANGER] = { "stranger", FRAME_LATER,
			    "root signed it on a host that is not among the collector's nodes" },
	[FATE_MUNGE] = { "munge", FRAME_LATER,
			 "the collector's munged did not answer" },
};

/* How long the body of each type can be. */
static const struct {
	size_t least, most;
} bounds[] = {
	[FRAME_HELLO] = { FRAME_HELLO_SIZE, FRAME_HELLO_SIZE },
	[FRAME_BATCH] = { 1, FRAME_MAX },
	[FRAME_RESULT] = { 1, 65536 },
	[FRAME_REFUSED] = { 1, 1 },
};

void frame_head_build(enum frame_type type, size_t len,
		      unsigned char ret[static FRAME_HEAD])
{
	uint32_t n = htonl((uint32_t)len);

	memset(ret, 0, FRAME_HEAD);
	ret[0] = (unsigned char)type;
	memcpy(ret + 4, &n, sizeof(n));
}

int frame_head_parse(const unsigned char head[static FRAME_HEAD],
		     struct frame *ret, struct err *err)
{
	unsigned type = head[0];
	uint32_t n;

	memcpy(&n, head + 4, sizeof(n));
	n = ntohl(n);
	if (!type || type >= sizeof(bounds) / sizeof(bounds[0]) || head[1] ||
	    head[2] || head[3])
		return err_set(err, 0, "not a frame of cloisond");
	if (n < bounds[type].least || n > bounds[type].most)
		return err_set(err, n > bounds[type].most ? EMSGSIZE : 0,
			       "a frame of type %u with %lu bytes", type,
			       (unsigned long)n);
	ret->type = (enum frame_type)type;
	ret->len = n;
	return 0;
}

void frame_hello_build(unsigned version,
		       unsigned char ret[static FRAME_HELLO_SIZE])
{
	memcpy(ret, magic, sizeof(magic));
	ret[4] = (unsigned char)(version >> 8);
	ret[5] = (unsigned char)version;
	ret[6] = ret[7] = 0;
}

int frame_hello_parse(const unsigned char body[static FRAME_HELLO_SIZE],
		      unsigned *ret_version, struct err *err)
{
	unsigned version = (unsigned)body[4] << 8 | body[5];

	if (memcmp(body, magic, sizeof(magic)) != 0 || !version)
		return err_set(err, 0, "not the hello of cloisond");
	*ret_version = version;
	return 0;
}

int frame_nonce(char ret[static FRAME_NONCE + 1], struct err *err)
{
	unsigned char b[FRAME_NONCE / 2];

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		return err_set(err, errno, "read random bytes");
	for (size_t i = 0; i < sizeof(b); i++) {
		ret[2 * i] = hex[b[i] >> 4];
		ret[2 * i + 1] = hex[b[i] & 15];
	}
	ret[FRAME_NONCE] = '\0';
	return 0;
}

const char *frame_batch_build(const char *nonce, struct pool *pool)
{
	return pool_printf(pool, "%s%s\n", banner, nonce);
}

/* Banner, nonce and `end` are what `text` begins with. */
static bool begins(const char *text, size_t len, char end)
{
	return len > BANNER + FRAME_NONCE && !memcmp(text, banner, BANNER) &&
	       strspn(text + BANNER, hex) == FRAME_NONCE &&
	       text[BANNER + FRAME_NONCE] == end;
}

int frame_batch_parse(const char *text, size_t len, struct frame_batch *ret,
		      struct err *err)
{
	if (!begins(text, len, '\n'))
		return err_set(err, 0, "not a batch of records");
	memcpy(ret->nonce, text + BANNER, FRAME_NONCE);
	ret->nonce[FRAME_NONCE] = '\0';
	ret->records = text + BANNER + FRAME_NONCE + 1;
	ret->len = len - BANNER - FRAME_NONCE - 1;
	ret->n = 0;
	for (size_t i = 0; i < ret->len; i++)
		ret->n += ret->records[i] == '\n';
	if (!ret->n || ret->records[ret->len - 1] != '\n')
		return err_set(err, 0, "a batch that was cut off");
	if (ret->n > FRAME_RECORDS)
		return err_set(err, 0, "a batch of more than %d records",
			       FRAME_RECORDS);
	return 0;
}

bool frame_batch_next(struct frame_batch *batch, const char **ret,
		      size_t *ret_len)
{
	const char *end;

	if (!batch->len)
		return false;
	end = memchr(batch->records, '\n', batch->len);
	*ret = batch->records;
	*ret_len = (size_t)(end - batch->records);
	batch->records += *ret_len + 1;
	batch->len -= *ret_len + 1;
	return true;
}

const char *frame_result_build(const char *nonce, const enum frame_fate *fates,
			       size_t n, struct pool *pool)
{
	char *letters = pool_alloc(pool, n + 1);

	for (size_t i = 0; i < n; i++)
		letters[i] = (char)('a' + (int)fates[i]);
	return pool_printf(pool, "%s%s %s", banner, nonce, letters);
}

int frame_result_parse(const char *text, size_t len, const char *nonce,
		       enum frame_fate *ret, size_t n, struct err *err)
{
	const char *letters = text + BANNER + FRAME_NONCE + 1;

	if (!begins(text, len, ' ') ||
	    memcmp(text + BANNER, nonce, FRAME_NONCE) != 0 ||
	    len != BANNER + FRAME_NONCE + 1 + n)
		return err_set(err, 0, "it answers another batch");
	for (size_t i = 0; i < n; i++) {
		if (letters[i] < 'a' || letters[i] >= 'a' + FATES)
			return err_set(err, 0, "an answer of a newer cloisond");
		ret[i] = (enum frame_fate)(letters[i] - 'a');
	}
	return 0;
}

int frame_refused_parse(unsigned char body, enum frame_fate *ret,
			struct err *err)
{
	if (body >= FATES || frame_fates[body].verdict != FRAME_LATER)
		return err_set(err, 0, "a refusal that is none");
	*ret = (enum frame_fate)body;
	return 0;
}
