/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <sys/socket.h>
#include <time.h>

#include "run/msg.h"

void msg_send(int sock, const struct msg *msg)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	while (send(sock, msg, sizeof(*msg), MSG_NOSIGNAL) < 0) {
		if (errno == ENOBUFS || errno == ENOMEM)
			nanosleep(&moment, NULL);
		else if (errno != EINTR)
			return;
	}
}

void msg_tell(int sock, enum msg_type type, const struct err *err)
{
	struct msg m = { .type = type };

	if (err)
		m.err = *err;
	msg_send(sock, &m);
}

int msg_recv(int sock, struct msg *ret, int flags)
{
	for (;;) {
		ssize_t n = recv(sock, ret, sizeof(*ret), flags);

		if (n == (ssize_t)sizeof(*ret))
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
