/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NS_NS_H
#define NS_NS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
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

/* When a cell's namespace is made. */
enum ns_when {
	NS_AT_BIRTH, /* by the clone3(2) that starts init */
	NS_BY_INIT,  /* by init, in ns_enter or ns_inner_enter */
	NS_BY_TASK,  /* by each task that has joined, in ns_task_enter */
};

struct ns_plan;

/* One kind. Hooks are called only where the cell has one of its own. */
struct ns_row {
	const char *name; /* in /proc/PID/ns, options and records */
	int flag;         /* CLONE_NEW... */
	enum ns_when (*when)(const struct ns_plan *plan); /* NULL: at birth */
	/* What it needs before it is fit for use, and, if not yet, to be. */
	int (*enter)(const struct ns_plan *plan, struct err *err);
};
extern const struct ns_row *const ns_table[NS_KINDS];

/* The clocks of a time namespace, by number in struct ns_plan. */
enum ns_clock {
	NS_MONOTONIC,
	NS_BOOTTIME,
	NS_CLOCKS,
};
extern const char *const ns_clocks[NS_CLOCKS];

/* Added to a clock: `sec` may be negative, `nsec` not (under a second). */
struct ns_offset {
	int64_t sec;
	uint32_t nsec;
};

/* How ids are mapped for the payload (user_namespaces(7)). */
enum ns_user {
	NS_USER_IDENTITY, /* every id to itself; needs root */
	NS_USER_SELF,     /* the caller's uid and gid to themselves */
	NS_USER_ROOT,     /* the caller's uid and gid to 0 */
	NS_USER_HOST,     /* no user namespace; needs root */
};

/*
 * Set-up happens in an outer user namespace, which owns the mount namespace;
 * the payload lives in an inner one, whose capabilities say nothing about the
 * mounts. A mount namespace that it makes has them locked
 * (mount_namespaces(7), "Restrictions on mount namespaces"), and fake root is
 * born in such a one. As root the outer user namespace is the caller's own: a
 * new one would add nothing.
 */
struct ns_plan {
	bool make[NS_KINDS]; /* which ones the cell has of its own */
	bool cgroup_late;    /* each task makes its own, in its cgroup */
	bool net_aside;      /* by ns_net_make, while init does other things */
	bool outer_user;     /* the set-up needs a user namespace, too */
	enum ns_user user;   /* of the inner one, when make[NS_USER] */
	uid_t uid;           /* who runs the payload, outside */
	gid_t gid;
	const char *hostname;               /* with make[NS_UTS]; NULL: keep */
	struct ns_offset offset[NS_CLOCKS]; /* with make[NS_TIME] */
};

/* Flags for the clone3(2) that starts the cell. */
unsigned long long ns_clone_flags(const struct ns_plan *plan);

/* Flags for setns(2) by which a task joins the finished cell. */
int ns_join_flags(const struct ns_plan *plan);

/*
 * In the new process, first of all and with the host's /proc in sight: what
 * its namespaces need before they are fit for use. Maps the caller's ids to
 * themselves in the outer user namespace (if the plan has one), brings
 * loopback up, sets host name and clocks, and makes those that could not be
 * made at birth.
 */
int ns_enter(const struct ns_plan *plan, struct err *err);

/*
 * In a task that has joined and is in the cgroup where it will stay: make what
 * ns_enter left to it. Needs CAP_SYS_ADMIN in the current user namespace.
 */
int ns_task_enter(const struct ns_plan *plan, struct err *err);

/*
 * Leave the outer user namespace: unshare(2) the inner one, and for fake root
 * a mount namespace to use its capabilities in.
 * With NS_USER_IDENTITY somebody privileged in the outer user namespace has
 * to call ns_map_identity for this process before it goes on.
 */
int ns_inner_enter(const struct ns_plan *plan, struct err *err);

/*
 * With net_aside, in a process that ends soon and is no thread: make the
 * network namespace, owned by the outer user namespace of the process that
 * `init` (a pidfd) is of, if there is one, and ready for use. Returns a
 * descriptor of it, for that process to join by ns_net_join. It takes the
 * kernel as long as all mounts of a cell together.
 */
int ns_net_make(const struct ns_plan *plan, int init, struct err *err);
int ns_net_join(int fd, struct err *err);

/* Whether ns_inner_enter leaves the maps to be written by ns_map_identity. */
bool ns_needs_map(const struct ns_plan *plan);

/*
 * Map every id to itself for `pid`, whose user namespace is a child of the
 * caller's. Needs CAP_SETUID and CAP_SETGID.
 */
int ns_map_identity(pid_t pid, struct err *err);

/*
 * Whether the caller's rights count everywhere, or in a user namespace alone
 * that somebody has put it into.
 */
bool ns_in_first_user(void);

/*
 * Whether the caller is still where it was, when others run code in it, too.
 * ns_self_open needs the /proc that the caller was born in; the other calls
 * need no /proc. ns_self_left names the first of the namespaces joined with
 * the plan's flags (ns_join_flags) that is another one than ns_self_note found,
 * or returns NULL.
 */
struct ns_self {
	int dir; /* /proc/self/ns, or -1 */
	ino_t ino[NS_KINDS];
};
#define NS_SELF_INIT      \
	{                 \
		.dir = -1 \
	}

int ns_self_open(struct ns_self *ret, struct err *err);
void ns_self_note(struct ns_self *self);
const char *ns_self_left(const struct ns_self *self,
			 const struct ns_plan *plan);
void ns_self_close(struct ns_self *self);

#endif
