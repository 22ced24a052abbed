/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/parse.h"
#include "shepherd.h"

enum {
	CONFIG_MAX = 1024 * 1024, /* has the job's arguments in it */
};

enum key {
	KEY_OWNER,
	KEY_JOB,
	KEY_TASK,
	KEY_QUEUE,
	KEY_SLOTS,
	KEY_MEMORY,
	KEY_MEMORY_OF_JOB,
	KEY_DIR,
	KEY_ACCOUNT,
	KEY_PROJECT,
	KEY_NAME,
	KEYS
};

static const struct {
	const char *name;
	bool needed;
} keys[KEYS] = {
	[KEY_OWNER] = { "job_owner", true },
	[KEY_JOB] = { "job_id", true },
	[KEY_TASK] = { "ja_task_id", true },
	[KEY_QUEUE] = { "queue", true },
	[KEY_SLOTS] = { "host_slots", true },
	[KEY_MEMORY] = { "h_vmem", true },
	[KEY_MEMORY_OF_JOB] = { "h_vmem_is_consumable_job", false },
	[KEY_DIR] = { "tmpdir", false },
	[KEY_ACCOUNT] = { "account", false },
	[KEY_PROJECT] = { "acct_project", false },
	[KEY_NAME] = { "job_name", false },
};

const char *shepherd_value(const char *text, const char *key, struct pool *pool,
			   unsigned *ret_times)
{
	const size_t len = strlen(key);
	const char *value = NULL;
	unsigned times = 0;

	for (const char *p = text; *p; p += *p == '\n') {
		if (!strncmp(p, key, len) && p[len] == '=') {
			value = p + len + 1;
			times++;
		}
		p += strcspn(p, "\n");
	}
	if (ret_times)
		*ret_times = times;
	return value ? pool_strndup(pool, value, strcspn(value, "\n")) : NULL;
}

static int look_for(const char *text, struct pool *pool,
		    const char *value[KEYS], struct err *err)
{
	for (int i = 0; i < KEYS; i++) {
		unsigned times;

		value[i] = shepherd_value(text, keys[i].name, pool, &times);
		if (times > 1)
			return err_set(err, EPERM,
				       "the job's configuration says twice "
				       "what its %s is: is there a newline in "
				       "a path or an argument?",
				       keys[i].name);
	}
	return 0;
}

int shepherd_size(const char *text, uint64_t *ret, struct err *err)
{
	static const struct {
		char letter;
		double unit;
	} rows[] = {
		{ '\0', 1 },      { 'k', 1e3 },         { 'K', 1024 },
		{ 'm', 1e6 },     { 'M', 1024 * 1024 }, { 'g', 1e9 },
		{ 'G', 1 << 30 }, { 't', 1e12 },        { 'T', 1ULL << 40 },
	};
	char *end;
	double n;

	if (!strcasecmp(text, "INFINITY") || !strcasecmp(text, "NONE")) {
		*ret = 0;
		return 0;
	}
	n = strtod(text, &end);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (end != text && *end == rows[i].letter &&
		    (!*end || !end[1]) && n >= 0 && n * rows[i].unit < 1e18) {
			*ret = (uint64_t)(n * rows[i].unit);
			return 0;
		}
	return err_set(err, 0, "'%s' is no size", text);
}

/* A limit of each slot, unless it is one of the whole job. */
static int memory(const char *const value[KEYS], struct queue_job *job,
		  struct err *err)
{
	const char *whole = value[KEY_MEMORY_OF_JOB];

	if (shepherd_size(value[KEY_MEMORY], &job->memory, err))
		return -1;
	if (whole && !strcmp(whole, "1"))
		return 0;
	if (__builtin_mul_overflow(job->memory, job->slots, &job->memory))
		return err_set(err, 0, "'%s' is too much", value[KEY_MEMORY]);
	return 0;
}

int shepherd_parse(const char *text, struct pool *pool, struct queue_job *ret,
		   const char **ret_owner, struct err *err)
{
	const uint64_t most = 1 << 30;
	const char *value[KEYS] = { NULL };
	uint64_t job, task;

	*ret = (struct queue_job){ 0 };
	if (look_for(text, pool, value, err))
		return -1;
	for (int i = 0; i < KEYS; i++)
		if (keys[i].needed && !value[i])
			return err_set(err, 0, "there is no %s in it",
				       keys[i].name);
	if (parse_uint(value[KEY_JOB], UINT32_MAX, &job, err) ||
	    parse_uint(value[KEY_TASK], UINT32_MAX, &task, err) ||
	    parse_uint(value[KEY_SLOTS], most, &ret->slots, err) ||
	    memory(value, ret, err))
		return -1;
	ret->id = pool_printf(pool, "%llu.%llu", (unsigned long long)job,
			      (unsigned long long)task);
	ret->queue = value[KEY_QUEUE];
	if (value[KEY_DIR] && *value[KEY_DIR] == '/')
		ret->dir = value[KEY_DIR];
	ret->account = value[KEY_ACCOUNT];
	ret->name = value[KEY_NAME];
	if (value[KEY_PROJECT] && strcmp(value[KEY_PROJECT], "none") != 0)
		ret->project = value[KEY_PROJECT];
	*ret_owner = value[KEY_OWNER];
	return 0;
}

/* Who could write it could say whatever he likes. */
static int read_config(int spool, struct pool *pool, const char **ret,
		       uid_t *ret_writer, struct err *err)
{
	cleanup_fd int fd =
		openat(spool, "config",
		       O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	struct stat dir, st;
	char *text;
	ssize_t n;

	if (fd < 0 || fstat(spool, &dir) || fstat(fd, &st))
		return err_set(err, errno, "config");
	if (!S_ISREG(st.st_mode) || (st.st_mode | dir.st_mode) & 0022 ||
	    (dir.st_uid && dir.st_uid != st.st_uid))
		return err_set(err, 0, "config: others may write it");
	if (st.st_size > CONFIG_MAX)
		return err_set(err, EPERM, "config is too long");
	text = pool_alloc(pool, CONFIG_MAX + 1);
	n = read(fd, text, CONFIG_MAX);
	if (n < 0)
		return err_set(err, errno, "config");
	*ret = text;
	*ret_writer = st.st_uid;
	return 0;
}

static int look_up(const char *owner, uid_t writer, struct queue_job *job,
		   struct err *err)
{
	const struct passwd *pw;

	errno = 0;
	pw = getpwnam(owner);
	if (!pw)
		return err_set(err, errno, "user %s is not known here", owner);
	if (pw->pw_uid && pw->pw_uid == writer)
		return err_set(err, 0, "config is the job's own user's");
	job->uid = pw->pw_uid;
	job->gid = pw->pw_gid;
	return 0;
}

int shepherd_read(struct pool *pool, struct queue_job *ret, int *ret_spool,
		  struct err *err)
{
	const pid_t parent = getppid();
	cleanup_fd int spool = -1;
	const char *text = "", *owner = "";
	uid_t writer = 0;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/cwd", (int)parent);
	/* The kernel's link, not a path: NOLINTNEXTLINE(android-*) */
	spool = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (spool < 0)
		return err_set(err, errno, "%s", path);
	if (read_config(spool, pool, &text, &writer, err))
		return err_hint(err, "is this Grid Engine's prolog or epilog?");
	if (shepherd_parse(text, pool, ret, &owner, err) ||
	    look_up(owner, writer, ret, err))
		return -1;
	ret->shepherd.pid = parent;
	ret->shepherd.start = proc_start(parent);
	*ret_spool = steal_fd(&spool);
	return 0;
}
