/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COLLECTOR_STATS_H
#define COLLECTOR_STATS_H

#include <stdint.h>

#include "base/err.h"
#include "base/pool.h"
#include "collector/conf.h"
#include "collector/frame.h"

/* Counters of this process, in OpenMetrics' text format. From any thread. */
enum stats {
	STAT_FATE, /* and one each of enum frame_fate */
	STAT_BATCHES = STAT_FATE + FATES,
	STAT_LAST,
	STAT_SENDS_FAILED,
	STAT_FILES_BAD,
	STAT_CONNECTIONS,
	STAT_OPEN,
	STAT_FULL,
	STAT_TIMEOUT,
	STAT_MALFORMED,
	STAT_OVERSIZED,
	STAT_COMMITS,
	STAT_COMMITS_FAILED,
	STAT_EXPIRED,
	STAT_WAITING,
	STATS
};

void stats_add(enum stats which, int64_t n);
void stats_set(enum stats which, int64_t value);

/* What the role counts. */
const char *stats_print(enum conf_role role, struct pool *pool);

/* Copy what the process at the socket says to stdout. */
int stats_ask(const char *socket, struct err *err);

#endif
