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

#include <arpa/inet.h>
#include <string.h>

#include "collector/conf.h"
#include "collector/nodes.h"

static struct err err;

static int join(void *arg, const char *word, struct err *e)
{
	char *all = arg;

	(void)e;
	strcat(all, word);
	strcat(all, " ");
	return 0;
}

static void test_expand(void **state)
{
	static const struct {
		const char *list, *words;
	} rows[] = {
		{ "", "" },
		{ "a", "a " },
		{ " a, b\tc,,", "a b c " },
		{ "n[1-3]", "n1 n2 n3 " },
		{ "n[08-10,7]x,y", "n08x n09x n10x n7x y " },
		{ "r[1-2]n[3,5]", "r1n3 r1n5 r2n3 r2n5 " },
		{ "10.0.0.0/8,[1]", "10.0.0.0/8 1 " },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char all[256] = "";

		assert_int_equal(nodes_expand(rows[i].list, join, all, &err),
				 0);
		assert_string_equal(all, rows[i].words);
	}
}

static int nothing(void *arg, const char *word, struct err *e)
{
	(void)arg, (void)word, (void)e;
	return 0;
}

static void test_bad_list(void **state)
{
	static const char *const rows[] = {
		"n[1-",
		"n[",
		"n[a]",
		"n[1-a]",
		"n[3-2]",
		"n[-1]",
		"n[1-2-3]",
		"n[1-999999999]",
		"n[99999999999999999999]",
		"n[1-1000]m[1-1000]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!nodes_expand(rows[i], nothing, NULL, &err))
			fail_msg("%s", rows[i]);
}

static void missing(const char *name)
{
	fail_msg("%s", name);
}

static void test_nodes(void **state)
{
	static const struct {
		const char *addr;
		bool has;
	} rows[] = {
		{ "192.0.2.1", true },    { "192.0.2.2", false },
		{ "10.1.255.255", true }, { "10.2.0.0", false },
		{ "198.51.100.7", true }, { "198.51.100.8", false },
		{ "0.0.0.0", false },
	};
	struct nodes nodes = { 0 };

	(void)state;
	/* The bits of the host do not matter. */
	assert_int_equal(nodes_read("192.0.2.1,10.1.2.3/16 198.51.100.[6-7]",
				    &nodes, missing, &err),
			 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct in_addr addr;

		assert_int_equal(inet_pton(AF_INET, rows[i].addr, &addr), 1);
		assert_int_equal(nodes_has(&nodes, addr), rows[i].has);
	}
	nodes_free(&nodes);
	assert_int_equal(nodes_read("0.0.0.0/0", &nodes, missing, &err), 0);
	assert_true(nodes_has(&nodes, (struct in_addr){ 1 }));
	nodes_free(&nodes);
}

static void test_conf(void **state)
{
	static const char text[] =
		"; a remark\n[cloisond]\nrole = collect\nttl = 10m\n"
		"[ship]\ncollector = a, b:1 [::1]:2\ncollector = [::2]\n"
		"batch-bytes = 512K\nretry-max = 90s\ncollector-user = 4711\n"
		"stats =\n"
		"[collect]\nlisten = *:99\nnodes = a\nnodes = b\n"
		"retention = 400d\n";
	static const struct conf_place places[] = { { "a", CONF_PORT },
						    { "b", "1" },
						    { "::1", "2" },
						    { "::2", CONF_PORT } };
	struct conf conf;

	(void)state;
	conf_init(&conf);
	if (conf_parse(&conf, text, "x", &err))
		fail_msg("%s", err.text);
	assert_int_equal(conf.role, ROLE_COLLECT);
	assert_int_equal(conf.ttl_s, 600);
	assert_int_equal(conf.ship.collectors.n, 4);
	for (size_t i = 0; i < 4; i++) {
		const struct conf_place *p = &conf.ship.collectors.place[i];

		assert_string_equal(p->host, places[i].host);
		assert_string_equal(p->port, places[i].port);
	}
	assert_int_equal(conf.ship.batch_bytes, 524288);
	assert_int_equal(conf.ship.retry_s, 90);
	assert_int_equal(conf.ship.collector_uid, 4711);
	assert_null(conf.ship.stats);
	assert_null(conf.collect.listen.place[0].host);
	assert_string_equal(conf.collect.nodes, "a,b");
	assert_int_equal(conf.collect.retention_s, (int64_t)400 * 86400);
	assert_int_equal(conf_check(&conf, &err), 0);
	conf_free(&conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expand),
		cmocka_unit_test(test_bad_list),
		cmocka_unit_test(test_nodes),
		cmocka_unit_test(test_conf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
