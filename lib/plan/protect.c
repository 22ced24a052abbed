/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "plan/build.h"
#include "plan/policy.h"

static bool is_writable(const struct mnt_op *op)
{
	switch (op->kind) {
	case MNT_BIND:
	case MNT_ROOTFS:
		return !op->rdonly;
	case MNT_DEV: /* always listed */
	case MNT_HIDE:
	case MNT_SYSFS:
	case MNT_CGROUP2:
		return false;
	default:
		return true;
	}
}

static bool covered_later(const struct mnt_plan *mnt, size_t i)
{
	for (size_t j = i + 1; j < mnt->n; j++)
		if (policy_below(mnt->op[i].dst, mnt->op[j].dst))
			return true;
	return false;
}

static void add_writable(const struct build *b, struct sec_plan *sec,
			 const char *path)
{
	*(const char **)pool_push(b->pool, &sec->writable, &sec->n_writable,
				  sizeof(path)) = path;
}

/*
 * Where something writable is in sight when all is mounted. Landlock knows no
 * exception below what it allows: a read-only place in there is held by its
 * mount alone. Devices are written to on a read-only mount, too.
 */
static void list_writable(const struct build *b, struct plan *plan)
{
	const struct mnt_plan *mnt = &plan->mnt;

	add_writable(b, &plan->sec, "/dev");
	for (size_t i = 0; i < mnt->n; i++)
		if (is_writable(&mnt->op[i]) && !covered_later(mnt, i))
			add_writable(b, &plan->sec, mnt->op[i].dst);
}

static int build_landlock(const struct build *b, struct plan *plan,
			  struct err *err)
{
	const struct option_value *v = &b->o->value[OPT_LANDLOCK];

	if (plan->sec.landlock == SEC_OFF)
		return 0;
	if (plan->nestable)
		return err_set(err, 0,
			       "%s: nothing can be mounted under Landlock: not "
			       "with nestable=yes",
			       v->origin);
	/* A root file system of the cell's own is a place like others. */
	if (!plan->mnt.rdonly && !b->o->value[OPT_ROOTFS].set)
		return err_set(err, 0,
			       "%s: the profile '%s' leaves the tree writable: "
			       "needs ro=/",
			       v->origin, plan->profile);
	list_writable(b, plan);
	return 0;
}

int build_sec(const struct build *b, struct plan *plan, struct err *err)
{
	static const enum sec_level levels[] = {
		[LEVEL_STRICT] = SEC_STRICT,
		[LEVEL_DEFAULT] = SEC_DEFAULT,
		[LEVEL_OFF] = SEC_OFF,
	};
	const struct option_value *v = b->o->value;

	plan->nestable = v[OPT_NESTABLE].num == NESTABLE_YES;
	plan->sec.keep_caps = plan->ns.user == NS_USER_ROOT;
	plan->sec.seccomp = levels[v[OPT_SECCOMP].num];
	plan->sec.landlock = levels[v[OPT_LANDLOCK].num];
	plan->sec.nestable = plan->nestable;
	plan->sec.isolated = plan->ns.make[NS_NET];
	return build_landlock(b, plan, err);
}
