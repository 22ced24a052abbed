/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/proc.h"
#include "chirp.h"
#include "run/cell.h"
#include "wrapper.h"

/* A queue that cannot be told is no worse off than one that has no ears. */
static void not_told(const struct request *r, const struct err *err)
{
	if (r->plan.verbose)
		fprintf(stderr, "cloison: the queue is not told: %s\n",
			err->text);
}

/* As fail; the queue is told as well, so that it need not take it for the
 * job's own end. */
static int fail_job(struct request *r, const struct err *err)
{
	struct err why;

	if (chirp_error(&r->job, err->text, &r->pool, &why))
		not_told(r, &why);
	return fail(err);
}

static void warn_missing(const struct plan *plan)
{
	for (size_t i = 0; !plan->quiet && i < plan->n_missing; i++)
		fprintf(stderr, "cloison: %s is not enforced: %s\n",
			plan->missing[i].key, plan->missing[i].value);
}

/* Why it ended, where that was not the payload's doing. */
static void explain(const struct plan *plan, const struct cell *cell)
{
	if (cell->shared->timed_out)
		fprintf(stderr,
			"cloison: the time limit of %llu s was reached\n",
			(unsigned long long)plan->time_limit);
	else if (!cell->exited && cell->oom.kills <= 0)
		fprintf(stderr,
			"cloison: the cell's PID 1 was killed by signal %d, "
			"and all in the cell with it\n",
			WTERMSIG(cell->status));
}

static int exit_status(struct request *r, const struct cell *cell)
{
	if (cell->exec_errno) {
		struct err err;

		err_set(&err, 0, "%s: %s", r->command[0],
			cell->exec_errno == ELIBACC
				? "its interpreter (#! line, or loader of "
				  "shared libraries) is not in the cell"
				: strerror(cell->exec_errno));
		fail_job(r, &err);
		return cell->exec_errno == ENOENT ? EXIT_NOT_FOUND
						  : EXIT_NOT_EXEC;
	}
	if (WIFSIGNALED(cell->status))
		return EXIT_SIGNAL_BASE + WTERMSIG(cell->status);
	return WEXITSTATUS(cell->status);
}

static void no_record(const struct request *r, const struct err *err)
{
	if (!r->plan.quiet)
		fprintf(stderr, "cloison: no record: %s\n", err->text);
}

/* The payload has run: what fails from here on is a warning. */
static void record(struct request *r, struct cell *cell)
{
	const char *json;
	struct err err;

	/* It failed before there was anything to tell of. */
	if (!*cell->registry.id)
		return;
	if (cell_record(&r->plan, &r->host, cell, &r->pool, &json, &err)) {
		no_record(r, &err);
	} else {
		if (cell_deliver(&r->plan, cell, json, &err))
			no_record(r, &err);
		if (chirp_record(&r->job, json, &r->pool, &err))
			not_told(r, &err);
	}
	if (r->plan.verbose)
		fprintf(stderr, "cloison: set up in %lld us, ran for %lld us\n",
			(long long)cell->setup_us,
			(long long)(cell->end_mono - cell->start_mono));
}

/* What the payload may not have noticed, and its caller should know. */
static void complain(const struct request *r, const struct cell *cell)
{
	struct err list[CELL_COMPLAINTS];
	size_t n = cell_complaints(&r->plan, cell->shared, &cell->oom, list);

	for (size_t i = 0; i < n; i++)
		if (list[i].num || !r->plan.quiet)
			fprintf(stderr, "cloison: %s\n", list[i].text);
}

/* A random time, as those who wait are here for the same reason. */
static void give_way(unsigned times)
{
	enum {
		LONGEST = 7 /* 128 ms */
	};
	unsigned most = 1000U << (times < LONGEST ? times : LONGEST);
	unsigned us;

	if (getrandom(&us, sizeof(us), GRND_NONBLOCK) != sizeof(us))
		us = (unsigned)getpid();
	usleep(us % most);
}

/* Of those who pick the same cores at the same time all but one pick again. */
static int start(struct request *r, struct cell *cell, struct err *err)
{
	enum {
		TIMES = 30
	};
	struct cell_shared *shared = cell->shared;

	for (unsigned i = 0;
	     cell_start(&r->plan, &r->host, r->command, cell, err); i++) {
		if (!cell->contested || i == TIMES)
			return -1;
		give_way(i);
		if (request_renew(r, err))
			return -1;
		*cell = (struct cell)CELL_INIT;
		cell->shared = shared;
	}
	return 0;
}

static int run(struct request *r)
{
	struct cell cell = CELL_INIT;
	struct err err;
	int status;

	warn_missing(&r->plan);
	if (cell_share(&cell.shared, &err))
		return fail_job(r, &err);
	if (start(r, &cell, &err)) {
		fail_job(r, &err);
		record(r, &cell);
		return EXIT_OURS;
	}
	if (*cell.unregistered.text && !r->plan.quiet)
		fprintf(stderr,
			"cloison: ls, enter and gc do not know this cell: %s\n",
			cell.unregistered.text);
	if (*cell.unclaimed.text && !r->plan.quiet)
		fprintf(stderr,
			"cloison: other cells may pick the same cores: %s\n",
			cell.unclaimed.text);
	if (cell.unlimited && !r->plan.quiet && !r->plan.unasked)
		fprintf(stderr, "cloison: no limit is enforced: %s\n",
			cell.why_not.text);
	if (*cell.shared->unbound.text && !r->plan.quiet)
		fprintf(stderr, "cloison: memory is not bound: %s\n",
			cell.shared->unbound.text);
	if (*cell.scratch.no_quota.text && !r->plan.quiet)
		fprintf(stderr, "cloison: scratch has no size: %s\n",
			cell.scratch.no_quota.text);
	cell_foresee(&r->plan, &r->host, &cell);
	cell_settle(&r->plan, &cell);
	if (cell_wait(&r->plan, &cell, &err)) {
		status = fail(&err);
	} else {
		status = exit_status(r, &cell);
		explain(&r->plan, &cell);
	}
	complain(r, &cell);
	/* While the kernel takes the namespaces apart: see cell_remove. */
	record(r, &cell);
	if (cell_remove(&r->plan, &cell, &err) && !r->plan.quiet)
		fail(&err);
	if (r->plan.raise && status > EXIT_SIGNAL_BASE &&
	    WIFSIGNALED(cell.status))
		proc_end_by(WTERMSIG(cell.status));
	return status;
}

int run_main(int argc, char *argv[])
{
	struct request r;
	struct err err;
	int status;

	if (request_read(argc, argv, false, &r, &err)) {
		status = fail_job(&r, &err);
	} else if (r.help) {
		usage_options("run [OPTIONS] [--] COMMAND [ARGUMENTS]");
		status = 0;
	} else if (!*r.command) {
		err_set(&err, 0,
			"a command to run is missing (see cloison "
			"run --help)");
		status = fail(&err);
	} else {
		status = run(&r);
	}
	request_free(&r);
	return status;
}
