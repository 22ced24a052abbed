/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <limits.h>
#include <string.h>

#include "plan/build.h"
#include "plan/expand.h"
#include "plan/policy.h"

void build_pair(const struct build *b, struct record_pair **list, size_t *n,
		const char *key, const char *value)
{
	struct record_pair *p = pool_push(b->pool, list, n, sizeof(*p));

	p->key = key;
	p->value = value;
}

/*
 * A home or working directory is the user's to choose. It is not shown where
 * that would undo what the profile gives: the read-only tree, the private
 * /tmp, the cell's own /proc, or what is hidden at or below it.
 */
static bool shows_too_much(const struct options *profile, enum option_id id,
			   const char *text, struct pool *pool)
{
	const char *path, *src = text;
	struct err ignored;
	size_t len;

	if (id != OPT_RO && id != OPT_RW && id != OPT_OVERLAY)
		return false;
	for (len = 0; src[len] && src[len] != ':'; len++)
		if (src[len] == '\\' && src[len + 1] == ':')
			len++;
	if (option_path(pool_strndup(pool, src, len), NULL, pool, &path,
			&ignored))
		return false;
	if (!strcmp(path, "/") || policy_below(path, "/proc") ||
	    policy_below(path, "/sys"))
		return true;
	if (policy_below(path, "/dev") && !policy_below(path, "/dev/shm"))
		return true;
	for (size_t i = 0; policy_scratch[i]; i++)
		if (!strcmp(path, policy_scratch[i]))
			return true;
	for (size_t i = 0; i < profile->n_mounts; i++)
		if ((profile->mount[i].id == OPT_HIDE ||
		     profile->mount[i].id == OPT_TMPFS) &&
		    policy_below(profile->mount[i].dst, path))
			return true;
	return false;
}

/* The rows of a profile and, before them, of what it is based on. */
static int profile_options(const struct site *site,
			   const struct site_profile *profile,
			   const struct job *job, size_t depth,
			   struct pool *pool, struct options *ret,
			   struct err *err)
{
	const struct site_profile *base = NULL;

	if (profile->base)
		base = site_find(site, profile->base);
	/* A site file was checked for that; plugstack.conf comes in pieces. */
	if (profile->base && (!base || depth > site->n_profiles))
		return err_set(err, 0, "profile '%s': base '%s' %s",
			       profile->name, profile->base,
			       base ? "leads back to itself"
				    : "does not exist");
	if (base && profile_options(site, base, job, depth + 1, pool, ret, err))
		return -1;
	for (size_t i = 0; i < profile->n_rows; i++) {
		const struct site_row *row = &profile->row[i];
		int id = option_find(row->key, OPTION_SITE);
		const char *text;

		if (expand(row->value, job, pool, &text, err))
			return err_prefix(err, "%s", row->origin);
		if (!text ||
		    (strchr(row->value, '%') &&
		     shows_too_much(ret, (enum option_id)id, text, pool)))
			continue;
		if (option_set(ret, (enum option_id)id, text, row->origin, NULL,
			       pool, err))
			return -1;
	}
	return 0;
}

static int choose_profile(const struct options *wish, const struct site *site,
			  const struct job *job, const char **ret,
			  struct err *err)
{
	const struct option_value *w = &wish->value[OPT_PROFILE];

	if (policy_default(site, job, ret, err))
		return -1;
	if (w->set)
		*ret = w->text;
	if (policy_profile(site, job, *ret, err))
		return w->set ? err_prefix(err, "%s", w->origin) : -1;
	return 0;
}

int plan_wanted(const struct options *wish, const struct site *site,
		const struct job *job, bool *ret, struct err *err)
{
	const char *name;

	if (choose_profile(wish, site, job, &name, err))
		return -1;
	*ret = strcmp(name, SITE_NO_CELL) != 0;
	return 0;
}

static int resolve_profile(const struct options *wish, const struct site *site,
			   const struct job *job, struct pool *pool,
			   const char **ret_name, struct options *ret,
			   struct err *err)
{
	const struct site_profile *profile;

	if (choose_profile(wish, site, job, ret_name, err))
		return -1;
	profile = site_find(site, *ret_name);
	if (!profile)
		return err_set(err, 0, "'%s' is no cell to make a plan of",
			       *ret_name);
	return profile_options(site, profile, job, 0, pool, ret, err);
}

static void default_word(struct options *o, enum option_id id, int word)
{
	if (o->value[id].set)
		return;
	o->value[id] = (struct option_value){
		.set = true,
		.num = (uint64_t)word,
		.text = option_table[id].words[word],
		.origin = "default",
	};
}

/* What a profile leaves open. */
static void set_defaults(struct options *o, const struct job *job,
			 const struct host *host)
{
	default_word(o, OPT_USER, host->privileged ? USER_IDENTITY : USER_SELF);
	default_word(o, OPT_PID, WORD_NEW);
	default_word(o, OPT_IPC, WORD_NEW);
	default_word(o, OPT_UTS, WORD_NEW);
	default_word(o, OPT_CGROUP, WORD_NEW);
	default_word(o, OPT_TIME, WORD_HOST);
	default_word(o, OPT_NET, NET_HOST);
	default_word(o, OPT_DEV, DEV_HOST);
	default_word(o, OPT_HIDEPID, HIDEPID_NO);
	default_word(o, OPT_LIMITS, LIMITS_ENFORCE);
	default_word(o, OPT_OMP_THREADS, OMP_NO);
	default_word(o, OPT_NESTABLE, NESTABLE_NO);
	default_word(o, OPT_SECCOMP, LEVEL_DEFAULT);
	default_word(o, OPT_LANDLOCK, LEVEL_OFF);
	default_word(o, OPT_CPU_UNIT, UNIT_CORE);
	default_word(o, OPT_CPU_POLICY,
		     job->front == JOB_SLURM ? POLICY_INHERIT : POLICY_PACK);
}

/* A share of memory becomes bytes: of the cell's, where it has a limit. */
static void resolve_percent(struct option_value *v, const struct options *o,
			    const struct job *job, const struct host *host)
{
	uint64_t whole = host->memory;

	if (!v->percent)
		return;
	if (job->memory && job->memory < whole)
		whole = job->memory;
	if (o->value[OPT_MEMORY].set && o->value[OPT_MEMORY].num < whole)
		whole = o->value[OPT_MEMORY].num;
	v->num = (uint64_t)((unsigned __int128)whole * v->num / 100);
	if (!v->num)
		v->num = 1;
	v->percent = false;
}

static void merge(const struct options *wish, struct pool *pool,
		  struct options *o)
{
	for (int i = 0; i < OPTIONS; i++)
		if (wish->value[i].set)
			o->value[i] = wish->value[i];
	for (size_t i = 0; i < wish->n_mounts; i++)
		*(struct option_mount *)pool_push(pool, &o->mount, &o->n_mounts,
						  sizeof(*o->mount)) =
			wish->mount[i];
	for (size_t i = 0; i < wish->n_devices; i++)
		*(struct option_device *)pool_push(
			pool, &o->device, &o->n_devices, sizeof(*o->device)) =
			wish->device[i];
	for (size_t i = 0; i < wish->n_parts; i++)
		*(struct option_part *)pool_push(pool, &o->part, &o->n_parts,
						 sizeof(*o->part)) =
			wish->part[i];
	o->tag = wish->tag;
	o->n_tags = wish->n_tags;
}

static int build_ns(const struct build *b, struct plan *plan, struct err *err)
{
	static const enum ns_user users[] = {
		[USER_SELF] = NS_USER_SELF,
		[USER_IDENTITY] = NS_USER_IDENTITY,
		[USER_ROOT] = NS_USER_ROOT,
		[USER_HOST] = NS_USER_HOST,
	};
	static const struct {
		enum ns_kind kind;
		enum option_id id;
		uint64_t make; /* and tighter words */
	} kinds[] = {
		{ NS_PID, OPT_PID, WORD_NEW },
		{ NS_NET, OPT_NET, NET_LINK },
		{ NS_IPC, OPT_IPC, WORD_NEW },
		{ NS_UTS, OPT_UTS, WORD_NEW },
		{ NS_CGROUP, OPT_CGROUP, WORD_NEW },
		{ NS_TIME, OPT_TIME, WORD_NEW },
	};
	const struct option_value *v = b->o->value;
	struct ns_plan *ns = &plan->ns;
	bool time;

	ns->user = users[v[OPT_USER].num];
	ns->uid = b->job->uid;
	ns->gid = b->job->gid;
	ns->make[NS_MNT] = true;
	ns->make[NS_USER] = ns->user != NS_USER_HOST;
	ns->outer_user = !b->host->privileged;
	/* Slurm moves each task into a cgroup of its own, after it has joined.
	 */
	/* Without cgroups of Slurm's, tasks are where init is. */
	ns->cgroup_late = b->job->front == JOB_SLURM && b->job->cgroup;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		ns->make[kinds[i].kind] = v[kinds[i].id].num <= kinds[i].make;
	/* An interface is given to one that init is in already. */
	ns->net_aside = ns->make[NS_NET] && v[OPT_NET].num != NET_LINK;
	if (!b->host->privileged &&
	    (ns->user == NS_USER_IDENTITY || ns->user == NS_USER_HOST))
		return err_set(err, 0,
			       "%s: '%s' needs root; an ordinary user has "
			       "self and root",
			       v[OPT_USER].origin, v[OPT_USER].text);
	if (b->job->front == JOB_SLURM && ns->user != NS_USER_IDENTITY &&
	    ns->user != NS_USER_HOST)
		return err_set(err, 0,
			       "%s: '%s' is not possible in Slurm, where tasks "
			       "join as root (identity or host)",
			       v[OPT_USER].origin, v[OPT_USER].text);
	if (v[OPT_HOSTNAME].set && !ns->make[NS_UTS])
		return err_set(err, 0, "%s: a host name needs uts=new",
			       v[OPT_HOSTNAME].origin);
	ns->hostname = v[OPT_HOSTNAME].text;
	return option_time(v[OPT_TIME].text, &time, ns->offset, err);
}

/* Scratch that is not a tmpfs of the cell's own. */
static int build_scratch(const struct build *b, struct plan *plan,
			 struct err *err)
{
	const struct option_value *v = b->o->value, *s = &v[OPT_SCRATCH];

	if (!s->set)
		return 0;
	plan->mnt.scratch = s->num;
	plan->scratch.origin = s->origin;
	plan->scratch.job = v[OPT_SCRATCH_LIFETIME].num == LIFETIME_JOB &&
			    b->job->front == JOB_SLURM;
	if (plan->scratch.job && !b->job->ends)
		return err_set(err, 0,
			       "%s: this node does not clean up after jobs: "
			       "plugstack.conf has no spank_cloison_job.so",
			       v[OPT_SCRATCH_LIFETIME].origin);
	plan->scratch.dir = s->dir;
	if (!s->dir)
		return 0;
	plan->lasting = true;
	plan->scratch.first = b->site->first_project;
	plan->scratch.last = b->site->last_project;
	plan->scratch.unsized_ok = v[OPT_LIMITS].num != LIMITS_ENFORCE;
	if (!b->host->privileged && !plan->scratch.unsized_ok)
		return err_set(err, 0,
			       "%s: only root can keep a size in %s (leave "
			       "the directory out for scratch in memory, or "
			       "go without a size by limits=try)",
			       s->origin, s->dir);
	/* In the host's own, owners choose their files' projects. */
	if (plan->ns.user == NS_USER_HOST && !plan->scratch.unsized_ok)
		return err_set(err, 0,
			       "%s: a size in %s needs a user namespace (not "
			       "user=host)",
			       s->origin, s->dir);
	return 0;
}

static void build_threads(const struct build *b, struct plan *plan)
{
	if (b->o->value[OPT_OMP_THREADS].num != OMP_YES)
		return;
	plan->omp_threads =
		plan->cpus ? (unsigned)((plan->cpus + 999) / 1000) : UINT_MAX;
}

static void build_env(const struct build *b, struct plan *plan)
{
	/*
	 * From PMIx 5 on what it tells ranks at their start is in files below
	 * /tmp, of which a cell has its own: its server tells them then.
	 */
	if (b->job->mpi && !strncmp(b->job->mpi, "pmix", 4))
		build_pair(b, &plan->env, &plan->n_env, "PMIX_MCA_gds",
			   "^shmem,shmem2");
	if (!plan->mnt.scratch)
		return;
	build_pair(b, &plan->env, &plan->n_env, "CLOISON_SCRATCH", "/tmp");
	build_pair(b, &plan->env, &plan->n_env, "TMPDIR", "/tmp");
}

static void build_record(const struct build *b, struct plan *plan)
{
	for (size_t i = 0; i < b->o->n_tags; i++)
		build_pair(b, &plan->tags, &plan->n_tags, b->o->tag[i].key,
			   b->o->tag[i].value);
	if (plan->topo.cpus && (plan->cpus || plan->n_tasks) &&
	    b->o->value[OPT_CPU_POLICY].num != POLICY_INHERIT)
		plan->cpu_policy =
			option_table[OPT_CPU_POLICY]
				.words[b->o->value[OPT_CPU_POLICY].num];
	plan->record = b->o->value[OPT_RECORD].text;
	plan->login = b->o->value[OPT_LOGIN].set;
	plan->raise = b->o->value[OPT_RAISE].set;
	plan->quiet = b->o->value[OPT_QUIET].set;
	plan->verbose = b->o->value[OPT_VERBOSE].set;
	/* Nobody but root has to know what he leaves behind. */
	plan->unregistered_ok = !b->host->privileged;
	plan->spool_rule.unsynced = b->site->spool_unsynced;
	plan->spool_rule.max = b->host->privileged ? b->site->spool_max
						   : b->site->spool_max_user;
	if (b->host->privileged)
		plan->spool = b->site->spool;
	else if (b->job->state)
		plan->spool =
			pool_printf(b->pool, "%s/cloison/spool", b->job->state);
}

int plan_build(const struct options *wish, const struct site *site,
	       const struct job *job, const struct host *host,
	       struct pool *pool, struct plan *ret, struct err *err)
{
	struct options o = { 0 }, asked = *wish;
	struct build b = {
		.o = &o, .site = site, .job = job, .host = host, .pool = pool
	};

	memset(ret, 0, sizeof(*ret));
	ret->job = job;
	ret->cwd = job->cwd;
	if (resolve_profile(wish, site, job, pool, &ret->profile, &o, err) ||
	    build_given(wish, job, pool, &o, err))
		return -1;
	set_defaults(&o, job, host);
	resolve_percent(&asked.value[OPT_SCRATCH],
			wish->value[OPT_MEMORY].set ? wish : &o, job, host);
	resolve_percent(&o.value[OPT_SCRATCH],
			wish->value[OPT_MEMORY].set ? wish : &o, job, host);
	if (policy_check(&o, &asked, site, job, err))
		return -1;
	/* A size alone leaves scratch where the profile has it. */
	if (!asked.value[OPT_SCRATCH].dir)
		asked.value[OPT_SCRATCH].dir = o.value[OPT_SCRATCH].dir;
	b.n_base = o.n_mounts;
	b.own_rootfs = wish->value[OPT_ROOTFS].set;
	merge(&asked, pool, &o);
	if (build_ns(&b, ret, err) || build_scratch(&b, ret, err) ||
	    build_mounts(&b, ret, err) || build_link(&b, ret, err) ||
	    build_limits(&b, ret, err) || build_sec(&b, ret, err) ||
	    build_beside(&b, ret, err))
		return -1;
	build_threads(&b, ret);
	build_env(&b, ret);
	build_record(&b, ret);
	return 0;
}

int plan_needs(const struct options *wish, const struct site *site,
	       const struct job *job, unsigned *ret, struct err *err)
{
	static const enum option_id limits[] = {
		OPT_CPUS,      OPT_CPU_WEIGHT, OPT_CPU_TIME, OPT_MEMORY,
		OPT_SWAP,      OPT_PIDS,       OPT_IO_MAX,   OPT_MEMORY_HIGH,
		OPT_IO_WEIGHT, OPT_HUGETLB,
	};
	struct pool pool = { 0 };
	struct options o = { 0 };
	const char *name;
	unsigned needs = 0;

	if (resolve_profile(wish, site, job, &pool, &name, &o, err) ||
	    build_given(wish, job, &pool, &o, err)) {
		pool_free(&pool);
		return -1;
	}
	merge(wish, &pool, &o);
	for (size_t k = 0; k < sizeof(limits) / sizeof(limits[0]); k++)
		if (o.value[limits[k]].set)
			needs |= HOST_CGROUP;
	if (build_wants_places(&o, job))
		needs |= HOST_CGROUP | HOST_TOPOLOGY | HOST_CLAIMS;
	if (build_wants_tasks(&o, job))
		needs |= HOST_TOPOLOGY;
	pool_free(&pool);
	*ret = needs;
	return 0;
}

int plan_disks(const struct options *wish, const struct site *site,
	       const struct job *job, struct pool *pool,
	       const char *const **ret, size_t *ret_n, struct err *err)
{
	struct options o = { 0 };
	const char **list = NULL, *name;
	size_t n = 0;

	if (resolve_profile(wish, site, job, pool, &name, &o, err))
		return -1;
	merge(wish, pool, &o);
	for (size_t i = 0; i < o.n_parts; i++)
		if (o.part[i].path)
			*(const char **)pool_push(pool, &list, &n,
						  sizeof(*list)) =
				o.part[i].path;
	*ret = list;
	*ret_n = n;
	return 0;
}
