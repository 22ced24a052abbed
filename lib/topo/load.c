/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <hwloc.h>
#include <limits.h>
#include <string.h>

#include "base/lazy.h"
#include "topo/internal.h"

#define HWLOC(X)                        \
	X(hwloc_topology_init)          \
	X(hwloc_topology_destroy)       \
	X(hwloc_topology_set_flags)     \
	X(hwloc_topology_set_xml)       \
	X(hwloc_topology_set_synthetic) \
	X(hwloc_topology_load)          \
	X(hwloc_topology_is_thissystem) \
	X(hwloc_get_type_depth)         \
	X(hwloc_get_nbobjs_by_depth)    \
	X(hwloc_get_obj_by_depth)       \
	X(hwloc_cpukinds_get_by_cpuset)

LAZY_TABLE(lib, HWLOC);

/*
 * Where a level is missing, the next wider one that exists stands in for it;
 * its numbers then begin behind those of the level itself, as some CPUs of a
 * machine may have an L3 and others not.
 */
static unsigned count_of(hwloc_topology_t t, hwloc_obj_type_t type)
{
	int depth = lib.hwloc_get_type_depth(t, type);

	/* Memory has a depth of its own, and that is negative. */
	if (type == HWLOC_OBJ_NUMANODE)
		return lib.hwloc_get_nbobjs_by_depth(t, depth);
	return depth < 0 ? 0 : lib.hwloc_get_nbobjs_by_depth(t, depth);
}

static const struct hwloc_obj *above(const struct hwloc_obj *o,
				     hwloc_obj_type_t type)
{
	while (o && o->type != type)
		o = o->parent;
	return o;
}

/*
 * The DRAM among memory objects side by side (and behind memory-side caches):
 * firmware numbers it before HBM and CXL memory.
 */
static unsigned lowest_node(const struct hwloc_obj *memory)
{
	unsigned best = UINT_MAX;

	for (; memory; memory = memory->next_sibling) {
		unsigned os = memory->type == HWLOC_OBJ_NUMANODE
				      ? memory->os_index
				      : lowest_node(memory->memory_first_child);

		if (os < best)
			best = os;
	}
	return best;
}

/* Memory is attached to the objects whose CPUs it is local to. */
static unsigned nearest_node(const struct hwloc_obj *o)
{
	unsigned os = UINT_MAX;

	for (; o && os == UINT_MAX; o = o->parent)
		os = lowest_node(o->memory_first_child);
	return os;
}

static unsigned package_of(hwloc_topology_t t, const struct hwloc_obj *pu)
{
	const struct hwloc_obj *o = above(pu, HWLOC_OBJ_PACKAGE);

	return o ? o->logical_index : count_of(t, HWLOC_OBJ_PACKAGE);
}

static int describe(hwloc_topology_t t, const struct hwloc_obj *pu,
		    struct topo_pu *ret, bool *ret_numa, struct err *err)
{
	const struct hwloc_obj *core = above(pu, HWLOC_OBJ_CORE);
	const struct hwloc_obj *l3 = above(pu, HWLOC_OBJ_L3CACHE);
	unsigned node = nearest_node(pu);
	int kind = lib.hwloc_cpukinds_get_by_cpuset(t, pu->cpuset, 0);

	if (pu->os_index > TOPO_MAX || (node > TOPO_MAX && node != UINT_MAX))
		return err_set(err, 0, "hwloc: CPU or node number too large");
	ret->os = pu->os_index;
	ret->core = core ? core->logical_index
			 : count_of(t, HWLOC_OBJ_CORE) + pu->logical_index;
	ret->package = package_of(t, pu);
	ret->l3 = l3 ? l3->logical_index
		     : count_of(t, HWLOC_OBJ_L3CACHE) + ret->package;
	ret->numa = node == UINT_MAX ? 0 : node;
	ret->kind = kind < 0 ? 0 : kind;
	*ret_numa &= node != UINT_MAX;
	return 0;
}

static int flatten(hwloc_topology_t t, struct pool *pool, struct topo *ret,
		   struct err *err)
{
	int depth = lib.hwloc_get_type_depth(t, HWLOC_OBJ_PU);
	size_t n = lib.hwloc_get_nbobjs_by_depth(t, depth);
	struct topo_pu *pu = pool_alloc(pool, n * sizeof(*pu));

	ret->numa = true;
	for (size_t i = 0; i < n; i++)
		if (describe(t,
			     lib.hwloc_get_obj_by_depth(t, depth, (unsigned)i),
			     &pu[i], &ret->numa, err))
			return -1;
	ret->pu = pu;
	ret->n = n;
	ret->mems = NULL;
	return n ? 0 : err_set(err, 0, "hwloc: no CPUs found");
}

/* All memory nodes, those without CPUs, too. */
static int find_nodes(hwloc_topology_t t, struct pool *pool, struct topo *ret,
		      struct err *err)
{
	struct topo_set *set = pool_alloc(pool, sizeof(*set));
	unsigned n = count_of(t, HWLOC_OBJ_NUMANODE);

	for (unsigned i = 0; i < n; i++) {
		unsigned os = lib.hwloc_get_obj_by_depth(
					 t, HWLOC_TYPE_DEPTH_NUMANODE, i)
				      ->os_index;

		if (os > TOPO_MAX)
			return err_set(err, 0, "hwloc: node number too large");
		topo_set_add(set, os);
	}
	ret->mems = topo_set_print(set, pool);
	return 0;
}

/* No description has a slash in it. */
static bool names_file(const char *source)
{
	size_t len = strlen(source);

	return strchr(source, '/') ||
	       (len > 4 && !strcmp(source + len - 4, ".xml"));
}

static int set_source(hwloc_topology_t t, const char *source, struct err *err)
{
	static const char xml[] = "xml:", synthetic[] = "synthetic:";
	int r;

	if (!source)
		return 0;
	if (!strncmp(source, xml, sizeof(xml) - 1))
		r = lib.hwloc_topology_set_xml(t, source + sizeof(xml) - 1);
	else if (!strncmp(source, synthetic, sizeof(synthetic) - 1))
		r = lib.hwloc_topology_set_synthetic(
			t, source + sizeof(synthetic) - 1);
	else if (names_file(source))
		r = lib.hwloc_topology_set_xml(t, source);
	else
		r = lib.hwloc_topology_set_synthetic(t, source);
	if (!r)
		return 0;
	err_set(err, errno, "topology '%s'", source);
	return err_hint(err, "a file of hwloc's XML, or a description such as "
			     "'package:2 core:4 pu:2'");
}

/* Binding to each CPU in turn to ask it about itself would disturb a caller */
static unsigned long flags(bool machine)
{
	unsigned long f = HWLOC_TOPOLOGY_FLAG_DONT_CHANGE_BINDING;

	return machine ? f | HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED : f;
}

static int load(const char *source, bool machine, struct pool *pool,
		struct topo *ret, bool *ret_real, struct err *err)
{
	hwloc_topology_t t;
	int r;

	if (LAZY_LOAD(lib, HWLOC_SONAME, HWLOC, err))
		return -1;
	if (lib.hwloc_topology_init(&t))
		return err_set(err, errno, "hwloc: init");
	r = set_source(t, source, err);
	if (!r && lib.hwloc_topology_set_flags(t, flags(machine)))
		r = err_set(err, errno, "hwloc: flags");
	if (!r && lib.hwloc_topology_load(t))
		r = err_set(err, errno, "hwloc: load topology %s",
			    source ? source : "of this machine");
	if (!r)
		r = flatten(t, pool, ret, err);
	if (!r && source)
		r = find_nodes(t, pool, ret, err);
	*ret_real = !r && lib.hwloc_topology_is_thissystem(t);
	lib.hwloc_topology_destroy(t);
	return r;
}

int topo_load(const char *source, struct pool *pool, struct topo *ret,
	      struct err *err)
{
	bool real;

	return load(source, false, pool, ret, &real, err);
}

int topo_load_machine(struct pool *pool, struct topo *ret, bool *ret_real,
		      struct err *err)
{
	return load(NULL, true, pool, ret, ret_real, err);
}
