/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/parse.h"
#include "sudo.h"

/* In the map of another user namespace "root" is anybody. */
static bool is_root(void)
{
	unsigned inside, outside, count;
	char map[256];

	return getuid() == 0 && geteuid() == 0 &&
	       fd_read_file(AT_FDCWD, "/proc/self/uid_map", map, sizeof(map)) >
		       0 &&
	       sscanf(map, "%u %u %u", &inside, &outside, &count) == 3 &&
	       inside == 0 && outside == 0 && count == UINT32_MAX;
}

/* 0 for what is no user's number, (uid_t)-1 among that. */
static uid_t number(const char *text)
{
	struct err ignored;
	uint64_t uid;

	return !text || parse_uint(text, UINT32_MAX - 1, &uid, &ignored)
		       ? 0
		       : (uid_t)uid;
}

void sudo_read(struct job *job)
{
	char text[16];

	if (!is_root())
		return;
	job->sudo_uid = number(getenv("SUDO_UID"));
	if (fd_read_file(AT_FDCWD, "/proc/self/loginuid", text, sizeof(text)) >
	    0)
		job->login_uid = number(text);
}
