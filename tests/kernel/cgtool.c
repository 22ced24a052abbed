/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Make a cgroup, run a command in it, say what it used, remove it:
 *
 *	cgtool probe
 *	cgtool below|adopt PARENT NAME [LIMIT=TEXT...] -- COMMAND [ARG...]
 *	cgtool scope - NAME [LIMIT=TEXT...] -- COMMAND [ARG...]
 *
 * LIMIT is a name of cg_limits[], or "measure", whose TEXT is ignored. The exit
 *status is the command's, 125 when the cgroup could not be made or removed.
 */
#include "config.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cg/cg.h"

static int die(const struct err *err)
{
	fprintf(stderr, "cgtool: %s\n", err->text);
	return 125;
}

static int probe(const struct cg_host *h)
{
	char why[256];

	printf("mount=%s own=%s available=%#x legacy=%#x delegated=%#x "
	       "own_delegated=%d systemd=%d scope=%#x\n",
	       h->mount, h->own, h->available, h->legacy, h->delegated,
	       h->own_delegated, h->systemd, h->scope);
	for (int i = 0; i < CG_LIMITS; i++)
		if (cg_missing(h, CG_BELOW, (enum cg_limit_kind)i, why,
			       sizeof(why)))
			printf("%s: %s\n", cg_limits[i].name, why);
	return 0;
}

static int set_limit(struct cg_plan *plan, char *arg)
{
	char *eq = strchr(arg, '=');

	if (!strncmp(arg, "measure=", 8)) {
		plan->measure = CG_CPU | CG_MEMORY | CG_PIDS | CG_IO;
		return 0;
	}
	for (int i = 0; eq && i < CG_LIMITS; i++)
		if (!strncmp(arg, cg_limits[i].name, (size_t)(eq - arg)) &&
		    !cg_limits[i].name[eq - arg]) {
			plan->limit[i] = eq + 1;
			return 0;
		}
	fprintf(stderr, "cgtool: '%s' is no limit\n", arg);
	return -1;
}

static int run(const struct cg *cg, char **argv)
{
	struct clone_args args = {
		.flags = CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.cgroup = (unsigned)cg->leaf_fd,
	};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	int status;

	if (!pid) {
		execvp(argv[0], argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0) {
		perror("cgtool: clone3");
		return 125;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void report(const struct cg *cg)
{
	struct cg_usage u;

	cg_usage_read(cg->fd, &u);
	fprintf(stderr,
		"cgroup=%s leaf=%s moved=%d cpu_us=%lld throttled_us=%lld "
		"memory_peak=%lld oom_kills=%lld pids_peak=%lld io_write=%lld "
		"pressure_cpu_us=%lld\n",
		cg->path, cg->leaf, (int)cg->moved, (long long)u.cpu_usage_us,
		(long long)u.cpu_throttled_us, (long long)u.memory_peak,
		(long long)u.oom_kills, (long long)u.pids_peak,
		(long long)u.io_write, (long long)u.pressure_cpu_us);
}

static int cell(const struct cg_plan *plan, const struct cg_host *host,
		char **argv)
{
	struct err err;
	struct cg cg;
	int status;

	if (cg_create(plan, host, &cg, &err))
		return die(&err);
	status = run(&cg, argv);
	if (cg_kill(&cg, &err))
		status = die(&err);
	report(&cg);
	return cg_remove(&cg, &err) ? die(&err) : status;
}

int main(int argc, char **argv)
{
	static const char *const sources[] = { "none", "below", "scope",
					       "adopt", NULL };
	struct cg_plan plan = { .source = CG_NONE };
	struct cg_host host;
	struct err err;
	int i = 4;

	if (cg_probe(&host, &err))
		return die(&err);
	if (argc == 2 && !strcmp(argv[1], "probe"))
		return probe(&host);
	for (int s = 0; argc > 4 && sources[s]; s++)
		if (!strcmp(argv[1], sources[s]))
			plan.source = (enum cg_source)s;
	if (plan.source == CG_NONE)
		return 125;
	plan.parent = argv[2];
	plan.name = argv[3];
	for (; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (set_limit(&plan, argv[i]))
			return 125;
	return i + 1 < argc ? cell(&plan, &host, argv + i + 1) : 125;
}
