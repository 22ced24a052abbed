/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "run/cell.h"
#include "run/enter.h"
#include "run/msg.h"
#include "run/places.h"
#include "run/threads.h"

/* The supervisor is gone: nobody is left to be of use to. */
static void await_ack(int sock)
{
	char c;
	ssize_t n;

	do
		n = recv(sock, &c, 1, 0);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		_exit(125);
}

/*
 * Die with the supervisor, even stopped; it may be dead already. Without a PID
 * namespace there is something to do first, see init.c, which hears of its end
 * by the socket.
 */
static int tie_to_parent(const struct enter *e, struct err *err)
{
	char c;

	if (!e->argv)
		return 0;
	if (e->plan->ns.make[NS_PID] && prctl(PR_SET_PDEATHSIG, SIGKILL))
		return err_set(err, errno, "set the parent death signal");
	if (!recv(e->sock, &c, 1, MSG_PEEK | MSG_DONTWAIT))
		_exit(125);
	return 0;
}

static int inner(const struct enter *e, struct err *err)
{
	/* What is made from outside is, an interface with rights that end here.
	 */
	await_ack(e->sock);
	if (ns_inner_enter(&e->plan->ns, err))
		return -1;
	if (ns_needs_map(&e->plan->ns)) {
		msg_tell(e->sock, MSG_MAP, NULL);
		await_ack(e->sock);
	}
	return 0;
}

/*
 * A holder waits for long: it keeps nothing that somebody else waits for, but
 * its socket, the locks that say it lives and whom it lives for.
 */
static int detach(const struct enter *e, struct err *err)
{
	int null, keep[6 + LINK_ADDRESSES] = { e->sock,  e->lock, e->claim,
					       e->watch, e->kill, e->cpu };
	size_t n = 6;

	if (e->argv)
		return 0;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return err_set(err, errno, "open /dev/null");
	for (int fd = 0; fd < 3; fd++)
		if (null != fd && dup2(null, fd) < 0)
			return err_set(err, errno, "replace descriptor %d", fd);
	for (size_t i = 0; i < e->link->n; i++)
		keep[n++] = e->link->lease[i];
	if (fd_close_others(keep, n))
		return err_set(err, errno, "close descriptors");
	return 0;
}

/* The network namespace, once; the supervisor has it made meanwhile. */
struct net {
	const struct enter *e;
	bool joined;
};

static int join_net(void *arg, struct err *err)
{
	struct net *net = arg;
	cleanup_fd int fd = -1;

	if (!net->e->plan->ns.net_aside || net->joined)
		return 0;
	fd = msg_recv_fd(net->e->sock);
	/* The supervisor is gone: nobody is left to be of use to. */
	if (fd < 0 && !errno)
		_exit(125);
	if (fd < 0)
		return err_set(err, errno, "receive the network namespace");
	net->joined = true;
	return ns_net_join(fd, err);
}

static int set_up(const struct enter *e, struct mnt_live *live, struct err *err)
{
	const struct plan *plan = e->plan;
	struct net net = { .e = e };
	const struct mnt_wait wait = { join_net, &net };

	if (ns_enter(&plan->ns, err) || detach(e, err) ||
	    mnt_apply(&plan->mnt, e->store, &wait, live, err) ||
	    join_net(&net, err))
		return -1;
	if (e->unsized)
		live->scratch = -1;
	if (places_bind(plan, &plan->topo, e->shared, err))
		return -1;
	if (inner(e, err) || tie_to_parent(e, err))
		return -1;
	/*
	 * Out of ptrace's and /proc's reach, and no core with our memory. Not
	 * earlier: the maps are written to files that would be root's then.
	 */
	if (prctl(PR_SET_DUMPABLE, 0))
		return err_set(err, errno, "become undumpable");
	if (!plan->ns.make[NS_PID] && prctl(PR_SET_CHILD_SUBREAPER, 1))
		return err_set(err, errno, "become a subreaper");
	return 0;
}

/* Where the job wants to start, and nowhere else: it may have relative paths.
 */
static int change_dir(const struct plan *plan, struct err *err)
{
	const char *dir = plan->cwd ? plan->cwd : "/";

	if (!chdir(dir))
		return 0;
	err_set(err, errno, "working directory %s is not in the cell", dir);
	return err_hint(err, "start in another, or show it (--ro, --rw)");
}

/* What the payload begins with. */
struct start {
	const struct enter *e;
	pid_t init;
	int64_t cpu_us; /* that init has used */
};

/* Without a PID namespace init's death alone would not end the payload. */
static int tie_to_init(const struct start *s, struct err *err)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL))
		return err_set(err, errno, "set the parent death signal");
	return getppid() == s->init ? 0 : err_set(err, 0, "init is dead");
}

/* The user's own choice stays. */
static int set_threads(const struct plan *plan, struct err *err)
{
	char value[16];
	unsigned n;

	if (threads_read(plan, &n, err))
		return -1;
	snprintf(value, sizeof(value), "%u", n);
	if (n && setenv("OMP_NUM_THREADS", value, 0))
		return err_set(err, errno, "set OMP_NUM_THREADS");
	return 0;
}

static int payload_set_up(const struct start *s, struct err *err)
{
	const struct plan *plan = s->e->plan;

	if (change_dir(plan, err))
		return -1;
	for (size_t i = 0; i < plan->n_env; i++)
		if (setenv(plan->env[i].key, plan->env[i].value, 1))
			return err_set(err, errno, "set %s", plan->env[i].key);
	if (set_threads(plan, err) || sec_apply(&plan->sec, err))
		return -1;
	if (!plan->ns.make[NS_PID] && tie_to_init(s, err))
		return -1;
	if (sigprocmask(SIG_SETMASK, s->e->mask, NULL))
		return err_set(err, errno, "restore the signal mask");
	return 0;
}

/* Is there a file of that name, here or in PATH? */
static bool command_exists(const char *command)
{
	const char *path = getenv("PATH");
	char file[4096];

	if (strchr(command, '/') || !path)
		return !access(command, F_OK);
	while (*path) {
		size_t len = strcspn(path, ":");
		int n = snprintf(file, sizeof(file), "%.*s/%s", (int)len, path,
				 command);

		if (n < (int)sizeof(file) && !access(file, F_OK))
			return true;
		path += len + (path[len] == ':');
	}
	return false;
}

/*
 * A directory in PATH that may not be searched is no command found in it, and
 * for one that is there it is its interpreter that is missing.
 */
static int exec_errno(const char *command, int num)
{
	if (num == EACCES && !strchr(command, '/') && !command_exists(command))
		return ENOENT;
	if (num == ENOENT && command_exists(command))
		return ELIBACC;
	return num;
}

/*
 * Reading our own clock has the kernel count us, and so our cgroup, up to now
 * and not to its last tick.
 */
static void note_cpu(const struct start *s)
{
	int64_t own = cell_now(CLOCK_PROCESS_CPUTIME_ID);

	s->e->shared->cpu_setup_us =
		s->e->cpu < 0 ? s->cpu_us + own : cg_cpu_read(s->e->cpu);
}

/* What a shell has for a name says whether it is a login shell (login(1)). */
static void execute(const struct plan *plan, char *argv[])
{
	char *const file = argv[0], *slash = strrchr(file, '/');
	static char name[NAME_MAX + 2];

	if (plan->login) {
		snprintf(name, sizeof(name), "-%s", slash ? slash + 1 : file);
		argv[0] = name;
	}
	execvp(file, argv);
	/* The memory is init's. */
	argv[0] = file;
}

static _Noreturn void payload(const struct start *s)
{
	const struct enter *e = s->e;
	struct err err;

	if (payload_set_up(s, &err)) {
		msg_tell(e->sock, MSG_ERR, &err);
		_exit(125);
	}
	note_cpu(s);
	msg_tell(e->sock, MSG_EXEC, NULL);
	execute(e->plan, e->argv);
	err_set(&err, exec_errno(e->argv[0], errno), "%s", e->argv[0]);
	msg_tell(e->sock, MSG_NOEXEC, &err);
	_exit(125);
}

/*
 * In init's memory, while init waits, until the execve or the end: copying
 * page tables for nothing would take longer than all that the payload does in
 * between.
 */
static pid_t start_payload(const struct enter *e)
{
	const struct start s = { e, getpid(),
				 cell_now(CLOCK_PROCESS_CPUTIME_ID) };
	/* NOLINTBEGIN(*Vfork,*vfork): Linux forbids its child but to return */
	pid_t pid = vfork();

	if (!pid)
		payload(&s);
	/* NOLINTEND(*Vfork,*vfork) */
	return pid;
}

_Noreturn void enter_cell(const struct enter *e)
{
	struct init init = { .sock = e->sock,
			     .watch = e->watch,
			     .kill = e->kill,
			     .plan = e->plan,
			     .shared = e->shared };
	struct err err;

	prctl(PR_SET_NAME, "cloison-init");
	if (set_up(e, &init.live, &err) || init_open(&init, e->cpu, &err))
		goto fail;
	if (!e->argv) {
		if (chdir("/")) {
			err_set(&err, errno, "change to /");
			goto fail;
		}
		/* The scheduler's daemon may be shielded from the OOM killer.
		 */
		fd_write_file(AT_FDCWD, "/proc/self/oom_score_adj", "0");
		msg_tell(e->sock, MSG_READY, NULL);
		init_main(&init);
	}
	init.payload = start_payload(e);
	if (init.payload < 0) {
		err_set(&err, errno, "start the payload");
		goto fail;
	}
	init_main(&init);
fail:
	msg_tell(e->sock, MSG_ERR, &err);
	_exit(125);
}
