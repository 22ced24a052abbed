/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COLLECTOR_COLLECT_H
#define COLLECTOR_COLLECT_H

#include "base/err.h"
#include "collector/conf.h"

/*
 * The role on one host: takes in what ships send, stores what root of a known
 * node or the user himself has signed, and answers when it is on the disk.
 * Ends at SIGTERM or SIGINT.
 */
int collect_run(const struct conf *conf, void (*ready)(void), struct err *err);

#endif
