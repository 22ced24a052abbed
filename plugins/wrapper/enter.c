/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "found.h"
#include "run/join.h"
#include "wrapper.h"

/* Of root's environment nothing else is meant for somebody else's cell. */
static const char *const kept[] = { "TERM",   "COLORTERM", "LANG",
				    "LC_ALL", "LC_CTYPE",  "TZ" };
enum {
	KEPT = sizeof(kept) / sizeof(kept[0])
};

static int set(const char *name, const char *value, struct err *err)
{
	return value && setenv(name, value, 1)
		       ? err_set(err, errno, "set %s", name)
		       : 0;
}

static int clean_environment(const struct passwd *pw, struct pool *pool,
			     struct err *err)
{
	const char *value[KEPT];
	int r;

	for (int i = 0; i < KEPT; i++)
		value[i] = pool_strdup(pool, getenv(kept[i]));
	clearenv();
	r = set("PATH", "/usr/local/bin:/usr/bin:/bin", err);
	for (int i = 0; i < KEPT && !r; i++)
		r = set(kept[i], value[i], err);
	if (!pw || r)
		return r;
	return set("HOME", pw->pw_dir, err) || set("USER", pw->pw_name, err) ||
	       set("LOGNAME", pw->pw_name, err) ||
	       set("SHELL", pw->pw_shell, err);
}

static int print_several(const struct finds *f, const char *word,
			 struct err *err)
{
	for (size_t i = 0; i < f->n; i++)
		fprintf(stderr, "cloison: %s\n", f->list[i].entry.id);
	return err_set(err, 0, "'%s' means %zu cells: name one by its id", word,
		       f->n);
}

/* Its namespaces belong to root's user namespace: setns(2) wants his rights. */
static int refuse(const struct entry *e, struct err *err)
{
	err_set(err, 0, "only root can enter a cell that root has made");
	if (e->scheduler && !strcmp(e->scheduler, "slurm") && e->job)
		err_hint(err,
			 "look from beside it: srun --overlap --pty "
			 "--jobid=%s bash",
			 e->job);
	return -1;
}

/* Who may, and whether it can be done, in this order. */
static int check(const struct found *f, struct err *err)
{
	const struct entry *e = &f->entry;

	if (geteuid() && !e->owner)
		return refuse(e, err);
	if (!f->now.init)
		return err_set(err, 0, "the cell is just starting or ending");
	if (!f->now.payload)
		return err_set(err, 0,
			       "no process of the job is in the cell now");
	return 0;
}

static int exit_status(const struct joined *j, const char *name)
{
	if (j->exec_errno) {
		fprintf(stderr, "cloison: %s: %s\n", name,
			strerror(j->exec_errno));
		return j->exec_errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXEC;
	}
	if (j->cell_gone)
		fprintf(stderr, "cloison: the cell has ended, and %s with it\n",
			name);
	if (WIFSIGNALED(j->status))
		return EXIT_SIGNAL_BASE + WTERMSIG(j->status);
	return WEXITSTATUS(j->status);
}

static int enter(const struct finds *finds, struct found *f, char *argv[],
		 struct err *err)
{
	const struct passwd *pw = getpwuid((uid_t)f->entry.uid);
	char *shell[] = { NULL, NULL };
	struct pool pool = { 0 };
	struct joined joined = { 0 };
	struct join join = { .host = &finds->host,
			     .entry = &f->entry,
			     .init = f->now.init,
			     .payload = f->now.payload,
			     .argv = argv,
			     .pool = &pool };
	int r;

	if (!*argv) {
		shell[0] = pool_strdup(&pool, pw && *pw->pw_shell ? pw->pw_shell
								  : "/bin/sh");
		join.argv = shell;
	}
	r = check(f, err);
	if (!r && (uid_t)f->entry.uid != geteuid())
		r = clean_environment(pw, &pool, err);
	if (!r)
		r = join_run(&join, &joined, err);
	r = r ? fail(err) : exit_status(&joined, join.argv[0]);
	pool_free(&pool);
	return r;
}

int enter_main(int argc, char *argv[])
{
	char *word[2] = { NULL, NULL }, **command;
	struct finds finds;
	bool help = false;
	const struct flag flags[] = { { "help", &help }, { 0 } };
	struct err err;
	int r;

	if (read_flags(argc, argv, flags, &err))
		return fail(&err);
	if (help) {
		puts("usage: cloison enter CELL [[--] COMMAND [ARGUMENTS]]\n\n"
		     "See cloison(1).");
		return 0;
	}
	if (!argv[optind]) {
		err_set(&err, 0,
			"a cell is missing (see cloison enter --help)");
		return fail(&err);
	}
	word[0] = argv[optind];
	command = argv + optind + 1;
	if (*command && !strcmp(*command, "--"))
		command++;
	r = found_look(word, false, &finds, &err);
	if (!r && finds.n > 1)
		r = print_several(&finds, word[0], &err);
	r = r ? fail(&err) : enter(&finds, &finds.list[0], command, &err);
	found_free(&finds);
	return r;
}
