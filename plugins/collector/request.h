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
	REQUEST_HTML,
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
};

/* Strings are those of `argv`, which getopt_long(3) puts in order. */
int request_parse(int argc, char **argv, struct request *ret, struct err *err);

void request_help(void);

#endif
