/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_IP_H
#define BASE_IP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* An IPv4 or IPv6 address, and in which network it is where that matters. */
struct ip {
	sa_family_t family; /* AF_INET, AF_INET6; 0: none */
	uint8_t prefix;     /* bits of the network */
	uint8_t byte[16];   /* of which an IPv4 address uses four */
};

enum {
	IP_TEXT = INET6_ADDRSTRLEN + 4 /* with "/128" */
};

/* "10.0.0.1", "fd00::1": an address that one host can have. Pure. */
int ip_parse(const char *text, struct ip *ret, struct err *err);

/* The same with "/24"; not the network's own address nor its broadcast's. */
int ip_parse_cidr(const char *text, struct ip *ret, struct err *err);

/* Bytes of the address. */
size_t ip_size(const struct ip *ip);

/* Without or with the prefix, into IP_TEXT bytes; returns `buf`. */
const char *ip_text(const struct ip *ip, char *buf);
const char *ip_text_cidr(const struct ip *ip, char *buf);

/* By family, then by number. */
int ip_compare(const struct ip *a, const struct ip *b);

/* Is `ip` in the network of `of`? */
bool ip_same_net(const struct ip *ip, const struct ip *of);

/* The next address of the family, if there is one. */
void ip_next(struct ip *ip);

/* The last address of the network: for IPv4 that of broadcasts. */
struct ip ip_broadcast(const struct ip *ip);

#endif
