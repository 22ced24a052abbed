/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#include "base/lazy.h"
#include "cg/internal.h"

#define SYSTEMD(X)                        \
	X(sd_bus_new)                     \
	X(sd_bus_set_address)             \
	X(sd_bus_set_bus_client)          \
	X(sd_bus_start)                   \
	X(sd_bus_match_signal)            \
	X(sd_bus_call_method)             \
	X(sd_bus_call)                    \
	X(sd_bus_message_new_method_call) \
	X(sd_bus_message_append)          \
	X(sd_bus_message_read)            \
	X(sd_bus_message_unref)           \
	X(sd_bus_error_free)              \
	X(sd_bus_process)                 \
	X(sd_bus_wait)                    \
	X(sd_bus_flush_close_unref)

LAZY_TABLE(lib, SYSTEMD);

#define SERVICE "org.freedesktop.systemd1"
#define OBJECT  "/org/freedesktop/systemd1"
#define MANAGER "org.freedesktop.systemd1.Manager"

/* How long systemd may take, in microseconds. */
enum {
	PATIENCE = 10000000
};

/* A unit name has at most 255 characters (systemd.unit(5)). */
enum {
	UNIT_SIZE = 256
};

struct job {
	const char *unit;
	bool over;
	bool done; /* as opposed to failed, canceled, ... */
};

void cg_scope_name(const char *name, char *ret, size_t size)
{
	snprintf(ret, size, "cloison-%.200s.scope", name);
	for (char *p = ret; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr(":-_.", *p))
			*p = '_';
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static int connect_to(const char *address, bool bus_client, sd_bus **ret)
{
	sd_bus *bus;
	int r = lib.sd_bus_new(&bus);

	if (r < 0)
		return r;
	r = lib.sd_bus_set_address(bus, address);
	if (r >= 0)
		r = lib.sd_bus_set_bus_client(bus, bus_client);
	if (r >= 0)
		r = lib.sd_bus_start(bus);
	if (r < 0) {
		lib.sd_bus_flush_close_unref(bus);
		return r;
	}
	*ret = bus;
	return 0;
}

/*
 * The bus, or without one (a compute node need not run dbus-daemon) the socket
 * on which systemctl speaks to the manager. Not sd_bus_open_user: the session
 * bus of $DBUS_SESSION_BUS_ADDRESS may be one without a systemd.
 */
static int connect_manager(sd_bus **ret, struct err *err)
{
	static const struct {
		const char
			*socket[2]; /* of the user's manager, of the host's */
		bool bus_client;
	} ways[] = {
		{ { "/bus", "/dbus/system_bus_socket" }, true },
		{ { "/systemd/private", "/systemd/private" }, false },
	};
	char runtime[256] = "/run", address[320];
	bool root = !geteuid();
	int r = -ENOENT;

	if (!root && !cg_user_runtime(runtime, sizeof(runtime)))
		return err_set(err, 0,
			       "no systemd user manager runs for "
			       "uid %u: enable lingering",
			       (unsigned)geteuid());
	/* In an address, these would begin another one, or an option. */
	if (strpbrk(runtime, ",;%:="))
		return err_set(err, 0, "XDG_RUNTIME_DIR has a strange name");
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]) && r < 0; i++) {
		snprintf(address, sizeof(address), "unix:path=%s%s", runtime,
			 ways[i].socket[root]);
		r = connect_to(address, ways[i].bus_client, ret);
	}
	return r < 0 ? err_set(err, -r, "connect to systemd at %s", runtime)
		     : 0;
}

/* JobRemoved: id, job, unit, result (org.freedesktop.systemd1(5)) */
static int removed(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	const char *job, *unit, *result;
	struct job *wait = arg;
	uint32_t id;

	(void)error;
	if (lib.sd_bus_message_read(m, "uoss", &id, &job, &unit, &result) < 0)
		return 0;
	if (!strcmp(unit, wait->unit)) {
		wait->over = true;
		wait->done = !strcmp(result, "done");
	}
	return 0;
}

/*
 * PID 0 is the sender, whom systemd asks the kernel for: right even when we
 * have another number in the manager's PID namespace.
 */
static int request(sd_bus *bus, const char *unit, struct err *err)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *m = NULL, *reply = NULL;
	int r;

	r = lib.sd_bus_message_new_method_call(bus, &m, SERVICE, OBJECT,
					       MANAGER, "StartTransientUnit");
	if (r >= 0)
		r = lib.sd_bus_message_append(
			m, "ssa(sv)a(sa(sv))", unit, "fail", 4,     /* */
			"Description", "s", "cell made by cloison", /* */
			"Delegate", "b", 1,                         /* */
			"CollectMode", "s", "inactive-or-failed",   /* */
			"PIDs", "au", 1, (uint32_t)0, 0);
	if (r >= 0)
		r = lib.sd_bus_call(bus, m, PATIENCE, &error, &reply);
	if (r < 0)
		err_set(err, error.message ? 0 : -r, "systemd: start %s%s%s",
			unit, error.message ? ": " : "",
			error.message ? error.message : "");
	lib.sd_bus_error_free(&error);
	lib.sd_bus_message_unref(reply);
	lib.sd_bus_message_unref(m);
	return r < 0 ? -1 : 0;
}

static int wait_for(sd_bus *bus, const struct job *job, struct err *err)
{
	uint64_t end = now() + PATIENCE;

	while (!job->over) {
		uint64_t t = now();
		int r = lib.sd_bus_process(bus, NULL);

		if (!r && t < end)
			r = lib.sd_bus_wait(bus, end - t);
		else if (!r)
			r = -ETIMEDOUT;
		if (r < 0 && r != -EINTR)
			return err_set(err, -r, "systemd: wait for %s",
				       job->unit);
	}
	if (!job->done)
		return err_set(err, 0, "systemd: %s did not start", job->unit);
	return 0;
}

static int start(sd_bus *bus, const char *unit, struct err *err)
{
	struct job job = { .unit = unit };
	int r = lib.sd_bus_match_signal(bus, NULL, SERVICE, OBJECT, MANAGER,
					"JobRemoved", removed, &job);

	/* Without a subscriber the manager sends no signals on a bus. */
	if (r >= 0)
		r = lib.sd_bus_call_method(bus, SERVICE, OBJECT, MANAGER,
					   "Subscribe", NULL, NULL, NULL);
	if (r < 0)
		return err_set(err, -r, "systemd: subscribe");
	if (request(bus, unit, err))
		return -1;
	return wait_for(bus, &job, err);
}

int cg_scope_start(const char *name, char *ret, size_t size, struct err *err)
{
	char unit[UNIT_SIZE];
	sd_bus *bus = NULL;
	const char *last;
	int r;

	if (LAZY_LOAD(lib, SYSTEMD_SONAME, SYSTEMD, err) ||
	    connect_manager(&bus, err))
		return -1;
	cg_scope_name(name, unit, sizeof(unit));
	r = start(bus, unit, err);
	/* The match, and `job` with it, ends with the connection. */
	lib.sd_bus_flush_close_unref(bus);
	if (r || cg_of("self", ret, size, err))
		return -1;
	last = strrchr(ret, '/');
	if (!last || strcmp(last + 1, unit) != 0)
		return err_set(err, 0, "systemd started %s but left us in %s",
			       unit, ret);
	return 0;
}

/* "/a/cloison-x.scope/b": the unit, and "/b". */
static int split(const char *path, char *unit, size_t size,
		 const char **ret_rest, struct err *err)
{
	static const char suffix[] = ".scope";

	for (const char *p = path; *p == '/'; p += 1 + strcspn(p + 1, "/")) {
		size_t len = strcspn(p + 1, "/"), end = strlen(suffix);

		if (len < end || len >= size ||
		    strncmp(p + 1 + len - end, suffix, end) != 0)
			continue;
		snprintf(unit, size, "%.*s", (int)len, p + 1);
		*ret_rest = p + 1 + len;
		return 0;
	}
	return err_set(err, EPERM, "%s is below no scope of systemd's", path);
}

int cg_scope_attach(const char *path, struct err *err)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	char unit[UNIT_SIZE];
	const char *rest = "";
	sd_bus *bus = NULL;
	int r;

	if (split(path, unit, sizeof(unit), &rest, err) ||
	    LAZY_LOAD(lib, SYSTEMD_SONAME, SYSTEMD, err) ||
	    connect_manager(&bus, err))
		return -1;
	r = lib.sd_bus_call_method(bus, SERVICE, OBJECT, MANAGER,
				   "AttachProcessesToUnit", &error, NULL,
				   "ssau", unit, rest, 1, (uint32_t)0);
	if (r < 0)
		err_set(err, error.message ? 0 : -r, "systemd: %s%s%s", unit,
			error.message ? ": " : "",
			error.message ? error.message : "");
	lib.sd_bus_error_free(&error);
	lib.sd_bus_flush_close_unref(bus);
	return r < 0 ? -1 : 0;
}
