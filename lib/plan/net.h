/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PLAN_NET_H
#define PLAN_NET_H

#include "base/err.h"
#include "base/pool.h"
#include "link/link.h"

/* "veth:br0": what a cell's own interface hangs on. */
struct net_link {
	enum link_kind kind;
	const char *parent;
};

/* --net=KIND:LINK[,KEY=VALUE...] */
struct option_net {
	struct net_link link;
	bool details; /* more was given than link and pool */
	int mode;     /* see link_table */
	uint32_t mtu; /* 0: not said */
	const char *pool;
	struct ip addr[LINK_ADDRESSES];
	size_t n_addr;
	struct ip gateway[2]; /* by ip_slot; family 0: none */
};

/* net-pool = NAME on=LINK ... FIRST-LAST/BITS ... gw=ADDRESS ... */
struct net_pool {
	const char *name;
	const char **on;
	size_t n_on;
	struct link_range *range[2]; /* by ip_slot */
	size_t n_ranges[2];
	struct ip gateway[2];
};

/* All of these are pure. */
int net_link_parse(const char *text, struct pool *pool, struct net_link *ret,
		   struct err *err);
int net_parse(const char *text, struct pool *pool,
	      const struct option_net **ret, struct err *err);

/* Add a line to the pool that it names. */
int net_pool_parse(const char *text, struct pool *pool, struct net_pool **list,
		   size_t *n, struct err *err);

/* Where pairs keep a family: 0 for IPv4, 1 for IPv6. */
static inline int ip_slot(const struct ip *ip)
{
	return ip->family == AF_INET6;
}

#endif
