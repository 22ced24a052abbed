/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "acct/lost.h"
#include "acct/spool.h"
#include "base/fd.h"

enum {
	/* What is in pieces and older (seconds) nobody is writing. */
	PIECES = 3600
};

struct closing {
	int spool;
	char node[HOST_NAME_MAX + 1];
	char boot[40];
	size_t n;
};

int lost_parse(const char *text, size_t len, struct pool *pool,
	       struct record *ret)
{
	struct err ignored;
	const char *closed = pool_printf(pool, "%.*s}", (int)len, text);

	return record_parse(closed, strlen(closed), pool, ret, &ignored);
}

static bool is_over(const struct closing *c, const struct record *r)
{
	return r->node && !strcmp(r->node, c->node) && r->cell.boot_id &&
	       strcmp(r->cell.boot_id, c->boot) != 0;
}

static int close_one(void *arg, const char *id, const char *text, size_t len,
		     time_t written, struct err *err)
{
	const struct spool_rule any = { 0 };
	struct closing *c = arg;
	struct pool pool = { 0 };
	const char *json;
	struct record r;
	bool over;
	int result = 0;

	if (lost_parse(text, len, &pool, &r) || strcmp(r.id, id) != 0) {
		over = written + PIECES < time(NULL);
		record_init(&r);
	} else {
		over = is_over(c, &r);
	}
	r.id = id;
	r.exit.reason = "lost";
	if (over && (record_format(&r, &pool, &json, err) ||
		     spool_write(c->spool, -1, id, json, &any, err)))
		result = -1;
	c->n += over && !result;
	pool_free(&pool);
	return result;
}

int lost_close(int spool, uid_t owner, size_t *ret, struct err *err)
{
	static const char boot[] = "/proc/sys/kernel/random/boot_id";
	struct closing c = { .spool = spool };
	int result;

	*ret = 0;
	if (gethostname(c.node, sizeof(c.node) - 1))
		return err_set(err, errno, "read the host name");
	if (fd_read_file(AT_FDCWD, boot, c.boot, sizeof(c.boot)) < 0)
		return err_set(err, errno, "read %s", boot);
	result = spool_heads(spool, owner, close_one, &c, err);
	*ret = c.n;
	return result;
}
