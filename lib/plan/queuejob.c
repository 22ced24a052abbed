/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "plan/queuejob.h"

enum {
	SUPERVISOR = 8 << 20, /* what it and what starts it need, in bytes */
};

/* Exactly one of the two members. */
struct field {
	const char *key;
	const char **text;
	uint64_t *num;
};

enum {
	FIELDS = 13
};

/* `pid` is for the one number that is not 64 bits wide. */
static void fields(struct queue_job *job, uint64_t *pid, struct field *ret)
{
	const struct field rows[FIELDS] = {
		{ "id", &job->id, NULL },
		{ "uid", NULL, &job->uid },
		{ "gid", NULL, &job->gid },
		{ "shepherd", NULL, pid },
		{ "shepherd-start", NULL, &job->shepherd.start },
		{ "slots", NULL, &job->slots },
		{ "memory", NULL, &job->memory },
		{ "cgroup", &job->cgroup, NULL },
		{ "dir", &job->dir, NULL },
		{ "account", &job->account, NULL },
		{ "project", &job->project, NULL },
		{ "queue", &job->queue, NULL },
		{ "name", &job->name, NULL },
	};

	memcpy(ret, rows, sizeof(rows));
}

static char *printable(const char *text, struct pool *pool)
{
	char *copy = pool_strdup(pool, text), *out = copy;

	for (const char *p = copy; *p; p++)
		if ((unsigned char)*p >= ' ' && *p != 0x7f)
			*out++ = *p;
	*out = '\0';
	return copy;
}

const char *queue_job_print(const struct queue_job *job, struct pool *pool)
{
	struct queue_job copy = *job;
	uint64_t pid = (uint64_t)job->shepherd.pid;
	struct field f[FIELDS];
	const char *all = "";

	fields(&copy, &pid, f);
	for (size_t i = 0; i < FIELDS; i++)
		if (f[i].num)
			all = pool_printf(pool, "%s%s %llu\n", all, f[i].key,
					  (unsigned long long)*f[i].num);
		else if (*f[i].text)
			all = pool_printf(pool, "%s%s %s\n", all, f[i].key,
					  printable(*f[i].text, pool));
	return all;
}

static int set(const struct field *f, const char *key, const char *value,
	       struct pool *pool, struct err *err)
{
	for (size_t i = 0; i < FIELDS; i++) {
		if (strcmp(f[i].key, key) != 0)
			continue;
		if (f[i].num)
			return parse_uint(value, UINT64_MAX, f[i].num, err);
		*f[i].text = pool_strdup(pool, value);
		return 0;
	}
	/* Of a later release. */
	return 0;
}

int queue_job_parse(const char *text, struct pool *pool, struct queue_job *ret,
		    struct err *err)
{
	char *copy = pool_strdup(pool, text), *save = NULL;
	struct field f[FIELDS];
	uint64_t pid = 0;

	*ret = (struct queue_job){ 0 };
	fields(ret, &pid, f);
	for (char *line = strtok_r(copy, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		char *value = strchr(line, ' ');

		if (!value)
			return err_set(err, 0, "a line without a value");
		*value++ = '\0';
		if (set(f, line, value, pool, err))
			return err_prefix(err, "%s", line);
	}
	if (!ret->id || !pid || pid > INT32_MAX || ret->uid > UINT32_MAX ||
	    ret->gid > UINT32_MAX)
		return err_set(err, 0, "not all of a job's lines");
	ret->shepherd.pid = (pid_t)pid;
	return 0;
}

/*
 * At the limit of the job's cgroup the kernel kills any of the job, with who
 * could tell why: the cell's is below it, by what its supervisor needs.
 */
uint64_t queue_job_inside(uint64_t memory)
{
	return memory - (memory / 16 < SUPERVISOR ? memory / 16 : SUPERVISOR);
}

void queue_job_plan(struct queue_job *job, const struct site *site,
		    struct pool *pool, struct cg_plan *ret)
{
	*ret = (struct cg_plan){ .source = CG_NONE };
	job->cgroup = NULL;
	if (!site->cgroup_jobs)
		return;
	ret->source = CG_BELOW;
	ret->parent = site->cgroup_jobs;
	ret->name = pool_printf(pool, "cloison-job-%s", job->id);
	job->cgroup = pool_printf(pool, "%s%s%s", ret->parent,
				  ret->parent[1] ? "/" : "", ret->name);
	if (job->slots)
		ret->limit[CG_CPU_MAX] =
			pool_printf(pool, "%llu 100000",
				    (unsigned long long)job->slots * 100000);
	if (job->memory) {
		ret->limit[CG_MEMORY_MAX] = pool_printf(
			pool, "%llu", (unsigned long long)job->memory);
		ret->limit[CG_MEMORY_SWAP_MAX] = "0";
		ret->optional[CG_MEMORY_SWAP_MAX] = true;
	}
	/* What cells below it may want. */
	ret->measure = CG_CPU | CG_CPUSET | CG_MEMORY | CG_PIDS | CG_IO;
}
