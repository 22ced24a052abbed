/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "auth/auth.h"
#include "base/parse.h"
#include "collector/request.h"

struct rule {
	const char *name;
	int has_arg;
	int (*set)(struct request *rq, const struct rule *rule, const char *arg,
		   struct err *err);
	size_t at; /* of the member, or which output */
	const char *arg, *help;
	bool remote; /* may come from others */
};

static int set_output(struct request *rq, const struct rule *rule,
		      const char *arg, struct err *err)
{
	if (rq->output_given && rq->output != rule->at)
		return err_set(
			err, 0,
			"only one of --table, --csv, --json, --html, --export, --export-signed and --import-signed may be given");
	rq->output_given = true;
	rq->output = (enum request_output)rule->at;
	rq->file = arg;
	return 0;
}

static int set_string(struct request *rq, const struct rule *rule,
		      const char *arg, struct err *err)
{
	(void)err;
	*(const char **)((char *)rq + rule->at) = arg;
	return 0;
}

static int set_true(struct request *rq, const struct rule *rule,
		    const char *arg, struct err *err)
{
	(void)arg, (void)err;
	*(bool *)((char *)rq + rule->at) = true;
	return 0;
}

static int set_no_import(struct request *rq, const struct rule *rule,
			 const char *arg, struct err *err)
{
	(void)rule, (void)arg, (void)err;
	rq->import = false;
	return 0;
}

static int set_by(struct request *rq, const struct rule *rule, const char *arg,
		  struct err *err)
{
	char names[128] = "";
	size_t n = 0;

	(void)rule;
	rq->records = !strcmp(arg, "record");
	rq->view.group = column_group_find(arg);
	if (rq->records || rq->view.group)
		return 0;
	for (size_t i = 0; i < column_groups_n; i++)
		n += (size_t)snprintf(names + n, sizeof(names) - n, "%s, ",
				      column_groups[i].name);
	return err_set(err, 0, "--by: '%s' is none of %srecord", arg, names);
}

static int set_limit(struct request *rq, const struct rule *rule,
		     const char *arg, struct err *err)
{
	uint64_t v;

	(void)rule;
	if (parse_uint(arg, INT64_MAX, &v, err))
		return err_prefix(err, "--limit");
	rq->filter.limit = (int64_t)v;
	return 0;
}

static int set_ttl(struct request *rq, const struct rule *rule, const char *arg,
		   struct err *err)
{
	uint64_t v;

	(void)rule;
	if (parse_seconds(arg, &v, err))
		return err_prefix(err, "--ttl");
	rq->ttl = v < INT32_MAX ? (int)v : INT32_MAX;
	return 0;
}

/* A date, with a time or not, here or (with Z) in UTC; or how long ago. */
static int set_time(struct request *rq, const struct rule *rule,
		    const char *arg, struct err *err)
{
	static const char *const forms[] = { "%Y-%m-%dT%H:%M:%S",
					     "%Y-%m-%dT%H:%M", "%Y-%m-%d" };
	int64_t *at = (int64_t *)((char *)rq + rule->at);
	uint64_t ago;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm = { .tm_isdst = -1 };
		const char *rest = strptime(arg, forms[i], &tm);
		bool utc = rest && !strcmp(rest, "Z");

		if (!rest || (*rest && !utc))
			continue;
		*at = (utc ? timegm(&tm) : mktime(&tm)) * (int64_t)1000000;
		if (*at < 0)
			*at = 0;
		return 0;
	}
	if (parse_seconds(arg, &ago, err))
		return err_set(
			err, 0,
			"--%s: '%s' is not a time (examples: 2026-01-31, 2026-01-31T23:59, 2h, 7d)",
			rule->name, arg);
	*at = time(NULL) > (time_t)ago
		      ? (time(NULL) - (time_t)ago) * (int64_t)1000000
		      : 0;
	return 0;
}

#define AT(member) offsetof(struct request, member)
static const struct rule rules[] = {
	{ "by", required_argument, set_by, 0, "=WHAT",
	  "job, step, user, account, node, profile, day, reason, record",
	  true },
	{ "table", no_argument, set_output, REQUEST_TABLE, "",
	  "a line for each, to be read", true },
	{ "csv", no_argument, set_output, REQUEST_CSV, "",
	  "records, or a line for each, raw numbers", true },
	{ "json", no_argument, set_output, REQUEST_JSON, "",
	  "records, or an object for each, raw numbers", true },
	{ "html", required_argument, set_output, REQUEST_HTML, "=FILE",
	  "a page with plots; - is stdout", true },
	{ "format", required_argument, set_string, AT(view.format),
	  "=COL[%WIDTH],...", "which columns", true },
	{ "helpformat", no_argument, set_true, AT(helpformat), "",
	  "list all columns" },
	{ "sort", required_argument, set_string, AT(view.sort), "=[-]COL",
	  "in the order of a column; -: highest first", true },
	{ "limit", required_argument, set_limit, 0, "=N",
	  "the newest N; with --sort the first N", true },
	{ "job", required_argument, set_string, AT(filter.job), "=ID",
	  "all about a job; with --by or --table, its records only", true },
	{ "page", no_argument, set_true, AT(page), "",
	  "with --job and --json: all about it, as data", true },
	{ "user", required_argument, set_string, AT(filter.user), "=NAME",
	  "of a user", true },
	{ "account", required_argument, set_string, AT(filter.account), "=NAME",
	  "charged to an account", true },
	{ "cluster", required_argument, set_string, AT(filter.cluster), "=NAME",
	  "of a scheduler's cluster", true },
	{ "scheduler", required_argument, set_string, AT(filter.scheduler),
	  "=NAME", "of a scheduler's jobs: slurm, gridengine, ...", true },
	{ "queue", required_argument, set_string, AT(filter.queue), "=NAME",
	  "of a scheduler's queue or partition", true },
	{ "project", required_argument, set_string, AT(filter.project), "=NAME",
	  "of a project", true },
	{ "node", required_argument, set_string, AT(filter.node), "=NAME",
	  "on a node", true },
	{ "profile", required_argument, set_string, AT(filter.profile), "=NAME",
	  "in cells with that profile", true },
	{ "reason", required_argument, set_string, AT(filter.reason), "=WORD",
	  "that ended so: oom, time-limit, ...", true },
	{ "failed", no_argument, set_true, AT(filter.failed), "",
	  "that did not exit with 0", true },
	{ "since", required_argument, set_time, AT(filter.since_us), "=TIME",
	  "that ended since (2026-01-31, 2h)", true },
	{ "until", required_argument, set_time, AT(filter.until_us), "=TIME",
	  "that ended before", true },
	{ "no-import", no_argument, set_no_import, 0, "",
	  "leave the spool alone" },
	{ "spool", required_argument, set_string, AT(spool), "=DIR",
	  "where cells leave their records" },
	{ "store", required_argument, set_string, AT(store), "=FILE",
	  "where records are kept" },
	{ "export", required_argument, set_output, REQUEST_OTHERS,
	  "=FORMAT[=FILE]", "for other programs: xdmod, ur, metrics" },
	{ "from", required_argument, set_string, AT(from), "=SOCKET",
	  "ask there; own: report on your own records" },
	{ "serve", no_argument, set_true, AT(serve), "",
	  "answer who asks on the standard input" },
	{ "operators", required_argument, set_string, AT(operators), "=GROUP",
	  "who may see all, when asking" },
	{ "export-signed", optional_argument, set_output, REQUEST_EXPORT,
	  "[=FILE]", "sign the records for another store" },
	{ "import-signed", optional_argument, set_output, REQUEST_IMPORT,
	  "[=FILE]", "verify and keep signed records" },
	{ "ttl", required_argument, set_ttl, 0, "=TIME",
	  "how long signed records are good" },
	{ "munge-socket", required_argument, set_string, AT(socket), "=PATH",
	  "where munged listens" },
	{ "help", no_argument, set_true, AT(help), "", "this text" },
};
#undef AT
enum {
	RULES = sizeof(rules) / sizeof(rules[0]),
	FIRST = 256 /* above what getopt_long(3) returns for errors */
};

void request_help(void)
{
	printf("Usage: cloison report [OPTION]...\n"
	       "Take in what cells left in the spool, and report from the store.\n\n");
	for (size_t i = 0; i < RULES; i++)
		printf("  --%s%-*s %s\n", rules[i].name,
		       (int)(24 - strlen(rules[i].name)), rules[i].arg,
		       rules[i].help);
	printf("\nSee cloison-report(1).\n");
}

/* "--name=value", as the other side will parse it. A file stays here. */
static const char *as_given(const struct rule *rule, const char *arg,
			    struct pool *pool)
{
	if (rule->at == REQUEST_HTML && rule->set == set_output)
		arg = "-";
	return pool_printf(pool, "--%s%s%s", rule->name, arg ? "=" : "",
			   arg ? arg : "");
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

bool request_is_local(const struct request *rq)
{
	return rq->output > REQUEST_HTML;
}

/* What one option cannot tell for itself. */
static int finish(struct request *rq, struct err *err)
{
	bool no_form = !rq->records && !rq->view.group && !rq->view.format &&
		       !rq->view.sort;

	if (rq->from &&
	    (rq->store || rq->spool || rq->serve || request_is_local(rq)))
		return err_set(
			err, 0,
			"--from: what is asked elsewhere has no --store, --spool, --serve, --export, --export-signed or --import-signed");
	if (rq->records && (rq->view.format || rq->view.sort))
		return err_set(
			err, 0,
			"--format and --sort are not for --by=record, which has all there is");
	/* It has nothing to do with the spool of this node. */
	if (rq->output == REQUEST_IMPORT)
		rq->import = false;
	if (rq->output == REQUEST_HTML &&
	    (rq->view.group || rq->records || rq->view.format ||
	     rq->view.sort || rq->filter.limit >= 0))
		return err_set(
			err, 0,
			"--by, --format, --sort and --limit are not for --html, whose plots are always the same");
	if (rq->page && !(rq->filter.job && no_form &&
			  (!rq->output_given || rq->output == REQUEST_JSON)))
		return err_set(
			err, 0,
			"--page is for --job=ID, with --json at most: a page has a form of its own");
	/* Who names a job, and no form of a report on it, gets all about it. */
	rq->page |= rq->filter.job && no_form && !rq->output_given;
	/* People want jobs, programs want all there is. */
	rq->records |=
		!rq->page && no_form &&
		(rq->output == REQUEST_CSV || rq->output == REQUEST_JSON);
	if (rq->records)
		return 0;
	if (!rq->view.group)
		rq->view.group = &column_groups[0];
	return group_check(&rq->view, err);
}

static int parse_options(int argc, char **argv, bool remote, struct pool *pool,
			 struct request *rq, struct err *err)
{
	struct option options[RULES + 1] = { 0 };
	int got, at, n = 0;

	for (int i = 0; i < RULES; i++)
		if (rules[i].remote || !remote)
			options[n++] = (struct option){ rules[i].name,
							rules[i].has_arg, NULL,
							i + FIRST };
	opterr = optind = 0;
	while ((got = getopt_long(argc, argv, ":", options, &at)) != -1) {
		const struct rule *rule;

		if (got < FIRST)
			return bad_option(argv, got, err);
		rule = &rules[got - FIRST];
		if (rule->set(rq, rule, optarg, err))
			return -1;
		if (rule->remote)
			*(const char **)pool_push(pool, &rq->options,
						  &rq->n_options,
						  sizeof(*rq->options)) =
				as_given(rule, optarg, pool);
	}
	return 0;
}

int request_parse(int argc, char **argv, bool remote, struct pool *pool,
		  struct request *ret, struct err *err)
{
	*ret = (struct request){
		.filter = STORE_FILTER_ALL,
		.ttl = AUTH_TTL_MAX,
		.import = true,
	};
	if (parse_options(argc, argv, remote, pool, ret, err))
		return -1;
	if (optind < argc)
		return err_set(
			err, 0,
			"unexpected argument '%s' (see cloison report --help)",
			argv[optind]);
	if (remote && ret->output == REQUEST_HTML &&
	    strcmp(ret->file, "-") != 0)
		return err_set(err, 0, "--html: no files here");
	return finish(ret, err);
}
