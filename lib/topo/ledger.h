/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TOPO_LEDGER_H
#define TOPO_LEDGER_H

#include <sys/types.h>

#include "base/proc.h"
#include "topo/topo.h"

/*
 * Which CPUs the cells of this node have: a file "cloison-cpus-ID" for each
 * cell that has picked some, in one of
 *
 *	/run/cloison/cpus	root's, 0755; for users, too, where it is 1777
 *	/tmp			users'
 *
 * Both are read by all, and believed only where root owns them and nobody can
 * remove what is another's. A file is a claim as long as its first byte is
 * locked (fd_lock), which the kernel ends with the last process of a cell, so
 * that there is nothing to rebuild. It has one line:
 *
 *	cloison.cpus/1 PIDNS PID START CPUS USER JOB
 *
 * Nobody can claim for another: PID has to be a process of the file's owner,
 * started at START, and no more of CPUS counts than its affinity has. Claims
 * of other PID namespaces, whose numbers mean nothing here, do not count, nor
 * does that of a cell which the caller itself runs in. Where /proc hides the
 * processes of others (hidepid), a claim is believed without PID.
 *
 * Nobody can keep others waiting, either: there is no lock around picking. Who
 * has picked puts up his claim and looks again: of two at the same time at
 * least the second sees the other, and gives way.
 */
struct topo_claim {
	const char *id;   /* of the cell, as for record_id_valid */
	const char *cpus; /* kernel list */
	uid_t owner;
	const char *user, *job; /* the owner's word; job may be NULL */
};

struct topo_claims {
	struct topo_claim *claim; /* by id */
	size_t n;
};

/* The directories above, with NULL behind; root's first. */
extern const char *const topo_ledger[];

/* A claim of our own. */
struct topo_hold {
	int fd;  /* locked; who inherits it holds the claim, too */
	int dir; /* where it lies */
	char name[96];
};
#define TOPO_HOLD_INIT              \
	{                           \
		.fd = -1, .dir = -1 \
	}

/* All claims that count against the caller. Looks, and locks nothing. */
void topo_claims_probe(const char *const *ledger, struct pool *pool,
		       struct topo_claims *ret);

/*
 * Put up a claim; `owner` is the caller. 1: somebody has claimed one of these
 * cores, or threads, meanwhile, nothing is claimed, and the caller is to pick
 * again; not looked for if `shared`. -1: no directory can be used, or it is
 * full.
 */
int topo_claim_create(const char *const *ledger, const struct topo *topo,
		      const struct topo_claim *claim, enum topo_unit unit,
		      bool shared, struct topo_hold *ret, struct err *err);
void topo_claim_remove(struct topo_hold *hold);

/* Remove what the dead have left: the caller's own; for root, everybody's. */
void topo_claims_sweep(const char *const *ledger);

/*
 * The PUs in `allowed` (NULL for all) that have less than `depth` claims, on
 * themselves or, if the unit is a core, on any PU of theirs. Pure.
 */
int topo_free(const struct topo *topo, const char *allowed,
	      const struct topo_claims *claims, enum topo_unit unit,
	      unsigned depth, struct pool *pool, const char **ret,
	      struct err *err);

/* Whether two kernel lists have a CPU in common. Pure. */
bool topo_overlap(const char *a, const char *b);

/* For tests: the line of a claim, which is changed. Pure. */
struct topo_claim_line {
	struct topo_claim claim;
	unsigned long long pidns;
	struct proc holder;
};
int topo_claim_parse(char *line, struct topo_claim_line *ret);

#endif
