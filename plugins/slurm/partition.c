/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <slurm/slurm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "partition.h"

#define RUN      "/run/cloison"
#define DIR_NAME "partitions"

/* Of a job's number. */
enum {
	NAME = 16
};

static int open_dir(void)
{
	return open(RUN "/" DIR_NAME,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int make_dir(struct err *err)
{
	int fd;

	if ((mkdir(RUN, 0755) && errno != EEXIST) ||
	    (mkdir(RUN "/" DIR_NAME, 0700) && errno != EEXIST))
		return err_set(err, errno, "make %s", RUN "/" DIR_NAME);
	fd = open_dir();
	return fd < 0 ? err_set(err, errno, "%s", RUN "/" DIR_NAME) : fd;
}

/*
 * Without PrologFlags=Alloc a release before 23.11 runs the prolog with what
 * srun's message says.
 */
static bool from_slurmctld(void)
{
	const slurm_conf_t *conf = dlsym(RTLD_DEFAULT, "slurm_conf");

	return conf && (conf->prolog_flags & PROLOG_FLAG_ALLOC);
}

int partition_note(uint32_t job, struct err *err)
{
	const char *partition = getenv("SLURM_JOB_PARTITION");
	cleanup_fd int dir = -1, fd = -1;
	char name[NAME];

	/* Of an earlier job with this number, or before a requeue. */
	partition_forget(job);
	if (!partition || !*partition || !from_slurmctld())
		return 0;
	dir = make_dir(err);
	if (dir < 0)
		return -1;
	snprintf(name, sizeof(name), "%u", job);
	fd = fd_unnamed(dir, 0600);
	if (fd < 0 || fd_write_all(fd, partition, strlen(partition)) ||
	    fd_name(fd, dir, name))
		return err_set(err, errno, "%s/%s", RUN "/" DIR_NAME, name);
	return 0;
}

const char *partition_read(uint32_t job, struct pool *pool)
{
	cleanup_fd int dir = open_dir();
	char name[NAME], text[256];

	snprintf(name, sizeof(name), "%u", job);
	if (dir < 0 || fd_read_file(dir, name, text, sizeof(text)) <= 0)
		return NULL;
	return pool_strdup(pool, text);
}

void partition_forget(uint32_t job)
{
	cleanup_fd int dir = open_dir();
	char name[NAME];

	snprintf(name, sizeof(name), "%u", job);
	if (dir >= 0)
		unlinkat(dir, name, 0);
}
