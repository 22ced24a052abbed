/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SEC_FILTER_H
#define SEC_FILTER_H

#include <linux/filter.h>

/*
 * The system call filters (seccomp(2)), as programs of the kernel's BPF.
 * mkfilter.c, which has the rules, writes them at build time with libseccomp:
 * a launch only hands one to the kernel. Each is for one combination of these.
 */
enum {
	SEC_FILTER_STRICT = 1 << 0,
	SEC_FILTER_NESTABLE = 1 << 1, /* namespaces and mounts are allowed */
	SEC_FILTER_ISOLATED = 1 << 2, /* has a network of its own */
	SEC_FILTERS = 1 << 3,
};

extern const struct sock_fprog sec_filters[SEC_FILTERS];

#endif
