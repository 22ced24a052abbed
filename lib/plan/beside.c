/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "plan/build.h"

/*
 * Where the scheduler has isolated the job already, the cell is made inside of
 * that. What cannot be made there is refused before anything is.
 */
static int check_container(const struct build *b, const struct plan *plan,
			   struct err *err)
{
	if (!b->job->container || plan->nestable)
		return 0;
	err_set(err, 0,
		"--container: its runtime would make namespaces inside the "
		"cell, for which profile '%s' is not nestable",
		plan->profile);
	return err_hint(err, "leave out --container or %s",
			b->job->unasked ? "ask for --cell=none" : "--cell");
}

/* What the kernel gives to nobody whose rights end at a user namespace. */
static int check_user_ns(const struct build *b, const struct plan *plan,
			 struct err *err)
{
	const struct option_value *v = b->o->value;
	const struct {
		bool wanted;
		enum option_id id;
		const char *what;
	} rows[] = {
		{ plan->link.kind != LINK_NONE, OPT_NET,
		  "an interface of the host's" },
		{ plan->scratch.dir && !plan->scratch.unsized_ok, OPT_SCRATCH,
		  "a size on disk" },
	};

	if (!b->host->privileged || !b->host->in_user_ns)
		return 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].wanted)
			return err_set(err, 0,
				       "%s: %s is not to be had in the user "
				       "namespace that the job is in%s",
				       v[rows[i].id].origin, rows[i].what,
				       b->job->front == JOB_SLURM
					       ? " (namespace.yaml: "
						 "CLONE_NEWUSER)"
					       : "");
	return 0;
}

int build_beside(const struct build *b, const struct plan *plan,
		 struct err *err)
{
	return check_container(b, plan, err) || check_user_ns(b, plan, err) ? -1
									    : 0;
}
