/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attempts to get out of a cell. Each prints one line: "ok" when it succeeded,
 * else the name of the errno.
 *
 *	escape call|int80|x32 NAME	a system call, by one of three ABIs
 *	escape open PATH [w|rw]		open(2), for writing or not
 *	escape exe PATH			open what a link leads to for writing
 *	escape handle PATH		open_by_handle_at(2)
 *	escape umount|pivot|look PATH
 *	escape writable PATH [new]	clear the read-only flag of a mount
 *	escape move FROM TO [new]	by mount(2) or move_mount(2)
 *	escape bind FROM TO
 *	escape cgroup2 PATH		mount the cgroup hierarchy there
 *	escape userns ATTEMPT...	the same in namespaces of its own
 *	escape chroot			out of a chroot: is "/" another one?
 *	escape mknod PATH
 *	escape trace|read|steal PID	ptrace, process_vm_readv, pidfd_getfd
 *	escape setns PATH
 *	escape lock PATH		flock(2)
 *	escape listen|connect NAME	an abstract socket
 *	escape uring-vsock		AF_VSOCK by io_uring
 *	escape landlock			its version in this kernel
 *	escape ids			effective uid and capabilities
 *	escape tiocsti|tioclinux [U]	U: the upper half of the request
 *	escape pty COMMAND...		run it on a terminal of its own, then
 *					print what waits there to be read
 *
 * As a library that is preloaded it opens its program's file for writing.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/landlock.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

/* An attempt, with up to three arguments; all of them are in args. */
#define TRY(name)                                                    \
	static int try_##name(__attribute__((unused)) const char *a, \
			      __attribute__((unused)) const char *b, \
			      __attribute__((unused)) const char *c)

static char **args;

static int say(long ret)
{
	puts(ret >= 0 ? "ok" : strerrorname_np(errno));
	return 0;
}

/* --- system calls by name --- */

/* With arguments that do nothing where nobody refuses the call. */
static const struct call {
	const char *name;
	long nr, i386, arg[4];
} calls[] = {
	{ "getpid", SYS_getpid, 20 },
	{ "add_key", SYS_add_key, 286 },
	{ "request_key", SYS_request_key, 287 },
	/* KEYCTL_GET_KEYRING_ID of the session, made if need be */
	{ "keyctl", SYS_keyctl, 288, { 0, -3, 1 } },
	{ "vsock", SYS_socket, 359, { AF_VSOCK, SOCK_STREAM, 0 } },
	{ "vsock-upper",
	  SYS_socket,
	  359,
	  { 1L << 32 | AF_VSOCK, SOCK_STREAM } },
	{ "unix", SYS_socket, 359, { AF_UNIX, SOCK_STREAM, 0 } },
	{ "kexec_load", SYS_kexec_load, 283 },
	{ "init_module", SYS_init_module, 128 },
	{ "finit_module", SYS_finit_module, 350, { -1 } },
	{ "delete_module", SYS_delete_module, 129 },
	{ "reboot", SYS_reboot, 88 },
	{ "swapon", SYS_swapon, 87 },
	{ "acct", SYS_acct, 51 },
	{ "clock_settime", SYS_clock_settime, 264 },
	{ "mount", SYS_mount, 21 },
	{ "fsopen", SYS_fsopen, 430 },
	{ "setns", SYS_setns, 346, { -1 } },
	{ "clone3", SYS_clone3, 435 },
	{ "io_uring_setup", SYS_io_uring_setup, 425 },
	{ "bpf", SYS_bpf, 357, { -1 } },
	{ "userfaultfd", SYS_userfaultfd, 374, { O_CLOEXEC | 1 } },
	{ "perf_event_open", SYS_perf_event_open, 336, { 0, 0, -1, -1 } },
	{ "unshare", SYS_unshare, 310, { CLONE_NEWUSER } },
	{ "unshare-fs", SYS_unshare, 310, { CLONE_FS } },
	{ "open_tree_attr", 467, 467, { -1 } },
};

static long int80(const struct call *c)
{
#ifdef __x86_64__
	long ret;

	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "a"(c->i386), "b"(c->arg[0]), "c"(c->arg[1]),
			   "d"(c->arg[2]), "S"(c->arg[3])
			 : "memory");
	errno = ret < 0 ? (int)-ret : 0;
	return ret < 0 ? -1 : ret;
#else
	(void)c;
	errno = ENOSYS;
	return -1;
#endif
}

static int call(const char *name, const char *abi)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		const struct call *c = &calls[i];
		const long *a = c->arg;

		if (strcmp(c->name, name) != 0)
			continue;
		if (!strcmp(abi, "int80"))
			return say(int80(c));
		return say(syscall(strcmp(abi, "x32") != 0 ? c->nr
							   : c->nr | 0x40000000,
				   a[0], a[1], a[2], a[3]));
	}
	return 2;
}

TRY(call)
{
	return call(a, "native");
}

TRY(int80)
{
	return call(a, "int80");
}

TRY(x32)
{
	return call(a, "x32");
}

/* --- files --- */

TRY(open)
{
	return say(open(a, !b ? O_RDONLY : *b == 'w' ? O_WRONLY : O_RDWR));
}

TRY(mknod)
{
	return say(mknod(a, S_IFCHR | 0666, makedev(1, 3)));
}

TRY(handle)
{
	union {
		struct file_handle h;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} u = { .h.handle_bytes = MAX_HANDLE_SZ };
	int dir = open("/", O_RDONLY | O_DIRECTORY), id;

	if (name_to_handle_at(AT_FDCWD, a, &u.h, &id, 0))
		return printf("no handle: %s\n", strerrorname_np(errno)) < 0;
	return say(open_by_handle_at(dir, &u.h, O_RDONLY));
}

/* What a link of /proc names, reopened once it is not executed any more. */
TRY(exe)
{
	char self[32];
	int fd = open(a, O_PATH);

	if (fd < 0)
		return say(-1);
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return say(open(self, O_WRONLY));
}

TRY(chroot)
{
	struct stat before, after;
	int top = open("/", O_RDONLY | O_DIRECTORY);

	if (stat("/", &before) || chroot("/usr"))
		return say(-1);
	if (fchdir(top))
		return say(-1);
	for (int i = 0; i < 64; i++)
		if (chdir(".."))
			return say(-1);
	if (chroot(".") || stat("/", &after))
		return say(-1);
	puts(before.st_dev == after.st_dev && before.st_ino == after.st_ino
		     ? "same"
		     : "other");
	return 0;
}

/* --- mounts --- */

TRY(writable)
{
	struct mount_attr attr = { .attr_clr = MOUNT_ATTR_RDONLY };

	if (b)
		return say(mount_setattr(AT_FDCWD, a, 0, &attr, sizeof(attr)));
	return say(mount(NULL, a, NULL, MS_REMOUNT | MS_BIND, NULL));
}

TRY(move)
{
	if (c)
		return say(move_mount(AT_FDCWD, a, AT_FDCWD, b, 0));
	return say(mount(a, b, NULL, MS_MOVE, NULL));
}

TRY(bind)
{
	return say(mount(a, b, NULL, MS_BIND, NULL));
}

TRY(umount)
{
	return say(umount2(a, MNT_DETACH));
}

TRY(pivot)
{
	return say(syscall(SYS_pivot_root, a, a));
}

/* A copy of one mount alone shows what others cover in it. */
TRY(look)
{
	return say(open_tree(AT_FDCWD, a, OPEN_TREE_CLONE));
}

TRY(cgroup2)
{
	if (unshare(CLONE_NEWCGROUP))
		return say(-1);
	return say(mount("none", a, "cgroup2", 0, NULL));
}

static void write_map(const char *file, const char *format, ...)
{
	char text[64];
	va_list ap;
	int fd = open(file, O_WRONLY);

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	/* Root without capabilities may not, and can do without. */
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		errno = 0;
	close(fd);
}

static int attempt(char *words[]);

TRY(userns)
{
	unsigned uid = getuid(), gid = getgid();

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
		return say(-1);
	write_map("/proc/self/setgroups", "deny");
	write_map("/proc/self/uid_map", "0 %u 1", uid);
	write_map("/proc/self/gid_map", "0 %u 1", gid);
	return attempt(args);
}

/* --- processes --- */

TRY(read)
{
	static char here[8];
	struct iovec to = { here, sizeof(here) }, from = { here, sizeof(here) };

	return say(process_vm_readv(atoi(a), &to, 1, &from, 1, 0));
}

TRY(trace)
{
	return say(ptrace(PTRACE_SEIZE, atoi(a), NULL, NULL));
}

TRY(steal)
{
	int fd = pidfd_open(atoi(a), 0);

	return say(fd < 0 ? -1 : pidfd_getfd(fd, 0, 0));
}

TRY(setns)
{
	return say(syscall(SYS_setns, open(a, O_RDONLY), 0));
}

/* --- what cells may share --- */

TRY(lock)
{
	return say(flock(open(a, O_RDONLY), LOCK_EX | LOCK_NB));
}

static int abstract(const char *name, bool listening)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
				    strlen(name));
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(a.sun_path + 1, name, strlen(name));
	if (!listening)
		return say(connect(fd, (struct sockaddr *)&a, len));
	if (bind(fd, (struct sockaddr *)&a, len) || listen(fd, 1))
		return say(-1);
	puts("ok");
	fflush(stdout);
	return (int)pause();
}

TRY(connect)
{
	return abstract(a, false);
}

TRY(listen)
{
	return abstract(a, true);
}

TRY(uring_vsock)
{
	struct io_uring_params p = { 0 };
	int fd = (int)syscall(SYS_io_uring_setup, 4, &p);
	char *ring, *entries;
	struct io_uring_sqe *e;
	struct io_uring_cqe *done;

	if (fd < 0)
		return say(-1);
	ring = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    IORING_OFF_SQ_RING);
	entries = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		       IORING_OFF_SQES);
	if (ring == MAP_FAILED || entries == MAP_FAILED)
		return say(-1);
	e = (struct io_uring_sqe *)entries;
	e->opcode = 45; /* IORING_OP_SOCKET, Linux 5.19 */
	e->fd = AF_VSOCK;
	e->off = SOCK_STREAM;
	((unsigned *)(ring + p.sq_off.array))[0] = 0;
	__atomic_store_n((unsigned *)(ring + p.sq_off.tail), 1,
			 __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, fd, 1, 1, IORING_ENTER_GETEVENTS, NULL,
		    0) < 0)
		return say(-1);
	done = (struct io_uring_cqe *)(ring + p.cq_off.cqes);
	errno = done->res < 0 ? -done->res : 0;
	return say(done->res);
}

TRY(landlock)
{
	printf("%ld\n", syscall(SYS_landlock_create_ruleset, NULL, 0,
				LANDLOCK_CREATE_RULESET_VERSION));
	return 0;
}

TRY(ids)
{
	char line[128];
	FILE *f = fopen("/proc/self/status", "re");

	printf("%u", geteuid());
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "CapEff:", 7))
			printf(" %s", line + 8);
	return 0;
}

/* --- terminals --- */

static int terminal(unsigned long request, const char *upper)
{
	char byte[2] = "x";

	request |= upper ? strtoul(upper, NULL, 0) << 32 : 0;
	/* libc would cut it. */
	return say(syscall(SYS_ioctl, 0, request, byte));
}

TRY(tiocsti)
{
	return terminal(TIOCSTI, a);
}

TRY(tioclinux)
{
	return terminal(TIOCLINUX, a);
}

/* The command's output stays where ours goes. */
TRY(pty)
{
	struct termios t;
	char buf[64];
	ssize_t n;
	int master, slave, out = dup(1);
	pid_t pid;

	if (openpty(&master, &slave, NULL, NULL, NULL))
		return say(-1);
	tcgetattr(slave, &t);
	cfmakeraw(&t);
	tcsetattr(slave, TCSANOW, &t);
	pid = fork();
	if (!pid) {
		close(master);
		if (login_tty(dup(slave)) || dup2(out, 1) < 0)
			_exit(125);
		execvp(a, args);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
	fcntl(slave, F_SETFL, O_NONBLOCK);
	n = read(slave, buf, sizeof(buf));
	printf("input: %.*s\n", n > 0 ? (int)n : 0, buf);
	return 0;
}

/* --- */

static const struct attempt {
	const char *name;
	int (*try)(const char *a, const char *b, const char *c);
	int least; /* arguments that it needs */
} attempts[] = {
	{ "bind", try_bind, 2 },       { "call", try_call, 1 },
	{ "cgroup2", try_cgroup2, 1 }, { "chroot", try_chroot, 0 },
	{ "connect", try_connect, 1 }, { "exe", try_exe, 1 },
	{ "handle", try_handle, 1 },   { "ids", try_ids, 0 },
	{ "int80", try_int80, 1 },     { "landlock", try_landlock, 0 },
	{ "listen", try_listen, 1 },   { "lock", try_lock, 1 },
	{ "look", try_look, 1 },       { "mknod", try_mknod, 1 },
	{ "move", try_move, 2 },       { "open", try_open, 1 },
	{ "pivot", try_pivot, 1 },     { "pty", try_pty, 1 },
	{ "read", try_read, 1 },       { "setns", try_setns, 1 },
	{ "steal", try_steal, 1 },     { "tioclinux", try_tioclinux, 0 },
	{ "tiocsti", try_tiocsti, 0 }, { "trace", try_trace, 1 },
	{ "umount", try_umount, 1 },   { "uring-vsock", try_uring_vsock, 0 },
	{ "userns", try_userns, 1 },   { "writable", try_writable, 1 },
	{ "x32", try_x32, 1 },
};

/* The last words of the command line, NULL behind them. */
static int attempt(char *words[])
{
	int n = 0;

	for (args = words + 1; words[0] && args[n];)
		n++;
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++)
		if (words[0] && !strcmp(attempts[i].name, words[0]) &&
		    n >= attempts[i].least)
			return attempts[i].try(n > 0 ? args[0] : NULL,
					       n > 1 ? args[1] : NULL,
					       n > 2 ? args[2] : NULL);
	return 2;
}

#ifdef PRELOAD
__attribute__((constructor)) static void preloaded(void)
{
	/* The one that runs as a payload, not the one that starts it. */
	if (getppid() != 1)
		return;
	try_exe("/proc/self/exe", NULL, NULL);
	exit(0);
}
#endif

int main(int argc, char *argv[])
{
	(void)argc;
	return attempt(argv + 1);
}
