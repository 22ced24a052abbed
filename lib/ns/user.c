/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ids and capabilities that count in the cell alone (user_namespaces(7)). An
 * ordinary user needs an outer one to be allowed to make all the others; the
 * payload gets an inner one, which owns nothing of what was set up.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "ns/internal.h"

/*
 * One id each, written by the process itself. setgroups must be denied before
 * the kernel takes a gid map from somebody unprivileged (user_namespaces(7)).
 */
static int map_single(uid_t inside_uid, uid_t uid, gid_t inside_gid, gid_t gid,
		      struct err *err)
{
	char map[64];

	if (ns_write_self("setgroups", "deny", err))
		return -1;
	snprintf(map, sizeof(map), "%u %u 1", inside_uid, uid);
	if (ns_write_self("uid_map", map, err)) {
		if (err->num != EPERM)
			return -1;
		return err_hint(err, uid ? "is this host closed to user "
					   "namespaces of ordinary users? "
					   "sysctl kernel.apparmor_restrict_"
					   "unprivileged_userns"
					 : "root without capabilities may not "
					   "map itself: root's cells do not "
					   "nest");
	}
	snprintf(map, sizeof(map), "%u %u 1", inside_gid, gid);
	return ns_write_self("gid_map", map, err);
}

static enum ns_when when(const struct ns_plan *plan)
{
	return plan->outer_user ? NS_AT_BIRTH : NS_BY_INIT;
}

static int enter(const struct ns_plan *plan, struct err *err)
{
	if (!plan->outer_user)
		return 0;
	return map_single(plan->uid, plan->uid, plan->gid, plan->gid, err);
}

const struct ns_row ns_user = {
	.name = "user",
	.flag = CLONE_NEWUSER,
	.when = when,
	.enter = enter,
};

bool ns_needs_map(const struct ns_plan *plan)
{
	return plan->make[NS_USER] && plan->user == NS_USER_IDENTITY;
}

int ns_inner_enter(const struct ns_plan *plan, struct err *err)
{
	bool root = plan->user == NS_USER_ROOT;

	if (!plan->make[NS_USER])
		return 0;
	if (unshare(CLONE_NEWUSER | (root ? CLONE_NEWNS : 0)))
		return err_set(err, errno, "make the inner user namespace");
	if (ns_needs_map(plan))
		return 0;
	return map_single(root ? 0 : plan->uid, plan->uid, root ? 0 : plan->gid,
			  plan->gid, err);
}

/* A nested caller has fewer ids: all that it has, from its own map. */
static int own_ids(const char *file, char *ret, size_t size, struct err *err)
{
	char own[32], in[4096];
	unsigned first, outside, n;
	size_t used = 0;
	int skip;

	snprintf(own, sizeof(own), "/proc/self/%s", file);
	if (fd_read_file(AT_FDCWD, own, in, sizeof(in)) < 0)
		return err_set(err, errno, "read %s", own);
	for (const char *p = in;
	     sscanf(p, "%u %u %u%n", &first, &outside, &n, &skip) == 3;
	     p += skip)
		used += (size_t)snprintf(ret + used, size - used, "%u %u %u\n",
					 first, first, n);
	return used ? 0 : err_set(err, 0, "%s is empty", own);
}

int ns_map_identity(pid_t pid, struct err *err)
{
	static const char *const files[] = { "uid_map", "gid_map" };

	for (int i = 0; i < 2; i++) {
		char path[64], map[4096];

		snprintf(path, sizeof(path), "/proc/%d/%s", pid, files[i]);
		/* All ids; (uid_t)-1 is none. */
		if (!fd_write_file(AT_FDCWD, path, "0 0 4294967295"))
			continue;
		if (own_ids(files[i], map, sizeof(map), err))
			return -1;
		if (fd_write_file(AT_FDCWD, path, map))
			return err_set(err, errno, "write %s", path);
	}
	return 0;
}
