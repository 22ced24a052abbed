/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/parse.h"
#include "collector/collect.h"
#include "collector/conf.h"
#include "collector/log.h"
#include "collector/ship.h"
#include "collector/stats.h"

/* `cloisond`: records from the nodes to the store. */

enum {
	FAILED = 125
};

struct request {
	struct conf conf;
	const char *file, *role, *spool;
	bool foreground, stats, ping, help;
};

static void set_config(struct request *rq, const char *arg)
{
	rq->file = arg;
}

static void set_role(struct request *rq, const char *arg)
{
	rq->role = arg;
}

static void set_spool(struct request *rq, const char *arg)
{
	rq->spool = arg;
}

static void set_foreground(struct request *rq, const char *arg)
{
	(void)arg;
	rq->foreground = true;
}

static void set_stats(struct request *rq, const char *arg)
{
	(void)arg;
	rq->stats = true;
}

static void set_ping(struct request *rq, const char *arg)
{
	(void)arg;
	rq->ping = true;
}

static void set_help(struct request *rq, const char *arg)
{
	(void)arg;
	rq->help = true;
}

static const struct rule {
	const char *name;
	int has_arg;
	void (*set)(struct request *rq, const char *arg);
	const char *arg, *help;
} rules[] = {
	{ "role", required_argument, set_role, "=ship|collect",
	  "what to do on this host" },
	{ "config", required_argument, set_config, "=FILE",
	  "instead of " CONF_FILE },
	{ "spool", required_argument, set_spool, "=DIR",
	  "where cells leave their records" },
	{ "foreground", no_argument, set_foreground, "",
	  "stay there, as for systemd" },
	{ "stats", no_argument, set_stats, "",
	  "print the counters of the one that runs" },
	{ "ping", no_argument, set_ping, "", "see which collector answers" },
	{ "help", no_argument, set_help, "", "this text" },
};
enum {
	RULES = sizeof(rules) / sizeof(rules[0])
};

static void print_help(void)
{
	printf("Usage: cloisond [OPTION]...\n"
	       "Take the records of cells from the nodes to the store.\n\n");
	for (size_t i = 0; i < RULES; i++)
		printf("  --%s%-*s %s\n", rules[i].name,
		       (int)(22 - strlen(rules[i].name)), rules[i].arg,
		       rules[i].help);
	printf("\nSee cloisond(8) and cloisond.conf(5).\n");
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
			return err_set(
				err, 0,
				got == ':'
					? "option '%s' needs a value (see cloisond --help)"
					: "bad option '%s' (see cloisond --help)",
				argv[optind - 1]);
		rules[i].set(rq, optarg);
	}
	if (optind < argc)
		return err_set(err, 0,
			       "unexpected argument '%s' (see cloisond --help)",
			       argv[optind]);
	return 0;
}

/* What stands on the command line counts more than the file. */
static int complete(struct request *rq, struct err *err)
{
	if (rq->role && parse_word(rq->role, conf_roles, &rq->conf.role, err))
		return err_prefix(err, "--role");
	if (rq->spool)
		rq->conf.ship.spool = rq->spool;
	return conf_check(&rq->conf, err);
}

/* The end of a pipe to the process that was called; -1 in the foreground. */
static int ready_fd = -1;

static void on_ready(void)
{
	if (ready_fd >= 0 && write(ready_fd, "", 1) == 1)
		close(ready_fd);
	ready_fd = -1;
}

/* Leave the caller's session. He waits until we are ready, or have failed. */
static int detach(struct err *err)
{
	int ends[2], null;
	char byte;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return err_set(err, errno, "pipe");
	pid = fork();
	if (pid < 0)
		return err_set(err, errno, "fork");
	if (pid) {
		close(ends[1]);
		_exit(read(ends[0], &byte, 1) == 1 ? 0 : FAILED);
	}
	close(ends[0]);
	ready_fd = ends[1];
	setsid();
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || chdir("/"))
		return err_set(err, errno, "detach");
	return 0;
}

static int serve(struct request *rq, struct err *err)
{
	if (!rq->foreground && detach(err))
		return -1;
	if (rq->conf.role == ROLE_SHIP)
		return ship_run(&rq->conf, on_ready, err);
	return collect_run(&rq->conf, on_ready, err);
}

static int carry_out(struct request *rq, struct err *err)
{
	const char *socket;

	conf_init(&rq->conf);
	if (conf_load(&rq->conf, rq->file, err))
		return -1;
	if (rq->ping)
		return ship_ping(&rq->conf, err);
	if (complete(rq, err))
		return -1;
	if (!rq->stats)
		return serve(rq, err);
	socket = rq->conf.role == ROLE_SHIP ? rq->conf.ship.stats
					    : rq->conf.collect.stats;
	if (!socket)
		return err_set(err, 0, "stats is empty in cloisond.conf");
	return stats_ask(socket, err);
}

int main(int argc, char **argv)
{
	struct request rq = { 0 };
	struct err err;
	int result;

	result = parse_request(argc, argv, &rq, &err);
	if (!result && rq.help)
		print_help();
	else if (!result)
		result = carry_out(&rq, &err);
	conf_free(&rq.conf);
	if (!result)
		return 0;
	fprintf(stderr, "cloisond: %s\n", err.text);
	return FAILED;
}
