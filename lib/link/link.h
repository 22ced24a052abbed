/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LINK_LINK_H
#define LINK_LINK_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/ip.h"

/* How a cell's own interface hangs on one of the host's. */
enum link_kind {
	LINK_NONE,
	LINK_VETH,    /* one end of a cable, the other on a bridge */
	LINK_MACVLAN, /* a second MAC address of an interface */
	LINK_IPVLAN,  /* a second IP address of an interface */
	LINK_KINDS,
};

struct link_row {
	const char *name; /* in options, and of the kernel */
	struct {
		const char *name;
		uint32_t value; /* of the kernel; the first is the default */
	} mode[2];              /* none: no such option */
};
extern const struct link_row link_table[LINK_KINDS];

/* Both ends are in the same network, and count. */
struct link_range {
	struct ip first, last;
};

/* One address that the cell is to have: the first that is free of these. */
struct link_want {
	const struct link_range *range;
	size_t n;
	const char *pool; /* that they are from; NULL: it was named */
};

enum {
	LINK_ADDRESSES = 8 /* at most, of one cell */
};

struct link_plan {
	enum link_kind kind;
	const char *parent; /* bridge or interface of the host */
	int mode;           /* index in the row's modes */
	uint32_t mtu;       /* 0: the parent's */
	struct link_want want[LINK_ADDRESSES];
	size_t n_wants;
	struct {
		struct ip ip; /* family 0: none */
		bool onlink;  /* not in the network of each address */
	} gateway[2];
	const char *leases; /* directory, root's */
	const char *hook;   /* program of the site's, or NULL */
	const char *const *hook_env;
};

/* The name of the interface in the cell. */
#define LINK_NAME "eth0"

/* A cell's interface while it is there. */
struct link {
	struct mnl_socket *sock; /* in the cell's net namespace, or NULL */
	char host_end[IFNAMSIZ]; /* of a veth; "": none */
	const char *leases;      /* the plan's */
	size_t n;
	struct ip address[LINK_ADDRESSES];
	int lease[LINK_ADDRESSES]; /* locks, or -1: another process has it */
};

struct link_usage {
	int64_t rx, tx; /* bytes; -1: not known */
};

/* Before anything: what the interface is going to be called outside. */
int link_init(const struct link_plan *plan, struct link *link, struct err *err);

/*
 * Take the addresses that the plan wants, each by a file of its name in the
 * directory of leases, locked (flock(2)): nobody else gets an address while a
 * descriptor of its lease is open, here or in a child that inherited it, and
 * the kernel frees it with the last one, however its process ends. Needs root.
 * On failure nothing is held.
 */
int link_lease(const struct link_plan *plan, struct link *link,
	       struct err *err);

/*
 * Make the interface, in the net namespace of the process behind `pidfd`:
 * nothing of it is in the host's but the end of a veth, which goes with the
 * namespace. When this returns it is up, has its addresses and routes, and
 * carries packets; the site's hook has run. Needs CAP_NET_ADMIN over both
 * namespaces, and a single thread (of the caller, which changes its net
 * namespace for a moment). On failure link_remove cleans up.
 * See rtnetlink(7), veth(4).
 */
int link_create(const struct link_plan *plan, int pidfd, struct link *link,
		struct err *err);

/* For another process than the one that made it: what link_remove needs. */
int link_attach(int pidfd, struct link *link, struct err *err);

/* What has gone through the interface; it has to be there. */
void link_read(struct link *link, struct link_usage *ret);

/*
 * Take the interface out of the cell's namespace, which others may hold, and
 * only then give its addresses back. Nothing to do is no error.
 */
int link_remove(struct link *link, struct err *err);

/*
 * Remove the leases that killed cells have left in that directory, and what
 * is there of their interfaces. Not there: nothing to do. Needs root.
 */
int link_sweep(const char *leases, struct err *err);

/* Remove the host's end of a killed cell's cable, if it is there. */
int link_sweep_host_end(const char *name, struct err *err);

/* Where leases are. */
#define LINK_LEASES "/run/cloison/leases"

#endif
