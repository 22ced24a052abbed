/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interfaces, addresses, routes and ports of the cell's own, and abstract
 * sockets (network_namespaces(7)). It is born with a loopback that is down.
 */
#include "config.h"

#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "ns/internal.h"

static enum ns_when when(const struct ns_plan *plan)
{
	return plan->net_aside ? NS_BY_INIT : NS_AT_BIRTH;
}

static int up(int sock, struct err *err)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };

	if (sock < 0)
		return err_set(err, errno, "open a socket for loopback");
	if (ioctl(sock, SIOCSIFFLAGS, &ifr))
		return err_set(err, errno, "bring loopback up");
	return 0;
}

static int enter(const struct ns_plan *plan, struct err *err)
{
	cleanup_fd int sock = -1;

	if (plan->net_aside)
		return 0;
	sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return up(sock, err);
}

int ns_net_make(const struct ns_plan *plan, int init, struct err *err)
{
	cleanup_fd int sock = -1;
	int fd;

	if (plan->outer_user && setns(init, CLONE_NEWUSER))
		return err_set(err, errno, "join the outer user namespace");
	if (unshare(CLONE_NEWNET))
		return err_set(err, errno, "make a network namespace%s",
			       errno == ENOSPC ? " (sysctl "
						 "user.max_net_namespaces is "
						 "reached)"
					       : "");
	sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (up(sock, err))
		return -1;
	fd = ioctl(sock, SIOCGSKNS);
	if (fd < 0)
		return err_set(err, errno, "open the network namespace");
	return fd;
}

int ns_net_join(int fd, struct err *err)
{
	if (setns(fd, CLONE_NEWNET))
		return err_set(err, errno, "join the network namespace");
	return 0;
}

const struct ns_row ns_net = {
	.name = "net",
	.flag = CLONE_NEWNET,
	.when = when,
	.enter = enter,
};
