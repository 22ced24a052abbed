/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/lazy.h"
#include "base/parse.h"
#include "plan/expand.h"
#include "plan/site.h"

#define FUNCTIONS(X) X(ini_parse_stream)
LAZY_TABLE(inih, FUNCTIONS);

enum {
	SITE_FILE_MAX = 256 * 1024
};

/* The profiles every site has, in the syntax of its own ones. */
static const struct {
	const char *profile, *key, *value;
} built_in[] = {
	/* clang-format off */
	{ "batch", "pid", "new" },
	{ "batch", "ipc", "new" },
	{ "batch", "uts", "new" },
	{ "batch", "cgroup", "new" },
	{ "batch", "net", "host" },
	{ "batch", "seccomp", "default" },
	{ "batch", "ro", "/" },
	{ "batch", "scratch", "50%" },
	{ "batch", "rw", "%h" },
	{ "batch", "rw", "%w" },

	{ "strict", "pid", "new" },
	{ "strict", "ipc", "new" },
	{ "strict", "uts", "new" },
	{ "strict", "cgroup", "new" },
	{ "strict", "net", "none" },
	{ "strict", "seccomp", "strict" },
	{ "strict", "ro", "/" },
	{ "strict", "scratch", "50%" },
	{ "strict", "dev", "private" },
	{ "strict", "hide", "/home" },
	{ "strict", "ro", "%h" },
	{ "strict", "ro", "%w" },

	{ "open", "pid", "new" },
	{ "open", "ipc", "host" },
	{ "open", "uts", "host" },
	{ "open", "cgroup", "host" },
	{ "open", "net", "host" },
	{ "open", "seccomp", "default" },
	{ "open", "scratch", "50%" },
	{ "open", "rw", "%h" },
	{ "open", "rw", "%w" },
	/* clang-format on */
};

const struct site_profile *site_find(const struct site *site, const char *name)
{
	for (size_t i = 0; i < site->n_profiles; i++)
		if (!strcmp(site->profile[i].name, name))
			return &site->profile[i];
	return NULL;
}

static struct site_profile *profile_get(struct site *site, const char *name)
{
	struct site_profile *p = (struct site_profile *)site_find(site, name);

	if (p)
		return p;
	p = pool_push(&site->pool, &site->profile, &site->n_profiles,
		      sizeof(*p));
	p->name = pool_strdup(&site->pool, name);
	return p;
}

static void row_add(struct site *site, struct site_profile *p, const char *key,
		    const char *value, const char *origin)
{
	struct site_row *row =
		pool_push(&site->pool, &p->row, &p->n_rows, sizeof(*row));

	row->key = pool_strdup(&site->pool, key);
	row->value = pool_strdup(&site->pool, value);
	row->origin = pool_strdup(&site->pool, origin);
}

void site_init(struct site *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->default_profile = "batch";
	ret->spool = LOCALSTATEDIR "/spool/cloison";
	ret->spool_max = (uint64_t)1 << 30;
	ret->spool_max_user = (uint64_t)100 << 20;
	/* Far from those that people hand out. */
	ret->first_project = 1000000000;
	ret->last_project = 1000065535;
	for (size_t i = 0; i < sizeof(built_in) / sizeof(built_in[0]); i++) {
		struct site_profile *p = profile_get(ret, built_in[i].profile);

		p->built_in = true;
		row_add(ret, p, built_in[i].key, built_in[i].value,
			pool_printf(&ret->pool, "profile %s",
				    built_in[i].profile));
	}
}

/* Call `fn` for every blank-separated word. */
static int words(struct site *site, const char *text,
		 int (*fn)(struct site *site, const char *word,
			   struct err *err),
		 struct err *err)
{
	char *copy = pool_strdup(&site->pool, text), *save;

	for (char *w = strtok_r(copy, " \t,", &save); w;
	     w = strtok_r(NULL, " \t,", &save))
		if (fn(site, w, err))
			return -1;
	return 0;
}

static int loosen_word(struct site *site, const char *word, struct err *err)
{
	int id = option_find(word, OPTION_SITE);

	if (!strcmp(word, "none"))
		return 0;
	if (!strcmp(word, "all")) {
		for (int i = 0; i < OPTIONS; i++)
			site->loosen[i] = true;
		return 0;
	}
	if (id < 0 || option_table[id].policy == POLICY_FREE)
		return err_set(err, 0, "'%s' is nothing that can be loosened",
			       word);
	site->loosen[id] = true;
	return 0;
}

static int set_loosen(struct site *site, const char *value, struct err *err)
{
	site->loosen_set = true;
	memset(site->loosen, 0, sizeof(site->loosen));
	return words(site, value, loosen_word, err);
}

static int loosen_rw_word(struct site *site, const char *word, struct err *err)
{
	const char *path;

	if (option_path(word, NULL, &site->pool, &path, err))
		return -1;
	*(const char **)pool_push(&site->pool, &site->loosen_rw,
				  &site->n_loosen_rw, sizeof(path)) = path;
	return 0;
}

static int rootfs_trust_word(struct site *site, const char *word,
			     struct err *err)
{
	const char *path;

	if (option_path(word, NULL, &site->pool, &path, err))
		return -1;
	*(const char **)pool_push(&site->pool, &site->rootfs_trust,
				  &site->n_rootfs_trust, sizeof(path)) = path;
	return 0;
}

static int set_rootfs_trust(struct site *site, const char *value,
			    struct err *err)
{
	return words(site, value, rootfs_trust_word, err);
}

static int set_loosen_rw(struct site *site, const char *value, struct err *err)
{
	return words(site, value, loosen_rw_word, err);
}

static int scratch_dir_word(struct site *site, const char *word,
			    struct err *err)
{
	const char *path;

	if (option_path(word, NULL, &site->pool, &path, err))
		return -1;
	*(const char **)pool_push(&site->pool, &site->scratch_dirs,
				  &site->n_scratch_dirs, sizeof(path)) = path;
	return 0;
}

static int set_scratch_dirs(struct site *site, const char *value,
			    struct err *err)
{
	return words(site, value, scratch_dir_word, err);
}

/* Project 0 is that of all files that are in none. */
static int set_scratch_projects(struct site *site, const char *value,
				struct err *err)
{
	const char *dash = strchr(value, '-');
	uint64_t first, last;

	if (!dash ||
	    parse_uint(pool_strndup(&site->pool, value, (size_t)(dash - value)),
		       UINT32_MAX - 1, &first, err) ||
	    parse_uint(dash + 1, UINT32_MAX - 1, &last, err) || !first ||
	    first > last)
		return err_set(err, 0, "'%s' is no range of projects, as 1-9",
			       value);
	site->first_project = (uint32_t)first;
	site->last_project = (uint32_t)last;
	return 0;
}

/*
 * What `profiles` and plugstack.conf can name. inih cuts a section's name at
 * 49 bytes, so that of two longer ones the second would change the first.
 */
static int check_name(const char *name, struct err *err)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");

	if (!len || name[len] || len > 40)
		return err_set(err, 0,
			       "'%s' is not a name (letters, digits, '-', "
			       "'_'; at most 40)",
			       name);
	return 0;
}

/* Also a name: what stands for no cell. */
static bool profile_exists(const struct site *site, const char *name)
{
	return !strcmp(name, SITE_NO_CELL) || site_find(site, name);
}

static int set_default_profile(struct site *site, const char *value,
			       struct err *err)
{
	if (check_name(value, err))
		return -1;
	site->default_profile = pool_strdup(&site->pool, value);
	site->default_given = true;
	return 0;
}

int site_imply(struct site *site, const char *profile, struct err *err)
{
	if (check_name(profile, err))
		return err_prefix(err, "plugstack.conf: default");
	site->given = true;
	site->implied = pool_strdup(&site->pool, profile);
	if (!site->default_given && strcmp(profile, SITE_NO_CELL) != 0)
		site->default_profile = site->implied;
	return 0;
}

const struct site_partition *site_partition(const struct site *site,
					    const char *name)
{
	for (size_t i = 0; name && i < site->n_partitions; i++)
		if (!strcmp(site->partition[i].name, name))
			return &site->partition[i];
	return NULL;
}

/* NAME:PROFILE[:PROFILE...]; of a name that comes again the last counts. */
static int partition_word(struct site *site, const char *word, struct err *err)
{
	char *text = pool_strdup(&site->pool, word), *save;
	const char *name = strtok_r(text, ":", &save);
	struct site_partition *p;
	size_t n = 0;

	if (*word == ':' || !name || !*save)
		return err_set(err, 0, "'%s' is not PARTITION:PROFILE", word);
	p = (struct site_partition *)site_partition(site, name);
	if (!p)
		p = pool_push(&site->pool, &site->partition,
			      &site->n_partitions, sizeof(*p));
	*p = (struct site_partition){ .name = name };
	while ((name = strtok_r(NULL, ":", &save))) {
		if (check_name(name, err))
			return -1;
		*(const char **)pool_push(&site->pool, &p->profile, &n,
					  sizeof(name)) = name;
	}
	*(const char **)pool_push(&site->pool, &p->profile, &n, sizeof(name)) =
		NULL;
	return 0;
}

static int set_partitions(struct site *site, const char *value, struct err *err)
{
	return words(site, value, partition_word, err);
}

static int profiles_word(struct site *site, const char *word, struct err *err)
{
	(void)site;
	return check_name(word, err);
}

static int set_profiles(struct site *site, const char *value, struct err *err)
{
	if (words(site, value, profiles_word, err))
		return -1;
	site->profiles = pool_strdup(&site->pool, value);
	return 0;
}

static int set_spool(struct site *site, const char *value, struct err *err)
{
	return option_path(value, NULL, &site->pool, &site->spool, err);
}

static int take_max(const char *value, uint64_t *ret, struct err *err)
{
	*ret = 0;
	return strcmp(value, "none") != 0 && parse_size(value, ret, err);
}

static int set_spool_max(struct site *site, const char *value, struct err *err)
{
	return take_max(value, &site->spool_max, err);
}

static int set_spool_max_user(struct site *site, const char *value,
			      struct err *err)
{
	return take_max(value, &site->spool_max_user, err);
}

static int set_spool_sync(struct site *site, const char *value, struct err *err)
{
	static const char *const list[] = { "record", "off", NULL };
	int i;

	if (parse_word(value, list, &i, err))
		return -1;
	site->spool_unsynced = i == 1;
	return 0;
}

static int nets_word(struct site *site, const char *word, struct err *err)
{
	struct net_link link;

	if (net_link_parse(word, &site->pool, &link, err))
		return -1;
	*(struct net_link *)pool_push(&site->pool, &site->net, &site->n_nets,
				      sizeof(link)) = link;
	return 0;
}

static int set_nets(struct site *site, const char *value, struct err *err)
{
	return words(site, value, nets_word, err);
}

static int set_net_pool(struct site *site, const char *value, struct err *err)
{
	return net_pool_parse(value, &site->pool, &site->net_pool,
			      &site->n_net_pools, err);
}

static int set_net_hook(struct site *site, const char *value, struct err *err)
{
	return option_path(value, NULL, &site->pool, &site->net_hook, err);
}

static int set_cgroup_parent(struct site *site, const char *value,
			     struct err *err)
{
	return option_path(value, NULL, &site->pool, &site->cgroup_parent, err);
}

static int set_cgroup_jobs(struct site *site, const char *value,
			   struct err *err)
{
	return option_path(value, NULL, &site->pool, &site->cgroup_jobs, err);
}

static int set_cores(struct site *site, const char *value, struct err *err)
{
	static const char *const list[] = { "exclusive", "share", NULL };
	int i;

	if (parse_word(value, list, &i, err))
		return -1;
	site->share_cores = i == 1;
	return 0;
}

static const struct {
	const char *key;
	int (*set)(struct site *site, const char *value, struct err *err);
} site_keys[] = {
	{ "default-profile", set_default_profile },
	{ "profiles", set_profiles },
	{ "partitions", set_partitions },
	{ "loosen", set_loosen },
	{ "loosen-rw", set_loosen_rw },
	{ "rootfs-trust", set_rootfs_trust },
	{ "nets", set_nets },
	{ "net-pool", set_net_pool },
	{ "net-hook", set_net_hook },
	{ "scratch-dirs", set_scratch_dirs },
	{ "scratch-projects", set_scratch_projects },
	{ "spool", set_spool },
	{ "spool-max", set_spool_max },
	{ "spool-max-user", set_spool_max_user },
	{ "spool-sync", set_spool_sync },
	{ "cgroup-parent", set_cgroup_parent },
	{ "cgroup-jobs", set_cgroup_jobs },
	{ "cores", set_cores },
};

static int set_site_key(struct site *site, const char *key, const char *value,
			struct err *err)
{
	for (size_t i = 0; i < sizeof(site_keys) / sizeof(site_keys[0]); i++)
		if (!strcmp(site_keys[i].key, key))
			return *value ? site_keys[i].set(site, value, err)
				      : err_set(err, 0, "'%s' has no value",
						key);
	return err_set(err, 0, "unknown key '%s' (see cloison.conf(5))", key);
}

/* A value is tried out now, so that a mistake is found by its line. */
static int set_profile_key(struct site *site, const char *profile,
			   const char *key, const char *value,
			   const char *origin, struct err *err)
{
	static const struct job sample = { .user = "u",
					   .home = "/h",
					   .cwd = "/w",
					   .scheduler = { .job = "1" } };
	struct options scratch = { 0 };
	int id = option_find(key, OPTION_SITE);
	struct site_profile *p;
	const char *text;

	if (check_name(profile, err))
		return err_prefix(err, "%s", origin);
	if (!strcmp(profile, SITE_NO_CELL))
		return err_set(err, 0,
			       "%s: no profile can be called '" SITE_NO_CELL
			       "', which stands for no cell",
			       origin);
	p = profile_get(site, profile);
	if (!strcmp(key, "base")) {
		p->base = pool_strdup(&site->pool, value);
		return 0;
	}
	if (id < 0)
		return err_set(err, 0,
			       "%s: unknown key '%s' in [profile %s] (see "
			       "cloison.conf(5))",
			       origin, key, profile);
	if (expand(value, &sample, &site->pool, &text, err))
		return err_prefix(err, "%s: %s", origin, key);
	if (text && option_set(&scratch, (enum option_id)id, text, origin, NULL,
			       &site->pool, err))
		return -1;
	row_add(site, p, key, value, origin);
	return 0;
}

static int check_partitions(const struct site *site, const char *name,
			    struct err *err)
{
	for (size_t i = 0; i < site->n_partitions; i++)
		for (const char **p = site->partition[i].profile; *p; p++)
			if (!profile_exists(site, *p))
				return err_set(err, 0,
					       "%s: partitions: profile '%s' "
					       "of %s does not exist",
					       name, *p,
					       site->partition[i].name);
	return 0;
}

int site_check(const struct site *site, const char *name, struct err *err)
{
	for (size_t i = 0; i < site->n_profiles; i++) {
		const struct site_profile *p = &site->profile[i];

		for (size_t depth = 0; p->base; depth++) {
			const struct site_profile *b = site_find(site, p->base);

			if (!b || depth > site->n_profiles)
				return err_set(err, 0,
					       "%s: [profile %s]: base '%s' %s",
					       name, p->name, p->base,
					       b ? "leads back to itself"
						 : "does not exist");
			p = b;
		}
	}
	if (site->implied && !profile_exists(site, site->implied))
		return err_set(err, 0,
			       "%s: default: profile '%s' does not exist", name,
			       site->implied);
	if (!site_find(site, site->default_profile))
		return err_set(err, 0,
			       "%s: default-profile '%s' does not exist", name,
			       site->default_profile);
	return check_partitions(site, name, err);
}

/* What inih needs to be given line by line. */
struct reader {
	struct site *site;
	const char *text, *name;
	int line;
	int bad_line; /* that err is about */
	struct err *err;
};

static char *read_line(char *buf, int size, void *arg)
{
	struct reader *r = arg;
	const char *end = strchrnul(r->text, '\n');
	size_t len = (size_t)(end - r->text);

	if (!*r->text || *r->err->text)
		return NULL;
	r->line++;
	/* inih would take an indented line for more of the value before. */
	for (; *r->text == ' ' || *r->text == '\t'; len--)
		r->text++;
	/* inih would take the rest for another line. */
	if (len + 2 > (size_t)size) {
		r->bad_line = r->line;
		err_set(r->err, 0, "%s:%d: line over %d bytes", r->name,
			r->line, size - 2);
		return NULL;
	}
	memcpy(buf, r->text, len);
	buf[len] = '\0';
	r->text = *end ? end + 1 : end;
	return buf;
}

static int take(void *arg, const char *section, const char *key,
		const char *value)
{
	struct reader *r = arg;
	const char *origin;

	if (*r->err->text)
		return 0;
	r->bad_line = r->line;
	origin = pool_printf(&r->site->pool, "%s:%d", r->name, r->line);
	r->site->given = true;
	if (!*section || !strcmp(section, "site")) {
		if (set_site_key(r->site, key, value, r->err))
			err_prefix(r->err, "%s", origin);
	} else if (!strncmp(section, "profile ", 8) && section[8]) {
		set_profile_key(r->site, section + 8, key, value, origin,
				r->err);
	} else {
		err_set(r->err, 0,
			"%s: unknown section [%s] (expected [site] or "
			"[profile NAME])",
			origin, section);
	}
	return !*r->err->text;
}

static int parse_text(struct site *site, const char *text, const char *name,
		      struct err *err)
{
	struct reader r = {
		.site = site, .text = text, .name = name, .err = err
	};
	int bad;

	if (LAZY_LOAD(inih, INIH_SONAME, FUNCTIONS, err))
		return -1;
	*err->text = '\0';
	bad = inih.ini_parse_stream(read_line, &r, take, &r);
	/* inih goes on behind what it cannot read: the first mistake counts. */
	if (*err->text && (bad <= 0 || bad >= r.bad_line))
		return -1;
	if (bad)
		return err_set(err, 0,
			       "%s:%d: neither [section] nor key = value", name,
			       bad);
	return 0;
}

int site_parse(struct site *site, const char *text, const char *name,
	       struct err *err)
{
	if (parse_text(site, text, name, err))
		return -1;
	return site_check(site, name, err);
}

int site_argument(struct site *site, const char *argument, struct err *err)
{
	const char *eq = strchr(argument, '=');
	const char *dot =
		memchr(argument, '.', eq ? (size_t)(eq - argument) : 0);
	char *key;

	if (!eq || eq == argument)
		return err_set(err, 0, "plugstack.conf: '%s' is not key=value",
			       argument);
	key = pool_strndup(&site->pool, argument, (size_t)(eq - argument));
	site->given = true;
	if (!dot)
		return set_site_key(site, key, eq + 1, err)
			       ? err_prefix(err, "plugstack.conf")
			       : 0;
	key[dot - argument] = '\0';
	return set_profile_key(site, key, key + (dot - argument) + 1, eq + 1,
			       "plugstack.conf", err);
}

/* Open by descriptor, check after open: nobody can swap the file between. */
static int read_trusted(int dirfd, const char *file, const char *name,
			char **ret, struct err *err)
{
	cleanup_fd int fd = openat(
		dirfd, file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	cleanup_free char *text = NULL;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st))
		return err_set(err, errno, "%s", name);
	if (!S_ISREG(st.st_mode))
		return err_set(err, 0, "%s: not a regular file", name);
	if (st.st_uid != 0)
		return err_set(
			err, 0,
			"%s: owned by uid %u, not root (chown root '%s')", name,
			st.st_uid, name);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return err_set(err, 0,
			       "%s: writable by others than root (chmod go-w "
			       "'%s')",
			       name, name);
	if (st.st_size > SITE_FILE_MAX)
		return err_set(err, EFBIG, "%s", name);
	text = calloc(1, SITE_FILE_MAX + 1);
	if (!text)
		return err_set(err, ENOMEM, "%s", name);
	n = read(fd, text, SITE_FILE_MAX);
	if (n < 0)
		return err_set(err, errno, "%s", name);
	if (strlen(text) != (size_t)n)
		return err_set(err, 0, "%s: contains a zero byte", name);
	*ret = text;
	text = NULL;
	return 0;
}

static int load_file(struct site *site, int dirfd, const char *file,
		     const char *name, struct err *err)
{
	cleanup_free char *text = NULL;

	if (read_trusted(dirfd, file, name, &text, err))
		return -1;
	return parse_text(site, text, name, err);
}

static int is_conf(const struct dirent *e)
{
	size_t len = strlen(e->d_name);

	return *e->d_name != '.' && len > 5 &&
	       !strcmp(e->d_name + len - 5, ".conf");
}

static int load_conf_d(struct site *site, struct err *err)
{
	static const char dir[] = SYSCONFDIR "/cloison/conf.d";
	cleanup_fd int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent **list = NULL;
	int n, ret = 0;

	if (fd < 0)
		return errno == ENOENT ? 0 : err_set(err, errno, "%s", dir);
	n = scandirat(fd, ".", &list, is_conf, alphasort);
	if (n < 0)
		return err_set(err, errno, "%s", dir);
	for (int i = 0; i < n; i++) {
		char name[512];

		snprintf(name, sizeof(name), "%s/%s", dir, list[i]->d_name);
		if (!ret)
			ret = load_file(site, fd, list[i]->d_name, name, err);
		free(list[i]);
	}
	free(list);
	return ret;
}

static int load_files(struct site *site, const char *path, struct err *err)
{
	if (path)
		return load_file(site, AT_FDCWD, path, path, err);
	if (access(SITE_FILE, F_OK) && errno == ENOENT)
		return load_conf_d(site, err);
	if (load_file(site, AT_FDCWD, SITE_FILE, SITE_FILE, err))
		return -1;
	return load_conf_d(site, err);
}

int site_load(struct site *site, const char *path, struct err *err)
{
	/* One file may build on another's profiles: checked when all are in. */
	if (load_files(site, path, err))
		return -1;
	return site_check(site, path ? path : SITE_FILE, err);
}

void site_free(struct site *site)
{
	pool_free(&site->pool);
}
