/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/export.h"
#include "collector/html.h"
#include "collector/intake.h"
#include "collector/page.h"
#include "collector/request.h"
#include "collector/serve.h"
#include "collector/signed.h"
#include "collector/view.h"
#include "collector/whole.h"

/* `cloison report`: accounting from the spool to the store and out of it. */

enum {
	REFUSED = 1,
	FAILED = 125
};

/* The views of records, and those of groups of cells. */
static const struct {
	int (*records)(struct store *store, const struct store_filter *filter,
		       struct err *err);
	int (*groups)(struct store *store, const struct store_filter *filter,
		      const struct group_view *view, struct err *err);
} views[REQUEST_OUTPUTS] = {
	[REQUEST_TABLE] = { view_table, group_table },
	[REQUEST_CSV] = { view_csv, group_csv },
	[REQUEST_JSON] = { view_json, group_json },
};

static int act(const struct request *rq, struct store *store, struct err *err)
{
	if (rq->output == REQUEST_EXPORT)
		return signed_export(store, &rq->filter, rq->socket, rq->ttl,
				     rq->file, err);
	if (rq->output == REQUEST_OTHERS)
		return export_write(store, &rq->filter, rq->file, err);
	if (rq->output == REQUEST_IMPORT)
		return signed_import(store, rq->socket, rq->file, err);
	if (rq->output == REQUEST_HTML)
		return html_write(store, &rq->filter, rq->file, err);
	if (rq->page)
		return rq->output == REQUEST_JSON
			       ? page_json(store, &rq->filter, err)
			       : page_text(store, &rq->filter, err);
	if (rq->records)
		return views[rq->output].records(store, &rq->filter, err);
	return views[rq->output].groups(store, &rq->filter, &rq->view, err);
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
		result = act(rq, store, err);
	store_close(store);
	pool_free(&pool);
	return result;
}

/* The error is for the one who asked. */
static int serve(const struct request *server, struct pool *pool,
		 struct err *err)
{
	struct ucred peer;
	struct request rq;
	int result;

	if (serve_peer(&peer, err))
		return -1;
	result = serve_read(server, &peer, pool, &rq, err);
	if (!result)
		result = carry_out(&rq, err);
	serve_end(result ? err : NULL);
	return 0;
}

static int ask(void *arg, FILE *out, struct err *err)
{
	const struct request *rq = arg;

	return serve_ask(rq->from, rq, out, err);
}

/*
 * Who is not root and names no place finds the records of his jobs where the
 * node or the site keeps them, if they are shown there.
 */
static bool is_for_others(struct request *rq)
{
	struct stat st;

	if (rq->from)
		return strcmp(rq->from, "own") != 0;
	if (!geteuid() || rq->store || rq->spool || request_is_local(rq) ||
	    stat(SERVE_SOCKET, &st) || !S_ISSOCK(st.st_mode))
		return false;
	rq->from = SERVE_SOCKET;
	return true;
}

static int run(struct request *rq, struct pool *pool, struct err *err)
{
	if (rq->help || rq->helpformat) {
		(rq->help ? request_help : group_help)();
		return 0;
	}
	if (rq->serve)
		return serve(rq, pool, err);
	if (is_for_others(rq))
		return whole_write(rq->file, ask, rq, err);
	return carry_out(rq, err);
}

int main(int argc, char **argv)
{
	struct pool pool = { 0 };
	struct request rq;
	struct err err;
	int result = request_parse(argc, argv, false, &pool, &rq, &err);

	if (!result)
		result = run(&rq, &pool, &err);
	if (result >= 0 && (fflush(stdout) || ferror(stdout)))
		result = err_set(&err, errno, "write to stdout");
	pool_free(&pool);
	if (result < 0) {
		fprintf(stderr, "cloison: %s\n", err.text);
		return FAILED;
	}
	return result ? REFUSED : 0;
}
