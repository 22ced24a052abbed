/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * payload alone|parent ID...: prints what it sees of the cell that it is in:
 * namespaces
 * ("host" when they are one of the IDs, "mnt:[4026531841]"), ids, mounts,
 * descriptors, and the answers to calls that a cell may refuse. Two cells that
 * were asked for the same give the same text. Then it exits with 42, as parent
 * of a process that it leaves behind.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static void show_namespaces(char *const ids[])
{
	static const char *const kinds[] = { "user", "mnt", "pid",    "net",
					     "ipc",  "uts", "cgroup", "time" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const char *whose = "own";
		char path[32], id[64] = "";

		snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[i]);
		if (readlink(path, id, sizeof(id) - 1) < 0)
			whose = strerror(errno);
		for (char *const *host = ids; *host; host++)
			if (!strcmp(*host, id))
				whose = "host";
		printf("ns %s %s\n", kinds[i], whose);
	}
}

/* The lines of a file that begin with one of the words. */
static void show_lines(const char *path, const char *const *words)
{
	FILE *f = fopen(path, "re");
	char line[4096];

	printf("%s%s\n", path, f ? "" : " cannot be read");
	while (f && fgets(line, sizeof(line), f))
		for (const char *const *word = words; *word; word++)
			if (!strncmp(line, *word, strlen(*word)))
				printf("  %s", line);
	if (f)
		fclose(f);
}

/* ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAG[:ID]]... - TYPE SOURCE SUPER */
static void show_mounts(void)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[4096];

	puts("mounts");
	while (f && fgets(line, sizeof(line), f)) {
		char *word, *next = line;

		for (int i = 0; (word = strsep(&next, " \n")); i++)
			if (i > 2 && *word)
				printf(" %.*s", (int)strcspn(word, ":"), word);
		putchar('\n');
	}
	if (f)
		fclose(f);
}

static void show_descriptors(void)
{
	for (int fd = 0; fd < 256; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			printf("descriptor %d\n", fd);
}

static void show_addresses(void)
{
	struct ifaddrs *list, *i;

	if (getifaddrs(&list)) {
		printf("addresses: %s\n", strerror(errno));
		return;
	}
	for (i = list; i; i = i->ifa_next) {
		char text[INET6_ADDRSTRLEN] = "";
		int family = i->ifa_addr ? i->ifa_addr->sa_family : 0;

		if (family == AF_INET)
			inet_ntop(
				AF_INET,
				&((struct sockaddr_in *)i->ifa_addr)->sin_addr,
				text, sizeof(text));
		else if (family == AF_INET6)
			inet_ntop(AF_INET6,
				  &((struct sockaddr_in6 *)i->ifa_addr)
					   ->sin6_addr,
				  text, sizeof(text));
		/* A link-local address comes of a random one. */
		if (strncmp(text, "fe80", 4) != 0)
			printf("interface %s %s%s\n", i->ifa_name, text,
			       i->ifa_flags & 1 ? " up" : "");
	}
	freeifaddrs(list);
}

static void say(const char *what, long result)
{
	printf("try %s: %s\n", what, result < 0 ? strerror(errno) : "done");
}

static void try_file(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	say(path, fd);
	if (fd >= 0)
		close(fd);
}

/*
 * None of them may have an effect outside if it is done, as it would be where
 * there is no cell. In a child: what it says goes with the rest.
 */
static void try_calls(void)
{
	struct utsname u;
	char text[4096];
	int told[2];
	ssize_t n;

	if (pipe2(told, O_CLOEXEC))
		return;
	if (fork()) {
		close(told[1]);
		while ((n = read(told[0], text, sizeof(text))) > 0)
			fwrite(text, 1, (size_t)n, stdout);
		close(told[0]);
		wait(NULL);
		return;
	}
	stdout = fdopen(told[1], "we");
	/* Without names: other payloads may be at it on the same host. */
	try_file("/usr", O_TMPFILE | O_WRONLY);
	try_file("/tmp", O_TMPFILE | O_WRONLY);
	try_file("/dev/shm", O_TMPFILE | O_WRONLY);
	try_file("/proc/sys/kernel/core_pattern", O_WRONLY);
	try_file("/proc/sysrq-trigger", O_WRONLY);
	try_file("/proc/kcore", O_RDONLY);
	try_file("/dev/kmsg", O_WRONLY);
	uname(&u);
	say("sethostname", sethostname(u.nodename, strlen(u.nodename)));
	say("mknod", mknod("/tmp/cloison-node", S_IFCHR | 0600, 0x103));
	unlink("/tmp/cloison-node");
	/* The first call of a kind that takes two to unmount. */
	say("umount /proc", umount2("/proc", MNT_EXPIRE));
	say("umount /tmp", umount2("/tmp", MNT_EXPIRE));
	say("fsopen", syscall(SYS_fsopen, "tmpfs", 1));
	say("open_tree", syscall(SYS_open_tree, AT_FDCWD, "/", 1));
	say("keyctl", syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID,
			      KEY_SPEC_SESSION_KEYRING, 0));
	say("TIOCSTI", ioctl(0, TIOCSTI, "x"));
	say("vsock", socket(AF_VSOCK, SOCK_STREAM, 0));
	say("packet", socket(AF_PACKET, SOCK_RAW, 0));
	say("io_uring", syscall(SYS_io_uring_setup, 0, NULL));
	say("userfaultfd", syscall(SYS_userfaultfd, ~0));
	say("bpf", syscall(SYS_bpf, ~0, NULL, 0));
	say("perf_event_open", syscall(SYS_perf_event_open, NULL, 0, 0, 0, 0));
	say("kexec_load", syscall(SYS_kexec_load, 0, ~0UL, NULL, ~0UL));
	say("delete_module", syscall(SYS_delete_module, "", 0));
	say("user namespace", unshare(CLONE_NEWUSER));
	fflush(stdout);
	_exit(0);
}

static void show_rest(void)
{
	struct utsname u;
	struct stat st;
	cpu_set_t cpus;
	char dir[512];
	int sig = -1;

	uname(&u);
	printf("host %s\n", u.nodename);
	printf("parent %s, pid %s\n", getppid() == 1 ? "init" : "another",
	       getpid() < 100 ? "small" : "big");
	printf("directory %s\n", getcwd(dir, sizeof(dir)) ? dir : "none");
	prctl(PR_GET_PDEATHSIG, &sig);
	printf("no_new_privs %d, dumpable %d, death signal %d\n",
	       prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0),
	       prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), sig);
	sched_getaffinity(0, sizeof(cpus), &cpus);
	printf("cpus %d\n", CPU_COUNT(&cpus));
	printf("TMPDIR %s\n", getenv("TMPDIR"));
	printf("CLOISON_SCRATCH %s\n", getenv("CLOISON_SCRATCH"));
	for (const char *const *p =
		     (const char *const[]){ "/", "/tmp", "/dev", "/usr", NULL };
	     *p; p++)
		if (!stat(*p, &st))
			printf("%s mode %o owner %u\n", *p, st.st_mode,
			       st.st_uid);
}

/* Nothing that it starts outlives a cell. */
static void leave_behind(void)
{
	if (fork())
		return;
	setsid();
	close_range(0, ~0U, 0);
	for (;;)
		pause();
}

int main(int argc, char *argv[])
{
	static const char *const status[] = { "Uid",    "Gid",     "Groups",
					      "Cap",    "NoNew",   "Seccomp",
					      "SigBlk", "SigIgn",  "SigCgt",
					      "Shd",    "Threads", NULL };
	static const char *const every[] = { "", NULL };
	static char text[1 << 18];

	if (argc < 2)
		return 2;
	/* One write: what is seen of it is all or nothing. */
	setvbuf(stdout, text, _IOFBF, sizeof(text));
	show_descriptors();
	show_namespaces(argv + 2);
	show_lines("/proc/self/status", status);
	show_lines("/proc/self/uid_map", every);
	show_lines("/proc/self/gid_map", every);
	show_lines("/proc/self/setgroups", every);
	show_lines("/proc/self/cgroup", every);
	show_lines("/proc/self/timens_offsets", every);
	show_lines("/proc/self/oom_score_adj", every);
	show_rest();
	show_addresses();
	show_mounts();
	try_calls();
	if (!strcmp(argv[1], "parent"))
		leave_behind();
	fflush(stdout);
	_exit(42);
}
