/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/parse.h"
#include "run/survey.h"

enum {
	STATUS_MAX = 256 * 1024, /* 65536 groups in /proc/PID/status */
	DEEPEST = 64,            /* ancestors that are looked at */
	ID_PART = 4,
};

/* The numbers behind "KEY:" in /proc/PID/status: the first, the two last and
 * how many there are. */
static int numbers(const char *status, const char *key, int64_t *ret_first,
		   int64_t *ret_last, int64_t *ret_before)
{
	const char *p = strstr(status, key);
	char *end;
	int n = 0;

	*ret_before = 0;
	if (!p)
		return 0;
	for (p += strlen(key); *p && *p != '\n'; p = end) {
		int64_t value = strtoll(p, &end, 10);

		if (end == p)
			break;
		if (!n++)
			*ret_first = value;
		else
			*ret_before = *ret_last;
		*ret_last = value;
	}
	return n;
}

static int read_process(const char *pid, char *buf, struct pool *pool,
			struct process *ret)
{
	int64_t first = 0, last = 0, before;
	struct err ignored;
	char path[64], cgroup[512];

	snprintf(path, sizeof(path), "/proc/%s/status", pid);
	if (fd_read_file(AT_FDCWD, path, buf, STATUS_MAX) < 0)
		return -1;
	ret->pid = atoi(pid);
	numbers(buf, "\nPPid:", &first, &last, &before);
	ret->parent = (pid_t)first;
	numbers(buf, "\nUid:", &first, &last, &before);
	ret->uid = (uid_t)first;
	ret->depth = numbers(buf, "\nNSpid:", &first, &last, &before);
	ret->inside = ret->depth ? (pid_t)last : 0;
	ret->above = (pid_t)before;
	if (numbers(buf, "\nVmRSS:", &first, &last, &before))
		ret->rss = first * 1024;
	ret->cgroup = cg_of(pid, cgroup, sizeof(cgroup), &ignored)
			      ? ""
			      : pool_strdup(pool, cgroup);
	return 0;
}

static int by_pid(const void *a, const void *b)
{
	const struct process *p = a, *q = b;

	return (p->pid > q->pid) - (p->pid < q->pid);
}

int survey_take(struct pool *pool, struct survey *ret, struct err *err)
{
	cleanup_dir DIR *d = opendir("/proc");
	char *buf = pool_alloc(pool, STATUS_MAX);
	struct dirent *e;

	*ret = (struct survey){ 0 };
	if (!d)
		return err_set(err, errno, "open /proc");
	while ((e = readdir(d))) {
		struct process p = { 0 };

		if (isdigit((unsigned char)*e->d_name) &&
		    !read_process(e->d_name, buf, pool, &p))
			*(struct process *)pool_push(pool, &ret->process,
						     &ret->n, sizeof(p)) = p;
	}
	if (ret->n)
		qsort(ret->process, ret->n, sizeof(*ret->process), by_pid);
	return 0;
}

static const struct process *find(const struct survey *s, pid_t pid)
{
	const struct process key = { .pid = pid };

	return pid > 0 && s->n
		       ? bsearch(&key, s->process, s->n, sizeof(key), by_pid)
		       : NULL;
}

static bool is_below(const char *path, const char *top)
{
	size_t len = strlen(top);

	return !strncmp(path, top, len) && (!path[len] || path[len] == '/');
}

/*
 * Where a scheduler has put the job, and with it who made the cell, into a PID
 * namespace, the entry has init's number in there.
 */
static const struct process *find_beneath(const struct survey *s,
					  const struct entry *e)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct process *p = &s->process[i];

		if (p->depth > 1 && !p->uid &&
		    (p->inside == e->init.pid || p->above == e->init.pid) &&
		    (!e->limits || is_below(p->cgroup, e->limits)) &&
		    proc_start(p->pid) == e->init.start)
			return p;
	}
	return NULL;
}

/* Root's word on its cells is root's; a user can only speak of his own. */
static const struct process *init_of(const struct survey *s,
				     const struct entry *e)
{
	const struct process *p = find(s, e->init.pid);

	if (p && (!e->owner || p->uid == e->owner) && proc_alive(&e->init))
		return p;
	return e->owner || !e->locked || !e->init.start ? NULL
							: find_beneath(s, e);
}

static bool descends(const struct survey *s, const struct process *p,
		     pid_t from)
{
	for (int i = 0; p && i < DEEPEST; i++) {
		if (p->pid == from)
			return true;
		p = find(s, p->parent);
	}
	return false;
}

/*
 * Tasks of a scheduler have joined: what they share with init is the cgroup
 * and the depth, which their shims, outside, have not.
 */
static bool holds(const struct survey *s, const struct entry *e,
		  const struct process *init, const struct process *p)
{
	if (!init)
		return false;
	if (e->limits && !e->owner && is_below(p->cgroup, e->limits))
		return p->depth >= init->depth;
	return descends(s, p, init->pid);
}

bool survey_holds(const struct survey *survey, const struct entry *entry,
		  const struct process *process)
{
	return holds(survey, entry, init_of(survey, entry), process);
}

/* The first one that init, or a scheduler, has started in there. */
static bool comes_first(const struct process *init, const struct process *p,
			const struct process *than)
{
	if (p->depth != init->depth)
		return false;
	if (!than)
		return true;
	if ((p->parent == init->pid) != (than->parent == init->pid))
		return p->parent == init->pid;
	return p->inside < than->inside;
}

/* Where the kernel has it, whatever the entry says. */
static const char *cgroup_of(const struct entry *e, const struct process *init)
{
	const char *path = e->limits ? e->limits : e->cgroup;

	return path && init && is_below(init->cgroup, path) ? path : NULL;
}

static int64_t read_memory(const struct host *host, const struct entry *e,
			   const struct process *init)
{
	const char *path = cgroup_of(e, init);
	char file[1100], text[32];

	if (!path)
		return -1;
	snprintf(file, sizeof(file), "%s%s/memory.current", host->cg.mount,
		 path);
	return fd_read_file(AT_FDCWD, file, text, sizeof(text)) > 0
		       ? strtoll(text, NULL, 10)
		       : -1;
}

static const char *scratch_of(const struct entry *e)
{
	for (size_t i = 1; i < e->n_lines; i++)
		if (!strcmp(e->line[i - 1].key, "env-name") &&
		    !strcmp(e->line[i - 1].value, "CLOISON_SCRATCH"))
			return e->line[i].value;
	return NULL;
}

/* In the cell's own tree, and along no link that somebody in it has made. */
static int64_t read_scratch(const struct entry *e, const struct process *p)
{
	const char *path = scratch_of(e);
	cleanup_fd int root = -1, fd = -1;
	char link[32];
	struct statfs st;

	if (!p || !path || *path != '/' || !path[1])
		return -1;
	snprintf(link, sizeof(link), "/proc/%d/root", (int)p->pid);
	root = open(link, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -1;
	fd = fd_open(root, path + 1, O_PATH | O_DIRECTORY, 0,
		     RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
	if (fd < 0 || fstatfs(fd, &st))
		return -1;
	return (int64_t)(st.f_blocks - st.f_bfree) * st.f_bsize;
}

void survey_cell(const struct survey *survey, const struct host *host,
		 const struct entry *entry, struct cell_now *ret)
{
	const struct process *init = init_of(survey, entry);
	int64_t rss = 0;

	*ret = (struct cell_now){ .init = init,
				  .alive = entry->locked ||
					   proc_alive(&entry->supervisor),
				  .scratch = -1 };
	for (size_t i = 0; i < survey->n; i++) {
		const struct process *p = &survey->process[i];

		if (!holds(survey, entry, init, p))
			continue;
		ret->processes++;
		rss += p->rss;
		if (p != init && comes_first(init, p, ret->payload))
			ret->payload = p;
	}
	ret->memory = read_memory(host, entry, init);
	ret->memory_exact = ret->memory >= 0;
	if (!ret->memory_exact && init)
		ret->memory = rss;
	if (entry->scratch > 0)
		ret->scratch = read_scratch(entry, ret->payload);
}

/* Microseconds of a process and of those of its children that it has reaped. */
static int64_t read_cpu(pid_t pid)
{
	struct proc_stat stat;

	if (proc_stat_read(-1, pid, &stat))
		return 0;
	return (int64_t)(stat.cpu * 1000000 / (uint64_t)sysconf(_SC_CLK_TCK));
}

void survey_use(const struct survey *survey, const struct host *host,
		const struct entry *entry, struct cg_usage *ret)
{
	const struct process *init = init_of(survey, entry);
	const char *path = cgroup_of(entry, init);
	cleanup_fd int fd = -1;
	char dir[1100];
	int64_t sum = 0;

	cg_usage_init(ret);
	if (path) {
		snprintf(dir, sizeof(dir), "%s%s", host->cg.mount, path);
		fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
		cg_usage_read(fd, ret);
	}
	if (!init || ret->cpu_usage_us >= 0)
		return;
	for (size_t i = 0; i < survey->n; i++)
		if (holds(survey, entry, init, &survey->process[i]))
			sum += read_cpu(survey->process[i].pid);
	ret->cpu_usage_us = sum;
}

static bool is_process(const struct survey *s, const struct entry *e,
		       const char *word)
{
	const struct process *p;
	struct err ignored;
	uint64_t pid;

	if (parse_uint(word, INT32_MAX, &pid, &ignored))
		return false;
	if ((pid_t)pid == e->supervisor.pid && proc_alive(&e->supervisor))
		return true;
	p = find(s, (pid_t)pid);
	return p && survey_holds(s, e, p);
}

static bool is_job(const struct entry *e, const char *word)
{
	size_t len;

	if (!e->job)
		return false;
	len = strlen(e->job);
	if (strncmp(word, e->job, len) != 0)
		return false;
	return !word[len] || (word[len] == '.' && e->step &&
			      !strcmp(word + len + 1, e->step));
}

bool survey_means(const struct survey *survey, const struct entry *entry,
		  const char *word)
{
	size_t len = strlen(word), all = strlen(entry->id);

	if (len >= ID_PART && len <= all &&
	    (!strncmp(entry->id, word, len) ||
	     !strcmp(entry->id + all - len, word)))
		return true;
	return is_job(entry, word) || is_process(survey, entry, word);
}
