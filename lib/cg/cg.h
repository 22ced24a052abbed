/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CG_CG_H
#define CG_CG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/pool.h"

/*
 * cgroup v2 (kernel: Documentation/admin-guide/cgroup-v2.rst). Paths are those
 * of /proc/PID/cgroup: absolute, relative to the mount of the hierarchy.
 */

/* Where a cell's cgroup comes from. */
enum cg_source {
	CG_NONE,  /* no cgroup: nothing to enforce, use taken from rusage */
	CG_BELOW, /* a child of `parent`, which is ours to divide */
	CG_SCOPE, /* a child of a transient scope that systemd makes for us */
	CG_ADOPT, /* `parent` itself carries the limits, made by a scheduler;
		     the cell's holder sits in a leaf below it */
};

/* The limits that a plan can hold; the names and files are in cg_limits[]. */
enum cg_limit_kind {
	CG_CPU_MAX,
	CG_CPU_WEIGHT,
	CG_CPUSET_CPUS,
	CG_CPUSET_MEMS,
	CG_MEMORY_MAX,
	CG_MEMORY_HIGH,
	CG_MEMORY_SWAP_MAX,
	CG_MEMORY_OOM_GROUP,
	CG_PIDS_MAX,
	CG_IO_MAX,
	CG_IO_WEIGHT,
	CG_HUGETLB_MAX,
	CG_LIMITS,
};

/* Controllers, as bits. */
enum {
	CG_CPU = 1 << 0,
	CG_CPUSET = 1 << 1,
	CG_MEMORY = 1 << 2,
	CG_PIDS = 1 << 3,
	CG_IO = 1 << 4,
	CG_HUGETLB = 1 << 5,
};

/* Their names, by bit number; NULL-terminated. */
extern const char *const cg_controllers[];

struct cg_limit_row {
	const char *name;       /* as in the record: "memory" */
	const char *controller; /* "memory" */
	const char *file;       /* "memory.max" */
	unsigned bit;           /* CG_MEMORY */
};
extern const struct cg_limit_row cg_limits[CG_LIMITS];

/*
 * A leaf of this name is for who cells are made beside, by root's prolog of a
 * queue (run/queuejob.h).
 */
#define CG_MAIN "cloison-main"

/* What the host offers, found by cg_probe. */
struct cg_host {
	char mount[128];    /* of the v2 hierarchy, "" when there is none */
	char own[512];      /* this process's cgroup, or what is above it where
			       it is a CG_MAIN and that is delegated to us; ""
			       when unknown */
	unsigned available; /* controllers that the v2 hierarchy has at all */
	unsigned legacy;    /* controllers bound to cgroup v1 hierarchies */
	unsigned delegated; /* those of `own`; CG_BELOW: if own_delegated */
	bool own_delegated; /* `own` is delegated to us: a child may be made */
	bool systemd;       /* a systemd manager can be asked for a scope */
	unsigned scope;     /* the controllers such a scope would have */
};

struct cg_plan {
	enum cg_source source;
	const char *parent; /* CG_BELOW, CG_ADOPT */
	const char *name;   /* of the cell's own directory */
	/*
	 * Exact text for each file, NULL for no limit. Lines of io.max and
	 * io.weight are separated by "; ", and so are page sizes of hugetlb:
	 * "2MB 0; 1GB 1073741824".
	 */
	const char *limit[CG_LIMITS];
	/* The file may be missing, as nothing is lost then: no swap. */
	bool optional[CG_LIMITS];
	/*
	 * CG_BELOW, CG_SCOPE: controllers wanted for their counters alone;
	 * those that cannot be had are left out without an error.
	 */
	unsigned measure;
};

/* A cgroup in use. */
struct cg {
	int fd;         /* of the directory that carries the limits */
	int leaf_fd;    /* where processes are born; equals fd but for ADOPT */
	char path[768]; /* of fd, relative to the mount */
	char leaf[896]; /* of leaf_fd */
	char mount[128];
	bool own_limits;  /* fd was created by us: remove it at the end */
	pid_t moved;      /* who we moved out of the parent into its child
			     cloison-supervisor-PID, 0 for nobody */
	unsigned enabled; /* controllers switched on in the parent for that */
};
#define CG_INIT                          \
	{                                \
		.fd = -1, .leaf_fd = -1, \
	}

/* What a cgroup used. -1: not measured. */
struct cg_usage {
	int64_t cpu_usage_us, cpu_user_us, cpu_system_us, cpu_throttled_us;
	int64_t memory_peak, memory_anon, memory_file, memory_shmem;
	int64_t oom_kills;
	int64_t pids_peak;
	int64_t io_read, io_write;
	int64_t pressure_cpu_us, pressure_memory_us, pressure_io_us;
};

/* What the kernel killed for want of memory. */
struct cg_oom {
	int64_t kills;   /* 0 or less: nothing */
	int64_t peak;    /* bytes in use at most, -1: not measured */
	bool outside;    /* not at a limit of the cell: the host, or above */
	int64_t pid;     /* of the last that it chose, or -1 */
	char victim[24]; /* and its name, or "" */
};

/*
 * Look at /proc and the hierarchy; nothing is changed and a host without v2
 * is no error.
 */
int cg_probe(struct cg_host *ret, struct err *err);

/*
 * Whether a limit of this kind cannot be kept for a cell whose cgroup comes
 * from `source`; `ret` then says why, and what to do about it. Pure.
 */
bool cg_missing(const struct cg_host *host, enum cg_source source,
		enum cg_limit_kind kind, char *ret, size_t size);

/*
 * The disk that a path lies on, or is, as io.max names it, "MAJ:MIN": of a
 * partition the whole disk, as the kernel knows no limit but of that. An error
 * where there is none: memory, network, several behind a union.
 */
enum {
	CG_DISK = 24
};
int cg_disk(const char *path, char ret[static CG_DISK], struct err *err);

/* The v2 cgroup of a process ("self" or a pid), from /proc/PID/cgroup. */
int cg_of(const char *pid, char *ret, size_t size, struct err *err);

/*
 * A list of a cgroup's cpuset, "cpus", "cpus.effective" or those of "mems";
 * NULL where there is none, or nothing in it.
 */
const char *cg_cpuset_read(const struct cg_host *host, const char *path,
			   const char *file, struct pool *pool);

/*
 * Make the cgroup, write the limits and read each one back. A limit that did
 * not take is an error that names it; nothing is left then. For CG_ADOPT a
 * limit is only ever lowered. Needs write access to the parent; CG_SCOPE asks
 * the system manager as root, the user's own otherwise (org.freedesktop.
 * systemd1(5)) and moves the calling process into the scope.
 *
 * A cgroup that has processes cannot have controllers for its children (the
 * "no internal processes" rule). When the caller is alone in `parent` it is
 * moved into a child of its own, cloison-supervisor-PID; anybody else there is
 * an error. Not for several threads at once.
 */
int cg_create(const struct cg_plan *plan, const struct cg_host *host,
	      struct cg *ret, struct err *err);

/*
 * Take hold of a cgroup that cg_create made in another process: `path` and
 * `leaf` as they stood in its struct cg, `leaf` NULL where it equals `path`.
 * What `path` carries is removed by cg_remove only when `leaf` is NULL.
 */
int cg_open(const struct cg_host *host, const char *path, const char *leaf,
	    struct cg *ret, struct err *err);

/*
 * Move the calling process to `path`, a cgroup below a scope of cg_create's, by
 * way of the systemd manager that the scope belongs to.
 */
int cg_scope_attach(const char *path, struct err *err);

/* Release the descriptors; the cgroup stays. */
void cg_close(struct cg *cg);

/* Read the counters; what the kernel does not offer stays -1. */
void cg_usage_init(struct cg_usage *ret);
void cg_usage_read(int fd, struct cg_usage *ret);

/*
 * Who was killed in the cgroup that carries the limits, and why, as far as
 * `usage`, read from it, says that anybody was. The name takes the right to
 * read the kernel's log (CAP_SYSLOG, or sysctl kernel.dmesg_restrict=0).
 */
void cg_oom_read(const struct cg_plan *plan, const struct cg *cg,
		 const struct cg_usage *usage, struct cg_oom *ret);

/*
 * A descriptor by which somebody without any rights reads the CPU time that
 * was used in the cgroup that carries the limits, and below, and that time in
 * microseconds, or -1. The latter allocates nothing.
 */
int cg_open_cpu(const struct cg *cg, struct err *err);
int64_t cg_cpu_read(int fd);

/*
 * SIGKILL to all in the leaf and below (cgroup.kill, Linux 5.14) and wait, for
 * at most 5 s, until it is empty.
 */
int cg_kill(struct cg *cg, struct err *err);

/*
 * A descriptor by which somebody without any rights kills what is in the
 * cgroup that carries the limits, and below: by writing "1".
 */
int cg_open_kill(const struct cg *cg, struct err *err);

/*
 * Remove what cg_create made, and what its processes made below, and close the
 * descriptors in any case. Processes in it must be gone; an EBUSY that is only
 * the kernel being late is waited out for at most a second. The process that
 * was moved is moved back when it is the one that calls. Gone is no error.
 */
int cg_remove(struct cg *cg, struct err *err);

#endif
