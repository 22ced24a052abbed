/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TOPO_INTERNAL_H
#define TOPO_INTERNAL_H

#include <stdint.h>

#include "topo/topo.h"

/* Between the files of lib/topo, and for their tests. */

/* CPU and node numbers; the kernel's own bounds are 8192 and 1024. */
enum {
	TOPO_MAX = 65535
};

/* A set of them. Most machines have few: all is 0 from `words` on. */
struct topo_set {
	size_t words;
	uint64_t word[(TOPO_MAX + 1) / 64];
};

/* list.c: kernel lists. `s` NULL or empty is the empty set. */
int topo_set_parse(const char *s, struct pool *pool, struct topo_set **ret,
		   struct err *err);
const char *topo_set_print(const struct topo_set *set, struct pool *pool);
void topo_set_add(struct topo_set *set, unsigned i);
void topo_set_remove(struct topo_set *set, unsigned i);
bool topo_set_has(const struct topo_set *set, unsigned i);
/* The highest member plus one; 0 for the empty set. */
unsigned topo_set_end(const struct topo_set *set);

/* load.c: the flags of topo_load's NULL source, for the cache: all PUs. */
int topo_load_machine(struct pool *pool, struct topo *ret, bool *ret_real,
		      struct err *err);

/*
 * cache.c. Format: the line "cloison.topology/1 BOOT_ID PUS", then PUS lines
 * "OS CORE L3 NUMA PACKAGE KIND", NUMA "-" where memory nodes are not known.
 * The parser is pure and takes nothing else.
 */
int topo_cache_parse(const char *text, const char *boot_id, struct pool *pool,
		     struct topo *ret, struct err *err);

#endif
