/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plan/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void plain(const char *text)
{
	for (; *text; text++)
		check((unsigned char)*text >= ' ' && *text != 0x7f);
}

/* What policy compares by its text is in one form only. */
static void clean_path(const char *path)
{
	size_t len = strlen(path);

	plain(path);
	check(*path == '/' && (len == 1 || path[len - 1] != '/'));
	check(!strstr(path, "//") && !strstr(path, "/./"));
	check(!strstr(path, "/../"));
	check(len < 3 || strcmp(path + len - 3, "/..") != 0);
	check(len < 2 || strcmp(path + len - 2, "/.") != 0);
}

static void one_fact_a_line(const char *text)
{
	for (const char *p = text; *p; p++)
		check(*p == '\n' || ((unsigned char)*p >= ' ' && *p != 0x7f));
	check(!strstr(text, "\n\n") && *text);
}

static void build(const struct options *options, enum job_front front)
{
	static const struct host host = { .privileged = true,
					  .memory = 1 << 30 };
	struct job job = { .front = front,
			   .user = "u",
			   .uid = 1,
			   .gid = 1,
			   .home = "/home/u",
			   .cwd = "/home/u/w" };
	struct pool pool = { 0 };
	struct plan plan;
	struct site site;
	struct err err = { 0 };
	const char *json;

	site_init(&site);
	if (plan_build(options, &site, &job, &host, &pool, &plan, &err)) {
		check(*err.text);
		plain(err.text);
	} else {
		one_fact_a_line(plan_text(&plan, &pool));
		check(!plan_json(&plan, &pool, &json, &err));
	}
	pool_free(&pool);
	site_free(&site);
}

/* Lines of NAME=VALUE, given as on the command line; 0 ends a line. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct options o = { 0 };
	struct pool pool = { 0 };
	char *text = calloc(1, size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	for (char *line = text; line < text + size; line += strlen(line) + 1) {
		char *eq = strchr(line, '=');
		struct err err = { 0 };
		int id;

		if (eq)
			*eq = '\0';
		id = option_find(line, OPTION_CLI | OPTION_SITE);
		if (eq)
			line = eq + 1;
		if (id < 0 || (!eq && option_table[id].arg))
			continue;
		if (option_set(&o, (enum option_id)id, eq ? line : NULL, "-o",
			       "/proj", &pool, &err)) {
			check(*err.text);
			plain(err.text);
		} else if (eq) {
			plain(line);
		}
	}
	for (size_t i = 0; i < o.n_mounts; i++) {
		clean_path(o.mount[i].src);
		clean_path(o.mount[i].dst);
	}
	build(&o, JOB_WRAPPER);
	build(&o, JOB_SLURM);
	pool_free(&pool);
	free(text);
	return 0;
}
