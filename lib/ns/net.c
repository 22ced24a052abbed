/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interfaces, addresses, routes and ports of the cell's own, and abstract
 * sockets (network_namespaces(7)). It is born with a loopback that is down.
 */
#include "config.h"

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "ns/internal.h"

static int enter(const struct ns_plan *plan, struct err *err)
{
	cleanup_fd int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };

	(void)plan;
	if (fd < 0)
		return err_set(err, errno, "open a socket for loopback");
	if (ioctl(fd, SIOCSIFFLAGS, &ifr))
		return err_set(err, errno, "bring loopback up");
	return 0;
}

const struct ns_row ns_net = {
	.name = "net",
	.flag = CLONE_NEWNET,
	.enter = enter,
};
