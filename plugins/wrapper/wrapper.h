/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WRAPPER_WRAPPER_H
#define WRAPPER_WRAPPER_H

#include "base/err.h"
#include "plan/plan.h"

/* Exit statuses of our own; see cloison(1). */
enum {
	EXIT_OURS = 125,       /* cloison itself failed */
	EXIT_NOT_EXEC = 126,   /* the command cannot be executed */
	EXIT_NOT_FOUND = 127,  /* the command does not exist */
	EXIT_SIGNAL_BASE = 128 /* plus the number of the signal */
};

/* Print "cloison: TEXT" and return EXIT_OURS. */
int fail(const struct err *err);

/* An option without a value, "--name"; the last of a list has no name. */
struct flag {
	const char *name;
	bool *ret;
};

/* Read options that are all flags; the arguments are argv[optind] and on. */
int read_flags(int argc, char *argv[], const struct flag *list,
	       struct err *err);

/* The same where nothing else may follow. */
int read_only_flags(int argc, char *argv[], const struct flag *list,
		    struct err *err);

/* Subcommands; argv[0] is the subcommand. Return the exit status. */
int run_main(int argc, char *argv[]);
int plan_main(int argc, char *argv[]);
int ls_main(int argc, char *argv[]);
int top_main(int argc, char *argv[]);
int enter_main(int argc, char *argv[]);
int gc_main(int argc, char *argv[]);
int prolog_main(int argc, char *argv[]);
int epilog_main(int argc, char *argv[]);
int check_main(int argc, char *argv[]);
int report_main(int argc, char *argv[]);
int version_main(int argc, char *argv[]);

/* The starter_method of Grid Engine: the arguments are the job's. */
int starter_main(int argc, char *argv[]);

/* The USER_JOB_WRAPPER of HTCondor, the same. */
int condor_main(int argc, char *argv[]);

/* Everything a plan is made of, gathered for `run` and `plan`. */
struct request {
	struct pool pool;
	struct options options;
	struct site site;
	struct job job;
	unsigned needs; /* HOST_... */
	struct host host;
	struct plan plan;
	bool json;            /* --json of `plan` */
	const char *topology; /* --topology of `plan` */
	bool help;
	char **command; /* what follows the options */
};

/*
 * Options, site file, caller and node become a plan. When `planning`,
 * --json and --topology are options, too.
 */
int request_read(int argc, char *argv[], bool planning, struct request *ret,
		 struct err *err);

/* Plan once more, as others have taken cores meanwhile. */
int request_renew(struct request *request, struct err *err);
void request_free(struct request *request);

/* The usage text of a subcommand that takes the options of the table. */
void usage_options(const char *synopsis);

#endif
