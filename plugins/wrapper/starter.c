/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jobenv.h"
#include "shepherd.h"
#include "starter.h"
#include "words.h"
#include "wrapper.h"

enum way {
	WAY_ITSELF,
	WAY_SCRIPT,
	WAY_WORDS,
	WAY_TEXT
};

/* What stands before the job's words; "" is the shell. */
static const char *const before[][5] = {
	[WAY_ITSELF] = { NULL },
	[WAY_SCRIPT] = { "", NULL },
	[WAY_WORDS] = { "", "-c", "exec \"$@\"", "", NULL },
	[WAY_TEXT] = { "", "-c", NULL },
};

static bool is_csh(const char *shell)
{
	size_t len = strlen(shell);

	return len >= 3 && !strcmp(shell + len - 3, "csh");
}

static enum way way_of(const struct starter *s)
{
	if (s->no_shell)
		return WAY_ITSELF;
	/* A command of qrsh's. */
	if (!*s->shell)
		return WAY_TEXT;
	if (!strcmp(s->mode, "unix_behavior"))
		return WAY_ITSELF;
	if (!s->binary || strcmp(s->mode, "posix_compliant") != 0)
		return WAY_SCRIPT;
	/* Which has no "$@". */
	return is_csh(s->shell) ? WAY_ITSELF : WAY_WORDS;
}

static bool is_one(const char *text, const char *key, struct pool *pool)
{
	const char *value = shepherd_value(text, key, pool, NULL);

	return value && !strcmp(value, "1");
}

void starter_parse(const char *text, struct pool *pool, struct starter *ret)
{
	ret->binary = is_one(text, "handle_as_binary", pool);
	ret->no_shell = is_one(text, "no_shell", pool);
	ret->dir = shepherd_value(text, "tmpdir", pool, NULL);
}

/* "0 2" as the kernel writes it. */
static void add_cores(struct words *w, const char *cores)
{
	char *option = pool_printf(w->pool, "--cpuset=%s", cores);

	for (char *p = option; (p = strchr(p, ' '));)
		*p = ',';
	words_add(w, option);
}

static const char *joined(const char *const words[], struct pool *pool)
{
	size_t size = 1;
	char *text, *out;

	for (size_t i = 0; words[i]; i++)
		size += strlen(words[i]) + 1;
	text = out = pool_alloc(pool, size);
	for (size_t i = 0; words[i]; i++) {
		if (i)
			*out++ = ' ';
		out = stpcpy(out, words[i]);
	}
	return text;
}

static void add_command(struct words *w, const struct starter *s, enum way way,
			const char *const words[])
{
	const char *shell = way == WAY_TEXT ? s->own_shell : s->shell;

	for (size_t i = 0; before[way][i]; i++)
		words_add(w, *before[way][i] ? before[way][i] : shell);
	if (way == WAY_TEXT)
		words_add(w, joined(words, w->pool));
	else
		for (; *words; words++)
			words_add(w, *words);
}

size_t starter_build(const struct starter *s, const char *const words[],
		     struct pool *pool, char ***ret)
{
	const enum way way = way_of(s);
	struct words w = { .pool = pool };

	words_add(&w, "run");
	words_add(&w, "--raise");
	/* The user's own wishes are held against the site's policy, as any. */
	words_split(&w, s->options);
	/* Grid Engine may have left it to the job to keep to them. */
	if (*s->cores)
		add_cores(&w, s->cores);
	/* It is in a /tmp that the cell does not see. */
	if (s->dir)
		words_add(&w, pool_printf(pool, "--rw=%s", s->dir));
	if ((way == WAY_SCRIPT || way == WAY_WORDS) &&
	    !strcmp(s->login, "true"))
		words_add(&w, "--login");
	words_add(&w, "--");
	add_command(&w, s, way, words);
	return words_end(&w, ret);
}

static const char *user_shell(struct pool *pool)
{
	const struct passwd *pw = getpwuid(geteuid());

	return pw && *pw->pw_shell ? pool_strdup(pool, pw->pw_shell)
				   : "/bin/sh";
}

int starter_main(int argc, char *argv[])
{
	struct pool pool = { 0 };
	struct starter s = {
		.shell = jobenv_variable("SGE_STARTER_SHELL_PATH"),
		.mode = jobenv_variable("SGE_STARTER_SHELL_START_MODE"),
		.login = jobenv_variable("SGE_STARTER_USE_LOGIN_SHELL"),
		.cores = jobenv_variable("SGE_BINDING"),
		.options = jobenv_variable("CLOISON_OPTIONS"),
	};
	const char *spool = jobenv_variable("SGE_JOB_SPOOL_DIR");
	char **arguments;
	size_t n;
	int status;

	(void)argc;
	starter_parse(
		jobenv_file(pool_printf(&pool, "%s/config", spool), &pool),
		&pool, &s);
	s.dir = jobenv_dir(s.dir);
	if (!*s.shell && !s.no_shell)
		s.own_shell = user_shell(&pool);
	n = starter_build(&s, (const char *const *)argv + 1, &pool, &arguments);
	status = run_main((int)n, arguments);
	pool_free(&pool);
	return status;
}
