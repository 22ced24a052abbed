/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>

#include "plan/build.h"
#include "plan/policy.h"

struct mnt_op *build_op(const struct build *b, struct plan *plan,
			enum mnt_kind kind, const char *src, const char *dst,
			const char *origin)
{
	struct mnt_op *op =
		pool_push(b->pool, &plan->mnt.op, &plan->mnt.n, sizeof(*op));

	op->kind = kind;
	op->src = src;
	op->dst = dst;
	op->origin = origin;
	return op;
}

static bool above_scratch(const struct plan *plan, const struct option_mount *m)
{
	for (size_t i = 0; plan->mnt.scratch && policy_scratch[i]; i++)
		if (policy_below(policy_scratch[i], m->dst) &&
		    strcmp(policy_scratch[i], m->dst) != 0)
			return true;
	return false;
}

static bool in_scratch(const struct plan *plan, const struct option_mount *m)
{
	for (size_t i = 0; plan->mnt.scratch && policy_scratch[i]; i++)
		if (policy_below(m->dst, policy_scratch[i]))
			return true;
	return false;
}

static bool is_rdonly_root(const struct option_mount *m)
{
	return m->id == OPT_RO && !strcmp(m->dst, "/");
}

/* Is there a "ro /" of the profile behind this line of it? */
static bool rdonly_later(const struct build *b, const struct option_mount *m)
{
	for (size_t i = 0; i < b->n_base; i++)
		if (is_rdonly_root(&b->o->mount[i]) && &b->o->mount[i] > m)
			return true;
	return false;
}

/* A later "ro /" makes everything before it read-only, too. */
static void all_rdonly(struct plan *plan)
{
	plan->mnt.rdonly = true;
	for (size_t i = 0; i < plan->mnt.n; i++)
		if (strcmp(plan->mnt.op[i].dst, "/proc") != 0)
			((struct mnt_op *)plan->mnt.op)[i].rdonly = true;
}

/* Does the tree, or the last operation around `m`, show the same already? */
static bool shown_already(const struct plan *plan, const struct option_mount *m,
			  bool rdonly)
{
	bool shown = plan->mnt.rdonly == rdonly;

	if (m->id > OPT_RW || strcmp(m->src, m->dst) != 0)
		return false;
	for (size_t i = 0; i < plan->mnt.n; i++) {
		const struct mnt_op *op = &plan->mnt.op[i];

		if (policy_below(op->dst, m->dst) &&
		    strcmp(op->dst, m->dst) != 0)
			shown = false;
		else if (policy_below(m->dst, op->dst))
			shown = op->kind == MNT_BIND && op->rdonly == rdonly &&
				!strcmp(op->src, op->dst);
	}
	return shown;
}

/* Is it the last operation once more? The job's directory is known by the
 * queue's prolog, and asked for by its starter. */
static bool shown_just_now(const struct plan *plan,
			   const struct option_mount *m)
{
	const struct mnt_op *last =
		plan->mnt.n ? &plan->mnt.op[plan->mnt.n - 1] : NULL;

	return last && m->id == OPT_RW && last->kind == MNT_BIND &&
	       !last->rdonly && !last->optional && !strcmp(last->src, m->src) &&
	       !strcmp(last->dst, m->dst);
}

static bool is_path(const struct build *b, const char *path, const char *fact)
{
	const char *clean;
	struct err ignored;

	return fact && !option_path(fact, NULL, b->pool, &clean, &ignored) &&
	       !strcmp(path, clean);
}

/* Bytes for what is in memory, unless it is said. */
static uint64_t room(const struct build *b, const struct plan *plan)
{
	uint64_t most = b->host->memory / 2;

	if (!plan->mnt.scratch ||
	    (plan->scratch.dir && most < plan->mnt.scratch))
		return most;
	return plan->mnt.scratch;
}

/*
 * Upper layers lie in scratch, on disk if they can. They have a tmpfs of their
 * own where that is the job's, as they go with the step.
 */
static void use_uppers(const struct build *b, struct plan *plan, bool disk)
{
	bool memory =
		plan->mnt.scratch && !plan->scratch.dir && !plan->scratch.job;

	if (!memory && !disk)
		plan->mnt.uppers = room(b, plan);
}

static void add_mount(const struct build *b, struct plan *plan,
		      const struct option_mount *m, bool from_profile)
{
	static const enum mnt_kind kinds[OPTIONS] = {
		[OPT_RO] = MNT_BIND,         [OPT_RW] = MNT_BIND,
		[OPT_HIDE] = MNT_HIDE,       [OPT_TMPFS] = MNT_TMPFS,
		[OPT_OVERLAY] = MNT_OVERLAY,
	};
	bool rdonly = m->id == OPT_RO || rdonly_later(b, m);
	struct mnt_op *op;

	if (is_rdonly_root(m)) {
		/* A profile's is about the host's tree. */
		if (!from_profile || !b->o->value[OPT_ROOTFS].set)
			all_rdonly(plan);
		return;
	}
	if (from_profile ? shown_already(plan, m, rdonly)
			 : shown_just_now(plan, m))
		return;
	op = build_op(b, plan, kinds[m->id], m->src, m->dst, m->origin);
	op->rdonly = rdonly;
	op->nodev =
		!policy_below(m->src, "/dev") && !policy_below("/dev", m->src);
	/* What policy has seen is what is mounted: no link gets between. */
	op->nofollow = !from_profile || is_path(b, m->src, b->job->cwd);
	/* A job's home or directory may not be there on every node. */
	op->optional = from_profile && (is_path(b, m->src, b->job->home) ||
					is_path(b, m->src, b->job->cwd));
	if (m->id == OPT_TMPFS)
		op->size = m->size ? m->size : room(b, plan);
	op->fate = m->fate;
	op->dir = m->dir;
	op->glob = m->glob;
	if (m->id == OPT_OVERLAY && m->fate != MNT_KEEP)
		use_uppers(b, plan, plan->scratch.dir && !plan->scratch.job);
	op->mode = 0755;
}

/*
 * In place of the host's tree. The kernel's drivers are no match for a hostile
 * image: it has to be the site's, by its owner or by the site's word.
 */
static void add_rootfs(const struct build *b, struct plan *plan)
{
	const struct option_value *v = &b->o->value[OPT_ROOTFS];
	struct mnt_op *op;

	if (!v->set)
		return;
	op = build_op(b, plan, MNT_ROOTFS, v->text, "/", v->origin);
	op->nofollow = b->own_rootfs;
	use_uppers(b, plan, false);
	for (size_t i = 0; i < b->site->n_rootfs_trust; i++)
		op->trusted |= policy_below(v->text, b->site->rootfs_trust[i]);
}

/* An image's own say nothing about the network that the cell is in. */
static void add_network_files(const struct build *b, struct plan *plan)
{
	static const char *const files[] = { "/etc/resolv.conf", "/etc/hosts" };

	if (!b->o->value[OPT_ROOTFS].set || plan->ns.make[NS_NET])
		return;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct mnt_op *op = build_op(b, plan, MNT_BIND, files[i],
					     files[i], files[i]);

		op->rdonly = true;
		op->optional = true;
	}
}

static void add_scratch(const struct build *b, struct plan *plan)
{
	for (size_t i = 0; plan->mnt.scratch && policy_scratch[i]; i++) {
		struct mnt_op *op =
			build_op(b, plan, MNT_SCRATCH, NULL, policy_scratch[i],
				 b->o->value[OPT_SCRATCH].origin);

		op->mode = 01777;
		op->optional = true;
		/* Shared memory stays memory, where scratch is on disk. */
		if (plan->scratch.dir && !strcmp(op->dst, "/dev/shm")) {
			op->kind = MNT_TMPFS;
			op->size = room(b, plan);
		}
	}
}

/*
 * Slurm's --x11 keeps the key in a file of the node's /tmp. It is the job that
 * says where, so that only what has such a name is taken for it.
 */
static void add_xauthority(const struct build *b, struct plan *plan)
{
	static const char prefix[] = "/.Xauthority-";
	const char *path = b->job->xauthority;
	const char *name = path ? strrchr(path, '/') : NULL;

	if (!name || strncmp(name, prefix, sizeof(prefix) - 1) != 0)
		return;
	for (size_t i = 0; plan->mnt.scratch && policy_scratch[i]; i++) {
		size_t len = strlen(policy_scratch[i]);
		struct mnt_op *op;

		if (len != (size_t)(name - path) ||
		    strncmp(path, policy_scratch[i], len) != 0)
			continue;
		op = build_op(b, plan, MNT_BIND, path, path, "XAUTHORITY");
		op->rdonly = op->nodev = op->nofollow = op->optional = true;
	}
}

/* The layers of an overlay cannot lie in each other. */
static int check_kept(const struct options *o, struct err *err)
{
	for (size_t i = 0; i < o->n_mounts; i++) {
		const struct option_mount *m = &o->mount[i];

		if (m->fate == MNT_KEEP && (policy_below(m->src, m->dir) ||
					    policy_below(m->dir, m->src)))
			return err_set(err, 0,
				       "%s: %s and %s: one is in the other",
				       m->origin, m->src, m->dir);
	}
	return 0;
}

int build_mounts(const struct build *b, struct plan *plan, struct err *err)
{
	const struct options *o = b->o;
	size_t around = 0;
	bool plain = true; /* nothing of the profile comes before scratch */

	plan->mnt.nosuid = true;
	plan->mnt.userxattr = !b->host->privileged;
	plan->mnt.uid = b->job->uid;
	plan->mnt.gid = b->job->gid;
	plan->mnt.groups = b->job->groups;
	plan->mnt.n_groups = b->job->n_groups;
	add_rootfs(b, plan);
	if (check_kept(o, err) || build_system(b, plan, err))
		return -1;
	add_network_files(b, plan);
	/*
	 * Scratch covers what a profile shows around it (rw=/var) and is
	 * covered by what it shows inside (a working directory in /tmp).
	 * Otherwise the order is the profile's.
	 */
	for (size_t i = 0; i < b->n_base; i++)
		if (above_scratch(plan, &o->mount[i]))
			around = i + 1;
	for (size_t i = 0; i < around; i++)
		plain &= is_rdonly_root(&o->mount[i]);
	if (!plain)
		build_sys(b, plan);
	for (size_t i = 0; i < around; i++)
		if (!in_scratch(plan, &o->mount[i]))
			add_mount(b, plan, &o->mount[i], true);
	add_scratch(b, plan);
	/* As late as can be: the cell's network, which /sys shows, is longest
	 * in the making. */
	if (plain)
		build_sys(b, plan);
	for (size_t i = 0; i < around; i++)
		if (in_scratch(plan, &o->mount[i]))
			add_mount(b, plan, &o->mount[i], true);
	for (size_t i = around; i < b->n_base; i++)
		add_mount(b, plan, &o->mount[i], true);
	/* Where Slurm's PMIx server and the tasks share files. */
	if (b->job->spool && (plan->mnt.rdonly || o->value[OPT_ROOTFS].set))
		build_op(b, plan, MNT_BIND, b->job->spool, b->job->spool,
			 "SlurmdSpoolDir")
			->optional = true;
	add_xauthority(b, plan);
	for (size_t i = b->n_base; i < o->n_mounts; i++)
		add_mount(b, plan, &o->mount[i], false);
	return 0;
}
