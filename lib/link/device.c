/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>

#include "link/internal.h"

static const uint16_t kind_path[] = { IFLA_LINKINFO, IFLA_INFO_KIND, 0 };
static const uint16_t state_path[] = { IFLA_LINKINFO, IFLA_INFO_SLAVE_DATA,
				       IFLA_BRPORT_STATE, 0 };

static void take_device(const struct nlmsghdr *h, void *arg)
{
	const struct ifinfomsg *i = NLMSG_DATA(h);
	struct device *d = arg;
	struct rtnl_link_stats64 stats = { 0 };
	const void *at;
	const uint8_t *oper, *state;
	const char *kind;
	size_t len;

	if (h->nlmsg_type != RTM_NEWLINK)
		return;
	d->index = i->ifi_index;
	d->flags = i->ifi_flags;
	d->type = i->ifi_type;
	kind = nl_attr_nested(h, sizeof(*i), kind_path);
	snprintf(d->kind, sizeof(d->kind), "%s", kind ? kind : "");
	oper = nl_attr(h, sizeof(*i), IFLA_OPERSTATE, &len);
	d->operstate = oper ? *oper : 0;
	state = nl_attr_nested(h, sizeof(*i), state_path);
	d->port_state = state ? *state : BR_STATE_DISABLED;
	at = nl_attr(h, sizeof(*i), IFLA_STATS64, &len);
	if (!at || len < 4 * sizeof(stats.rx_bytes))
		return;
	/* Attributes are aligned to four bytes only, and grow with kernels. */
	memcpy(&stats, at, len < sizeof(stats) ? len : sizeof(stats));
	d->usage.rx = (int64_t)stats.rx_bytes;
	d->usage.tx = (int64_t)stats.tx_bytes;
}

int device_read(struct mnl_socket *nl, const char *name, struct device *ret,
		struct err *err)
{
	_Alignas(struct nlmsghdr) char buf[NL_REQUEST];
	struct ifinfomsg *i;
	struct nlmsghdr *h = nl_begin(buf, RTM_GETLINK, 0, sizeof(*i), &i);

	memset(ret, 0, sizeof(*ret));
	ret->usage = (struct link_usage){ -1, -1 };
	nl_put_text(h, IFLA_IFNAME, name);
	if (!nl_talk(nl, h, take_device, ret, err) || err->num == ENODEV)
		return 0;
	return err_prefix(err, "look up interface '%s'", name);
}

int device_remove(struct mnl_socket *nl, const char *name, struct err *err)
{
	_Alignas(struct nlmsghdr) char buf[NL_REQUEST];
	struct ifinfomsg *i;
	struct nlmsghdr *h = nl_begin(buf, RTM_DELLINK, 0, sizeof(*i), &i);

	nl_put_text(h, IFLA_IFNAME, name);
	if (!nl_talk(nl, h, NULL, NULL, err) || err->num == ENODEV)
		return 0;
	return err_prefix(err, "remove interface '%s'", name);
}
