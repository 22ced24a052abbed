/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * Feeds a fuzz target with files instead of libFuzzer: those given, all of the
 * directories given, or without arguments the corpus of the target, which is
 * called fuzz_NAME. A corpus that is empty or missing is a failure.
 */
static int failed(const char *path)
{
	fprintf(stderr, "%s: %s\n", path, strerror(errno));
	return -1;
}

static int replay_file(const char *path)
{
	cleanup_file FILE *f = fopen(path, "r");
	cleanup_free uint8_t *data = NULL;
	struct stat st;
	size_t size;

	if (!f || fstat(fileno(f), &st))
		return failed(path);
	/* Just as long as the input: a sanitizer sees what is read past it. */
	size = (size_t)st.st_size;
	data = malloc(size ? size : 1);
	if (!data || fread(data, 1, size, f) != size)
		return failed(path);
	LLVMFuzzerTestOneInput(data, size);
	return 1;
}

static int replay_dir(const char *path)
{
	cleanup_dir DIR *dir = opendir(path);
	struct dirent *e;
	int n = 0;

	if (!dir)
		return failed(path);
	while ((e = readdir(dir))) {
		char file[4096];

		if (*e->d_name == '.')
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, e->d_name);
		if (replay_file(file) < 0)
			return -1;
		n++;
	}
	return n;
}

static int replay(const char *path)
{
	struct stat st;
	int n;

	if (stat(path, &st))
		return failed(path);
	n = S_ISDIR(st.st_mode) ? replay_dir(path) : replay_file(path);
	if (n < 0)
		return -1;
	printf("%s: %d\n", path, n);
	return n ? 0 : -1;
}

int main(int argc, char *argv[])
{
	const char *srcdir = getenv("srcdir");
	const char *name = strstr(program_invocation_short_name, "fuzz_");
	char corpus[4096];
	int ret = 0;

	for (int i = 1; i < argc; i++)
		ret |= replay(argv[i]);
	if (argc < 2) {
		snprintf(corpus, sizeof(corpus), "%s/tests/fuzz/corpus/%s",
			 srcdir ? srcdir : ".", name ? name + 5 : "");
		ret = replay(corpus);
	}
	return ret ? 1 : 0;
}
