/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "link/internal.h"

struct own {
	const struct ip *ip;
	bool found;
};

static void compare_own(const struct nlmsghdr *h, void *arg)
{
	const struct ifaddrmsg *a = NLMSG_DATA(h);
	struct own *own = arg;
	const void *ip;
	size_t len;

	if (h->nlmsg_type != RTM_NEWADDR || a->ifa_family != own->ip->family)
		return;
	ip = nl_attr(h, sizeof(*a), IFA_LOCAL, &len);
	if (!ip)
		ip = nl_attr(h, sizeof(*a), IFA_ADDRESS, &len);
	if (ip && len == ip_size(own->ip) && !memcmp(ip, own->ip->byte, len))
		own->found = true;
}

int address_is_own(struct mnl_socket *nl, const struct ip *ip, bool *ret,
		   struct err *err)
{
	_Alignas(struct nlmsghdr) char buf[NL_REQUEST];
	struct own own = { .ip = ip };
	struct ifaddrmsg *a;
	struct nlmsghdr *h =
		nl_begin(buf, RTM_GETADDR, NLM_F_DUMP, sizeof(*a), &a);

	a->ifa_family = (uint8_t)ip->family;
	if (nl_talk(nl, h, compare_own, &own, err))
		return err_prefix(err, "list the host's addresses");
	*ret = own.found;
	return 0;
}

static void take_type(const struct nlmsghdr *h, void *arg)
{
	const struct rtmsg *r = NLMSG_DATA(h);

	if (h->nlmsg_type == RTM_NEWROUTE)
		*(unsigned char *)arg = r->rtm_type;
}

bool address_is_local(struct mnl_socket *nl, const struct ip *ip)
{
	_Alignas(struct nlmsghdr) char buf[NL_REQUEST];
	unsigned char type = RTN_UNSPEC;
	struct err ignored;
	struct rtmsg *r;
	struct nlmsghdr *h = nl_begin(buf, RTM_GETROUTE, 0, sizeof(*r), &r);

	r->rtm_family = (uint8_t)ip->family;
	r->rtm_dst_len = (uint8_t)(8 * ip_size(ip));
	nl_put(h, RTA_DST, ip->byte, ip_size(ip));
	return !nl_talk(nl, h, take_type, &type, &ignored) && type == RTN_LOCAL;
}

/*
 * Peers remember which MAC address they met an address at; the next cell that
 * gets it has the same one, so that they find it at once. And the kernel
 * allows no second macvlan with it on one interface.
 */
void address_mac(const struct ip *ip, uint8_t ret[static 6])
{
	uint64_t hash = 0xcbf29ce484222325; /* FNV-1a */

	for (size_t i = 0; i < ip_size(ip); i++)
		hash = (hash ^ ip->byte[i]) * 0x100000001b3;
	memcpy(ret, &hash, 6);
	ret[0] = (uint8_t)((ret[0] & ~1U) | 2); /* one host's, made up */
}

/*
 * What a killed cell had may be there until the kernel has taken its namespace
 * apart. That takes a moment, and is no failure.
 */
static int patiently(struct mnl_socket *nl, struct nlmsghdr *h, struct err *err)
{
	static const struct timespec pause = { 0, 20000000 };

	for (int i = 0;; i++) {
		if (!nl_talk(nl, h, NULL, NULL, err))
			return 0;
		if ((err->num != EADDRINUSE && err->num != EBUSY) || i == 100)
			return -1;
		nanosleep(&pause, NULL);
	}
}

static int add_address(struct mnl_socket *nl, int index, const struct ip *ip,
		       struct err *err)
{
	_Alignas(struct nlmsghdr) char buf[NL_REQUEST];
	char text[IP_TEXT];
	struct ip broadcast = ip_broadcast(ip);
	struct ifaddrmsg *a;
	struct nlmsghdr *h = nl_begin(
		buf, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof(*a), &a);

	a->ifa_family = (uint8_t)ip->family;
	a->ifa_prefixlen = ip->prefix;
	a->ifa_index = (unsigned)index;
	/* Leases see to it that there is no second one: no second's wait. */
	if (ip->family == AF_INET6)
		a->ifa_flags = IFA_F_NODAD;
	nl_put(h, IFA_LOCAL, ip->byte, ip_size(ip));
	nl_put(h, IFA_ADDRESS, ip->byte, ip_size(ip));
	if (ip->family == AF_INET && ip->prefix < 31)
		nl_put(h, IFA_BROADCAST, broadcast.byte, ip_size(ip));
	if (!patiently(nl, h, err))
		return 0;
	err_prefix(err, "give the cell address %s", ip_text_cidr(ip, text));
	if (err->num == EACCES || err->num == EOPNOTSUPP)
		err_hint(err, "is IPv6 switched off on this host?");
	return -1;
}

static int bring_up(struct mnl_socket *nl, int index, struct err *err)
{
	_Alignas(struct nlmsghdr) char buf[NL_REQUEST];
	struct ifinfomsg *i;
	struct nlmsghdr *h = nl_begin(buf, RTM_NEWLINK, 0, sizeof(*i), &i);

	i->ifi_index = index;
	i->ifi_flags = i->ifi_change = IFF_UP;
	if (!patiently(nl, h, err))
		return 0;
	err_prefix(err, "bring the cell's interface up");
	if (err->num == EBUSY || err->num == EADDRINUSE)
		err_hint(err, "its address is in use on the same interface, "
			      "by a namespace outlived by its cell? (lsns -t "
			      "net)");
	return -1;
}

static int add_route(struct mnl_socket *nl, int index, const struct ip *gateway,
		     bool onlink, struct err *err)
{
	_Alignas(struct nlmsghdr) char buf[NL_REQUEST];
	char text[IP_TEXT];
	struct rtmsg *r;
	struct nlmsghdr *h = nl_begin(
		buf, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, sizeof(*r), &r);

	r->rtm_family = (uint8_t)gateway->family;
	r->rtm_table = RT_TABLE_MAIN;
	r->rtm_protocol = RTPROT_STATIC;
	r->rtm_scope = RT_SCOPE_UNIVERSE;
	r->rtm_type = RTN_UNICAST;
	r->rtm_flags = onlink ? RTNH_F_ONLINK : 0;
	nl_put(h, RTA_GATEWAY, gateway->byte, ip_size(gateway));
	nl_put_u32(h, RTA_OIF, (uint32_t)index);
	if (nl_talk(nl, h, NULL, NULL, err))
		return err_prefix(err, "route by gateway %s",
				  ip_text(gateway, text));
	return 0;
}

int address_apply(const struct link_plan *plan, const struct link *link,
		  struct err *err)
{
	struct device own;

	if (device_read(link->sock, LINK_NAME, &own, err))
		return -1;
	if (!own.index)
		return err_set(err, 0, "the cell's interface has vanished");
	for (size_t i = 0; i < link->n; i++)
		if (add_address(link->sock, own.index, &link->address[i], err))
			return -1;
	if (bring_up(link->sock, own.index, err))
		return -1;
	for (int i = 0; i < 2; i++)
		if (plan->gateway[i].ip.family &&
		    add_route(link->sock, own.index, &plan->gateway[i].ip,
			      plan->gateway[i].onlink, err))
			return -1;
	return 0;
}
