/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * broken run [OPTION]... -- COMMAND...: makes a cell of two namespaces as
 * badly as it can, so that drive has something to find. See self-test.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int in_home(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", getenv("HOME"), name);
	return open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
}

static _Noreturn void init(const int sock[2], char *argv[])
{
	int status;

	/* A hole: it goes on without. */
	if (unshare(CLONE_NEWUSER | CLONE_NEWUTS))
		errno = 0;
	if (!fork()) {
		/* Not a word. */
		if (chdir("/"))
			_exit(3);
		argv[1] = "alone";
		execv(argv[0], argv);
		_exit(127);
	}
	wait(&status);
	send(sock[1], &status, sizeof(status), 0);
	/* As it keeps the other end open, it hears of nobody's death. */
	recv(sock[1], &status, sizeof(status), 0);
	_exit(0);
}

int main(int argc, char *argv[])
{
	int sock[2], status = 0, fd;
	char path[512];

	while (argc > 1 && strcmp(*argv, "--") != 0)
		argc--, argv++;
	if (argc < 2)
		return 0;
	/* It stays where this is killed, and there is no gc. */
	fd = in_home("broken");
	if (fd < 0) {
		fprintf(stderr, "cloison: one message\n");
		fprintf(stderr, "cloison: and another\n");
		return 125;
	}
	close(fd);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock))
		return 125;
	if (!fork())
		init(sock, argv + 1);
	recv(sock[0], &status, sizeof(status), 0);
	send(sock[0], "", 1, 0);
	/* Nobody learns that there is no record. */
	fd = in_home(".local/state/cloison/spool/new/record.json");
	if (write(fd, "\"code\":42", 9) != 9)
		errno = 0;
	snprintf(path, sizeof(path), "%s/broken", getenv("HOME"));
	unlink(path);
	wait(NULL);
	return WEXITSTATUS(status);
}
