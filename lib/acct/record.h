/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ACCT_RECORD_H
#define ACCT_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/pool.h"
#include "cg/cg.h"

#define RECORD_SCHEMA "cloison.record/1"

/*
 * A record's text is never longer: longer strings from users are cut, and of
 * more than RECORD_PAIRS tags or limits the rest is left out. Refusing them
 * would let a user escape accounting.
 */
enum {
	RECORD_MAX = 64 * 1024,
	RECORD_PAIRS = 64,
	RECORD_TASKS = 256
};

struct record_pair {
	const char *key, *value;
};

/*
 * Tasks of a step that are next to each other on the node, by rank, and ended
 * the same way: `count` of them, from rank `first` to `last`.
 */
struct record_tasks {
	int64_t first, last, count;
	int64_t code, signal; /* one of them, the other -1 */
};

/*
 * One cell's account, the JSON object of cloison-record(5). Pointers that are
 * NULL and numbers that are -1 were not measured and do not appear.
 */
struct record {
	const char *id; /* unique; [0-9a-z-], at most 64 */
	struct {
		const char *name;    /* "slurm", "none", ... */
		const char *cluster; /* as the scheduler calls it */
		const char *job, *step;
		int64_t restart; /* of a job that was requeued: from 1 */
		const char *job_name, *queue, *project;
	} scheduler;
	const char *node;
	struct {
		const char *name;
		int64_t uid, gid;
		const char *account;
		int64_t login_uid, sudo_uid; /* of who became root */
	} user;
	struct {
		const char *profile;
		const char *namespaces; /* "user mnt pid ..." */
		const char *boot_id;
	} cell;
	struct {
		int64_t start_us, end_us; /* since the epoch */
		int64_t wall_us;          /* monotonic */
		int64_t setup_us; /* start to the payload's first step */
	} time;
	struct {
		int64_t code, signal; /* one of them, or neither */
		const char *reason;   /* "exited", "signaled", "oom", ... */
		struct record_tasks *tasks; /* by rank */
		size_t n_tasks;
	} exit;
	struct {
		int64_t count; /* of CPUs the cell may use */
		const char *cpuset;
		const char *policy; /* by which they were picked */
		int64_t setup_us;   /* used before the payload's first step */
	} cpu;
	struct cg_usage usage; /* cpu, memory, pids, io, pressure */
	struct {
		int64_t limit;       /* bytes */
		int64_t max_process; /* ru_maxrss of the biggest, bytes */
		const char *nodes;   /* NUMA nodes bound to */
		const char *policy;  /* where it came from: "local", ... */
		const char *victim;  /* whom the kernel chose to kill */
		int64_t victim_pid;
	} memory;
	struct {
		int64_t limit, peak; /* bytes */
		int64_t full;        /* 1: no room was left, when looked at */
		const char *error;   /* why files were not collected */
	} scratch;
	struct {
		int64_t rx, tx; /* bytes */
	} net;
	/* Limits by name; a limit asked and not enforced says why. */
	struct {
		struct record_pair *asked;
		size_t n_asked;
		struct record_pair *enforced;
		size_t n_enforced;
		struct record_pair *missing;
		size_t n_missing;
	} limits;
	struct record_pair *tags;
	size_t n_tags;
};

/* All strings NULL, all numbers -1. */
void record_init(struct record *ret);

/* A fresh id: time-ordered and random, a UUID of version 7 (RFC 9562). */
int record_id(char ret[static 65], struct err *err);

/* Whether `id` is 1 to 64 of [0-9a-z-]. */
bool record_id_valid(const char *id);

/*
 * The JSON text, in one line, from `pool`. Bytes that are not UTF-8 are
 * replaced by U+FFFD. A record without a valid id is an error. Loads
 * libjson-c.
 */
int record_format(const struct record *record, struct pool *pool,
		  const char **ret, struct err *err);

/*
 * Load ahead of time what record_format otherwise loads at its first use. What
 * fails here fails again there.
 */
void record_foresee(void);

/*
 * Text to record; unknown members are passed over (later schemas add them),
 * wrong types, a foreign schema, a bad id or a text over RECORD_MAX refused.
 * The text is believed in nothing. After a failure `ret` means nothing.
 */
int record_parse(const char *text, size_t len, struct pool *pool,
		 struct record *ret, struct err *err);

/*
 * record_parse, and the same JSON object again in one line of strict JSON
 * (RFC 8259), whatever json-c let pass, with its unknown members and without
 * `signer` and `source`, which only a store may add.
 */
int record_rewrite(const char *text, size_t len, struct pool *pool,
		   struct record *ret, const char **ret_text, struct err *err);

/*
 * Call `fn` for every member with one value, in the order of the schema:
 * its dotted name ("memory.peak_bytes") and its text from `pool`, which is
 * NULL for a member that is absent. Tags, limits and tasks are left out.
 */
void record_each(const struct record *record, struct pool *pool,
		 void (*fn)(void *arg, const char *name, const char *text),
		 void *arg);

/*
 * The length of the well-formed UTF-8 sequence at `s`, and its code point;
 * 0 when there is none.
 */
size_t record_utf8(const char *s, size_t len, uint32_t *ret);

#endif
