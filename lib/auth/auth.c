/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <limits.h>
#include <munge.h>
#include <stdlib.h>
#include <string.h>

#include "auth/auth.h"
#include "base/lazy.h"

#define MUNGE(X)              \
	X(munge_encode)       \
	X(munge_decode)       \
	X(munge_strerror)     \
	X(munge_ctx_create)   \
	X(munge_ctx_set)      \
	X(munge_ctx_get)      \
	X(munge_ctx_strerror) \
	X(munge_ctx_destroy)
LAZY_TABLE(munge, MUNGE);

/* What munged's answers mean. What is not here is AUTH_INVALID. */
static const struct verdict {
	munge_err_t code;
	enum auth_verdict verdict;
	const char *text;
} verdicts[] = {
	{ EMUNGE_SUCCESS, AUTH_OK, "" },
	{ EMUNGE_CRED_EXPIRED, AUTH_EXPIRED, "it has expired: sign it again" },
	{ EMUNGE_CRED_REWOUND, AUTH_EXPIRED,
	  "it was signed in the future: set the clocks of both hosts, then sign it again" },
	{ EMUNGE_CRED_REPLAYED, AUTH_REPLAYED,
	  "it was shown here before: sign it again if it has to count" },
	{ EMUNGE_CRED_INVALID, AUTH_INVALID,
	  "it was altered, or signed with another MUNGE key: compare the keys of both hosts" },
	{ EMUNGE_CRED_UNAUTHORIZED, AUTH_INVALID,
	  "it was made for another user" },
	{ EMUNGE_BAD_CRED, AUTH_INVALID, "it is not a MUNGE credential" },
	{ EMUNGE_SOCKET, AUTH_UNAVAILABLE, "" },
	{ EMUNGE_TIMEOUT, AUTH_UNAVAILABLE, "" },
	{ EMUNGE_NO_MEMORY, AUTH_UNAVAILABLE, "" },
};

static struct verdict verdict_of(munge_err_t code)
{
	const struct verdict other = { code, AUTH_INVALID, "" };

	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
		if (verdicts[i].code == code)
			return verdicts[i];
	return other;
}

/* Say what failed, in the words of libmunge where there are none of ours. */
static int report(munge_ctx_t ctx, munge_err_t code, struct err *err)
{
	struct verdict v = verdict_of(code);
	const char *text = munge.munge_ctx_strerror(ctx);
	char *socket = NULL;

	if (*v.text)
		return err_set(err, 0, "%s", v.text);
	err_set(err, 0, "MUNGE: %s", text ? text : munge.munge_strerror(code));
	if (v.verdict != AUTH_UNAVAILABLE)
		return -1;
	munge.munge_ctx_get(ctx, MUNGE_OPT_SOCKET, &socket);
	return err_hint(err, "is munged running, with the socket %s?",
			socket ? socket : "of its default");
}

int auth_load(struct err *err)
{
	if (LAZY_LOAD(munge, MUNGE_SONAME, MUNGE, err))
		return err_hint(err, "install MUNGE's library");
	return 0;
}

static munge_ctx_t context(const char *socket, struct err *err)
{
	munge_ctx_t ctx;

	if (auth_load(err))
		return NULL;
	ctx = munge.munge_ctx_create();
	if (!ctx)
		abort(); /* out of memory, as in a pool */
	if (socket && munge.munge_ctx_set(ctx, MUNGE_OPT_SOCKET, socket)) {
		err_set(err, 0, "MUNGE takes no socket '%s'", socket);
		munge.munge_ctx_destroy(ctx);
		return NULL;
	}
	return ctx;
}

int auth_sign_for(const char *socket, int ttl, uid_t reader,
		  const char *payload, struct pool *pool, const char **ret,
		  struct err *err)
{
	munge_ctx_t ctx = context(socket, err);
	size_t len = strlen(payload);
	munge_err_t e = EMUNGE_BAD_LENGTH;
	char *cred = NULL;

	if (!ctx)
		return -1;
	if (len <= INT_MAX) {
		e = munge.munge_ctx_set(ctx, MUNGE_OPT_TTL, ttl);
		if (!e)
			e = munge.munge_ctx_set(ctx, MUNGE_OPT_UID_RESTRICTION,
						reader);
		if (!e)
			e = munge.munge_encode(&cred, ctx, payload, (int)len);
	}
	if (e)
		report(ctx, e, err);
	else
		*ret = pool_strdup(pool, cred);
	free(cred);
	munge.munge_ctx_destroy(ctx);
	return e ? -1 : 0;
}

int auth_sign(const char *socket, int ttl, const char *payload,
	      struct pool *pool, const char **ret, struct err *err)
{
	return auth_sign_for(socket, ttl, AUTH_ANYBODY, payload, pool, ret,
			     err);
}

int auth_verify(const char *socket, const char *cred, struct pool *pool,
		struct auth_cred *ret, struct err *err)
{
	const struct auth_cred nothing = { .verdict = AUTH_UNAVAILABLE,
					   .uid = (uid_t)-1,
					   .gid = (gid_t)-1 };
	munge_ctx_t ctx = context(socket, err);
	void *payload = NULL;
	munge_err_t e;
	uid_t uid;
	gid_t gid;
	int len;

	*ret = nothing;
	if (!ctx)
		return -1;
	/* An expired or replayed one comes with its payload all the same. */
	e = munge.munge_decode(cred, ctx, &payload, &len, &uid, &gid);
	ret->verdict = verdict_of(e).verdict;
	if (e) {
		report(ctx, e, err);
	} else {
		ret->len = payload ? (size_t)len : 0;
		ret->payload =
			pool_strndup(pool, payload ? payload : "", ret->len);
		ret->uid = uid;
		ret->gid = gid;
		munge.munge_ctx_get(ctx, MUNGE_OPT_ENCODE_TIME, &ret->encoded);
		munge.munge_ctx_get(ctx, MUNGE_OPT_ADDR4, &ret->host);
	}
	free(payload);
	munge.munge_ctx_destroy(ctx);
	return e ? -1 : 0;
}
