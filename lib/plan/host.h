/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PLAN_HOST_H
#define PLAN_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/pool.h"
#include "cg/cg.h"
#include "topo/ledger.h"
#include "topo/topo.h"

/* The disk of a path as io.max names it, or NULL and why there is none. */
struct host_disk {
	const char *path, *disk, *why;
};

/* What this node is and offers, found by one probe. */
struct host {
	char node[65];
	char boot_id[40];
	bool privileged; /* the caller has CAP_SYS_ADMIN: may act for users */
	bool in_user_ns; /* ... as far as a user namespace allows it */
	uint64_t memory; /* bytes of RAM */
	struct cg_host cg;
	const char *affinity; /* CPUs that the caller may use, kernel list */
	const char *mems;     /* memory nodes alike; NULL: not known */
	struct topo topo;     /* n = 0: not needed, not loaded */
	struct topo_claims claims; /* CPUs that other cells have */
	struct host_disk *disk;    /* of the paths that host_disks was given */
	size_t n_disks;
};

/* What a plan will want to know; each costs something to find out. */
enum {
	HOST_CGROUP = 1 << 0,
	HOST_TOPOLOGY = 1 << 1,
	HOST_CLAIMS = 1 << 2,
};

/*
 * Look at this node; changes nothing but the topology cache. `needs` from
 * plan_needs. `cache` is the directory for the topology, or NULL.
 */
int host_probe(unsigned needs, const char *cache, struct pool *pool,
	       struct host *ret, struct err *err);

/*
 * Make `host` one that is not here, with the machine of `source` (see
 * topo_load), all of which may be used, and with the whole of cgroup v2.
 */
int host_imagine(struct host *host, const char *source, struct pool *pool,
		 struct err *err);

/* Find the disks of paths, with the caller's rights; what has none is noted. */
void host_disks(const char *const *paths, size_t n, struct pool *pool,
		struct host *host);

/*
 * Leave of CPUs and memory nodes those that the cgroup `parent` has, if it is
 * not NULL: cells are to be made below it.
 */
int host_confine(const char *parent, struct pool *pool, struct host *host,
		 struct err *err);

/* Look again for what other cells have taken meanwhile. */
void host_probe_claims(unsigned needs, struct pool *pool, struct host *host);

#endif
