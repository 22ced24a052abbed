/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COLLECTOR_BATCH_H
#define COLLECTOR_BATCH_H

#include <sys/types.h>

#include "base/pool.h"
#include "collector/frame.h"
#include "collector/nodes.h"
#include "store/store.h"

/* A batch on its way through the collector; one thread has it at a time. */
struct batch {
	void *owner;      /* the connection */
	const char *peer; /* for the log */
	char *cred;       /* as it came; released by batch_open */
	/* Why it was not looked at, or FATE_NEW. */
	enum frame_fate refused;
	struct pool pool;
	uid_t signer;
	char nonce[FRAME_NONCE + 1];
	enum frame_fate *fates; /* of all n records */
	size_t n;
	/* Those of them that go to the store. */
	struct store_entry *entries;
	size_t *at; /* in fates */
	size_t n_entries;
	const char *answer; /* a credential; NULL: none can be made */
	struct batch *next;
};

struct batch_policy {
	const char *munge_socket;
	int ttl;
	const struct nodes *nodes;
};

/*
 * Have munged decode the credential, see who signed and check every record.
 * Sets `refused`, or fates and entries. Slow, for any thread; json-c and
 * libmunge are loaded (record_foresee, auth_load).
 */
void batch_open(struct batch *b, const struct batch_policy *policy);

/* The store's word on the entries. */
void batch_settle(struct batch *b);

/* Sign the answer for whoever signed the batch. As slow. */
void batch_answer(struct batch *b, const struct batch_policy *policy);

void batch_free(struct batch *b);

/* Count a refusal and log it. */
void batch_refuse(struct batch *b, enum frame_fate why, const struct err *err);

#endif
