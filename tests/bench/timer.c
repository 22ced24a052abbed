/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * timer ROUNDS { + NAME UID GID PROGRAM [ARGUMENT]... }...
 *
 * Starts each program once a round, by its path, and waits for it. The order
 * is another one in each round, so that what one leaves for the kernel to
 * tidy up does not always fall on the same next one; one that has taken
 * TIMER_SECONDS, 10 if not set, in all is not started again. Then a line for
 * each, with tabs between: NAME, how many runs failed, how many did not, and
 * the median, first and third quartile of their microseconds from the call that
 * starts it to the one that reaps it. UID and GID count for root alone.
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
	PROGRAMS = 64,
	WARM_UP = 3
};

static int64_t enough_ns = 10000000000;

extern char **environ;

struct program {
	const char *name;
	uid_t uid;
	gid_t gid;
	char **argv;
	int64_t *ns;
	size_t n; /* runs that did not fail, in ns */
	int failed;
	int64_t spent;
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

static void launch(struct program *p, int root)
{
	int64_t start, took;
	int status = 1;
	pid_t pid;

	if (p->spent > enough_ns)
		return;
	if (root)
		become(p->uid, p->gid);
	start = now();
	if (!posix_spawn(&pid, p->argv[0], NULL, NULL, p->argv, environ) &&
	    waitpid(pid, &status, 0) != pid)
		die("waitpid");
	took = now() - start;
	p->spent += took;
	if (status)
		p->failed++;
	else
		p->ns[p->n++] = took;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void shuffle(size_t *order, size_t n)
{
	for (size_t i = n - 1; i > 0; i--) {
		size_t j = (size_t)random() % (i + 1), swap = order[i];

		order[i] = order[j];
		order[j] = swap;
	}
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

static void print(struct program *p)
{
	int64_t none = 0, *ns = p->n ? p->ns : &none;

	qsort(ns, p->n, sizeof(*ns), compare);
	printf("%s\t%d\t%zu\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\n", p->name,
	       p->failed, p->n, ns[p->n / 2] / 1000, ns[p->n / 4] / 1000,
	       ns[p->n * 3 / 4] / 1000);
}

int main(int argc, char *argv[])
{
	struct program p[PROGRAMS] = { 0 };
	size_t order[PROGRAMS];
	size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	size_t n = read_programs(argc, argv, p);
	int root = geteuid() == 0;
	const char *seconds = getenv("TIMER_SECONDS");

	if (seconds)
		enough_ns = (int64_t)strtoul(seconds, NULL, 10) * 1000000000;
	if (!n || !rounds) {
		fputs("usage: timer ROUNDS { + NAME UID GID PROGRAM ... }...\n",
		      stderr);
		return 2;
	}
	if (root && setgroups(0, NULL))
		die("setgroups");
	for (size_t i = 0; i < n; i++) {
		order[i] = i;
		p[i].ns = calloc(rounds + WARM_UP, sizeof(*p[i].ns));
		if (!p[i].ns)
			die("calloc");
		for (int k = 0; k < WARM_UP; k++)
			launch(&p[i], root);
		p[i].n = 0;
		p[i].spent = 0;
		p[i].failed = 0;
	}
	for (size_t r = 0; r < rounds; r++) {
		shuffle(order, n);
		for (size_t i = 0; i < n; i++)
			launch(&p[order[i]], root);
	}
	for (size_t i = 0; i < n; i++) {
		print(&p[i]);
		free(p[i].ns);
	}
	return 0;
}
