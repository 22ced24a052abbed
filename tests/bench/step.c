/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * step PID LINK TARGET PROGRAM [ARGUMENT]...
 *
 * In the root directory and the mount, network, UTS and IPC namespaces of
 * process PID: make LINK a link to TARGET, and become PROGRAM. Static, as its
 * start is measured with what it starts.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

int main(int argc, char **argv)
{
	char path[64], name[4096];
	int pidfd, root;

	if (argc < 5)
		return 2;
	snprintf(path, sizeof(path), "/proc/%s/root", argv[1]);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	pidfd = (int)syscall(SYS_pidfd_open, atoi(argv[1]), 0);
	if (root < 0 || pidfd < 0 ||
	    setns(pidfd,
		  CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC))
		die(argv[1]);
	if (fchdir(root) || chroot(".") || chdir("/"))
		die(path);
	snprintf(name, sizeof(name), "%s.new", argv[2]);
	unlink(name);
	if (symlink(argv[3], name) || rename(name, argv[2]))
		die(argv[2]);
	execv(argv[4], argv + 4);
	die(argv[4]);
}
