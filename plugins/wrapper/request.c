/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jobenv.h"
#include "noted.h"
#include "plan/resolve.h"
#include "sudo.h"
#include "wrapper.h"

enum {
	LONG_BASE = 256,
	LONG_JSON = LONG_BASE + OPTIONS,
	LONG_TOPOLOGY,
	LONG_HELP
};

void usage_options(const char *synopsis)
{
	printf("usage: cloison %s\n\n", synopsis);
	for (int i = 0; i < OPTIONS; i++) {
		const struct option_row *row = &option_table[i];
		char head[48];

		if (!(row->where & OPTION_CLI))
			continue;
		snprintf(head, sizeof(head), "--%s%s%s", row->name,
			 row->arg ? "=" : "", row->arg ? row->arg : "");
		printf("  %-28s %s\n", head, row->help);
	}
	puts("\nSee cloison(1).");
}

static void long_options(struct option *list, bool planning)
{
	int n = 0;

	for (int i = 0; i < OPTIONS; i++)
		if (option_table[i].where & OPTION_CLI)
			list[n++] = (struct option){ option_table[i].name,
						     option_table[i].arg
							     ? required_argument
							     : no_argument,
						     NULL, LONG_BASE + i };
	if (planning) {
		list[n++] =
			(struct option){ "json", no_argument, NULL, LONG_JSON };
		list[n++] = (struct option){ "topology", required_argument,
					     NULL, LONG_TOPOLOGY };
	}
	list[n++] = (struct option){ "help", no_argument, NULL, LONG_HELP };
	list[n] = (struct option){ 0 };
}

static int read_options(int argc, char *argv[], bool planning,
			struct request *r, struct err *err)
{
	struct option list[OPTIONS + 4];
	int c;

	long_options(list, planning);
	opterr = 0;
	optind = 1;
	while ((c = getopt_long(argc, argv, "+:", list, NULL)) != -1) {
		char origin[64];

		if (c == '?' || c == ':')
			return err_set(err, 0,
				       "%s '%s' (see cloison %s "
				       "--help)",
				       c == '?' ? "unknown option"
						: "a value is missing for",
				       argv[optind - 1], argv[0]);
		if (c == LONG_JSON || c == LONG_HELP) {
			*(c == LONG_JSON ? &r->json : &r->help) = true;
			continue;
		}
		if (c == LONG_TOPOLOGY) {
			r->topology = optarg;
			continue;
		}
		snprintf(origin, sizeof(origin), "--%s",
			 option_table[c - LONG_BASE].name);
		if (option_set(&r->options, (enum option_id)(c - LONG_BASE),
			       optarg, origin, r->job.cwd, &r->pool, err))
			return -1;
	}
	r->command = argv + optind;
	return 0;
}

/* $HOME, if it is the caller's own; else what the user database says. */
static int read_home(struct request *r, const struct passwd *pw,
		     struct err *err)
{
	const char *home = getenv("HOME");
	struct stat st = { .st_uid = (uid_t)-1 };

	if (home && *home == '/' && !strstr(home, "/../") && stat(home, &st) &&
	    errno != ENOENT && errno != ENOTDIR && errno != EACCES)
		return err_set(err, errno, "HOME=%s", home);
	if (st.st_uid == geteuid())
		r->job.home = pool_strdup(&r->pool, home);
	else if (pw && *pw->pw_dir == '/')
		r->job.home = pool_strdup(&r->pool, pw->pw_dir);
	return 0;
}

/*
 * Without a name the user's number is it; but then there must be none:
 * profiles have paths with it. (getpwuid(3) tells neither from the other but
 * by these.)
 */
static int read_user(struct request *r, struct err *err)
{
	static const int failures[] = { EIO, EMFILE, ENFILE, ENOMEM, EINTR };
	const struct passwd *pw;

	errno = 0;
	pw = getpwuid(geteuid());
	for (size_t i = 0; !pw && i < sizeof(failures) / sizeof(*failures); i++)
		if (errno == failures[i])
			return err_set(err, errno, "look up uid %u", geteuid());
	r->job.uid = geteuid();
	r->job.gid = getegid();
	r->job.user = pw ? pool_strdup(&r->pool, pw->pw_name)
			 : pool_printf(&r->pool, "%u", r->job.uid);
	return read_home(r, pw, err);
}

static void read_groups(struct request *r)
{
	int n = getgroups(0, NULL);
	gid_t *list;

	if (n <= 0)
		return;
	list = pool_alloc(&r->pool, (size_t)n * sizeof(*list));
	n = getgroups(n, list);
	r->job.groups = list;
	r->job.n_groups = n > 0 ? (size_t)n : 0;
}

static int read_cwd(struct request *r, struct err *err)
{
	char *cwd = getcwd(NULL, 0);

	/* ENOENT: it has been removed. */
	if (!cwd && errno != ENOENT)
		return err_set(err, errno, "find the working directory");
	/* A directory that is out of reach has no name starting with '/'. */
	if (cwd && *cwd == '/')
		r->job.cwd = pool_strdup(&r->pool, cwd);
	free(cwd);
	return 0;
}

static int read_caller(struct request *r, struct err *err)
{
	const char *state = getenv("XDG_STATE_HOME");
	struct job *job = &r->job;

	job->front = JOB_WRAPPER;
	if (read_user(r, err))
		return -1;
	if (state && *state == '/')
		job->state = pool_strdup(&r->pool, state);
	else if (job->home)
		job->state =
			pool_printf(&r->pool, "%s/.local/state", job->home);
	read_groups(r);
	jobenv_read(job, &r->pool);
	sudo_read(job);
	return noted_read(job, &r->pool, err) || read_cwd(r, err) ? -1 : 0;
}

/* Root's cache is for all; a user's lives as long as his session. */
static const char *cache_dir(struct pool *pool)
{
	const char *run = getenv("XDG_RUNTIME_DIR");

	if (geteuid() == 0)
		return "/run/cloison";
	return run && *run == '/' ? pool_printf(pool, "%s/cloison", run) : NULL;
}

/* Another job has none of the steps that the queue knows. */
static void name_job(struct request *r)
{
	const struct option_value *id = &r->options.value[OPT_JOB_ID];
	const struct option_value *name = &r->options.value[OPT_JOB_NAME];

	if (id->set) {
		r->job.scheduler.job = id->text;
		r->job.scheduler.step = NULL;
	}
	if (name->set)
		r->job.scheduler.job_name = name->text;
}

int request_read(int argc, char *argv[], bool planning, struct request *r,
		 struct err *err)
{
	const char *const *paths;
	size_t n;

	memset(r, 0, sizeof(*r));
	site_init(&r->site);
	if (read_caller(r, err) || read_options(argc, argv, planning, r, err))
		return -1;
	if (r->help)
		return 0;
	name_job(r);
	options_resolve(&r->options, &r->pool);
	if (site_load(&r->site, r->options.value[OPT_CONFIG].text, err) ||
	    plan_needs(&r->options, &r->site, &r->job, &r->needs, err) ||
	    host_probe(r->topology ? 0 : r->needs, cache_dir(&r->pool),
		       &r->pool, &r->host, err) ||
	    host_confine(r->site.cgroup_parent, &r->pool, &r->host, err) ||
	    plan_disks(&r->options, &r->site, &r->job, &r->pool, &paths, &n,
		       err))
		return -1;
	if (r->topology && host_imagine(&r->host, r->topology, &r->pool, err))
		return err_prefix(err, "--topology");
	host_disks(paths, n, &r->pool, &r->host);
	return plan_build(&r->options, &r->site, &r->job, &r->host, &r->pool,
			  &r->plan, err);
}

int request_renew(struct request *r, struct err *err)
{
	struct plan plan;

	host_probe_claims(r->needs, &r->pool, &r->host);
	if (plan_build(&r->options, &r->site, &r->job, &r->host, &r->pool,
		       &plan, err))
		return -1;
	r->plan = plan;
	return 0;
}

void request_free(struct request *r)
{
	site_free(&r->site);
	pool_free(&r->pool);
}
