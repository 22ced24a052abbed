/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "auth/auth.h"
#include "base/parse.h"
#include "collector/intake.h"
#include "collector/signed.h"
#include "collector/view.h"

/* `cloison report`: accounting from the spool to the store and out of it. */

enum {
	REFUSED = 1,
	FAILED = 125
};

struct request {
	int (*act)(const struct request *rq, struct store *store,
		   struct err *err);
	const char *spool, *store, *socket;
	const char *file; /* of signed records; NULL for stdin or stdout */
	struct store_filter filter;
	int ttl;
	bool import;
	bool help;
};

static int act_table(const struct request *rq, struct store *store,
		     struct err *err)
{
	return view_table(store, &rq->filter, err);
}

static int act_json(const struct request *rq, struct store *store,
		    struct err *err)
{
	return view_json(store, &rq->filter, err);
}

static int act_csv(const struct request *rq, struct store *store,
		   struct err *err)
{
	return view_csv(store, &rq->filter, err);
}

static int act_export(const struct request *rq, struct store *store,
		      struct err *err)
{
	return signed_export(store, &rq->filter, rq->socket, rq->ttl, rq->file,
			     err);
}

static int act_import(const struct request *rq, struct store *store,
		      struct err *err)
{
	return signed_import(store, rq->socket, rq->file, err);
}

static int set_act(struct request *rq,
		   int (*act)(const struct request *rq, struct store *store,
			      struct err *err),
		   const char *file, struct err *err)
{
	if (rq->act && rq->act != act)
		return err_set(
			err, 0,
			"only one of --json, --csv, --export-signed and --import-signed may be given");
	rq->act = act;
	rq->file = file;
	return 0;
}

static int set_json(struct request *rq, const char *arg, struct err *err)
{
	return set_act(rq, act_json, arg, err);
}

static int set_csv(struct request *rq, const char *arg, struct err *err)
{
	return set_act(rq, act_csv, arg, err);
}

static int set_export(struct request *rq, const char *arg, struct err *err)
{
	return set_act(rq, act_export, arg, err);
}

static int set_import(struct request *rq, const char *arg, struct err *err)
{
	return set_act(rq, act_import, arg, err);
}

static int set_spool(struct request *rq, const char *arg, struct err *err)
{
	(void)err;
	rq->spool = arg;
	return 0;
}

static int set_store(struct request *rq, const char *arg, struct err *err)
{
	(void)err;
	rq->store = arg;
	return 0;
}

static int set_socket(struct request *rq, const char *arg, struct err *err)
{
	(void)err;
	rq->socket = arg;
	return 0;
}

static int set_no_import(struct request *rq, const char *arg, struct err *err)
{
	(void)arg, (void)err;
	rq->import = false;
	return 0;
}

static int set_job(struct request *rq, const char *arg, struct err *err)
{
	(void)err;
	rq->filter.job = arg;
	return 0;
}

static int set_user(struct request *rq, const char *arg, struct err *err)
{
	(void)err;
	rq->filter.user = arg;
	return 0;
}

static int set_limit(struct request *rq, const char *arg, struct err *err)
{
	uint64_t v;

	if (parse_uint(arg, INT64_MAX, &v, err))
		return err_prefix(err, "--limit");
	rq->filter.limit = (int64_t)v;
	return 0;
}

static int set_ttl(struct request *rq, const char *arg, struct err *err)
{
	uint64_t v;

	if (parse_seconds(arg, &v, err))
		return err_prefix(err, "--ttl");
	rq->ttl = v < INT32_MAX ? (int)v : INT32_MAX;
	return 0;
}

/* A date, with a time or not, here or (with Z) in UTC; or how long ago. */
static int set_since(struct request *rq, const char *arg, struct err *err)
{
	static const char *const forms[] = { "%Y-%m-%dT%H:%M:%S",
					     "%Y-%m-%dT%H:%M", "%Y-%m-%d" };
	uint64_t ago;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm = { .tm_isdst = -1 };
		const char *rest = strptime(arg, forms[i], &tm);
		bool utc = rest && !strcmp(rest, "Z");

		if (!rest || (*rest && !utc))
			continue;
		rq->filter.since_us =
			(utc ? timegm(&tm) : mktime(&tm)) * (int64_t)1000000;
		if (rq->filter.since_us < 0)
			rq->filter.since_us = 0;
		return 0;
	}
	if (parse_seconds(arg, &ago, err))
		return err_set(
			err, 0,
			"--since: '%s' is not a time (examples: 2026-01-31, 2026-01-31T23:59, 2h, 7d)",
			arg);
	rq->filter.since_us = time(NULL) > (time_t)ago
				      ? (time(NULL) - (time_t)ago) * 1000000
				      : 0;
	return 0;
}

static int set_help(struct request *rq, const char *arg, struct err *err)
{
	(void)arg, (void)err;
	rq->help = true;
	return 0;
}

static const struct rule {
	const char *name;
	int has_arg;
	int (*set)(struct request *rq, const char *arg, struct err *err);
	const char *arg, *help;
} rules[] = {
	{ "json", no_argument, set_json, "", "whole records, one JSON array" },
	{ "csv", no_argument, set_csv, "", "one line a record, raw numbers" },
	{ "job", required_argument, set_job, "=ID",
	  "records of a job; of one without, by its ID" },
	{ "user", required_argument, set_user, "=NAME", "records of a user" },
	{ "since", required_argument, set_since, "=TIME",
	  "records that ended since (2026-01-31, 2h)" },
	{ "limit", required_argument, set_limit, "=N", "the newest N records" },
	{ "no-import", no_argument, set_no_import, "",
	  "leave the spool alone" },
	{ "spool", required_argument, set_spool, "=DIR",
	  "where cells leave their records" },
	{ "store", required_argument, set_store, "=FILE",
	  "where records are kept" },
	{ "export-signed", optional_argument, set_export, "[=FILE]",
	  "sign the records for another store" },
	{ "import-signed", optional_argument, set_import, "[=FILE]",
	  "verify and keep signed records" },
	{ "ttl", required_argument, set_ttl, "=TIME",
	  "how long signed records are good" },
	{ "munge-socket", required_argument, set_socket, "=PATH",
	  "where munged listens" },
	{ "help", no_argument, set_help, "", "this text" },
};
enum {
	RULES = sizeof(rules) / sizeof(rules[0])
};

static void print_help(void)
{
	printf("Usage: cloison report [OPTION]...\n"
	       "Take in what cells left in the spool, and report from the store.\n\n");
	for (size_t i = 0; i < RULES; i++)
		printf("  --%s%-*s %s\n", rules[i].name,
		       (int)(24 - strlen(rules[i].name)), rules[i].arg,
		       rules[i].help);
	printf("\nSee cloison-report(1).\n");
}

static int bad_option(char *const *argv, int got, struct err *err)
{
	return err_set(
		err, 0,
		got == ':'
			? "option '%s' needs a value (see cloison report --help)"
			: "bad option '%s' (see cloison report --help)",
		argv[optind - 1]);
}

static int parse_request(int argc, char **argv, struct request *rq,
			 struct err *err)
{
	struct option options[RULES + 1] = { 0 };
	int got, i;

	for (i = 0; i < RULES; i++)
		options[i] = (struct option){ rules[i].name, rules[i].has_arg,
					      NULL, 0 };
	opterr = 0;
	while ((got = getopt_long(argc, argv, ":", options, &i)) != -1) {
		if (got)
			return bad_option(argv, got, err);
		if (rules[i].set(rq, optarg, err))
			return -1;
	}
	if (optind < argc)
		return err_set(
			err, 0,
			"unexpected argument '%s' (see cloison report --help)",
			argv[optind]);
	if (!rq->act)
		rq->act = act_table;
	/* It has nothing to do with the spool of this node. */
	if (rq->act == act_import)
		rq->import = false;
	return 0;
}

/* Root's are the node's, a user's are his own (XDG Base Directory). */
static int default_places(struct request *rq, struct pool *pool,
			  struct err *err)
{
	const char *home = getenv("HOME"), *state = getenv("XDG_STATE_HOME");
	const char *spool = LOCALSTATEDIR "/spool/cloison";
	const char *store = LOCALSTATEDIR "/lib/cloison/records.db";

	if (rq->store && (rq->spool || !rq->import))
		return 0;
	if (geteuid()) {
		/* The standard says to ignore a relative one. */
		if (!state || *state != '/') {
			if (!home || *home != '/')
				return err_set(
					err, 0,
					"HOME is not set: set it, or give --spool and --store");
			state = pool_printf(pool, "%s/.local/state", home);
		}
		spool = pool_printf(pool, "%s/cloison/spool", state);
		store = pool_printf(pool, "%s/cloison/records.db", state);
	}
	if (!rq->spool)
		rq->spool = spool;
	if (!rq->store)
		rq->store = store;
	return 0;
}

static int carry_out(struct request *rq, struct err *err)
{
	struct pool pool = { 0 };
	struct store *store = NULL;
	int result = default_places(rq, &pool, err);

	if (!result)
		result = store_open(rq->store, &store, err);
	if (!result && rq->import)
		result = intake_spool(store, rq->spool, err);
	if (!result)
		result = rq->act(rq, store, err);
	store_close(store);
	pool_free(&pool);
	return result;
}

static int fail(const struct err *err)
{
	fprintf(stderr, "cloison: %s\n", err->text);
	return FAILED;
}

int main(int argc, char **argv)
{
	struct request rq = {
		.filter = STORE_FILTER_ALL,
		.ttl = AUTH_TTL_MAX,
		.import = true,
	};
	struct err err;
	int result = 0;

	if (parse_request(argc, argv, &rq, &err))
		return fail(&err);
	if (rq.help)
		print_help();
	else
		result = carry_out(&rq, &err);
	if (result < 0)
		return fail(&err);
	if (fflush(stdout) || ferror(stdout)) {
		err_set(&err, errno, "write to stdout");
		return fail(&err);
	}
	return result ? REFUSED : 0;
}
