/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COLLECTOR_REQUEST_H
#define COLLECTOR_REQUEST_H

#include <stdbool.h>

#include "collector/group.h"

/* What a command line of `cloison report` asks for. */

enum request_output {
	REQUEST_TABLE,
	REQUEST_CSV,
	REQUEST_JSON,
	REQUEST_HTML, /* the last that others may ask for */
	REQUEST_OTHERS,
	REQUEST_EXPORT,
	REQUEST_IMPORT,
	REQUEST_OUTPUTS
};

struct request {
	enum request_output output;
	bool output_given;
	const char *file;       /* see each output; NULL: stdin or stdout */
	bool records;           /* --by=record: each for itself */
	bool page;              /* all about one job */
	struct group_view view; /* else */
	struct store_filter filter;
	const char *spool, *store, *socket;
	int ttl;
	bool import;
	bool help, helpformat;
	const char *from;      /* whom to ask; "own": nobody */
	bool serve;            /* answer one who asks */
	const char *operators; /* who may see all */
	/* Those options that may be asked of others, as they were given. */
	const char **options;
	size_t n_options;
};

/*
 * Strings are those of `argv`, which getopt_long(3) puts in order, or in
 * `pool`. A command line that came from `remote` has no options that name
 * files or other places.
 */
int request_parse(int argc, char **argv, bool remote, struct pool *pool,
		  struct request *ret, struct err *err);

/* Whether its output is nothing that can be asked of others. */
bool request_is_local(const struct request *rq);

void request_help(void);

#endif
