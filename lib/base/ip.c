/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/ip.h"
#include "base/parse.h"

size_t ip_size(const struct ip *ip)
{
	return ip->family == AF_INET ? 4 : 16;
}

/* Groups, loopback and "any" are nobody's own; fe80 makes itself. */
static bool is_special(const struct ip *ip)
{
	struct in6_addr a;

	if (ip->family == AF_INET)
		return ip->byte[0] == 0 || ip->byte[0] == 127 ||
		       ip->byte[0] >= 224;
	memcpy(&a, ip->byte, sizeof(a));
	return IN6_IS_ADDR_MULTICAST(&a) || IN6_IS_ADDR_LOOPBACK(&a) ||
	       IN6_IS_ADDR_UNSPECIFIED(&a) || IN6_IS_ADDR_V4MAPPED(&a);
}

int ip_parse(const char *text, struct ip *ret, struct err *err)
{
	struct ip ip = { .family = strchr(text, ':') ? AF_INET6 : AF_INET };

	if (inet_pton(ip.family, text, ip.byte) != 1)
		return err_set(err, 0, "'%s' is not an IP address", text);
	if (is_special(&ip))
		return err_set(err, 0, "'%s' is no address for a host", text);
	ip.prefix = (uint8_t)(8 * ip_size(&ip));
	*ret = ip;
	return 0;
}

/* The address with all bits behind the prefix as `bit` says. */
static struct ip edge(const struct ip *ip, bool bit)
{
	struct ip e = *ip;

	for (size_t i = 0; i < ip_size(ip); i++) {
		size_t bits = ip->prefix > 8 * i ? ip->prefix - 8 * i : 0;
		uint8_t host = bits >= 8 ? 0 : (uint8_t)(0xff >> bits);

		e.byte[i] = (uint8_t)(bit ? e.byte[i] | host
					  : e.byte[i] & (uint8_t)~host);
	}
	return e;
}

int ip_parse_cidr(const char *text, struct ip *ret, struct err *err)
{
	const char *slash = strchr(text, '/');
	struct ip ip = { 0 }, first, last;
	char plain[IP_TEXT];
	uint64_t prefix;

	if (!slash || slash - text >= IP_TEXT)
		return err_set(err, 0, "'%s' is not ADDRESS/BITS", text);
	snprintf(plain, sizeof(plain), "%.*s", (int)(slash - text), text);
	if (ip_parse(plain, &ip, err))
		return -1;
	if (parse_uint(slash + 1, ip.prefix, &prefix, err) || !prefix)
		return err_set(err, 0, "'%s': bits are from 1 to %u", text,
			       ip.prefix);
	ip.prefix = (uint8_t)prefix;
	first = edge(&ip, false);
	last = edge(&ip, true);
	/* Point-to-point networks have neither of them (RFC 3021, RFC 6164). */
	if (prefix + 1 < 8 * ip_size(&ip) &&
	    (!ip_compare(&ip, &first) ||
	     (ip.family == AF_INET && !ip_compare(&ip, &last))))
		return err_set(err, 0,
			       "'%s' is the address of the network or of its "
			       "broadcasts, not of a host",
			       text);
	*ret = ip;
	return 0;
}

const char *ip_text(const struct ip *ip, char *buf)
{
	if (!inet_ntop(ip->family, ip->byte, buf, IP_TEXT))
		*buf = '\0';
	return buf;
}

const char *ip_text_cidr(const struct ip *ip, char *buf)
{
	size_t len = strlen(ip_text(ip, buf));

	snprintf(buf + len, IP_TEXT - len, "/%u", ip->prefix);
	return buf;
}

int ip_compare(const struct ip *a, const struct ip *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->byte, b->byte, ip_size(a));
}

bool ip_same_net(const struct ip *ip, const struct ip *of)
{
	struct ip a = *ip, b;

	a.prefix = of->prefix;
	a = edge(&a, false);
	b = edge(of, false);
	return !ip_compare(&a, &b);
}

void ip_next(struct ip *ip)
{
	for (size_t i = ip_size(ip); i-- > 0;)
		if (++ip->byte[i])
			return;
}

struct ip ip_broadcast(const struct ip *ip)
{
	return edge(ip, true);
}
