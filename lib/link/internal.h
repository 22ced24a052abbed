/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LINK_INTERNAL_H
#define LINK_INTERNAL_H

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include "link/link.h"

enum {
	NL_REQUEST = 1024, /* bytes that every request of ours fits into */
	OPER_UP = 6 /* IF_OPER_UP: linux/if.h and net/if.h exclude each other */
};

/* A socket in the caller's net namespace. Loads libmnl. NULL on failure. */
struct mnl_socket *nl_open(struct err *err);
void nl_close(struct mnl_socket *nl);

/*
 * Begin a request in `buf` of NL_REQUEST bytes; `ret_family` is the header of
 * the message's type, `size` bytes, zeroed.
 */
struct nlmsghdr *nl_begin(char *buf, uint16_t type, uint16_t flags, size_t size,
			  void *ret_family);
void nl_put(struct nlmsghdr *h, uint16_t type, const void *data, size_t len);
void nl_put_text(struct nlmsghdr *h, uint16_t type, const char *text);
void nl_put_u32(struct nlmsghdr *h, uint16_t type, uint32_t value);
struct nlattr *nl_nest(struct nlmsghdr *h, uint16_t type);
void nl_unnest(struct nlmsghdr *h, struct nlattr *nest);

/*
 * Send, and wait for the answer; `fn` gets each message before its end. On
 * failure err->num is the kernel's number, and its words are in err->text.
 */
int nl_talk(struct mnl_socket *nl, struct nlmsghdr *h,
	    void (*fn)(const struct nlmsghdr *h, void *arg), void *arg,
	    struct err *err);

/* What an attribute holds, and its length; NULL if it is not there. */
const void *nl_attr(const struct nlmsghdr *h, size_t family_size, uint16_t type,
		    size_t *ret_len);
/* The same of a nested one; `path` are the types from the outside, then 0. */
const void *nl_attr_nested(const struct nlmsghdr *h, size_t family_size,
			   const uint16_t *path);

/* An interface, by name. */
struct device {
	int index; /* 0: there is none */
	unsigned flags;
	unsigned short type; /* ARPHRD_... */
	char kind[IFNAMSIZ]; /* "bridge"; "": hardware */
	uint8_t operstate;   /* of RFC 2863, as in linux/if.h */
	uint8_t port_state;  /* BR_STATE_..., of a bridge's port */
	struct link_usage usage;
};
int device_read(struct mnl_socket *nl, const char *name, struct device *ret,
		struct err *err);
/* Gone is as good as removed. */
int device_remove(struct mnl_socket *nl, const char *name, struct err *err);

/* Is `ip` one of the namespace's own? */
int address_is_own(struct mnl_socket *nl, const struct ip *ip, bool *ret,
		   struct err *err);
/* Does the kernel take what comes for `ip`? */
bool address_is_local(struct mnl_socket *nl, const struct ip *ip);
/* Addresses, up, routes: of the interface in the cell. */
int address_apply(const struct link_plan *plan, const struct link *link,
		  struct err *err);

/* The MAC address that goes with an address: always the same one. */
void address_mac(const struct ip *ip, uint8_t ret[static 6]);

/* Run the site's program in the cell, and wait for it. */
int hook_run(const struct link_plan *plan, int pidfd, struct err *err);

/* Give leases back; those that are another process's as far as it is gone. */
void lease_release(struct link *link);

#endif
