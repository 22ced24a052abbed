/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdalign.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "run/msg.h"

bool msg_try_again(void)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	if (errno == EINTR)
		return true;
	if (errno != ENOBUFS && errno != ENOMEM)
		return false;
	nanosleep(&moment, NULL);
	return true;
}

static void send_all(int sock, const void *packet, size_t size, int flags)
{
	while (send(sock, packet, size, flags | MSG_NOSIGNAL) < 0)
		if (!msg_try_again())
			return;
}

/*
 * A peer that left without reading all is told of once, by ECONNRESET, and
 * before what it had sent.
 */
static int recv_all(int sock, void *packet, size_t size, int flags)
{
	for (;;) {
		ssize_t n = recv(sock, packet, size, flags);

		if (n == (ssize_t)size)
			return 1;
		if (n == 0)
			return 0;
		if (n > 0)
			errno = EBADMSG;
		else if (errno == ECONNRESET || msg_try_again())
			continue;
		return -1;
	}
}

void msg_send(int sock, const struct msg *msg, int flags)
{
	send_all(sock, msg, sizeof(*msg), flags);
}

void msg_tell(int sock, enum msg_type type, const struct err *err)
{
	struct msg m = { .type = type };

	if (err)
		m.err = *err;
	msg_send(sock, &m, 0);
}

int msg_recv(int sock, struct msg *ret, int flags)
{
	return recv_all(sock, ret, sizeof(*ret), flags);
}

void msg_order_send(int sock, const struct msg_order *order)
{
	send_all(sock, order, sizeof(*order), MSG_DONTWAIT);
}

int msg_order_recv(int sock, struct msg_order *ret)
{
	return recv_all(sock, ret, sizeof(*ret), MSG_DONTWAIT);
}

/* A packet needs a byte to carry a descriptor (unix(7)). */
struct carrier {
	char byte;
	struct iovec iov;
	alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct msghdr hdr;
};

static void carrier_init(struct carrier *c)
{
	memset(c, 0, sizeof(*c));
	c->iov = (struct iovec){ &c->byte, 1 };
	c->hdr.msg_iov = &c->iov;
	c->hdr.msg_iovlen = 1;
	c->hdr.msg_control = c->control;
	c->hdr.msg_controllen = sizeof(c->control);
}

int msg_send_fd(int sock, int fd)
{
	struct carrier c;
	struct cmsghdr *h;

	carrier_init(&c);
	h = CMSG_FIRSTHDR(&c.hdr);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(h), &fd, sizeof(fd));
	while (sendmsg(sock, &c.hdr, MSG_NOSIGNAL) < 0) {
		if (errno == EPIPE || errno == ECONNRESET)
			return 0;
		if (!msg_try_again())
			return -1;
	}
	return 0;
}

int msg_recv_fd(int sock)
{
	struct carrier c;
	struct cmsghdr *h;
	ssize_t n;
	int fd;

	carrier_init(&c);
	do
		n = recvmsg(sock, &c.hdr, MSG_CMSG_CLOEXEC);
	while (n < 0 && (errno == ECONNRESET || msg_try_again()));
	if (n == 0)
		errno = 0;
	if (n <= 0)
		return -1;
	h = CMSG_FIRSTHDR(&c.hdr);
	if (!h || h->cmsg_type != SCM_RIGHTS) {
		/* There was no number left for it. */
		errno = EMFILE;
		return -1;
	}
	memcpy(&fd, CMSG_DATA(h), sizeof(fd));
	return fd;
}
