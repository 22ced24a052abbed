/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "cg/cg.h"
#include "run/cputime.h"

/* utime, stime, cutime and cstime of proc_pid_stat(5), in ticks. */
static uint64_t ticks_of(const char *stat)
{
	/* The command before that may have any character in it. */
	const char *p = strrchr(stat, ')');
	uint64_t sum = 0;

	/* Field 3 is what follows. */
	for (int field = 3; p && field <= 17; field++) {
		p = strchr(p + 1, ' ');
		if (p && field >= 14)
			sum += strtoull(p + 1, NULL, 10);
	}
	return sum;
}

static uint64_t process(int proc, const char *pid)
{
	char path[32], text[1024];

	snprintf(path, sizeof(path), "%.16s/stat", pid);
	if (fd_read_file(proc, path, text, sizeof(text)) < 0)
		return 0;
	return ticks_of(text);
}

/* Without readdir(3), which allocates. */
static int64_t by_proc(int proc)
{
	_Alignas(struct dirent64) char buf[4096];
	uint64_t ticks = 0;
	ssize_t n;

	if (lseek(proc, 0, SEEK_SET) < 0)
		return -1;
	while ((n = getdents64(proc, buf, sizeof(buf))) > 0)
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *d = (const void *)(buf + at);

			if (isdigit((unsigned char)d->d_name[0]))
				ticks += process(proc, d->d_name);
			at += d->d_reclen;
		}
	return n < 0 ? -1
		     : (int64_t)(ticks *
				 (1000000 / (uint64_t)sysconf(_SC_CLK_TCK)));
}

static int64_t total(const struct cputime *c)
{
	return c->stat >= 0 ? cg_cpu_read(c->stat) : by_proc(c->proc);
}

int cputime_open(struct cputime *c, int stat, struct err *err)
{
	*c = (struct cputime){ .stat = stat, .proc = -1 };
	if (stat < 0)
		c->proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (stat < 0 && c->proc < 0)
		return err_set(err, errno, "open /proc to count CPU time");
	c->base = total(c);
	return c->base < 0 ? err_set(err, errno, "read the CPU time used") : 0;
}

int64_t cputime_read(const struct cputime *c)
{
	int64_t now = total(c);

	return now < 0 ? -1 : now - c->base;
}
