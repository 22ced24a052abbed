/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/lazy.h"
#include "link/internal.h"

#define FUNCTIONS(X)                  \
	X(mnl_socket_open2)           \
	X(mnl_socket_bind)            \
	X(mnl_socket_setsockopt)      \
	X(mnl_socket_get_portid)      \
	X(mnl_socket_sendto)          \
	X(mnl_socket_recvfrom)        \
	X(mnl_socket_close)           \
	X(mnl_nlmsg_put_header)       \
	X(mnl_nlmsg_put_extra_header) \
	X(mnl_nlmsg_ok)               \
	X(mnl_nlmsg_next)             \
	X(mnl_nlmsg_get_payload)      \
	X(mnl_attr_put)               \
	X(mnl_attr_nest_start)        \
	X(mnl_attr_nest_end)          \
	X(mnl_attr_get_type)          \
	X(mnl_attr_get_payload)       \
	X(mnl_attr_get_payload_len)   \
	X(mnl_attr_parse)             \
	X(mnl_attr_parse_nested)
LAZY_TABLE(mnl, FUNCTIONS);

enum {
	ANSWER = 16384 /* one answer fits, whatever an interface has */
};

struct mnl_socket *nl_open(struct err *err)
{
	struct mnl_socket *nl;
	int on = 1;

	if (LAZY_LOAD(mnl, MNL_SONAME, FUNCTIONS, err))
		return NULL;
	nl = mnl.mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!nl || mnl.mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID)) {
		err_set(err, errno, "open a netlink socket");
		if (nl)
			mnl.mnl_socket_close(nl);
		return NULL;
	}
	/* The kernel's own words for what is wrong; short of them, numbers. */
	mnl.mnl_socket_setsockopt(nl, NETLINK_EXT_ACK, &on, sizeof(on));
	mnl.mnl_socket_setsockopt(nl, NETLINK_CAP_ACK, &on, sizeof(on));
	return nl;
}

void nl_close(struct mnl_socket *nl)
{
	if (nl)
		mnl.mnl_socket_close(nl);
}

struct nlmsghdr *nl_begin(char *buf, uint16_t type, uint16_t flags, size_t size,
			  void *ret_family)
{
	static uint32_t seq;
	struct nlmsghdr *h = mnl.mnl_nlmsg_put_header(buf);

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | flags;
	if (flags != NLM_F_DUMP)
		h->nlmsg_flags |= NLM_F_ACK;
	h->nlmsg_seq = ++seq;
	*(void **)ret_family = mnl.mnl_nlmsg_put_extra_header(h, size);
	return h;
}

void nl_put(struct nlmsghdr *h, uint16_t type, const void *data, size_t len)
{
	mnl.mnl_attr_put(h, type, len, data);
}

void nl_put_text(struct nlmsghdr *h, uint16_t type, const char *text)
{
	nl_put(h, type, text, strlen(text) + 1);
}

void nl_put_u32(struct nlmsghdr *h, uint16_t type, uint32_t value)
{
	nl_put(h, type, &value, sizeof(value));
}

struct nlattr *nl_nest(struct nlmsghdr *h, uint16_t type)
{
	return mnl.mnl_attr_nest_start(h, type);
}

void nl_unnest(struct nlmsghdr *h, struct nlattr *nest)
{
	mnl.mnl_attr_nest_end(h, nest);
}

struct search {
	uint16_t type;
	const struct nlattr *found;
};

static int compare(const struct nlattr *attr, void *arg)
{
	struct search *s = arg;

	if (mnl.mnl_attr_get_type(attr) == s->type)
		s->found = attr;
	return MNL_CB_OK;
}

static const struct nlattr *find(const struct nlmsghdr *h, size_t family_size,
				 uint16_t type)
{
	struct search s = { .type = type };

	mnl.mnl_attr_parse(h, (unsigned)family_size, compare, &s);
	return s.found;
}

const void *nl_attr(const struct nlmsghdr *h, size_t family_size, uint16_t type,
		    size_t *ret_len)
{
	const struct nlattr *a = find(h, family_size, type);

	if (!a)
		return NULL;
	*ret_len = mnl.mnl_attr_get_payload_len(a);
	return mnl.mnl_attr_get_payload(a);
}

const void *nl_attr_nested(const struct nlmsghdr *h, size_t family_size,
			   const uint16_t *path)
{
	struct search s = { .found = find(h, family_size, *path) };

	while (s.found && *++path) {
		const struct nlattr *outer = s.found;

		s = (struct search){ .type = *path };
		mnl.mnl_attr_parse_nested(outer, compare, &s);
	}
	return s.found ? mnl.mnl_attr_get_payload(s.found) : NULL;
}

/* The end of an answer: 0, or the kernel's number and, if it has any, words. */
static int take_end(const struct nlmsghdr *h, struct err *err)
{
	const struct nlmsgerr *e = mnl.mnl_nlmsg_get_payload(h);
	const char *said = NULL;
	size_t len = 0;

	if (h->nlmsg_type == NLMSG_DONE || !e->error)
		return 0;
	if (h->nlmsg_flags & NLM_F_ACK_TLVS)
		said = nl_attr(h, sizeof(*e), NLMSGERR_ATTR_MSG, &len);
	if (said && len)
		return err_set(err, -e->error, "%.*s", (int)len, said);
	err_set(err, 0, "%s", strerror(-e->error));
	err->num = -e->error;
	return -1;
}

int nl_talk(struct mnl_socket *nl, struct nlmsghdr *h,
	    void (*fn)(const struct nlmsghdr *h, void *arg), void *arg,
	    struct err *err)
{
	_Alignas(struct nlmsghdr) char buf[ANSWER];

	if (mnl.mnl_socket_sendto(nl, h, h->nlmsg_len) < 0)
		return err_set(err, errno, "send to netlink");
	for (;;) {
		ssize_t n = mnl.mnl_socket_recvfrom(nl, buf, sizeof(buf));
		const struct nlmsghdr *m = (const struct nlmsghdr *)buf;
		int left = (int)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(err, errno, "read from netlink");
		for (; mnl.mnl_nlmsg_ok(m, left);
		     m = mnl.mnl_nlmsg_next(m, &left)) {
			if (m->nlmsg_seq != h->nlmsg_seq)
				continue;
			if (m->nlmsg_type == NLMSG_ERROR ||
			    m->nlmsg_type == NLMSG_DONE)
				return take_end(m, err);
			if (fn)
				fn(m, arg);
		}
	}
}
