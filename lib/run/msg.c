/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <sys/socket.h>
#include <time.h>

#include "run/msg.h"

static void send_all(int sock, const void *packet, size_t size, int flags)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	while (send(sock, packet, size, flags | MSG_NOSIGNAL) < 0) {
		if (errno == ENOBUFS || errno == ENOMEM)
			nanosleep(&moment, NULL);
		else if (errno != EINTR)
			return;
	}
}

static int recv_all(int sock, void *packet, size_t size, int flags)
{
	for (;;) {
		ssize_t n = recv(sock, packet, size, flags);

		if (n == (ssize_t)size)
			return 1;
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return 0;
		if (n > 0)
			errno = EBADMSG;
		if (n < 0 && errno == EINTR)
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
