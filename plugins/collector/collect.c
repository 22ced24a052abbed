/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <malloc.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "acct/record.h"
#include "auth/auth.h"
#include "collector/batch.h"
#include "collector/collect.h"
#include "collector/keeper.h"
#include "collector/log.h"
#include "collector/nodes.h"
#include "collector/service.h"
#include "collector/stats.h"

enum {
	/*
	 * Frames that are being read, checked or stored, in bytes. Records
	 * take several times as much once they are parsed. Who sends more
	 * waits: his connection is not read.
	 */
	BUDGET = 4 * 1024 * 1024,
	LISTENERS = 16,
	BACKLOG = 512,
	PEER = 64
};

struct client {
	struct collect *c;
	uv_tcp_t tcp;
	uv_timer_t timer;
	int handles; /* that are not closed yet */
	bool closing;
	bool greeted;
	char peer[PEER];
	/* The frame that is being read. */
	unsigned char head[FRAME_HEAD];
	struct frame frame;
	size_t got; /* of head and body */
	char *body;
	bool charged; /* its length is part of the budget */
	struct client *next_waiting;
	/* The batch that is being worked at. */
	struct batch *batch;
	uv_work_t work;
	/* What is being written. */
	uv_write_t write;
	unsigned char out[FRAME_HEAD + FRAME_HELLO_SIZE];
};

struct collect {
	const struct conf *conf;
	struct service service;
	struct nodes nodes;
	struct batch_policy policy;
	struct keeper *keeper;
	uv_async_t stored;
	uv_tcp_t listeners[LISTENERS];
	int n_listeners;
	struct client_list {
		struct client **at;
		int n;
	} clients;
	size_t used; /* of BUDGET */
	struct client *waiting, **waiting_end;
	struct log_limit malformed, refused;
};

static void read_frame(struct client *cl);

static void charge(struct client *cl)
{
	cl->charged = true;
	cl->c->used += cl->frame.len;
	stats_set(STAT_WAITING, (int64_t)cl->c->used);
}

static void client_remove(struct client *cl)
{
	struct client_list *all = &cl->c->clients;

	for (int i = 0; i < all->n; i++)
		if (all->at[i] == cl) {
			all->at[i] = all->at[--all->n];
			break;
		}
	stats_set(STAT_OPEN, all->n);
}

static void client_unwait(struct client *cl)
{
	struct collect *c = cl->c;

	for (struct client **p = &c->waiting; *p; p = &(*p)->next_waiting)
		if (*p == cl) {
			*p = cl->next_waiting;
			if (c->waiting_end == &cl->next_waiting)
				c->waiting_end = p;
			break;
		}
}

/* Give room back, to those who wait for it first. */
static void discharge(struct client *cl)
{
	struct collect *c = cl->c;

	if (!cl->charged)
		return;
	cl->charged = false;
	c->used -= cl->frame.len;
	stats_set(STAT_WAITING, (int64_t)c->used);
	while (c->waiting && c->used + c->waiting->frame.len <= BUDGET) {
		struct client *next = c->waiting;

		client_unwait(next);
		charge(next);
		read_frame(next);
	}
}

static void client_free(struct client *cl)
{
	if (cl->batch)
		batch_free(cl->batch);
	free(cl->body);
	free(cl);
}

static void on_closed(uv_handle_t *handle)
{
	struct client *cl = handle->data;

	/* A batch under way comes back, and ends it then. */
	if (--cl->handles == 0 && !cl->batch)
		client_free(cl);
}

static void client_close(struct client *cl)
{
	if (cl->closing)
		return;
	cl->closing = true;
	client_remove(cl);
	client_unwait(cl);
	if (!cl->batch)
		discharge(cl);
	uv_close((uv_handle_t *)&cl->tcp, on_closed);
	uv_close((uv_handle_t *)&cl->timer, on_closed);
}

/* The batch is back, and its client may have gone. */
static bool batch_orphaned(struct client *cl)
{
	if (!cl->closing)
		return false;
	discharge(cl);
	batch_free(cl->batch);
	cl->batch = NULL;
	if (!cl->handles)
		client_free(cl);
	return true;
}

static void on_timeout(uv_timer_t *timer)
{
	struct client *cl = timer->data;

	stats_add(STAT_TIMEOUT, 1);
	log_limited(&cl->c->refused, LOG_LEVEL_NOTE, NULL,
		    "event=connection-closed reason=timeout peer=%s", cl->peer);
	client_close(cl);
}

static void start_timer(struct client *cl)
{
	uv_timer_start(&cl->timer, on_timeout,
		       (uint64_t)cl->c->conf->collect.timeout_s * 1000, 0);
}

static void refuse_frame(struct client *cl, const struct err *err)
{
	bool big = err->num == EMSGSIZE;

	stats_add(big ? STAT_OVERSIZED : STAT_MALFORMED, 1);
	log_limited(&cl->c->malformed, LOG_LEVEL_WARN, err,
		    "event=connection-closed reason=%s peer=%s",
		    big ? "oversized" : "malformed", cl->peer);
	client_close(cl);
}

static void next_frame(struct client *cl)
{
	cl->got = 0;
	free(cl->body);
	cl->body = NULL;
	read_frame(cl);
}

static void on_written(uv_write_t *write, int status)
{
	struct client *cl = write->data;

	discharge(cl);
	if (cl->batch)
		batch_free(cl->batch);
	cl->batch = NULL;
	/* ECANCELED: it is being closed, and ends with that. */
	if (status < 0)
		client_close(cl);
	else
		next_frame(cl);
}

static void send_frame(struct client *cl, enum frame_type type,
		       const void *body, size_t len)
{
	uv_buf_t bufs[2];

	frame_head_build(type, len, cl->out);
	bufs[0] = uv_buf_init((char *)cl->out, FRAME_HEAD);
	bufs[1] = uv_buf_init((char *)body, (unsigned)len);
	start_timer(cl);
	if (uv_write(&cl->write, (uv_stream_t *)&cl->tcp, bufs, 2, on_written))
		on_written(&cl->write, UV_EPIPE);
}

static void on_answered(uv_work_t *work, int status)
{
	struct client *cl = work->data;

	(void)status;
	if (batch_orphaned(cl))
		return;
	if (cl->batch->answer)
		send_frame(cl, FRAME_RESULT, cl->batch->answer,
			   strlen(cl->batch->answer));
	else
		on_written(&cl->write, UV_ECANCELED);
}

static void do_answer(uv_work_t *work)
{
	struct client *cl = work->data;

	batch_answer(cl->batch, &cl->c->policy);
}

/* What became of it is known. */
static void reply(struct client *cl)
{
	if (batch_orphaned(cl))
		return;
	if (cl->batch->refused == FATE_NEW) {
		uv_queue_work(&cl->c->service.loop, &cl->work, do_answer,
			      on_answered);
		return;
	}
	cl->out[FRAME_HEAD] = (unsigned char)cl->batch->refused;
	send_frame(cl, FRAME_REFUSED, cl->out + FRAME_HEAD, 1);
}

/* In the keeper's thread. */
static void on_keeper(void *arg)
{
	struct collect *c = arg;

	uv_async_send(&c->stored);
}

static void on_stored(uv_async_t *async)
{
	struct collect *c = async->data;
	struct batch *b;

	while ((b = keeper_pull(c->keeper)))
		reply(b->owner);
}

static void on_opened(uv_work_t *work, int status)
{
	struct client *cl = work->data;
	struct batch *b = cl->batch;

	(void)status;
	/* Of a client that has gone, too: it was signed, and counts. */
	if (b->refused == FATE_NEW && b->n_entries && !cl->c->service.stopping)
		keeper_push(cl->c->keeper, b);
	else
		reply(cl);
}

static void do_open(uv_work_t *work)
{
	struct client *cl = work->data;

	batch_open(cl->batch, &cl->c->policy);
}

static void start_batch(struct client *cl)
{
	struct batch *b = calloc(1, sizeof(*b));

	if (!b)
		abort();
	uv_timer_stop(&cl->timer);
	b->owner = cl;
	b->peer = cl->peer;
	b->cred = cl->body;
	cl->body = NULL;
	cl->batch = b;
	cl->work.data = cl;
	uv_queue_work(&cl->c->service.loop, &cl->work, do_open, on_opened);
}

static void greet(struct client *cl)
{
	unsigned version;
	struct err err;

	if (frame_hello_parse((unsigned char *)cl->body, &version, &err)) {
		refuse_frame(cl, &err);
		return;
	}
	cl->greeted = true;
	frame_hello_build(version < FRAME_VERSION ? version : FRAME_VERSION,
			  cl->out + FRAME_HEAD);
	send_frame(cl, FRAME_HELLO, cl->out + FRAME_HEAD, FRAME_HELLO_SIZE);
}

/* A whole frame is here, and nothing is read until it is answered. */
static void take_frame(struct client *cl)
{
	uv_read_stop((uv_stream_t *)&cl->tcp);
	if (cl->frame.type == FRAME_HELLO)
		greet(cl);
	else
		start_batch(cl);
}

/* 1: go on with the body; 0: wait for room; -1: the client is refused. */
static int take_head(struct client *cl)
{
	struct collect *c = cl->c;
	struct err err;

	if (frame_head_parse(cl->head, &cl->frame, &err)) {
		refuse_frame(cl, &err);
		return -1;
	}
	if (cl->frame.type != (cl->greeted ? FRAME_BATCH : FRAME_HELLO)) {
		err_set(&err, 0, "a frame of type %d, out of place",
			(int)cl->frame.type);
		refuse_frame(cl, &err);
		return -1;
	}
	if (c->used + cl->frame.len <= BUDGET && !c->waiting) {
		charge(cl);
		return 1;
	}
	uv_read_stop((uv_stream_t *)&cl->tcp);
	uv_timer_stop(&cl->timer);
	cl->next_waiting = NULL;
	*c->waiting_end = cl;
	c->waiting_end = &cl->next_waiting;
	return 0;
}

/* Right where it belongs: no byte is read that is not part of the frame. */
static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
	struct client *cl = handle->data;
	size_t in_body = cl->got < FRAME_HEAD ? 0 : cl->got - FRAME_HEAD;

	(void)suggested;
	if (cl->got < FRAME_HEAD) {
		*ret = uv_buf_init((char *)cl->head + cl->got,
				   (unsigned)(FRAME_HEAD - cl->got));
		return;
	}
	if (!cl->body) {
		cl->body = calloc(1, cl->frame.len + 1);
		if (!cl->body)
			abort();
	}
	*ret = uv_buf_init(cl->body + in_body,
			   (unsigned)(cl->frame.len - in_body));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct client *cl = stream->data;

	(void)buf;
	if (n < 0) {
		client_close(cl);
		return;
	}
	if (!n)
		return;
	/* A frame has to be whole in time, however slowly it comes. */
	if (!cl->got)
		start_timer(cl);
	cl->got += (size_t)n;
	if (cl->got == FRAME_HEAD) {
		if (take_head(cl) <= 0)
			return;
	} else if (cl->got < FRAME_HEAD) {
		return;
	}
	if (cl->got == FRAME_HEAD + cl->frame.len)
		take_frame(cl);
}

static void read_frame(struct client *cl)
{
	start_timer(cl);
	uv_read_start((uv_stream_t *)&cl->tcp, on_alloc, on_read);
}

static void set_peer(struct client *cl)
{
	struct sockaddr_storage from;
	char host[NI_MAXHOST];
	int len = sizeof(from);

	strcpy(cl->peer, "unknown");
	if (!uv_tcp_getpeername(&cl->tcp, (struct sockaddr *)&from, &len) &&
	    !getnameinfo((struct sockaddr *)&from, (socklen_t)len, host,
			 sizeof(host), NULL, 0, NI_NUMERICHOST) &&
	    strlen(host) < sizeof(cl->peer))
		strcpy(cl->peer, host);
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct collect *c = listener->data;
	struct client *cl;

	if (status < 0)
		return;
	cl = calloc(1, sizeof(*cl));
	if (!cl)
		abort();
	cl->c = c;
	cl->handles = 2;
	uv_tcp_init(&c->service.loop, &cl->tcp);
	uv_timer_init(&c->service.loop, &cl->timer);
	cl->tcp.data = cl->timer.data = cl->write.data = cl;
	if (uv_accept(listener, (uv_stream_t *)&cl->tcp)) {
		client_close(cl);
		return;
	}
	set_peer(cl);
	stats_add(STAT_CONNECTIONS, 1);
	if (c->clients.n == c->conf->collect.connections) {
		stats_add(STAT_FULL, 1);
		log_limited(&c->refused, LOG_LEVEL_WARN, NULL,
			    "event=connection-closed reason=full peer=%s",
			    cl->peer);
		client_close(cl);
		return;
	}
	c->clients.at[c->clients.n++] = cl;
	stats_set(STAT_OPEN, c->clients.n);
	uv_tcp_nodelay(&cl->tcp, 1);
	read_frame(cl);
}

static int listen_at(struct collect *c, const struct addrinfo *a,
		     const char *what, struct err *err)
{
	uv_tcp_t *tcp = &c->listeners[c->n_listeners];
	int e;

	if (c->n_listeners == LISTENERS)
		return err_set(err, 0, "more than %d addresses to listen at",
			       LISTENERS);
	uv_tcp_init(&c->service.loop, tcp);
	tcp->data = c;
	c->n_listeners++;
	e = uv_tcp_bind(tcp, a->ai_addr,
			a->ai_family == AF_INET6 ? UV_TCP_IPV6ONLY : 0);
	/* A host without IPv6 still has its any-address. */
	if (e == UV_EAFNOSUPPORT)
		return 0;
	if (!e)
		e = uv_listen((uv_stream_t *)tcp, BACKLOG, on_connection);
	return e ? err_set(err, -e, "listen at %s", what) : 0;
}

static int listen_place(struct collect *c, const struct conf_place *p,
			struct err *err)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
					.ai_flags = AI_PASSIVE };
	struct pool pool = { 0 };
	struct addrinfo *all = NULL;
	int e = getaddrinfo(p->host, p->port, &hints, &all), result = 0;
	const char *what = pool_printf(&pool, "%s port %s",
				       p->host ? p->host : "*", p->port);

	if (e)
		result = err_set(err, 0, "listen at %s: %s", what,
				 gai_strerror(e));
	for (const struct addrinfo *a = all; a && !result; a = a->ai_next)
		result = listen_at(c, a, what, err);
	if (all)
		freeaddrinfo(all);
	pool_free(&pool);
	return result;
}

static int listen_all(struct collect *c, struct err *err)
{
	static struct conf_place any = { NULL, CONF_PORT };
	const struct conf_places *places = &c->conf->collect.listen;

	if (!places->n)
		return listen_place(c, &any, err);
	for (size_t i = 0; i < places->n; i++)
		if (listen_place(c, &places->place[i], err))
			return -1;
	return 0;
}

static void on_missing(const char *name)
{
	log_line(LOG_LEVEL_WARN, NULL, "event=unknown-node name=%s", name);
}

/*
 * The transaction under way is finished. Whoever did not get an answer sends
 * again, to the next collector, which knows what was stored.
 */
static void on_stop(void *arg)
{
	struct collect *c = arg;

	for (int i = 0; i < c->n_listeners; i++)
		uv_close((uv_handle_t *)&c->listeners[i], NULL);
	keeper_stop(c->keeper);
	uv_close((uv_handle_t *)&c->stored, NULL);
	while (c->clients.n)
		client_close(c->clients.at[0]);
	on_stored(&c->stored);
}

static int start(struct collect *c, struct err *err)
{
	const struct conf *conf = c->conf;

	/* Blocks of the size of a batch go back to the system. */
	mallopt(M_ARENA_MAX, 2);
	mallopt(M_MMAP_THRESHOLD, 128 * 1024);
	record_foresee();
	if (auth_load(err) ||
	    nodes_read(conf->collect.nodes, &c->nodes, on_missing, err) ||
	    service_start(&c->service, ROLE_COLLECT, conf->collect.stats,
			  on_stop, c, err) ||
	    listen_all(c, err))
		return -1;
	uv_async_init(&c->service.loop, &c->stored, on_stored);
	c->stored.data = c;
	return keeper_start(conf->collect.store, conf->collect.retention_s,
			    on_keeper, c, &c->keeper, err);
}

int collect_run(const struct conf *conf, void (*ready)(void), struct err *err)
{
	/* What is open when the start fails goes with the process. */
	static struct collect c;

	c.conf = conf;
	c.policy = (struct batch_policy){ .munge_socket = conf->munge_socket,
					  .ttl = (int)conf->ttl_s,
					  .nodes = &c.nodes };
	c.waiting_end = &c.waiting;
	c.clients.at = calloc((size_t)conf->collect.connections,
			      sizeof(*c.clients.at));
	if (!c.clients.at)
		abort();
	if (start(&c, err))
		return -1;
	ready();
	service_run(&c.service);
	keeper_free(c.keeper);
	nodes_free(&c.nodes);
	free(c.clients.at);
	return 0;
}
