/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "acct/spool.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "run/cell.h"
#include "run/children.h"
#include "run/enter.h"
#include "run/msg.h"
#include "run/user.h"

int64_t cell_now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/*
 * Signals wait until there is somebody to pass them on to. A SIGCHLD that the
 * caller ignores would keep exit statuses from us.
 */
static int block_signals(struct cell *cell, struct err *err)
{
	sigset_t all;

	sigfillset(&all);
	if (signal(SIGCHLD, SIG_DFL) == SIG_ERR ||
	    sigprocmask(SIG_BLOCK, &all, &cell->old_mask))
		return err_set(err, errno, "block signals");
	return 0;
}

/* For cell_wait: once the payload runs, nothing may be missing to wait for it.
 */
static int open_signals(struct cell *cell, struct err *err)
{
	sigset_t all;

	sigfillset(&all);
	cell->sigfd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	return cell->sigfd < 0 ? err_set(err, errno, "make a signalfd") : 0;
}

/* All namespaces, birth into the cgroup and a pidfd in one call. */
static int clone_init(const struct plan *plan, struct cell *cell, int sock,
		      int kill, int cpu, char *argv[], struct err *err)
{
	struct clone_args args = {
		.flags = ns_clone_flags(&plan->ns) | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&cell->pidfd,
		.exit_signal = SIGCHLD,
	};
	const struct enter e = { .plan = plan,
				 .sock = sock,
				 .link = &cell->link,
				 .store = scratch_path(&cell->scratch),
				 .unsized = *cell->scratch.no_quota.text,
				 .lock = cell->registry.fd,
				 .claim = cell->claim.fd,
				 .argv = argv,
				 .mask = &cell->old_mask,
				 .shared = cell->shared,
				 .watch = cell->watch,
				 .kill = kill,
				 .cpu = cpu };

	if (cell->cg.leaf_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)cell->cg.leaf_fd;
	}
	cell->init = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (cell->init == 0) {
		/* Only who has no copy of it hears that it was closed. */
		close(cell->sock);
		close(cell->sigfd);
		enter_cell(&e);
	}
	if (cell->init > 0)
		return 0;
	if (errno == EPERM && plan->ns.outer_user)
		return err_set(err, EPERM,
			       "make namespaces (is this host closed to user "
			       "namespaces of ordinary users? sysctl "
			       "kernel.unprivileged_userns_clone, "
			       "kernel.apparmor_restrict_unprivileged_userns)");
	if (errno == ENOSPC)
		return err_set(err, ENOSPC,
			       "make namespaces (sysctl user.max_*_namespaces "
			       "is reached)");
	if (errno == ENOSYS)
		return err_set(err, ENOSYS,
			       "make namespaces (a cell that others are to be "
			       "made in has to be nestable)");
	return err_set(err, errno, "make namespaces");
}

/* Of an init that is gone take_setup hears why. */
static int acknowledge(const struct cell *cell, struct err *err)
{
	while (send(cell->sock, "", 1, MSG_NOSIGNAL) != 1) {
		if (errno == EPIPE || errno == ECONNRESET)
			return 0;
		if (errno != EINTR)
			return err_set(err, errno, "answer the cell");
	}
	return 0;
}

/*
 * What kills the payload for want of memory leaves init to tell of it, where
 * we have the right (CAP_SYS_RESOURCE). From here and not earlier: what is
 * born before does not inherit it.
 */
static void shield(const struct plan *plan, const struct cell *cell)
{
	char path[64];

	if (!plan->cg.limit[CG_MEMORY_OOM_GROUP])
		return;
	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", cell->init);
	fd_write_file(AT_FDCWD, path, "-1000");
}

/* One message while the cell is built; 1 when it is ready. */
static int take_setup(const struct plan *plan, struct cell *cell,
		      struct err *err)
{
	struct msg m;
	int n = msg_recv(cell->sock, &m, 0);

	if (n < 0)
		return err_set(err, errno, "hear from the cell");
	if (!n)
		return err_set(err, 0, "the cell died while it was set up");
	switch (m.type) {
	case MSG_MAP:
		if (ns_map_identity(cell->init, err))
			return -1;
		return acknowledge(cell, err);
	case MSG_READY:
	case MSG_EXEC:
		shield(plan, cell);
		cell->setup_us = cell_now(CLOCK_MONOTONIC) - cell->start_mono;
		return 1;
	case MSG_STOP:
	case MSG_CONT:
		return 0;
	case MSG_EXIT:
		return err_set(err, 0, "the payload died while it was set up");
	default:
		*err = m.err;
		return -1;
	}
}

/* Many cells share a parent, but a scheduler's step has one alone. */
static int make_cgroup(const struct plan *plan, const struct host *host,
		       struct cell *cell, struct err *err)
{
	struct cg_plan cg = plan->cg;
	char name[64];

	if (cg.source != CG_ADOPT) {
		snprintf(name, sizeof(name), "%s-%d-%llx", cg.name, getpid(),
			 (unsigned long long)cell->start_us);
		cg.name = name;
	}
	if (registry_note_cgroup(&cell->registry, &cg, err) ||
	    cg_create(&cg, &host->cg, &cell->cg, err))
		return -1;
	return registry_note_made_cgroup(&cell->registry, &cell->cg, err);
}

/* Before anything else of the cell is made. */
static int enlist(const struct plan *plan, const struct host *host,
		  struct cell *cell, struct err *err)
{
	if (!registry_open(plan, host, &cell->registry, err))
		return 0;
	if (!plan->unregistered_ok)
		return -1;
	cell->unregistered = *err;
	return 0;
}

/* Where there is no place for claims, there is nobody to mind them. */
static int claim_cores(const struct plan *plan, const struct host *host,
		       struct cell *cell, struct err *err)
{
	const struct job *job = plan->job;
	const struct topo_claim claim = { .id = cell->registry.id,
					  .cpus = plan->topo.cpus,
					  .user = job->user,
					  .job = job->scheduler.job };
	int r;

	if (plan->claim == CLAIM_NONE)
		return 0;
	r = topo_claim_create(topo_ledger, &host->topo, &claim,
			      plan->claim == CLAIM_CORES ? TOPO_CORE
							 : TOPO_THREAD,
			      plan->claim == CLAIM_SHARED, &cell->claim, err);
	if (r < 0)
		cell->unclaimed = *err;
	cell->contested = r > 0;
	return r > 0 ? err_set(err, 0,
			       "other cells keep taking the cores that were "
			       "picked: try again")
		     : 0;
}

/* While the cell is busy with itself: the other lines come before their time.
 */
static int note_processes(const struct plan *plan, const struct cell *cell,
			  struct err *err)
{
	pid_t supervisor = plan->job->supervisor;

	if (registry_note_process(&cell->registry, "supervisor",
				  supervisor ? supervisor : getpid(), err))
		return -1;
	return registry_note_process(&cell->registry, "init", cell->init, err);
}

/* Who has which one, for cloison ls. */
static int note_addresses(const struct cell *cell, struct err *err)
{
	char list[LINK_ADDRESSES * IP_TEXT], one[IP_TEXT];
	size_t len = 0;

	if (!cell->link.n)
		return 0;
	for (size_t i = 0; i < cell->link.n; i++)
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s",
					i ? " " : "",
					ip_text(&cell->link.address[i], one));
	return registry_note(&cell->registry, "addresses", list, err);
}

/* Before init, which inherits the locks. */
static int lease_addresses(const struct plan *plan, struct cell *cell,
			   struct err *err)
{
	if (plan->link.kind == LINK_NONE)
		return 0;
	if (link_init(&plan->link, &cell->link, err) ||
	    (*cell->link.host_end && registry_note(&cell->registry, "interface",
						   cell->link.host_end, err)) ||
	    registry_note(&cell->registry, "leases", plan->link.leases, err) ||
	    link_lease(&plan->link, &cell->link, err))
		return -1;
	return note_addresses(cell, err);
}

/* Init may have died first, and says why. */
static int ask_init(const struct cell *cell, struct err *err)
{
	struct msg m;

	if (msg_recv(cell->sock, &m, MSG_DONTWAIT) == 1 && m.type == MSG_ERR)
		*err = m.err;
	return -1;
}

static int make_link(const struct plan *plan, struct cell *cell,
		     struct err *err)
{
	if (plan->link.kind == LINK_NONE)
		return 0;
	if (!link_create(&plan->link, cell->pidfd, &cell->link, err))
		return 0;
	return ask_init(cell, err);
}

/*
 * A process of its own, as it may have to join init's user namespace, of which
 * there is no way back; in our memory while we wait, see start_payload.
 */
static _Noreturn void net_maker(const struct plan *plan,
				const struct cell *cell, struct err *err)
{
	int fd = ns_net_make(&plan->ns, cell->pidfd, err);

	if (fd >= 0 && msg_send_fd(cell->sock, fd))
		fd = err_set(err, errno, "hand over the network namespace");
	_exit(fd < 0);
}

/* While init mounts, which waits for it where it needs it. */
static int make_net(const struct plan *plan, const struct cell *cell,
		    struct err *err)
{
	int status = -1;
	pid_t pid;

	if (!plan->ns.net_aside)
		return 0;
	err_set(err, 0, "the maker of the network namespace was killed");
	/* NOLINTBEGIN(*Vfork,*vfork): Linux forbids its child but to return */
	pid = vfork();
	if (!pid)
		net_maker(plan, cell, err);
	/* NOLINTEND(*Vfork,*vfork) */
	if (pid < 0)
		return err_set(err, errno, "make a network namespace");
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status ? ask_init(cell, err) : 0;
}

/* Whom the end of init alone would not end it kills by cgroup. */
static int open_kill(const struct plan *plan, const struct cell *cell,
		     char *argv[], int *ret, struct err *err)
{
	if (cell->cg.fd < 0 || (argv && plan->ns.make[NS_PID]))
		return 0;
	*ret = cg_open_kill(&cell->cg, err);
	return *ret < 0 ? -1 : 0;
}

/* What CPU time is counted by: for the record alone, it need not be there. */
static int open_cpu(const struct plan *plan, const struct cell *cell, int *ret,
		    struct err *err)
{
	if (cell->cg.fd < 0)
		return 0;
	*ret = cg_open_cpu(&cell->cg, err);
	return *ret < 0 && plan->cpu_time ? -1 : 0;
}

/*
 * Without a PID namespace, who outlives init comes to us, to be killed. Not if
 * the caller has left us children of its own: they could not be told apart.
 */
static int adopt(const struct plan *plan, char *argv[], struct cell *cell,
		 struct err *err)
{
	if (!argv || plan->ns.make[NS_PID] || children_exist())
		return 0;
	if (prctl(PR_SET_CHILD_SUBREAPER, 1))
		return err_set(err, errno, "become a subreaper");
	cell->adopts = true;
	return 0;
}

/* What an overlay needs beside the layer that it keeps. */
static int note_kept(const struct plan *plan, const struct cell *cell,
		     struct err *err)
{
	for (size_t i = 0; i < plan->mnt.n; i++) {
		const struct mnt_op *op = &plan->mnt.op[i];

		if (op->kind == MNT_OVERLAY && op->fate == MNT_KEEP &&
		    registry_note(&cell->registry, "kept", op->dir, err))
			return -1;
	}
	return 0;
}

static int start(const struct plan *plan, const struct host *host, char *argv[],
		 struct cell *cell, struct err *err)
{
	cleanup_fd int kill = -1, cpu = -1;
	int sv[2], done;

	if (enlist(plan, host, cell, err) ||
	    claim_cores(plan, host, cell, err) || note_kept(plan, cell, err))
		return -1;
	if (scratch_create(plan, &cell->registry, &cell->scratch, err))
		return -1;
	if (plan->cg.source != CG_NONE && make_cgroup(plan, host, cell, err)) {
		if (!plan->unlimited_ok)
			return -1;
		cell->unlimited = true;
		cell->why_not = *err;
	}
	if (lease_addresses(plan, cell, err))
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv))
		return err_set(err, errno, "make a socket pair");
	cell->sock = sv[0];
	done = argv ? open_signals(cell, err) : 0;
	if (!done)
		done = open_kill(plan, cell, argv, &kill, err);
	if (!done)
		done = open_cpu(plan, cell, &cpu, err);
	if (!done)
		done = clone_init(plan, cell, sv[1], kill, cpu, argv, err);
	close(sv[1]);
	if (!done)
		done = make_net(plan, cell, err);
	if (!done)
		done = note_processes(plan, cell, err);
	if (!done)
		done = make_link(plan, cell, err);
	/* No payload before all that may fail is done. */
	if (!done)
		done = acknowledge(cell, err);
	while (!done)
		done = take_setup(plan, cell, err);
	return done < 0 ? -1 : 0;
}

int cell_share(struct cell_shared **ret, struct err *err)
{
	void *p = mmap(NULL, sizeof(**ret), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return err_set(err, errno, "map memory for the cell");
	*ret = p;
	return 0;
}

int cell_start(const struct plan *plan, const struct host *host, char *argv[],
	       struct cell *cell, struct err *err)
{
	struct err ignored;

	cg_usage_init(&cell->usage);
	cell->start_us = cell_now(CLOCK_REALTIME);
	cell->start_mono = cell_now(CLOCK_MONOTONIC);
	if (block_signals(cell, err) || adopt(plan, argv, cell, err))
		return -1;
	if (!start(plan, host, argv, cell, err))
		return 0;
	if (cell->init > 0)
		kill(cell->init, SIGKILL);
	cell->failed = true;
	cell->end_mono = cell_now(CLOCK_MONOTONIC);
	cell_remove(plan, cell, &ignored);
	sigprocmask(SIG_SETMASK, &cell->old_mask, NULL);
	return -1;
}

void cell_release(const struct cell *cell)
{
	const struct msg_order order = { 0 };

	msg_order_send(cell->sock, &order);
}

int cell_remove(const struct plan *plan, struct cell *cell, struct err *err)
{
	int ret = cell_reap(cell, err);

	if (cell->sock >= 0)
		close(cell->sock);
	if (cell->pidfd >= 0)
		close(cell->pidfd);
	if (cell->sigfd >= 0)
		close(cell->sigfd);
	if (cell->reserved >= 0)
		spool_cancel(cell->spool, cell->registry.id, cell->reserved);
	if (cell->spool >= 0)
		close(cell->spool);
	cell->sock = cell->pidfd = cell->sigfd = -1;
	cell->spool = cell->reserved = -1;
	user_tidy(plan);
	if (scratch_remove(&cell->scratch, err))
		ret = -1;
	if (cell->cg.fd >= 0 && cg_remove(&cell->cg, err))
		ret = -1;
	if (link_remove(&cell->link, err))
		ret = -1;
	topo_claim_remove(&cell->claim);
	/* What could not be removed is left to gc, which needs the entry. */
	if (ret)
		registry_close(&cell->registry);
	else
		ret = registry_remove(&cell->registry, err);
	return ret;
}

int cell_join(const struct plan *plan, pid_t init, struct err *err)
{
	cleanup_fd int fd = pidfd_open(init, 0);

	if (fd < 0)
		return err_set(err, errno, "find the cell's init");
	if (setns(fd, ns_join_flags(&plan->ns)))
		return err_set(err, errno, "join the cell");
	return 0;
}
