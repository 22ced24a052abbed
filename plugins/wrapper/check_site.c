/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
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
	SPARE = 64 << 20 /* bytes that a spool's file system should have */
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

/* The daemon reads its own file. */
static void collector(struct finding *f, struct pool *pool)
{
	static const char *const ask[] = { SBINDIR "/cloisond", "--ping",
					   NULL };
	char text[256];
	int status;

	(void)pool;
	if (!ships())
		return;
	status = saying(ask, text, sizeof(text));
	if (!status && !*text)
		return; /* it ships to nobody: the collector's own host */
	if (!status)
		FOUND(f, CHECK_OK, "%s", text);
	else
		FOUND(f, CHECK_WARN, "%s (records stay in the spool meanwhile)",
		      *text ? text : "cannot run " SBINDIR "/cloisond");
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
