/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "found.h"

struct look {
	struct finds *finds;
	char *const *words;
	bool *used;
	bool dead;
};

static bool meant(const struct look *l, const struct entry *e)
{
	bool any = !*l->words;

	for (size_t i = 0; l->words[i]; i++)
		if (survey_means(&l->finds->survey, e, l->words[i]))
			any = l->used[i] = true;
	return any;
}

static const char *name_of(uid_t uid, struct pool *pool)
{
	const struct passwd *pw = getpwuid(uid);

	return pw ? pool_strdup(pool, pw->pw_name)
		  : pool_printf(pool, "%u", uid);
}

static int take(void *arg, const struct place *place, const char *name,
		const struct entry *e, struct err *err)
{
	struct look *l = arg;
	struct finds *f = l->finds;
	struct found found;

	if (!e) {
		fprintf(stderr, "cloison: %s/%s: %s\n", place->path, name,
			err->text);
		return 0;
	}
	if (geteuid() && e->uid != geteuid())
		return 0;
	found.entry = *e;
	/* A user can call himself what he likes. */
	if (e->owner)
		found.entry.user = name_of(e->owner, &f->pool);
	survey_cell(&f->survey, &f->host, e, &found.now);
	/* By the number that it has here. */
	if (found.now.init)
		found.entry.init.pid = found.now.init->pid;
	if ((found.now.alive || l->dead) && meant(l, e))
		*(struct found *)pool_push(&f->pool, &f->list, &f->n,
					   sizeof(found)) = found;
	return 0;
}

static int at_place(void *arg, const struct place *place, struct err *err)
{
	struct look *l = arg;

	return entries_each(place, &l->finds->pool, take, l, err);
}

static int by_age(const void *a, const void *b)
{
	return strcmp(((const struct found *)a)->entry.id,
		      ((const struct found *)b)->entry.id);
}

int found_look(char *const words[], bool dead, struct finds *ret,
	       struct err *err)
{
	struct look l = { .finds = ret, .words = words, .dead = dead };
	size_t n = 0;

	*ret = (struct finds){ 0 };
	while (words[n])
		n++;
	l.used = pool_alloc(&ret->pool, (n + 1) * sizeof(*l.used));
	if (host_probe(HOST_CGROUP, NULL, &ret->pool, &ret->host, err) ||
	    survey_take(&ret->pool, &ret->survey, err) ||
	    places_each(at_place, &l, err))
		return -1;
	for (size_t i = 0; i < n; i++)
		if (!l.used[i])
			return err_set(err, 0,
				       "no cell '%s' of %s runs here (see "
				       "cloison ls)",
				       words[i],
				       geteuid() ? "yours" : "anybody");
	if (ret->n)
		qsort(ret->list, ret->n, sizeof(*ret->list), by_age);
	return 0;
}

void found_free(struct finds *finds)
{
	pool_free(&finds->pool);
}
