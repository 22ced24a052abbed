/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What init and supervisor tell each other, over a real socket pair. */
#include "config.h"

/* cmocka.h needs those before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "run/msg.h"

static void make_pair(int sv[2])
{
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
}

/* It fails, with an answer to it on the way. */
static void test_last_word(void **state)
{
	struct err err;
	struct msg m;
	int sv[2];

	(void)state;
	make_pair(sv);
	err_set(&err, ENOSPC, "make a tmpfs");
	assert_int_equal(send(sv[0], "", 1, 0), 1);
	msg_tell(sv[1], MSG_ERR, &err);
	close(sv[1]);
	assert_int_equal(msg_recv(sv[0], &m, 0), 1);
	assert_int_equal(m.type, MSG_ERR);
	assert_int_equal(m.err.num, ENOSPC);
	assert_int_equal(msg_recv(sv[0], &m, 0), 0);
	close(sv[0]);
}

static void test_descriptor(void **state)
{
	int sv[2], fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	make_pair(sv);
	assert_int_equal(send(sv[0], "", 1, 0), 1);
	assert_int_equal(msg_send_fd(sv[1], fd), 0);
	close(sv[1]);
	close(fd);
	fd = msg_recv_fd(sv[0]);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(msg_recv_fd(sv[0]), -1);
	assert_int_equal(errno, 0);
	close(sv[0]);
}

static void test_gone(void **state)
{
	struct msg_order order = { 0 };
	struct msg m;
	int sv[2];

	(void)state;
	make_pair(sv);
	close(sv[1]);
	assert_int_equal(msg_recv(sv[0], &m, 0), 0);
	assert_int_equal(msg_order_recv(sv[0], &order), 0);
	assert_int_equal(msg_send_fd(sv[0], sv[0]), 0);
	msg_tell(sv[0], MSG_READY, NULL);
	close(sv[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_last_word),
		cmocka_unit_test(test_descriptor),
		cmocka_unit_test(test_gone),
	};

	return cmocka_run_group_tests_name("msg", tests, NULL, NULL);
}
