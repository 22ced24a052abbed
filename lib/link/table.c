/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <linux/if_link.h>

#include "link/link.h"

const struct link_row link_table[LINK_KINDS] = {
	[LINK_VETH] = { "veth" },
	[LINK_MACVLAN] = { "macvlan",
			   { { "bridge", MACVLAN_MODE_BRIDGE },
			     { "private", MACVLAN_MODE_PRIVATE } } },
	[LINK_IPVLAN] = { "ipvlan",
			  { { "l2", IPVLAN_MODE_L2 },
			    { "l3", IPVLAN_MODE_L3 } } },
};
