/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NS_NS_H
#define NS_NS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

/* The kinds of namespace (namespaces(7)), in the order of ns_table. */
enum ns_kind {
	NS_USER,
	NS_MNT,
	NS_PID,
	NS_NET,
	NS_IPC,
	NS_UTS,
	NS_CGROUP,
	NS_TIME,
	NS_KINDS,
};

struct ns_row {
	const char *name; /* in /proc/PID/ns, options and records */
	int flag;         /* CLONE_NEW... */
};
extern const struct ns_row ns_table[NS_KINDS];

/* How ids are mapped for the payload (user_namespaces(7)). */
enum ns_user {
	NS_USER_IDENTITY, /* every id to itself; needs root */
	NS_USER_SELF,     /* the caller's uid and gid to themselves */
	NS_USER_ROOT,     /* the caller's uid and gid to 0 */
	NS_USER_HOST,     /* no user namespace; needs root */
};

/*
 * Set-up happens in an outer pair of user and mount namespace, the payload
 * lives in an inner pair: what the outer one mounted is locked for the inner
 * (mount_namespaces(7), "Restrictions on mount namespaces"). As root the
 * outer user namespace is the caller's own: a new one would add nothing.
 */
struct ns_plan {
	bool make[NS_KINDS]; /* which ones the cell has of its own */
	bool cgroup_late;    /* each task makes its own, in its cgroup */
	bool outer_user;     /* the set-up needs a user namespace, too */
	enum ns_user user;   /* of the inner one, when make[NS_USER] */
	uid_t uid;           /* who runs the payload, outside */
	gid_t gid;
	const char *hostname; /* with make[NS_UTS]; NULL: keep */
};

/* Flags for the clone3(2) that starts the cell. */
unsigned long long ns_clone_flags(const struct ns_plan *plan);

/* Flags for setns(2) by which a task joins the finished cell. */
int ns_join_flags(const struct ns_plan *plan);

/*
 * In the new process, before anything else: map the caller's ids to
 * themselves in the outer user namespace (if the plan has one).
 */
int ns_outer_user_enter(const struct ns_plan *plan, struct err *err);

/*
 * In the new process: what its namespaces need before they are fit for use:
 * loopback up, host name, a cgroup namespace rooted where it was born.
 * CLONE_NEWCGROUP at birth would take the parent's cgroup as root.
 */
int ns_enter(const struct ns_plan *plan, struct err *err);

/*
 * In a task that has joined and is in the cgroup where it will stay: make the
 * cgroup namespace that ns_enter left to it. Needs CAP_SYS_ADMIN in the
 * current user namespace.
 */
int ns_task_enter(const struct ns_plan *plan, struct err *err);

/* Bring the loopback interface of the current net namespace up. */
int ns_loopback_up(struct err *err);

/*
 * Leave the outer pair: unshare(2) the inner user and mount namespaces.
 * With NS_USER_IDENTITY somebody privileged in the outer user namespace has
 * to call ns_map_identity for this process before it goes on.
 */
int ns_inner_enter(const struct ns_plan *plan, struct err *err);

/* Whether ns_inner_enter leaves the maps to be written by ns_map_identity. */
bool ns_needs_map(const struct ns_plan *plan);

/*
 * Map every id to itself for `pid`, whose user namespace is a child of the
 * caller's. Needs CAP_SETUID and CAP_SETGID.
 */
int ns_map_identity(pid_t pid, struct err *err);

#endif
