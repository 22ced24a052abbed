/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "cg/internal.h"

/* Lists of CPUs and io.stat grow with the machine; cgroup.procs with the job */
enum {
	READ_START = 4096,
	READ_MAX = 1 << 22
};

char *cg_read(int fd, const char *file)
{
	for (size_t size = READ_START; size <= READ_MAX; size *= 4) {
		char *buf = malloc(size);

		if (!buf)
			return NULL;
		if (fd_read_file(fd, file, buf, size) >= 0)
			return buf;
		free(buf);
		if (errno != EFBIG)
			return NULL;
	}
	return NULL;
}

static int64_t single(const char *text, const char *key)
{
	char line[64];

	/* A file with one number is a flat keyed one without its key. */
	snprintf(line, sizeof(line), "%s %s", key, text);
	return cg_key_parse(line, key);
}

static int64_t pressure(const char *text, const char *key)
{
	(void)key;
	return cg_pressure_parse(text);
}

/* Rows of the same file stand together: it is read once. */
static const struct {
	const char *file, *key;
	int64_t (*parse)(const char *text, const char *key);
	size_t offset;
} rows[] = {
#define ROW(file, key, parse, field)                               \
	{                                                          \
		file, key, parse, offsetof(struct cg_usage, field) \
	}
	ROW("cpu.stat", "usage_usec", cg_key_parse, cpu_usage_us),
	ROW("cpu.stat", "user_usec", cg_key_parse, cpu_user_us),
	ROW("cpu.stat", "system_usec", cg_key_parse, cpu_system_us),
	ROW("cpu.stat", "throttled_usec", cg_key_parse, cpu_throttled_us),
	ROW("memory.peak", "value", single, memory_peak),
	ROW("memory.stat", "anon", cg_key_parse, memory_anon),
	ROW("memory.stat", "file", cg_key_parse, memory_file),
	ROW("memory.stat", "shmem", cg_key_parse, memory_shmem),
	ROW("memory.events", "oom_kill", cg_key_parse, oom_kills),
	ROW("pids.peak", "value", single, pids_peak),
	ROW("io.stat", "rbytes", cg_io_parse, io_read),
	ROW("io.stat", "wbytes", cg_io_parse, io_write),
	ROW("cpu.pressure", "some", pressure, pressure_cpu_us),
	ROW("memory.pressure", "some", pressure, pressure_memory_us),
	ROW("io.pressure", "some", pressure, pressure_io_us),
#undef ROW
};

void cg_usage_init(struct cg_usage *ret)
{
	memset(ret, 0xff, sizeof(*ret)); /* -1 in every field */
}

void cg_usage_read(int fd, struct cg_usage *ret)
{
	cleanup_free char *text = NULL;
	const char *file = "";

	cg_usage_init(ret);
	if (fd < 0)
		return;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(file, rows[i].file) != 0) {
			file = rows[i].file;
			free(text);
			text = cg_read(fd, file);
		}
		if (text)
			*(int64_t *)((char *)ret + rows[i].offset) =
				rows[i].parse(text, rows[i].key);
	}
}

int cg_open_cpu(const struct cg *cg, struct err *err)
{
	int fd = openat(cg->fd, "cpu.stat", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? err_set(err, errno, "open cpu.stat of %s", cg->path)
		      : fd;
}

int64_t cg_cpu_read(int fd)
{
	char text[1024];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n < 0)
		return -1;
	text[n] = '\0';
	return cg_key_parse(text, "usage_usec");
}
