/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COLLECTOR_CONF_H
#define COLLECTOR_CONF_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/pool.h"

/* What cloisond.conf(5) says. */

enum conf_role {
	ROLE_NONE,
	ROLE_SHIP,
	ROLE_COLLECT
};
extern const char *const conf_roles[]; /* by enum conf_role, NULL */

#define CONF_FILE SYSCONFDIR "/cloison/cloisond.conf"
#define CONF_PORT "6827"

struct conf_place {
	const char *host; /* NULL: any address of this host's */
	const char *port;
};

struct conf_places {
	struct conf_place *place;
	size_t n;
};

struct conf {
	struct pool pool;
	int role;
	const char *munge_socket; /* NULL: the usual one */
	int64_t ttl_s;            /* of credentials; 0: munged's own */
	struct {
		struct conf_places collectors;
		uid_t collector_uid;
		const char *spool;
		int64_t batch_records, batch_bytes;
		int64_t interval_s, retry_s;
		const char *stats;
	} ship;
	struct {
		struct conf_places listen;
		const char *store;
		const char *nodes; /* names and networks, with commas */
		int64_t connections;
		int64_t timeout_s;
		int64_t retention_s; /* 0: for ever */
		const char *stats;
	} collect;
};

void conf_init(struct conf *ret);

/* `name` is for messages. Pure but for the user database. */
int conf_parse(struct conf *conf, const char *text, const char *name,
	       struct err *err);

/*
 * Read the file, which must be root's or the caller's and not writable by
 * others. CONF_FILE need not be there.
 */
int conf_load(struct conf *conf, const char *path, struct err *err);

/* Whether all is there that the role needs. */
int conf_check(const struct conf *conf, struct err *err);

void conf_free(struct conf *conf);

#endif
