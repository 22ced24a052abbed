/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "run/gc.h"
#include "run/queuejob.h"
#include "shepherd.h"
#include "wrapper.h"

/* What Grid Engine does then, see queue_conf(5). */
enum {
	EXIT_JOB_ERROR = 100, /* the job waits for its user or an operator */
	/* Any other but 0 and 99: the queue takes no jobs any more. */
};

/* Where an admin looks: our standard error is the job's. */
static void log_error(const char *what, const char *text)
{
	openlog("cloison", LOG_PID, LOG_DAEMON);
	syslog(LOG_ERR, "%s: %s", what, text);
	closelog();
}

static void tell(void *arg, const char *id, const char *text, bool bad)
{
	(void)arg;
	if (bad)
		fprintf(stderr, "cloison: %s: %s\n", id, text);
}

struct work {
	struct pool pool;
	struct queue_job job;
	struct host host;
	int spool;
};

/*
 * Whatever the job, it is called as it should be. With qrsh the shepherd gives
 * us a terminal, closes that itself, takes its end for an error, and sends
 * SIGTERM for it (Grid Engine 8.1.9): our work is short, and is done.
 */
static int check_call(int argc, char *argv[], struct err *err)
{
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	if (read_only_flags(argc, argv, (const struct flag[]){ { 0 } }, err))
		return -1;
	if (geteuid())
		return err_set(err, 0,
			       "needs root: 'root@' in the queue's "
			       "configuration, see cloison-queues(7)");
	return 0;
}

/* The environment is the job's. */
static int begin(struct work *w, struct err *err)
{
	clearenv();
	umask(022);
	*w = (struct work){ .spool = -1 };
	return shepherd_read(&w->pool, &w->job, &w->spool, err) ||
			       host_probe(HOST_CGROUP, NULL, &w->pool, &w->host,
					  err)
		       ? -1
		       : 0;
}

static void end(struct work *w)
{
	if (w->spool >= 0)
		close(w->spool);
	pool_free(&w->pool);
}

static int prepare(struct work *w, struct err *err)
{
	struct cg_plan plan;
	struct site site;
	struct err ignored;
	int r;

	site_init(&site);
	r = site_load(&site, NULL, err);
	if (!r) {
		queue_job_plan(&w->job, &site, &w->pool, &plan);
		r = queuejob_make(&w->job, &plan, &w->host, err);
	}
	if (!r &&
	    queuejob_watch(&w->job, &w->host, w->spool, SHEPHERD_JOB, err)) {
		queuejobs_remove(&w->host, w->job.id, &ignored);
		r = -1;
	}
	site_free(&site);
	return r;
}

int prolog_main(int argc, char *argv[])
{
	struct work w;
	struct err err;
	int r;

	if (check_call(argc, argv, &err))
		return fail(&err);
	err.num = 0;
	r = begin(&w, &err);
	if (r && err.num == EPERM)
		r = EXIT_JOB_ERROR;
	else if (!r)
		r = prepare(&w, &err);
	end(&w);
	if (!r)
		return 0;
	fail(&err);
	log_error("prolog", err.text);
	return r == EXIT_JOB_ERROR ? r : EXIT_OURS;
}

/*
 * What cannot be done now is for "cloison gc": a process that does not die must
 * not cost the queue.
 */
int epilog_main(int argc, char *argv[])
{
	const struct gc_report report = { tell, NULL };
	struct gc_count n = { 0 };
	struct work w;
	struct err err;
	int r;

	if (check_call(argc, argv, &err))
		return fail(&err);
	r = begin(&w, &err);
	if (!r && queuejobs_kill(&w.host, w.job.id, &err))
		r = -1;
	if (w.spool >= 0 && gc_run(&w.host, true, &report, &n, &err))
		r = -1;
	if (!r && queuejobs_remove(&w.host, w.job.id, &err))
		r = -1;
	end(&w);
	if (r) {
		fail(&err);
		log_error("epilog", err.text);
	}
	return 0;
}
