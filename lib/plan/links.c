/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>

#include "plan/build.h"

static bool is_on(const struct net_pool *p, const char *parent)
{
	for (size_t i = 0; i < p->n_on; i++)
		if (!strcmp(p->on[i], parent))
			return true;
	return false;
}

/* The one that is named, or the first there is for this link, or none. */
static int find_pool(const struct site *site, const struct option_net *net,
		     const struct net_pool **ret, struct err *err)
{
	const struct net_pool *p;

	*ret = NULL;
	if (!net->pool && net->n_addr)
		return 0;
	for (size_t i = 0; i < site->n_net_pools; i++) {
		p = &site->net_pool[i];
		if (net->pool && strcmp(p->name, net->pool) != 0)
			continue;
		if (is_on(p, net->link.parent)) {
			*ret = p;
			return 0;
		}
		if (net->pool)
			return err_set(err, 0, "pool '%s' is not for '%s'",
				       net->pool, net->link.parent);
	}
	return net->pool ? err_set(err, 0,
				   "the site file has no pool '%s' (net-pool)",
				   net->pool)
			 : 0;
}

static int want(struct link_plan *l, const struct link_range *range, size_t n,
		const char *pool, struct err *err)
{
	if (!n)
		return 0;
	if (l->n_wants == LINK_ADDRESSES)
		return err_set(err, 0, "at most %d addresses", LINK_ADDRESSES);
	l->want[l->n_wants++] = (struct link_want){ range, n, pool };
	return 0;
}

static int build_wants(const struct build *b, const struct option_net *net,
		       const struct net_pool *p, struct link_plan *l,
		       struct err *err)
{
	for (size_t i = 0; i < net->n_addr; i++) {
		struct link_range *r = pool_alloc(b->pool, sizeof(*r));

		r->first = r->last = net->addr[i];
		if (want(l, r, 1, NULL, err))
			return -1;
	}
	for (int i = 0; p && i < 2; i++)
		if (want(l, p->range[i], p->n_ranges[i], p->name, err))
			return -1;
	return 0;
}

/* Every address that the cell may get is in a network with its gateway? */
static bool in_all(const struct link_plan *l, const struct ip *gateway)
{
	for (size_t i = 0; i < l->n_wants; i++)
		for (size_t k = 0; k < l->want[i].n; k++)
			if (l->want[i].range[k].first.family ==
				    gateway->family &&
			    !ip_same_net(gateway, &l->want[i].range[k].first))
				return false;
	return true;
}

static void build_gateways(const struct option_net *net,
			   const struct net_pool *p, struct link_plan *l)
{
	for (int i = 0; i < 2; i++) {
		struct ip *ip = &l->gateway[i].ip;

		*ip = net->gateway[i];
		if (!ip->family && p && p->n_ranges[i])
			*ip = p->gateway[i];
		l->gateway[i].onlink = ip->family && !in_all(l, ip);
	}
}

static const char *const *hook_env(const struct build *b, const char *link)
{
	const char **env = pool_alloc(b->pool, 5 * sizeof(*env));

	env[0] = "PATH=/usr/local/sbin:/usr/local/bin:"
		 "/usr/sbin:/usr/bin:/sbin:/bin";
	env[1] = "CLOISON_INTERFACE=" LINK_NAME;
	env[2] = pool_printf(b->pool, "CLOISON_LINK=%s", link);
	env[3] = pool_printf(b->pool, "CLOISON_UID=%u", b->job->uid);
	return env;
}

int build_link(const struct build *b, struct plan *plan, struct err *err)
{
	const struct option_value *v = &b->o->value[OPT_NET];
	const struct option_net *net = v->net;
	struct link_plan *l = &plan->link;
	const struct net_pool *p;

	if (v->num != NET_LINK)
		return 0;
	if (!b->host->privileged)
		return err_set(err, 0,
			       "%s: '%s' needs root; an ordinary user has none "
			       "and host",
			       v->origin, v->text);
	l->kind = net->link.kind;
	l->parent = net->link.parent;
	l->mode = net->mode;
	l->mtu = net->mtu;
	l->leases = LINK_LEASES;
	l->hook = b->site->net_hook;
	if (l->hook)
		l->hook_env = hook_env(b, pool_printf(b->pool, "%s:%s",
						      link_table[l->kind].name,
						      l->parent));
	if (find_pool(b->site, net, &p, err) || build_wants(b, net, p, l, err))
		return err_prefix(err, "%s", v->origin);
	build_gateways(net, p, l);
	return 0;
}
