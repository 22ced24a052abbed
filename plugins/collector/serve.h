/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COLLECTOR_SERVE_H
#define COLLECTOR_SERVE_H

#include <stdio.h>
#include <sys/socket.h>

#include "collector/request.h"

/*
 * Reports for others, by a local socket. A request is options, each with a NUL
 * behind it, up to the end of what the client sends. The answer is what the
 * report prints, a NUL, an error's text or nothing, and another NUL; one
 * without that was cut off.
 */
#define SERVE_SOCKET "/run/cloison/report.sock"

/* Who asks on stdin, by the socket's credentials (unix(7)). */
int serve_peer(struct ucred *ret, struct err *err);

/*
 * One connection, on stdin and stdout: read what `peer` asks for, and restrict
 * it to the peer's records, unless that is root or in `server->operators`. The
 * store is the server's. A client that takes its time has the process killed
 * (alarm(2)). Strings of `ret` are in `pool`.
 */
int serve_read(const struct request *server, const struct ucred *peer,
	       struct pool *pool, struct request *ret, struct err *err);

/* End the answer; NULL: all went well. */
void serve_end(const struct err *failed);

/*
 * The other side: ask at `socket` for what the options say, and copy the
 * answer to `out`. The server's error is one here.
 */
int serve_ask(const char *socket, const struct request *rq, FILE *out,
	      struct err *err);

#endif
