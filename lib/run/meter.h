/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RUN_METER_H
#define RUN_METER_H

#include "base/err.h"
#include "run/shared.h"

/*
 * How full scratch is and has been, by looking at it now and then: the kernel
 * keeps no peak of a file system and tells nobody when one is full. It is
 * looked at after 1, 2, 4, 8 and then every 10 seconds, and when the payload
 * has ended. Results go to the page that is shared with the supervisor.
 */
struct meter {
	int fd;    /* in scratch, for fstatfs(2); -1: nothing to look at */
	int timer; /* readable when it is time for meter_take; or -1 */
	unsigned interval;
	struct cell_shared *shared;
};

/* Begin; `fd` stays the caller's. */
int meter_open(struct meter *m, int fd, struct cell_shared *shared,
	       struct err *err);

/* Look, and set the timer anew. */
void meter_take(struct meter *m);

#endif
