/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * load cpu|threads|fork|memory|io N TRUTH GO
 *
 * Uses N seconds of CPU time, N seconds in each of two threads, N processes
 * that live shortly, N MiB of memory, or writes N MiB to a file beside TRUTH
 * past the page cache. What it has used by its own count goes to TRUTH, then it
 * waits until GO, a FIFO, is opened for writing.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	MIB = 1 << 20,
	THREADS = 2
};

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

static double used(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void burn(clockid_t clock, double seconds)
{
	volatile unsigned n = 0;

	while (used(clock) < seconds)
		for (int i = 0; i < 100000; i++)
			n += (unsigned)i;
}

static void cpu(long n, const char *truth)
{
	(void)truth;
	burn(CLOCK_PROCESS_CPUTIME_ID, (double)n);
}

static void *one_thread(void *n)
{
	burn(CLOCK_THREAD_CPUTIME_ID, (double)*(long *)n);
	return NULL;
}

static void threads(long n, const char *truth)
{
	pthread_t t[THREADS];

	(void)truth;
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&t[i], NULL, one_thread, &n))
			die("pthread_create");
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
}

static void processes(long n, const char *truth)
{
	(void)truth;
	for (long i = 0; i < n; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		if (pid < 0 || waitpid(pid, NULL, 0) != pid)
			die("fork");
	}
}

static void memory(long n, const char *truth)
{
	size_t size = (size_t)n * MIB;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)truth;
	if (p == MAP_FAILED)
		die("mmap");
	memset(p, 1, size);
}

static void io(long n, const char *truth)
{
	char path[4096];
	void *block;
	int fd;

	snprintf(path, sizeof(path), "%s.data", truth);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_DIRECT, 0600);
	if (fd < 0 || posix_memalign(&block, 4096, MIB))
		die(path);
	memset(block, 1, MIB);
	for (long i = 0; i < n; i++)
		if (write(fd, block, MIB) != MIB)
			die("write");
	if (fsync(fd) || close(fd) || unlink(path))
		die(path);
	free(block);
}

static const struct {
	const char *name;
	void (*run)(long n, const char *truth);
} kinds[] = {
	{ "cpu", cpu },       { "threads", threads }, { "fork", processes },
	{ "memory", memory }, { "io", io },
};

static double seconds(const struct timeval *t)
{
	return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

static double own_cpu(void)
{
	struct rusage self, children;

	getrusage(RUSAGE_SELF, &self);
	getrusage(RUSAGE_CHILDREN, &children);
	return seconds(&self.ru_utime) + seconds(&self.ru_stime) +
	       seconds(&children.ru_utime) + seconds(&children.ru_stime);
}

int main(int argc, char *argv[])
{
	char path[4096];
	FILE *f;

	if (argc != 5)
		return 2;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i].name, argv[1]))
			kinds[i].run(strtol(argv[2], NULL, 10), argv[3]);
	/* Whole at once, for who waits for it. */
	snprintf(path, sizeof(path), "%s.new", argv[3]);
	f = fopen(path, "w");
	if (!f)
		die(path);
	fprintf(f, "%.0f\n", own_cpu() * 1e6);
	if (fclose(f) || rename(path, argv[3]) || open(argv[4], O_RDONLY) < 0)
		die(argv[4]);
	return 0;
}
