/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COLLECTOR_NODES_H
#define COLLECTOR_NODES_H

#include <netinet/in.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/pool.h"

/*
 * The hosts on which root may sign records for others, by IPv4 address: that
 * is what MUNGE tells of a credential.
 */
struct nodes {
	struct pool pool;
	struct nodes_net {
		in_addr_t addr, mask; /* network byte order */
	} * net;
	size_t n;
};

/*
 * Call `fn` for every word of a list such as
 * "login1,node[01-16,20],10.1.0.0/16" with its brackets expanded. Pure.
 */
int nodes_expand(const char *list,
		 int (*fn)(void *arg, const char *word, struct err *err),
		 void *arg, struct err *err);

/*
 * Addresses, networks, and names, which are resolved. A name that has no
 * address (now) is told to `missing`, and is no error.
 */
int nodes_read(const char *list, struct nodes *ret,
	       void (*missing)(const char *name), struct err *err);

bool nodes_has(const struct nodes *nodes, struct in_addr addr);

void nodes_free(struct nodes *nodes);

#endif
