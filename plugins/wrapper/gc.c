/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "acct/lost.h"
#include "acct/room.h"
#include "acct/spool.h"
#include "base/cleanup.h"
#include "run/gc.h"
#include "run/queuejob.h"
#include "wrapper.h"

static void tell(void *arg, const char *id, const char *text, bool bad)
{
	const bool *verbose = arg;

	if (bad || *verbose)
		fprintf(stderr, "cloison: %s: %s\n", id, text);
}

/* Of root's spool; a user's own are closed when he asks for a report. */
static int close_lost(bool verbose, struct err *err)
{
	cleanup_fd int spool = -1;
	struct site site;
	size_t n = 0;
	int r;

	if (geteuid())
		return 0;
	site_init(&site);
	r = site_load(&site, NULL, err);
	/* What has never been used is not made. */
	if (!r && !access(site.spool, F_OK)) {
		spool = spool_open(site.spool, 0, err);
		if (spool >= 0 && room_full(spool, err))
			fprintf(stderr, "cloison: %s: %s\n", site.spool,
				err->text);
		r = spool < 0 ? -1 : lost_close(spool, 0, &n, err);
	}
	if (n && verbose)
		printf("%zu lost with the node\n", n);
	site_free(&site);
	return r;
}

/* What one job has left must not keep others from being cleaned up. */
static void jobs(int (*fn)(const struct host *host, const char *id,
			   struct err *err),
		 const struct host *host, struct gc_count *n)
{
	struct err err;

	if (geteuid() || !fn(host, NULL, &err))
		return;
	fprintf(stderr, "cloison: %s\n", err.text);
	n->failed++;
}

int gc_main(int argc, char *argv[])
{
	bool verbose = false, help = false;
	const struct flag flags[] = { { "verbose", &verbose },
				      { "help", &help },
				      { 0 } };
	const struct gc_report report = { tell, &verbose };
	struct gc_count n = { 0 };
	struct pool pool = { 0 };
	struct host host;
	struct err err;
	int r;

	if (read_only_flags(argc, argv, flags, &err))
		return fail(&err);
	if (help) {
		puts("usage: cloison gc [--verbose]\n\nSee cloison(1).");
		return 0;
	}
	r = host_probe(HOST_CGROUP, NULL, &pool, &host, &err);
	/* Jobs first, so that their cells are dead. */
	if (!r)
		jobs(queuejobs_kill, &host, &n);
	if (!r)
		r = gc_run(&host, true, &report, &n, &err);
	if (!r)
		jobs(queuejobs_remove, &host, &n);
	if (!r)
		r = close_lost(verbose, &err);
	if (!r && verbose)
		printf("%u removed, %u alive, %u failed\n", n.removed, n.alive,
		       n.failed);
	pool_free(&pool);
	return r ? fail(&err) : n.failed ? EXIT_FAILURE : 0;
}
