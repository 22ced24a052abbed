/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "topo/internal.h"

/* How many CPUs the kernel may have: the size that sched_getaffinity takes. */
static const struct topo_set *affinity(struct pool *pool, struct err *err)
{
	struct topo_set *set = pool_alloc(pool, sizeof(*set));
	cpu_set_t *mask = CPU_ALLOC(TOPO_MAX + 1);
	size_t size = CPU_ALLOC_SIZE(TOPO_MAX + 1);

	if (!mask) {
		err_set(err, ENOMEM, "affinity");
		return NULL;
	}
	if (sched_getaffinity(0, size, mask)) {
		err_set(err, errno, "sched_getaffinity");
		CPU_FREE(mask);
		return NULL;
	}
	for (unsigned i = 0; i <= TOPO_MAX; i++)
		if (CPU_ISSET_S(i, size, mask))
			topo_set_add(set, i);
	CPU_FREE(mask);
	return set;
}

static int set_affinity(const struct topo_set *set, struct err *err)
{
	unsigned end = topo_set_end(set);
	cpu_set_t *mask = CPU_ALLOC(end);
	size_t size = CPU_ALLOC_SIZE(end);
	int r;

	if (!mask)
		return err_set(err, ENOMEM, "affinity");
	CPU_ZERO_S(size, mask);
	for (unsigned i = 0; i < end; i++)
		if (topo_set_has(set, i))
			CPU_SET_S(i, size, mask);
	r = sched_setaffinity(0, size, mask);
	CPU_FREE(mask);
	return r ? err_set(err, errno, "sched_setaffinity") : 0;
}

/* The kernel silently leaves out what is offline or not in the cpuset. */
static int bind_cpus(const char *cpus, struct pool *pool, struct err *err)
{
	const struct topo_set *got;
	struct topo_set *set;

	if (topo_set_parse(cpus, pool, &set, err))
		return -1;
	if (!topo_set_end(set))
		return err_set(err, 0, "no CPU to bind to");
	if (set_affinity(set, err))
		return err_prefix(err, "bind to CPUs %s", cpus);
	got = affinity(pool, err);
	if (!got)
		return -1;
	if (memcmp(got->word, set->word, sizeof(set->word)) != 0)
		return err_set(err, 0, "bind to CPUs %s: only %s can be used",
			       cpus, topo_set_print(got, pool));
	return 0;
}

/* What the kernel takes, and what an old one without it has instead. */
static const struct {
	int mode, before;
} modes[] = {
	[TOPO_MEM_LOCAL] = { MPOL_LOCAL, MPOL_LOCAL },
	/* The second takes the first node alone; Linux 5.15 has the first. */
	[TOPO_MEM_PREFERRED] = { MPOL_PREFERRED_MANY, MPOL_PREFERRED },
	[TOPO_MEM_INTERLEAVE] = { MPOL_INTERLEAVE, MPOL_INTERLEAVE },
	[TOPO_MEM_BIND] = { MPOL_BIND, MPOL_BIND },
};

static int set_policy(enum topo_memory memory, const unsigned long *mask,
		      unsigned end)
{
	/* The kernel takes one bit less than it is told (get_nodes). */
	unsigned long bits = end ? end + 1UL : 0;

	if (!syscall(SYS_set_mempolicy, modes[memory].mode, mask, bits))
		return 0;
	if (errno != EINVAL || modes[memory].before == modes[memory].mode)
		return -1;
	return (int)syscall(SYS_set_mempolicy, modes[memory].before, mask,
			    bits);
}

static int bind_mems(const struct topo_plan *plan, struct pool *pool,
		     struct err *err)
{
	const unsigned bits = 8 * sizeof(unsigned long);
	bool local = plan->memory == TOPO_MEM_LOCAL;
	unsigned long *mask = NULL;
	struct topo_set *set;
	unsigned end = 0;

	if (topo_set_parse(local ? NULL : plan->mems, pool, &set, err))
		return -1;
	end = topo_set_end(set);
	if (!local && !end)
		return err_set(err, 0, "no memory node to bind to");
	if (end)
		mask = pool_alloc(pool,
				  (end + bits - 1) / bits * sizeof(*mask));
	for (unsigned i = 0; i < end; i++)
		if (topo_set_has(set, i))
			mask[i / bits] |= 1UL << i % bits;
	if (!set_policy(plan->memory, mask, end))
		return 0;
	/* A kernel without NUMA has node 0 only: nothing to bind. */
	if (errno == ENOSYS && end <= 1)
		return 0;
	return err_set(err, errno, "set_mempolicy, nodes %s",
		       local ? "of each CPU" : plan->mems);
}

int topo_bind(const struct topo_plan *plan, struct err *err)
{
	struct pool pool = { 0 };
	int r = 0;

	if (plan->bind && plan->cpus)
		r = bind_cpus(plan->cpus, &pool, err);
	if (!r && plan->bind && plan->memory != TOPO_MEM_INHERIT)
		r = bind_mems(plan, &pool, err) ? 1 : 0;
	pool_free(&pool);
	return r;
}

const char *topo_memory_nodes(struct pool *pool)
{
	/* No kernel has more nodes, and none takes more than a page. */
	enum {
		NODES = 4096,
		BITS = 8 * sizeof(unsigned long)
	};
	unsigned long mask[NODES / BITS] = { 0 };
	struct topo_set *set;

	if (syscall(SYS_get_mempolicy, NULL, mask, (unsigned long)NODES, NULL,
		    (unsigned long)MPOL_F_MEMS_ALLOWED))
		return NULL;
	set = pool_alloc(pool, sizeof(*set));
	for (unsigned i = 0; i < NODES; i++)
		if (mask[i / BITS] >> i % BITS & 1)
			topo_set_add(set, i);
	return topo_set_print(set, pool);
}

int topo_affinity(struct pool *pool, const char **ret, struct err *err)
{
	const struct topo_set *set = affinity(pool, err);

	if (!set)
		return -1;
	*ret = topo_set_print(set, pool);
	return 0;
}
