/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "collector/log.h"
#include "collector/service.h"
#include "collector/stats.h"

/* One answer to who asks for the counters. */
struct answer {
	uv_pipe_t pipe;
	uv_write_t write;
	struct pool pool;
};

static void answer_closed(uv_handle_t *handle)
{
	struct answer *a = handle->data;

	pool_free(&a->pool);
	free(a);
}

static void answer_written(uv_write_t *write, int status)
{
	struct answer *a = write->data;

	(void)status;
	uv_close((uv_handle_t *)&a->pipe, answer_closed);
}

/* It fits what the kernel buffers: nobody can keep us waiting. */
static void on_ask(uv_stream_t *server, int status)
{
	struct service *s = server->data;
	struct answer *a = calloc(1, sizeof(*a));
	const char *text;
	uv_buf_t buf;

	if (!a)
		abort();
	a->pipe.data = a->write.data = a;
	uv_pipe_init(&s->loop, &a->pipe, 0);
	if (status < 0 || uv_accept(server, (uv_stream_t *)&a->pipe)) {
		uv_close((uv_handle_t *)&a->pipe, answer_closed);
		return;
	}
	text = stats_print(s->role, &a->pool);
	buf = uv_buf_init((char *)text, (unsigned)strlen(text));
	uv_write(&a->write, (uv_stream_t *)&a->pipe, &buf, 1, answer_written);
}

/* Its directory is made at need; what a dead process left is removed. */
static int listen_stats(struct service *s, struct err *err)
{
	char dir[108];
	char *slash;
	int e;

	if (!s->stats_path)
		return 0;
	if (strlen(s->stats_path) >= sizeof(dir))
		return err_set(err, ENAMETOOLONG, "stats %s", s->stats_path);
	strcpy(dir, s->stats_path);
	slash = strrchr(dir, '/');
	if (slash && slash != dir) {
		*slash = '\0';
		if (mkdir(dir, 0755) && errno != EEXIST)
			return err_set(err, errno, "make %s for stats", dir);
	}
	unlink(s->stats_path);
	e = uv_pipe_bind(&s->stats, s->stats_path);
	if (!e)
		e = uv_listen((uv_stream_t *)&s->stats, 16, on_ask);
	if (e)
		return err_set(err, -e, "listen at %s", s->stats_path);
	/* Numbers, and nothing of anybody. */
	if (chmod(s->stats_path, 0666))
		return err_set(err, errno, "chmod %s", s->stats_path);
	return 0;
}

void service_stop(struct service *s)
{
	if (s->stopping)
		return;
	s->stopping = true;
	sd_notify(0, "STOPPING=1");
	log_line(LOG_LEVEL_INFO, NULL, "event=stop role=%s",
		 conf_roles[s->role]);
	uv_close((uv_handle_t *)&s->term, NULL);
	uv_close((uv_handle_t *)&s->intr, NULL);
	uv_close((uv_handle_t *)&s->watchdog, NULL);
	uv_close((uv_handle_t *)&s->stats, NULL);
	if (s->stats_path)
		unlink(s->stats_path);
	s->stop(s->arg);
}

static void on_signal(uv_signal_t *handle, int number)
{
	(void)number;
	service_stop(handle->data);
}

static void on_watchdog(uv_timer_t *timer)
{
	(void)timer;
	sd_notify(0, "WATCHDOG=1");
}

int service_start(struct service *s, enum conf_role role, const char *stats,
		  void (*stop)(void *arg), void *arg, struct err *err)
{
	uint64_t every_us;

	s->role = role;
	s->stats_path = stats;
	s->stop = stop;
	s->arg = arg;
	signal(SIGPIPE, SIG_IGN);
	/* A limit on the size of files is to be as a full disk. */
	signal(SIGXFSZ, SIG_IGN);
	uv_loop_init(&s->loop);
	uv_signal_init(&s->loop, &s->term);
	uv_signal_init(&s->loop, &s->intr);
	uv_timer_init(&s->loop, &s->watchdog);
	uv_pipe_init(&s->loop, &s->stats, 0);
	s->term.data = s->intr.data = s->stats.data = s;
	uv_signal_start(&s->term, on_signal, SIGTERM);
	uv_signal_start(&s->intr, on_signal, SIGINT);
	if (sd_watchdog_enabled(0, &every_us) > 0)
		uv_timer_start(&s->watchdog, on_watchdog, 0,
			       every_us / 2000 ? every_us / 2000 : 1);
	return listen_stats(s, err);
}

void service_run(struct service *s)
{
	log_line(LOG_LEVEL_INFO, NULL, "event=start role=%s version=%s",
		 conf_roles[s->role], PACKAGE_VERSION);
	sd_notify(0, "READY=1");
	uv_run(&s->loop, UV_RUN_DEFAULT);
	uv_loop_close(&s->loop);
}
