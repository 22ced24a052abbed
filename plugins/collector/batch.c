/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "auth/auth.h"
#include "collector/batch.h"
#include "collector/intake.h"
#include "collector/log.h"
#include "collector/stats.h"

static struct log_limit limits[FATES];

void batch_refuse(struct batch *b, enum frame_fate why, const struct err *err)
{
	b->refused = why;
	stats_add(STAT_FATE + why, 1);
	log_limited(&limits[why], LOG_LEVEL_WARN, err,
		    "event=batch-refused reason=%s peer=%s",
		    frame_fates[why].name, b->peer);
}

static enum frame_fate fate_of_verdict(enum auth_verdict verdict)
{
	static const enum frame_fate fates[] = {
		[AUTH_EXPIRED] = FATE_EXPIRED,
		[AUTH_REPLAYED] = FATE_REPLAYED,
		[AUTH_INVALID] = FATE_FORGED,
		[AUTH_UNAVAILABLE] = FATE_MUNGE,
	};

	return fates[verdict];
}

static const char *host_text(struct in_addr addr, char ret[static 16])
{
	return inet_ntop(AF_INET, &addr, ret, 16);
}

static void refuse_record(const struct batch *b, const struct auth_cred *c,
			  enum frame_fate why, const struct err *err)
{
	char host[INET_ADDRSTRLEN];

	log_limited(&limits[why], LOG_LEVEL_WARN, err,
		    "event=record-refused reason=%s peer=%s host=%s uid=%u",
		    frame_fates[why].name, b->peer, host_text(c->host, host),
		    c->uid);
}

static enum frame_fate check_one(struct batch *b, const struct auth_cred *c,
				 const char *line, size_t len)
{
	static const enum frame_fate fates[] = {
		[INTAKE_TAKEN] = FATE_NEW,
		[INTAKE_MALFORMED] = FATE_MALFORMED,
		[INTAKE_FOREIGN] = FATE_FOREIGN,
	};
	enum frame_fate fate;
	struct err err;

	fate = fates[intake_check(line, len, c->uid, STORE_SIGNED, &b->pool,
				  &b->entries[b->n_entries], &err)];
	if (fate != FATE_NEW) {
		stats_add(STAT_FATE + fate, 1);
		refuse_record(b, c, fate, &err);
	}
	return fate;
}

static void check_records(struct batch *b, const struct auth_cred *c,
			  struct frame_batch *records)
{
	const char *line;
	size_t len;

	b->fates = pool_alloc(&b->pool, records->n * sizeof(*b->fates));
	b->entries = pool_alloc(&b->pool, records->n * sizeof(*b->entries));
	b->at = pool_alloc(&b->pool, records->n * sizeof(*b->at));
	while (frame_batch_next(records, &line, &len)) {
		b->fates[b->n] = check_one(b, c, line, len);
		if (b->fates[b->n] == FATE_NEW)
			b->at[b->n_entries++] = b->n;
		b->n++;
	}
}

/* Root of a host that is none of the site's says nothing about its users. */
static void open_payload(struct batch *b, const struct batch_policy *policy,
			 const struct auth_cred *c)
{
	char host[INET_ADDRSTRLEN];
	struct frame_batch records;
	struct err err;

	b->signer = c->uid;
	if (!c->uid && !nodes_has(policy->nodes, c->host)) {
		err_set(&err, 0,
			"root of %s signed it, which is not among the nodes",
			host_text(c->host, host));
		batch_refuse(b, FATE_STRANGER, &err);
	} else if (frame_batch_parse(c->payload, c->len, &records, &err)) {
		batch_refuse(b, FATE_FORGED, &err);
	} else {
		memcpy(b->nonce, records.nonce, sizeof(b->nonce));
		check_records(b, c, &records);
	}
}

void batch_open(struct batch *b, const struct batch_policy *policy)
{
	struct pool pool = { 0 };
	struct auth_cred c;
	struct err err;

	if (auth_verify(policy->munge_socket, b->cred, &pool, &c, &err))
		batch_refuse(b, fate_of_verdict(c.verdict), &err);
	else
		open_payload(b, policy, &c);
	pool_free(&pool);
	free(b->cred);
	b->cred = NULL;
}

void batch_settle(struct batch *b)
{
	static const enum frame_fate fates[] = {
		[STORE_NEW] = FATE_NEW,
		[STORE_KNOWN] = FATE_KNOWN,
		[STORE_CLASH] = FATE_CLASH,
	};

	for (size_t i = 0; i < b->n_entries; i++) {
		enum frame_fate fate = fates[b->entries[i].fate];

		b->fates[b->at[i]] = fate;
		stats_add(STAT_FATE + fate, 1);
		if (fate == FATE_CLASH)
			log_limited(
				&limits[fate], LOG_LEVEL_WARN, NULL,
				"event=record-refused reason=clash peer=%s uid=%u id=%s",
				b->peer, b->signer, b->entries[i].record->id);
	}
}

void batch_answer(struct batch *b, const struct batch_policy *policy)
{
	const char *text =
		frame_result_build(b->nonce, b->fates, b->n, &b->pool);
	struct err err;

	/* Unanswered it is sent again, and known then. */
	if (auth_sign_for(policy->munge_socket, policy->ttl, b->signer, text,
			  &b->pool, &b->answer, &err))
		log_limited(&limits[FATE_MUNGE], LOG_LEVEL_WARN, &err,
			    "event=no-answer peer=%s", b->peer);
	else
		stats_add(STAT_BATCHES, 1);
}

void batch_free(struct batch *b)
{
	pool_free(&b->pool);
	free(b->cred);
	free(b);
}
