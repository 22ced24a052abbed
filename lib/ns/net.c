/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "ns/ns.h"

/* A new net namespace has a loopback that is down (network_namespaces(7)). */
int ns_loopback_up(struct err *err)
{
	cleanup_fd int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };

	if (fd < 0)
		return err_set(err, errno, "open a socket for loopback");
	if (ioctl(fd, SIOCSIFFLAGS, &ifr))
		return err_set(err, errno, "bring loopback up");
	return 0;
}
