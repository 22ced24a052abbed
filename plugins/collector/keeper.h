/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COLLECTOR_KEEPER_H
#define COLLECTOR_KEEPER_H

#include "collector/batch.h"

/*
 * The thread that has the store. All batches that wait when it is free go into
 * one transaction, which is what makes many connections cheap: it is the sync
 * of the disk that takes time.
 */
struct keeper;

/*
 * Open the store and start. `done` is called in the keeper's thread when there
 * is something for keeper_pull.
 */
int keeper_start(const char *store, int64_t retention_s,
		 void (*done)(void *arg), void *arg, struct keeper **ret,
		 struct err *err);

/* A batch with entries. */
void keeper_push(struct keeper *k, struct batch *b);

/* Batches that are stored, or refused, in order; NULL: none (now). */
struct batch *keeper_pull(struct keeper *k);

/*
 * Wait for the transaction under way, if any. keeper_pull gives all batches
 * then, also those that are not stored.
 */
void keeper_stop(struct keeper *k);

/* After keeper_stop, when all is pulled. */
void keeper_free(struct keeper *k);

#endif
