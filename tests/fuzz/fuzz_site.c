/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plan/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* Nothing of it breaks a line of output. */
static void plain(const char *text)
{
	for (; text && *text; text++)
		check((unsigned char)*text >= ' ' && *text != 0x7f);
}

static void plain_site(const struct site *site)
{
	plain(site->default_profile);
	plain(site->spool);
	plain(site->cgroup_parent);
	plain(site->cgroup_jobs);
	for (size_t i = 0; i < site->n_loosen_rw; i++) {
		plain(site->loosen_rw[i]);
		check(*site->loosen_rw[i] == '/');
	}
	for (size_t i = 0; i < site->n_profiles; i++) {
		const struct site_profile *p = &site->profile[i];

		plain(p->name);
		for (size_t k = 0; k < p->n_rows; k++)
			plain(p->row[k].value);
	}
}

/* A plan can be made of every profile, or an error says why not. */
static void build(const struct site *site, const char *profile)
{
	static const struct host host = { .privileged = true,
					  .memory = 1 << 30 };
	static const struct job job = { .user = "u",
					.uid = 1,
					.gid = 1,
					.home = "/home/u",
					.cwd = "/home/u/w",
					.scheduler = { .job = "1" } };
	struct options wish = { 0 };
	struct pool pool = { 0 };
	struct plan plan;
	struct err err = { 0 };
	unsigned needs;

	wish.value[OPT_PROFILE] = (struct option_value){
		.set = true, .text = profile, .origin = "--profile"
	};
	check(plan_needs(&wish, site, &job, &needs, &err) || !*err.text);
	if (plan_build(&wish, site, &job, &host, &pool, &plan, &err))
		check(*err.text);
	else
		check(*plan_text(&plan, &pool));
	plain(err.text);
	pool_free(&pool);
}

/* The first byte chooses: a file, or the arguments of plugstack.conf. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct site site;
	struct err err = { 0 };
	char *text, *save;
	int ret = 0;

	if (!size)
		return 0;
	text = calloc(1, size);
	if (!text)
		return 0;
	memcpy(text, data + 1, size - 1);
	site_init(&site);
	if (*data != 'a')
		ret = site_parse(&site, text, "f", &err);
	else
		for (char *w = strtok_r(text, " ", &save); w && !ret;
		     w = strtok_r(NULL, " ", &save))
			ret = site_argument(&site, w, &err);
	check(!ret == !*err.text);
	plain(err.text);
	if (!ret) {
		plain_site(&site);
		for (size_t i = 0; i < site.n_profiles; i++)
			build(&site, site.profile[i].name);
	}
	site_free(&site);
	free(text);
	return 0;
}
