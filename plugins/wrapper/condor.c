/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "condor.h"
#include "jobenv.h"
#include "words.h"
#include "wrapper.h"

/*
 * The command of condor_submit -i waits for who comes by condor_ssh_to_job.
 * Without a cell HTCondor ends it when somebody has come, and the job when the
 * last has gone; here the cell has to be there until then, and no longer.
 */
static const char *const interactive[] = {
	"/bin/sh", "-c",
	"somebody() { set -- \"$_CONDOR_SCRATCH_DIR\"/.condor_ssh_to_job_*; "
	"[ -d \"$1\" ]; }\n"
	"\"$@\" &\n"
	"until somebody; do kill -0 $! || exit 0; sleep 1; done\n"
	"while somebody; do sleep 1; done",
	"sh", NULL
};

static void add_all(struct words *w, const char *const words[])
{
	for (; *words; words++)
		words_add(w, *words);
}

size_t condor_build(const struct condor *condor, const char *const words[],
		    struct pool *pool, char ***ret)
{
	struct words w = { .pool = pool };

	words_add(&w, "run");
	words_add(&w, "--raise");
	/* The user's own wishes are held against the site's policy, as any. */
	words_split(&w, condor->options);
	/* Where the job begins, writes to, and its output is fetched from. */
	if (condor->scratch)
		words_add(&w, pool_printf(pool, "--rw=%s", condor->scratch));
	words_add(&w, "--");
	if (condor->interactive)
		add_all(&w, interactive);
	add_all(&w, words);
	return words_end(&w, ret);
}

static bool ends_in(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && !strcmp(text + n - m, end);
}

const char *condor_sshd(const char *const words[])
{
	const char *last = NULL;

	for (size_t i = 0; words[i]; i++)
		last = words[i];
	return last && ends_in(words[0], "/sshd") &&
			       strstr(last, "/.condor_ssh_to_job_") &&
			       ends_in(last, "/sshd_config")
		       ? last
		       : NULL;
}

const char *condor_forced(const char *authorized_keys, struct pool *pool)
{
	static const char key[] = "command=\"";
	const char *p = authorized_keys + strlen(key);
	size_t n;

	if (strncmp(authorized_keys, key, strlen(key)) != 0)
		return "";
	n = strcspn(p, "\"\n");
	return p[n] == '"' ? pool_strndup(pool, p, n) : "";
}

static const char *said(const char *text)
{
	return text ? text : "";
}

/* The job's pid is another one in the cell, or none. */
static int forget_pids(const char *path, struct err *err)
{
	static const char line[] = "unset _CONDOR_JOB_PIDS\n";
	cleanup_fd int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fd_write_all(fd, line, strlen(line)))
		return err_set(err, errno, "write to %s", path);
	return 0;
}

/* What the sshd runs for who comes enters the job's cell. */
static int serve(const char *config, const char *const words[],
		 struct pool *pool)
{
	const char *ad = jobenv_ad(pool);
	const char *dir = pool_strndup(pool, config,
				       (size_t)(strrchr(config, '/') - config));
	const char *forced = condor_forced(
		jobenv_file(pool_printf(pool, "%s/authorized_keys", dir), pool),
		pool);
	struct words w = { .pool = pool };
	char self[PATH_MAX] = "", **argv;
	struct err err;

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0) {
		err_set(&err, errno, "find the path of cloison");
		return fail(&err);
	}
	if (forget_pids(pool_printf(pool, "%s/env.sh", dir), &err))
		return fail(&err);
	add_all(&w, words);
	words_add(&w, "-o");
	words_add(&w,
		  pool_printf(pool, "ForceCommand=%s enter %s.%s -- %s", self,
			      said(jobenv_attribute(ad, "ClusterId", pool)),
			      said(jobenv_attribute(ad, "ProcId", pool)),
			      forced));
	words_end(&w, &argv);
	execvp(argv[0], argv);
	err_set(&err, errno, "%s", argv[0]);
	return fail(&err);
}

int condor_main(int argc, char *argv[])
{
	const char *const *words = (const char *const *)argv + 1;
	const char *config = condor_sshd(words), *what;
	struct pool pool = { 0 };
	struct condor c;
	char **arguments;
	size_t n;
	int status;

	(void)argc;
	if (config) {
		status = serve(config, words, &pool);
		pool_free(&pool);
		return status;
	}
	what = jobenv_attribute(jobenv_ad(&pool), "InteractiveJob", &pool);
	c = (struct condor){ .scratch =
				     jobenv_dir(getenv("_CONDOR_SCRATCH_DIR")),
			     .options = jobenv_variable("CLOISON_OPTIONS"),
			     .interactive = what && !strcasecmp(what, "true") };
	n = condor_build(&c, words, &pool, &arguments);
	status = run_main((int)n, arguments);
	pool_free(&pool);
	return status;
}
