/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PLAN_OPTION_H
#define PLAN_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/pool.h"
#include "mnt/mnt.h"
#include "ns/ns.h"
#include "plan/net.h"

/*
 * The one table of options. It drives the command line, the SPANK plugin, the
 * keys of profiles in the site file and the check that every option is
 * documented and tested.
 */
enum option_id {
	OPT_PROFILE,
	OPT_USER,
	OPT_PID,
	OPT_NET,
	OPT_IPC,
	OPT_UTS,
	OPT_CGROUP,
	OPT_TIME,
	OPT_HOSTNAME,
	OPT_RO,
	OPT_RW,
	OPT_HIDE,
	OPT_TMPFS,
	OPT_OVERLAY,
	OPT_SCRATCH,
	OPT_SCRATCH_LIFETIME,
	OPT_DEV,
	OPT_HIDEPID,
	OPT_ROOTFS,
	OPT_CPUS,
	OPT_CPU_POLICY,
	OPT_CPU_UNIT,
	OPT_CPUSET,
	OPT_MEM_POLICY,
	OPT_MEMORY,
	OPT_PIDS,
	OPT_CPU_WEIGHT,
	OPT_CPU_TIME,
	OPT_MEMORY_HIGH,
	OPT_SWAP,
	OPT_OOM_GROUP,
	OPT_IO_MAX,
	OPT_IO_WEIGHT,
	OPT_HUGETLB,
	OPT_TIME_LIMIT,
	OPT_LIMITS,
	OPT_OMP_THREADS,
	OPT_NESTABLE,
	OPT_SECCOMP,
	OPT_LANDLOCK,
	OPT_JOB_ID,
	OPT_JOB_NAME,
	OPT_TAG,
	OPT_RECORD,
	OPT_CONFIG,
	OPT_LOGIN,
	OPT_RAISE,
	OPT_QUIET,
	OPT_VERBOSE,
	OPTIONS,
};

/* How a value is read; what it becomes in struct option_value. */
enum option_kind {
	OPTION_FLAG,    /* num = 1 */
	OPTION_TEXT,    /* text */
	OPTION_PATH,    /* text: an absolute path */
	OPTION_WORD,    /* num = index into words */
	OPTION_TIME,    /* num = index into words; text: see option_time */
	OPTION_SIZE,    /* num = bytes */
	OPTION_SIZE_0,  /* num = bytes, which may be none */
	OPTION_WEIGHT,  /* num, from 1 to 10,000 */
	OPTION_PART,    /* appended to the list of parts */
	OPTION_SCRATCH, /* num = bytes, or num = percent with `percent` set */
	OPTION_CPUS,    /* num = thousandths */
	OPTION_COUNT,   /* num */
	OPTION_NET,     /* num = NET_..., net */
	OPTION_SECONDS, /* num = limit and grace; text: see option_seconds */
	OPTION_LIST,    /* text: a kernel list of CPUs */
	OPTION_MEMORY,  /* num = index into words; text: see option_memory */
	OPTION_MOUNT,   /* appended to the list of mounts */
	OPTION_DEV,     /* num = index into words; others are device globs */
	OPTION_TAG,     /* appended to the list of tags */
};

/* What makes a user's value a tighter one than the profile's. */
enum option_policy {
	POLICY_FREE,   /* nothing to guard */
	POLICY_LESS,   /* a smaller number */
	POLICY_ORDER,  /* an earlier word in the list */
	POLICY_SAME,   /* nothing but the profile's */
	POLICY_SUBSET, /* fewer numbers of a list */
	POLICY_MOUNT,  /* see policy.c */
};

/* Where an option may be given. */
enum {
	OPTION_CLI = 1 << 0,
	OPTION_SPANK = 1 << 1,
	OPTION_SITE = 1 << 2, /* as a key of a profile */
};

struct option_row {
	const char *name;
	const char *arg; /* as in the usage text; NULL for a flag */
	enum option_kind kind;
	enum option_policy policy;
	unsigned where;
	const char *const *words;
	const char *help;
};
extern const struct option_row option_table[OPTIONS];

/* Indexes into the word lists. Each list runs from tight to loose. */
enum {
	WORD_NEW,
	WORD_HOST
}; /* pid ipc uts cgroup time */
enum {
	NET_NONE,
	NET_LINK,
	NET_HOST
}; /* net */
enum {
	USER_SELF,
	USER_IDENTITY,
	USER_ROOT,
	USER_HOST
}; /* user */
enum {
	LIFETIME_STEP,
	LIFETIME_JOB
}; /* scratch-lifetime */
enum {
	LIMITS_ENFORCE,
	LIMITS_TRY,
	LIMITS_OFF
}; /* limits */
enum {
	DEV_PRIVATE,
	DEV_HOST
}; /* dev */
enum {
	HIDEPID_YES,
	HIDEPID_NO
}; /* hidepid */
enum {
	OOM_GROUP_YES,
	OOM_GROUP_NO
}; /* oom-group */
enum {
	POLICY_INHERIT,
	POLICY_PACK,
	POLICY_SPREAD,
	POLICY_NUMA
}; /* cpu-policy */
enum {
	UNIT_CORE,
	UNIT_THREAD
}; /* cpu-unit */
enum {
	MEMORY_BIND,
	MEMORY_PREFERRED,
	MEMORY_INTERLEAVE,
	MEMORY_LOCAL,
	MEMORY_NONE
}; /* mem-policy */
enum {
	OMP_NO,
	OMP_YES
}; /* omp-threads */
enum {
	NESTABLE_NO,
	NESTABLE_YES
}; /* nestable */
enum {
	LEVEL_STRICT,
	LEVEL_DEFAULT,
	LEVEL_OFF
}; /* seccomp landlock */

struct option_value {
	bool set;
	bool percent;
	bool by_queue; /* nobody's wish, see build_given */
	uint64_t num;
	const char *text;             /* as it was given */
	const char *dir;              /* --scratch=DIR:SIZE */
	const struct option_net *net; /* with NET_LINK */
	const char *origin;           /* "--memory", "cloison.conf:12" */
};

/* One --ro, --rw, --hide, --tmpfs or --overlay. */
struct option_mount {
	enum option_id id;
	const char *src, *dst;
	uint64_t size; /* --tmpfs; 0: not said */
	/* --overlay: where its changes go, and which are collected there. */
	enum mnt_fate fate;
	const char *dir, *glob;
	const char *origin;
};

/* What --dev adds to a private /dev, by a pattern relative to /dev. */
struct option_device {
	const char *glob;
	const char *origin;
};

/*
 * A limit on one of several things: --io-max, --io-weight on the disk of a
 * path, --hugetlb on the pages of a size.
 */
enum {
	PART_AMOUNTS = 4
};
struct option_part {
	enum option_id id;
	const char *path;              /* NULL: all disks */
	uint64_t page;                 /* bytes */
	uint64_t amount[PART_AMOUNTS]; /* UINT64_MAX: none */
	const char *text, *origin;
};

struct option_tag {
	const char *key, *value;
};

struct options {
	struct option_value value[OPTIONS];
	struct option_mount *mount; /* in the order given */
	size_t n_mounts;
	struct option_device *device;
	size_t n_devices;
	struct option_part *part;
	size_t n_parts;
	struct option_tag *tag;
	size_t n_tags;
};

/* The option of that name that may be given in `where`, or -1. */
int option_find(const char *name, unsigned where);

/*
 * An absolute path without ".", "..", empty components or a trailing slash:
 * plans and policy compare paths by their text. `dir`, if not NULL, completes
 * a relative one. Pure. `ret` is left alone on failure.
 */
int option_path(const char *path, const char *dir, struct pool *pool,
		const char **ret, struct err *err);

/*
 * Cut at the first ':' that is not written "\:"; `ret_rest` NULL: there is
 * none. Pure.
 */
void option_split(const char *text, struct pool *pool, char **ret_first,
		  const char **ret_rest);

/*
 * Read the value of --time: "host", or else "new" or offsets, CLOCK=SECONDS
 * for one or both clocks. Pure.
 */
int option_time(const char *text, bool *ret_new,
		struct ns_offset ret[NS_CLOCKS], struct err *err);

/*
 * Read the value of --time-limit or --cpu-time: a time, and after ",grace="
 * another, which is 5 s where it is not said. Seconds. Pure.
 */
int option_seconds(const char *text, uint64_t *ret_limit, uint64_t *ret_grace,
		   struct err *err);

/*
 * Read the value of --mem-policy: a word and, after ":", a list of nodes, or
 * NULL where it has none. Pure.
 */
int option_memory(const char *text, int *ret, const char **ret_list,
		  struct err *err);

/*
 * Whether `text` can be a job's id: 1 to OPTION_NAME_MAX bytes without control
 * characters that can name a file, as %j makes it one in profiles. Pure.
 */
enum {
	OPTION_NAME_MAX = 256
};
int option_job_id(const char *text, struct err *err);

/*
 * Read one value and put it into `options`; later ones replace earlier ones
 * but for lists. Pure. `text` NULL for a flag. Memory from `pool`. Paths need
 * to be absolute; `dir`, if not NULL, completes relative ones (command line).
 * Control characters are refused: values end up in lines of output.
 */
int option_set(struct options *options, enum option_id id, const char *text,
	       const char *origin, const char *dir, struct pool *pool,
	       struct err *err);

#endif
