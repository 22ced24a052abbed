/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/pool.h"
#include "collector/view.h"

/*
 * Terminals obey control characters, C1 ones (U+0080 and up) among them, and
 * let others reorder or hide what is around them.
 */
static bool is_plain(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} special[] = {
		{ 0, 0x1f },          { 0x7f, 0x9f },     { 0xad, 0xad },
		{ 0x61c, 0x61c },     { 0x200b, 0x200f }, { 0x2028, 0x202e },
		{ 0x2060, 0x206f },   { 0xfeff, 0xfeff }, { 0xfff9, 0xfffb },
		{ 0xe0000, 0xe0fff },
	};

	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		if (c >= special[i].first && c <= special[i].last)
			return false;
	return true;
}

/* \xNN for a byte that is no UTF-8, \uNNNN for a character that is special. */
static const char *escape(struct pool *pool, const char *s)
{
	enum {
		LONGEST = 8
	};
	size_t len = strlen(s), out = 0;
	char *copy = pool_alloc(pool, len * LONGEST + 1);

	while (len) {
		uint32_t c;
		size_t n = record_utf8(s, len, &c);

		if (n && is_plain(c)) {
			memcpy(copy + out, s, n);
			out += n;
		} else {
			out += (size_t)sprintf(copy + out,
					       n ? "\\u%04x" : "\\x%02x",
					       n ? c : (unsigned char)*s);
		}
		s += n ? n : 1;
		len -= n ? n : 1;
	}
	return copy;
}

/* In characters; text is UTF-8 here. */
static size_t width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

/* At most `max` characters, the last a + when some were cut (as in sacct). */
static const char *shorten(struct pool *pool, const char *s, size_t max)
{
	const char *p = s;

	if (width(s) <= max)
		return s;
	for (size_t n = 0; *p; p++) {
		n += (*p & 0xc0) != 0x80;
		if (n == max)
			break;
	}
	return pool_printf(pool, "%.*s+", (int)(p - s), s);
}

static const char *duration(struct pool *pool, int64_t us)
{
	long long s = us / 1000000;
	int day_s = (int)(s % 86400);

	if (us < 0)
		return NULL;
	if (s < 3600)
		return pool_printf(pool, "%02d:%02d.%03d", day_s / 60,
				   day_s % 60, (int)(us % 1000000 / 1000));
	if (s < 86400)
		return pool_printf(pool, "%02d:%02d:%02d", day_s / 3600,
				   day_s / 60 % 60, day_s % 60);
	return pool_printf(pool, "%lld-%02d:%02d:%02d", s / 86400, day_s / 3600,
			   day_s / 60 % 60, day_s % 60);
}

static const char *size(struct pool *pool, const char *mark, int64_t bytes)
{
	static const char units[] = "KMGTPE";
	double v = (double)bytes;
	int unit = -1;

	if (bytes < 0)
		return NULL;
	while (v >= 1023.95) {
		v /= 1024;
		unit++;
	}
	if (unit < 0)
		return pool_printf(pool, "%s%lld", mark, (long long)bytes);
	return pool_printf(pool, "%s%.1f%c", mark, v, units[unit]);
}

static const char *c_job(const struct record *r, struct pool *pool)
{
	(void)pool;
	return r->scheduler.job;
}

static const char *c_step(const struct record *r, struct pool *pool)
{
	(void)pool;
	return r->scheduler.step;
}

static const char *c_user(const struct record *r, struct pool *pool)
{
	if (r->user.name || r->user.uid < 0)
		return r->user.name;
	return pool_printf(pool, "%lld", (long long)r->user.uid);
}

static const char *c_node(const struct record *r, struct pool *pool)
{
	(void)pool;
	return r->node;
}

static const char *c_profile(const struct record *r, struct pool *pool)
{
	(void)pool;
	return r->cell.profile;
}

static const char *c_state(const struct record *r, struct pool *pool)
{
	(void)pool;
	return r->exit.reason;
}

static const char *c_exit(const struct record *r, struct pool *pool)
{
	long long code = r->exit.code, signal = r->exit.signal;

	if (code < 0 && signal < 0)
		return NULL;
	return pool_printf(pool, "%lld:%lld", code < 0 ? 0 : code,
			   signal < 0 ? 0 : signal);
}

static const char *c_elapsed(const struct record *r, struct pool *pool)
{
	return duration(pool, r->time.wall_us);
}

static const char *c_cputime(const struct record *r, struct pool *pool)
{
	return duration(pool, r->usage.cpu_usage_us);
}

/* Of the CPUs that the cell might have used. */
static const char *c_percent(const struct record *r, struct pool *pool)
{
	double could = (double)r->time.wall_us * (double)r->cpu.count;

	if (r->usage.cpu_usage_us < 0 || r->time.wall_us <= 0 ||
	    r->cpu.count <= 0)
		return NULL;
	return pool_printf(pool, "%.1f",
			   (double)r->usage.cpu_usage_us * 100 / could);
}

/* Without a cgroup only the biggest process is known, which says less. */
static const char *c_memory(const struct record *r, struct pool *pool)
{
	if (r->usage.memory_peak >= 0)
		return size(pool, "", r->usage.memory_peak);
	return size(pool, "~", r->memory.max_process);
}

static const char *c_limit(const struct record *r, struct pool *pool)
{
	return size(pool, "", r->memory.limit);
}

static const char *c_start(const struct record *r, struct pool *pool)
{
	time_t s = r->time.start_us / 1000000;
	char text[32];
	struct tm tm;

	if (r->time.start_us < 0 || !localtime_r(&s, &tm))
		return NULL;
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	return pool_strdup(pool, text);
}

/* What --job= takes for a record without a job. */
static const char *c_id(const struct record *r, struct pool *pool)
{
	size_t len = strlen(r->id);

	(void)pool;
	return len > 8 ? r->id + len - 8 : r->id;
}

static const struct column {
	const char *head;
	bool right;
	const char *(*text)(const struct record *r, struct pool *pool);
} columns[] = {
	{ "JOBID", true, c_job },        { "STEP", false, c_step },
	{ "USER", false, c_user },       { "NODE", false, c_node },
	{ "PROFILE", false, c_profile }, { "STATE", false, c_state },
	{ "EXIT", true, c_exit },        { "ELAPSED", true, c_elapsed },
	{ "CPUTIME", true, c_cputime },  { "CPU%", true, c_percent },
	{ "MAXMEM", true, c_memory },    { "MEMLIMIT", true, c_limit },
	{ "START", false, c_start },     { "ID", false, c_id },
};
enum {
	COLUMNS = sizeof(columns) / sizeof(columns[0]),
	CELL_MAX = 24
};

/* The table is gone through twice, so as not to hold it in memory. */
struct table {
	bool print;
	size_t width[COLUMNS];
};

static void table_line(struct table *t, const char *const cell[COLUMNS])
{
	for (size_t i = 0; i < COLUMNS; i++) {
		size_t w = width(cell[i]);
		size_t pad = w < t->width[i] ? t->width[i] - w : 0;
		bool last = i == COLUMNS - 1;

		if (!t->print) {
			t->width[i] += w > t->width[i] ? w - t->width[i] : 0;
			continue;
		}
		if (columns[i].right)
			printf("%*s%s", (int)pad, "", cell[i]);
		else
			printf("%s%*s", cell[i], last ? 0 : (int)pad, "");
		fputs(last ? "\n" : "  ", stdout);
	}
}

static int table_row(void *arg, const struct store_row *row, struct err *err)
{
	const char *cell[COLUMNS];
	struct pool pool = { 0 };
	struct record r;
	int result = record_parse(row->text, row->len, &pool, &r, err);

	for (size_t i = 0; i < COLUMNS && !result; i++) {
		cell[i] = columns[i].text(&r, &pool);
		if (!cell[i] || !*cell[i])
			cell[i] = "-";
		cell[i] = shorten(&pool, escape(&pool, cell[i]), CELL_MAX);
	}
	if (!result)
		table_line(arg, cell);
	pool_free(&pool);
	return result ? err_prefix(err, "record in the store") : 0;
}

int view_table(struct store *store, const struct store_filter *filter,
	       struct err *err)
{
	const char *head[COLUMNS];
	struct table t = { .print = false };

	for (size_t i = 0; i < COLUMNS; i++)
		head[i] = columns[i].head;
	table_line(&t, head);
	if (store_each(store, filter, table_row, &t, err))
		return -1;
	t.print = true;
	table_line(&t, head);
	return store_each(store, filter, table_row, &t, err);
}

/* What the store adds to a record's own members. */
static int json_row(void *arg, const struct store_row *row, struct err *err)
{
	bool *first = arg;

	if (!row->len || row->text[row->len - 1] != '}')
		return err_set(err, 0, "record in the store: not an object");
	printf("%s%.*s,\"signer\":%lld,\"source\":\"%s\"}",
	       *first ? "\n" : ",\n", (int)row->len - 1, row->text,
	       (long long)row->signer, store_sources[row->source]);
	*first = false;
	return 0;
}

int view_json(struct store *store, const struct store_filter *filter,
	      struct err *err)
{
	bool first = true;
	int result;

	fputs("[", stdout);
	result = store_each(store, filter, json_row, &first, err);
	fputs(first ? "]\n" : "\n]\n", stdout);
	return result;
}

/* RFC 4180; it has no control characters, so these are escaped here too. */
static void csv_field(struct pool *pool, const char *text)
{
	if (!text)
		return;
	text = escape(pool, text);
	if (!strpbrk(text, "\", ")) {
		fputs(text, stdout);
		return;
	}
	putchar('"');
	for (; *text; text++)
		printf(*text == '"' ? "\"%c" : "%c", *text);
	putchar('"');
}

static void csv_name(void *arg, const char *name, const char *text)
{
	(void)arg, (void)text;
	printf("%s,", name);
}

static void csv_value(void *arg, const char *name, const char *text)
{
	(void)name;
	csv_field(arg, text);
	putchar(',');
}

static int csv_row(void *arg, const struct store_row *row, struct err *err)
{
	struct pool pool = { 0 };
	struct record r;
	int result = record_parse(row->text, row->len, &pool, &r, err);

	(void)arg;
	if (!result) {
		record_each(&r, &pool, csv_value, &pool);
		printf("%lld,%s\r\n", (long long)row->signer,
		       store_sources[row->source]);
	}
	pool_free(&pool);
	return result ? err_prefix(err, "record in the store") : 0;
}

int view_csv(struct store *store, const struct store_filter *filter,
	     struct err *err)
{
	struct pool pool = { 0 };
	struct record none;

	record_init(&none);
	record_each(&none, &pool, csv_name, NULL);
	pool_free(&pool);
	fputs("signer,source\r\n", stdout);
	return store_each(store, filter, csv_row, NULL, err);
}
