/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clock FILE WORD...
 *
 * Adds a line to FILE: the words, and the microseconds of the monotonic clock.
 * Static, as a queue runs it right before and right behind what is measured.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char *argv[])
{
	char line[256] = "", *end = line;
	struct timespec t;
	int fd;

	clock_gettime(CLOCK_MONOTONIC, &t);
	fd = argc < 3 ? -1 : open(argv[1], O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		return 1;
	for (int i = 2; i < argc; i++) {
		if (strlen(argv[i]) > 64 || end - line > 128)
			return 1;
		end = stpcpy(stpcpy(end, argv[i]), "\t");
	}
	end += sprintf(end, "%lld\n",
		       (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000);
	return write(fd, line, (size_t)(end - line)) != end - line;
}
