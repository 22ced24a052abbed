/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/parse.h"
#include "collector/serve.h"

enum {
	REQUEST_MAX = 4096, /* bytes */
	OPTIONS_MAX = 64,
	READ_S = 5,     /* for a request to come */
	ANSWER_S = 120, /* for the answer to be made and read */
	GROUPS_MAX = 65536
};

/* A group that is not there has no members. */
static bool find_group(const char *name, gid_t *ret)
{
	const struct group *group = getgrnam(name);
	struct err err;
	uint64_t gid;

	if (group)
		*ret = group->gr_gid;
	else if (parse_uint(name, UINT32_MAX - 1, &gid, &err))
		return false;
	else
		*ret = (gid_t)gid;
	return true;
}

/* The groups that the peer had when it connected. */
static bool is_operator(const char *name, const struct ucred *peer)
{
	socklen_t size = GROUPS_MAX * sizeof(gid_t);
	bool found = false;
	gid_t wanted, *groups;

	if (!peer->uid)
		return true;
	if (!name || !find_group(name, &wanted))
		return false;
	if (peer->gid == wanted)
		return true;
	groups = malloc(size);
	if (!groups)
		abort();
	if (!getsockopt(STDIN_FILENO, SOL_SOCKET, SO_PEERGROUPS, groups, &size))
		for (size_t i = 0; i < size / sizeof(*groups); i++)
			found |= groups[i] == wanted;
	free(groups);
	return found;
}

static ssize_t read_all(char *buf, size_t size, struct err *err)
{
	size_t len = 0;
	ssize_t got;

	do {
		got = read(STDIN_FILENO, buf + len, size - len);
		if (got < 0 && errno != EINTR)
			return err_set(err, errno, "read the request");
		len += got > 0 ? (size_t)got : 0;
	} while (got && len < size);
	if (len == size)
		return err_set(err, 0, "the request is longer than %d bytes",
			       REQUEST_MAX);
	return (ssize_t)len;
}

/* `text` becomes the arguments. */
static int split(char *text, size_t len, char *argv[OPTIONS_MAX + 2],
		 struct err *err)
{
	static char name[] = "report";
	int n = 0;

	if (len && text[len - 1])
		return err_set(err, 0, "the request has no end");
	argv[n++] = name;
	for (char *s = text; s < text + len; s += strlen(s) + 1) {
		if (n > OPTIONS_MAX)
			return err_set(err, 0, "more than %d options",
				       OPTIONS_MAX);
		argv[n++] = s;
	}
	argv[n] = NULL;
	return n;
}

int serve_peer(struct ucred *ret, struct err *err)
{
	socklen_t size = sizeof(*ret);

	if (getsockopt(STDIN_FILENO, SOL_SOCKET, SO_PEERCRED, ret, &size))
		return err_set(err, errno,
			       "--serve: who asks on the standard input");
	return 0;
}

int serve_read(const struct request *server, const struct ucred *peer,
	       struct pool *pool, struct request *ret, struct err *err)
{
	char *text = pool_alloc(pool, REQUEST_MAX + 1);
	char **argv = pool_alloc(pool, (OPTIONS_MAX + 2) * sizeof(*argv));
	ssize_t len;
	int argc;

	/* Who has gone needs no answer; systemd has it ignored. */
	signal(SIGPIPE, SIG_DFL);
	alarm(READ_S);
	len = read_all(text, REQUEST_MAX + 1, err);
	alarm(ANSWER_S);
	if (len < 0)
		return -1;
	argc = split(text, (size_t)len, argv, err);
	if (argc < 0 || request_parse(argc, argv, true, pool, ret, err))
		return -1;
	ret->store = server->store;
	ret->spool = server->spool;
	ret->import = server->import;
	if (!is_operator(server->operators, peer))
		ret->filter.uid = peer->uid;
	return 0;
}

void serve_end(const struct err *failed)
{
	putchar('\0');
	if (failed)
		fputs(failed->text, stdout);
	putchar('\0');
}
