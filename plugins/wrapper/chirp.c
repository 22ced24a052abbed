/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "acct/record.h"
#include "chirp.h"
#include "jobenv.h"

enum {
	WAIT = 3,  /* seconds, for each answer */
	TEXT = 256 /* bytes of a string; the starter refuses some 1000 */
};

/* What of a record is told. */
static const struct {
	const char *member, *attribute;
	bool text;
} told[] = {
	{ "id", "CloisonRecord", true },
	{ "exit.reason", "CloisonReason", true },
	{ "exit.code", "CloisonExitCode", false },
	{ "exit.signal", "CloisonExitSignal", false },
	{ "time.wall_s", "CloisonWallSeconds", false },
	{ "cpu.count", "CloisonCpus", false },
	{ "cpu.usage_us", "CloisonCpuMicroseconds", false },
	{ "memory.limit_bytes", "CloisonMemoryLimitBytes", false },
	{ "memory.peak_bytes", "CloisonMemoryPeakBytes", false },
	{ "memory.oom_kills", "CloisonOomKills", false },
	{ "pids.peak", "CloisonPidsPeak", false },
	{ "io.read_bytes", "CloisonIoReadBytes", false },
	{ "io.write_bytes", "CloisonIoWriteBytes", false },
	{ "scratch.peak_bytes", "CloisonScratchPeakBytes", false },
};

struct chirp {
	int fd;
	int how; /* of the two kinds of update, the one that is tried first */
	struct pool *pool;
	struct err *err;
	const char *ad; /* of the job, as it was when it started */
	int failed;     /* -1: there is no use in more */
};

const char *chirp_string(const char *text, struct pool *pool)
{
	char *out = pool_alloc(pool, 4 * strnlen(text, TEXT) + 3);
	const char *end = text + strnlen(text, TEXT);
	char *p = out;

	*p++ = '"';
	for (; text < end; text++) {
		unsigned char c = (unsigned char)*text;

		/* A string's own escape, each half of which is one more. */
		if (c == '"' || c == '\\') {
			*p++ = '\\';
			*p++ = '\\';
		}
		if (c == ' ' || c == '\\')
			*p++ = '\\';
		if (c < ' ' || c == 0x7f)
			*p++ = '?';
		else
			*p++ = *text;
	}
	*p = '"';
	return out;
}

static int send_line(const struct chirp *c, const char *line)
{
	size_t len = strlen(line);

	while (len) {
		ssize_t n = send(c->fd, line, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_set(c->err, errno, "write to the starter");
		line += n;
		len -= (size_t)n;
	}
	return 0;
}

/* No more than its line is read. */
static int answer(const struct chirp *c, long *ret)
{
	char line[32];
	size_t n = 0;

	for (;;) {
		ssize_t got = recv(c->fd, line + n, 1, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return err_set(c->err, got ? errno : EPIPE,
				       "wait for the starter");
		if (line[n] == '\n')
			break;
		if (++n == sizeof(line))
			return err_set(c->err, 0,
				       "the starter's answer is "
				       "no number");
	}
	line[n] = '\0';
	*ret = strtol(line, NULL, 10);
	return 0;
}

static int ask(const struct chirp *c, const char *line, long *ret)
{
	return send_line(c, line) || answer(c, ret) ? -1 : 0;
}

/* Where the starter listens: "ADDRESS PORT COOKIE". */
static int dial(const char *address, const char *port, struct err *err)
{
	const struct addrinfo how = { .ai_flags =
					      AI_NUMERICHOST | AI_NUMERICSERV,
				      .ai_socktype = SOCK_STREAM };
	const struct timeval wait = { .tv_sec = WAIT };
	struct addrinfo *to;
	int r = getaddrinfo(address, port, &how, &to);
	int fd;

	if (r)
		return err_set(err, 0, "the starter's address %s: %s", address,
			       gai_strerror(r));
	fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	r = fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) ||
	    connect(fd, to->ai_addr, to->ai_addrlen);
	freeaddrinfo(to);
	if (!r)
		return fd;
	err_set(err, errno, "connect to the starter");
	if (fd >= 0)
		close(fd);
	return -1;
}

static int greet(struct chirp *c)
{
	const char *path = getenv("_CONDOR_CHIRP_CONFIG");
	char address[64], port[8], cookie[128];
	long is = 0;

	c->ad = jobenv_ad(c->pool);
	if (!path || *path != '/')
		return err_set(c->err, 0, "HTCondor offers no chirp");
	if (sscanf(jobenv_file(path, c->pool), "%63s %7s %127s", address, port,
		   cookie) != 3)
		return err_set(c->err, 0, "%s: no address and cookie", path);
	c->fd = dial(address, port, c->err);
	if (c->fd < 0 ||
	    ask(c, pool_printf(c->pool, "cookie %s\n", cookie), &is))
		return -1;
	return is ? err_set(c->err, 0, "the starter refuses its cookie") : 0;
}

static void hang_up(struct chirp *c)
{
	if (c->fd >= 0)
		close(c->fd);
}

/*
 * An update that goes with the next one of the starter's costs the schedd
 * nothing, and is what most pools allow; for a job with WantIOProxy or
 * WantRemoteUpdates the other kind is there, too.
 */
enum {
	DELAYED,
	AT_ONCE,
	WAYS
};

static void set(struct chirp *c, const char *name, const char *value)
{
	static const char *const how[WAYS] = {
		[DELAYED] = "set_job_attr_delayed",
		[AT_ONCE] = "set_job_attr",
	};
	long is = 0;

	for (int i = 0; !c->failed && i < WAYS; i++) {
		c->failed = ask(c,
				pool_printf(c->pool, "%s %s %s\n", how[c->how],
					    name, value),
				&is);
		if (!is)
			return;
		c->how = (c->how + 1) % WAYS;
	}
	if (!c->failed)
		c->failed = err_set(c->err, 0,
				    "HTCondor refuses %s (is Cloison* in "
				    "CHIRP_DELAYED_UPDATE_PREFIX?)",
				    name);
}

/* What an earlier run of the job has left in its ad is not this one's. */
static void forget(struct chirp *c, const char *name)
{
	if (jobenv_attribute(c->ad, name, c->pool))
		set(c, name, "undefined");
}

static void tell(void *arg, const char *name, const char *text)
{
	struct chirp *c = arg;

	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		if (strcmp(told[i].member, name) != 0)
			continue;
		if (!text)
			forget(c, told[i].attribute);
		else
			set(c, told[i].attribute,
			    told[i].text ? chirp_string(text, c->pool) : text);
	}
}

static bool is_ours(const struct job *job)
{
	return job->uid && job->scheduler.name &&
	       !strcmp(job->scheduler.name, "htcondor");
}

int chirp_record(const struct job *job, const char *json, struct pool *pool,
		 struct err *err)
{
	struct chirp c = { .fd = -1, .pool = pool, .err = err };
	struct record r;

	if (!is_ours(job))
		return 0;
	if (record_parse(json, strlen(json), pool, &r, err))
		return -1;
	/* The starter puts such a job on hold, and forgets what it was told. */
	if (r.usage.oom_kills > 0)
		c.how = AT_ONCE;
	c.failed = greet(&c);
	if (!c.failed) {
		record_each(&r, pool, tell, &c);
		forget(&c, "CloisonError");
	}
	hang_up(&c);
	return c.failed;
}

int chirp_error(const struct job *job, const char *text, struct pool *pool,
		struct err *err)
{
	struct chirp c = { .fd = -1, .pool = pool, .err = err };
	const char *start;

	if (!is_ours(job))
		return 0;
	c.failed = greet(&c);
	start = jobenv_attribute(c.ad, "NumShadowStarts", pool);
	text = chirp_string(pool_printf(pool, "cloison: %s", text), pool);
	set(&c, "CloisonError", text);
	set(&c, "CloisonErrorStart", start ? start : "0");
	hang_up(&c);
	return c.failed;
}
