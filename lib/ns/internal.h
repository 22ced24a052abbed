/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NS_INTERNAL_H
#define NS_INTERNAL_H

#include "ns/ns.h"

/* The rows of ns_table, each in the file of its kind. */
extern const struct ns_row ns_user, ns_mnt, ns_pid, ns_net, ns_ipc, ns_uts,
	ns_cgroup, ns_time;

/* Write a file of the calling process's in the host's /proc. */
int ns_write_self(const char *file, const char *text, struct err *err);

#endif
