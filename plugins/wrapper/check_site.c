/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "acct/room.h"
#include "acct/spool.h"
#include "auth/auth.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "check.h"
#include "wrapper.h"

#define DAEMON_FILE SYSCONFDIR "/cloison/cloisond.conf"

enum {
	SPARE = 64 << 20, /* bytes that a spool's file system should have */
	CONNECT_MS = 2000,
};

static void site_file(struct finding *f, struct pool *pool)
{
	struct site site;

	(void)pool;
	site_init(&site);
	if (site_load(&site, NULL, &f->text))
		f->verdict = CHECK_FAIL;
	else
		FOUND(f, CHECK_OK, "%s",
		      site.given ? SITE_FILE " and conf.d"
				 : "none: the built-in profiles hold");
	site_free(&site);
}

/* For the caller, who stands for all users here. */
static int plan_profile(struct request *r, const char *profile, struct err *err)
{
	r->site.default_profile = profile;
	if (plan_needs(&r->options, &r->site, &r->job, &r->needs, err) ||
	    host_probe(r->needs, NULL, &r->pool, &r->host, err))
		return -1;
	return request_renew(r, err);
}

static void profiles(struct finding *f, struct pool *pool)
{
	char name[] = "check", *argv[] = { name, NULL };
	struct request r;
	struct err err;
	int bad;

	(void)pool;
	optind = 0;
	bad = request_read(1, argv, false, &r, &f->text);
	for (size_t i = 0; i < r.site.n_profiles; i++) {
		const char *profile = r.site.profile[i].name;

		if (!plan_profile(&r, profile, &err))
			continue;
		/* What root's cells in Slurm can do is not for everybody. */
		FOUND(f, geteuid() ? CHECK_WARN : CHECK_FAIL,
		      "[profile %s]: %s", profile, err.text);
		request_free(&r);
		return;
	}
	/* The site file is another check's. */
	f->verdict = bad ? CHECK_NONE : CHECK_OK;
	if (!bad)
		FOUND(f, CHECK_OK, "%zu can be planned", r.site.n_profiles);
	request_free(&r);
}

/* Of root's, which all cells of Slurm's have. */
static void spool(struct finding *f, struct pool *pool)
{
	cleanup_fd int dir = -1;
	struct statvfs vfs;
	struct site site;
	struct err err;

	(void)pool;
	site_init(&site);
	if (geteuid() || site_load(&site, NULL, &err))
		goto out;
	dir = spool_open(site.spool, 0, &err);
	if (dir < 0)
		FOUND(f, CHECK_FAIL, "%s", err.text);
	else if (room_full(dir, &err))
		FOUND(f, CHECK_WARN, "%s: %s", site.spool, err.text);
	else if (!fstatvfs(dir, &vfs) &&
		 (uint64_t)vfs.f_bavail * vfs.f_frsize < SPARE)
		FOUND(f, CHECK_WARN, "%s: less than %d MiB free", site.spool,
		      SPARE >> 20);
	else
		FOUND(f, CHECK_OK, "%s: %llu of %llu MiB in use", site.spool,
		      (unsigned long long)room_used(dir) >> 20,
		      (unsigned long long)site.spool_max >> 20);
out:
	site_free(&site);
}

/* Made with the first cell. */
static void registry(struct finding *f, struct pool *pool)
{
	static const char dir[] = "/run/cloison/cells";
	struct stat st;

	(void)pool;
	if (geteuid())
		return;
	if (lstat(dir, &st))
		FOUND(f, errno == ENOENT ? CHECK_OK : CHECK_FAIL, "%s: %s", dir,
		      strerror(errno));
	else if (!S_ISDIR(st.st_mode) || st.st_uid ||
		 (st.st_mode & (S_IWGRP | S_IWOTH)))
		FOUND(f, CHECK_FAIL,
		      "%s is not a directory of root's alone: remove it", dir);
	else
		FOUND(f, CHECK_OK, "%s", dir);
}

static bool ships(void)
{
	return !access(DAEMON_FILE, F_OK);
}

static void munge(struct finding *f, struct pool *pool)
{
	struct auth_cred cred;
	const char *text;
	struct err err;

	if (auth_sign(NULL, AUTH_TTL_DEFAULT, "check", pool, &text, &err) ||
	    auth_verify(NULL, text, pool, &cred, &err))
		FOUND(f, ships() ? CHECK_FAIL : CHECK_WARN,
		      "%s (records cannot be signed for a collector)",
		      err.text);
	else
		FOUND(f, CHECK_OK, "signs and verifies");
}

static int reach(const char *host, const char *port)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	int bad = -1;

	if (getaddrinfo(host, port, &hints, &list))
		return -1;
	for (const struct addrinfo *a = list; bad && a; a = a->ai_next) {
		cleanup_fd int s =
			socket(a->ai_family,
			       SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		struct pollfd p = { .fd = s, .events = POLLOUT };
		socklen_t len = sizeof(bad);

		if (s < 0 || (connect(s, a->ai_addr, a->ai_addrlen) &&
			      errno != EINPROGRESS))
			continue;
		if (poll(&p, 1, CONNECT_MS) != 1 ||
		    getsockopt(s, SOL_SOCKET, SO_ERROR, &bad, &len))
			bad = -1;
	}
	freeaddrinfo(list);
	return bad;
}

/* "HOST", "HOST:PORT" or "[ADDRESS]:PORT", see cloisond.conf(5). */
static int reach_place(char *place)
{
	char *host = place, *port = strrchr(place, ':'), *end = NULL;

	if (*place == '[') {
		host++;
		end = strchr(place, ']');
		port = end && end[1] == ':' ? end + 1 : NULL;
	} else if (port) {
		end = port;
	}
	if (end)
		*end = '\0';
	return reach(host, port ? port + 1 : "6827");
}

static void collector(struct finding *f, struct pool *pool)
{
	cleanup_file FILE *file = fopen(DAEMON_FILE, "re");
	char line[512], *save;

	(void)pool;
	while (file && fgets(line, sizeof(line), file)) {
		const char *key = strtok_r(line, " \t=\n", &save);

		if (!key || strcmp(key, "collector") != 0)
			continue;
		for (char *w = strtok_r(NULL, " \t=,\n", &save); w;
		     w = strtok_r(NULL, " \t=,\n", &save)) {
			const char *name = pool_strdup(pool, w);

			if (!reach_place(w)) {
				FOUND(f, CHECK_OK, "%s answers", name);
				return;
			}
			FOUND(f, CHECK_WARN,
			      "%s does not answer: records stay in the spool "
			      "meanwhile",
			      name);
		}
	}
}

const struct check check_site[] = {
	{ "site-file", site_file },
	{ "profiles", profiles },
	{ "spool", spool },
	{ "registry", registry },
	{ "munge", munge },
	{ "collector", collector },
	{ 0 },
};
