/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>

#include "plan/policy.h"
#include "topo/topo.h"

const char *const policy_scratch[] = { "/tmp", "/var/tmp", "/dev/shm", NULL };

bool policy_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	if (!strcmp(dir, "/"))
		return true;
	return !strncmp(path, dir, len) && (!path[len] || path[len] == '/');
}

/*
 * The wrapper runs with the rights of whoever calls it: where no admin has
 * said anything there is nobody to protect from him.
 */
static bool ungoverned(const struct site *site, const struct job *job)
{
	return job->front == JOB_WRAPPER && !site->given;
}

static bool may_loosen(const struct site *site, const struct job *job,
		       enum option_id id)
{
	return ungoverned(site, job) || site->loosen[id];
}

static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = list; *p;) {
		size_t n = strcspn(p, " \t,");

		if (n == len && !memcmp(p, word, n))
			return true;
		p += n + strspn(p + n, " \t,");
	}
	return false;
}

int policy_default(const struct site *site, const struct job *job,
		   const char **ret, struct err *err)
{
	const struct site_partition *in = site_partition(site, job->partition);
	const char **p;

	if (job->front == JOB_SLURM && site->n_partitions && !job->partition)
		return err_set(
			err, 0,
			"slurmd was not told the partition of the job, "
			"which says the profile (site file: partitions; "
			"plugstack.conf: spank_cloison_job.so; slurm.conf: PrologFlags=Alloc)");
	*ret = job->unasked ? site->implied : site->default_profile;
	if (!in)
		return 0;
	/* Who asks for a cell does not mean none. */
	for (p = in->profile; !job->unasked && *p; p++)
		if (strcmp(*p, SITE_NO_CELL) != 0)
			break;
	if (*p)
		*ret = *p;
	return 0;
}

static bool offered(const struct site *site, const struct job *job,
		    const char *profile)
{
	const struct site_partition *in = site_partition(site, job->partition);
	const struct site_profile *p = site_find(site, profile);

	/* As if nobody had asked. */
	if (ungoverned(site, job) || (!p && !site->implied))
		return true;
	if (in) {
		const char **q = in->profile;

		while (*q && strcmp(*q, profile) != 0)
			q++;
		return *q;
	}
	if (!strcmp(profile, site->default_profile) ||
	    (site->implied && !strcmp(profile, site->implied)))
		return true;
	if (site->profiles)
		return has_word(site->profiles, profile);
	return p && !site->implied &&
	       (!p->built_in || strcmp(profile, "open") != 0);
}

int policy_profile(const struct site *site, const struct job *job,
		   const char *profile, struct err *err)
{
	bool none = !strcmp(profile, SITE_NO_CELL);
	const char *in =
		site_partition(site, job->partition) ? job->partition : NULL;

	if (!site_find(site, profile) && !(none && job->front == JOB_SLURM))
		return err_set(err, 0, "profile '%s' does not exist", profile);
	if (offered(site, job, profile))
		return 0;
	return err_set(err, 0,
		       "%s%s%s is not for users %s%s (site file: %s = ...)",
		       none ? "to go without a cell ('" : "profile '", profile,
		       none ? "')" : "'", in ? "in partition " : "here",
		       in ? in : "", in ? "partitions" : "profiles");
}

/* Is the host's `path`, and all below it, writable with the profile alone? */
static bool base_writable(const struct options *base, const char *path)
{
	bool writable = true;

	for (size_t i = 0; i < base->n_mounts; i++) {
		const struct option_mount *m = &base->mount[i];
		bool rw = m->id == OPT_RW && !strcmp(m->src, m->dst);

		if (policy_below(path, m->dst))
			writable = rw;
		else if (policy_below(m->dst, path))
			writable = writable && rw;
	}
	return writable;
}

static bool related(const char *a, const char *b)
{
	return policy_below(a, b) || policy_below(b, a);
}

/*
 * Does a line of the profile from `first` on show `path`? "ro /" shows
 * nothing that it did not find, and what lies around a directory that is
 * private for other reasons is covered by it.
 */
static bool base_shows(const struct options *base, size_t first,
		       const char *path, const char *private)
{
	for (size_t i = first; i < base->n_mounts; i++) {
		const struct option_mount *m = &base->mount[i];

		if (m->id <= OPT_RW && strcmp(m->dst, "/") != 0 &&
		    policy_below(path, m->src) &&
		    (!private || policy_below(m->src, private)))
			return true;
	}
	return false;
}

/* What the cell has of its own in place of the host's. */
static bool base_private(const struct options *base, const char *path)
{
	const struct option_value *v = base->value;
	bool scratch = v[OPT_SCRATCH].set;
	const struct {
		const char *dir;
		bool own;
	} dirs[] = {
		{ "/proc", v[OPT_PID].set && v[OPT_PID].num == WORD_NEW },
		{ "/dev", v[OPT_DEV].set && v[OPT_DEV].num == DEV_PRIVATE },
	};

	for (size_t i = 0; scratch && policy_scratch[i]; i++)
		if (related(path, policy_scratch[i]) &&
		    !base_shows(base, 0, path, policy_scratch[i]))
			return true;
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (dirs[i].own && related(path, dirs[i].dir) &&
		    !base_shows(base, 0, path, dirs[i].dir))
			return true;
	return false;
}

/* Would showing the host's `path` bring back what the profile hides? */
static bool base_hides(const struct options *base, const char *path)
{
	for (size_t i = 0; i < base->n_mounts; i++) {
		const struct option_mount *m = &base->mount[i];
		bool covers = m->id == OPT_HIDE || m->id == OPT_TMPFS ||
			      (m->id <= OPT_RW && strcmp(m->src, m->dst) != 0);

		/* What a later line of the profile shows again is no secret. */
		if (covers && related(path, m->dst) &&
		    !base_shows(base, i + 1, path, NULL))
			return true;
	}
	return base_private(base, path);
}

static int check_source(const struct options *base, const char *src,
			const char *origin, const struct site *site,
			const struct job *job, struct err *err)
{
	if (!base_hides(base, src) || may_loosen(site, job, OPT_HIDE))
		return 0;
	return err_set(err, 0,
		       "%s: %s is hidden by the profile (site file: loosen = "
		       "hide)",
		       origin, src);
}

static int check_mount(const struct options *base, const struct option_mount *m,
		       const struct site *site, const struct job *job,
		       struct err *err)
{
	bool takes_source =
		m->id == OPT_RO || m->id == OPT_RW || m->id == OPT_OVERLAY;
	const char *written;

	if (m->id == OPT_RO && !strcmp(m->src, m->dst) && !strcmp(m->src, "/"))
		return 0;
	if (takes_source &&
	    check_source(base, m->src, m->origin, site, job, err))
		return -1;
	/* What an overlay leaves behind is written there. */
	if (m->dir && check_source(base, m->dir, m->origin, site, job, err))
		return -1;
	written = m->id == OPT_RW ? m->src : m->dir;
	if (!written || base_writable(base, written) ||
	    may_loosen(site, job, OPT_RW))
		return 0;
	for (size_t i = 0; i < site->n_loosen_rw; i++)
		if (policy_below(written, site->loosen_rw[i]))
			return 0;
	return err_set(err, 0,
		       "%s: %s is read-only by the profile (site file: "
		       "loosen-rw = DIR ...)",
		       m->origin, written);
}

/* A device that the profile does not show itself, by the same pattern. */
static int check_device(const struct options *base,
			const struct option_device *d, const struct site *site,
			const struct job *job, struct err *err)
{
	const struct option_value *v = &base->value[OPT_DEV];

	if (!v->set || v->num != DEV_PRIVATE || may_loosen(site, job, OPT_DEV))
		return 0;
	for (size_t i = 0; i < base->n_devices; i++)
		if (!strcmp(base->device[i].glob, d->glob))
			return 0;
	return err_set(err, 0,
		       "%s: '%s' is not among the profile's devices (site "
		       "file: loosen = dev)",
		       d->origin, d->glob);
}

/* Both have been read before. */
static bool has_more(const char *list, const char *than)
{
	struct pool pool = { 0 };
	const char *more;
	struct err err;
	bool ret;

	ret = topo_without(list, than, &pool, &more, &err) || *more;
	pool_free(&pool);
	return ret;
}

static bool looser(const struct option_row *row,
		   const struct option_value *base,
		   const struct option_value *wish)
{
	switch (row->policy) {
	case POLICY_LESS:
		/* Percentages and sizes cannot be compared without a host. */
		return base->set && (base->percent == wish->percent) &&
		       wish->num > base->num;
	case POLICY_SAME:
		return base->set && strcmp(base->text, wish->text) != 0;
	case POLICY_SUBSET:
		return base->set && has_more(wish->text, base->text);
	case POLICY_ORDER:
		return base->set ? wish->num > base->num : false;
	default:
		return false;
	}
}

static bool same_link(const struct net_link *a, const struct net_link *b)
{
	return a->kind == b->kind && !strcmp(a->parent, b->parent);
}

/*
 * An interface on one of the host's is the site's to give, whatever the
 * profile is; so is an address. What one and the same line of the profile
 * gives needs no leave.
 */
static int check_net(const struct option_value *base,
		     const struct option_value *wish, const struct site *site,
		     const struct job *job, struct err *err)
{
	bool listed = false;

	if (!wish->set || wish->num != NET_LINK || ungoverned(site, job) ||
	    (base->set && !strcmp(base->text, wish->text)))
		return 0;
	for (size_t i = 0; i < site->n_nets; i++)
		listed = listed || same_link(&site->net[i], &wish->net->link);
	if (!listed)
		return err_set(err, 0,
			       "%s: '%s' is not for users here (site file: "
			       "nets = %s:%s)",
			       wish->origin, wish->text,
			       link_table[wish->net->link.kind].name,
			       wish->net->link.parent);
	if (wish->net->details && !may_loosen(site, job, OPT_NET))
		return err_set(err, 0,
			       "%s: addr, gw, mode and mtu are not for users "
			       "here (site file: loosen = net)",
			       wish->origin);
	return 0;
}

/* A profile's choice would keep the ranks of an MPI program apart. */
static int check_nodes(const struct option_value *base,
		       const struct option_value *wish, const struct job *job,
		       struct err *err)
{
	if (job->nodes < 2 || wish->set || !base->set || base->num == NET_HOST)
		return 0;
	return err_set(err, 0,
		       "net=%s, from %s, keeps tasks from each other that run "
		       "on %u nodes: ask for it (--cell-net=%s) or for another",
		       base->text, base->origin, job->nodes, base->text);
}

/*
 * What ties the tasks of a step together, by Slurm's name for it. The server
 * of PMIx, in slurmstepd, listens at the host's loopback; PMI-2 comes as a
 * descriptor, but what ranks on several nodes then say to each other does not.
 */
static const struct {
	const char *mpi;
	unsigned nodes; /* from which on a network is needed */
	bool host;      /* the host's, not just any */
} wiring[] = {
	{ "pmix", 1, true }, /* pmix_v4 as well */
	{ "pmi2", 2, false },
};

/* Its ranks would only find out one by one, each in its library's words. */
static int check_mpi(const struct option_value *net, const struct job *job,
		     struct err *err)
{
	if (!job->mpi || job->all_tasks < 2 || !net->set ||
	    net->num == NET_HOST)
		return 0;
	for (size_t i = 0; i < sizeof(wiring) / sizeof(wiring[0]); i++)
		if (!strncmp(job->mpi, wiring[i].mpi, strlen(wiring[i].mpi)) &&
		    job->nodes >= wiring[i].nodes &&
		    (net->num == NET_NONE || wiring[i].host))
			return err_set(
				err, 0,
				"net=%s, from %s: an MPI program of %u tasks "
				"(--mpi=%s) needs the network of %s: ask for "
				"--cell-net=host, or for --mpi=none if it is "
				"not one",
				net->text, net->origin, job->all_tasks,
				wiring[i].mpi,
				job->nodes > 1 ? "the hosts" : "the host");
	return 0;
}

/* Scratch lies where the profile or the site says, whoever asks. */
static int check_scratch(const struct option_value *base,
			 const struct option_value *wish,
			 const struct site *site, const struct job *job,
			 struct err *err)
{
	if (!wish->dir || ungoverned(site, job) ||
	    (base->dir && !strcmp(wish->dir, base->dir)))
		return 0;
	for (size_t i = 0; i < site->n_scratch_dirs; i++)
		if (!strcmp(wish->dir, site->scratch_dirs[i]))
			return 0;
	return err_set(err, 0,
		       "%s: %s is not for scratch (site file: scratch-dirs = "
		       "DIR ...)",
		       wish->origin, wish->dir);
}

/* Memory that a profile limits has no swap beside it, see build_limits. */
static int check_swap(const struct options *base, const struct options *wish,
		      const struct site *site, const struct job *job,
		      struct err *err)
{
	const struct option_value *w = &wish->value[OPT_SWAP];

	if (!w->set || !w->num || base->value[OPT_SWAP].set ||
	    !base->value[OPT_MEMORY].set || base->value[OPT_MEMORY].by_queue ||
	    job->front == JOB_SLURM || may_loosen(site, job, OPT_SWAP))
		return 0;
	return err_set(err, 0,
		       "%s: the profile limits memory, and swap with it (site "
		       "file: loosen = swap)",
		       w->origin);
}

int policy_check(const struct options *base, const struct options *wish,
		 const struct site *site, const struct job *job,
		 struct err *err)
{
	const struct option_value *root = &wish->value[OPT_ROOTFS];
	const struct option_value *net = &wish->value[OPT_NET];

	for (int i = 0; i < OPTIONS; i++) {
		const struct option_value *w = &wish->value[i];
		const struct option_value *b = &base->value[i];

		if (!w->set || !looser(&option_table[i], b, w) ||
		    may_loosen(site, job, (enum option_id)i))
			continue;
		return err_set(err, 0,
			       "%s: '%s' is looser than the profile's '%s' "
			       "(site file: loosen = %s)",
			       w->origin, w->text, b->text,
			       option_table[i].name);
	}
	if (check_scratch(&base->value[OPT_SCRATCH], &wish->value[OPT_SCRATCH],
			  site, job, err))
		return -1;
	if (check_swap(base, wish, site, job, err))
		return -1;
	if (root->set &&
	    check_source(base, root->text, root->origin, site, job, err))
		return -1;
	if (check_net(&base->value[OPT_NET], net, site, job, err) ||
	    check_nodes(&base->value[OPT_NET], net, job, err) ||
	    check_mpi(net->set ? net : &base->value[OPT_NET], job, err))
		return -1;
	for (size_t i = 0; i < wish->n_mounts; i++)
		if (check_mount(base, &wish->mount[i], site, job, err))
			return -1;
	for (size_t i = 0; i < wish->n_devices; i++)
		if (check_device(base, &wish->device[i], site, job, err))
			return -1;
	return 0;
}
