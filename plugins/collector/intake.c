/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "acct/lost.h"
#include "acct/room.h"
#include "acct/spool.h"
#include "base/cleanup.h"
#include "collector/intake.h"

/* Records per transaction: each costs a sync of the disk. */
enum {
	BATCH = 256
};

static int check_signer(const struct record *r, int64_t signer, struct err *err)
{
	if (signer == 0 || signer == r->user.uid)
		return 0;
	if (r->user.uid < 0)
		return err_set(
			err, 0,
			"uid %lld signed it and it names no user: only root may",
			(long long)signer);
	return err_set(
		err, 0,
		"uid %lld signed it, but it is the record of uid %lld: only that user or root may",
		(long long)signer, (long long)r->user.uid);
}

enum intake_verdict intake_check(const char *text, size_t len, int64_t signer,
				 enum store_source source, struct pool *pool,
				 struct store_entry *ret, struct err *err)
{
	struct record *record = pool_alloc(pool, sizeof(*record));
	const char *kept;

	if (record_rewrite(text, len, pool, record, &kept, err))
		return INTAKE_MALFORMED;
	if (check_signer(record, signer, err))
		return INTAKE_FOREIGN;
	*ret = (struct store_entry){ .record = record,
				     .text = kept,
				     .signer = signer,
				     .source = source };
	return INTAKE_TAKEN;
}

int intake_add(struct intake *in, const char *label, const char *text,
	       size_t len, int64_t signer, enum store_source source,
	       struct err *err)
{
	struct store_entry entry;
	size_t labels = in->n;

	if (intake_check(text, len, signer, source, &in->pool, &entry, err) !=
	    INTAKE_TAKEN)
		return 1;
	*(const char **)pool_push(&in->pool, &in->labels, &labels,
				  sizeof(*in->labels)) =
		pool_strdup(&in->pool, label);
	*(struct store_entry *)pool_push(&in->pool, &in->entries, &in->n,
					 sizeof(entry)) = entry;
	return in->n < BATCH ? 0 : intake_flush(in, err);
}

void intake_drop(struct intake *in)
{
	pool_free(&in->pool);
	in->entries = NULL;
	in->labels = NULL;
	in->n = 0;
}

int intake_flush(struct intake *in, struct err *err)
{
	int result = store_insert(in->store, in->entries, in->n, err);

	for (size_t i = 0; i < in->n && !result; i++)
		result = in->done(in->arg, in->labels[i], in->entries[i].fate,
				  err);
	intake_drop(in);
	return result;
}

struct spool_intake {
	struct intake intake;
	const char *dir;
	int spool;
};

/* Said once: the file is out of the way at the next import. */
static void reject(const struct spool_intake *si, const char *name,
		   struct err *err)
{
	struct err failure;

	err_prefix(err, "%s/new/%s is refused", si->dir, name);
	if (spool_reject(si->spool, name, &failure))
		err_hint(err, "%s", failure.text);
	else
		err_hint(err, "moved to bad/");
	fprintf(stderr, "cloison: %s\n", err->text);
}

static int spool_done(void *arg, const char *name, enum store_fate fate,
		      struct err *err)
{
	const struct spool_intake *si = arg;

	if (fate != STORE_CLASH)
		return spool_remove(si->spool, name, err);
	err_set(err, 0, "another user's record has its id");
	reject(si, name, err);
	return 0;
}

static int take(void *arg, const char *name, const char *text, size_t len,
		struct err *err)
{
	struct spool_intake *si = arg;
	int result = 1;

	if (text)
		result = intake_add(&si->intake, name, text, len, geteuid(),
				    STORE_SPOOL, err);
	if (result == 1) {
		reject(si, name, err);
		result = 0;
	}
	return result;
}

int intake_spool(struct store *store, const char *dir, struct err *err)
{
	cleanup_fd int spool = spool_open(dir, geteuid(), err);
	struct spool_intake si = {
		.intake = { .store = store, .done = spool_done, .arg = &si },
		.dir = dir,
		.spool = spool,
	};
	int result;

	if (spool < 0)
		return err_prefix(err, "spool");
	if (room_full(spool, err))
		fprintf(stderr, "cloison: %s: %s\n", dir, err->text);
	result = lost_close(spool, geteuid(), &(size_t){ 0 }, err);
	if (!result)
		result = spool_read(spool, geteuid(), take, &si, err);
	if (!result)
		result = intake_flush(&si.intake, err);
	intake_drop(&si.intake);
	return result;
}
