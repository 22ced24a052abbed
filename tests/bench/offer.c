/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "acct/record.h"
#include "acct/spool.h"
#include "auth/auth.h"
#include "base/fd.h"
#include "collector/intake.h"
#include "collector/keeper.h"
#include "collector/wire.h"

/*
 * What tests/bench/accounting has to have in C:
 *
 *	spool DIR N		fill a spool
 *	intake STORE N		check and store, without signatures: seconds
 *	offer PORT N SOCKET	sign N records, then offer them by 16
 *				connections, 100,000 a second: seconds from
 *				then until all are stored
 *	end DIR N		what the end of a cell waits for, N times, as
 *				the median and the 90th percentile:
 *				microseconds
 */

enum {
	BATCH = 500,
	CONNECTIONS = 16,
	OFFERED_PER_S = 100000
};

static struct pool pool;
static struct err err;

static void fail(void)
{
	fprintf(stderr, "accounting: %s\n", err.text);
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A step of a parallel job, as it comes from Slurm. */
static const char *example(const char *id)
{
	static struct record_pair enforced[] = { { "memory", "8589934592" },
						 { "cpus", "4" },
						 { "pids", "4096" } };
	struct record r;
	const char *text;

	record_init(&r);
	r.id = id;
	r.scheduler.name = "slurm";
	r.scheduler.cluster = "cluster";
	r.scheduler.job = "4711";
	r.scheduler.step = "0";
	r.node = "node0815";
	r.user.name = "alice";
	r.user.uid = 20123;
	r.user.gid = 20000;
	r.user.account = "physics";
	r.cell.profile = "batch";
	r.cell.namespaces = "user mnt pid ipc uts cgroup";
	r.cell.boot_id = "0ccbd4c3-6a5d-4d3c-9c29-aa22bfa2b8f9";
	r.time.start_us = 1772359200000000;
	r.time.end_us = 1772362800500000;
	r.time.wall_us = 3600500000;
	r.time.setup_us = 2100;
	r.exit.code = 0;
	r.exit.reason = "exited";
	r.cpu.count = 4;
	r.cpu.cpuset = "0-3";
	r.usage.cpu_usage_us = 14000000000;
	r.usage.cpu_user_us = 13900000000;
	r.usage.cpu_system_us = 100000000;
	r.usage.cpu_throttled_us = 0;
	r.usage.memory_peak = 7516192768;
	r.usage.memory_anon = 7000000000;
	r.usage.memory_file = 400000000;
	r.usage.oom_kills = 0;
	r.usage.pids_peak = 12;
	r.usage.io_read = 123456789;
	r.usage.io_write = 987654321;
	r.usage.pressure_cpu_us = 12345;
	r.memory.limit = 8589934592;
	r.memory.nodes = "0";
	r.limits.enforced = enforced;
	r.limits.n_enforced = 3;
	if (record_format(&r, &pool, &text, &err))
		fail();
	return text;
}

/* Where the id stands, which is b-NNNNNNNN. */
static char *example_at(char **ret_id)
{
	char *text = (char *)example("b-00000000");

	*ret_id = strstr(text, "b-00000000") + 2;
	return text;
}

static void number(char id[static 8], long i)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%08ld", i);
	memcpy(id, digits, 8);
}

static void fill_spool(const char *dir, long n)
{
	char *id, *text = example_at(&id);
	int spool = spool_open(dir, geteuid(), &err);
	char name[64];

	if (spool < 0)
		fail();
	for (long i = 0; i < n; i++) {
		int fd;

		number(id, i);
		snprintf(name, sizeof(name), "new/b-%.8s.json", id);
		fd = openat(spool, name,
			    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd < 0 || fd_write_all(fd, text, strlen(text))) {
			perror(name);
			exit(1);
		}
		close(fd);
	}
	close(spool);
}

static struct keeper *keeper;
static int stored = -1; /* eventfd */
static _Atomic long next_batch, last_batch;

static void on_stored(void *arg)
{
	(void)arg;
	eventfd_write(stored, 1);
}

static void *check_batches(void *arg)
{
	char *id, *text = arg;
	size_t len = strlen(text);
	long i;

	text = strdup(text);
	id = strstr(text, "b-00000000") + 2;
	while ((i = next_batch++) < last_batch) {
		struct batch *b = calloc(1, sizeof(*b));
		struct err why;

		b->peer = "bench";
		b->n = b->n_entries = BATCH;
		b->fates = pool_alloc(&b->pool, BATCH * sizeof(*b->fates));
		b->entries = pool_alloc(&b->pool, BATCH * sizeof(*b->entries));
		b->at = pool_alloc(&b->pool, BATCH * sizeof(*b->at));
		for (size_t r = 0; r < BATCH; r++) {
			number(id, i * BATCH + (long)r);
			b->at[r] = r;
			if (intake_check(text, len, 0, STORE_SIGNED, &b->pool,
					 &b->entries[r], &why) != INTAKE_TAKEN)
				abort();
		}
		keeper_push(keeper, b);
	}
	free(text);
	return NULL;
}

static void intake(const char *store, long n)
{
	const char *text = example("b-00000000");
	pthread_t workers[2];
	struct batch *b;
	eventfd_t ready;
	double start;
	long done = 0;

	last_batch = n / BATCH;
	stored = eventfd(0, EFD_CLOEXEC);
	if (keeper_start(store, 0, on_stored, NULL, &keeper, &err))
		fail();
	start = now();
	for (int i = 0; i < 2; i++)
		pthread_create(&workers[i], NULL, check_batches, (void *)text);
	while (done < last_batch && !eventfd_read(stored, &ready))
		while ((b = keeper_pull(keeper))) {
			if (b->refused != FATE_NEW || b->fates[0] != FATE_NEW)
				abort();
			batch_free(b);
			done++;
		}
	printf("%.2f\n", now() - start);
	for (int i = 0; i < 2; i++)
		pthread_join(workers[i], NULL);
	keeper_stop(keeper);
	keeper_free(keeper);
}

static const char *munge_socket;
static struct conf_place place;
static const char **creds;
static pthread_barrier_t signed_all;
static double offered;

/* However far the collector is behind: who waits is the sender. */
static void await_turn(long batch)
{
	double wait = offered + (double)batch * BATCH / OFFERED_PER_S - now();

	if (wait > 0)
		usleep((useconds_t)(wait * 1e6));
}

static const char *sign_batch(const char *text, long i)
{
	struct pool scratch = { 0 };
	char *copy = pool_strdup(&scratch, text), *all;
	char *id = strstr(copy, "b-00000000") + 2;
	size_t len = strlen(text), head;
	const char *cred;
	struct err why;

	all = pool_alloc(&scratch, BATCH * (len + 1) + 256);
	head = (size_t)sprintf(all, "cloisond/1 %032lx\n", i);
	for (long r = 0; r < BATCH; r++) {
		number(id, i * BATCH + r);
		memcpy(all + head, copy, len);
		head += len;
		all[head++] = '\n';
	}
	if (auth_sign_for(munge_socket, 0, geteuid(), all, &scratch, &cred,
			  &why)) {
		fprintf(stderr, "accounting: %s\n", why.text);
		exit(1);
	}
	cred = strdup(cred);
	pool_free(&scratch);
	return cred;
}

static void *send_batches(void *arg)
{
	const char *text = arg;
	struct wire wire = { -1, eventfd(0, EFD_CLOEXEC) };
	struct pool answers = { 0 };
	struct frame f;
	struct err why;
	char *body;
	long i;

	for (i = next_batch++; i < last_batch; i = next_batch++)
		creds[i] = sign_batch(text, i);
	pthread_barrier_wait(&signed_all);
	pthread_barrier_wait(&signed_all);
	if (wire_connect(&wire, &place, &why))
		goto failed;
	while ((i = next_batch++) < last_batch) {
		await_turn(i);
		if (wire_send(&wire, FRAME_BATCH, creds[i], strlen(creds[i]),
			      &why) ||
		    wire_receive(&wire, &f, &answers, &body, &why))
			goto failed;
		if (f.type != FRAME_RESULT)
			abort();
	}
	wire_close(&wire);
	close(wire.stop);
	pool_free(&answers);
	return NULL;
failed:
	fprintf(stderr, "accounting: %s\n", why.text);
	exit(1);
}

static void offer(const char *port, long n, const char *socket)
{
	const char *text = example("b-00000000");
	pthread_t threads[CONNECTIONS];

	if (auth_load(&err))
		fail();
	munge_socket = socket;
	place = (struct conf_place){ "127.0.0.1", port };
	last_batch = n / BATCH;
	creds = calloc((size_t)last_batch, sizeof(*creds));
	pthread_barrier_init(&signed_all, NULL, CONNECTIONS + 1);
	for (int i = 0; i < CONNECTIONS; i++)
		pthread_create(&threads[i], NULL, send_batches, (void *)text);
	pthread_barrier_wait(&signed_all);
	next_batch = 0;
	offered = now();
	pthread_barrier_wait(&signed_all);
	for (int i = 0; i < CONNECTIONS; i++)
		pthread_join(threads[i], NULL);
	printf("%.2f\n", now() - offered);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* The room is made while the payload runs (cell_foresee). */
static void end_of_cell(const char *dir, long n)
{
	const struct spool_rule rule = { .max = INT64_MAX };
	double *us = calloc((size_t)n, sizeof(*us));
	int spool = spool_open(dir, geteuid(), &err);

	if (spool < 0)
		fail();
	for (long i = 0; i < n; i++) {
		const char *text;
		int reserved;
		char id[65];
		double start;

		if (record_id(id, &err))
			fail();
		reserved = spool_reserve(spool, id, "{", &err);
		if (reserved < 0 || spool_settle(spool, reserved, &err))
			fail();
		start = now();
		text = example(id);
		if (spool_write(spool, reserved, id, text, &rule, &err))
			fail();
		us[i] = (now() - start) * 1e6;
		close(reserved);
	}
	qsort(us, (size_t)n, sizeof(*us), by_value);
	printf("%.0f %.0f\n", us[n / 2], us[n * 9 / 10]);
	free(us);
}

int main(int argc, char **argv)
{
	const char *what = argc > 3 ? argv[1] : "";
	long n;

	record_foresee();
	if (!strcmp(what, "spool"))
		fill_spool(argv[2], strtol(argv[3], NULL, 10));
	else if (!strcmp(what, "intake"))
		intake(argv[2], strtol(argv[3], NULL, 10));
	else if (!strcmp(what, "end"))
		end_of_cell(argv[2], strtol(argv[3], NULL, 10));
	else if (!strcmp(what, "offer") && argc == 5)
		offer(argv[2], strtol(argv[3], NULL, 10), argv[4]);
	else
		return 2;
	n = (long)strlen(example("b-00000000"));
	fprintf(stderr, "a record has %ld bytes\n", n);
	return 0;
}
