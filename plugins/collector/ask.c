/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "collector/serve.h"

static int dial(const char *path, struct err *err)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	cleanup_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(to.sun_path))
		return err_set(err, ENAMETOOLONG, "%s", path);
	strcpy(to.sun_path, path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		return err_set(
			err, errno,
			"ask at %s (is cloison-report.socket started? --from=own reports on your own records)",
			path);
	return steal_fd(&fd);
}

static int send_options(int fd, const struct request *rq, struct err *err)
{
	for (size_t i = 0; i < rq->n_options; i++) {
		const char *s = rq->options[i];

		/* A server that has seen enough has an answer. */
		if (send(fd, s, strlen(s) + 1, MSG_NOSIGNAL) < 0 &&
		    errno != EPIPE)
			return err_set(err, errno, "send");
	}
	shutdown(fd, SHUT_WR);
	return 0;
}

/* The text between the two NULs, of which `c` is the first. */
static int read_end(FILE *in, int c, struct err *err)
{
	char text[sizeof(err->text)];
	size_t n = 0;

	while (c != EOF && (c = getc(in)) > 0)
		if (n < sizeof(text) - 1)
			text[n++] = (char)c;
	text[n] = '\0';
	if (c == EOF)
		return err_set(
			err, 0,
			"the answer was cut off: ask for less, or later");
	return n ? err_set(err, 0, "%s", text) : 0;
}

int serve_ask(const char *socket, const struct request *rq, FILE *out,
	      struct err *err)
{
	cleanup_fd int fd = dial(socket, err);
	cleanup_file FILE *in = NULL;
	int c;

	if (fd < 0 || send_options(fd, rq, err))
		return -1;
	in = fdopen(fd, "r");
	if (!in)
		return err_set(err, errno, "read the answer");
	(void)steal_fd(&fd);
	while ((c = getc(in)) > 0)
		putc(c, out);
	return read_end(in, c, err);
}
