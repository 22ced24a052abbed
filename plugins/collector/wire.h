/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COLLECTOR_WIRE_H
#define COLLECTOR_WIRE_H

#include "base/err.h"
#include "collector/conf.h"
#include "collector/frame.h"

/*
 * Ship's end of a connection. Every call ends in time: by its own deadline, or
 * as soon as the descriptor `stop` can be read (err->num is ECANCELED then).
 */
struct wire {
	int fd; /* -1: not connected */
	int stop;
};

/* Connect and exchange hellos. */
int wire_connect(struct wire *wire, const struct conf_place *to,
		 struct err *err);

int wire_send(struct wire *wire, enum frame_type type, const void *body,
	      size_t len, struct err *err);

/* A frame, its body from the pool with a NUL behind it. */
int wire_receive(struct wire *wire, struct frame *ret, struct pool *pool,
		 char **ret_body, struct err *err);

void wire_close(struct wire *wire);

/* Wait for `fd` to be readable: 1; 0: not within `ms`; -1: stopped. */
int wire_wait(int stop, int fd, int ms);

#endif
