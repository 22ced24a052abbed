/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "collector/stats.h"

static _Atomic int64_t values[STATS];

enum {
	SHIP = 1 << ROLE_SHIP,
	COLLECT = 1 << ROLE_COLLECT
};

/* A row that has no help goes with the family of the row above. */
static const struct row {
	int roles;
	enum stats stat;
	const char *family, *type, *help, *label;
} rows[] = {
	{ SHIP | COLLECT, STAT_FATE + FATE_NEW, "records", "counter",
	  "Records by what became of them.", "fate=\"new\"" },
	{ SHIP | COLLECT, STAT_FATE + FATE_KNOWN, "records", "counter", NULL,
	  "fate=\"known\"" },
	{ SHIP | COLLECT, STAT_FATE + FATE_MALFORMED, "records", "counter",
	  NULL, "fate=\"malformed\"" },
	{ SHIP | COLLECT, STAT_FATE + FATE_FOREIGN, "records", "counter", NULL,
	  "fate=\"foreign\"" },
	{ SHIP | COLLECT, STAT_FATE + FATE_CLASH, "records", "counter", NULL,
	  "fate=\"clash\"" },
	{ SHIP | COLLECT, STAT_FATE + FATE_STORE, "batches_refused", "counter",
	  "Batches that have to be sent again, by reason.",
	  "reason=\"store\"" },
	{ SHIP | COLLECT, STAT_FATE + FATE_EXPIRED, "batches_refused",
	  "counter", NULL, "reason=\"expired\"" },
	{ SHIP | COLLECT, STAT_FATE + FATE_REPLAYED, "batches_refused",
	  "counter", NULL, "reason=\"replayed\"" },
	{ SHIP | COLLECT, STAT_FATE + FATE_FORGED, "batches_refused", "counter",
	  NULL, "reason=\"forged\"" },
	{ SHIP | COLLECT, STAT_FATE + FATE_STRANGER, "batches_refused",
	  "counter", NULL, "reason=\"stranger\"" },
	{ SHIP | COLLECT, STAT_FATE + FATE_MUNGE, "batches_refused", "counter",
	  NULL, "reason=\"munge\"" },
	{ SHIP | COLLECT, STAT_BATCHES, "batches", "counter",
	  "Batches answered.", NULL },
	{ SHIP, STAT_LAST, "last_answer_timestamp_seconds", "gauge",
	  "When the collector last took a batch.", NULL },
	{ SHIP, STAT_SENDS_FAILED, "sends_failed", "counter",
	  "Tries that ended in waiting for the next one.", NULL },
	{ SHIP, STAT_FILES_BAD, "files_bad", "counter",
	  "Files moved to bad/ of the spool.", NULL },
	{ COLLECT, STAT_CONNECTIONS, "connections_accepted", "counter",
	  "Connections accepted.", NULL },
	{ COLLECT, STAT_OPEN, "connections_open", "gauge", "Connections now.",
	  NULL },
	{ COLLECT, STAT_FULL, "connections_refused", "counter",
	  "Connections closed by the collector, by reason.",
	  "reason=\"full\"" },
	{ COLLECT, STAT_TIMEOUT, "connections_refused", "counter", NULL,
	  "reason=\"timeout\"" },
	{ COLLECT, STAT_MALFORMED, "connections_refused", "counter", NULL,
	  "reason=\"malformed\"" },
	{ COLLECT, STAT_OVERSIZED, "connections_refused", "counter", NULL,
	  "reason=\"oversized\"" },
	{ COLLECT, STAT_COMMITS, "commits", "counter",
	  "Transactions of the store.", NULL },
	{ COLLECT, STAT_COMMITS_FAILED, "commits_failed", "counter",
	  "Transactions that failed.", NULL },
	{ COLLECT, STAT_EXPIRED, "records_expired", "counter",
	  "Records removed from the store for their age.", NULL },
	{ COLLECT, STAT_WAITING, "waiting_bytes", "gauge",
	  "Frames being read, checked or stored.", NULL },
};

void stats_add(enum stats which, int64_t n)
{
	atomic_fetch_add_explicit(&values[which], n, memory_order_relaxed);
}

void stats_set(enum stats which, int64_t value)
{
	atomic_store_explicit(&values[which], value, memory_order_relaxed);
}

static const char *row_print(const struct row *row, struct pool *pool)
{
	const char *head = "";
	bool counter = !strcmp(row->type, "counter");

	if (row->help)
		head = pool_printf(
			pool, "# TYPE cloisond_%s %s\n# HELP cloisond_%s %s\n",
			row->family, row->type, row->family, row->help);
	return pool_printf(pool, "%scloisond_%s%s%s%s%s %lld\n", head,
			   row->family, counter ? "_total" : "",
			   row->label ? "{" : "", row->label ? row->label : "",
			   row->label ? "}" : "",
			   (long long)atomic_load_explicit(
				   &values[row->stat], memory_order_relaxed));
}

const char *stats_print(enum conf_role role, struct pool *pool)
{
	const char *text = "";

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].roles & 1 << role)
			text = pool_printf(pool, "%s%s", text,
					   row_print(&rows[i], pool));
	return pool_printf(pool, "%s# EOF\n", text);
}

int stats_ask(const char *socket_path, struct err *err)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	cleanup_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char buf[4096];
	ssize_t n;

	if (strlen(socket_path) >= sizeof(to.sun_path))
		return err_set(err, ENAMETOOLONG, "%s", socket_path);
	strcpy(to.sun_path, socket_path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		return err_set(err, errno, "is cloisond running? connect to %s",
			       socket_path);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		if (fd_write_all(STDOUT_FILENO, buf, (size_t)n))
			return err_set(err, errno, "write to stdout");
	return n ? err_set(err, errno, "read from %s", socket_path) : 0;
}
