/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include <netinet/in.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

#include "base/err.h"
#include "base/pool.h"

/*
 * Who signed what, by MUNGE (munge(7), munge(3), munge_ctx(3)). A credential
 * says which uid on which trusted host made it: within one realm, that is the
 * hosts with the same key, and there a uid means the same person everywhere.
 * Nothing here tells two realms with the same key apart.
 *
 * libmunge is loaded at the first call; who calls from several threads calls
 * auth_load before. `socket` is munged's, or NULL for the
 * one that libmunge was built with. Calls block until munged has answered; a
 * munged that is not there takes a few tenths of a second.
 */

/* Times to live other than seconds, as in munge_ctx(3). munged lowers more. */
enum {
	AUTH_TTL_MAX = -1,
	AUTH_TTL_DEFAULT = 0
};

enum auth_verdict {
	AUTH_OK,
	AUTH_EXPIRED,     /* genuine, too old or from the future */
	AUTH_REPLAYED,    /* genuine, but shown on this host before */
	AUTH_INVALID,     /* altered, of another realm, or no credential */
	AUTH_UNAVAILABLE, /* nothing is known: munged did not answer */
};

/* Who may open it: everybody who has the key. */
#define AUTH_ANYBODY ((uid_t)-1)

/* A credential opened. All but the verdict is set for AUTH_OK only. */
struct auth_cred {
	enum auth_verdict verdict;
	const char *payload; /* from the pool; a NUL follows */
	size_t len;
	uid_t uid; /* who signed */
	gid_t gid;
	time_t encoded; /* when */
	/* Where: what the signing host's munged takes for its own address. */
	struct in_addr host;
};

int auth_load(struct err *err);

/*
 * A credential with `payload` (text) in the caller's name, one line without
 * blanks, good for `ttl` seconds. munged takes payloads below one mebibyte.
 */
int auth_sign(const char *socket, int ttl, const char *payload,
	      struct pool *pool, const char **ret, struct err *err);

/* The same for one reader's eyes: anybody else's munged refuses to open it. */
int auth_sign_for(const char *socket, int ttl, uid_t reader,
		  const char *payload, struct pool *pool, const char **ret,
		  struct err *err);

/*
 * Open a credential, once: munged remembers it until it expires. 0 when the
 * verdict is AUTH_OK, otherwise -1 and `err` says why and what to do.
 */
int auth_verify(const char *socket, const char *cred, struct pool *pool,
		struct auth_cred *ret, struct err *err);

#endif
