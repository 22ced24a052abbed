/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "plan/plan.h"

/*
 * Prints the plan for one case, or the error that there is instead. A case has
 * four parts, each begun by a line "== NAME", all of which may be left out:
 *
 *	== args       one option a line, as on the command line ("--cell-..."
 *	              for front=slurm)
 *	== site       the site file
 *	== plugstack  one key=value a line
 *	== facts      job and host, key=value; see below
 *
 * Lines before the first part are comment. Facts that are not given are those
 * of a root-run wrapper on a host with cgroup v2 and eight cores.
 */
enum {
	CASE_MAX = 16384
};

struct world {
	struct pool pool;
	struct options options;
	struct site site;
	struct job job;
	struct host host;
	const char *topology;
};

static void part(struct pool *pool, const char *text, const char *name,
		 const char **ret)
{
	const char *head = pool_printf(pool, "== %s\n", name), *end;
	const char *at = strstr(text, head);

	*ret = "";
	if (!at)
		return;
	at += strlen(head);
	end = strncmp(at, "== ", 3) ? strstr(at, "\n== ") : at - 1;
	*ret = end ? pool_strndup(pool, at, (size_t)(end + 1 - at)) : at;
}

static unsigned controllers(const char *text)
{
	static const struct {
		const char *name;
		unsigned bit;
	} rows[] = { { "cpu", CG_CPU },       { "cpuset", CG_CPUSET },
		     { "memory", CG_MEMORY }, { "pids", CG_PIDS },
		     { "io", CG_IO },         { "hugetlb", CG_HUGETLB } };
	unsigned bits = 0;

	for (size_t n; *text; text += n + (text[n] == ' ')) {
		n = strcspn(text, " ");
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
			if (strlen(rows[i].name) == n &&
			    !memcmp(rows[i].name, text, n))
				bits |= rows[i].bit;
	}
	return bits;
}

static int text_fact(struct world *w, const char *key, const char *value)
{
	struct job *job = &w->job;
	const struct {
		const char *key;
		const char **field;
	} rows[] = {
		{ "user", &job->user },
		{ "home", &job->home },
		{ "cwd", &job->cwd },
		{ "job-dir", &w->job.dir },
		{ "job", &job->scheduler.job },
		{ "scheduler", &job->scheduler.name },
		{ "spool", &job->spool },
		{ "cgroup", &job->cgroup },
		{ "state", &job->state },
		{ "affinity", &w->host.affinity },
		{ "topology", &w->topology },
		{ "mems", &w->host.mems },
		{ "container", &job->container },
		{ "xauthority", &job->xauthority },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!strcmp(rows[i].key, key)) {
			*rows[i].field = *value ? value : NULL;
			return 0;
		}
	return -1;
}

static int bits_fact(struct cg_host *cg, const char *key, const char *value)
{
	const struct {
		const char *key;
		unsigned *field;
	} rows[] = {
		{ "available", &cg->available },
		{ "legacy", &cg->legacy },
		{ "delegated", &cg->delegated },
		{ "scope", &cg->scope },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!strcmp(rows[i].key, key)) {
			*rows[i].field = controllers(value);
			return 0;
		}
	return -1;
}

static int bool_fact(struct world *w, const char *key, const char *value,
		     struct err *err)
{
	const struct {
		const char *key;
		bool *field;
	} rows[] = {
		{ "privileged", &w->host.privileged },
		{ "in-user-ns", &w->host.in_user_ns },
		{ "own-delegated", &w->host.cg.own_delegated },
		{ "systemd", &w->host.cg.systemd },
		{ "confined", &w->job.confined },
		{ "ends", &w->job.ends },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!strcmp(rows[i].key, key))
			return parse_bool(value, rows[i].field, err);
	return -1;
}

/* PATH MAJ:MIN, or PATH alone where there is none. */
static int disk(struct world *w, const char *value)
{
	const char *blank = strchrnul(value, ' ');
	struct host_disk d = { 0 };

	d.path = pool_strndup(&w->pool, value, (size_t)(blank - value));
	d.why = pool_printf(&w->pool, "%s is on no disk of this host", d.path);
	if (*blank)
		d.disk = blank + 1;
	*(struct host_disk *)pool_push(&w->pool, &w->host.disk,
				       &w->host.n_disks, sizeof(d)) = d;
	return 0;
}

/* "ID UID USER JOB CPUS", JOB may be "-" */
static int held(struct world *w, const char *value, struct err *err)
{
	char *copy = pool_strdup(&w->pool, value), *save, *word[5];
	struct topo_claims *all = &w->host.claims;
	struct topo_claim *c;
	uint64_t uid;

	for (size_t i = 0; i < 5; i++) {
		word[i] = strtok_r(i ? NULL : copy, " ", &save);
		if (!word[i])
			return err_set(err, 0, "held=%s: a word is missing",
				       value);
	}
	if (parse_uint(word[1], 65535, &uid, err))
		return -1;
	c = pool_push(&w->pool, &all->claim, &all->n, sizeof(*c));
	*c = (struct topo_claim){ .id = word[0],
				  .owner = (uid_t)uid,
				  .user = word[2],
				  .job = strcmp(word[3], "-") ? word[3] : NULL,
				  .cpus = word[4] };
	return 0;
}

/* 1: it is none of these. */
static int count_fact(struct world *w, const char *key, const char *value,
		      struct err *err)
{
	const struct {
		const char *key;
		unsigned *field;
	} rows[] = {
		{ "nodes", &w->job.nodes },
		{ "tasks", &w->job.tasks },
		{ "task-cpus", &w->job.task_cpus },
	};
	uint64_t n;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(rows[i].key, key) != 0)
			continue;
		if (parse_uint(value, 65535, &n, err))
			return -1;
		*rows[i].field = (unsigned)n;
		return 0;
	}
	return 1;
}

static int fact(struct world *w, const char *line, struct err *err)
{
	const char *eq = strchr(line, '=');
	const char *key, *value;
	uint64_t uid;
	int r;

	if (!eq)
		return err_set(err, 0, "'%s' is not key=value", line);
	key = pool_strndup(&w->pool, line, (size_t)(eq - line));
	value = eq + 1;
	if (!text_fact(w, key, value) || !bits_fact(&w->host.cg, key, value) ||
	    !bool_fact(w, key, value, err))
		return 0;
	if (!strcmp(key, "front")) {
		w->job.front = strcmp(value, "slurm") ? JOB_WRAPPER : JOB_SLURM;
		return 0;
	}
	if (!strcmp(key, "held"))
		return held(w, value, err);
	if (!strcmp(key, "memory"))
		return parse_size(value, &w->host.memory, err);
	if (!strcmp(key, "job-memory"))
		return parse_size(value, &w->job.memory, err);
	if (!strcmp(key, "job-cpus"))
		return parse_millicpus(value, &w->job.cpus, err);
	if (!strcmp(key, "job-seconds"))
		return parse_seconds(value, &w->job.seconds, err);
	if (!strcmp(key, "own")) {
		snprintf(w->host.cg.own, sizeof(w->host.cg.own), "%s", value);
		return 0;
	}
	if (!strcmp(key, "uid")) {
		if (parse_uint(value, 65535, &uid, err))
			return -1;
		w->job.uid = w->job.gid = (uid_t)uid;
		return 0;
	}
	if (!strcmp(key, "disk"))
		return disk(w, value);
	r = count_fact(w, key, value, err);
	return r > 0 ? err_set(err, 0, "unknown fact '%s'", key) : r;
}

static int each_line(struct world *w, const char *text,
		     int (*fn)(struct world *w, const char *line,
			       struct err *err),
		     struct err *err)
{
	char *copy = pool_strdup(&w->pool, text), *save;

	for (char *line = strtok_r(copy, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		if (fn(w, line, err))
			return -1;
	return 0;
}

static int plugstack(struct world *w, const char *line, struct err *err)
{
	return site_argument(&w->site, line, err);
}

static int argument(struct world *w, const char *line, struct err *err)
{
	bool slurm = w->job.front == JOB_SLURM;
	const char *eq = strchrnul(line, '=');
	const char *name, *origin;
	int id = -1;

	origin = pool_strndup(&w->pool, line, (size_t)(eq - line));
	name = origin + (slurm ? strlen("--cell-") : strlen("--"));
	if (slurm && !strcmp(origin, "--cell"))
		id = OPT_PROFILE;
	else if (!strncmp(line, slurm ? "--cell-" : "--", slurm ? 7 : 2))
		id = option_find(name, slurm ? OPTION_SPANK : OPTION_CLI);
	if (id < 0)
		return err_set(err, 0, "unknown option '%s'", origin);
	return option_set(&w->options, (enum option_id)id, *eq ? eq + 1 : NULL,
			  origin, slurm ? NULL : w->job.cwd, &w->pool, err);
}

static void defaults(struct world *w)
{
	w->job = (struct job){ .scheduler = { .name = "none", .job = "42" },
			       .user = "ana",
			       .uid = 1000,
			       .gid = 1000,
			       .home = "/home/ana",
			       .cwd = "/proj/run",
			       .state = "/home/ana/.local/state" };
	w->host = (struct host){ .node = "n1",
				 .privileged = true,
				 .memory = 8ULL << 30,
				 .affinity = "0-7" };
	strcpy(w->host.cg.mount, "/sys/fs/cgroup");
	strcpy(w->host.cg.own, "/queue/42");
	w->host.cg.available = controllers("cpu cpuset memory pids io");
	w->host.cg.delegated = w->host.cg.available;
	w->host.cg.own_delegated = true;
	w->topology = "synthetic:package:1 l3:2 core:4 pu:1";
	site_init(&w->site);
	/* The default is the build's. */
	w->site.spool = "/var/spool/cloison";
}

static int make(struct world *w, const char *text, struct plan *plan,
		struct err *err)
{
	const char *args, *site, *arguments, *facts;
	unsigned needs;

	part(&w->pool, text, "args", &args);
	part(&w->pool, text, "site", &site);
	part(&w->pool, text, "plugstack", &arguments);
	part(&w->pool, text, "facts", &facts);
	if (each_line(w, facts, fact, err)) {
		fprintf(stderr, "golden: %s\n", err->text);
		exit(2);
	}
	if ((*site && site_parse(&w->site, site, "site", err)) ||
	    each_line(w, arguments, plugstack, err) ||
	    each_line(w, args, argument, err) ||
	    plan_needs(&w->options, &w->site, &w->job, &needs, err))
		return -1;
	/* As on a node: what was not asked for is not known; Slurm asks. */
	if (!(needs & HOST_CGROUP) && w->job.front == JOB_WRAPPER)
		memset(&w->host.cg, 0, sizeof(w->host.cg));
	if (!(needs & HOST_TOPOLOGY))
		w->host.affinity = NULL;
	else if (topo_load(w->topology, &w->pool, &w->host.topo, err))
		return -1;
	else if (!w->host.mems)
		w->host.mems = w->host.topo.mems;
	return plan_build(&w->options, &w->site, &w->job, &w->host, &w->pool,
			  plan, err);
}

static int print(const char *text, bool json)
{
	struct world w = { 0 };
	struct err err = { 0 };
	struct plan plan;
	const char *out;
	int ret = 0;

	defaults(&w);
	if (make(&w, text, &plan, &err))
		printf("error: %s\n", err.text);
	else if (!json)
		fputs(plan_text(&plan, &w.pool), stdout);
	else if ((ret = plan_json(&plan, &w.pool, &out, &err)))
		fprintf(stderr, "golden: %s\n", err.text);
	else
		puts(out);
	site_free(&w.site);
	pool_free(&w.pool);
	return ret ? 1 : 0;
}

int main(int argc, char *argv[])
{
	static char text[CASE_MAX + 1];
	bool json = argc > 2 && !strcmp(argv[1], "--json");
	cleanup_file FILE *f = NULL;

	if (argc != (json ? 3 : 2)) {
		fputs("usage: golden [--json] CASE\n", stderr);
		return 2;
	}
	f = fopen(argv[argc - 1], "r");
	if (!f) {
		perror(argv[argc - 1]);
		return 2;
	}
	if (fread(text, 1, CASE_MAX, f) == CASE_MAX) {
		fputs("golden: the case is too long\n", stderr);
		return 2;
	}
	return print(text, json);
}
