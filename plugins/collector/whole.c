/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/pool.h"
#include "collector/whole.h"

static int write_all(FILE *out, const char *file,
		     int (*fn)(void *arg, FILE *out, struct err *err),
		     void *arg, struct err *err)
{
	int result = fn(arg, out, err);

	if (result)
		return result;
	if (fflush(out) || ferror(out))
		return err_set(err, errno, "write %s", file ? file : "stdout");
	if (file && fsync(fileno(out)))
		return err_set(err, errno, "sync %s", file);
	return 0;
}

int whole_write(const char *file,
		int (*fn)(void *arg, FILE *out, struct err *err), void *arg,
		struct err *err)
{
	struct pool pool = { 0 };
	int fd, result = -1;
	FILE *out;
	char *name;

	if (!file || !strcmp(file, "-"))
		return write_all(stdout, NULL, fn, arg, err);
	name = pool_printf(&pool, "%s.XXXXXX", file);
	fd = mkostemp(name, O_CLOEXEC);
	out = fd < 0 ? NULL : fdopen(fd, "w");
	if (!out) {
		err_set(err, errno, "make %s", name);
	} else {
		result = write_all(out, file, fn, arg, err);
		fclose(out);
		if (!result && rename(name, file))
			result = err_set(err, errno, "rename to %s", file);
		if (result)
			unlink(name);
	}
	pool_free(&pool);
	return result;
}
