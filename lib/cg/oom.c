/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cg/internal.h"

enum {
	RECORD_SIZE = 8192 /* read(2) of a longer one fails */
};

/* The last `key` in `s` before `end`, and what is behind it. */
static const char *last(const char *s, const char *end, const char *key)
{
	size_t len = strlen(key);

	for (const char *p = end - len; p >= s; p--)
		if (!memcmp(p, key, len))
			return p + len;
	return NULL;
}

/* A name is the payload's choice: it cannot have a line of its own. */
static void copy_name(const char *s, size_t len, char *ret, size_t size)
{
	size_t n = 0;

	for (; n < len && n + 1 < size; n++)
		ret[n] = (char)(isprint((unsigned char)s[n]) ? s[n] : '?');
	ret[n] = '\0';
}

bool cg_oom_parse(const char *record, const char *path, struct cg_oom *ret)
{
	static const char mark[] = ";oom-kill:";
	const char *semicolon = strchr(record, ';');
	const char *end, *cgroup, *task, *pid, *uid;
	size_t len = strlen(path);
	char *rest;

	/* "PRIORITY,SEQUENCE,TIME,FLAGS;": who is no kernel has 8 or more. */
	if (!semicolon || strtoul(record, &rest, 10) > 7 || *rest != ',' ||
	    strncmp(semicolon, mark, strlen(mark)) != 0)
		return false;
	end = record + strcspn(record, "\n");
	uid = last(semicolon, end, ",uid=");
	pid = uid ? last(semicolon, uid - strlen(",uid="), ",pid=") : NULL;
	task = strstr(semicolon, ",task=");
	cgroup = strstr(semicolon, ",task_memcg=");
	if (!pid || !task || !cgroup || task > pid)
		return false;
	cgroup += strlen(",task_memcg=");
	task += strlen(",task=");
	if (strncmp(cgroup, path, len) != 0 ||
	    (cgroup[len] != '/' && cgroup[len] != ','))
		return false;
	ret->pid = strtoll(pid, NULL, 10);
	copy_name(task, (size_t)(pid - strlen(",pid=") - task), ret->victim,
		  sizeof(ret->victim));
	return true;
}

/* The last one that the kernel's log still has, if it can be read. */
static void find_victim(const char *path, struct cg_oom *ret)
{
	cleanup_fd int log =
		open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	cleanup_free char *record = log < 0 ? NULL : malloc(RECORD_SIZE + 1);
	ssize_t n;

	while (record) {
		n = read(log, record, RECORD_SIZE);
		/* EPIPE: this one has been overwritten. */
		if (n < 0 && errno != EPIPE && errno != EINTR)
			break;
		if (n <= 0)
			continue;
		record[n] = '\0';
		cg_oom_parse(record, path, ret);
	}
}

static int64_t events(int fd, const char *file, const char *key)
{
	cleanup_free char *text = cg_read(fd, file);

	return text ? cg_key_parse(text, key) : -1;
}

/* Whether the scheduler's limit on the step or the job was reached. */
static bool above(int fd)
{
	static const char *const files[] = { "../memory.events.local",
					     "../../memory.events.local" };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (events(fd, files[i], "oom") > 0)
			return true;
	return false;
}

void cg_oom_read(const struct cg_plan *plan, const struct cg *cg,
		 const struct cg_usage *usage, struct cg_oom *ret)
{
	*ret = (struct cg_oom){ .kills = usage->oom_kills, .pid = -1 };
	if (cg->fd < 0 || ret->kills <= 0)
		return;
	ret->peak = usage->memory_peak;
	ret->outside = events(cg->fd, "memory.events", "oom") <= 0 &&
		       (plan->source != CG_ADOPT || !above(cg->fd));
	find_victim(cg->path, ret);
}
