/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "collector/keeper.h"
#include "collector/log.h"
#include "collector/stats.h"

enum {
	/* Records in a transaction, more or less: others wait for it. */
	GROUP = 8192,
	DAY = 86400
};

struct queue {
	struct batch *first, **end;
};

struct keeper {
	const char *where;
	struct store *store; /* NULL: it failed, and is opened again */
	int64_t retention_s;
	time_t expire; /* when next */
	void (*done)(void *arg);
	void *arg;
	pthread_t thread;
	pthread_mutex_t lock; /* for what follows */
	pthread_cond_t work;
	struct queue todo, ready;
	bool stop;
};

static void queue_init(struct queue *q)
{
	q->first = NULL;
	q->end = &q->first;
}

static void queue_put(struct queue *q, struct batch *b)
{
	b->next = NULL;
	*q->end = b;
	q->end = &b->next;
}

static struct batch *queue_get(struct queue *q)
{
	struct batch *b = q->first;

	if (b)
		q->first = b->next;
	if (!q->first)
		q->end = &q->first;
	return b;
}

/* The next so many; the keeper is locked. */
static size_t take_group(struct keeper *k, struct queue *ret)
{
	size_t n = 0;

	queue_init(ret);
	while (k->todo.first && n < GROUP) {
		struct batch *b = queue_get(&k->todo);

		n += b->n_entries;
		queue_put(ret, b);
	}
	return n;
}

static int insert(struct keeper *k, struct store_entry *entries, size_t n,
		  struct err *err)
{
	if (!k->store && store_open(k->where, &k->store, err))
		return -1;
	if (!store_insert(k->store, entries, n, err))
		return 0;
	/* Whatever it is, a fresh one may do better. */
	store_close(k->store);
	k->store = NULL;
	return -1;
}

/* One transaction for all of them. */
static void commit(struct keeper *k, const struct queue *group, size_t n)
{
	struct store_entry *all = calloc(n, sizeof(*all)), *at = all;
	struct err err;
	int result;

	if (!all)
		abort();
	for (const struct batch *b = group->first; b; b = b->next) {
		memcpy(at, b->entries, b->n_entries * sizeof(*at));
		at += b->n_entries;
	}
	result = insert(k, all, n, &err);
	stats_add(result ? STAT_COMMITS_FAILED : STAT_COMMITS, 1);
	at = all;
	for (struct batch *b = group->first; b; b = b->next) {
		if (result) {
			batch_refuse(b, FATE_STORE, &err);
			continue;
		}
		memcpy(b->entries, at, b->n_entries * sizeof(*at));
		at += b->n_entries;
		batch_settle(b);
	}
	free(all);
}

static void commit_group(struct keeper *k, struct queue *group, size_t n)
{
	struct batch *b;

	pthread_mutex_unlock(&k->lock);
	commit(k, group, n);
	pthread_mutex_lock(&k->lock);
	while ((b = queue_get(group)))
		queue_put(&k->ready, b);
	k->done(k->arg);
}

/* Once a day, and at the start. */
static void remove_old(struct keeper *k)
{
	time_t now = time(NULL);
	struct err err;
	int64_t n = 0;

	k->expire = now + DAY;
	if ((k->store || !store_open(k->where, &k->store, &err)) &&
	    !store_expire(k->store, (now - k->retention_s) * 1000000, &n,
			  &err)) {
		stats_add(STAT_EXPIRED, n);
		log_line(LOG_LEVEL_INFO, NULL, "event=expired records=%lld",
			 (long long)n);
	} else {
		log_line(LOG_LEVEL_WARN, &err, "event=expire-failed");
	}
}

static void wait_for_work(struct keeper *k)
{
	const struct timespec until = { .tv_sec = k->expire };

	if (!k->retention_s)
		pthread_cond_wait(&k->work, &k->lock);
	else if (time(NULL) < k->expire)
		pthread_cond_timedwait(&k->work, &k->lock, &until);
	else
		remove_old(k);
}

static void *keeper_loop(void *arg)
{
	struct keeper *k = arg;
	struct queue group;
	size_t n;

	pthread_mutex_lock(&k->lock);
	while (!k->stop) {
		n = take_group(k, &group);
		if (n)
			commit_group(k, &group, n);
		else
			wait_for_work(k);
	}
	pthread_mutex_unlock(&k->lock);
	return NULL;
}

int keeper_start(const char *store, int64_t retention_s,
		 void (*done)(void *arg), void *arg, struct keeper **ret,
		 struct err *err)
{
	struct keeper *k = calloc(1, sizeof(*k));
	int e;

	if (!k)
		abort();
	k->where = store;
	k->retention_s = retention_s;
	k->done = done;
	k->arg = arg;
	pthread_mutex_init(&k->lock, NULL);
	pthread_cond_init(&k->work, NULL);
	queue_init(&k->todo);
	queue_init(&k->ready);
	/* Mistakes of the admin are told at the start. */
	if (store_open(store, &k->store, err)) {
		free(k);
		return -1;
	}
	e = pthread_create(&k->thread, NULL, keeper_loop, k);
	if (e) {
		keeper_free(k);
		return err_set(err, e, "start a thread");
	}
	*ret = k;
	return 0;
}

void keeper_push(struct keeper *k, struct batch *b)
{
	pthread_mutex_lock(&k->lock);
	queue_put(&k->todo, b);
	pthread_cond_signal(&k->work);
	pthread_mutex_unlock(&k->lock);
}

struct batch *keeper_pull(struct keeper *k)
{
	struct batch *b;

	pthread_mutex_lock(&k->lock);
	b = queue_get(&k->ready);
	pthread_mutex_unlock(&k->lock);
	return b;
}

void keeper_stop(struct keeper *k)
{
	pthread_mutex_lock(&k->lock);
	k->stop = true;
	pthread_cond_signal(&k->work);
	pthread_mutex_unlock(&k->lock);
	pthread_join(k->thread, NULL);
	for (struct batch *b; (b = queue_get(&k->todo));)
		queue_put(&k->ready, b);
}

void keeper_free(struct keeper *k)
{
	store_close(k->store);
	pthread_mutex_destroy(&k->lock);
	pthread_cond_destroy(&k->work);
	free(k);
}
