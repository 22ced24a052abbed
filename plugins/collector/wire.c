/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "collector/wire.h"

enum {
	CONNECT_MS = 10000,
	/* A collector with much to do does not read, or answers late. */
	TALK_MS = 120000
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* 1, 0 or -1 as wire_wait; of a deadline that is over, 0. */
static int ready(int stop, int fd, short events, int64_t deadline)
{
	struct pollfd p[] = { { .fd = stop, .events = POLLIN },
			      { .fd = fd, .events = events } };

	for (;;) {
		int64_t left = deadline - now_ms();
		int n = poll(p, 2, left > 0 ? (int)left : 0);

		if (p[0].revents)
			return -1;
		if (n > 0)
			return 1;
		if (n == 0 || errno != EINTR)
			return 0;
	}
}

int wire_wait(int stop, int fd, int ms)
{
	return ready(stop, fd, POLLIN, now_ms() + ms);
}

static int await(const struct wire *w, short events, int64_t deadline,
		 struct err *err)
{
	int is = ready(w->stop, w->fd, events, deadline);

	if (is < 0)
		return err_set(err, ECANCELED, "stopped");
	if (!is)
		return err_set(err, ETIMEDOUT, "the collector");
	return 0;
}

static int connect_one(struct wire *w, const struct addrinfo *a,
		       struct err *err)
{
	socklen_t len = sizeof(int);
	int num = 0, on = 1;

	w->fd = socket(a->ai_family,
		       a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       a->ai_protocol);
	if (w->fd < 0)
		return err_set(err, errno, "make a socket");
	setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(w->fd, a->ai_addr, a->ai_addrlen) && errno != EINPROGRESS)
		return err_set(err, errno, "connect");
	if (await(w, POLLOUT, now_ms() + CONNECT_MS, err))
		return -1;
	if (getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &num, &len) || num)
		return err_set(err, num ? num : errno, "connect");
	return 0;
}

static int send_all(const struct wire *w, const char *data, size_t len,
		    int64_t deadline, struct err *err)
{
	while (len) {
		ssize_t n = send(w->fd, data, len, MSG_NOSIGNAL);

		if (n > 0) {
			data += n;
			len -= (size_t)n;
		} else if (n < 0 && errno == EAGAIN) {
			if (await(w, POLLOUT, deadline, err))
				return -1;
		} else if (n == 0 || errno != EINTR) {
			return err_set(err, errno, "send to the collector");
		}
	}
	return 0;
}

static int receive_all(const struct wire *w, char *data, size_t len,
		       int64_t deadline, struct err *err)
{
	while (len) {
		ssize_t n = recv(w->fd, data, len, 0);

		if (n > 0) {
			data += n;
			len -= (size_t)n;
		} else if (!n) {
			return err_set(err, 0,
				       "the collector closed the connection");
		} else if (errno == EAGAIN) {
			if (await(w, POLLIN, deadline, err))
				return -1;
		} else if (errno != EINTR) {
			return err_set(err, errno,
				       "receive from the collector");
		}
	}
	return 0;
}

int wire_send(struct wire *wire, enum frame_type type, const void *body,
	      size_t len, struct err *err)
{
	int64_t deadline = now_ms() + TALK_MS;
	unsigned char head[FRAME_HEAD];

	frame_head_build(type, len, head);
	if (send_all(wire, (const char *)head, sizeof(head), deadline, err))
		return -1;
	return send_all(wire, body, len, deadline, err);
}

int wire_receive(struct wire *wire, struct frame *ret, struct pool *pool,
		 char **ret_body, struct err *err)
{
	int64_t deadline = now_ms() + TALK_MS;
	unsigned char head[FRAME_HEAD];

	if (receive_all(wire, (char *)head, sizeof(head), deadline, err))
		return -1;
	if (frame_head_parse(head, ret, err))
		return err_prefix(err, "the collector sent");
	*ret_body = pool_alloc(pool, ret->len + 1);
	return receive_all(wire, *ret_body, ret->len, deadline, err);
}

static int greet(struct wire *w, struct err *err)
{
	unsigned char hello[FRAME_HELLO_SIZE];
	struct pool pool = { 0 };
	unsigned version = 0;
	struct frame f = { 0 };
	char *body = NULL;
	int result;

	frame_hello_build(FRAME_VERSION, hello);
	result = wire_send(w, FRAME_HELLO, hello, sizeof(hello), err);
	if (!result)
		result = wire_receive(w, &f, &pool, &body, err);
	if (!result &&
	    (f.type != FRAME_HELLO ||
	     frame_hello_parse((unsigned char *)body, &version, err)))
		result = err_set(err, 0, "this is no collector");
	else if (!result && version > FRAME_VERSION)
		result = err_set(err, 0, "the collector speaks version %u only",
				 version);
	pool_free(&pool);
	return result;
}

int wire_connect(struct wire *wire, const struct conf_place *to,
		 struct err *err)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	const char *host = to->host ? to->host : "localhost";
	struct addrinfo *all = NULL;
	int e = getaddrinfo(host, to->port, &hints, &all), result = -1;

	if (e)
		return err_set(err, 0, "%s: %s", host, gai_strerror(e));
	for (const struct addrinfo *a = all; a && result; a = a->ai_next) {
		wire_close(wire);
		result = connect_one(wire, a, err);
	}
	freeaddrinfo(all);
	if (!result)
		result = greet(wire, err);
	if (result) {
		wire_close(wire);
		err_prefix(err, "%s port %s", host, to->port);
	}
	return result;
}

void wire_close(struct wire *wire)
{
	if (wire->fd >= 0)
		close(wire->fd);
	wire->fd = -1;
}
