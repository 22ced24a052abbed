/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/parse.h"
#include "ns/ns.h"
#include "run/join.h"
#include "run/msg.h"
#include "sec/sec.h"

enum {
	GROUPS_MAX = 65536,
	STATUS_MAX = 1024 * 1024,
	MOMENT_MS = 500,
};

/* Who runs the payload, in the words of the user namespace that reads it. */
struct ids {
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	size_t n;
};

/* What the processes between here and the command share. */
struct way {
	const struct join *join;
	int sock;
	sigset_t mask; /* the caller's, for the command */
	struct sec_plan sec;
	int flags;        /* of the namespaces to join */
	bool as_user;     /* become the user before anything else */
	bool late_cgroup; /* each task has a cgroup namespace of its own */
};

/* --- who --- */

static void read_line(char *line, struct ids *ids)
{
	unsigned id;
	int skip;

	if (sscanf(line, "Uid: %*u %u", &id) == 1)
		ids->uid = id;
	if (sscanf(line, "Gid: %*u %u", &id) == 1)
		ids->gid = id;
	if (strncmp(line, "Groups:", 7) != 0)
		return;
	for (line += 7;
	     ids->n < GROUPS_MAX && sscanf(line, "%u%n", &id, &skip) == 1;
	     line += skip)
		ids->groups[ids->n++] = id;
}

/* From a process's directory in /proc: proc_pid_status(5). */
static int read_ids(int proc, struct pool *pool, struct ids *ret,
		    struct err *err)
{
	char *buf = pool_alloc(pool, STATUS_MAX), *line, *save;

	*ret = (struct ids){ .uid = (uid_t)-1, .gid = (gid_t)-1 };
	ret->groups = pool_alloc(pool, GROUPS_MAX * sizeof(gid_t));
	if (fd_read_file(proc, "status", buf, STATUS_MAX) < 0)
		return err_set(err, errno, "read the payload's ids");
	for (line = strtok_r(buf, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		read_line(line, ret);
	if (ret->uid == (uid_t)-1 || ret->gid == (gid_t)-1)
		return err_set(err, 0, "the payload has no ids");
	return 0;
}

static int become(const struct ids *ids, struct err *err)
{
	/* Where it is denied, there are no groups to be set. */
	if (setgroups(ids->n, ids->groups) && errno != EPERM)
		return err_set(err, errno, "set groups");
	if (setresgid(ids->gid, ids->gid, ids->gid) ||
	    setresuid(ids->uid, ids->uid, ids->uid))
		return err_set(err, errno, "become uid %u", ids->uid);
	return 0;
}

/* --- where --- */

static int flags_of(const struct entry *e)
{
	char list[128], *word, *save;
	int flags = 0;

	snprintf(list, sizeof(list), "%s", e->namespaces ? e->namespaces : "");
	for (word = strtok_r(list, " ", &save); word;
	     word = strtok_r(NULL, " ", &save))
		for (int i = 0; i < NS_KINDS; i++)
			if (!strcmp(ns_table[i]->name, word))
				flags |= ns_table[i]->flag;
	return flags;
}

/*
 * Limits are to hold for what enters. The kernel lets an ordinary user move a
 * process only within what is delegated to him (cgroups(7)); from a session's
 * scope to a user's service it is systemd that can.
 */
static int join_cgroup(const struct join *j, struct err *err)
{
	const char *path = j->entry->cgroup;
	char procs[1200];

	if (!path)
		return 0;
	if (strcmp(path, j->init->cgroup) != 0)
		return err_set(err, 0, "the cell is not in its cgroup %s",
			       path);
	snprintf(procs, sizeof(procs), "%s%s/cgroup.procs", j->host->cg.mount,
		 path);
	if (!fd_write_file(AT_FDCWD, procs, "0"))
		return 0;
	if (errno != EACCES && errno != EPERM)
		return err_set(err, errno, "join cgroup %s", path);
	if (cg_scope_attach(path, err))
		return err_prefix(err, "join cgroup %s", path);
	return 0;
}

/* The process may be another one by now: look once it cannot be any more. */
static int open_process(const struct way *w, int *ret_pidfd, int *ret_proc,
			struct err *err)
{
	const struct join *j = w->join;
	pid_t pid = w->as_user ? j->payload->pid : j->init->pid;
	pid_t whose = j->payload->pid;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)whose);
	*ret_pidfd = pidfd_open(pid, 0);
	*ret_proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*ret_pidfd < 0 || *ret_proc < 0)
		return err_set(err, 0, "the cell has ended");
	if (!proc_alive(&j->entry->init))
		return err_set(err, 0, "the cell has ended");
	return 0;
}

static int join_namespaces(const struct way *w, int pidfd, struct err *err)
{
	/* What joins with rights of ours must be out of reach for the cell. */
	if (prctl(PR_SET_DUMPABLE, 0))
		return err_set(err, errno, "become undumpable");
	if (w->flags && setns(pidfd, w->flags)) {
		if (errno == ESRCH)
			return err_set(err, 0, "the cell has ended");
		if (errno == EPERM && w->as_user)
			return err_set(
				err, errno,
				"join the cell (is the payload a program "
				"that its user may not read?)");
		return err_set(err, errno, "join the cell's namespaces");
	}
	if (w->late_cgroup && unshare(CLONE_NEWCGROUP))
		return err_set(err, errno, "make a cgroup namespace");
	return 0;
}

/* --- the command --- */

static int set_env(const struct entry *e, struct err *err)
{
	for (size_t i = 1; i < e->n_lines; i++)
		if (!strcmp(e->line[i - 1].key, "env-name") &&
		    !strcmp(e->line[i].key, "env-value") &&
		    setenv(e->line[i - 1].value, e->line[i].value, 1))
			return err_set(err, errno, "set %s",
				       e->line[i - 1].value);
	return 0;
}

static int prepare(const struct way *w, const struct ids *ids, struct err *err)
{
	const struct entry *e = w->join->entry;
	bool other = ids->uid != geteuid() || ids->gid != getegid();
	struct pollfd p = { .fd = w->sock };

	if (!w->as_user && other && !w->sec.keep_caps && sec_drop_bounding(err))
		return -1;
	if (!w->as_user && other && become(ids, err))
		return -1;
	if ((!e->cwd || chdir(e->cwd)) && chdir("/"))
		return err_set(err, errno, "change to /");
	if (set_env(e, err) || sec_apply(&w->sec, err))
		return -1;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL))
		return err_set(err, errno, "set the parent death signal");
	/* Nobody to tell: the parent died before that. */
	if (poll(&p, 1, 0) < 0 || p.revents & POLLHUP)
		_exit(125);
	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC))
		return err_set(err, errno, "close descriptors");
	if (sigprocmask(SIG_SETMASK, &w->mask, NULL))
		return err_set(err, errno, "restore the signal mask");
	return 0;
}

static _Noreturn void command(const struct way *w, const struct ids *ids)
{
	struct err err;

	if (prepare(w, ids, &err)) {
		msg_tell(w->sock, MSG_ERR, &err);
		_exit(125);
	}
	execvp(w->join->argv[0], w->join->argv);
	err_set(&err, errno, "%s", w->join->argv[0]);
	msg_tell(w->sock, MSG_NOEXEC, &err);
	_exit(125);
}

/*
 * The way in. The command is born here, in the PID namespace that this process
 * cannot be in itself, but as a child of our parent, who stays outside of all
 * and so can tell when the cell ends.
 */
static int go_in(const struct way *w, struct pool *pool, struct err *err)
{
	struct clone_args args = { .flags = CLONE_PARENT };
	struct msg m = { .type = MSG_READY };
	cleanup_fd int pidfd = -1, proc = -1;
	struct ids ids;

	if (join_cgroup(w->join, err) || open_process(w, &pidfd, &proc, err))
		return -1;
	if (w->as_user && !geteuid() &&
	    (read_ids(proc, pool, &ids, err) || become(&ids, err)))
		return -1;
	/* The ids once more, as they are called in there. */
	if (join_namespaces(w, pidfd, err) || read_ids(proc, pool, &ids, err))
		return -1;
	m.status = (int)syscall(SYS_clone3, &args, sizeof(args));
	if (m.status < 0)
		return err_set(err, errno, "fork into the cell");
	if (!m.status)
		command(w, &ids);
	msg_send(w->sock, &m, 0);
	return 0;
}

/* --- outside --- */

static void pass_on(int sigfd, pid_t pid)
{
	struct signalfd_siginfo si;

	if (read(sigfd, &si, sizeof(si)) != (ssize_t)sizeof(si) ||
	    si.ssi_signo == SIGCHLD)
		return;
	/* A terminal's signals reach the command without us. */
	if (si.ssi_code != SI_KERNEL)
		kill(pid, (int)si.ssi_signo);
	if (si.ssi_signo == SIGTSTP || si.ssi_signo == SIGTTIN ||
	    si.ssi_signo == SIGTTOU)
		raise(SIGSTOP);
}

/* The command is a child that only this reaps, so its pid stays its own. */
static int wait_for(int sigfd, pid_t pid, struct joined *ret, struct err *err)
{
	pid_t r;

	while (!(r = waitpid(pid, &ret->status, WNOHANG)))
		pass_on(sigfd, pid);
	return r < 0 ? err_set(err, errno, "wait for the command") : 0;
}

/* Until the command runs, or not. Its pid, if it has got one. */
static int hear(int sock, pid_t *ret_pid, struct joined *ret, struct err *err)
{
	int r = 0;
	struct msg m;

	*ret_pid = 0;
	while (msg_recv(sock, &m, 0) > 0) {
		if (m.type == MSG_READY) {
			*ret_pid = m.status;
			continue;
		}
		*err = m.err;
		if (m.type == MSG_NOEXEC)
			ret->exec_errno = m.err.num;
		else
			r = -1;
	}
	if (!r && !*ret_pid)
		return err_set(err, 0, "the cell has ended");
	return r;
}

/* Init ends all others first, and itself a moment later. */
static bool has_ended(const struct proc *init)
{
	cleanup_fd int fd = pidfd_open(init->pid, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return fd < 0 || !proc_alive(init) || poll(&p, 1, MOMENT_MS) > 0;
}

static int go(struct way *w, int sock, struct joined *ret, struct err *err)
{
	cleanup_fd int sigfd = -1;
	struct err ignored;
	pid_t pid, way;
	sigset_t all;
	int r;

	/* Once the command runs, nothing may be missing to wait for it. */
	sigfillset(&all);
	sigfd = signalfd(-1, &all, SFD_CLOEXEC);
	if (sigfd < 0)
		return err_set(err, errno, "make a signalfd");
	way = fork();
	if (way < 0)
		return err_set(err, errno, "fork");
	if (!way) {
		close(sock);
		if (go_in(w, w->join->pool, err))
			msg_tell(w->sock, MSG_ERR, err);
		_exit(0);
	}
	close(w->sock);
	w->sock = -1;
	r = hear(sock, &pid, ret, err);
	waitpid(way, NULL, 0);
	if (pid && wait_for(sigfd, pid, ret, r ? &ignored : err))
		r = -1;
	ret->cell_gone = WIFSIGNALED(ret->status) &&
			 WTERMSIG(ret->status) == SIGKILL &&
			 has_ended(&w->join->entry->init);
	return r;
}

/* What makes no sense is at its strictest. */
static enum sec_level level_of(const char *value)
{
	uint64_t n = SEC_STRICT;
	struct err ignored;

	parse_uint(value, SEC_LEVELS - 1, &n, &ignored);
	return (enum sec_level)n;
}

static void read_sec(const struct entry *e, struct pool *pool,
		     struct sec_plan *ret)
{
	const char **writable =
		pool_alloc(pool, e->n_lines * sizeof(*writable));

	*ret = (struct sec_plan){ .landlock = SEC_OFF, .writable = writable };
	for (size_t i = 0; i < e->n_lines; i++) {
		const char *key = e->line[i].key, *value = e->line[i].value;

		if (!strcmp(key, "caps"))
			ret->keep_caps = !strcmp(value, "keep");
		else if (!strcmp(key, "seccomp"))
			ret->seccomp = level_of(value);
		else if (!strcmp(key, "landlock"))
			ret->landlock = level_of(value);
		else if (!strcmp(key, "writable"))
			writable[ret->n_writable++] = value;
		else if (!strcmp(key, "nestable"))
			ret->nestable = true;
		else if (!strcmp(key, "isolated"))
			ret->isolated = true;
	}
}

int join_run(const struct join *join, struct joined *ret, struct err *err)
{
	struct way w = { .join = join,
			 .flags = flags_of(join->entry),
			 .as_user = join->entry->owner != 0 };
	sigset_t all;
	int sv[2], r;

	*ret = (struct joined){ 0 };
	read_sec(join->entry, join->pool, &w.sec);
	w.late_cgroup = join->entry->limits && w.flags & CLONE_NEWCGROUP;
	if (w.late_cgroup)
		w.flags &= ~CLONE_NEWCGROUP;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv))
		return err_set(err, errno, "make a socket pair");
	w.sock = sv[1];
	sigfillset(&all);
	if (signal(SIGCHLD, SIG_DFL) == SIG_ERR ||
	    sigprocmask(SIG_BLOCK, &all, &w.mask))
		r = err_set(err, errno, "block signals");
	else
		r = go(&w, sv[0], ret, err);
	sigprocmask(SIG_SETMASK, &w.mask, NULL);
	if (w.sock >= 0)
		close(w.sock);
	close(sv[0]);
	return r;
}
