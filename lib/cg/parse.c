/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cg/internal.h"

const char *const cg_controllers[] = { "cpu", "cpuset",  "memory", "pids",
				       "io",  "hugetlb", NULL };

/* Blank, tab, newline and backslash stand as \ooo in mountinfo. */
static bool unescape(const char *s, size_t len, char *ret, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned c = (unsigned char)s[i];

		if (c == '\\' && len - i > 3) {
			c = (unsigned)((s[i + 1] - '0') << 6 |
				       (s[i + 2] - '0') << 3 |
				       (s[i + 3] - '0'));
			i += 3;
		}
		if (n + 1 >= size)
			return false;
		ret[n++] = (char)c;
	}
	ret[n] = '\0';
	return n > 0;
}

/* The next word at *s, which is moved behind it. */
static const char *word(const char **s, size_t *len)
{
	const char *start = *s + strspn(*s, " ");

	*len = strcspn(start, " \n");
	*s = start + *len;
	return start;
}

bool cg_mount_parse(const char *line, char *ret, size_t size)
{
	const char *root = "", *target = "", *type, *rest, *dash;
	size_t root_len = 0, target_len = 0, len;

	/* ID PARENT MAJ:MIN ROOT TARGET OPTIONS [TAG...] - TYPE SOURCE ... */
	dash = strstr(line, " - ");
	if (!dash)
		return false;
	rest = dash + 3;
	type = word(&rest, &len);
	if (len != 7 || strncmp(type, "cgroup2", 7) != 0)
		return false;
	for (int i = 0; i < 5; i++) {
		root = target;
		root_len = target_len;
		target = word(&line, &target_len);
	}
	/*
	 * A mount of a part ("/.." is one from outside our cgroup namespace)
	 * does not show the paths of /proc/PID/cgroup.
	 */
	if (line > dash || root_len != 1 || *root != '/')
		return false;
	return unescape(target, target_len, ret, size);
}

static unsigned bit_of(const char *name, size_t len)
{
	for (unsigned i = 0; cg_controllers[i]; i++)
		if (strlen(cg_controllers[i]) == len &&
		    !strncmp(cg_controllers[i], name, len))
			return 1u << i;
	/* v1 has another name for it. */
	return len == 5 && !strncmp(name, "blkio", 5) ? CG_IO : 0;
}

static unsigned bits_of(const char *s, const char *end, const char *separators)
{
	unsigned bits = 0;

	while (s < end) {
		size_t len = strcspn(s, separators);

		if (len > (size_t)(end - s))
			len = (size_t)(end - s);
		bits |= bit_of(s, len);
		s += len + 1;
	}
	return bits;
}

unsigned cg_controllers_parse(const char *text)
{
	return bits_of(text, text + strlen(text), " \n");
}

static void own_path(const char *s, size_t len, char *ret, size_t size)
{
	static const char gone[] = " (deleted)";
	const size_t cut = sizeof(gone) - 1;

	if (len >= size || *s != '/')
		return;
	if (len > cut && !strncmp(s + len - cut, gone, cut))
		return;
	/* "/../x" lies outside our cgroup namespace: there is no such path. */
	if (!strncmp(s, "/..", 3) && (len == 3 || s[3] == '/'))
		return;
	memcpy(ret, s, len);
	ret[len] = '\0';
}

void cg_proc_parse(const char *text, char *ret, size_t size,
		   unsigned *ret_legacy)
{
	/* HIERARCHY:CONTROLLERS:PATH, with hierarchy 0 for v2 (cgroups(7)) */
	*ret = '\0';
	*ret_legacy = 0;
	for (const char *s = text; *s;) {
		const char *end = s + strcspn(s, "\n");
		const char *list = memchr(s, ':', (size_t)(end - s));
		const char *path =
			list ? memchr(list + 1, ':', (size_t)(end - list - 1))
			     : NULL;

		if (path && path == list + 1 && list == s + 1 && *s == '0')
			own_path(path + 1, (size_t)(end - path - 1), ret, size);
		else if (path)
			*ret_legacy |= bits_of(list + 1, path, ",");
		s = *end ? end + 1 : end;
	}
}

/* A number at `s`, up to a blank or the end of its line; else -1. */
static int64_t number(const char *s)
{
	int64_t v = 0;

	if (!isdigit((unsigned char)*s))
		return -1;
	for (; isdigit((unsigned char)*s); s++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, *s - '0', &v))
			return -1;
	return *s && !isspace((unsigned char)*s) ? -1 : v;
}

int64_t cg_key_parse(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *s = text; s; s = strchr(s, '\n')) {
		s += *s == '\n';
		if (!strncmp(s, key, len) && s[len] == ' ')
			return number(s + len + 1);
	}
	return -1;
}

int64_t cg_io_parse(const char *text, const char *key)
{
	size_t len = strlen(key);
	int64_t sum = 0;

	for (const char *s = text; (s = strstr(s, key)); s += len) {
		int64_t v;

		if (s == text || s[-1] != ' ' || s[len] != '=')
			continue;
		v = number(s + len + 1);
		if (v >= 0 && __builtin_add_overflow(sum, v, &sum))
			return -1;
	}
	return sum;
}

int64_t cg_pressure_parse(const char *text)
{
	static const char key[] = " total=";
	size_t len = strcspn(text, "\n");
	const char *s = strstr(text, key);

	/* "some" is the first line where there is one. */
	if (strncmp(text, "some ", 5) != 0 || !s || s > text + len)
		return -1;
	return number(s + sizeof(key) - 1);
}

bool cg_procs_other(const char *text, pid_t self)
{
	for (const char *s = text; *s; s += *s == '\n') {
		/* 0 stands for a process outside our PID namespace. */
		if (*s != '\n' && (!self || number(s) != self))
			return true;
		s += strcspn(s, "\n");
	}
	return false;
}
