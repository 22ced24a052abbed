/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "auth/auth.h"
#include "base/cleanup.h"
#include "collector/intake.h"
#include "collector/signed.h"
#include "collector/whole.h"

/* Base64 of the longest record and of what MUNGE puts around it fits. */
enum {
	LINE_SIZE = 2 * RECORD_MAX
};

struct export
{
	struct store *store;
	const struct store_filter *filter;
	const char *socket;
	int ttl;
	FILE *out;
	size_t signed_n, foreign_n;
};

static int export_row(void *arg, const struct store_row *row, struct err *err)
{
	struct export *x = arg;
	struct pool pool = { 0 };
	const char *cred;
	int result;

	if (row->signer != geteuid()) {
		x->foreign_n++;
		return 0;
	}
	result = auth_sign(x->socket, x->ttl, row->text, &pool, &cred, err);
	if (!result) {
		fprintf(x->out, "%s\n", cred);
		x->signed_n++;
	}
	pool_free(&pool);
	return result;
}

static int export_all(void *arg, FILE *out, struct err *err)
{
	struct export *x = arg;

	x->out = out;
	return store_each(x->store, x->filter, export_row, x, err);
}

int signed_export(struct store *store, const struct store_filter *filter,
		  const char *socket, int ttl, const char *file,
		  struct err *err)
{
	struct export x = {
		.store = store, .filter = filter, .socket = socket, .ttl = ttl
	};

	if (whole_write(file, export_all, &x, err))
		return -1;
	fprintf(stderr, "cloison: %zu signed", x.signed_n);
	if (x.foreign_n)
		fprintf(stderr, ", %zu left out that others signed",
			x.foreign_n);
	fputc('\n', stderr);
	return 0;
}

struct import {
	const char *socket;
	size_t new_n, known_n, refused_n;
};

static void refuse(struct import *im, const char *line, struct err *err)
{
	err_prefix(err, "line %s is refused", line);
	fprintf(stderr, "cloison: %s\n", err->text);
	im->refused_n++;
}

static int import_done(void *arg, const char *line, enum store_fate fate,
		       struct err *err)
{
	struct import *im = arg;

	if (fate == STORE_CLASH) {
		err_set(err, 0,
			"a record that somebody else signed has its id");
		refuse(im, line, err);
	} else if (fate == STORE_KNOWN) {
		im->known_n++;
	} else {
		im->new_n++;
	}
	return 0;
}

static int import_line(struct intake *in, const char *label, const char *cred,
		       struct err *err)
{
	struct import *im = in->arg;
	struct pool pool = { 0 };
	struct auth_cred c;
	int result = 1;

	if (!auth_verify(im->socket, cred, &pool, &c, err))
		result = intake_add(in, label, c.payload, c.len, c.uid,
				    STORE_SIGNED, err);
	else if (c.verdict == AUTH_UNAVAILABLE)
		result = err_prefix(err, "line %s", label);
	pool_free(&pool);
	if (result == 1) {
		refuse(im, label, err);
		result = 0;
	}
	return result;
}

/*
 * A line without its end. 0: there is none; 1: here it is; 2: it was too long
 * or had a NUL, and was passed over. However long, it takes LINE_SIZE bytes.
 */
static int read_line(FILE *f, char buf[static LINE_SIZE])
{
	size_t len = 0;
	bool bad = false;
	int c;

	while ((c = getc_unlocked(f)) != EOF && c != '\n') {
		bad |= !c || len == LINE_SIZE - 1;
		if (!bad)
			buf[len++] = (char)c;
	}
	buf[len] = '\0';
	if (c == EOF && !len && !bad)
		return 0;
	return bad ? 2 : 1;
}

static int import_lines(struct intake *in, FILE *f, char *buf, struct err *err)
{
	size_t line = 0;
	int got;

	while ((got = read_line(f, buf))) {
		char label[24];

		snprintf(label, sizeof(label), "%zu", ++line);
		if (got == 2) {
			err_set(err, 0,
				"it is too long, or holds a NUL: not a credential");
			refuse(in->arg, label, err);
		} else if (*buf && import_line(in, label, buf, err)) {
			return -1;
		}
	}
	if (ferror(f))
		return err_set(err, errno, "read line %zu", line + 1);
	return 0;
}

/* What was verified is kept whatever stops the rest: munged remembers it. */
static int import_stream(struct intake *in, FILE *f, struct err *err)
{
	static char buf[LINE_SIZE];
	struct err later;
	int result;

	result = import_lines(in, f, buf, err);
	if (intake_flush(in, result ? &later : err)) {
		if (result)
			err_hint(err, "%s", later.text);
		result = -1;
	}
	return result;
}

int signed_import(struct store *store, const char *socket, const char *file,
		  struct err *err)
{
	struct import im = { .socket = socket };
	struct intake in = { .store = store, .done = import_done, .arg = &im };
	cleanup_file FILE *opened = file ? fopen(file, "re") : NULL;
	int result;

	if (file && !opened)
		return err_set(err, errno, "open %s", file);
	result = import_stream(&in, file ? opened : stdin, err);
	fprintf(stderr,
		"cloison: %zu imported, %zu already known, %zu refused\n",
		im.new_n, im.known_n, im.refused_n);
	if (result)
		return -1;
	return im.refused_n ? 1 : 0;
}
