/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PLAN_SITE_H
#define PLAN_SITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/pool.h"
#include "plan/option.h"

#define SITE_FILE SYSCONFDIR "/cloison/cloison.conf"

/* One line of a profile: an option with its value, not yet expanded. */
struct site_row {
	const char *key, *value;
	const char *origin;
};

struct site_profile {
	const char *name;
	const char *base; /* profile whose rows come first, or NULL */
	struct site_row *row;
	size_t n_rows;
	bool built_in;
};

/* What jobs of a partition get, by name; the first without asking. */
struct site_partition {
	const char *name;
	const char **profile; /* NULL-terminated */
};

/* Stands where a profile does for a step that runs in no cell. */
#define SITE_NO_CELL "none"

/* What the admin decided: site file, conf.d, plugstack.conf arguments. */
struct site {
	struct pool pool;
	bool given; /* something was decided, not only built in */
	struct site_profile *profile;
	size_t n_profiles;
	const char *default_profile;
	bool default_given;   /* by default-profile */
	const char *profiles; /* that users may choose, blank-separated */
	/* Slurm: the profile of steps that ask for nothing; NULL: no cell. */
	const char *implied;
	struct site_partition *partition; /* Slurm */
	size_t n_partitions;
	bool loosen[OPTIONS]; /* what users may loosen */
	bool loosen_set;
	const char **loosen_rw; /* directories that users may get writable */
	size_t n_loosen_rw;
	const char **rootfs_trust; /* directories whose images are trusted */
	size_t n_rootfs_trust;
	struct net_link *net; /* that users may have */
	size_t n_nets;
	struct net_pool *net_pool; /* addresses for cells */
	size_t n_net_pools;
	const char *net_hook;      /* program for each interface, or NULL */
	const char **scratch_dirs; /* that users may have scratch in */
	size_t n_scratch_dirs;
	uint32_t first_project, last_project; /* for its quotas */
	const char *spool;                    /* of root's records */
	uint64_t spool_max, spool_max_user;   /* bytes; 0: any */
	bool spool_unsynced;                  /* cells do not wait for disks */
	bool share_cores;          /* cells get cores that others have */
	const char *cgroup_parent; /* delegated for cells, by cgroup path */
	const char *cgroup_jobs;   /* for those of jobs, which root makes */
};

/* The built-in profiles and nothing else. */
void site_init(struct site *ret);

/*
 * Read the text of a site file (cloison.conf(5)). An unknown section or key
 * or a bad value is an error that names `name` and the line. Loads libinih.
 */
int site_parse(struct site *site, const char *text, const char *name,
	       struct err *err);

/* One "key=value" from plugstack.conf; "PROFILE.key=value" for a profile. */
int site_argument(struct site *site, const char *argument, struct err *err);

/*
 * "default=PROFILE" from plugstack.conf: steps that ask for nothing get a cell
 * by it, and so do those that ask for one without a profile, unless the site
 * says more about them.
 */
int site_imply(struct site *site, const char *profile, struct err *err);

/*
 * What can only be seen when all is in: profiles that are named exist, and
 * their bases do not go round. `name` is for the message.
 */
int site_check(const struct site *site, const char *name, struct err *err);

/*
 * Read `path`, or SITE_FILE with conf.d beside it when NULL (no error where
 * that is missing). Files are believed only when they are root's and nobody
 * else may write them.
 */
int site_load(struct site *site, const char *path, struct err *err);

/* NULL where the site has nothing to say about it; `name` may be NULL. */
const struct site_partition *site_partition(const struct site *site,
					    const char *name);

const struct site_profile *site_find(const struct site *site, const char *name);

void site_free(struct site *site);

#endif
