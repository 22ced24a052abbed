/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <json-c/json.h>
#include <json-c/json_visit.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "acct/record.h"
#include "base/lazy.h"

#define JSON(X)                              \
	X(json_object_new_object)            \
	X(json_object_new_array)             \
	X(json_object_new_string)            \
	X(json_object_new_int64)             \
	X(json_object_new_boolean)           \
	X(json_object_new_double_s)          \
	X(json_object_object_add)            \
	X(json_object_object_del)            \
	X(json_object_object_get_ex)         \
	X(json_object_object_length)         \
	X(json_object_array_add)             \
	X(json_object_array_length)          \
	X(json_object_array_get_idx)         \
	X(json_object_get_type)              \
	X(json_object_get_string)            \
	X(json_object_get_string_len)        \
	X(json_object_get_int64)             \
	X(json_object_get_uint64)            \
	X(json_object_get_double)            \
	X(json_object_get_boolean)           \
	X(json_object_set_serializer)        \
	X(json_object_double_to_json_string) \
	X(json_object_iter_begin)            \
	X(json_object_iter_end)              \
	X(json_object_iter_next)             \
	X(json_object_iter_equal)            \
	X(json_object_iter_peek_name)        \
	X(json_object_iter_peek_value)       \
	X(json_object_to_json_string_length) \
	X(json_c_visit)                      \
	X(json_tokener_new_ex)               \
	X(json_tokener_set_flags)            \
	X(json_tokener_parse_ex)             \
	X(json_tokener_get_error)            \
	X(json_tokener_error_desc)           \
	X(json_tokener_free)                 \
	X(json_object_put)
LAZY_TABLE(json, JSON);

/* The last microsecond of the year 9999: later has no RFC 3339 form. */
static const int64_t TIME_END_US = 253402300799999999;

enum kind {
	STRING,
	WORDS,
	NUMBER,
	IDENT,
	FLAG, /* true, or absent */
	SECONDS,
	TIME,
	PAIRS,
	TASKS,
	KINDS
};

struct field {
	const char *group, *name;
	enum kind kind;
	size_t at;    /* of the value in struct record */
	size_t count; /* PAIRS, TASKS: of their number */
};

/* The schema. Whatever handles single fields goes through this table. */
#define FIELD(group, name, kind, member)                              \
	{                                                             \
		group, name, kind, offsetof(struct record, member), 0 \
	}
#define FIELD_LIST(group, name, kind, member, count)                \
	{                                                           \
		group, name, kind, offsetof(struct record, member), \
			offsetof(struct record, count)              \
	}
static const struct field fields[] = {
	FIELD(NULL, "id", STRING, id),
	FIELD("scheduler", "name", STRING, scheduler.name),
	FIELD("scheduler", "cluster", STRING, scheduler.cluster),
	FIELD("scheduler", "job", STRING, scheduler.job),
	FIELD("scheduler", "step", STRING, scheduler.step),
	FIELD("scheduler", "restart", NUMBER, scheduler.restart),
	FIELD("scheduler", "job_name", STRING, scheduler.job_name),
	FIELD("scheduler", "queue", STRING, scheduler.queue),
	FIELD("scheduler", "project", STRING, scheduler.project),
	FIELD(NULL, "node", STRING, node),
	FIELD("user", "name", STRING, user.name),
	FIELD("user", "uid", IDENT, user.uid),
	FIELD("user", "gid", IDENT, user.gid),
	FIELD("user", "account", STRING, user.account),
	FIELD("user", "login_uid", IDENT, user.login_uid),
	FIELD("user", "sudo_uid", IDENT, user.sudo_uid),
	FIELD("cell", "profile", STRING, cell.profile),
	FIELD("cell", "namespaces", WORDS, cell.namespaces),
	FIELD("cell", "boot_id", STRING, cell.boot_id),
	FIELD("time", "start", TIME, time.start_us),
	FIELD("time", "end", TIME, time.end_us),
	FIELD("time", "wall_s", SECONDS, time.wall_us),
	FIELD("time", "setup_us", NUMBER, time.setup_us),
	FIELD("exit", "code", NUMBER, exit.code),
	FIELD("exit", "signal", NUMBER, exit.signal),
	FIELD("exit", "reason", STRING, exit.reason),
	FIELD_LIST("exit", "tasks", TASKS, exit.tasks, exit.n_tasks),
	FIELD("cpu", "count", NUMBER, cpu.count),
	FIELD("cpu", "cpuset", STRING, cpu.cpuset),
	FIELD("cpu", "policy", STRING, cpu.policy),
	FIELD("cpu", "usage_us", NUMBER, usage.cpu_usage_us),
	FIELD("cpu", "user_us", NUMBER, usage.cpu_user_us),
	FIELD("cpu", "system_us", NUMBER, usage.cpu_system_us),
	FIELD("cpu", "throttled_us", NUMBER, usage.cpu_throttled_us),
	FIELD("cpu", "setup_us", NUMBER, cpu.setup_us),
	FIELD("memory", "limit_bytes", NUMBER, memory.limit),
	FIELD("memory", "peak_bytes", NUMBER, usage.memory_peak),
	FIELD("memory", "anon_bytes", NUMBER, usage.memory_anon),
	FIELD("memory", "file_bytes", NUMBER, usage.memory_file),
	FIELD("memory", "shmem_bytes", NUMBER, usage.memory_shmem),
	FIELD("memory", "oom_kills", NUMBER, usage.oom_kills),
	FIELD("memory", "max_process_bytes", NUMBER, memory.max_process),
	FIELD("memory", "nodes", STRING, memory.nodes),
	FIELD("memory", "policy", STRING, memory.policy),
	FIELD("memory", "oom_victim", STRING, memory.victim),
	FIELD("memory", "oom_victim_pid", NUMBER, memory.victim_pid),
	FIELD("pids", "peak", NUMBER, usage.pids_peak),
	FIELD("io", "read_bytes", NUMBER, usage.io_read),
	FIELD("io", "write_bytes", NUMBER, usage.io_write),
	FIELD("pressure", "cpu_us", NUMBER, usage.pressure_cpu_us),
	FIELD("pressure", "memory_us", NUMBER, usage.pressure_memory_us),
	FIELD("pressure", "io_us", NUMBER, usage.pressure_io_us),
	FIELD("scratch", "limit_bytes", NUMBER, scratch.limit),
	FIELD("scratch", "peak_bytes", NUMBER, scratch.peak),
	FIELD("scratch", "full", FLAG, scratch.full),
	FIELD("scratch", "error", STRING, scratch.error),
	FIELD("net", "rx_bytes", NUMBER, net.rx),
	FIELD("net", "tx_bytes", NUMBER, net.tx),
	FIELD_LIST("limits", "asked", PAIRS, limits.asked, limits.n_asked),
	FIELD_LIST("limits", "enforced", PAIRS, limits.enforced,
		   limits.n_enforced),
	FIELD_LIST("limits", "missing", PAIRS, limits.missing,
		   limits.n_missing),
	FIELD_LIST(NULL, "tags", PAIRS, tags, n_tags),
};
enum {
	FIELDS = sizeof(fields) / sizeof(fields[0])
};

/* Strings start with this limit, which is halved until the record fits. */
enum {
	STRING_CAP = 4096
};

/* What a record is turned into text with. */
struct writer {
	const struct record *record;
	struct pool *pool;
	size_t cap;
};

/* A member's value, and what to say about it. */
struct reader {
	struct pool *pool;
	struct record *record;
	struct err *err;
};

static const void *member(const struct record *r, size_t at)
{
	return (const char *)r + at;
}

static const char *string_of(const struct record *r, const struct field *f)
{
	return *(const char *const *)member(r, f->at);
}

static int64_t number_of(const struct record *r, const struct field *f)
{
	return *(const int64_t *)member(r, f->at);
}

static void set_string(struct record *r, const struct field *f, const char *s)
{
	*(const char **)((char *)r + f->at) = s;
}

static void set_number(struct record *r, const struct field *f, int64_t v)
{
	*(int64_t *)((char *)r + f->at) = v;
}

static void set_list(struct record *r, const struct field *f, void *list,
		     size_t n)
{
	memcpy((char *)r + f->at, &list, sizeof(list));
	*(size_t *)((char *)r + f->count) = n;
}

/* Running out of memory ends the process, as it does in a pool. */
static struct json_object *need(struct json_object *o)
{
	if (!o)
		abort();
	return o;
}

static void add(struct json_object *o, const char *name,
		struct json_object *value)
{
	if (json.json_object_object_add(o, name, value))
		abort();
}

size_t record_utf8(const char *s, size_t len, uint32_t *ret)
{
	static const struct {
		unsigned char mask, lead;
		uint32_t least; /* a smaller one has a shorter form */
	} forms[] = {
		{ 0x80, 0x00, 0 },
		{ 0xe0, 0xc0, 0x80 },
		{ 0xf0, 0xe0, 0x800 },
		{ 0xf8, 0xf0, 0x10000 },
	};
	const unsigned char *p = (const unsigned char *)s;
	size_t n = 0;
	uint32_t c;

	if (!len)
		return 0;
	while (n < 4 && (p[0] & forms[n].mask) != forms[n].lead)
		n++;
	if (n == 4 || n >= len)
		return 0;
	c = p[0] & (unsigned char)~forms[n].mask;
	for (size_t i = 1; i <= n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < forms[n].least || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	*ret = c;
	return n + 1;
}

/* A copy in UTF-8 of at most `cap` bytes. */
static char *clean(struct pool *pool, const char *s, size_t cap)
{
	static const char replacement[] = "\xef\xbf\xbd";
	size_t len = strnlen(s, cap + 4), out = 0;
	size_t most = len * (sizeof(replacement) - 1);
	char *copy = pool_alloc(pool, (most < cap ? most : cap) + 1);

	while (len) {
		uint32_t c;
		size_t n = record_utf8(s, len, &c);
		const char *from = n ? s : replacement;
		size_t bytes = n ? n : 3;

		if (out + bytes > cap)
			break;
		memcpy(copy + out, from, bytes);
		out += bytes;
		s += n ? n : 1;
		len -= n ? n : 1;
	}
	return copy;
}

static struct json_object *new_string(const struct writer *w, const char *s)
{
	return need(json.json_object_new_string(clean(w->pool, s, w->cap)));
}

/*
 * One pair of functions per kind. A `put` returns NULL for a value that was
 * not measured.
 */

static struct json_object *string_put(const struct writer *w,
				      const struct field *f)
{
	const char *s = string_of(w->record, f);

	return s ? new_string(w, s) : NULL;
}

static int take_string(const struct reader *r, struct json_object *o,
		       const char **ret)
{
	const char *s;
	size_t len;

	if (json.json_object_get_type(o) != json_type_string)
		return err_set(r->err, 0, "not a string");
	s = json.json_object_get_string(o);
	len = (size_t)json.json_object_get_string_len(o);
	if (strlen(s) != len)
		return err_set(r->err, 0, "a string with a NUL");
	*ret = pool_strndup(r->pool, s, len);
	return 0;
}

static int string_get(const struct reader *r, const struct field *f,
		      struct json_object *o)
{
	const char *s = NULL;

	if (take_string(r, o, &s))
		return -1;
	set_string(r->record, f, s);
	return 0;
}

static struct json_object *words_put(const struct writer *w,
				     const struct field *f)
{
	const char *s = string_of(w->record, f);
	struct json_object *list;
	char *copy, *save, *word;

	if (!s)
		return NULL;
	list = need(json.json_object_new_array());
	copy = clean(w->pool, s, w->cap);
	for (word = strtok_r(copy, " ", &save); word;
	     word = strtok_r(NULL, " ", &save))
		if (json.json_object_array_add(list, new_string(w, word)))
			abort();
	return list;
}

static int words_get(const struct reader *r, const struct field *f,
		     struct json_object *o)
{
	const char *all = "", *word = "";
	size_t n;

	if (json.json_object_get_type(o) != json_type_array)
		return err_set(r->err, 0, "not an array");
	n = json.json_object_array_length(o);
	if (n > RECORD_PAIRS)
		return err_set(r->err, 0, "more than %d words", RECORD_PAIRS);
	for (size_t i = 0; i < n; i++) {
		struct json_object *e = json.json_object_array_get_idx(o, i);

		if (take_string(r, e, &word))
			return -1;
		if (!*word || strchr(word, ' '))
			return err_set(r->err, 0, "not words");
		all = pool_printf(r->pool, "%s%s%s", all, i ? " " : "", word);
	}
	set_string(r->record, f, n ? all : NULL);
	return 0;
}

static struct json_object *number_put(const struct writer *w,
				      const struct field *f)
{
	int64_t v = number_of(w->record, f);

	return v < 0 ? NULL : need(json.json_object_new_int64(v));
}

static int take_number(const struct reader *r, struct json_object *o,
		       uint64_t max, int64_t *ret)
{
	/* json-c saturates: a number too small is negative, too big too big. */
	if (json.json_object_get_type(o) != json_type_int)
		return err_set(r->err, 0, "not a whole number");
	if (json.json_object_get_int64(o) < 0 ||
	    json.json_object_get_uint64(o) > max)
		return err_set(r->err, 0, "not a number from 0 to %llu",
			       (unsigned long long)max);
	*ret = json.json_object_get_int64(o);
	return 0;
}

static int get_number(const struct reader *r, const struct field *f,
		      struct json_object *o, uint64_t max)
{
	int64_t v = -1;

	if (take_number(r, o, max, &v))
		return -1;
	set_number(r->record, f, v);
	return 0;
}

static int number_get(const struct reader *r, const struct field *f,
		      struct json_object *o)
{
	return get_number(r, f, o, INT64_MAX);
}

static int ident_get(const struct reader *r, const struct field *f,
		     struct json_object *o)
{
	return get_number(r, f, o, UINT32_MAX - 1);
}

static struct json_object *flag_put(const struct writer *w,
				    const struct field *f)
{
	return number_of(w->record, f) > 0
		       ? need(json.json_object_new_boolean(true))
		       : NULL;
}

static int flag_get(const struct reader *r, const struct field *f,
		    struct json_object *o)
{
	if (json.json_object_get_type(o) != json_type_boolean)
		return err_set(r->err, 0, "not true or false");
	set_number(r->record, f, json.json_object_get_boolean(o));
	return 0;
}

static struct json_object *seconds_put(const struct writer *w,
				       const struct field *f)
{
	long long v = number_of(w->record, f);
	char text[40];

	if (v < 0)
		return NULL;
	/* Not %f, which writes what the locale takes for a decimal point. */
	snprintf(text, sizeof(text), "%lld.%06lld", v / 1000000, v % 1000000);
	return need(json.json_object_new_double_s((double)v / 1e6, text));
}

static int seconds_get(const struct reader *r, const struct field *f,
		       struct json_object *o)
{
	enum json_type type = json.json_object_get_type(o);
	double s;

	if (type != json_type_int && type != json_type_double)
		return err_set(r->err, 0, "not a number");
	s = json.json_object_get_double(o);
	if (!(s >= 0 && s < 9e12))
		return err_set(r->err, 0, "not a number of seconds");
	set_number(r->record, f, (int64_t)(s * 1e6 + 0.5));
	return 0;
}

static void time_text(int64_t us, char ret[static 40])
{
	time_t s = us / 1000000;
	char date[24];
	struct tm tm;

	gmtime_r(&s, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(ret, 40, "%s.%06dZ", date, (int)(us % 1000000));
}

static struct json_object *time_put(const struct writer *w,
				    const struct field *f)
{
	int64_t v = number_of(w->record, f);
	char text[40];

	if (v < 0 || v > TIME_END_US)
		return NULL;
	time_text(v, text);
	return need(json.json_object_new_string(text));
}

static int time_get(const struct reader *r, const struct field *f,
		    struct json_object *o)
{
	struct tm tm = { 0 };
	const char *s, *rest;
	char again[40] = "";
	int64_t us;

	if (json.json_object_get_type(o) != json_type_string)
		return err_set(r->err, 0, "not a string");
	s = json.json_object_get_string(o);
	rest = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!rest || *rest != '.')
		goto bad;
	us = timegm(&tm) * 1000000 + strtol(rest + 1, NULL, 10) % 1000000;
	/* strptime is generous: only what would be written is taken. */
	if (us >= 0 && us <= TIME_END_US)
		time_text(us, again);
	if (strcmp(s, again) != 0)
		goto bad;
	set_number(r->record, f, us);
	return 0;
bad:
	return err_set(r->err, 0,
		       "not a time like 2026-01-31T23:59:59.000000Z");
}

static struct json_object *pairs_put(const struct writer *w,
				     const struct field *f)
{
	const struct record_pair *p =
		*(struct record_pair *const *)member(w->record, f->at);
	size_t n = *(const size_t *)member(w->record, f->count);
	size_t cap = w->cap < 64 ? w->cap : 64;
	struct json_object *o;

	if (!n)
		return NULL;
	o = need(json.json_object_new_object());
	for (size_t i = 0; i < n && i < RECORD_PAIRS; i++)
		if (p[i].key && p[i].value)
			add(o, clean(w->pool, p[i].key, cap),
			    new_string(w, p[i].value));
	return o;
}

static int pairs_get(const struct reader *r, const struct field *f,
		     struct json_object *o)
{
	struct json_object_iterator i, end;
	struct record_pair *pairs = NULL;
	size_t n = 0;

	if (json.json_object_get_type(o) != json_type_object)
		return err_set(r->err, 0, "not an object");
	i = json.json_object_iter_begin(o);
	end = json.json_object_iter_end(o);
	for (; !json.json_object_iter_equal(&i, &end);
	     json.json_object_iter_next(&i)) {
		struct record_pair *p;
		const char *value = NULL;

		if (take_string(r, json.json_object_iter_peek_value(&i),
				&value))
			return -1;
		p = pool_push(r->pool, &pairs, &n, sizeof(*p));
		p->key = pool_strdup(r->pool,
				     json.json_object_iter_peek_name(&i));
		p->value = value;
	}
	set_list(r->record, f, pairs, n);
	return 0;
}

/* What an entry of exit.tasks says. */
static const struct {
	const char *name;
	size_t at;
	bool needed;
} task_parts[] = {
	{ "first", offsetof(struct record_tasks, first), true },
	{ "last", offsetof(struct record_tasks, last), true },
	{ "count", offsetof(struct record_tasks, count), true },
	{ "code", offsetof(struct record_tasks, code), false },
	{ "signal", offsetof(struct record_tasks, signal), false },
};
enum {
	TASK_PARTS = sizeof(task_parts) / sizeof(task_parts[0])
};

static struct json_object *tasks_put(const struct writer *w,
				     const struct field *f)
{
	const struct record_tasks *t =
		*(struct record_tasks *const *)member(w->record, f->at);
	size_t n = *(const size_t *)member(w->record, f->count);
	struct json_object *list;

	if (!n)
		return NULL;
	list = need(json.json_object_new_array());
	for (size_t i = 0; i < n && i < RECORD_TASKS; i++) {
		struct json_object *o = need(json.json_object_new_object());

		for (size_t j = 0; j < TASK_PARTS; j++) {
			int64_t v = *(const int64_t *)((const char *)&t[i] +
						       task_parts[j].at);

			if (v >= 0)
				add(o, task_parts[j].name,
				    need(json.json_object_new_int64(v)));
		}
		if (json.json_object_array_add(list, o))
			abort();
	}
	return list;
}

static int task_get(const struct reader *r, struct json_object *o,
		    struct record_tasks *ret)
{
	if (json.json_object_get_type(o) != json_type_object)
		return err_set(r->err, 0, "not an array of objects");
	for (size_t j = 0; j < TASK_PARTS; j++) {
		struct json_object *v = NULL;
		int64_t n = -1;

		json.json_object_object_get_ex(o, task_parts[j].name, &v);
		if ((v || task_parts[j].needed) &&
		    take_number(r, v, INT64_MAX, &n))
			return err_prefix(r->err, "%s", task_parts[j].name);
		*(int64_t *)((char *)ret + task_parts[j].at) = n;
	}
	return 0;
}

static int tasks_get(const struct reader *r, const struct field *f,
		     struct json_object *o)
{
	struct record_tasks *tasks;
	size_t n;

	if (json.json_object_get_type(o) != json_type_array)
		return err_set(r->err, 0, "not an array");
	n = json.json_object_array_length(o);
	if (n > RECORD_TASKS)
		return err_set(r->err, 0, "more than %d", RECORD_TASKS);
	tasks = pool_alloc(r->pool, (n + 1) * sizeof(*tasks));
	for (size_t i = 0; i < n; i++)
		if (task_get(r, json.json_object_array_get_idx(o, i),
			     &tasks[i]))
			return -1;
	set_list(r->record, f, tasks, n);
	return 0;
}

static const struct {
	struct json_object *(*put)(const struct writer *w,
				   const struct field *f);
	int (*get)(const struct reader *r, const struct field *f,
		   struct json_object *o);
} kinds[KINDS] = {
	[STRING] = { string_put, string_get },
	[WORDS] = { words_put, words_get },
	[NUMBER] = { number_put, number_get },
	[IDENT] = { number_put, ident_get },
	[FLAG] = { flag_put, flag_get },
	[SECONDS] = { seconds_put, seconds_get },
	[TIME] = { time_put, time_get },
	[PAIRS] = { pairs_put, pairs_get },
	[TASKS] = { tasks_put, tasks_get },
};

static bool is_list(const struct field *f)
{
	return f->kind == PAIRS || f->kind == TASKS;
}

static bool is_number(const struct field *f)
{
	return f->kind != STRING && f->kind != WORDS && !is_list(f);
}

void record_init(struct record *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < FIELDS; i++)
		if (is_number(&fields[i]))
			set_number(ret, &fields[i], -1);
}

int record_id(char ret[static 65], struct err *err)
{
	struct timespec now;
	unsigned char b[16];
	uint64_t ms;
	size_t at = 0;

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		return err_set(err, errno, "read random bytes for an id");
	clock_gettime(CLOCK_REALTIME, &now);
	ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	for (int i = 0; i < 6; i++)
		b[i] = (unsigned char)(ms >> (40 - 8 * i));
	b[6] = (unsigned char)(0x70 | (b[6] & 0x0f));
	b[8] = (unsigned char)(0x80 | (b[8] & 0x3f));
	for (size_t i = 0; i < sizeof(b); i++)
		at += (size_t)sprintf(
			ret + at, "%s%02x",
			i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", b[i]);
	return 0;
}

bool record_id_valid(const char *id)
{
	size_t len = strspn(id, "0123456789abcdefghijklmnopqrstuvwxyz-");

	return len >= 1 && len <= 64 && !id[len];
}

/* The object that holds `f`, made at the first member that it gets. */
static struct json_object *group_of(struct json_object *root,
				    const struct field *f)
{
	struct json_object *group = NULL;

	if (!f->group)
		return root;
	if (json.json_object_object_get_ex(root, f->group, &group))
		return group;
	group = need(json.json_object_new_object());
	add(root, f->group, group);
	return group;
}

static struct json_object *tree_build(const struct writer *w)
{
	struct json_object *root = need(json.json_object_new_object());

	add(root, "schema", need(json.json_object_new_string(RECORD_SCHEMA)));
	for (size_t i = 0; i < FIELDS; i++) {
		struct json_object *o =
			kinds[fields[i].kind].put(w, &fields[i]);

		if (o)
			add(group_of(root, &fields[i]), fields[i].name, o);
	}
	return root;
}

/* The text of `root`, which is released. */
static const char *tree_text(struct json_object *root, struct pool *pool,
			     size_t *ret_len)
{
	const char *text = json.json_object_to_json_string_length(
		root, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE,
		ret_len);

	if (!text)
		abort();
	text = pool_strndup(pool, text, *ret_len);
	json.json_object_put(root);
	return text;
}

void record_foresee(void)
{
	struct err ignored;
	char text[40];

	LAZY_LOAD(json, JSONC_SONAME, JSON, &ignored);
	/* The C library's time zone, which it reads even for UTC. */
	time_text(0, text);
}

int record_format(const struct record *record, struct pool *pool,
		  const char **ret, struct err *err)
{
	struct writer w = { record, pool, (size_t)2 * STRING_CAP };
	const char *text;
	size_t len;

	if (LAZY_LOAD(json, JSONC_SONAME, JSON, err))
		return -1;
	if (!record->id || !record_id_valid(record->id))
		return err_set(err, 0, "the record has no valid id");
	/* Ends: with strings of 8 bytes even escaped ones fit. */
	do {
		struct pool scratch = { 0 };

		w.pool = &scratch;
		w.cap /= 2;
		text = tree_text(tree_build(&w), pool, &len);
		pool_free(&scratch);
	} while (len > RECORD_MAX && w.cap > 8);
	*ret = text;
	return 0;
}

static int utf8_check(const char *text, size_t len, struct err *err)
{
	for (size_t at = 0, n; at < len; at += n) {
		uint32_t c;

		n = record_utf8(text + at, len - at, &c);
		if (!n || !c)
			return err_set(err, 0, "not UTF-8 text");
	}
	return 0;
}

/*
 * The walk after json-c: it takes NaN, Infinity and 01.5 even when strict, and
 * writes a number as it was read until it is told otherwise.
 */
/* NOLINTBEGIN(readability-non-const-parameter): the type is json-c's */
static int strict(struct json_object *o, int flags, struct json_object *parent,
		  const char *key, size_t *index, void *arg)
{
	static char format[] = "%.15g"; /* microseconds of years */

	(void)flags, (void)parent, (void)key, (void)index, (void)arg;
	if (json.json_object_get_type(o) != json_type_double)
		return JSON_C_VISIT_RETURN_CONTINUE;
	if (!isfinite(json.json_object_get_double(o)))
		return JSON_C_VISIT_RETURN_ERROR;
	json.json_object_set_serializer(
		o, json.json_object_double_to_json_string, format, NULL);
	return JSON_C_VISIT_RETURN_CONTINUE;
}
/* NOLINTEND(readability-non-const-parameter) */

static int tree_parse(const char *text, size_t len, struct json_object **ret,
		      struct err *err)
{
	enum {
		DEPTH = 8
	};
	struct json_tokener *t;
	enum json_tokener_error e;

	*ret = NULL;
	if (LAZY_LOAD(json, JSONC_SONAME, JSON, err))
		return -1;
	if (len > RECORD_MAX)
		return err_set(err, 0, "longer than %d bytes", RECORD_MAX);
	if (utf8_check(text, len, err))
		return -1;
	t = json.json_tokener_new_ex(DEPTH);
	if (!t)
		abort();
	json.json_tokener_set_flags(t, JSON_TOKENER_STRICT);
	*ret = json.json_tokener_parse_ex(t, text, (int)len);
	e = json.json_tokener_get_error(t);
	json.json_tokener_free(t);
	if (e != json_tokener_success)
		return err_set(err, 0, "not JSON: %s",
			       e == json_tokener_continue
				       ? "it ends too early"
				       : json.json_tokener_error_desc(e));
	if (json.json_object_get_type(*ret) != json_type_object)
		return err_set(err, 0, "not a JSON object");
	if (json.json_c_visit(*ret, 0, strict, NULL))
		return err_set(err, 0, "not JSON: a number that is none");
	return 0;
}

static int schema_check(struct json_object *root, struct err *err)
{
	struct json_object *o;

	if (!json.json_object_object_get_ex(root, "schema", &o) ||
	    json.json_object_get_type(o) != json_type_string)
		return err_set(err, 0,
			       "not a cloison record: it has no schema");
	if (strcmp(json.json_object_get_string(o), RECORD_SCHEMA) != 0)
		return err_set(err, 0, "its schema is '%s', not %s",
			       json.json_object_get_string(o), RECORD_SCHEMA);
	return 0;
}

/* A null is the same as nothing: json-c gives NULL for both. */
static int field_get(const struct reader *r, const struct field *f,
		     struct json_object *root)
{
	struct json_object *from = root, *o = NULL;

	if (f->group &&
	    (!json.json_object_object_get_ex(root, f->group, &from) || !from))
		return 0;
	if (json.json_object_get_type(from) != json_type_object)
		return err_set(r->err, 0, "%s: not an object", f->group);
	if (!json.json_object_object_get_ex(from, f->name, &o) || !o)
		return 0;
	if (kinds[f->kind].get(r, f, o))
		return err_prefix(r->err, "%s%s%s", f->group ? f->group : "",
				  f->group ? "." : "", f->name);
	return 0;
}

static int fields_get(const struct reader *r, struct json_object *root)
{
	for (size_t i = 0; i < FIELDS; i++)
		if (field_get(r, &fields[i], root))
			return -1;
	if (!r->record->id || !record_id_valid(r->record->id))
		return err_set(r->err, 0, "id: not 1 to 64 of [0-9a-z-]");
	return 0;
}

/* The record, and the tree that it was read from. */
static int tree_read(const char *text, size_t len, struct pool *pool,
		     struct record *ret, struct json_object **ret_root,
		     struct err *err)
{
	struct reader r = { pool, ret, err };

	record_init(ret);
	if (!tree_parse(text, len, ret_root, err) &&
	    !schema_check(*ret_root, err) && !fields_get(&r, *ret_root))
		return 0;
	if (*ret_root)
		json.json_object_put(*ret_root);
	return -1;
}

int record_parse(const char *text, size_t len, struct pool *pool,
		 struct record *ret, struct err *err)
{
	struct json_object *root;

	if (tree_read(text, len, pool, ret, &root, err))
		return -1;
	json.json_object_put(root);
	return 0;
}

int record_rewrite(const char *text, size_t len, struct pool *pool,
		   struct record *ret, const char **ret_text, struct err *err)
{
	struct json_object *root;
	size_t written;

	if (tree_read(text, len, pool, ret, &root, err))
		return -1;
	json.json_object_object_del(root, "signer");
	json.json_object_object_del(root, "source");
	*ret_text = tree_text(root, pool, &written);
	/* Escapes make a text longer than it came. */
	if (written > RECORD_MAX)
		return err_set(err, 0, "longer than %d bytes", RECORD_MAX);
	return 0;
}

static const char *field_text(const struct record *r, const struct field *f,
			      struct pool *pool)
{
	long long v = is_number(f) ? number_of(r, f) : 0;

	if (v < 0 || (f->kind == TIME && v > TIME_END_US))
		return NULL;
	if (f->kind == TIME) {
		char text[40];

		time_text(v, text);
		return pool_strdup(pool, text);
	}
	if (f->kind == SECONDS)
		return pool_printf(pool, "%lld.%06lld", v / 1000000,
				   v % 1000000);
	return is_number(f) ? pool_printf(pool, "%lld", v) : string_of(r, f);
}

void record_each(const struct record *record, struct pool *pool,
		 void (*fn)(void *arg, const char *name, const char *text),
		 void *arg)
{
	for (size_t i = 0; i < FIELDS; i++) {
		const struct field *f = &fields[i];
		char name[64];

		if (is_list(f))
			continue;
		snprintf(name, sizeof(name), "%s%s%s", f->group ? f->group : "",
			 f->group ? "." : "", f->name);
		fn(arg, name, field_text(record, f, pool));
	}
}
