/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COLLECTOR_SHIP_H
#define COLLECTOR_SHIP_H

#include "base/err.h"
#include "collector/conf.h"

/*
 * The role on nodes: everything that appears in the caller's spool goes to the
 * collector, and a file is removed once the collector has signed that its
 * record is stored. Ends at SIGTERM or SIGINT.
 */
int ship_run(const struct conf *conf, void (*ready)(void), struct err *err);

/*
 * Print the first of the collectors that answers, within five seconds each.
 * Without any in the configuration: nothing.
 */
int ship_ping(const struct conf *conf, struct err *err);

#endif
