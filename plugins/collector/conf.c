/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "collector/conf.h"
#include "collector/frame.h"

enum {
	FILE_MAX = 256 * 1024
};

const char *const conf_roles[] = { "none", "ship", "collect", NULL };

struct key {
	const char *section, *name;
	int (*set)(struct conf *conf, const struct key *key, const char *value,
		   struct err *err);
	size_t at; /* in struct conf */
	uint64_t min, max;
};

struct reader {
	struct conf *conf;
	const char *text;
	bool *given; /* by key */
	int line, bad_line;
	struct err *err;
};

static void *member(struct conf *conf, const struct key *key)
{
	return (char *)conf + key->at;
}

static int set_role(struct conf *conf, const struct key *key, const char *value,
		    struct err *err)
{
	return parse_word(value, conf_roles, member(conf, key), err);
}

static int set_text(struct conf *conf, const struct key *key, const char *value,
		    struct err *err)
{
	(void)err;
	*(const char **)member(conf, key) =
		*value ? pool_strdup(&conf->pool, value) : NULL;
	return 0;
}

/* Given again it goes on. */
static int set_list(struct conf *conf, const struct key *key, const char *value,
		    struct err *err)
{
	const char **at = member(conf, key);

	(void)err;
	*at = pool_printf(&conf->pool, "%s%s%s", *at ? *at : "", *at ? "," : "",
			  value);
	return 0;
}

static int check_range(const struct key *key, uint64_t v, struct err *err)
{
	if (v < key->min || v > key->max)
		return err_set(err, 0, "not from %llu to %llu",
			       (unsigned long long)key->min,
			       (unsigned long long)key->max);
	return 0;
}

static int set_number(struct conf *conf, const struct key *key,
		      const char *value, struct err *err)
{
	uint64_t v;

	if (parse_uint(value, key->max, &v, err) || check_range(key, v, err))
		return -1;
	*(int64_t *)member(conf, key) = (int64_t)v;
	return 0;
}

static int set_size(struct conf *conf, const struct key *key, const char *value,
		    struct err *err)
{
	uint64_t v;

	if (parse_size(value, &v, err) || check_range(key, v, err))
		return -1;
	*(int64_t *)member(conf, key) = (int64_t)v;
	return 0;
}

static int set_seconds(struct conf *conf, const struct key *key,
		       const char *value, struct err *err)
{
	uint64_t v;

	if (parse_seconds(value, &v, err) || check_range(key, v, err))
		return -1;
	*(int64_t *)member(conf, key) = (int64_t)v;
	return 0;
}

static int set_user(struct conf *conf, const struct key *key, const char *value,
		    struct err *err)
{
	const struct passwd *pw = getpwnam(value);
	struct err ignored;
	uint64_t uid;

	if (pw)
		uid = pw->pw_uid;
	else if (parse_uint(value, UINT32_MAX - 1, &uid, &ignored))
		return err_set(err, 0, "there is no user '%s'", value);
	*(uid_t *)member(conf, key) = (uid_t)uid;
	return 0;
}

/* HOST, HOST:PORT, [ADDRESS]:PORT or *:PORT */
static int add_place(struct pool *pool, struct conf_places *places,
		     const char *word, struct err *err)
{
	const char *colon = strrchr(word, ':'), *end = word + strlen(word);
	struct conf_place *p;
	bool bracket = *word == '[';
	uint64_t port;

	if (bracket) {
		end = strchr(word, ']');
		if (!end || (end[1] && end[1] != ':'))
			return err_set(err, 0, "'%s' is not [ADDRESS]:PORT",
				       word);
		colon = end[1] ? end + 1 : NULL;
	} else if (colon) {
		end = colon;
	}
	if (end == word + bracket ||
	    (!bracket && memchr(word, ':', (size_t)(end - word))))
		return err_set(err, 0,
			       "'%s' is not HOST:PORT or [ADDRESS]:PORT", word);
	if (colon && (parse_uint(colon + 1, 65535, &port, err) || !port))
		return err_set(err, 0, "'%s' has no port number", word);
	p = pool_push(pool, &places->place, &places->n, sizeof(*p));
	p->host = pool_strndup(pool, word + bracket,
			       (size_t)(end - word) - bracket);
	if (!strcmp(p->host, "*"))
		p->host = NULL;
	p->port = pool_strdup(pool, colon ? colon + 1 : CONF_PORT);
	return 0;
}

static int set_places(struct conf *conf, const struct key *key,
		      const char *value, struct err *err)
{
	char *copy = pool_strdup(&conf->pool, value), *save;

	for (char *w = strtok_r(copy, " \t,", &save); w;
	     w = strtok_r(NULL, " \t,", &save))
		if (add_place(&conf->pool, member(conf, key), w, err))
			return -1;
	return 0;
}

static const struct key keys[] = {
#define KEY(section, name, set, member, ...)                                   \
	{                                                                      \
		section, name, set, offsetof(struct conf, member), __VA_ARGS__ \
	}
	KEY("cloisond", "role", set_role, role, 0, 0),
	KEY("cloisond", "munge-socket", set_text, munge_socket, 0, 0),
	KEY("cloisond", "ttl", set_seconds, ttl_s, 1, 3600),
	KEY("ship", "collector", set_places, ship.collectors, 0, 0),
	KEY("ship", "collector-user", set_user, ship.collector_uid, 0, 0),
	KEY("ship", "spool", set_text, ship.spool, 0, 0),
	KEY("ship", "batch-records", set_number, ship.batch_records, 1,
	    FRAME_RECORDS),
	KEY("ship", "batch-bytes", set_size, ship.batch_bytes, 131072,
	    FRAME_TEXT_MAX),
	KEY("ship", "interval", set_seconds, ship.interval_s, 1, 3600),
	KEY("ship", "retry-max", set_seconds, ship.retry_s, 1, 3600),
	KEY("ship", "stats", set_text, ship.stats, 0, 0),
	KEY("collect", "listen", set_places, collect.listen, 0, 0),
	KEY("collect", "store", set_text, collect.store, 0, 0),
	KEY("collect", "nodes", set_list, collect.nodes, 0, 0),
	KEY("collect", "connections", set_number, collect.connections, 1,
	    100000),
	KEY("collect", "timeout", set_seconds, collect.timeout_s, 1, 3600),
	KEY("collect", "retention", set_seconds, collect.retention_s, 86400,
	    UINT32_MAX),
	KEY("collect", "stats", set_text, collect.stats, 0, 0),
#undef KEY
};
enum {
	KEYS = sizeof(keys) / sizeof(keys[0])
};

void conf_init(struct conf *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->ship.spool = LOCALSTATEDIR "/spool/cloison";
	ret->ship.batch_records = 512;
	ret->ship.batch_bytes = 262144;
	ret->ship.interval_s = 30;
	ret->ship.retry_s = 60;
	ret->ship.stats = "/run/cloisond-ship/stats";
	ret->collect.store = LOCALSTATEDIR "/lib/cloison/records.db";
	ret->collect.connections = 512;
	ret->collect.timeout_s = 30;
	ret->collect.stats = "/run/cloisond-collect/stats";
}

static bool is_list(const struct key *key)
{
	return key->set == set_list || key->set == set_places;
}

static int set_key(const struct reader *r, const char *section,
		   const char *name, const char *value)
{
	for (size_t i = 0; i < KEYS; i++) {
		if (strcmp(keys[i].section, section) != 0 ||
		    strcmp(keys[i].name, name) != 0)
			continue;
		if (r->given[i] && !is_list(&keys[i]))
			return err_set(r->err, 0, "%s: is there twice", name);
		r->given[i] = true;
		if (keys[i].set(r->conf, &keys[i], value, r->err))
			return err_prefix(r->err, "%s", name);
		return 0;
	}
	return err_set(r->err, 0, "unknown key %s of [%s]", name, section);
}

/* For inih: 0 is a failure. Only the first one counts. */
static int take(void *arg, const char *section, const char *name,
		const char *value)
{
	struct reader *r = arg;

	if (*r->err->text)
		return 0;
	r->bad_line = r->line;
	return !set_key(r, section, name, value);
}

/* As fgets(3). A line that inih would take for two is an error. */
static char *next_line(char *buf, int size, void *stream)
{
	struct reader *r = stream;
	size_t len = strcspn(r->text, "\n");

	if (!*r->text || *r->err->text)
		return NULL;
	r->line++;
	if (len + 2 > (size_t)size) {
		r->bad_line = r->line;
		err_set(r->err, 0,
			"longer than %d bytes: lists may be given in several lines",
			size - 2);
		return NULL;
	}
	len += r->text[len] == '\n';
	memcpy(buf, r->text, len);
	buf[len] = '\0';
	r->text += len;
	return buf;
}

int conf_parse(struct conf *conf, const char *text, const char *name,
	       struct err *err)
{
	bool given[KEYS] = { false };
	struct reader r = {
		.conf = conf, .text = text, .given = given, .err = err
	};
	int bad;

	*err->text = '\0';
	bad = ini_parse_stream(next_line, &r, take, &r);
	if (*err->text && (bad <= 0 || bad >= r.bad_line))
		return err_prefix(err, "%s:%d", name, r.bad_line);
	if (bad)
		return err_set(err, 0,
			       "%s:%d: neither [section] nor key = value", name,
			       bad);
	return 0;
}

static int read_trusted(int fd, char *buf, struct err *err)
{
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st))
		return err_set(err, errno, "stat");
	if (!S_ISREG(st.st_mode))
		return err_set(err, 0, "not a regular file");
	if ((st.st_uid && st.st_uid != geteuid()) ||
	    st.st_mode & (S_IWGRP | S_IWOTH))
		return err_set(
			err, 0,
			"it must be root's or yours, and writable by nobody else");
	n = read(fd, buf, FILE_MAX);
	if (n < 0)
		return err_set(err, errno, "read");
	if (n == FILE_MAX || strlen(buf) != (size_t)n)
		return err_set(err, 0, "too long, or it holds a NUL");
	return 0;
}

int conf_load(struct conf *conf, const char *path, struct err *err)
{
	const char *name = path ? path : CONF_FILE;
	cleanup_fd int fd =
		open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char *text;

	if (fd < 0 && errno == ENOENT && !path)
		return 0;
	if (fd < 0)
		return err_set(err, errno, "open %s", name);
	text = pool_alloc(&conf->pool, FILE_MAX + 1);
	if (read_trusted(fd, text, err))
		return err_prefix(err, "%s", name);
	return conf_parse(conf, text, name, err);
}

int conf_check(const struct conf *conf, struct err *err)
{
	const struct {
		bool holds;
		const char *text;
	} wants[] = {
		{ conf->role != ROLE_NONE,
		  "which role? give --role=ship or --role=collect, or role in [cloisond]" },
		{ conf->role != ROLE_SHIP || conf->ship.collectors.n,
		  "to whom? name the collector's host: collector in [ship]" },
		{ conf->role != ROLE_SHIP || conf->ship.spool,
		  "spool in [ship] is empty" },
		{ conf->role != ROLE_COLLECT || conf->collect.nodes,
		  "whose records? name the hosts on which root may sign: nodes in [collect]" },
		{ conf->role != ROLE_COLLECT || conf->collect.store,
		  "store in [collect] is empty" },
	};

	for (size_t i = 0; i < sizeof(wants) / sizeof(wants[0]); i++)
		if (!wants[i].holds)
			return err_set(err, 0, "%s", wants[i].text);
	return 0;
}

void conf_free(struct conf *conf)
{
	pool_free(&conf->pool);
}
