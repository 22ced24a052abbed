/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <string.h>

#include "base/parse.h"
#include "collector/nodes.h"

enum {
	NAMES_MAX = 100000
};

struct expand {
	int (*fn)(void *arg, const char *word, struct err *err);
	void *arg;
	struct pool pool;
	size_t n;
	struct err *err;
};

static int expand(struct expand *x, const char *head, const char *rest);

/* `part` is one of "1-3,7"; numbers get as many digits as the first has. */
static int expand_part(struct expand *x, const char *head, const char *part,
		       const char *tail)
{
	size_t digits = strspn(part, "0123456789");
	const char *end = part[digits] == '-' ? part + digits + 1 : part;
	uint64_t first, last;

	if (parse_uint(pool_strndup(&x->pool, part, digits), 999999999, &first,
		       x->err) ||
	    parse_uint(end, 999999999, &last, x->err) || last < first)
		return err_set(x->err, 0, "'%s' is no range of numbers", part);
	for (uint64_t i = first; i <= last; i++)
		if (expand(x,
			   pool_printf(&x->pool, "%s%0*llu", head, (int)digits,
				       (unsigned long long)i),
			   tail))
			return -1;
	return 0;
}

/* What stands behind `head`, from its first bracket on. */
static int expand(struct expand *x, const char *head, const char *rest)
{
	const char *open = strchr(rest, '['), *close;
	char *parts, *save;

	if (++x->n > NAMES_MAX)
		return err_set(x->err, 0, "more than %d names", NAMES_MAX);
	if (!open)
		return x->fn(x->arg, pool_printf(&x->pool, "%s%s", head, rest),
			     x->err);
	close = strchr(open, ']');
	if (!close)
		return err_set(x->err, 0, "'%s%s' lacks a bracket", head, rest);
	head = pool_printf(&x->pool, "%s%.*s", head, (int)(open - rest), rest);
	parts = pool_strndup(&x->pool, open + 1, (size_t)(close - open) - 1);
	for (char *p = strtok_r(parts, ",", &save); p;
	     p = strtok_r(NULL, ",", &save))
		if (expand_part(x, head, p, close + 1))
			return -1;
	return 0;
}

/* Up to the next comma or blank that is in no brackets. */
static size_t word_length(const char *s)
{
	size_t len = 0;

	for (bool in = false; s[len] && (in || !strchr(", \t\n", s[len]));
	     len++)
		in = s[len] == '[' || (in && s[len] != ']');
	return len;
}

int nodes_expand(const char *list,
		 int (*fn)(void *arg, const char *word, struct err *err),
		 void *arg, struct err *err)
{
	struct expand x = { .fn = fn, .arg = arg, .err = err };
	int result = 0;

	while (!result && *(list += strspn(list, ", \t\n"))) {
		size_t len = word_length(list);

		result = expand(&x, "", pool_strndup(&x.pool, list, len));
		list += len;
	}
	pool_free(&x.pool);
	return result;
}

struct reading {
	struct nodes *nodes;
	void (*missing)(const char *name);
};

static void add(struct nodes *nodes, in_addr_t addr, unsigned prefix)
{
	struct nodes_net *net =
		pool_push(&nodes->pool, &nodes->net, &nodes->n, sizeof(*net));

	net->mask = prefix ? htonl(UINT32_MAX << (32 - prefix)) : 0;
	net->addr = addr & net->mask;
}

static int add_network(struct nodes *nodes, const char *word, const char *slash,
		       struct err *err)
{
	struct in_addr addr;
	uint64_t prefix;
	char text[INET_ADDRSTRLEN] = "";

	if ((size_t)(slash - word) < sizeof(text))
		memcpy(text, word, (size_t)(slash - word));
	if (inet_pton(AF_INET, text, &addr) != 1 ||
	    parse_uint(slash + 1, 32, &prefix, err))
		return err_set(err, 0,
			       "'%s' is no IPv4 network, as 10.1.0.0/16", word);
	add(nodes, addr.s_addr, (unsigned)prefix);
	return 0;
}

static int read_word(void *arg, const char *word, struct err *err)
{
	const struct addrinfo hints = { .ai_family = AF_INET,
					.ai_socktype = SOCK_STREAM };
	const char *slash = strchr(word, '/');
	const struct reading *r = arg;
	struct addrinfo *all;

	if (slash)
		return add_network(r->nodes, word, slash, err);
	if (getaddrinfo(word, NULL, &hints, &all)) {
		r->missing(word);
		return 0;
	}
	for (const struct addrinfo *a = all; a; a = a->ai_next) {
		struct sockaddr_in in;

		memcpy(&in, a->ai_addr, sizeof(in));
		add(r->nodes, in.sin_addr.s_addr, 32);
	}
	freeaddrinfo(all);
	return 0;
}

int nodes_read(const char *list, struct nodes *ret,
	       void (*missing)(const char *name), struct err *err)
{
	struct reading r = { ret, missing };

	return nodes_expand(list, read_word, &r, err);
}

bool nodes_has(const struct nodes *nodes, struct in_addr addr)
{
	for (size_t i = 0; i < nodes->n; i++)
		if ((addr.s_addr & nodes->net[i].mask) == nodes->net[i].addr)
			return true;
	return false;
}

void nodes_free(struct nodes *nodes)
{
	pool_free(&nodes->pool);
	nodes->net = NULL;
	nodes->n = 0;
}
