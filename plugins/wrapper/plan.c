/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdio.h>

#include "wrapper.h"

static int print(struct request *r, struct err *err)
{
	const char *text = NULL;

	if (!r->json)
		text = plan_text(&r->plan, &r->pool);
	else if (plan_json(&r->plan, &r->pool, &text, err))
		return -1;
	if (fputs(text, stdout) < 0 || (r->json && putchar('\n') < 0) ||
	    fflush(stdout))
		return err_set(err, 0, "cannot write to standard output");
	return 0;
}

int plan_main(int argc, char *argv[])
{
	struct request r;
	struct err err;
	int status = 0;

	if (request_read(argc, argv, true, &r, &err) ||
	    (!r.help && print(&r, &err)))
		status = fail(&err);
	else if (r.help)
		usage_options(
			"plan [--json] [--topology=SOURCE] [OPTIONS] [-- COMMAND ...]");
	request_free(&r);
	return status;
}
