/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <sys/timerfd.h>
#include <time.h>

#include "run/meter.h"

enum {
	INTERVAL_MAX = 10, /* seconds */
	/* A quota is refused with less than this left, for what the file
	 * system itself may come to need. */
	QUOTA_SLACK = 64 * 1024,
};

static void look(const struct meter *m)
{
	struct cell_shared *s = m->shared;
	struct statfs fs;
	uint64_t left, used;

	if (fstatfs(m->fd, &fs))
		return;
	left = fs.f_bfree * (uint64_t)fs.f_bsize;
	used = (fs.f_blocks - fs.f_bfree) * (uint64_t)fs.f_bsize;
	if (used > s->scratch_peak)
		s->scratch_peak = used;
	if (left <= (fs.f_type == TMPFS_MAGIC ? 0 : QUOTA_SLACK) ||
	    (fs.f_files && !fs.f_ffree))
		s->scratch_full = true;
	s->scratch_seen = true;
}

static int rearm(struct meter *m)
{
	const struct itimerspec in = { .it_value.tv_sec = m->interval };

	m->interval *= 2;
	if (m->interval > INTERVAL_MAX)
		m->interval = INTERVAL_MAX;
	return timerfd_settime(m->timer, 0, &in, NULL);
}

int meter_open(struct meter *m, int fd, struct cell_shared *shared,
	       struct err *err)
{
	*m = (struct meter){
		.fd = fd, .timer = -1, .interval = 1, .shared = shared
	};
	if (fd < 0)
		return 0;
	m->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (m->timer < 0 || rearm(m))
		return err_set(err, errno, "make a timer");
	return 0;
}

void meter_take(struct meter *m)
{
	if (m->fd < 0)
		return;
	look(m);
	rearm(m);
}
