/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

/* cmocka.h needs those before it. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <string.h>

#include "base/ip.h"
#include "plan/net.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static struct pool pool;

static int teardown(void **state)
{
	(void)state;
	pool_free(&pool);
	return 0;
}

static void cidr_good(void **state)
{
	static const struct {
		const char *in, *plain;
		unsigned prefix;
	} rows[] = {
		{ "10.1.0.5/24", "10.1.0.5", 24 },
		{ "10.1.0.0/16", NULL, 16 },
		{ "10.1.1.0/16", "10.1.1.0", 16 },
		{ "10.1.0.0/31", "10.1.0.0", 31 },
		{ "10.1.0.255/32", "10.1.0.255", 32 },
		{ "192.168.1.1/1", "192.168.1.1", 1 },
		{ "fd00::1/64", "fd00::1", 64 },
		{ "FD00:0:0::0a/128", "fd00::a", 128 },
		{ "fd00::/127", "fd00::", 127 },
		{ "fd00::ffff:ffff:ffff:ffff/64", "fd00::ffff:ffff:ffff:ffff",
		  64 },
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		struct err err = { 0 };
		char text[IP_TEXT];
		struct ip ip;
		int ret = ip_parse_cidr(rows[i].in, &ip, &err);

		assert_int_equal(ret, rows[i].plain ? 0 : -1);
		if (ret)
			continue;
		assert_string_equal(ip_text(&ip, text), rows[i].plain);
		assert_int_equal(ip.prefix, rows[i].prefix);
	}
}

static void cidr_bad(void **state)
{
	static const char *const rows[] = {
		"",
		"/",
		"10.1.0.5",
		"10.1.0.5/",
		"10.1.0.5/0",
		"10.1.0.5/33",
		"10.1.0.5/024x",
		"10.1.0.5/ 24",
		"10.1.0/24",
		"10.1.0.05.1/24",
		"10.1.0.256/24",
		" 10.1.0.5/24",
		"10.1.0.0/24",
		"10.1.0.255/24",
		"0.0.0.1/24",
		"127.0.0.1/8",
		"224.0.0.1/24",
		"255.255.255.255/32",
		"fd00::/64",
		"fd00::1/129",
		"fd00::1%eth0/64",
		"::1/128",
		"::/0",
		"ff02::1/64",
		"::ffff:10.1.0.5/96",
		"fd00:1:2:3:4:5:6:7:8/64",
		"0000000000000000000000000000000000000000000000000000001/64",
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		struct err err = { 0 };
		struct ip ip = { .prefix = 77 };

		if (!ip_parse_cidr(rows[i], &ip, &err))
			fail_msg("'%s' was taken", rows[i]);
		assert_true(*err.text);
		assert_int_equal(ip.prefix, 77);
	}
}

static struct ip cidr(const char *text)
{
	struct err err = { 0 };
	struct ip ip;

	if (ip_parse_cidr(text, &ip, &err))
		fail_msg("%s", err.text);
	return ip;
}

static void networks(void **state)
{
	struct ip a = cidr("10.1.2.3/20"), b = cidr("fd00::1/68");
	struct ip c = cidr("10.1.15.9/32"), d = cidr("10.1.16.1/32"), e;
	char text[IP_TEXT];

	(void)state;
	e = ip_broadcast(&a);
	assert_string_equal(ip_text_cidr(&e, text), "10.1.15.255/20");
	e = ip_broadcast(&b);
	assert_string_equal(ip_text_cidr(&e, text),
			    "fd00::fff:ffff:ffff:ffff/68");
	assert_true(ip_same_net(&c, &a));
	assert_false(ip_same_net(&d, &a));
	assert_false(ip_same_net(&a, &b));
	assert_true(ip_compare(&a, &b) < 0);
	e = cidr("10.1.255.255/8");
	ip_next(&e);
	assert_string_equal(ip_text(&e, text), "10.2.0.0");
}

static void net_good(void **state)
{
	struct err err = { 0 };
	const struct option_net *net;

	(void)state;
	assert_int_equal(net_parse("veth:br0", &pool, &net, &err), 0);
	assert_int_equal(net->link.kind, LINK_VETH);
	assert_string_equal(net->link.parent, "br0");
	assert_false(net->details);
	assert_int_equal(net_parse("veth:br0,pool=a", &pool, &net, &err), 0);
	assert_false(net->details);
	assert_string_equal(net->pool, "a");
	assert_int_equal(net_parse("macvlan:eth0.5,mode=private,mtu=9000,"
				   "addr=10.0.0.1/8,addr=fd00::1/64,"
				   "gw=fe80::1,gw=10.0.0.2",
				   &pool, &net, &err),
			 0);
	assert_int_equal(net->link.kind, LINK_MACVLAN);
	assert_int_equal(net->mode, 1);
	assert_int_equal(net->mtu, 9000);
	assert_int_equal(net->n_addr, 2);
	assert_true(net->details);
	assert_int_equal(net->gateway[0].family, AF_INET);
	assert_int_equal(net->gateway[1].family, AF_INET6);
	assert_int_equal(net_parse("ipvlan:ib0,mode=l3", &pool, &net, &err), 0);
	assert_int_equal(net->mode, 1);
}

static void net_bad(void **state)
{
	static const char *const rows[] = {
		"",
		"veth",
		"veth:",
		"veth:,addr=10.0.0.1/8",
		"vet:br0",
		"veth0:br0",
		"Veth:br0",
		"bridge:br0",
		"veth:..",
		"veth:a/b",
		"veth:a b",
		"veth:a:b",
		"veth:0123456789abcdef",
		"veth:br0,",
		"veth:br0,,addr=10.0.0.1/8",
		"veth:br0,addr",
		"veth:br0,addr=",
		"veth:br0,addr=10.0.0.1",
		"veth:br0,addr=10.0.0.1/8,addr=10.0.0.1/8",
		"veth:br0,addr=10.0.0.1/8,addr=10.0.0.1/16",
		"veth:br0,gw=10.0.0.1",
		"veth:br0,addr=fd00::1/64,gw=10.0.0.1",
		"veth:br0,addr=10.0.0.1/8,gw=10.0.0.2,gw=10.0.0.3",
		"veth:br0,mode=bridge",
		"macvlan:br0,mode=l2",
		"macvlan:br0,mode=",
		"ipvlan:br0,mode=bridge",
		"veth:br0,mtu=1279",
		"veth:br0,mtu=65536",
		"veth:br0,pool=",
		"veth:br0,name=eth1",
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		const struct option_net *net = NULL;
		struct err err = { 0 };

		if (!net_parse(rows[i], &pool, &net, &err))
			fail_msg("'%s' was taken", rows[i]);
		assert_true(*err.text);
		assert_null(net);
	}
}

static void net_many(void **state)
{
	const char *text = "veth:br0";
	const struct option_net *net;
	struct err err = { 0 };

	(void)state;
	for (int i = 1; i <= LINK_ADDRESSES; i++)
		text = pool_printf(&pool, "%s,addr=10.0.0.%d/8", text, i);
	assert_int_equal(net_parse(text, &pool, &net, &err), 0);
	text = pool_printf(&pool, "%s,addr=10.0.0.99/8", text);
	assert_int_equal(net_parse(text, &pool, &net, &err), -1);
	assert_string_equal(err.text, "addr: at most 8 addresses");
}

static void pool_good(void **state)
{
	struct net_pool *list = NULL;
	struct err err = { 0 };
	size_t n = 0;

	(void)state;
	assert_int_equal(net_pool_parse("a on=br0 10.0.0.10-10.0.0.20/24 "
					"gw=10.0.0.1",
					&pool, &list, &n, &err),
			 0);
	assert_int_equal(net_pool_parse("b,on=br0,on=br1,10.1.0.7/24", &pool,
					&list, &n, &err),
			 0);
	assert_int_equal(net_pool_parse("a fd00::1-fd00::ffff/64 "
					"10.0.1.1/24",
					&pool, &list, &n, &err),
			 0);
	assert_int_equal(n, 2);
	assert_string_equal(list[0].name, "a");
	assert_int_equal(list[0].n_on, 1);
	assert_int_equal(list[0].n_ranges[0], 2);
	assert_int_equal(list[0].n_ranges[1], 1);
	assert_int_equal(list[0].gateway[0].family, AF_INET);
	assert_int_equal(list[1].n_on, 2);
	assert_int_equal(
		ip_compare(&list[1].range[0]->first, &list[1].range[0]->last),
		0);
}

static void pool_bad(void **state)
{
	static const char *const rows[] = {
		" ",
		"on=br0",
		"10.0.0.1/24 on=br0",
		"a",
		"a 10.0.0.1/24",
		"a on= 10.0.0.1/24",
		"a on=a/b 10.0.0.1/24",
		"a on=br0 10.0.0.1",
		"a on=br0 10.0.0.1-10.0.0.9",
		"a on=br0 10.0.0.9-10.0.0.1/24",
		"a on=br0 10.0.0.1-10.0.1.9/24",
		"a on=br0 10.0.0.1-fd00::1/24",
		"a on=br0 10.0.0.0-10.0.0.9/24",
		"a on=br0 10.0.0.1-10.0.0.255/24",
		"a on=br0 10.0.0.1/24-10.0.0.9/24",
		"a on=br0 10.0.0.1-10.1.0.1/8",
		"a on=br0 fd00::1-fd00::1:1/64",
		"a on=br0 fd00::1-fd00:0:0:0:ffff::1/64",
		"a on=br0 10.0.0.1-10.0.0.9/24 gw=10.0.0.5",
		"a on=br0 gw=10.0.0.5 10.0.0.1-10.0.0.9/24",
		"a on=br0 gw=10.0.0.5 gw=10.0.0.6",
		"a on=br0 gw=10.0.0.5/24",
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		struct net_pool *list = NULL;
		struct err err = { 0 };
		size_t n = 0;

		if (!net_pool_parse(rows[i], &pool, &list, &n, &err))
			fail_msg("'%s' was taken", rows[i]);
		assert_true(*err.text);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(cidr_good), cmocka_unit_test(cidr_bad),
		cmocka_unit_test(networks),  cmocka_unit_test(net_good),
		cmocka_unit_test(net_bad),   cmocka_unit_test(net_many),
		cmocka_unit_test(pool_good), cmocka_unit_test(pool_bad),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
