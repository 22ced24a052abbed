/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What Slurm's files say. Its daemons are not asked: this is to be run before
 * they are started, too.
 */
#include "config.h"

#include <elf.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "check.h"
#include "plan/site.h"

enum {
	INCLUDES = 8, /* as deep as anybody will nest them */
};

/* --- its files --- */

/* By slurmd's order; the last is where a configless slurmd puts them. */
static const char *conf_dir(struct pool *pool)
{
	static const char *const usual[] = { "/etc/slurm",
					     "/usr/local/etc/slurm",
					     "/run/slurm/conf" };
	const char *file = getenv("SLURM_CONF"), *slash;

	slash = file ? strrchr(file, '/') : NULL;
	if (slash)
		return pool_strndup(pool, file, (size_t)(slash - file));
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		if (!access(pool_printf(pool, "%s/slurm.conf", usual[i]), F_OK))
			return usual[i];
	return NULL;
}

/* The value of a key, "" if it has none; of several the last. */
static const char *setting(const char *name, const char *key, struct pool *pool)
{
	const char *dir = conf_dir(pool);
	cleanup_file FILE *file = NULL;
	const char *ret = "";
	char line[4096];

	if (dir)
		file = fopen(pool_printf(pool, "%s/%s", dir, name), "re");
	while (file && fgets(line, sizeof(line), file)) {
		char *p = line + strspn(line, " \t"), *value;
		size_t len = strlen(key);

		if (strncasecmp(p, key, len) != 0 || p[len] != '=')
			continue;
		value = p + len + 1;
		value[strcspn(value, " \t\n#")] = '\0';
		ret = pool_strdup(pool, value);
	}
	return ret;
}

struct line {
	const char *need; /* "required" or "optional"; NULL: not found */
	const char *path;
};

static void find_line(const char *file, int depth, struct pool *pool,
		      struct line *ret);

static void find_included(const char *pattern, int depth, struct pool *pool,
			  struct line *ret)
{
	glob_t found;

	if (*pattern != '/')
		pattern = pool_printf(pool, "%s/%s", conf_dir(pool), pattern);
	if (!glob(pattern, 0, NULL, &found)) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			find_line(found.gl_pathv[i], depth, pool, ret);
		globfree(&found);
	}
}

static void find_line(const char *file, int depth, struct pool *pool,
		      struct line *ret)
{
	cleanup_file FILE *in = depth ? fopen(file, "re") : NULL;
	char line[4096], *save;

	while (in && fgets(line, sizeof(line), in)) {
		const char *need, *path;

		line[strcspn(line, "#\n")] = '\0';
		need = strtok_r(line, " \t", &save);
		path = need ? strtok_r(NULL, " \t", &save) : NULL;
		if (!path)
			continue;
		if (!strcasecmp(need, "include"))
			find_included(path, depth - 1, pool, ret);
		else if (strstr(path, "spank_cloison.so"))
			*ret = (struct line){ pool_strdup(pool, need),
					      pool_strdup(pool, path) };
	}
}

static struct line plugin_line(struct pool *pool)
{
	const char *dir = conf_dir(pool);
	struct line ret = { 0 };

	if (dir)
		find_line(pool_printf(pool, "%s/plugstack.conf", dir), INCLUDES,
			  pool, &ret);
	return ret;
}

/* --- what is looked at --- */

static void plugstack(struct finding *f, struct pool *pool)
{
	const char *dir = conf_dir(pool);
	struct line line = plugin_line(pool);

	if (!dir)
		return;
	if (!line.need)
		FOUND(f, CHECK_WARN,
		      "%s/plugstack.conf: no line with spank_cloison.so, so "
		      "Slurm has no cells here",
		      dir);
	else if (*line.path != '/')
		FOUND(f, CHECK_WARN,
		      "plugstack.conf: %s: without a path it has to be in "
		      "Slurm's PluginDir, where this does not look",
		      line.path);
	else if (access(line.path, R_OK))
		FOUND(f, CHECK_FAIL,
		      "plugstack.conf: %s is not there: Slurm drains this node",
		      line.path);
	else if (strcasecmp(line.need, "required") != 0)
		FOUND(f, CHECK_FAIL,
		      "plugstack.conf: %s %s: a step whose cell cannot be "
		      "built runs without one (write required)",
		      line.need, line.path);
	else
		FOUND(f, CHECK_OK, "required %s", line.path);
}

/*
 * The value of the variable `name` of a shared object. By its dynamic symbols:
 * to load it takes symbols that only Slurm's programs have.
 */
static bool elf_number(const char *base, size_t size, const char *name,
		       uint32_t *ret)
{
	const Elf64_Ehdr *e = (const Elf64_Ehdr *)base;
	const Elf64_Shdr *s;

	if (size < sizeof(*e) || memcmp(e->e_ident, ELFMAG, SELFMAG) != 0 ||
	    e->e_ident[EI_CLASS] != ELFCLASS64 ||
	    e->e_shentsize != sizeof(*s) || e->e_shoff > size ||
	    (size - e->e_shoff) / sizeof(*s) < e->e_shnum)
		return false;
	s = (const Elf64_Shdr *)(base + e->e_shoff);
	for (int i = 0; i < e->e_shnum; i++) {
		const Elf64_Shdr *t;
		const Elf64_Sym *sym;

		if (s[i].sh_type != SHT_DYNSYM || s[i].sh_link >= e->e_shnum)
			continue;
		t = &s[s[i].sh_link];
		if (s[i].sh_offset > size ||
		    s[i].sh_size > size - s[i].sh_offset ||
		    t->sh_offset > size || t->sh_size > size - t->sh_offset)
			return false;
		sym = (const Elf64_Sym *)(base + s[i].sh_offset);
		for (size_t k = 0; k < s[i].sh_size / sizeof(*sym); k++) {
			const Elf64_Shdr *in;
			uint64_t at;

			if (sym[k].st_name >= t->sh_size ||
			    strncmp(base + t->sh_offset + sym[k].st_name, name,
				    t->sh_size - sym[k].st_name) != 0 ||
			    sym[k].st_shndx >= e->e_shnum)
				continue;
			in = &s[sym[k].st_shndx];
			at = sym[k].st_value - in->sh_addr + in->sh_offset;
			if (at > size - sizeof(*ret))
				return false;
			memcpy(ret, base + at, sizeof(*ret));
			return true;
		}
	}
	return false;
}

static bool plugin_release(const char *path, uint32_t *ret)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	void *base;
	bool ok;

	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode))
		return false;
	base = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (base == MAP_FAILED)
		return false;
	ok = elf_number(base, (size_t)st.st_size, "plugin_version", ret);
	munmap(base, (size_t)st.st_size);
	return ok;
}

/* What "slurmd -V" says: "slurm-wlm 22.05.8". */
static bool slurm_release(const char *program, unsigned ret[3])
{
	char text[128];
	const char *blank;

	if (saying((const char *[]){ program, "-V", NULL }, text, sizeof(text)))
		return false;
	blank = strchr(text, ' ');
	/* Of a program of Slurm's: NOLINTNEXTLINE(cert-err34-c) */
	return blank &&
	       sscanf(blank, "%u.%u.%u", &ret[0], &ret[1], &ret[2]) == 3;
}

static void release(struct finding *f, struct pool *pool)
{
	struct line line = plugin_line(pool);
	unsigned has[3];
	uint32_t is;

	if (!line.path || *line.path != '/' || access(line.path, R_OK))
		return;
	if (!plugin_release(line.path, &is))
		FOUND(f, CHECK_FAIL, "%s is no plugin of Slurm's", line.path);
	else if (!slurm_release("slurmd", has) && !slurm_release("srun", has))
		FOUND(f, CHECK_WARN,
		      "neither slurmd nor srun says its release");
	else if (is >> 8 != (has[0] << 8 | has[1]))
		FOUND(f, CHECK_FAIL,
		      "%s is for Slurm %u.%02u, and this is %u.%02u: build it "
		      "again (./configure --with-slurm)",
		      line.path, is >> 16, is >> 8 & 0xff, has[0], has[1]);
	else
		FOUND(f, CHECK_OK, "%u.%02u, as Slurm %u.%02u.%u", has[0],
		      has[1], has[0], has[1], has[2]);
}

/* What a setting has to contain, and what is lost otherwise. */
static void facts(struct finding *f, struct pool *pool)
{
	static const struct {
		const char *file, *key, *value, *lost;
	} rows[] = {
		{ "slurm.conf", "ProctrackType", "proctrack/cgroup",
		  "cells have no limits, and records no counters" },
		{ "slurm.conf", "TaskPlugin", "task/cgroup",
		  "cells have no limits" },
		{ "cgroup.conf", "ConstrainCores", "yes",
		  "--cell-cpu-policy is refused" },
	};

	if (!plugin_line(pool).path)
		return;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *is = setting(rows[i].file, rows[i].key, pool);

		if (strcasestr(is, rows[i].value))
			continue;
		FOUND(f, CHECK_WARN, "%s: %s=%s without %s: %s", rows[i].file,
		      rows[i].key, is, rows[i].value, rows[i].lost);
		return;
	}
	FOUND(f, CHECK_OK, "proctrack/cgroup, task/cgroup, ConstrainCores");
}

/* By what slurmd gives a prolog, partitions are known; see cloison-slurm(8). */
static void partitions(struct finding *f, struct pool *pool)
{
	const char *flags = setting("slurm.conf", "PrologFlags", pool);
	struct site site;
	struct err err;

	site_init(&site);
	if (plugin_line(pool).path && !site_load(&site, NULL, &err) &&
	    site.n_partitions) {
		if (strcasestr(flags, "alloc") || strcasestr(flags, "contain"))
			FOUND(f, CHECK_OK, "PrologFlags=%s", flags);
		else
			FOUND(f, CHECK_FAIL,
			      "the site file has partitions: slurm.conf needs "
			      "PrologFlags=Alloc or Contain");
	}
	site_free(&site);
}

const struct check check_slurm[] = {
	{ "plugstack", plugstack },
	{ "plugin-release", release },
	{ "slurm-conf", facts },
	{ "partitions", partitions },
	{ 0 },
};
