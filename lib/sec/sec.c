/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sec/filter.h"
#include "sec/internal.h"

const char *const sec_levels[SEC_LEVELS] = {
	[SEC_STRICT] = "strict",
	[SEC_DEFAULT] = "default",
	[SEC_OFF] = "off",
};

int sec_drop_bounding(struct err *err)
{
	/* The kernel's highest capability: the first that is EINVAL ends. */
	for (unsigned long cap = 0; cap < 64; cap++) {
		if (!prctl(PR_CAPBSET_DROP, cap, 0, 0, 0))
			continue;
		if (errno == EINVAL && cap)
			break;
		return err_set(err, errno,
			       "drop capability %lu from the bounding set",
			       cap);
	}
	return 0;
}

static int drop_caps(struct err *err)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct none[2] = { { 0 } }, d[2] = { { 0 } };

	if (syscall(SYS_capget, &h, d))
		return err_set(err, errno, "read capabilities");
	if ((d[0].effective & (1U << CAP_SETPCAP)) && sec_drop_bounding(err))
		return -1;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) &&
	    errno != EINVAL)
		return err_set(err, errno, "clear ambient capabilities");
	if (syscall(SYS_capset, &h, none))
		return err_set(err, errno, "drop capabilities");
	return 0;
}

static unsigned choose_filter(const struct sec_plan *plan)
{
	bool strict = plan->seccomp == SEC_STRICT;

	return (strict ? SEC_FILTER_STRICT : 0) |
	       (plan->nestable ? SEC_FILTER_NESTABLE : 0) |
	       (plan->isolated ? SEC_FILTER_ISOLATED : 0);
}

static int set_filter(const struct sec_plan *plan, struct err *err)
{
	/*
	 * Kernels before 5.16 slow a filtered program down, by up to tens of
	 * percent, as if it ran code that it has to be guarded from in its own
	 * memory. A job does not. In strict the kernel does as it likes.
	 */
	unsigned flags = plan->seccomp == SEC_STRICT
				 ? 0
				 : SECCOMP_FILTER_FLAG_SPEC_ALLOW;

	if (plan->seccomp == SEC_OFF)
		return 0;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags,
		    &sec_filters[choose_filter(plan)]))
		return err_set(err, errno, "set the system call filter");
	return 0;
}

int sec_apply(const struct sec_plan *plan, struct err *err)
{
	if (!plan->keep_caps && drop_caps(err))
		return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return err_set(err, errno, "set no_new_privs");
	if (sec_landlock(plan, err))
		return -1;
	return set_filter(plan, err);
}

int sec_keep_caps(struct err *err)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
		return err_set(err, errno, "keep capabilities");
	return 0;
}

int sec_raise_caps(struct err *err)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = { { 0 } };

	if (syscall(SYS_capget, &h, d))
		return err_set(err, errno, "read capabilities");
	for (int i = 0; i < 2; i++)
		d[i].effective = d[i].permitted;
	if (syscall(SYS_capset, &h, d))
		return err_set(err, errno, "raise capabilities");
	return 0;
}
