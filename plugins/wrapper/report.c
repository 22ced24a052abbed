/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <unistd.h>

#include "wrapper.h"

/* Root's records lie where the site says; an argument of the caller's wins. */
static char **arguments(struct site *site, char *program, int argc,
			char *argv[])
{
	char **list =
		pool_alloc(&site->pool, ((size_t)argc + 2) * sizeof(*list));
	int n = 0;

	list[n++] = program;
	if (geteuid() == 0)
		list[n++] = pool_printf(&site->pool, "--spool=%s", site->spool);
	for (int i = 1; i < argc; i++)
		list[n++] = argv[i];
	return list;
}

/* Its own program: the only one that has to load a database. */
int report_main(int argc, char *argv[])
{
	static char program[] = LIBEXECDIR "/cloison/cloison-report";
	struct site site;
	struct err err;

	site_init(&site);
	if (!(geteuid() == 0 && site_load(&site, NULL, &err))) {
		execv(program, arguments(&site, program, argc, argv));
		err_set(&err, errno, "%s", program);
	}
	site_free(&site);
	return fail(&err);
}
