/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The SPANK plugin: callbacks that hand over to glue.c. What may happen where
 * is spank(8)'s: a failure in an early remote hook would drain the node, so
 * whatever a user can cause is told in task_init_privileged, and fails in
 * task_init, as -1, which every release of Slurm takes for a failed task. In
 * between slurmstepd moves the task through its cgroups: one that ends then
 * may leave them behind.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "cutoff.h"
#include "glue.h"
#include "release.h"

static struct glue glue = { .self = NS_SELF_INIT };

#pragma GCC visibility push(default)
SPANK_PLUGIN(cloison, 1)
RELEASE_FAILURE_MODE
#pragma GCC visibility pop

static int take_option(int val, const char *arg, int remote)
{
	enum option_id id = (enum option_id)val;
	struct err err;

	/* The daemon's side gets its text from the job's environment. */
	if (arg && !strcmp(arg, "(null)"))
		arg = NULL;
	if (!remote && glue_try(id, arg, &err)) {
		slurm_error("cloison: %s", err.text);
		return -1;
	}
	if (!remote && glue.text[id] && arg && strcmp(glue.text[id], arg) != 0)
		slurm_info("cloison: --cell%s%s was given before (or by "
			   "sbatch); '%s' counts",
			   id == OPT_PROFILE ? "" : "-",
			   id == OPT_PROFILE ? "" : option_table[id].name, arg);
	glue_option(&glue, id, arg);
	return 0;
}

/*
 * Options that were lost on their way to the batch step, which would then run
 * in no cell. The job's control environment still has them.
 */
static void recover_options(spank_t spank)
{
	char name[96], value[4096];

	for (int i = 0; i < OPTIONS; i++) {
		if (glue.text[i] || (i != OPT_PROFILE &&
				     !(option_table[i].where & OPTION_SPANK)))
			continue;
		snprintf(name, sizeof(name),
			 "SLURM_SPANK__SLURM_SPANK_OPTION_cloison_cell%s%s",
			 i == OPT_PROFILE ? "" : "_",
			 i == OPT_PROFILE ? "" : option_table[i].name);
		for (char *p = name; *p; p++)
			if (*p == '-')
				*p = '_';
		if (spank_getenv(spank, name, value, sizeof(value)) ==
		    ESPANK_SUCCESS)
			take_option(i, value, 1);
	}
}

/* Whether `name`, of the environment, ends in one of our options' names. */
static bool names_ours(const char *name, size_t len)
{
	for (int i = 0; i < OPTIONS; i++) {
		char ours[48];
		size_t n;

		if (i != OPT_PROFILE && !(option_table[i].where & OPTION_SPANK))
			continue;
		n = (size_t)snprintf(ours, sizeof(ours), "_cell%s%s",
				     i == OPT_PROFILE ? "" : "_",
				     i == OPT_PROFILE ? ""
						      : option_table[i].name);
		for (char *p = ours; *p; p++)
			if (*p == '-')
				*p = '_';
		if (len > n && !strncmp(name + len - n, ours, n))
			return true;
	}
	return false;
}

/*
 * Of two plugins with an option of one name, the first in plugstack.conf has
 * it, and Slurm tells the other nothing. The user has asked for a cell, and is
 * not to go without unawares.
 */
static void find_taken(spank_t spank)
{
	static const char prefix[] = "_SLURM_SPANK_OPTION_",
			  own[] = "cloison_cell";
	struct err err;
	char **env;

	if (spank_get_item(spank, S_JOB_ENV, &env) != ESPANK_SUCCESS)
		return;
	for (; *env; env++) {
		const char *name = *env + strlen(prefix);

		if (strncmp(*env, prefix, strlen(prefix)) != 0 ||
		    !strncmp(name, own, strlen(own)) ||
		    !names_ours(name, strcspn(name, "=")))
			continue;
		err_set(&err, 0,
			"another plugin has an option of the same name (%.*s): "
			"plugstack.conf has to have cloison first",
			(int)strcspn(name, "="), name);
		glue_refuse(&glue, &err);
	}
}

static int register_option(spank_t spank, enum option_id id)
{
	const struct option_row *row = &option_table[id];
	char name[40], usage[120];
	struct spank_option o = {
		.name = name,
		.arginfo = (char *)row->arg,
		.usage = usage,
		.has_arg = id == OPT_PROFILE ? 2 : row->arg != NULL,
		.val = (int)id,
		.cb = take_option,
	};

	if (id == OPT_PROFILE) {
		snprintf(name, sizeof(name), "cell");
		snprintf(usage, sizeof(usage),
			 "run each step in a cell, by a profile of the site");
	} else {
		snprintf(name, sizeof(name), "cell-%s", row->name);
		snprintf(usage, sizeof(usage), "%s", row->help);
	}
	return spank_option_register(spank, &o);
}

static int register_options(spank_t spank)
{
	for (int i = 0; i < OPTIONS; i++)
		if ((i == OPT_PROFILE ||
		     (option_table[i].where & OPTION_SPANK)) &&
		    register_option(spank, (enum option_id)i) != ESPANK_SUCCESS)
			slurm_error("cloison: option --cell-%s cannot be "
				    "registered",
				    option_table[i].name);
	return 0;
}

/* Once for each node: no task in it goes without a cell unsaid. */
static void tell_bypassed(spank_t spank)
{
	int task = 0;

	if (spank_get_item(spank, S_TASK_ID, &task) || !task)
		slurm_error("cloison: %s; this step runs in no cell "
			    "(on-config-error=bypass)",
			    glue.err.text);
}

#pragma GCC visibility push(default)

int slurm_spank_init(spank_t spank, int ac, char *argv[])
{
	/* Whether anybody wants to know is not known yet. */
	int64_t start = trace_now();
	struct err err;
	int r;

	arguments_keep(&glue.arguments, ac, argv, &glue.pool);
	if (spank_context() != S_CTX_SLURMD) {
		if (spank_context() == S_CTX_REMOTE)
			find_taken(spank);
		r = register_options(spank);
		glue.init_us = trace_now() - start;
		return r;
	}
	/* At its start and, from 23.11 on, at scontrol reconfigure. */
	if (glue_check_site(&glue, &err))
		slurm_error("cloison: %s (steps that are to have a cell will "
			    "not be run as they should until this is mended)",
			    err.text);
	return 0;
}

int slurm_spank_init_post_opt(spank_t spank, int ac, char *argv[])
{
	struct err err;

	(void)ac;
	(void)argv;
	if (spank_remote(spank) != 1) {
		if (!cutoff_check(&err) &&
		    !glue_component(&glue, spank_context() == S_CTX_LOCAL,
				    &err))
			return 0;
		slurm_error("cloison: %s", err.text);
		return -1;
	}
	if (RELEASE_LOSES_OPTIONS)
		recover_options(spank);
	glue_trace(&glue);
	TRACE(glue.trace, TRACE_INIT_POST_OPT);
	if (glue_concerned(&glue, spank))
		glue_prepare(&glue, spank);
	else
		glue.asked = false;
	return 0;
}

int slurm_spank_user_init(spank_t spank, int ac, char *argv[])
{
	(void)ac;
	(void)argv;
	TRACE(glue.trace, TRACE_USER_INIT);
	if (glue.asked)
		glue_plan(&glue, spank);
	return 0;
}

int slurm_spank_task_init_privileged(spank_t spank, int ac, char *argv[])
{
	struct err err;

	(void)ac;
	(void)argv;
	TRACE(glue.trace, TRACE_PRIVILEGED);
	if (glue.bypassed)
		tell_bypassed(spank);
	glue.refused = glue.asked && glue_join(&glue, &err);
	if (glue.refused)
		slurm_error("cloison: %s", err.text);
	return 0;
}

int slurm_spank_task_init(spank_t spank, int ac, char *argv[])
{
	struct err err;

	(void)ac;
	(void)argv;
	TRACE(glue.trace, TRACE_TASK_INIT);
	if (glue.refused)
		return -1;
	if (!glue.asked || !glue_enter(&glue, spank, &err))
		return 0;
	slurm_error("cloison: %s", err.text);
	return -1;
}

int slurm_spank_task_exit(spank_t spank, int ac, char *argv[])
{
	struct err list[CELL_COMPLAINTS];
	int64_t since;
	uint32_t rank;
	int status;
	size_t n;

	(void)ac;
	(void)argv;
	if (!glue.asked || spank_get_item(spank, S_TASK_EXIT_STATUS, &status) ||
	    spank_get_item(spank, S_TASK_GLOBAL_ID, &rank))
		return 0;
	since = trace_now();
	glue_task_ended(&glue, rank, status);
	n = glue_complaints(&glue, list);
	for (size_t i = 0; i < n; i++)
		slurm_error("cloison: %s", list[i].text);
	trace_add(glue.trace, TRACE_TASK_EXIT, trace_now() - since);
	/* Later nothing reaches the user. */
	if (glue.ended == glue.job.tasks)
		trace_print(glue.trace, TRACE_INIT);
	return 0;
}

int slurm_spank_exit(spank_t spank, int ac, char *argv[])
{
	struct err err;
	int64_t since;

	(void)ac;
	(void)argv;
	if (spank_remote(spank) != 1 || !glue.asked)
		return 0;
	since = trace_now();
	if (glue_finish(&glue, &err))
		slurm_error("cloison: %s", err.text);
	trace_add(glue.trace, TRACE_EXIT, trace_now() - since);
	trace_print(glue.trace, TRACE_EXIT);
	return 0;
}

#pragma GCC visibility pop
