/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <limits.h>
#include <string.h>

#include "plan/build.h"

enum {
	HOLDERS = 145, /* bytes of a message that name them */
	SHORT_ID = 8,  /* as cloison ls has it */
	LEVELS = 8,    /* of sharing; more claims than that are all one */
};

static const char *holder(const struct build *b, const struct topo_claim *c)
{
	size_t len = strlen(c->id);

	return pool_printf(b->pool, "%s by cell %s (%s, uid %u%s%s)", c->cpus,
			   c->id + (len > SHORT_ID ? len - SHORT_ID : 0),
			   c->user, c->owner, c->job ? ", job " : "",
			   c->job ? c->job : "");
}

/* Who has what the caller might use, as far as that fits a message. */
static const char *holders(const struct build *b, const char *allowed)
{
	const struct host *host = b->host;
	const char *text = "";
	size_t more = 0;

	for (size_t i = 0; i < host->claims.n; i++) {
		const struct topo_claim *c = &host->claims.claim[i];
		const char *one;

		if (!topo_overlap(c->cpus, allowed))
			continue;
		one = more ? "" : holder(b, c);
		if (more || (*text && strlen(text) + strlen(one) > HOLDERS))
			more++;
		else
			text = pool_printf(b->pool, "%s%s%.*s", text,
					   *text ? "; " : "", HOLDERS, one);
	}
	return more ? pool_printf(b->pool, "%s; %zu more", text, more) : text;
}

static int taken(const struct build *b, const char *allowed, const char *what,
		 const char *left, struct err *err)
{
	err_set(err, 0, "%s wanted, %s%s: CPUs %s (site file: cores = share)",
		what, *left ? "free are CPUs " : "none is free", left,
		holders(b, allowed));
	return 1;
}

static const char *amount(const struct build *b, const struct topo_want *want)
{
	static const char *const units[] = {
		[TOPO_CORE] = "core", [TOPO_THREAD] = "thread"
	};

	return pool_printf(b->pool, "%u %s%s", want->n, units[want->unit],
			   want->n == 1 ? "" : "s");
}

/* Those in `allowed` that less than `depth` others have. */
static int others_left(const struct build *b, const char *allowed,
		       enum topo_unit unit, unsigned depth, const char **ret,
		       struct err *err)
{
	return topo_free(&b->host->topo, allowed, &b->host->claims, unit, depth,
			 b->pool, ret, err);
}

/*
 * Those that no other cell of the node has; or, if the site lets cells share,
 * those that the fewest have.
 */
int build_cores(const struct build *b, const char *allowed,
		const struct topo_want *want, struct plan *plan,
		struct err *err)
{
	const struct topo *topo = &b->host->topo;
	const char *all, *left;

	if (others_left(b, allowed, want->unit, UINT_MAX, &all, err))
		return -1;
	for (unsigned depth = 1;;
	     depth = depth < LEVELS ? depth + 1 : UINT_MAX) {
		if (others_left(b, allowed, want->unit, depth, &left, err))
			return -1;
		plan->claim = depth > 1                   ? CLAIM_SHARED
			      : want->unit == TOPO_THREAD ? CLAIM_THREADS
							  : CLAIM_CORES;
		if (!topo_pick(topo, left, want, b->pool, &plan->topo, err))
			return 0;
		plan->claim = CLAIM_NONE;
		/* Not for what others have, but for what there is. */
		if (!strcmp(left, all))
			return -1;
		if (!b->site->share_cores)
			break;
	}
	/* More than there are at all are not in anybody's way. */
	if (topo_pick(topo, all, want, b->pool, &plan->topo, err))
		return -1;
	plan->topo = (struct topo_plan){ 0 };
	return taken(b, allowed, amount(b, want), left, err);
}

/* Who names CPUs means these, not the rest of their cores. */
int build_claim(const struct build *b, const char *allowed, struct plan *plan,
		struct err *err)
{
	const char *all, *left;

	if (others_left(b, allowed, TOPO_THREAD, UINT_MAX, &all, err) ||
	    others_left(b, allowed, TOPO_THREAD, 1, &left, err))
		return -1;
	plan->claim = CLAIM_THREADS;
	if (!strcmp(left, all))
		return 0;
	plan->claim = b->site->share_cores ? CLAIM_SHARED : CLAIM_NONE;
	if (b->site->share_cores)
		return 0;
	return taken(b, allowed, pool_printf(b->pool, "CPUs %s", allowed), left,
		     err);
}
