/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "cg/internal.h"

/* CPU and node numbers; the kernel's own bounds are 8192 and 1024. */
enum {
	LIST_MAX = 65535
};

struct list {
	unsigned char bit[LIST_MAX / 8 + 1];
};

static void list_add(void *arg, unsigned first, unsigned last)
{
	struct list *list = arg;

	for (unsigned i = first; i <= last; i++)
		list->bit[i / 8] |= (unsigned char)(1 << i % 8);
}

/* Allocated, as 8 KiB are much for the stack of a scheduler's thread. */
static struct list *list_parse(const char *s, struct err *err)
{
	struct list *list = calloc(1, sizeof(*list));

	if (!list) {
		err_set(err, ENOMEM, "list of CPUs");
		return NULL;
	}
	if (*s && parse_list(s, LIST_MAX, list_add, list, err)) {
		free(list);
		return NULL;
	}
	return list;
}

static bool list_has(const struct list *list, unsigned i)
{
	return i <= LIST_MAX && list->bit[i / 8] >> i % 8 & 1;
}

static char *list_print(const struct list *list)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	for (unsigned i = 0, last; i <= LIST_MAX; i = last + 1) {
		last = i;
		if (!list_has(list, i))
			continue;
		while (list_has(list, last + 1))
			last++;
		fprintf(f, ftell(f) > 0 ? ",%u" : "%u", i);
		if (last > i)
			fprintf(f, "-%u", last);
	}
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

static bool list_holds(const char *asked, const char *found)
{
	struct err err;
	struct list *a = list_parse(asked, &err);
	struct list *f = list_parse(found, &err);
	bool same = a && f && !memcmp(a, f, sizeof(*a));

	free(a);
	free(f);
	return same;
}

/* What both have, in `b`: whether that is anything. */
static bool intersect(const struct list *a, struct list *b)
{
	bool any = false;

	for (size_t i = 0; i < sizeof(a->bit); i++) {
		b->bit[i] &= a->bit[i];
		any |= b->bit[i];
	}
	return any;
}

static char *list_lower(const char *current, const char *asked, struct err *err)
{
	struct list *c = list_parse(current, err);
	struct list *a = c ? list_parse(asked, err) : NULL;
	char *text = NULL;

	if (a && !intersect(c, a)) {
		err_set(err, 0, "nothing of %s is in the step's %s", asked,
			current);
	} else if (a) {
		text = memcmp(a, c, sizeof(*a)) ? list_print(a)
						: strdup(current);
		if (!text)
			err_set(err, ENOMEM, "list of CPUs");
	}
	free(a);
	free(c);
	return text;
}

/* "max" is no limit, and UINT64_MAX here. */
static bool amount(const char *s, uint64_t *ret)
{
	struct err err;

	*ret = UINT64_MAX;
	return !strcmp(s, "max") || !parse_uint(s, INT64_MAX, ret, &err);
}

static bool count_holds(const char *asked, const char *found)
{
	uint64_t a, f;

	return amount(asked, &a) && amount(found, &f) && a == f;
}

static bool size_holds(const char *asked, const char *found)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t a, f;

	/*
	 * mem_cgroup rounds down to pages, and takes PAGE_COUNTER_MAX pages
	 * or more for no limit at all.
	 */
	if (!amount(asked, &a) || !amount(found, &f))
		return false;
	return a == f || (f <= a && a - f < page) ||
	       (f == UINT64_MAX && a >= INT64_MAX / page * page);
}

static char *amount_lower(const char *current, const char *asked,
			  struct err *err)
{
	uint64_t c, a;
	char *text;

	if (!amount(current, &c) || !amount(asked, &a)) {
		err_set(err, 0, "'%s' and '%s' cannot be compared", current,
			asked);
		return NULL;
	}
	text = strdup(a < c ? asked : current);
	if (!text)
		err_set(err, ENOMEM, "limit");
	return text;
}

/* "QUOTA [PERIOD]", in microseconds; the period keeps 100 ms if not given. */
static bool quota(const char *s, uint64_t *ret_quota, uint64_t *ret_period)
{
	const char *blank = strchr(s, ' ');
	char first[24];
	struct err err;
	size_t len = blank ? (size_t)(blank - s) : strlen(s);

	if (len >= sizeof(first))
		return false;
	memcpy(first, s, len);
	first[len] = '\0';
	*ret_period = 100000;
	if (blank && (parse_uint(blank + 1, UINT32_MAX, ret_period, &err) ||
		      !*ret_period))
		return false;
	return amount(first, ret_quota);
}

static bool quota_holds(const char *asked, const char *found)
{
	uint64_t aq, ap, fq, fp;

	return quota(asked, &aq, &ap) && quota(found, &fq, &fp) && aq == fq &&
	       (ap == fp || aq == UINT64_MAX);
}

static char *quota_lower(const char *current, const char *asked,
			 struct err *err)
{
	uint64_t cq, cp, aq, ap;
	bool lower;
	char *text;

	if (!quota(current, &cq, &cp) || !quota(asked, &aq, &ap)) {
		err_set(err, 0, "'%s' and '%s' cannot be compared", current,
			asked);
		return NULL;
	}
	/* Shares of a CPU, not times: the periods may differ. */
	lower = aq != UINT64_MAX &&
		(cq == UINT64_MAX ||
		 (unsigned __int128)aq * cp < (unsigned __int128)cq * ap);
	text = strdup(lower ? asked : current);
	if (!text)
		err_set(err, ENOMEM, "limit");
	return text;
}

/* Tighter is that an OOM kill takes all: the fewer can outlive it. */
static char *group_lower(const char *current, const char *asked,
			 struct err *err)
{
	char *text = strdup(strcmp(asked, "1") ? current : asked);

	if (!text)
		err_set(err, ENOMEM, "limit");
	return text;
}

static const struct {
	bool (*holds)(const char *asked, const char *found);
	char *(*lower)(const char *current, const char *asked, struct err *err);
	const char *effective; /* what the kernel made of it, where it says */
	bool lines;            /* one after the other, separated by ';' */
	bool files;            /* or one file for each, by its first word */
} kinds[CG_LIMITS] = {
	[CG_CPU_MAX] = { quota_holds, quota_lower },
	[CG_CPU_WEIGHT] = { count_holds, amount_lower },
	[CG_CPUSET_CPUS] = { list_holds, list_lower, "cpuset.cpus.effective" },
	[CG_CPUSET_MEMS] = { list_holds, list_lower, "cpuset.mems.effective" },
	[CG_MEMORY_MAX] = { size_holds, amount_lower },
	[CG_MEMORY_HIGH] = { size_holds, amount_lower },
	[CG_MEMORY_SWAP_MAX] = { size_holds, amount_lower },
	[CG_MEMORY_OOM_GROUP] = { count_holds, group_lower },
	[CG_PIDS_MAX] = { count_holds, amount_lower },
	[CG_IO_MAX] = { cg_lines_hold, cg_lines_lower, .lines = true },
	[CG_IO_WEIGHT] = { cg_lines_hold, cg_lines_lower, .lines = true },
	[CG_HUGETLB_MAX] = { cg_lines_hold, cg_lines_lower, .lines = true,
			     .files = true },
};

bool cg_limit_holds(enum cg_limit_kind kind, const char *asked,
		    const char *found)
{
	return kinds[kind].holds(asked, found);
}

char *cg_limit_lower(enum cg_limit_kind kind, const char *current,
		     const char *asked, struct err *err)
{
	return kinds[kind].lower(current, asked, err);
}

enum {
	FILE_MAX = 64
};

/* The file of one line, "2MB 0" or "8:0 wbps=1", and what to write to it. */
static const char *split_line(enum cg_limit_kind kind, char *line,
			      char file[static FILE_MAX])
{
	const char *whole = cg_limits[kind].file;
	const char *dot = strchr(whole, '.');
	char *blank = strchr(line, ' ');

	snprintf(file, FILE_MAX, "%s", whole);
	if (!kinds[kind].files || !blank)
		return line;
	*blank = '\0';
	/* Of "hugetlb.max" "hugetlb.2MB.max". */
	snprintf(file, FILE_MAX, "%.*s.%s%s", (int)(dot - whole), whole, line,
		 dot);
	return blank + 1;
}

/* What is done with a line: its file, its first word, what the file takes. */
struct action {
	int (*fn)(void *arg, const char *file, const char *name,
		  const char *value, struct err *err);
	void *arg;
};

/* `copy` of the plan's text is taken apart. */
static int each_of(enum cg_limit_kind kind, char *copy,
		   const struct action *act, struct err *err)
{
	char file[FILE_MAX], *save;

	for (char *line = strtok_r(copy, ";\n", &save); line;
	     line = strtok_r(NULL, ";\n", &save)) {
		const char *value;

		line += strspn(line, " ");
		value = split_line(kind, line, file);
		if (act->fn(act->arg, file, line, value, err))
			return -1;
	}
	return 0;
}

static int each_line(enum cg_limit_kind kind, const char *text,
		     const struct action *act, struct err *err)
{
	char *copy;
	int ret;

	if (!kinds[kind].lines)
		return act->fn(act->arg, cg_limits[kind].file, text, text, err);
	copy = strdup(text);
	if (!copy)
		return err_set(err, ENOMEM, "limit");
	ret = each_of(kind, copy, act, err);
	free(copy);
	return ret;
}

/* What is written to. */
struct target {
	const char *path;
	int fd;
	FILE *found; /* of what is read from several files */
};

/* A weight of one disk takes a disk for which that is switched on. */
static const char disk_weight[] = "see io.cost.qos of the root cgroup";

static int write_line(void *arg, const char *file, const char *name,
		      const char *value, struct err *err)
{
	const struct target *t = arg;

	(void)name;
	if (!cg_lib_set(t->path, t->fd, file, value, err))
		return 0;
	return err->num == EOPNOTSUPP ? err_hint(err, "%s", disk_weight) : -1;
}

static int read_line(void *arg, const char *file, const char *name,
		     const char *value, struct err *err)
{
	const struct target *t = arg;
	cleanup_free char *text = cg_read(t->fd, file);

	(void)value;
	if (!text)
		return err_set(err, errno, "read %s", file);
	fprintf(t->found, "%s %s\n", name, text);
	return 0;
}

/* Of a kind with several files, those that `asked` names. */
static char *read_files(enum cg_limit_kind kind, const char *asked, int fd,
			struct err *err)
{
	char *text = NULL;
	size_t size;
	struct target t = { .fd = fd, .found = open_memstream(&text, &size) };
	int failed;

	if (!t.found) {
		err_set(err, ENOMEM, "limit");
		return NULL;
	}
	failed = each_line(kind, asked, &(struct action){ read_line, &t }, err);
	if (fclose(t.found))
		failed = err_set(err, ENOMEM, "limit");
	if (failed) {
		free(text);
		return NULL;
	}
	return text;
}

static char *read_value(enum cg_limit_kind kind, const char *file,
			const char *asked, int fd, struct err *err)
{
	char *text;

	if (kinds[kind].files)
		return read_files(kind, asked, fd, err);
	text = cg_read(fd, file);
	if (!text)
		err_set(err, errno, "read %s", file);
	return text;
}

static int check_file(enum cg_limit_kind kind, const char *file,
		      const char *asked, int fd, struct err *err)
{
	cleanup_free char *found = read_value(kind, file, asked, fd, err);

	if (!found)
		return -1;
	if (cg_limit_holds(kind, asked, found))
		return 0;
	err_set(err, 0, "%s is '%.60s' after writing '%.60s'", file, found,
		asked);
	/* libcgroup 3.2 does not say that the kernel has refused that. */
	if (kind == CG_IO_WEIGHT && strchr(asked, ':'))
		err_hint(err, "%s", disk_weight);
	return -1;
}

/* Written below a parent's limit, a list may come to less than it says. */
static int check(enum cg_limit_kind kind, const char *asked, int fd,
		 struct err *err)
{
	if (check_file(kind, cg_limits[kind].file, asked, fd, err))
		return -1;
	if (!kinds[kind].effective)
		return 0;
	return check_file(kind, kinds[kind].effective, asked, fd, err);
}

static int set(enum cg_limit_kind kind, const char *value, const char *path,
	       int fd, struct err *err)
{
	struct target t = { .path = path, .fd = fd };

	if (each_line(kind, value, &(struct action){ write_line, &t }, err))
		return -1;
	return check(kind, value, fd, err);
}

/* What holds now: a cpuset that was never set has its parent's. */
static char *current_value(enum cg_limit_kind kind, const char *asked, int fd,
			   struct err *err)
{
	char *text = read_value(kind, cg_limits[kind].file, asked, fd, err);

	if (!text || *text || !kinds[kind].effective)
		return text;
	free(text);
	return read_value(kind, kinds[kind].effective, asked, fd, err);
}

static int lower(enum cg_limit_kind kind, const char *asked, const char *path,
		 int fd, struct err *err)
{
	cleanup_free char *current = current_value(kind, asked, fd, err);
	cleanup_free char *value =
		current ? cg_limit_lower(kind, current, asked, err) : NULL;

	if (!value)
		return -1;
	return strcmp(value, current) ? set(kind, value, path, fd, err) : 0;
}

static int find_file(void *arg, const char *file, const char *name,
		     const char *value, struct err *err)
{
	const struct target *t = arg;

	(void)name;
	(void)value;
	if (!faccessat(t->fd, file, F_OK, 0))
		return 0;
	return err_set(err, errno,
		       "%s (its controller is not there, or this kernel has "
		       "no such limit)",
		       file);
}

static int apply(const struct cg_plan *plan, enum cg_limit_kind kind,
		 const char *path, int fd, bool lower_only, struct err *err)
{
	const char *asked = plan->limit[kind];
	struct target t = { .fd = fd };

	if (each_line(kind, asked, &(struct action){ find_file, &t }, err))
		return err->num == ENOENT && plan->optional[kind] ? 0 : -1;
	if (lower_only)
		return lower(kind, asked, path, fd, err);
	return set(kind, asked, path, fd, err);
}

int cg_limit_apply(const struct cg_plan *plan, const char *path, int fd,
		   bool lower_only, struct err *err)
{
	for (int kind = 0; kind < CG_LIMITS; kind++)
		if (plan->limit[kind] && apply(plan, (enum cg_limit_kind)kind,
					       path, fd, lower_only, err))
			return err_prefix(err, "limit %s",
					  cg_limits[kind].name);
	return 0;
}
