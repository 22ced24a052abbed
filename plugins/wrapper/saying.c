/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "check.h"

static int spawn(const char *const argv[], int out, pid_t *ret)
{
	posix_spawn_file_actions_t actions;
	int bad;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out, STDERR_FILENO);
	/* It changes none of them: posix_spawn(3p), RATIONALE of exec. */
	bad = posix_spawnp(ret, argv[0], &actions, NULL, (char *const *)argv,
			   environ);
	posix_spawn_file_actions_destroy(&actions);
	return bad;
}

/* All is read, so that the program is not stopped by a pipe without a reader.
 */
static void read_line(int in, char *ret, size_t size)
{
	char rest[256];
	size_t len = 0;
	ssize_t n = 1;

	while (n > 0 && len < size - 1) {
		n = read(in, ret + len, size - 1 - len);
		len += n > 0 ? (size_t)n : 0;
	}
	while (n > 0)
		n = read(in, rest, sizeof(rest));
	ret[len] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
}

int saying(const char *const argv[], char *ret, size_t size)
{
	cleanup_fd int in = -1, out = -1;
	int p[2], status;
	pid_t pid;

	*ret = '\0';
	if (pipe2(p, O_CLOEXEC))
		return -1;
	in = p[0];
	out = p[1];
	if (spawn(argv, out, &pid))
		return -1;
	close(steal_fd(&out));
	read_line(in, ret, size);
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}
