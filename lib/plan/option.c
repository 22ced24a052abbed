/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "plan/option.h"
#include "plan/part.h"

static const char *const new_host[] = { "new", "host", NULL };
static const char *const nets[] = { "none", "KIND:LINK", "host", NULL };
static const char *const users[] = { "self", "identity", "root", "host", NULL };
static const char *const lifetimes[] = { "step", "job", NULL };
static const char *const limits[] = { "enforce", "try", "off", NULL };
static const char *const levels[] = { "strict", "default", "off", NULL };
static const char *const devs[] = { "private", "host", NULL };
static const char *const yes_no[] = { "yes", "no", NULL };
static const char *const no_yes[] = { "no", "yes", NULL };
static const char *const cpu_policies[] = { "inherit", "pack", "spread", "numa",
					    NULL };
static const char *const cpu_units[] = { "core", "thread", NULL };
static const char *const memories[] = { "bind",  "preferred", "interleave",
					"local", "none",      NULL };

enum {
	EVERYWHERE = OPTION_CLI | OPTION_SPANK | OPTION_SITE,
	CLI_SITE = OPTION_CLI | OPTION_SITE,
};

const struct option_row option_table[OPTIONS] = {
	[OPT_PROFILE] = { "profile", "NAME", OPTION_TEXT, POLICY_FREE,
			  OPTION_CLI, NULL, "profile of the site file" },
	[OPT_USER] = { "user", "MODE", OPTION_WORD, POLICY_ORDER, CLI_SITE,
		       users, "how user and group ids are mapped" },
	[OPT_PID] = { "pid", "new|host", OPTION_WORD, POLICY_ORDER, CLI_SITE,
		      new_host, "PID namespace" },
	[OPT_NET] = { "net", "NET", OPTION_NET, POLICY_ORDER, EVERYWHERE, nets,
		      "network: none, host, or veth:BRIDGE, macvlan:IF, "
		      "ipvlan:IF[,addr=CIDR,gw=IP]" },
	[OPT_IPC] = { "ipc", "new|host", OPTION_WORD, POLICY_ORDER, CLI_SITE,
		      new_host, "IPC namespace" },
	[OPT_UTS] = { "uts", "new|host", OPTION_WORD, POLICY_ORDER, CLI_SITE,
		      new_host, "UTS namespace" },
	[OPT_CGROUP] = { "cgroup", "new|host", OPTION_WORD, POLICY_ORDER,
			 CLI_SITE, new_host, "cgroup namespace" },
	[OPT_TIME] = { "time", "new|host|CLOCK=SEC", OPTION_TIME, POLICY_ORDER,
		       CLI_SITE, new_host,
		       "time namespace; offsets of its clocks, monotonic and "
		       "boottime" },
	[OPT_HOSTNAME] = { "hostname", "NAME", OPTION_TEXT, POLICY_FREE,
			   CLI_SITE, NULL, "host name inside (with uts=new)" },
	[OPT_RO] = { "ro", "SRC[:DST]", OPTION_MOUNT, POLICY_FREE, EVERYWHERE,
		     NULL, "show SRC read-only at DST" },
	[OPT_RW] = { "rw", "SRC[:DST]", OPTION_MOUNT, POLICY_MOUNT, CLI_SITE,
		     NULL, "show SRC writable at DST" },
	[OPT_HIDE] = { "hide", "PATH", OPTION_MOUNT, POLICY_MOUNT, CLI_SITE,
		       NULL, "make PATH appear empty" },
	[OPT_TMPFS] = { "tmpfs", "DST[:SIZE]", OPTION_MOUNT, POLICY_FREE,
			CLI_SITE, NULL, "empty tmpfs at DST" },
	[OPT_OVERLAY] = { "overlay", "PATH[:FATE]", OPTION_MOUNT, POLICY_FREE,
			  EVERYWHERE, NULL,
			  "writable view of PATH; its changes are discarded, "
			  "kept or collected" },
	[OPT_SCRATCH] = { "scratch", "[DIR:]SIZE", OPTION_SCRATCH, POLICY_LESS,
			  EVERYWHERE, NULL,
			  "private /tmp, /var/tmp, /dev/shm of SIZE in all" },
	[OPT_DEV] = { "dev", "private|host|GLOB", OPTION_DEV, POLICY_ORDER,
		      CLI_SITE, devs,
		      "/dev: basic devices and those that match, or the "
		      "host's" },
	[OPT_HIDEPID] = { "hidepid", "yes|no", OPTION_WORD, POLICY_ORDER,
			  CLI_SITE, yes_no,
			  "hide processes of other users in /proc" },
	[OPT_ROOTFS] = { "rootfs", "DIR|IMAGE", OPTION_PATH, POLICY_SAME,
			 EVERYWHERE, NULL,
			 "root file system: a directory, squashfs or erofs" },
	[OPT_SCRATCH_LIFETIME] = { "scratch-lifetime", "step|job", OPTION_WORD,
				   POLICY_FREE, OPTION_SPANK | OPTION_SITE,
				   lifetimes,
				   "scratch for each step or for all of a job" },
	[OPT_CPUS] = { "cpus", "N", OPTION_CPUS, POLICY_LESS, EVERYWHERE, NULL,
		       "limit CPU time to N CPUs and pick their cores" },
	[OPT_CPU_POLICY] = { "cpu-policy", "pack|spread|numa|inherit",
			     OPTION_WORD, POLICY_FREE, EVERYWHERE, cpu_policies,
			     "which cores --cpus picks, or tasks get" },
	[OPT_CPU_UNIT] = { "cpu-unit", "core|thread", OPTION_WORD, POLICY_FREE,
			   EVERYWHERE, cpu_units,
			   "what is picked: whole cores or hardware threads" },
	[OPT_CPUSET] = { "cpuset", "LIST", OPTION_LIST, POLICY_SUBSET, CLI_SITE,
			 NULL, "CPUs to use, or for --cpus to pick from" },
	[OPT_MEM_POLICY] = { "mem-policy", "POLICY[:LIST]", OPTION_MEMORY,
			     POLICY_FREE, EVERYWHERE, memories,
			     "where memory comes from: bind, preferred, "
			     "interleave, local, none" },
	[OPT_MEMORY] = { "memory", "SIZE", OPTION_SIZE, POLICY_LESS, EVERYWHERE,
			 NULL, "limit memory to SIZE" },
	[OPT_PIDS] = { "pids", "N", OPTION_COUNT, POLICY_LESS, EVERYWHERE, NULL,
		       "limit processes and threads to N" },
	[OPT_CPU_WEIGHT] = { "cpu-weight", "N", OPTION_WEIGHT, POLICY_LESS,
			     EVERYWHERE, NULL,
			     "share of CPU time where it is short: 1 to 10000, "
			     "100 is usual" },
	[OPT_CPU_TIME] = { "cpu-time", "TIME[,grace=TIME]", OPTION_SECONDS,
			   POLICY_LESS, EVERYWHERE, NULL,
			   "end the cell when it has used TIME of CPUs" },
	[OPT_MEMORY_HIGH] = { "memory-high", "SIZE", OPTION_SIZE, POLICY_LESS,
			      EVERYWHERE, NULL,
			      "slow the cell down above SIZE of memory" },
	[OPT_SWAP] = { "swap", "SIZE", OPTION_SIZE_0, POLICY_LESS, EVERYWHERE,
		       NULL, "limit swap to SIZE, beside --memory" },
	[OPT_OOM_GROUP] = { "oom-group", "yes|no", OPTION_WORD, POLICY_FREE,
			    EVERYWHERE, yes_no,
			    "kill all of the cell at its memory limit, or one "
			    "process" },
	[OPT_IO_MAX] = { "io-max", "PATH:KEY=N,...", OPTION_PART, POLICY_FREE,
			 EVERYWHERE, NULL,
			 "limit I/O to the disk of PATH: rbps, wbps, riops, "
			 "wiops" },
	[OPT_IO_WEIGHT] = { "io-weight", "[PATH:]N", OPTION_PART, POLICY_FREE,
			    EVERYWHERE, NULL,
			    "share of I/O, of the disk of PATH: 1 to 10000" },
	[OPT_HUGETLB] = { "hugetlb", "PAGE:SIZE", OPTION_PART, POLICY_FREE,
			  EVERYWHERE, NULL,
			  "limit huge pages of size PAGE to SIZE in all" },
	[OPT_TIME_LIMIT] = { "time-limit", "TIME[,grace=TIME]", OPTION_SECONDS,
			     POLICY_LESS, CLI_SITE, NULL,
			     "end the cell after TIME" },
	[OPT_LIMITS] = { "limits", "enforce|try|off", OPTION_WORD, POLICY_ORDER,
			 CLI_SITE, limits,
			 "what to do about limits the host cannot enforce" },
	[OPT_OMP_THREADS] = { "omp-threads", "no|yes", OPTION_WORD, POLICY_FREE,
			      EVERYWHERE, no_yes,
			      "set OMP_NUM_THREADS to the CPUs there are" },
	[OPT_NESTABLE] = { "nestable", "no|yes", OPTION_WORD, POLICY_ORDER,
			   CLI_SITE, no_yes,
			   "let other containers run inside" },
	[OPT_SECCOMP] = { "seccomp", "strict|default|off", OPTION_WORD,
			  POLICY_ORDER, EVERYWHERE, levels,
			  "which system calls are refused" },
	[OPT_LANDLOCK] = { "landlock", "strict|default|off", OPTION_WORD,
			   POLICY_ORDER, EVERYWHERE, levels,
			   "second line behind read-only mounts" },
	[OPT_JOB_ID] = { "job-id", "ID", OPTION_TEXT, POLICY_FREE, OPTION_CLI,
			 NULL, "the job's id, whatever the queue says" },
	[OPT_JOB_NAME] = { "job-name", "NAME", OPTION_TEXT, POLICY_FREE,
			   OPTION_CLI, NULL, "the job's name" },
	[OPT_TAG] = { "tag", "KEY=VALUE", OPTION_TAG, POLICY_FREE, OPTION_CLI,
		      NULL, "note for the record" },
	[OPT_RECORD] = { "record", "FILE", OPTION_TEXT, POLICY_FREE, OPTION_CLI,
			 NULL, "write the record to FILE, too" },
	[OPT_CONFIG] = { "config", "FILE", OPTION_TEXT, POLICY_FREE, OPTION_CLI,
			 NULL, "site file to read" },
	[OPT_LOGIN] = { "login", NULL, OPTION_FLAG, POLICY_FREE, OPTION_CLI,
			NULL, "start the command as a login shell" },
	[OPT_RAISE] = { "raise", NULL, OPTION_FLAG, POLICY_FREE, OPTION_CLI,
			NULL, "end by the signal that ended the command" },
	[OPT_QUIET] = { "quiet", NULL, OPTION_FLAG, POLICY_FREE, OPTION_CLI,
			NULL, "no warnings" },
	[OPT_VERBOSE] = { "verbose", NULL, OPTION_FLAG, POLICY_FREE,
			  OPTION_CLI | OPTION_SPANK, NULL,
			  "say how long it took to set up" },
};

int option_find(const char *name, unsigned where)
{
	for (int i = 0; i < OPTIONS; i++)
		if ((option_table[i].where & where) &&
		    !strcmp(option_table[i].name, name))
			return i;
	return -1;
}

static int plain_text(const char *text, struct err *err)
{
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return err_set(err, 0, "'%s' has a control character",
				       text);
	return 0;
}

/*
 * ".." is refused rather than resolved, as a symbolic link before it would
 * make the text lie.
 */
int option_path(const char *path, const char *dir, struct pool *pool,
		const char **ret, struct err *err)
{
	const char *in = path;
	char *full, *out;

	if (plain_text(path, err))
		return -1;
	if (*path && *path != '/' && dir)
		in = pool_printf(pool, "%s/%s", dir, path);
	if (*in != '/')
		return err_set(err, 0, "'%s' is not an absolute path", path);
	full = out = pool_alloc(pool, strlen(in) + 2);
	while (*in) {
		size_t len = strcspn(in, "/");

		if (len == 2 && !memcmp(in, "..", 2))
			return err_set(err, 0, "'%s': '..' is not supported",
				       path);
		if (len && !(len == 1 && *in == '.')) {
			*out++ = '/';
			memcpy(out, in, len);
			out += len;
		}
		in += len + (in[len] == '/');
	}
	if (out == full)
		*out++ = '/';
	*out = '\0';
	*ret = full;
	return 0;
}

/* SRC[:DST], PATH, DST[:SIZE], PATH[:FATE]. A ':' in a path is "\:". */
void option_split(const char *text, struct pool *pool, char **ret_first,
		  const char **ret_rest)
{
	char *out = pool_strdup(pool, text);

	*ret_first = out;
	*ret_rest = NULL;
	for (const char *p = text; *p; p++) {
		if (*p == '\\' && p[1] == ':') {
			p++;
		} else if (*p == ':') {
			*ret_rest = p + 1;
			break;
		}
		*out++ = *p;
	}
	*out = '\0';
}

/* A directory on the host, the last part of a value. */
static int last_path(const char *text, const char *dir, struct pool *pool,
		     const char **ret, struct err *err)
{
	const char *more;
	char *path;

	option_split(text, pool, &path, &more);
	if (more)
		return err_set(err, 0, "'%s': more than one path", text);
	return option_path(path, dir, pool, ret, err);
}

/* What a cell leaves behind is below the overlay, and named from there. */
static int pattern_check(const char *glob, struct err *err)
{
	if (!*glob || *glob == '/' || strlen(glob) > 255)
		return err_set(err, 0,
			       "'%s' is no pattern of paths below the overlay",
			       glob);
	return 0;
}

/* discard, keep=DIR, collect=GLOB=DIR */
static int set_fate(struct option_mount *m, const char *text, const char *dir,
		    struct pool *pool, struct err *err)
{
	const char *eq;

	if (!strcmp(text, "discard"))
		return 0;
	if (!strncmp(text, "keep=", 5)) {
		m->fate = MNT_KEEP;
		return last_path(text + 5, dir, pool, &m->dir, err);
	}
	eq = strncmp(text, "collect=", 8) != 0 ? NULL : strchr(text + 8, '=');
	if (!eq)
		return err_set(err, 0,
			       "'%s' is not one of: discard, keep=DIR, "
			       "collect=GLOB=DIR",
			       text);
	m->fate = MNT_COLLECT;
	m->glob = pool_strndup(pool, text + 8, (size_t)(eq - text - 8));
	if (pattern_check(m->glob, err))
		return -1;
	return last_path(eq + 1, dir, pool, &m->dir, err);
}

/* The second part of a value. */
static int mount_rest(struct option_mount *m, const char *rest,
		      const char *text, const char *dir, struct pool *pool,
		      struct err *err)
{
	switch (m->id) {
	case OPT_RO:
	case OPT_RW:
		return last_path(rest, NULL, pool, &m->dst, err);
	case OPT_TMPFS:
		return parse_size(rest, &m->size, err);
	case OPT_OVERLAY:
		return set_fate(m, rest, dir, pool, err);
	default:
		return err_set(err, 0, "'%s': a path alone is expected", text);
	}
}

static int mount_set(struct options *options, enum option_id id,
		     const char *text, const char *origin, const char *dir,
		     struct pool *pool, struct err *err)
{
	struct option_mount m = {
		.id = id, .src = "", .dst = "", .origin = origin
	};
	const char *rest;
	char *first;

	option_split(text, pool, &first, &rest);
	if (option_path(first, dir, pool, &m.src, err))
		return -1;
	m.dst = m.src;
	if (rest && mount_rest(&m, rest, text, dir, pool, err))
		return -1;
	if (id != OPT_RO && !strcmp(m.dst, "/"))
		return err_set(err, 0, "'/' can only be given to ro");
	if (id == OPT_RO && strcmp(m.src, m.dst) != 0 && !strcmp(m.dst, "/"))
		return err_set(err, 0, "'%s': '/' cannot be replaced", text);
	*(struct option_mount *)pool_push(pool, &options->mount,
					  &options->n_mounts, sizeof(m)) = m;
	return 0;
}

/* A pattern for paths below /dev; it cannot lead out of it. */
static int glob_check(const char *glob, struct err *err)
{
	for (const char *p = glob;; p++) {
		size_t len = strcspn(p, "/");

		if (!len || !strncmp(p, ".", len) || !strncmp(p, "..", len))
			return err_set(err, 0,
				       "'%s' is neither 'private' nor 'host' "
				       "nor a pattern for names in /dev",
				       glob);
		p += len;
		if (!*p)
			return 0;
	}
}

/* Words, separated by blanks or commas. A pattern implies "private". */
static int dev_set(struct options *options, const char *text,
		   const char *origin, uint64_t *ret, struct pool *pool,
		   struct err *err)
{
	char *save, *copy = pool_strdup(pool, text);
	struct err ignored;
	int mode = -1;

	for (char *w = strtok_r(copy, " \t,", &save); w;
	     w = strtok_r(NULL, " \t,", &save)) {
		struct option_device d = { w, origin };
		int word = DEV_PRIVATE;

		if (parse_word(w, devs, &word, &ignored)) {
			if (glob_check(w, err))
				return -1;
			*(struct option_device *)pool_push(
				pool, &options->device, &options->n_devices,
				sizeof(d)) = d;
		}
		if (mode >= 0 && mode != word)
			return err_set(err, 0,
				       "'%s': devices can only be added to a "
				       "private /dev",
				       text);
		mode = word;
	}
	*ret = (uint64_t)mode;
	return mode < 0 ? err_set(err, 0, "the value is empty") : 0;
}

static int tag_set(struct options *options, const char *text, struct pool *pool,
		   struct err *err)
{
	const char *eq = strchr(text, '=');
	struct option_tag tag;

	if (!eq || eq == text)
		return err_set(err, 0, "'%s' is not KEY=VALUE", text);
	for (const char *p = text; p < eq; p++)
		if (!isalnum((unsigned char)*p) && !strchr("-_.", *p))
			return err_set(err, 0,
				       "'%s': a key has letters, digits, '-', "
				       "'_' and '.'",
				       text);
	if (strlen(text) > 1024)
		return err_set(err, 0, "a tag has at most 1024 bytes");
	tag.key = pool_strndup(pool, text, (size_t)(eq - text));
	tag.value = pool_strdup(pool, eq + 1);
	if (options->n_tags >= 32)
		return err_set(err, 0, "at most 32 tags");
	*(struct option_tag *)pool_push(pool, &options->tag, &options->n_tags,
					sizeof(tag)) = tag;
	return 0;
}

static int hostname_check(const char *s, struct err *err)
{
	size_t len = strspn(s, "abcdefghijklmnopqrstuvwxyz"
			       "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.");

	if (!len || s[len] || len > 64 || *s == '-' || *s == '.')
		return err_set(err, 0, "'%s' is not a host name", s);
	return 0;
}

static int share_parse(const char *text, struct option_value *v,
		       struct err *err)
{
	size_t len = strlen(text);
	char number[8];

	if (len < 2 || len > 4 || text[len - 1] != '%')
		return parse_size(text, &v->num, err);
	memcpy(number, text, len - 1);
	number[len - 1] = '\0';
	if (parse_uint(number, 100, &v->num, err))
		return err_set(err, 0,
			       "'%s' is not a share of memory (1%% to 100%%)",
			       text);
	if (!v->num)
		return err_set(err, 0, "'%s' leaves no scratch", text);
	v->percent = true;
	return 0;
}

static int name_check(const char *text, struct err *err)
{
	if (!*text)
		return err_set(err, 0, "the value is empty");
	if (strlen(text) > OPTION_NAME_MAX)
		return err_set(err, 0, "longer than %d bytes", OPTION_NAME_MAX);
	return plain_text(text, err);
}

int option_job_id(const char *text, struct err *err)
{
	if (name_check(text, err))
		return -1;
	if (strchr(text, '/') || !strcmp(text, ".") || !strcmp(text, ".."))
		return err_set(err, 0,
			       "'%s' cannot name a file, as %%j in profiles "
			       "does",
			       text);
	return 0;
}

static int text_check(enum option_id id, const char *text, struct err *err)
{
	switch (id) {
	case OPT_HOSTNAME:
		return *text ? hostname_check(text, err)
			     : err_set(err, 0, "the value is empty");
	case OPT_JOB_ID:
		return option_job_id(text, err);
	case OPT_JOB_NAME:
		return name_check(text, err);
	default:
		return *text ? 0 : err_set(err, 0, "the value is empty");
	}
}

static int offset_parse(const char *text, size_t len,
			struct ns_offset ret[NS_CLOCKS], struct err *err)
{
	char part[64];

	for (int i = 0; i < NS_CLOCKS; i++) {
		size_t n = strlen(ns_clocks[i]);

		if (len <= n + 1 || len >= sizeof(part) || text[n] != '=' ||
		    strncmp(text, ns_clocks[i], n) != 0)
			continue;
		memcpy(part, text, len);
		part[len] = '\0';
		return parse_offset(part + n + 1, &ret[i].sec, &ret[i].nsec,
				    err);
	}
	return err_set(err, 0,
		       "'%s' is not one of: new host monotonic=SEC "
		       "boottime=SEC",
		       text);
}

int option_time(const char *text, bool *ret_new,
		struct ns_offset ret[NS_CLOCKS], struct err *err)
{
	memset(ret, 0, NS_CLOCKS * sizeof(*ret));
	*ret_new = strcmp(text, new_host[WORD_HOST]) != 0;
	if (!*ret_new || !strcmp(text, new_host[WORD_NEW]))
		return 0;
	for (;;) {
		size_t len = strcspn(text, ",");

		if (offset_parse(text, len, ret, err))
			return -1;
		if (!text[len])
			return 0;
		text += len + 1;
	}
}

static int time_parse(const char *text, struct option_value *v, struct err *err)
{
	struct ns_offset ignored[NS_CLOCKS];
	bool make;

	if (option_time(text, &make, ignored, err))
		return -1;
	v->num = make ? WORD_NEW : WORD_HOST;
	return 0;
}

static int net_value(const char *text, struct option_value *v,
		     struct pool *pool, struct err *err)
{
	v->num = strcmp(text, "none") ? NET_HOST : NET_NONE;
	if (!strcmp(text, "none") || !strcmp(text, "host"))
		return 0;
	if (!strchr(text, ':'))
		return err_set(err, 0,
			       "'%s' is not one of none host veth:BRIDGE "
			       "macvlan:INTERFACE ipvlan:INTERFACE",
			       text);
	v->num = NET_LINK;
	return net_parse(text, pool, &v->net, err);
}

/* SIZE, a share of memory, or DIR:SIZE; a ':' in DIR is "\:". */
static int scratch_parse(const char *text, const char *dir, struct pool *pool,
			 struct option_value *v, struct err *err)
{
	const char *rest;
	char *first;

	option_split(text, pool, &first, &rest);
	if (!rest)
		return share_parse(text, v, err);
	if (option_path(first, dir, pool, &v->dir, err))
		return -1;
	return parse_size(rest, &v->num, err);
}

int option_seconds(const char *text, uint64_t *ret_limit, uint64_t *ret_grace,
		   struct err *err)
{
	static const char second[] = "grace=";
	const char *comma = strchrnul(text, ',');
	char first[64];

	*ret_grace = 5;
	if (*comma && strncmp(comma + 1, second, strlen(second)) != 0)
		return err_set(err, 0, "'%s' is not TIME,grace=TIME", text);
	if (*comma && parse_seconds(comma + 1 + strlen(second), ret_grace, err))
		return -1;
	snprintf(first, sizeof(first), "%.*s", (int)(comma - text), text);
	return parse_seconds(first, ret_limit, err);
}

/* A user's is tighter if it is all over sooner. */
static int seconds_parse(const char *text, struct option_value *v,
			 struct err *err)
{
	uint64_t limit = 0, grace = 0;

	if (option_seconds(text, &limit, &grace, err))
		return -1;
	v->num = limit + grace;
	return 0;
}

static void ignore_range(void *arg, unsigned first, unsigned last)
{
	(void)arg;
	(void)first;
	(void)last;
}

static int list_check(const char *text, struct err *err)
{
	/* The kernel's own bounds are 8192 CPUs and 1024 nodes. */
	return parse_list(text, 65535, ignore_range, NULL, err);
}

int option_memory(const char *text, int *ret, const char **ret_list,
		  struct err *err)
{
	const char *colon = strchrnul(text, ':');
	char word[16];

	snprintf(word, sizeof(word), "%.*s", (int)(colon - text), text);
	if (parse_word(word, memories, ret, err))
		return -1;
	*ret_list = *colon ? colon + 1 : NULL;
	if (!*colon)
		return 0;
	if (*ret == MEMORY_LOCAL || *ret == MEMORY_NONE)
		return err_set(err, 0, "'%s': %s has no nodes", text, word);
	return list_check(*ret_list, err);
}

static int memory_parse(const char *text, struct option_value *v,
			struct err *err)
{
	const char *list;
	int word;

	if (option_memory(text, &word, &list, err))
		return -1;
	v->num = (uint64_t)word;
	return 0;
}

static int value_parse(enum option_id id, const char *text, const char *dir,
		       struct pool *pool, struct option_value *v,
		       struct err *err)
{
	const struct option_row *row = &option_table[id];
	int word;

	switch (row->kind) {
	case OPTION_WORD:
		if (parse_word(text, row->words, &word, err))
			return -1;
		v->num = (uint64_t)word;
		return 0;
	case OPTION_TIME:
		return time_parse(text, v, err);
	case OPTION_SECONDS:
		return seconds_parse(text, v, err);
	case OPTION_LIST:
		return list_check(text, err);
	case OPTION_MEMORY:
		return memory_parse(text, v, err);
	case OPTION_SIZE:
		return parse_size(text, &v->num, err);
	case OPTION_SIZE_0:
		return part_size(text, &v->num, err);
	case OPTION_WEIGHT:
		return part_weight(text, &v->num, err);
	case OPTION_SCRATCH:
		return scratch_parse(text, dir, pool, v, err);
	case OPTION_CPUS:
		return parse_millicpus(text, &v->num, err);
	case OPTION_COUNT:
		/* pids.max takes 1 << 22, and our PID 1 counts, too. */
		if (parse_uint(text, (1 << 22) - 1, &v->num, err))
			return -1;
		return v->num ? 0 : err_set(err, 0, "'0' leaves no room");
	case OPTION_TEXT:
		return text_check(id, text, err);
	default:
		v->num = 1;
		return 0;
	}
}

int option_set(struct options *options, enum option_id id, const char *text,
	       const char *origin, const char *dir, struct pool *pool,
	       struct err *err)
{
	struct option_value v = { .set = true };
	int ret;

	v.origin = pool_strdup(pool, origin);
	if (!text) {
		if (option_table[id].kind != OPTION_FLAG)
			return err_set(err, 0, "%s: a value is missing",
				       origin);
		v.num = 1;
		options->value[id] = v;
		return 0;
	}
	v.text = pool_strdup(pool, text);
	if (plain_text(text, err))
		return err_prefix(err, "%s", origin);
	switch (option_table[id].kind) {
	case OPTION_MOUNT:
		ret = mount_set(options, id, text, v.origin, dir, pool, err);
		break;
	case OPTION_DEV:
		ret = dev_set(options, text, v.origin, &v.num, pool, err);
		break;
	case OPTION_PATH:
		ret = option_path(text, dir, pool, &v.text, err);
		break;
	case OPTION_PART:
		ret = part_set(options, id, text, v.origin, dir, pool, err);
		break;
	case OPTION_TAG:
		ret = tag_set(options, text, pool, err);
		break;
	case OPTION_NET:
		ret = net_value(text, &v, pool, err);
		break;
	default:
		ret = value_parse(id, text, dir, pool, &v, err);
		break;
	}
	if (ret)
		return err_prefix(err, "%s", origin);
	options->value[id] = v;
	return 0;
}
