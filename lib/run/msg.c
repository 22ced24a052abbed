/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <sys/socket.h>

#include "run/msg.h"

void msg_send(int sock, enum msg_type type, int status, const struct err *err)
{
	struct msg m = { .type = type, .status = status };

	if (err)
		m.err = *err;
	while (send(sock, &m, sizeof(m), MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
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
