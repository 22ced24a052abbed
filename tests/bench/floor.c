/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * floor NAMESPACE,... PROGRAM
 *
 * One clone3 with these new namespaces, one execve and one wait: what the
 * kernel alone takes for them. No launcher can be faster.
 */
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
	const char *name;
	__u64 flag;
} kinds[] = {
	{ "user", CLONE_NEWUSER }, { "mnt", CLONE_NEWNS },
	{ "pid", CLONE_NEWPID },   { "net", CLONE_NEWNET },
	{ "ipc", CLONE_NEWIPC },   { "uts", CLONE_NEWUTS },
	{ "time", CLONE_NEWTIME }, { "cgroup", CLONE_NEWCGROUP },
};

static int add(const char *name, __u64 *flags)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(name, kinds[i].name)) {
			*flags |= kinds[i].flag;
			return 0;
		}
	return -1;
}

int main(int argc, char *argv[])
{
	struct clone_args args = { .exit_signal = SIGCHLD };
	int status;
	pid_t pid;

	if (argc < 3)
		return 2;
	for (char *name = strtok(argv[1], ","); name; name = strtok(NULL, ","))
		if (add(name, &args.flags))
			return 2;
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0) {
		execv(argv[2], argv + 2);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		perror("floor");
		return 125;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}
