/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "run/children.h"

/* The beginning of the list; returns its length. */
static ssize_t read_list(char *text, size_t size)
{
	cleanup_fd int fd = -1;
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, size - 1);
	if (n < 0)
		n = 0;
	text[n] = '\0';
	return n;
}

bool children_exist(void)
{
	char text[32];

	return read_list(text, sizeof(text)) > 0;
}

static int kill_some(void)
{
	char text[4096], *p = text, *end;
	int n = 0;

	read_list(text, sizeof(text));
	/* A number that is not followed by a blank may not be whole. */
	for (long pid; (pid = strtol(p, &end, 10)) > 1 && *end == ' '; p = end)
		n += !kill((pid_t)pid, SIGKILL);
	return n;
}

void children_kill(void)
{
	/* Each that dies may leave us others, alive. */
	while (kill_some() && (waitpid(-1, NULL, 0) > 0 || errno == EINTR))
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
}
