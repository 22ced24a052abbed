/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/proc.h"
#include "cg/cg.h"
#include "run/cputime.h"

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
			struct proc_stat stat;

			if (isdigit((unsigned char)d->d_name[0]) &&
			    !proc_stat_read(proc, atoi(d->d_name), &stat))
				ticks += stat.cpu;
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
