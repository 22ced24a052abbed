/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "topo/internal.h"

static const char magic[] = "cloison.topology/1";
static const char name[] = "topology";

/* Room for TOPO_MAX lines of six numbers. */
enum {
	CACHE_MAX = 4 << 20
};

/* --- text --- */

/* A number and the one character behind it. */
static bool number(const char **s, char end, unsigned *ret)
{
	const char *p = *s;
	unsigned v = 0;

	if (!isdigit((unsigned char)*p))
		return false;
	for (; isdigit((unsigned char)*p); p++) {
		v = v * 10 + (unsigned)(*p - '0');
		/* Logical numbers may stand behind those of another level. */
		if (v > 2 * TOPO_MAX)
			return false;
	}
	if (*p != end)
		return false;
	*s = p + 1;
	*ret = v;
	return true;
}

static bool node(const char **s, unsigned *ret, bool *ret_numa)
{
	if (strncmp(*s, "- ", 2) != 0)
		return number(s, ' ', ret) && *ret <= TOPO_MAX;
	*s += 2;
	*ret = 0;
	*ret_numa = false;
	return true;
}

static bool line(const char **s, struct topo_pu *ret, bool *ret_numa)
{
	unsigned kind;

	if (!number(s, ' ', &ret->os) || ret->os > TOPO_MAX ||
	    !number(s, ' ', &ret->core) || !number(s, ' ', &ret->l3) ||
	    !node(s, &ret->numa, ret_numa) || !number(s, ' ', &ret->package) ||
	    !number(s, '\n', &kind))
		return false;
	ret->kind = (int)kind;
	return true;
}

static bool skip(const char **s, const char *text, char end)
{
	size_t len = strlen(text);

	if (strncmp(*s, text, len) != 0 || (*s)[len] != end)
		return false;
	*s += len + 1;
	return true;
}

static bool lines(const char *s, size_t n, struct pool *pool,
		  struct topo_pu *pu, bool *ret_numa)
{
	struct topo_set *seen = pool_alloc(pool, sizeof(*seen));

	for (size_t i = 0; i < n; i++) {
		if (!line(&s, &pu[i], ret_numa) || topo_set_has(seen, pu[i].os))
			return false;
		topo_set_add(seen, pu[i].os);
	}
	return !*s;
}

int topo_cache_parse(const char *text, const char *boot_id, struct pool *pool,
		     struct topo *ret, struct err *err)
{
	struct topo_pu *pu;
	bool numa = true;
	unsigned n;

	if (!skip(&text, magic, ' '))
		return err_set(err, 0, "not a topology cache");
	if (!skip(&text, boot_id, ' '))
		return err_set(err, 0, "topology cache of another boot");
	/* Two characters per number at least: no memory for an idle claim. */
	if (!number(&text, '\n', &n) || !n || n > strlen(text) / 12)
		return err_set(err, 0, "malformed topology cache");
	pu = pool_alloc(pool, n * sizeof(*pu));
	if (!lines(text, n, pool, pu, &numa))
		return err_set(err, 0, "malformed topology cache");
	*ret = (struct topo){ .pu = pu, .n = n, .numa = numa };
	return 0;
}

static char *print(const struct topo *topo, const char *boot_id, size_t *ret)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, ret);

	if (!f)
		return NULL;
	fprintf(f, "%s %s %zu\n", magic, boot_id, topo->n);
	for (size_t i = 0; i < topo->n; i++) {
		const struct topo_pu *p = &topo->pu[i];

		fprintf(f, "%u %u %u ", p->os, p->core, p->l3);
		if (topo->numa)
			fprintf(f, "%u", p->numa);
		else
			fputc('-', f);
		fprintf(f, " %u %d\n", p->package, p->kind);
	}
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

/* --- file --- */

/* Written by root or the caller, and by nobody else since. */
static bool trusted(int fd, size_t *ret_size)
{
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_mode & 022 ||
	    (st.st_uid && st.st_uid != geteuid()) || st.st_size <= 0 ||
	    st.st_size > CACHE_MAX)
		return false;
	*ret_size = (size_t)st.st_size;
	return true;
}

static bool read_all(int fd, char *buf, size_t size)
{
	while (size) {
		ssize_t n = read(fd, buf, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		buf += n;
		size -= (size_t)n;
	}
	return true;
}

static int read_cache(int dir, const char *boot_id, struct pool *pool,
		      struct topo *ret)
{
	/* No blocking on a FIFO, no following of a link. */
	cleanup_fd int fd = openat(
		dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	cleanup_free char *text = NULL;
	struct err ignored;
	size_t size;

	if (fd < 0 || !trusted(fd, &size))
		return -1;
	text = calloc(1, size + 1);
	if (!text || !read_all(fd, text, size))
		return -1;
	return topo_cache_parse(text, boot_id, pool, ret, &ignored);
}

/* Readers see the old file or the new one. Failing to write costs time only. */
static void write_cache(int dir, const char *boot_id, const struct topo *topo)
{
	cleanup_free char *text = NULL;
	cleanup_fd int fd = -1;
	char temp[64];
	size_t size;

	text = print(topo, boot_id, &size);
	if (!text)
		return;
	snprintf(temp, sizeof(temp), ".%s.%d", name, (int)getpid());
	/* Left by a process of our number that was killed. */
	unlinkat(dir, temp, 0);
	fd = openat(dir, temp,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return;
	if (fchmod(fd, 0644) || fd_write_all(fd, text, size) ||
	    renameat(dir, temp, dir, name))
		unlinkat(dir, temp, 0);
}

/* Nothing that would break the first line. */
static bool plain(const char *boot_id)
{
	if (!boot_id || !*boot_id)
		return false;
	for (const char *p = boot_id; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '-')
			return false;
	return true;
}

int topo_cached(const char *dir, const char *boot_id, struct pool *pool,
		struct topo *ret, struct err *err)
{
	cleanup_fd int fd = -1;
	bool real;

	if (dir && plain(boot_id))
		fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && !read_cache(fd, boot_id, pool, ret))
		return 0;
	if (topo_load_machine(pool, ret, &real, err))
		return -1;
	/* HWLOC_XMLFILE and its like load another machine: for us alone. */
	if (fd >= 0 && real)
		write_cache(fd, boot_id, ret);
	return 0;
}
