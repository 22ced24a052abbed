/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "wrapper.h"

static int help_main(int argc, char *argv[]);

static const struct {
	const char *name;
	int (*main)(int argc, char *argv[]);
	const char *help;
} commands[] = {
	{ "run", run_main, "run a command in a cell" },
	{ "plan", plan_main, "show what run would do, and do nothing" },
	{ "ls", ls_main, "show the cells that run on this node" },
	{ "top", top_main, "show what they use, again and again" },
	{ "enter", enter_main, "run a command in a cell that runs" },
	{ "gc", gc_main, "clean up after cells that were killed" },
	{ "prolog", prolog_main, "prepare a job of Grid Engine, as root" },
	{ "epilog", epilog_main, "clean up after one, as root" },
	{ "check", check_main, "is this node fit for cells" },
	{ "report", report_main, "show the records of finished cells" },
	{ "version", version_main, "show the version" },
	{ "help", help_main, "show this text" },
};
enum {
	COMMANDS = sizeof(commands) / sizeof(commands[0])
};

/*
 * By the name of the link that was executed, where all arguments are somebody
 * else's, the first one as well: a login shell's, or the job's.
 */
static const struct {
	const char *name;
	int (*main)(int argc, char *argv[]);
} links[] = {
	{ "cloison-gridengine", starter_main },
	{ "cloison-htcondor", condor_main },
};

int fail(const struct err *err)
{
	fprintf(stderr, "cloison: %s\n", err->text);
	return EXIT_OURS;
}

int version_main(int argc, char *argv[])
{
	(void)argc;
	(void)argv;
	puts("cloison " PACKAGE_VERSION);
	return 0;
}

static int help_main(int argc, char *argv[])
{
	(void)argc;
	(void)argv;
	puts("usage: cloison COMMAND [ARGUMENTS]\n");
	for (int i = 0; i < COMMANDS; i++)
		printf("  %-8s  %s\n", commands[i].name, commands[i].help);
	puts("\n'cloison COMMAND --help' shows the options of a command.");
	return 0;
}

int read_flags(int argc, char *argv[], const struct flag *list, struct err *err)
{
	struct option options[8] = { { 0 } };
	int c;

	for (int i = 0; list[i].name; i++)
		options[i] =
			(struct option){ list[i].name, no_argument, NULL, i };
	opterr = 0;
	while ((c = getopt_long(argc, argv, "+:", options, NULL)) != -1) {
		if (c == '?')
			return err_set(err, 0,
				       "unknown option '%s' (see cloison %s "
				       "--help)",
				       argv[optind - 1], argv[0]);
		*list[c].ret = true;
	}
	return 0;
}

int read_only_flags(int argc, char *argv[], const struct flag *list,
		    struct err *err)
{
	if (read_flags(argc, argv, list, err))
		return -1;
	return argv[optind] ? err_set(err, 0, "'%s' is one argument too many",
				      argv[optind])
			    : 0;
}

/*
 * A caller may have closed 0, 1 or 2: what we open next would get that number
 * and be taken for input, output or the place for messages.
 */
static void open_standard(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			/* The payload inherits it: NOLINTNEXTLINE(android-*) */
			open("/dev/null", O_RDWR);
}

int main(int argc, char *argv[])
{
	/* An address: NOLINTNEXTLINE(*-int-to-ptr) */
	const char *self = basename((const char *)getauxval(AT_EXECFN));
	const char *name = argc > 1 ? argv[1] : "";
	struct err err;

	open_standard();
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (argc > 0 && !strcmp(links[i].name, self)) {
			/* Who looks for cells looks for this name. */
			prctl(PR_SET_NAME, "cloison");
			return links[i].main(argc, argv);
		}
	if (!strcmp(name, "--help") || !strcmp(name, "-h"))
		name = "help";
	if (!strcmp(name, "--version"))
		name = "version";
	for (int i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return commands[i].main(argc - 1, argv + 1);
	if (*name)
		err_set(&err, 0, "unknown command '%s' (see cloison help)",
			name);
	else
		err_set(&err, 0, "a command is missing (see cloison help)");
	return fail(&err);
}
