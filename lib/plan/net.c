/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>

#include "base/parse.h"
#include "plan/net.h"

enum {
	RANGE_MAX = 65536 /* addresses of one range: all may have to be tried */
};

/* As the kernel has it, and nothing that could mean something in a path. */
static int check_interface(const char *name, struct err *err)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@+");

	if (!len || name[len] || len >= IFNAMSIZ || *name == '.')
		return err_set(err, 0, "'%s' is not the name of an interface",
			       name);
	return 0;
}

int net_link_parse(const char *text, struct pool *pool, struct net_link *ret,
		   struct err *err)
{
	size_t len = strcspn(text, ":");

	for (int k = LINK_VETH; k < LINK_KINDS; k++) {
		const char *name = link_table[k].name;

		if (!text[len] || strlen(name) != len ||
		    memcmp(name, text, len) != 0)
			continue;
		ret->kind = (enum link_kind)k;
		ret->parent = pool_strdup(pool, text + len + 1);
		return check_interface(ret->parent, err);
	}
	return err_set(err, 0,
		       "'%s' is not one of veth:BRIDGE macvlan:INTERFACE "
		       "ipvlan:INTERFACE",
		       text);
}

static int set_addr(struct option_net *net, const char *value, struct err *err)
{
	struct ip ip;

	if (ip_parse_cidr(value, &ip, err))
		return -1;
	for (size_t i = 0; i < net->n_addr; i++)
		if (!ip_compare(&net->addr[i], &ip))
			return err_set(err, 0, "'%s' is given twice", value);
	if (net->n_addr == LINK_ADDRESSES)
		return err_set(err, 0, "at most %d addresses", LINK_ADDRESSES);
	net->addr[net->n_addr++] = ip;
	return 0;
}

static int set_gateway(struct ip *gateway, const char *value, struct err *err)
{
	struct ip ip;

	if (ip_parse(value, &ip, err))
		return -1;
	if (gateway[ip_slot(&ip)].family)
		return err_set(err, 0, "'%s' is a second gateway", value);
	gateway[ip_slot(&ip)] = ip;
	return 0;
}

static int set_gw(struct option_net *net, const char *value, struct err *err)
{
	return set_gateway(net->gateway, value, err);
}

static int set_mode(struct option_net *net, const char *value, struct err *err)
{
	const struct link_row *row = &link_table[net->link.kind];
	const char *words[] = { row->mode[0].name, row->mode[1].name, NULL };

	if (!words[0])
		return err_set(err, 0, "%s has no modes", row->name);
	return parse_word(value, words, &net->mode, err);
}

static int set_mtu(struct option_net *net, const char *value, struct err *err)
{
	uint64_t mtu;

	if (parse_uint(value, 65535, &mtu, err))
		return -1;
	if (mtu < 1280)
		return err_set(err, 0, "'%s' is less than IPv6 needs (1280)",
			       value);
	net->mtu = (uint32_t)mtu;
	return 0;
}

static int set_pool(struct option_net *net, const char *value, struct err *err)
{
	if (!*value)
		return err_set(err, 0, "a name is missing");
	net->pool = value;
	return 0;
}

static const struct {
	const char *key;
	int (*set)(struct option_net *net, const char *value, struct err *err);
	bool detail;
} keys[] = {
	{ "addr", set_addr, true },  { "gw", set_gw, true },
	{ "mode", set_mode, true },  { "mtu", set_mtu, true },
	{ "pool", set_pool, false },
};

static int set_key(struct option_net *net, char *word, struct err *err)
{
	char *eq = strchr(word, '=');

	if (!eq)
		return err_set(err, 0, "'%s' is not KEY=VALUE", word);
	*eq = '\0';
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(keys[i].key, word) != 0)
			continue;
		net->details = net->details || keys[i].detail;
		return keys[i].set(net, eq + 1, err)
			       ? err_prefix(err, "%s", word)
			       : 0;
	}
	return err_set(err, 0, "'%s' is not one of addr gw mode mtu pool",
		       word);
}

int net_parse(const char *text, struct pool *pool,
	      const struct option_net **ret, struct err *err)
{
	struct option_net *net = pool_alloc(pool, sizeof(*net));
	char *word = pool_strdup(pool, text), *next = strchr(word, ',');

	if (next)
		*next++ = '\0';
	if (net_link_parse(word, pool, &net->link, err))
		return -1;
	while (next) {
		word = next;
		next = strchr(word, ',');
		if (next)
			*next++ = '\0';
		if (set_key(net, word, err))
			return -1;
	}
	for (int i = 0; i < 2; i++) {
		bool any = net->pool || !net->gateway[i].family;

		for (size_t k = 0; k < net->n_addr; k++)
			any = any || ip_slot(&net->addr[k]) == i;
		if (!any)
			return err_set(err, 0,
				       "gw: there is no IPv%c address to go "
				       "with it",
				       i ? '6' : '4');
	}
	*ret = net;
	return 0;
}

/* How far apart, up to a bit more than is of interest. */
static uint64_t distance(const struct ip *first, const struct ip *last)
{
	uint64_t n = 0;

	for (size_t i = 0; i < ip_size(first) && n <= RANGE_MAX; i++)
		n = n * 256 + last->byte[i] - first->byte[i];
	return n;
}

/* FIRST-LAST/BITS or ADDRESS/BITS */
static int range_parse(const char *text, struct pool *pool,
		       struct link_range *ret, struct err *err)
{
	const char *dash = strchr(text, '-'), *slash = strchr(text, '/');
	const char *first = text;

	if (dash && slash) {
		first = pool_printf(pool, "%.*s%s", (int)(dash - text), text,
				    slash);
		text = dash + 1;
	}
	if (ip_parse_cidr(first, &ret->first, err) ||
	    ip_parse_cidr(text, &ret->last, err))
		return -1;
	if (!ip_same_net(&ret->first, &ret->last) ||
	    ip_compare(&ret->first, &ret->last) > 0)
		return err_set(err, 0,
			       "'%s' to '%s' is no range of one network", first,
			       text);
	if (distance(&ret->first, &ret->last) >= RANGE_MAX)
		return err_set(err, 0, "'%s' to '%s' is more than %d addresses",
			       first, text, RANGE_MAX);
	return 0;
}

static bool in_range(const struct ip *ip, const struct link_range *r)
{
	return !(ip->family != r->first.family ||
		 ip_compare(ip, &r->first) < 0 || ip_compare(ip, &r->last) > 0);
}

static int add_range(struct net_pool *p, const char *word, struct pool *pool,
		     struct err *err)
{
	struct link_range r;
	int i;

	if (range_parse(word, pool, &r, err))
		return -1;
	i = ip_slot(&r.first);
	*(struct link_range *)pool_push(pool, &p->range[i], &p->n_ranges[i],
					sizeof(r)) = r;
	return 0;
}

static int pool_word(struct net_pool *p, const char *word, struct pool *pool,
		     struct err *err)
{
	if (!strncmp(word, "gw=", 3))
		return set_gateway(p->gateway, word + 3, err);
	if (strncmp(word, "on=", 3) != 0)
		return add_range(p, word, pool, err);
	*(const char **)pool_push(pool, &p->on, &p->n_on, sizeof(*p->on)) =
		word + 3;
	return check_interface(word + 3, err);
}

static int pool_check(const struct net_pool *p, struct err *err)
{
	char text[IP_TEXT];

	if (!p->n_on)
		return err_set(err, 0, "on=INTERFACE is missing");
	for (int i = 0; i < 2; i++)
		for (size_t k = 0; k < p->n_ranges[i]; k++)
			if (in_range(&p->gateway[i], &p->range[i][k]))
				return err_set(err, 0,
					       "gateway %s is one of the "
					       "addresses",
					       ip_text(&p->gateway[i], text));
	return 0;
}

static struct net_pool *pool_get(const char *name, struct pool *pool,
				 struct net_pool **list, size_t *n)
{
	struct net_pool *p;

	for (size_t i = 0; i < *n; i++)
		if (!strcmp((*list)[i].name, name))
			return &(*list)[i];
	p = pool_push(pool, list, n, sizeof(*p));
	p->name = name;
	return p;
}

int net_pool_parse(const char *text, struct pool *pool, struct net_pool **list,
		   size_t *n, struct err *err)
{
	char *save, *word = strtok_r(pool_strdup(pool, text), " \t,", &save);
	struct net_pool *p;

	if (!word || strchr(word, '=') || strchr(word, '/'))
		return err_set(err, 0, "'%s' does not begin with a name", text);
	p = pool_get(word, pool, list, n);
	while ((word = strtok_r(NULL, " \t,", &save)))
		if (pool_word(p, word, pool, err))
			return -1;
	return pool_check(p, err);
}
