/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "acct/record.h"
#include "acct/spool.h"
#include "auth/auth.h"
#include "base/cleanup.h"
#include "collector/log.h"
#include "collector/service.h"
#include "collector/ship.h"
#include "collector/stats.h"
#include "collector/wire.h"

/*
 * The event loop looks after signals, counters and inotify. The spool, munged
 * and the connection, where one thing follows the other and may take its
 * time, are a thread's.
 */
struct ship {
	const struct conf *conf;
	struct service service;
	uv_fs_event_t watch;
	pthread_t thread;
	int spool;
	int wake; /* eventfd: there may be something in the spool */
	struct wire wire;
	size_t place; /* the collector in use */
	unsigned tries;
	/* Of the batch that is being put together. */
	struct pool pool;
	char nonce[FRAME_NONCE + 1];
	char *text;
	size_t len, n;
	const char **names;
	struct log_limit fail_limit, bad_limit;
};

enum {
	RETRY_FIRST_MS = 100,
	PING_SECONDS = 5
};

/* Moved out of the way, with a line for the log. */
static void reject(struct ship *s, const char *name, struct err *err)
{
	struct err failure;

	stats_add(STAT_FILES_BAD, 1);
	if (spool_reject(s->spool, name, &failure))
		err_hint(err, "%s", failure.text);
	else
		err_hint(err, "moved to bad/");
	log_limited(&s->bad_limit, LOG_LEVEL_WARN, err,
		    "event=record-refused file=%s", name);
}

static void batch_clear(struct ship *s)
{
	pool_free(&s->pool);
	s->names = NULL;
	s->n = 0;
}

static int batch_begin(struct ship *s, struct err *err)
{
	const char *head;

	if (frame_nonce(s->nonce, err))
		return -1;
	head = frame_batch_build(s->nonce, &s->pool);
	s->len = strlen(head);
	s->text = pool_alloc(&s->pool,
			     s->len + (size_t)s->conf->ship.batch_bytes + 1);
	memcpy(s->text, head, s->len);
	return 0;
}

/* Only the collector's answer to this very batch counts. */
static int read_result(struct ship *s, const char *cred,
		       enum frame_fate *ret_fates, struct err *err)
{
	struct auth_cred c;

	if (auth_verify(s->conf->munge_socket, cred, &s->pool, &c, err))
		return err_prefix(err, "the collector's answer");
	if (c.uid != s->conf->ship.collector_uid)
		return err_set(
			err, 0,
			"uid %u answered for the collector, and not uid %u (collector-user)",
			c.uid, s->conf->ship.collector_uid);
	return frame_result_parse(c.payload, c.len, s->nonce, ret_fates, s->n,
				  err);
}

static int settle_one(struct ship *s, const char *name, enum frame_fate fate,
		      struct err *err)
{
	const struct frame_fate_row *row = &frame_fates[fate];

	stats_add(STAT_FATE + fate, 1);
	if (row->verdict == FRAME_KEPT)
		return spool_remove(s->spool, name, err);
	err_set(err, 0, "%s", row->text);
	if (row->verdict == FRAME_LATER)
		return err_prefix(err, "the collector does not take %s", name);
	reject(s, name, err);
	return 0;
}

static int settle(struct ship *s, const struct frame *f, const char *body,
		  struct err *err)
{
	enum frame_fate *fates = pool_alloc(&s->pool, s->n * sizeof(*fates));
	enum frame_fate why;
	struct err later;
	int result = 0;

	if (f->type == FRAME_REFUSED) {
		if (frame_refused_parse((unsigned char)*body, &why, err))
			return -1;
		stats_add(STAT_FATE + why, 1);
		return err_set(err, 0, "the collector refuses the batch: %s",
			       frame_fates[why].text);
	}
	if (f->type != FRAME_RESULT)
		return err_set(err, 0, "the collector answers something else");
	if (read_result(s, body, fates, err))
		return -1;
	stats_add(STAT_BATCHES, 1);
	stats_set(STAT_LAST, time(NULL));
	s->tries = 0;
	for (size_t i = 0; i < s->n; i++)
		if (settle_one(s, s->names[i], fates[i], result ? &later : err))
			result = -1;
	return result;
}

/* Send what is in the batch, and do what the answer says. */
static int flush(struct ship *s, struct err *err)
{
	const struct conf *conf = s->conf;
	const char *cred;
	struct frame f;
	char *body;

	if (!s->n)
		return 0;
	s->text[s->len] = '\0';
	if (s->wire.fd < 0 &&
	    wire_connect(&s->wire, &conf->ship.collectors.place[s->place], err))
		return -1;
	if (auth_sign_for(conf->munge_socket, (int)conf->ttl_s,
			  conf->ship.collector_uid, s->text, &s->pool, &cred,
			  err) ||
	    wire_send(&s->wire, FRAME_BATCH, cred, strlen(cred), err) ||
	    wire_receive(&s->wire, &f, &s->pool, &body, err) ||
	    settle(s, &f, body, err))
		return -1;
	batch_clear(s);
	return 0;
}

static int append(struct ship *s, const char *name, const char *text,
		  size_t len, struct err *err)
{
	char *to;

	if (s->n &&
	    (s->n == (size_t)s->conf->ship.batch_records ||
	     s->len + len + 1 > (size_t)s->conf->ship.batch_bytes) &&
	    flush(s, err))
		return -1;
	if (!s->n && batch_begin(s, err))
		return -1;
	to = s->text + s->len;
	memcpy(to, text, len);
	/* In JSON an end of line is a blank wherever it may be. */
	for (char *nl = to; (nl = memchr(nl, '\n', len - (size_t)(nl - to)));)
		*nl = ' ';
	to[len] = '\n';
	s->len += len + 1;
	*(const char **)pool_push(&s->pool, &s->names, &s->n,
				  sizeof(*s->names)) =
		pool_strdup(&s->pool, name);
	return 0;
}

/* A file that the system does not let us read now may be read later. */
static bool may_pass(const struct err *err)
{
	return err->num && err->num != ELOOP;
}

static int take(void *arg, const char *name, const char *text, size_t len,
		struct err *err)
{
	struct ship *s = arg;

	if (text && memchr(text, '\0', len)) {
		text = NULL;
		err_set(err, 0, "it holds a NUL");
	}
	if (text)
		return append(s, name, text, len, err);
	if (may_pass(err))
		log_limited(&s->bad_limit, LOG_LEVEL_WARN, err,
			    "event=unreadable file=%s", name);
	else
		reject(s, name, err);
	return 0;
}

/* The whole spool once. */
static int pass(struct ship *s, struct err *err)
{
	int result = spool_read(s->spool, geteuid(), take, s, err);

	if (!result)
		result = flush(s, err);
	batch_clear(s);
	/* Nodes that have nothing to say keep no connection. */
	wire_close(&s->wire);
	return result;
}

/* Doubled from try to try, up to the limit; a random half of it. */
static int backoff_ms(struct ship *s)
{
	int64_t most = s->conf->ship.retry_s * 1000, ms = RETRY_FIRST_MS;
	unsigned random = 0;

	for (unsigned i = 0; i < s->tries && ms < most; i++)
		ms *= 2;
	s->tries++;
	if (ms > most)
		ms = most;
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = 0;
	return (int)(ms - random % (ms / 2 + 1));
}

/* What is not there: where only `stop` can end a wait. */
enum {
	NOTHING = -1
};

static void *ship_loop(void *arg)
{
	struct ship *s = arg;
	struct err err;
	eventfd_t n;
	int waited;

	do {
		eventfd_read(s->wake, &n);
		if (!pass(s, &err)) {
			waited =
				wire_wait(s->wire.stop, s->wake,
					  (int)s->conf->ship.interval_s * 1000);
			continue;
		}
		if (err.num != ECANCELED) {
			stats_add(STAT_SENDS_FAILED, 1);
			log_limited(&s->fail_limit, LOG_LEVEL_WARN, &err,
				    "event=send-failed tries=%u", s->tries + 1);
		}
		s->place = (s->place + 1) % s->conf->ship.collectors.n;
		waited = wire_wait(s->wire.stop, NOTHING, backoff_ms(s));
	} while (waited >= 0);
	return NULL;
}

static void on_watch(uv_fs_event_t *watch, const char *name, int events,
		     int status)
{
	struct ship *s = watch->data;

	(void)name, (void)events, (void)status;
	eventfd_write(s->wake, 1);
}

static void on_stop(void *arg)
{
	struct ship *s = arg;

	eventfd_write(s->wire.stop, 1);
	uv_close((uv_handle_t *)&s->watch, NULL);
}

static int start(struct ship *s, struct err *err)
{
	const struct conf *conf = s->conf;
	const char *new;
	int e;

	if (service_start(&s->service, ROLE_SHIP, conf->ship.stats, on_stop, s,
			  err))
		return -1;
	s->spool = spool_open(conf->ship.spool, geteuid(), err);
	if (s->spool < 0)
		return err_prefix(err, "spool");
	if (auth_load(err))
		return -1;
	s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->wire.stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->wake < 0 || s->wire.stop < 0)
		return err_set(err, errno, "eventfd");
	new = pool_printf(&s->pool, "%s/new", conf->ship.spool);
	uv_fs_event_init(&s->service.loop, &s->watch);
	s->watch.data = s;
	/* Without inotify the spool is looked at now and then only. */
	e = uv_fs_event_start(&s->watch, on_watch, new, 0);
	if (e) {
		err_set(err, -e, "watch %s", new);
		log_line(LOG_LEVEL_WARN, err, "event=no-watch");
	}
	batch_clear(s);
	e = pthread_create(&s->thread, NULL, ship_loop, s);
	return e ? err_set(err, e, "start a thread") : 0;
}

int ship_run(const struct conf *conf, void (*ready)(void), struct err *err)
{
	/* What is open when the start fails goes with the process. */
	static struct ship s;

	s.conf = conf;
	s.wire.fd = -1;
	if (start(&s, err))
		return -1;
	ready();
	service_run(&s.service);
	pthread_join(s.thread, NULL);
	return 0;
}

static int ping(const struct conf_place *to, struct err *err)
{
	const struct itimerspec soon = { .it_value.tv_sec = PING_SECONDS };
	cleanup_fd int stop = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	struct wire wire = { .fd = -1, .stop = stop };
	int result;

	if (stop < 0 || timerfd_settime(stop, 0, &soon, NULL))
		return err_set(err, errno, "make a timer");
	result = wire_connect(&wire, to, err);
	wire_close(&wire);
	if (result && err->num == ECANCELED)
		return err_set(err, 0, "%s port %s does not answer", to->host,
			       to->port);
	return result;
}

int ship_ping(const struct conf *conf, struct err *err)
{
	const struct conf_places *all = &conf->ship.collectors;

	for (size_t i = 0; i < all->n; i++) {
		if (ping(&all->place[i], err))
			continue;
		printf("%s port %s answers\n", all->place[i].host,
		       all->place[i].port);
		return 0;
	}
	return all->n ? -1 : 0;
}
