/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/lazy.h"
#include "check.h"
#include "wrapper.h"

#define JSON(X)                           \
	X(json_object_new_object)         \
	X(json_object_new_array)          \
	X(json_object_new_string)         \
	X(json_object_array_add)          \
	X(json_object_object_add)         \
	X(json_object_to_json_string_ext) \
	X(json_object_put)
LAZY_TABLE(jc, JSON);

static const char *const verdicts[] = {
	[CHECK_OK] = "ok",
	[CHECK_WARN] = "warn",
	[CHECK_FAIL] = "fail",
};

static const struct check *const tables[] = { check_host, check_site,
					      check_slurm };

static void add(struct json_object *list, const char *name,
		const struct finding *f)
{
	struct json_object *o = jc.json_object_new_object();

	jc.json_object_object_add(o, "check", jc.json_object_new_string(name));
	jc.json_object_object_add(
		o, "state", jc.json_object_new_string(verdicts[f->verdict]));
	jc.json_object_object_add(o, "text",
				  jc.json_object_new_string(f->text.text));
	jc.json_object_array_add(list, o);
}

/* Runs all checks; into `list`, or to the terminal as they come. */
static bool look(struct json_object *list)
{
	struct pool pool = { 0 };
	bool fit = true;

	if (!list)
		printf("%-16s  %-5s  %s\n", "CHECK", "STATE", "WHAT");
	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		for (const struct check *c = tables[t]; c->name; c++) {
			struct finding f = { .verdict = CHECK_NONE };

			c->look(&f, &pool);
			if (f.verdict == CHECK_NONE)
				continue;
			fit = fit && f.verdict != CHECK_FAIL;
			if (list)
				add(list, c->name, &f);
			else
				printf("%-16s  %-5s  %s\n", c->name,
				       verdicts[f.verdict], f.text.text);
		}
	pool_free(&pool);
	return fit;
}

int check_main(int argc, char *argv[])
{
	bool json = false, help = false, fit;
	const struct flag flags[] = { { "json", &json },
				      { "help", &help },
				      { 0 } };
	struct json_object *list = NULL;
	struct err err;

	if (read_only_flags(argc, argv, flags, &err))
		return fail(&err);
	if (help) {
		puts("usage: cloison check [--json]\n\nSee cloison(1).");
		return 0;
	}
	if (json) {
		if (LAZY_LOAD(jc, JSONC_SONAME, JSON, &err))
			return fail(&err);
		list = jc.json_object_new_array();
	}
	fit = look(list);
	if (list) {
		puts(jc.json_object_to_json_string_ext(
			list, JSON_C_TO_STRING_PLAIN |
				      JSON_C_TO_STRING_NOSLASHESCAPE));
		jc.json_object_put(list);
	}
	if (fflush(stdout) || ferror(stdout)) {
		err_set(&err, 0, "cannot write to standard output");
		return fail(&err);
	}
	return fit ? 0 : EXIT_FAILURE;
}
