/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COLLECTOR_SERVICE_H
#define COLLECTOR_SERVICE_H

#include <stdbool.h>
#include <uv.h>

#include "base/err.h"
#include "collector/conf.h"

/*
 * What both roles have: an event loop that ends at SIGTERM or SIGINT, the
 * socket that tells the counters, and systemd, which hears of the start, of
 * the end and now and then of its being alive (sd_notify(3)).
 */
struct service {
	uv_loop_t loop;
	enum conf_role role;
	/* Called once in the loop: close what is open there. */
	void (*stop)(void *arg);
	void *arg;
	bool stopping;
	uv_signal_t term, intr;
	uv_timer_t watchdog;
	uv_pipe_t stats;
	const char *stats_path;
};

int service_start(struct service *s, enum conf_role role, const char *stats,
		  void (*stop)(void *arg), void *arg, struct err *err);

/* Until all handles of the loop are closed. */
void service_run(struct service *s);

/* The same as a SIGTERM, from within the loop. */
void service_stop(struct service *s);

#endif
