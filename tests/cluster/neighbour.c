/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A SPANK plugin like those that sites have beside cloison's. Its arguments in
 * plugstack.conf are HOOK=DEED: init, user (init), root
 * (task_init_privileged) or task (task_init); the deeds are in the table.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <slurm/spank.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

SPANK_PLUGIN(neighbour, 1)

static void *sleeper(void *arg)
{
	pause();
	return arg;
}

static void start_thread(void)
{
	pthread_t t;

	pthread_create(&t, NULL, sleeper, NULL);
}

static int thread(spank_t spank)
{
	(void)spank;
	start_thread();
	return 0;
}

/* As libraries do that keep a helper thread in every process. */
static int atfork(spank_t spank)
{
	(void)spank;
	return pthread_atfork(NULL, NULL, start_thread);
}

static int env(spank_t spank)
{
	return spank_setenv(spank, "NEIGHBOUR", "was here", 1);
}

static int fail(spank_t spank)
{
	(void)spank;
	slurm_error("neighbour: no");
	return -1;
}

/* A tree of the task's own, with something in it (private-tmpdir and such). */
static int mount_ns(spank_t spank)
{
	(void)spank;
	if (unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) ||
	    mount("neighbour", "/mnt", "tmpfs", 0, NULL) ||
	    mkdir("/mnt/neighbour", 0755))
		return fail(spank);
	return 0;
}

/* A tree that somebody else keeps, as a container's is. */
static int join(spank_t spank)
{
	int fd = open("/run/neighbour", O_RDONLY | O_CLOEXEC);

	return fd < 0 || setns(fd, CLONE_NEWNS) ? fail(spank) : 0;
}

/* The same without root's rights, as rootless containers do it. */
static int user_ns(spank_t spank)
{
	return unshare(CLONE_NEWUSER | CLONE_NEWNS) ? fail(spank) : 0;
}

static int net_ns(spank_t spank)
{
	return unshare(CLONE_NEWNET) ? fail(spank) : 0;
}

/* Whether this is in the job's own /tmp, where the test has put a file. */
static int where(spank_t spank)
{
	return spank_setenv(spank, "NEIGHBOUR",
			    access("/tmp/of-job", F_OK) ? "outside" : "inside",
			    1);
}

static int took(int val, const char *arg, int remote)
{
	(void)val;
	(void)arg;
	(void)remote;
	return 0;
}

static int option(spank_t spank)
{
	struct spank_option o = { "cell", "THING", "have a cell of mine",
				  2,      0,       took };

	return spank_option_register(spank, &o);
}

static const struct {
	const char *name;
	int (*fn)(spank_t spank);
} deeds[] = {
	{ "thread", thread },   { "atfork", atfork },     { "env", env },
	{ "fail", fail },       { "mount-ns", mount_ns }, { "join", join },
	{ "user-ns", user_ns }, { "net-ns", net_ns },     { "option", option },
	{ "where", where },
};

static int hook(spank_t spank, const char *name, int ac, char *argv[])
{
	size_t len = strlen(name);

	for (int i = 0; i < ac; i++)
		for (size_t j = 0; j < sizeof(deeds) / sizeof(deeds[0]); j++)
			if (!strncmp(argv[i], name, len) &&
			    argv[i][len] == '=' &&
			    !strcmp(argv[i] + len + 1, deeds[j].name) &&
			    deeds[j].fn(spank))
				return -1;
	return 0;
}

int slurm_spank_init(spank_t spank, int ac, char *argv[])
{
	if (hook(spank, "anywhere", ac, argv))
		return -1;
	return spank_context() == S_CTX_REMOTE ? hook(spank, "init", ac, argv)
					       : 0;
}

int slurm_spank_user_init(spank_t spank, int ac, char *argv[])
{
	return hook(spank, "user", ac, argv);
}

int slurm_spank_task_init_privileged(spank_t spank, int ac, char *argv[])
{
	return hook(spank, "root", ac, argv);
}

int slurm_spank_task_init(spank_t spank, int ac, char *argv[])
{
	return hook(spank, "task", ac, argv);
}
