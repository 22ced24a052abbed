/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "cg/internal.h"

const struct cg_limit_row cg_limits[CG_LIMITS] = {
	[CG_CPU_MAX] = { "cpus", "cpu", "cpu.max", CG_CPU },
	[CG_CPU_WEIGHT] = { "cpu-weight", "cpu", "cpu.weight", CG_CPU },
	[CG_CPUSET_CPUS] = { "cpuset", "cpuset", "cpuset.cpus", CG_CPUSET },
	[CG_CPUSET_MEMS] = { "mems", "cpuset", "cpuset.mems", CG_CPUSET },
	[CG_MEMORY_MAX] = { "memory", "memory", "memory.max", CG_MEMORY },
	[CG_MEMORY_HIGH] = { "memory-high", "memory", "memory.high",
			     CG_MEMORY },
	[CG_MEMORY_SWAP_MAX] = { "swap", "memory", "memory.swap.max",
				 CG_MEMORY },
	[CG_MEMORY_OOM_GROUP] = { "oom-group", "memory", "memory.oom.group",
				  CG_MEMORY },
	[CG_PIDS_MAX] = { "pids", "pids", "pids.max", CG_PIDS },
	[CG_IO_MAX] = { "io-max", "io", "io.max", CG_IO },
	[CG_IO_WEIGHT] = { "io-weight", "io", "io.weight", CG_IO },
	[CG_HUGETLB_MAX] = { "hugetlb", "hugetlb", "hugetlb.max", CG_HUGETLB },
};

enum {
	KILL_MS = 5000, /* until a killed cgroup is empty */
	BUSY_MS = 1000, /* until an empty one can be removed */
	RETRY_MS = 5,
};

/* Limits and leaf are watched by others, the payload's user among them. */
enum {
	DIR_MODE = 0755
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* --- why not --- */

static bool missing_in_v2(const struct cg_host *host,
			  const struct cg_limit_row *row, char *ret,
			  size_t size)
{
	if (!host->mount[0])
		snprintf(ret, size, "no cgroup v2 hierarchy is mounted");
	else if (host->available & row->bit)
		return false;
	else if (host->legacy & row->bit)
		snprintf(ret, size,
			 "no %s controller in cgroup v2 on this host (it is "
			 "bound to v1): boot with "
			 "systemd.unified_cgroup_hierarchy=1",
			 row->controller);
	else
		snprintf(ret, size,
			 "no %s controller in cgroup v2 on this host: the "
			 "kernel lacks it or cgroup_disable= names it",
			 row->controller);
	return true;
}

bool cg_missing(const struct cg_host *host, enum cg_source source,
		enum cg_limit_kind kind, char *ret, size_t size)
{
	const struct cg_limit_row *row = &cg_limits[kind];

	if (source == CG_NONE) {
		snprintf(ret, size, "the cell has no cgroup of its own");
		return true;
	}
	if (missing_in_v2(host, row, ret, size))
		return true;
	if (source == CG_SCOPE && !(host->scope & row->bit)) {
		snprintf(ret, size,
			 "systemd passes no %s controller to scopes: see "
			 "Delegate= of user@.service",
			 row->controller);
		return true;
	}
	if (source != CG_SCOPE && !(host->delegated & row->bit)) {
		snprintf(ret, size, "the %s controller is not delegated to %s",
			 row->controller, host->own[0] ? host->own : "us");
		return true;
	}
	return false;
}

/* --- making --- */

static unsigned wanted(const struct cg_plan *plan)
{
	unsigned bits = 0;

	for (int kind = 0; kind < CG_LIMITS; kind++)
		if (plan->limit[kind])
			bits |= cg_limits[kind].bit;
	return bits;
}

/* "SIGNcpu SIGNmemory ..." */
static void print_controllers(unsigned bits, const char *sign, char *ret,
			      size_t size)
{
	size_t n = 0;

	*ret = '\0';
	for (unsigned i = 0; cg_controllers[i] && n < size; i++)
		if (bits & 1u << i)
			n += (size_t)snprintf(ret + n, size - n, "%s%s%s",
					      n ? " " : "", sign,
					      cg_controllers[i]);
}

static int read_controllers(int fd, const char *file, unsigned *ret,
			    struct err *err)
{
	cleanup_free char *text = cg_read(fd, file);

	if (!text)
		return err_set(err, errno, "read %s", file);
	*ret = cg_controllers_parse(text);
	return 0;
}

static void supervisor_name(pid_t pid, char *ret, size_t size)
{
	snprintf(ret, size, "cloison-supervisor-%d", (int)pid);
}

/* Make parent/cloison-supervisor-PID and go there. */
static int step_aside(int parent, struct cg *cg, struct err *err)
{
	char name[64], procs[96];

	supervisor_name(getpid(), name, sizeof(name));
	snprintf(procs, sizeof(procs), "%s/cgroup.procs", name);
	if (mkdirat(parent, name, DIR_MODE) && errno != EEXIST)
		return err_set(err, errno, "mkdir %s", name);
	if (fd_write_file(parent, procs, "0")) {
		err_set(err, errno, "move to %s", name);
		unlinkat(parent, name, AT_REMOVEDIR);
		return -1;
	}
	cg->moved = getpid();
	return 0;
}

/*
 * The kernel refuses controllers for the children of a cgroup that has
 * processes, but for the root, which has no cgroup.type.
 */
static int make_room(int parent, struct cg *cg, struct err *err)
{
	cleanup_free char *procs = NULL;

	if (faccessat(parent, "cgroup.type", F_OK, 0))
		return 0;
	procs = cg_read(parent, "cgroup.procs");
	if (!procs)
		return err_set(err, errno, "read cgroup.procs");
	if (!*procs)
		return 0;
	if (cg_procs_other(procs, getpid()))
		return err_set(
			err, 0,
			"other processes are in it, so it cannot be "
			"divided: start cloison alone there (systemd-run "
			"--scope -p Delegate=yes), or let it ask systemd "
			"for a scope");
	return step_aside(parent, cg, err);
}

/* The first limit whose controller is among `bits`, and why it is not there. */
static int lacks(const struct cg_plan *plan, const struct cg_host *host,
		 unsigned bits, struct err *err)
{
	char why[160];
	int kind = 0;

	while (!plan->limit[kind] || !(cg_limits[kind].bit & bits))
		kind++;
	if (!missing_in_v2(host, &cg_limits[kind], why, sizeof(why)))
		snprintf(why, sizeof(why),
			 "its parent gives it no %s "
			 "controller",
			 cg_limits[kind].controller);
	return err_set(err, 0, "limit %s: %s, or use --limits=try",
		       cg_limits[kind].name, why);
}

static int switch_on(const struct cg_plan *plan, int parent, unsigned bits,
		     struct cg *cg, struct err *err)
{
	char text[96];
	unsigned on = 0;

	print_controllers(bits, "+", text, sizeof(text));
	if (cg_lib_set(plan->parent, parent, "cgroup.subtree_control", text,
		       err))
		return -1;
	cg->enabled |= bits;
	if (read_controllers(parent, "cgroup.subtree_control", &on, err))
		return -1;
	return bits & ~on ? err_set(err, 0, "'%s' did not take", text) : 0;
}

/* All at once if possible, as each write takes its time. */
static int enable(const struct cg_plan *plan, const struct cg_host *host,
		  int parent, struct cg *cg, struct err *err)
{
	unsigned need = wanted(plan), have = 0, on = 0, extra;
	struct err ignored;

	if (read_controllers(parent, "cgroup.controllers", &have, err) ||
	    read_controllers(parent, "cgroup.subtree_control", &on, err))
		return -1;
	if (need & ~have)
		return lacks(plan, host, need & ~have, err);
	extra = plan->measure & have & ~on & ~need;
	need &= ~on;
	if (!need && !extra)
		return 0;
	if (make_room(parent, cg, err))
		return need ? -1 : 0;
	if (!switch_on(plan, parent, need | extra, cg, &ignored))
		return 0;
	if (need && switch_on(plan, parent, need, cg, err))
		return -1;
	/* One by one: an odd one out must not take the others with it. */
	for (unsigned bit = 1; bit <= extra; bit <<= 1)
		if (extra & bit)
			switch_on(plan, parent, bit, cg, &ignored);
	return 0;
}

static int open_parent(const struct cg_host *host, const char *path,
		       int *ret_fd, struct err *err)
{
	*ret_fd = cg_open_path(host->mount, path);
	if (*ret_fd < 0)
		return err_set(err, errno, "cgroup %s (below %s)", path,
			       host->mount);
	return 0;
}

static int join(const char *path, const char *name, char *ret, size_t size,
		struct err *err)
{
	const char *slash = path[1] ? "/" : "";

	if ((size_t)snprintf(ret, size, "%s%s%s", path, slash, name) >= size)
		return err_set(err, ENAMETOOLONG, "cgroup %s/%s", path, name);
	return 0;
}

/* A directory of our own below `parent`, never one that is there already. */
static int make_child(int parent, const char *name, const char *path,
		      int *ret_fd, struct err *err)
{
	if (mkdirat(parent, name, DIR_MODE))
		return err_set(err, errno, "mkdir cgroup %s", path);
	*ret_fd = openat(parent, name,
			 O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*ret_fd >= 0)
		return 0;
	err_set(err, errno, "open cgroup %s", path);
	unlinkat(parent, name, AT_REMOVEDIR);
	return -1;
}

static int create_below(const struct cg_plan *plan, const struct cg_host *host,
			struct cg *cg, struct err *err)
{
	cleanup_fd int parent = -1;

	/* The path first: cg_remove needs it to undo a move. */
	if (join(plan->parent, plan->name, cg->path, sizeof(cg->path), err) ||
	    open_parent(host, plan->parent, &parent, err))
		return -1;
	if (enable(plan, host, parent, cg, err))
		return err_prefix(err, "cgroup %s", plan->parent);
	if (make_child(parent, plan->name, cg->path, &cg->fd, err))
		return -1;
	cg->own_limits = true;
	cg->leaf_fd = cg->fd;
	memcpy(cg->leaf, cg->path, sizeof(cg->path));
	return cg_limit_apply(plan, cg->path, cg->fd, false, err);
}

static int create_scope(const struct cg_plan *plan, const struct cg_host *host,
			struct cg *cg, struct err *err)
{
	char scope[sizeof(host->own)];
	struct cg_plan below = *plan;

	if (cg_scope_start(plan->name, scope, sizeof(scope), err))
		return -1;
	below.parent = scope;
	return create_below(&below, host, cg, err);
}

/*
 * No controller is switched on for the leaf: what the scheduler did not give
 * to its own leaves, ours has no need of either.
 */
static int create_adopt(const struct cg_plan *plan, const struct cg_host *host,
			struct cg *cg, struct err *err)
{
	if ((size_t)snprintf(cg->path, sizeof(cg->path), "%s", plan->parent) >=
	    sizeof(cg->path))
		return err_set(err, ENAMETOOLONG, "cgroup %s", plan->parent);
	if (join(plan->parent, plan->name, cg->leaf, sizeof(cg->leaf), err) ||
	    open_parent(host, plan->parent, &cg->fd, err) ||
	    make_child(cg->fd, plan->name, cg->leaf, &cg->leaf_fd, err))
		return -1;
	if (cg_limit_apply(plan, cg->path, cg->fd, true, err))
		return err_prefix(err, "cgroup %s", cg->path);
	return 0;
}

static int create_none(const struct cg_plan *plan, const struct cg_host *host,
		       struct cg *cg, struct err *err)
{
	(void)plan;
	(void)host;
	(void)cg;
	(void)err;
	return 0;
}

static int check_plan(const struct cg_plan *plan, const struct cg_host *host,
		      struct err *err)
{
	bool has_parent = plan->source == CG_BELOW || plan->source == CG_ADOPT;

	if (plan->source == CG_NONE)
		return 0;
	if (!host->mount[0])
		return err_set(err, 0, "no cgroup v2 hierarchy is mounted");
	if (has_parent && (!plan->parent || plan->parent[0] != '/'))
		return err_set(err, 0, "cgroup '%s' is not an absolute path",
			       plan->parent ? plan->parent : "");
	if (!plan->name || !plan->name[0] || plan->name[0] == '.' ||
	    strchr(plan->name, '/'))
		return err_set(err, 0, "'%s' cannot name a cgroup",
			       plan->name ? plan->name : "");
	return 0;
}

int cg_create(const struct cg_plan *plan, const struct cg_host *host,
	      struct cg *ret, struct err *err)
{
	static int (*const create[])(const struct cg_plan *,
				     const struct cg_host *, struct cg *,
				     struct err *) = {
		[CG_NONE] = create_none,
		[CG_BELOW] = create_below,
		[CG_SCOPE] = create_scope,
		[CG_ADOPT] = create_adopt,
	};
	struct err ignored;

	*ret = (struct cg)CG_INIT;
	if (check_plan(plan, host, err))
		return -1;
	memcpy(ret->mount, host->mount, sizeof(ret->mount));
	if (!create[plan->source](plan, host, ret, err))
		return 0;
	cg_remove(ret, &ignored);
	return -1;
}

int cg_open(const struct cg_host *host, const char *path, const char *leaf,
	    struct cg *ret, struct err *err)
{
	*ret = (struct cg)CG_INIT;
	if ((size_t)snprintf(ret->path, sizeof(ret->path), "%s", path) >=
		    sizeof(ret->path) ||
	    (size_t)snprintf(ret->leaf, sizeof(ret->leaf), "%s",
			     leaf ? leaf : path) >= sizeof(ret->leaf))
		return err_set(err, ENAMETOOLONG, "cgroup %s", path);
	memcpy(ret->mount, host->mount, sizeof(ret->mount));
	ret->own_limits = !leaf;
	if (open_parent(host, path, &ret->fd, err))
		return -1;
	ret->leaf_fd = ret->fd;
	if (leaf && open_parent(host, leaf, &ret->leaf_fd, err)) {
		ret->leaf_fd = -1;
		cg_close(ret);
		return -1;
	}
	return 0;
}

void cg_close(struct cg *cg)
{
	if (cg->leaf_fd >= 0 && cg->leaf_fd != cg->fd)
		close(cg->leaf_fd);
	if (cg->fd >= 0)
		close(cg->fd);
	cg->fd = cg->leaf_fd = -1;
}

/* --- killing --- */

static int wait_empty(int events, int64_t end, struct err *err)
{
	for (;;) {
		struct pollfd p = { .fd = events, .events = POLLPRI };
		int64_t left = end - now_ms();
		char text[256];
		ssize_t n = pread(events, text, sizeof(text) - 1, 0);

		/* A cgroup that is gone has nobody in it. */
		if (n < 0 && errno == ENODEV)
			return 0;
		if (n < 0)
			return err_set(err, errno, "read cgroup.events");
		text[n] = '\0';
		if (!cg_key_parse(text, "populated"))
			return 0;
		if (left <= 0)
			return err_set(err, ETIMEDOUT, "processes are left");
		if (poll(&p, 1, (int)left) < 0 && errno != EINTR)
			return err_set(err, errno, "poll cgroup.events");
	}
}

int cg_kill(struct cg *cg, struct err *err)
{
	cleanup_fd int events = -1;

	if (cg->leaf_fd < 0)
		return 0;
	events = openat(cg->leaf_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	if (events < 0)
		return err_set(err, errno, "open cgroup.events of %s",
			       cg->leaf);
	if (fd_write_file(cg->leaf_fd, "cgroup.kill", "1")) {
		err_set(err, errno, "write cgroup.kill of %s", cg->leaf);
		return errno == ENOENT ? err_hint(err, "needs Linux 5.14") : -1;
	}
	if (wait_empty(events, now_ms() + KILL_MS, err))
		return err_prefix(err, "kill cgroup %s", cg->leaf);
	return 0;
}

int cg_open_kill(const struct cg *cg, struct err *err)
{
	int fd = openat(cg->fd, "cgroup.kill", O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	err_set(err, errno, "open cgroup.kill of %s", cg->path);
	return errno == ENOENT ? err_hint(err, "needs Linux 5.14") : -1;
}

/* --- removing --- */

static bool is_dir(int dir, const struct dirent *d)
{
	struct stat st;

	if (d->d_type != DT_UNKNOWN)
		return d->d_type == DT_DIR;
	return !fstatat(dir, d->d_name, &st, AT_SYMLINK_NOFOLLOW) &&
	       S_ISDIR(st.st_mode);
}

/*
 * Remove the children of `dir` that can be removed; returns one that cannot,
 * open, or -1.
 */
static int prune_children(int dir, bool *ret_progress)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *d = copy < 0 ? NULL : fdopendir(copy);
	int busy = -1;
	struct dirent *e;

	if (!d) {
		if (copy >= 0)
			close(copy);
		return -1;
	}
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.' &&
		    (!e->d_name[1] || !strcmp(e->d_name, "..")))
			continue;
		if (!is_dir(dir, e))
			continue;
		if (!unlinkat(dir, e->d_name, AT_REMOVEDIR))
			*ret_progress = true;
		else if (busy < 0)
			busy = openat(dir, e->d_name,
				      O_PATH | O_DIRECTORY | O_NOFOLLOW |
					      O_CLOEXEC);
	}
	return busy;
}

/*
 * What the payload made below. It may be deeper than the stack, than PATH_MAX
 * or than descriptors go, so one descriptor walks down to a directory without
 * busy children, and back up, where that one can be removed. If it cannot,
 * somebody is still in it.
 */
static void prune(int top)
{
	int dir = top, next;
	unsigned depth = 0;
	bool up = false;

	for (;;) {
		bool progress = false;

		next = prune_children(dir, &progress);
		if (next >= 0 && up && !progress)
			break;
		up = next < 0;
		if (up && !depth)
			break;
		if (up)
			next = openat(dir, "..",
				      O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (next < 0)
			break;
		depth = up ? depth - 1 : depth + 1;
		if (dir != top)
			close(dir);
		dir = next;
	}
	if (next >= 0)
		close(next);
	if (dir != top)
		close(dir);
}

/* The directory above `path`, open, and its last name. */
static int open_above(const struct cg *cg, const char *path,
		      const char **ret_name)
{
	char above[sizeof(cg->leaf)];
	const char *slash = strrchr(path, '/');

	if (!slash || !slash[1]) {
		errno = EINVAL;
		return -1;
	}
	snprintf(above, sizeof(above), "%.*s", (int)(slash - path), path);
	*ret_name = slash + 1;
	return cg_open_path(cg->mount, above);
}

/*
 * libcgroup reports a busy directory as removed, and removes nothing where
 * the hierarchy has no controllers: unlinkat(2) behind it tells what is.
 */
static int remove_dir(const struct cg *cg, const char *path, int fd,
		      struct err *err)
{
	int64_t end = now_ms() + BUSY_MS;
	struct err ignored;
	const char *name;
	cleanup_fd int above = open_above(cg, path, &name);

	if (above < 0)
		return errno == ENOENT ? 0
				       : err_set(err, errno, "cgroup %s", path);
	for (;;) {
		prune(fd);
		cg_lib_delete(path, &ignored);
		if (!unlinkat(above, name, AT_REMOVEDIR) || errno == ENOENT)
			return 0;
		if (errno != EBUSY || now_ms() >= end)
			return err_set(err, errno, "remove cgroup %s", path);
		nanosleep(&(struct timespec){ .tv_nsec = RETRY_MS * 1000000L },
			  NULL);
	}
}

/* Whether the supervisor's directory is the only one left in `parent`. */
static bool alone(int parent, const char *name)
{
	int copy = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *d = copy < 0 ? NULL : fdopendir(copy);
	bool other = !d;
	struct dirent *e;

	if (!d && copy >= 0)
		close(copy);
	while (d && !other && (e = readdir(d)))
		other = e->d_name[0] != '.' && strcmp(e->d_name, name) != 0 &&
			is_dir(parent, e);
	return !other;
}

/*
 * Back into the parent. It must first lose the controllers that it was given;
 * with other children about, which may depend on them, all stays as it is and
 * goes with the unit or job that the parent belongs to.
 */
static int step_back(const struct cg *cg, int parent, struct err *err)
{
	char path[sizeof(cg->path)], off[96], name[64];
	int len = (int)(strrchr(cg->path, '/') - cg->path);

	supervisor_name(cg->moved, name, sizeof(name));
	if (!alone(parent, name))
		return 0;
	snprintf(path, sizeof(path), "%.*s", len ? len : 1, cg->path);
	print_controllers(cg->enabled, "-", off, sizeof(off));
	if (cg->enabled &&
	    cg_lib_set(path, parent, "cgroup.subtree_control", off, err))
		return -1;
	if (cg->moved == getpid() && fd_write_file(parent, "cgroup.procs", "0"))
		return err_set(err, errno, "move back to cgroup %s", path);
	/* Somebody else calls while it lives: it goes with its parent. */
	if (unlinkat(parent, name, AT_REMOVEDIR) && errno != EBUSY &&
	    errno != ENOENT)
		return err_set(err, errno, "remove cgroup %s/%s", path, name);
	return 0;
}

static int undo_move(struct cg *cg, struct err *err)
{
	const char *name;
	cleanup_fd int parent = open_above(cg, cg->path, &name);
	int r = 0;

	if (parent >= 0)
		r = step_back(cg, parent, err);
	else if (errno != ENOENT)
		r = err_set(err, errno, "cgroup above %s", cg->path);
	if (!r)
		cg->moved = 0;
	return r;
}

int cg_remove(struct cg *cg, struct err *err)
{
	int r = 0;

	if (cg->leaf_fd >= 0)
		r = remove_dir(cg, cg->leaf, cg->leaf_fd, err);
	if (!r && cg->moved)
		r = undo_move(cg, err);
	cg_close(cg);
	return r;
}
