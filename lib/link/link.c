/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/veth.h>
#include <net/if_arp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "link/internal.h"

static bool is_wireless(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/class/net/%s/phy80211", name);
	return !access(path, F_OK);
}

/* Mistakes that the kernel would only hint at, if it minded at all. */
static int check_parent(const struct link_plan *plan, const struct device *d,
			struct err *err)
{
	const char *kind = link_table[plan->kind].name, *name = plan->parent;

	if (!d->index)
		return err_set(err, 0, "this host has no interface '%s'", name);
	if (plan->kind == LINK_VETH && strcmp(d->kind, "bridge") != 0)
		return err_set(err, 0,
			       "'%s' is not a bridge (a cell on an interface "
			       "itself: macvlan or ipvlan)",
			       name);
	if (d->type != ARPHRD_ETHER)
		return err_set(err, 0, "'%s' is no Ethernet, %s needs one",
			       name, kind);
	if (plan->kind == LINK_MACVLAN && is_wireless(name))
		return err_set(err, 0,
			       "'%s' is wireless, and access points take no "
			       "second MAC address (ipvlan needs none)",
			       name);
	if (!(d->flags & IFF_UP))
		return err_set(err, 0, "'%s' is down (ip link set %s up)", name,
			       name);
	return 0;
}

/* What the cell's end is, wherever in the request that stands. */
static void put_cell_end(struct nlmsghdr *h, const struct link_plan *plan,
			 const struct link *link, int ns)
{
	uint8_t mac[6];

	nl_put_text(h, IFLA_IFNAME, LINK_NAME);
	nl_put_u32(h, IFLA_NET_NS_FD, (uint32_t)ns);
	if (plan->mtu)
		nl_put_u32(h, IFLA_MTU, plan->mtu);
	if (plan->kind == LINK_IPVLAN || !link->n)
		return;
	address_mac(&link->address[0], mac);
	nl_put(h, IFLA_ADDRESS, mac, sizeof(mac));
}

static void put_veth(struct nlmsghdr *h, const struct link_plan *plan,
		     const struct link *link, int parent, int ns)
{
	static const struct ifinfomsg peer_header;
	struct ifinfomsg *host = NLMSG_DATA(h);
	struct nlattr *info, *data, *peer;

	host->ifi_flags = host->ifi_change = IFF_UP;
	nl_put_text(h, IFLA_IFNAME, link->host_end);
	nl_put_u32(h, IFLA_MASTER, (uint32_t)parent);
	if (plan->mtu)
		nl_put_u32(h, IFLA_MTU, plan->mtu);
	info = nl_nest(h, IFLA_LINKINFO);
	nl_put_text(h, IFLA_INFO_KIND, "veth");
	data = nl_nest(h, IFLA_INFO_DATA);
	peer = nl_nest(h, VETH_INFO_PEER);
	memcpy((char *)h + h->nlmsg_len, &peer_header, sizeof(peer_header));
	h->nlmsg_len += sizeof(peer_header);
	put_cell_end(h, plan, link, ns);
	nl_unnest(h, peer);
	nl_unnest(h, data);
	nl_unnest(h, info);
}

static void put_child(struct nlmsghdr *h, const struct link_plan *plan,
		      const struct link *link, int parent, int ns)
{
	const struct link_row *row = &link_table[plan->kind];
	uint32_t mode = row->mode[plan->mode].value;
	struct nlattr *info, *data;

	put_cell_end(h, plan, link, ns);
	nl_put_u32(h, IFLA_LINK, (uint32_t)parent);
	info = nl_nest(h, IFLA_LINKINFO);
	nl_put_text(h, IFLA_INFO_KIND, row->name);
	data = nl_nest(h, IFLA_INFO_DATA);
	if (plan->kind == LINK_MACVLAN)
		nl_put_u32(h, IFLA_MACVLAN_MODE, mode);
	else
		nl_put(h, IFLA_IPVLAN_MODE, &(uint16_t){ (uint16_t)mode }, 2);
	nl_unnest(h, data);
	nl_unnest(h, info);
}

/* One request: it is in the cell's namespace, or there is none. */
static int make(struct mnl_socket *host, const struct link_plan *plan,
		const struct link *link, int parent, int ns, struct err *err)
{
	_Alignas(struct nlmsghdr) char buf[NL_REQUEST];
	const char *kind = link_table[plan->kind].name;
	struct ifinfomsg *i;
	struct nlmsghdr *h = nl_begin(
		buf, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(*i), &i);

	(plan->kind == LINK_VETH ? put_veth : put_child)(h, plan, link, parent,
							 ns);
	if (!nl_talk(host, h, NULL, NULL, err))
		return 0;
	err_prefix(err, "make %s on '%s'", kind, plan->parent);
	if (err->num == EOPNOTSUPP)
		return err_hint(err, "the kernel has no %s (modprobe %s)", kind,
				kind);
	if (err->num == EPERM)
		return err_hint(err, "this needs root with CAP_NET_ADMIN");
	return -1;
}

static bool has_family(const struct link *link, sa_family_t family)
{
	for (size_t i = 0; i < link->n; i++)
		if (link->address[i].family == family)
			return true;
	return false;
}

static int set_default(const char *key, const char *value, struct err *err)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/default/%s", key);
	if (fd_write_file(AT_FDCWD, path, value) && errno != ENOENT)
		return err_set(err, errno, "write %s", path);
	return 0;
}

/*
 * Where the site gives addresses the cell has these and no others: a router
 * on the network gives none. Without any, the network may.
 */
static int set_ipv6(const struct link *link, struct err *err)
{
	if (!link->n)
		return 0;
	if (!has_family(link, AF_INET6))
		return set_default("disable_ipv6", "1", err);
	if (set_default("accept_ra", "0", err))
		return -1;
	return set_default("accept_dad", "0", err);
}

static int open_ns(struct err *err)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? err_set(err, errno, "open the net namespace") : fd;
}

/* `ret_ns`, for a fresh namespace: a descriptor of it. */
static int in_cell(struct link *link, int *ret_ns, struct err *err)
{
	if (ret_ns && set_ipv6(link, err))
		return -1;
	if (ret_ns && (*ret_ns = open_ns(err)) < 0)
		return -1;
	link->sock = nl_open(err);
	return link->sock ? 0 : -1;
}

/* A socket belongs to the namespace that it was opened in. */
static int visit(int pidfd, struct link *link, int *ret_ns, struct err *err)
{
	cleanup_fd int own = open_ns(err);
	int ret;

	if (own < 0)
		return -1;
	if (setns(pidfd, CLONE_NEWNET))
		return err_set(err, errno, "join the cell's net namespace");
	ret = in_cell(link, ret_ns, err);
	if (setns(own, CLONE_NEWNET))
		return err_set(err, errno, "return from the net namespace");
	return ret;
}

/* Ends of a cable that no worker has seen yet are of unknown state. */
static bool is_cable_up(const struct device *bridge, const struct device *own,
			const struct device *port)
{
	return bridge->flags & IFF_RUNNING && own->operstate == OPER_UP &&
	       port->operstate == OPER_UP;
}

/*
 * Nothing will come through soon: no carrier, or a bridge that listens and
 * learns first (STP: half a minute).
 */
static bool is_hopeless(const struct device *parent, const struct device *port)
{
	if (!port->index)
		return !(parent->flags & IFF_RUNNING);
	return port->port_state != BR_STATE_FORWARDING &&
	       port->port_state != BR_STATE_DISABLED;
}

static bool has_local(const struct link *link)
{
	for (size_t i = 0; i < link->n; i++)
		if (!address_is_local(link->sock, &link->address[i]))
			return false;
	return true;
}

/*
 * What frames pass through is up when a worker of the kernel's has seen that
 * it is, and an IPv6 address is there when another has: soon, but not now.
 * Until then frames are dropped, and a second goes by until the next try.
 */
static int await_settled(struct mnl_socket *host, const struct link_plan *plan,
			 const struct link *link, struct err *err)
{
	static const struct timespec pause = { 0, 500000 };
	struct device parent, own, port = { 0 };

	for (int i = 0; i < 4000; i++) {
		if (device_read(host, plan->parent, &parent, err) ||
		    device_read(link->sock, LINK_NAME, &own, err) ||
		    (*link->host_end &&
		     device_read(host, link->host_end, &port, err)))
			return -1;
		if (is_hopeless(&parent, &port))
			return 0;
		if ((port.index ? is_cable_up(&parent, &own, &port)
				: own.flags & IFF_RUNNING) &&
		    has_local(link))
			return 0;
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int create(struct mnl_socket *host, const struct link_plan *plan,
		  int pidfd, struct link *link, struct err *err)
{
	cleanup_fd int ns = -1;
	struct device parent;

	if (device_read(host, plan->parent, &parent, err) ||
	    check_parent(plan, &parent, err) || visit(pidfd, link, &ns, err))
		return -1;
	if (make(host, plan, link, parent.index, ns, err) ||
	    address_apply(plan, link, err))
		return -1;
	return await_settled(host, plan, link, err);
}

int link_create(const struct link_plan *plan, int pidfd, struct link *link,
		struct err *err)
{
	struct mnl_socket *host = nl_open(err);
	int ret = host ? create(host, plan, pidfd, link, err) : -1;

	nl_close(host);
	if (!ret && plan->hook)
		ret = hook_run(plan, pidfd, err);
	return ret;
}

int link_sweep_host_end(const char *name, struct err *err)
{
	struct mnl_socket *host = nl_open(err);
	struct device d;
	int ret;

	if (!host)
		return -1;
	ret = device_read(host, name, &d, err);
	if (!ret && d.index && !strcmp(d.kind, "veth"))
		ret = device_remove(host, name, err);
	nl_close(host);
	return ret;
}

int link_attach(int pidfd, struct link *link, struct err *err)
{
	return visit(pidfd, link, NULL, err);
}

void link_read(struct link *link, struct link_usage *ret)
{
	struct device d;
	struct err ignored;

	*ret = (struct link_usage){ -1, -1 };
	if (link->sock && !device_read(link->sock, LINK_NAME, &d, &ignored))
		*ret = d.usage;
}

int link_remove(struct link *link, struct err *err)
{
	int ret = 0;

	if (link->sock)
		ret = device_remove(link->sock, LINK_NAME, err);
	nl_close(link->sock);
	link->sock = NULL;
	lease_release(link);
	return ret;
}
