/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records as record_format writes them, one a line, for tests/schema/check. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acct/record.h"

static struct pool pool;

static void print(const struct record *r)
{
	const char *text;
	struct err err;

	if (record_format(r, &pool, &text, &err)) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	puts(text);
}

static struct record empty(void)
{
	struct record r;

	record_init(&r);
	r.id = "0193-abc";
	return r;
}

/* Every member, each with the largest value that it may have. */
static struct record full(void)
{
	static struct record_pair pair[] = { { "memory", "4G" },
					     { "pids", "100" } };
	static struct record_tasks tasks[] = {
		{ 0, UINT32_MAX - 1, UINT32_MAX, 255, -1 },
		{ UINT32_MAX, UINT32_MAX, 1, -1, 64 },
	};
	const int64_t most = INT64_MAX, id = UINT32_MAX - 1;
	const int64_t end = 253402300799999999;

	return (struct record){
		.id = "0193-abc",
		.scheduler = { "slurm", "c1", "4711", "0", most, "n", "q",
			       "p" },
		.node = "n1",
		.user = { "alice", id, id, "phys", id, id },
		.cell = { "batch", "user mnt pid net ipc uts cgroup time",
			  "boot" },
		.time = { 0, end, 8999999999999000000, most },
		.exit = { 255, -1, "exited", tasks, 2 },
		.cpu = { most, "0-3,8", "pack" },
		.usage = { most, most, most, most, most, most, most, most, most,
			   most, most, most, most, most, most },
		.memory = { most, most, "0-1", "bind", "cc1", most },
		.scratch = { most, most, 1, "no" },
		.net = { most, most },
		.limits = { pair, 2, pair, 1, pair, 1 },
		.tags = pair,
		.n_tags = 2,
	};
}

/* Whatever a user makes of his strings. */
static void hostile(const char *s)
{
	static struct record_pair pairs[1000];
	static struct record_tasks tasks[1000];
	struct record r = full();

	for (int i = 0; i < 1000; i++) {
		pairs[i] =
			(struct record_pair){ pool_printf(&pool, "%d%s", i, s),
					      s };
		tasks[i] = (struct record_tasks){ UINT32_MAX, UINT32_MAX,
						  UINT32_MAX, -1, 64 };
	}
	r.node = r.user.name = r.user.account = r.scheduler.job =
		r.scheduler.step = r.scheduler.name = r.scheduler.cluster =
			r.cell.profile = r.cell.boot_id = r.memory.victim =
				r.scratch.error = s;
	r.limits.asked = r.limits.enforced = r.limits.missing = r.tags = pairs;
	r.limits.n_asked = r.limits.n_enforced = r.limits.n_missing = r.n_tags =
		1000;
	r.exit.tasks = tasks;
	r.exit.n_tasks = 1000;
	print(&r);
}

int main(void)
{
	static char huge[100000];
	struct record r = empty();

	print(&r);
	r.exit.signal = 9;
	r.exit.reason = "oom";
	r.time.wall_us = 0;
	r.cell.namespaces = "";
	print(&r);
	r = full();
	print(&r);
	hostile("");
	hostile("\xff\xfe \"\\/\n\r\t\x7f\xed\xa0\x80<script>${x}'`");
	memset(huge, 1, sizeof(huge) - 1);
	hostile(huge);
	memset(huge, '\xff', sizeof(huge) - 1);
	hostile(huge);
	pool_free(&pool);
	return 0;
}
