/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "store/internal.h"

const struct store_column store_columns[COLUMNS] = {
#define COLUMN(i, kind, name, group, json, form, member) \
	[i] = { name, COLUMN_##kind, group,              \
		json, FORM_##form,   offsetof(struct record, member) }
#define TEXT(i, kind, name, group, json, member) \
	COLUMN(i, kind, name, group, json, PLAIN, member)
#define NUMBER(i, name, group, json, member) \
	COLUMN(i, NUMBER, name, group, json, PLAIN, member)
	TEXT(C_ID, ID, "id", NULL, "id", id),
	TEXT(C_SCHEDULER, NAME, "scheduler", "scheduler", "name",
	     scheduler.name),
	TEXT(C_CLUSTER, NAME, "cluster", "scheduler", "cluster",
	     scheduler.cluster),
	TEXT(C_JOB, TEXT, "job", "scheduler", "job", scheduler.job),
	TEXT(C_STEP, TEXT, "step", "scheduler", "step", scheduler.step),
	TEXT(C_NODE, NAME, "node", NULL, "node", node),
	TEXT(C_USER, NAME, "user", "user", "name", user.name),
	NUMBER(C_UID, "uid", "user", "uid", user.uid),
	TEXT(C_ACCOUNT, NAME, "account", "user", "account", user.account),
	TEXT(C_PROFILE, NAME, "profile", "cell", "profile", cell.profile),
	TEXT(C_BOOT, NAME, "boot", "cell", "boot_id", cell.boot_id),
	COLUMN(C_START, NUMBER, "start_us", "time", "start", TIME,
	       time.start_us),
	COLUMN(C_END, NUMBER, "end_us", "time", "end", TIME, time.end_us),
	COLUMN(C_WALL, NUMBER, "wall_us", "time", "wall_s", SECONDS,
	       time.wall_us),
	NUMBER(C_CODE, "code", "exit", "code", exit.code),
	NUMBER(C_SIGNAL, "signum", "exit", "signal", exit.signal),
	TEXT(C_REASON, NAME, "reason", "exit", "reason", exit.reason),
	NUMBER(C_COUNT, "cpu_count", "cpu", "count", cpu.count),
	NUMBER(C_CPU, "cpu_us", "cpu", "usage_us", usage.cpu_usage_us),
	NUMBER(C_THROTTLED, "throttled_us", "cpu", "throttled_us",
	       usage.cpu_throttled_us),
	NUMBER(C_LIMIT, "limit_bytes", "memory", "limit_bytes", memory.limit),
	NUMBER(C_PEAK, "peak_bytes", "memory", "peak_bytes", usage.memory_peak),
	NUMBER(C_READ, "read_bytes", "io", "read_bytes", usage.io_read),
	NUMBER(C_WRITE, "write_bytes", "io", "write_bytes", usage.io_write),
	NUMBER(C_SCRATCH, "scratch_bytes", "scratch", "peak_bytes",
	       scratch.peak),
	NUMBER(C_RX, "rx_bytes", "net", "rx_bytes", net.rx),
	NUMBER(C_TX, "tx_bytes", "net", "tx_bytes", net.tx),
	TEXT(C_QUEUE, NAME, "queue", "scheduler", "queue", scheduler.queue),
	TEXT(C_PROJECT, NAME, "project", "scheduler", "project",
	     scheduler.project),
	TEXT(C_JOB_NAME, TEXT, "job_name", "scheduler", "job_name",
	     scheduler.job_name),
#undef COLUMN
#undef TEXT
#undef NUMBER
};

const char *column_names(struct pool *pool)
{
	const char *names = store_columns[0].name;

	for (size_t i = 1; i < COLUMNS; i++)
		names = pool_printf(pool, "%s, %s", names,
				    store_columns[i].name);
	return names;
}

const char *column_cut(struct pool *pool, const char *text)
{
	size_t len = text ? strlen(text) : 0;

	if (!len)
		return NULL;
	if (len <= NAME_CAP)
		return text;
	/* Not within a character of UTF-8. */
	for (len = NAME_CAP; len && ((unsigned char)text[len] & 0xc0) == 0x80;)
		len--;
	return pool_strndup(pool, text, len);
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_dash(size_t i)
{
	return i == 8 || i == 13 || i == 18 || i == 23;
}

size_t column_id_bytes(const char *id, char ret[static ID_CAP])
{
	size_t len = strnlen(id, ID_CAP - 2), n = 0;

	for (size_t i = 0; len == 36 && i < len; i++) {
		if (is_dash(i) ? id[i] == '-' : hex(id[i]) >= 0) {
			if (!is_dash(i) && n++ % 2 == 0)
				ret[n / 2] = (char)(hex(id[i]) << 4);
			else if (!is_dash(i))
				ret[n / 2 - 1] =
					(char)(ret[n / 2 - 1] | hex(id[i]));
			continue;
		}
		n = 0;
		break;
	}
	if (n == 32)
		return 16;
	/* 16 bytes of text must not look like a UUID. */
	memcpy(ret, id, len);
	ret[len] = '\0';
	return len == 16 ? 17 : len;
}

static const char *id_text(const char *bytes, size_t len, struct pool *pool)
{
	char text[40];
	size_t n = 0;

	if (!bytes || len != 16)
		return bytes ? pool_strndup(pool, bytes, len) : NULL;
	for (size_t i = 0; i < 16; i++) {
		if (is_dash(n))
			text[n++] = '-';
		text[n++] = "0123456789abcdef"[(unsigned char)bytes[i] >> 4];
		text[n++] = "0123456789abcdef"[(unsigned char)bytes[i] & 15];
	}
	return pool_strndup(pool, text, n);
}

static void set_tail(struct store_cell *cell)
{
	const char *id = cell->value[C_ID].text;
	size_t len = id ? strlen(id) : 0;

	if (cell->value[C_JOB].text || !id)
		return;
	snprintf(cell->tail, sizeof(cell->tail), "%s",
		 id + (len > 8 ? len - 8 : 0));
}

int cell_from_record(struct store *store, const struct store_entry *entry,
		     struct pool *pool, struct store_cell *ret, struct err *err)
{
	int64_t at;

	*ret = (struct store_cell){ .signer = entry->signer };
	for (size_t i = 0; i < COLUMNS; i++) {
		const char *from =
			(const char *)entry->record + store_columns[i].at;

		if (store_columns[i].kind == COLUMN_NUMBER) {
			ret->value[i].number = *(const int64_t *)from;
			if (ret->value[i].number < 0)
				ret->value[i].number = -1;
			continue;
		}
		ret->value[i].text =
			column_cut(pool, *(const char *const *)from);
		if (store_columns[i].kind == COLUMN_NAME &&
		    name_number(store, ret->value[i].text, true,
				&ret->value[i].number, err))
			return -1;
	}
	at = ret->value[C_END].number;
	if (at < 0)
		at = ret->value[C_START].number;
	ret->day = at < 0 ? -1 : at / DAY_US;
	ret->failed = ret->value[C_CODE].number != 0;
	set_tail(ret);
	return 0;
}

static void number_or_null(struct store_stmt *stmt, int64_t v)
{
	if (v < 0)
		bind_text(stmt, NULL);
	else
		bind_number(stmt, v);
}

void cell_bind(struct store_stmt *stmt, const struct store_cell *cell)
{
	char id[ID_CAP];

	bind_number(stmt, cell->signer);
	bind_number(stmt, cell->day);
	bind_number(stmt, cell->failed);
	bind_text(stmt, *cell->tail ? cell->tail : NULL);
	bind_bytes(stmt, id, column_id_bytes(cell->value[C_ID].text, id));
	for (size_t i = 1; i < COLUMNS; i++)
		if (store_columns[i].kind == COLUMN_TEXT)
			bind_text(stmt, cell->value[i].text);
		else if (store_columns[i].kind == COLUMN_NAME)
			bind_number(stmt, cell->value[i].number);
		else
			number_or_null(stmt, cell->value[i].number);
}

const char *cell_select(struct pool *pool)
{
	return pool_printf(pool, "signer, day, failed, %s", column_names(pool));
}

int cell_read(struct store *store, struct store_stmt *stmt, struct pool *pool,
	      struct store_cell *ret, struct err *err)
{
	const char *id;
	size_t len;

	*ret = (struct store_cell){ 0 };
	ret->signer = got_number(stmt);
	ret->day = got_number(stmt);
	ret->failed = got_number(stmt);
	id = got_bytes(stmt, &len);
	if (pool)
		ret->value[C_ID].text = id_text(id, len, pool);
	for (size_t i = 1; i < COLUMNS; i++) {
		if (store_columns[i].kind == COLUMN_TEXT) {
			if (pool)
				ret->value[i].text = got_text(stmt, pool);
			else
				stmt->got++;
			continue;
		}
		ret->value[i].number = got_number(stmt);
		if (store_columns[i].kind == COLUMN_NAME &&
		    name_text(store, ret->value[i].number, &ret->value[i].text,
			      err))
			return -1;
	}
	set_tail(ret);
	return 0;
}
