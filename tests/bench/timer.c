/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * timer ROUNDS { + NAME UID GID PROGRAM [ARGUMENT]... }...
 *
 * Starts each program once a round, by its path, and waits for it; who is
 * first changes from round to round. Then one line for each, with tabs
 * between: NAME, how many runs failed, and median, 10th and 90th percentile
 * of the microseconds from the call that starts it to the one that reaps it.
 * UID and GID count for root alone.
 */
#include <grp.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	PROGRAMS = 32,
	WARM_UP = 5
};

extern char **environ;

struct program {
	const char *name;
	uid_t uid;
	gid_t gid;
	char **argv;
	int64_t *ns;
	int failed;
};

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The saved ids stay root's, so that there is a way back; exec ends that. */
static void become(uid_t uid, gid_t gid)
{
	if (setresuid(0, 0, 0) || setresgid(gid, gid, 0) ||
	    setresuid(uid, uid, 0))
		die("change ids");
}

static int64_t launch(struct program *p, int root)
{
	int64_t start;
	int status = 0;
	pid_t pid;

	if (root)
		become(p->uid, p->gid);
	start = now();
	if (posix_spawn(&pid, p->argv[0], NULL, NULL, p->argv, environ))
		status = 1;
	else if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	p->failed += status != 0;
	return now() - start;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static size_t read_programs(int argc, char *argv[], struct program *p)
{
	size_t n = 0;

	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "+") != 0)
			continue;
		if (n == PROGRAMS || argc - i < 5)
			return 0;
		argv[i] = NULL;
		p[n].name = argv[i + 1];
		p[n].uid = (uid_t)strtoul(argv[i + 2], NULL, 10);
		p[n].gid = (gid_t)strtoul(argv[i + 3], NULL, 10);
		p[n++].argv = argv + i + 4;
		i += 4;
	}
	return n;
}

int main(int argc, char *argv[])
{
	struct program p[PROGRAMS] = { 0 };
	size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	size_t n = read_programs(argc, argv, p);
	int root = geteuid() == 0;

	if (!n || !rounds) {
		fputs("usage: timer ROUNDS { + NAME UID GID PROGRAM ... }...\n",
		      stderr);
		return 2;
	}
	if (root && setgroups(0, NULL))
		die("setgroups");
	for (size_t i = 0; i < n; i++) {
		p[i].ns = calloc(rounds, sizeof(*p[i].ns));
		if (!p[i].ns)
			die("calloc");
		for (int k = 0; k < WARM_UP; k++)
			launch(&p[i], root);
		p[i].failed = 0;
	}
	for (size_t r = 0; r < rounds; r++)
		for (size_t i = 0; i < n; i++) {
			struct program *next = &p[(i + r) % n];

			next->ns[r] = launch(next, root);
		}
	for (size_t i = 0; i < n; i++) {
		int64_t *ns = p[i].ns;
		size_t low = rounds / 10, high = rounds * 9 / 10;

		qsort(ns, rounds, sizeof(*ns), compare);
		printf("%s\t%d\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\n",
		       p[i].name, p[i].failed, ns[rounds / 2] / 1000,
		       ns[low] / 1000, ns[high] / 1000);
		free(ns);
	}
	return 0;
}
