/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>

#include "glue.h"

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

int glue_component(struct glue *g, bool step, struct err *err)
{
	for (int i = 0; i < OPTIONS; i++) {
		const char *now = g->text[i];

		g->text[i] = NULL;
		if (!g->components)
			g->first[i] = now;
		else if (!same(now, g->first[i]) && (now || step))
			return err_set(
				err, 0,
				"--cell%s%s is not the same for all "
				"components: Slurm gives what one has to %s "
				"(the others can have an srun of their own, "
				"with --het-group)",
				i == OPT_PROFILE ? "" : "-",
				i == OPT_PROFILE ? "" : option_table[i].name,
				step ? "all of the step" : "all steps");
	}
	g->components++;
	return 0;
}
