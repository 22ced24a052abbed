/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cutoff.h"

static bool in_cell(void)
{
	cleanup_file FILE *f = fopen("/proc/1/comm", "re");
	char name[32];

	return f && fgets(name, sizeof(name), f) &&
	       !strcmp(name, "cloison-init\n");
}

/* Not by interfaces: modules add tunnels, which are down, to each namespace. */
static size_t count_lines(const char *file, const char *except)
{
	cleanup_file FILE *f = fopen(file, "re");
	char line[256];
	size_t n = 0;

	while (f && fgets(line, sizeof(line), f))
		n += !strstr(line, except);
	return n;
}

static bool has_network(void)
{
	return count_lines("/proc/self/net/route", "Iface\t") ||
	       count_lines("/proc/self/net/if_inet6", " lo\n");
}

int cutoff_check(struct err *err)
{
	if (!in_cell() || has_network())
		return 0;
	return err_set(err, 0,
		       "slurmctld cannot be reached from this cell, which has "
		       "no network (net=none): give the batch script a profile "
		       "with the host's (sbatch --cell=batch), and its steps "
		       "the stricter one (srun --cell=...)");
}
