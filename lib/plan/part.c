/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <limits.h>
#include <string.h>

#include "base/parse.h"
#include "plan/part.h"

int part_size(const char *text, uint64_t *ret, struct err *err)
{
	if (strcmp(text, "0") != 0)
		return parse_size(text, ret, err);
	*ret = 0;
	return 0;
}

int part_weight(const char *text, uint64_t *ret, struct err *err)
{
	struct err ignored;
	uint64_t n;

	if (parse_uint(text, 10000, &n, &ignored) || !n)
		return err_set(err, 0, "'%s' is not a weight from 1 to 10000",
			       text);
	*ret = n;
	return 0;
}

/* The kernel counts operations by 32 bits. */
static int operations(const char *text, uint64_t *ret, struct err *err)
{
	uint64_t n;

	if (parse_uint(text, UINT_MAX - 1, &n, err))
		return -1;
	if (!n)
		return err_set(err, 0, "'0' would stop all I/O");
	*ret = n;
	return 0;
}

static const struct {
	const char *key;
	int (*parse)(const char *text, uint64_t *ret, struct err *err);
} rates[PART_AMOUNTS] = {
	{ "rbps", parse_size },
	{ "wbps", parse_size },
	{ "riops", operations },
	{ "wiops", operations },
};

static int rate(char *word, uint64_t amount[PART_AMOUNTS], struct err *err)
{
	char *eq = strchr(word, '=');

	if (eq)
		*eq = '\0';
	for (int i = 0; eq && i < PART_AMOUNTS; i++)
		if (!strcmp(word, rates[i].key))
			return rates[i].parse(eq + 1, &amount[i], err)
				       ? err_prefix(err, "%s", word)
				       : 0;
	return err_set(err, 0,
		       "'%s' is not one of: rbps=SIZE wbps=SIZE riops=N "
		       "wiops=N",
		       word);
}

/* PATH:KEY=N[,KEY=N...] */
static int io_max(struct option_part *p, const char *rest, const char *dir,
		  struct pool *pool, struct err *err)
{
	char *save, *copy = rest ? pool_strdup(pool, rest) : NULL;
	char *word = copy ? strtok_r(copy, ",", &save) : NULL;

	if (!word)
		return err_set(err, 0, "'%s' is not PATH:KEY=N", p->text);
	for (; word; word = strtok_r(NULL, ",", &save))
		if (rate(word, p->amount, err))
			return -1;
	return option_path(p->path, dir, pool, &p->path, err);
}

/* [PATH:]N */
static int io_weight(struct option_part *p, const char *rest, const char *dir,
		     struct pool *pool, struct err *err)
{
	if (part_weight(rest ? rest : p->path, &p->amount[0], err))
		return -1;
	if (rest)
		return option_path(p->path, dir, pool, &p->path, err);
	p->path = NULL;
	return 0;
}

/* PAGE:SIZE */
static int hugetlb(struct option_part *p, const char *rest, const char *dir,
		   struct pool *pool, struct err *err)
{
	(void)dir;
	(void)pool;
	if (!rest)
		return err_set(err, 0, "'%s' is not PAGE:SIZE", p->text);
	if (parse_size(p->path, &p->page, err) ||
	    part_size(rest, &p->amount[0], err))
		return -1;
	if (p->page < 4096 || (p->page & (p->page - 1)))
		return err_set(err, 0, "'%s' is not the size of a page",
			       p->path);
	/* As the kernel does. */
	p->amount[0] -= p->amount[0] % p->page;
	p->path = NULL;
	return 0;
}

static int set_one(struct option_part *p, const char *dir, struct pool *pool,
		   struct err *err)
{
	char *first;
	const char *rest;

	option_split(p->text, pool, &first, &rest);
	p->path = first;
	memset(p->amount, 0xff, sizeof(p->amount));
	switch (p->id) {
	case OPT_IO_MAX:
		return io_max(p, rest, dir, pool, err);
	case OPT_IO_WEIGHT:
		return io_weight(p, rest, dir, pool, err);
	default:
		return hugetlb(p, rest, dir, pool, err);
	}
}

int part_set(struct options *options, enum option_id id, const char *text,
	     const char *origin, const char *dir, struct pool *pool,
	     struct err *err)
{
	char *save, *copy = pool_strdup(pool, text);
	char *word = strtok_r(copy, ";", &save);

	if (!word)
		return err_set(err, 0, "the value is empty");
	for (; word; word = strtok_r(NULL, ";", &save)) {
		struct option_part p = { .id = id,
					 .text = word,
					 .origin = origin };

		if (set_one(&p, dir, pool, err))
			return -1;
		*(struct option_part *)pool_push(
			pool, &options->part, &options->n_parts, sizeof(p)) = p;
	}
	return 0;
}

/* One thing, as the kernel names it. */
struct line {
	const char *name;
	uint64_t amount[PART_AMOUNTS];
};

/* As in the names of the files: "2MB". */
static const char *page_name(uint64_t page, struct pool *pool)
{
	static const char units[] = "KMG";
	int unit = page >= 1U << 30 ? 2 : page >= 1U << 20 ? 1 : 0;

	return pool_printf(pool, "%llu%cB",
			   (unsigned long long)(page >> 10 * (unit + 1)),
			   units[unit]);
}

static const char *disk_name(const struct option_part *p,
			     const struct host *host, struct err *err)
{
	for (size_t i = 0; i < host->n_disks; i++) {
		const struct host_disk *d = &host->disk[i];

		if (strcmp(d->path, p->path) != 0)
			continue;
		if (d->disk)
			return d->disk;
		err_set(err, 0, "%s", d->why);
		return NULL;
	}
	err_set(err, 0, "the disk of %s is not known", p->path);
	return NULL;
}

static const char *name_of(const struct option_part *p, const struct host *host,
			   struct pool *pool, struct err *err)
{
	if (p->id == OPT_HUGETLB)
		return page_name(p->page, pool);
	return p->path ? disk_name(p, host, err) : "default";
}

static struct line *find_line(struct line **list, size_t *n, const char *name,
			      struct pool *pool)
{
	struct line *line;

	for (size_t i = 0; i < *n; i++)
		if (!strcmp((*list)[i].name, name))
			return &(*list)[i];
	line = pool_push(pool, list, n, sizeof(*line));
	line->name = name;
	memset(line->amount, 0xff, sizeof(line->amount));
	return line;
}

static const char *print_line(const struct line *line, enum option_id id,
			      struct pool *pool)
{
	const char *text = line->name;

	for (int i = 0; i < PART_AMOUNTS; i++)
		if (line->amount[i] != UINT64_MAX)
			text = pool_printf(pool, "%s %s%s%llu", text,
					   id == OPT_IO_MAX ? rates[i].key : "",
					   id == OPT_IO_MAX ? "=" : "",
					   (unsigned long long)line->amount[i]);
	return text;
}

static const char *append(const char *list, const char *text, struct pool *pool)
{
	return list ? pool_printf(pool, "%s; %s", list, text) : text;
}

int part_text(const struct options *options, enum option_id id,
	      const struct host *host, struct pool *pool,
	      const char **ret_asked, const char **ret, struct err *err)
{
	struct line *list = NULL;
	size_t n = 0;
	int failed = 0;

	*ret_asked = *ret = NULL;
	for (size_t i = 0; i < options->n_parts; i++) {
		const struct option_part *p = &options->part[i];
		const char *name;
		struct line *line;

		if (p->id != id)
			continue;
		*ret_asked = append(*ret_asked, p->text, pool);
		name = failed ? NULL : name_of(p, host, pool, err);
		if (!name) {
			failed = -1;
			continue;
		}
		line = find_line(&list, &n, name, pool);
		for (int k = 0; k < PART_AMOUNTS; k++)
			if (p->amount[k] < line->amount[k])
				line->amount[k] = p->amount[k];
	}
	for (size_t i = 0; i < n; i++)
		*ret = append(*ret, print_line(&list[i], id, pool), pool);
	return failed;
}
