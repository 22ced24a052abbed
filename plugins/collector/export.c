/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/export.h"
#include "collector/whole.h"

static const struct format {
	const char *name;
	int (*write)(struct store *store, const struct store_filter *filter,
		     FILE *out, struct err *err);
	bool open; /* its readers are not who writes it */
} formats[] = {
	{ "xdmod", export_xdmod, false },
	{ "ur", export_ur, false },
	{ "metrics", export_metrics, true },
};

struct export
{
	const struct format *format;
	struct store *store;
	const struct store_filter *filter;
};

static int write_format(void *arg, FILE *out, struct err *err)
{
	const struct export *x = arg;

	if (x->format->open && out != stdout && fchmod(fileno(out), 0644))
		return err_set(err, errno, "let others read the file");
	return x->format->write(x->store, x->filter, out, err);
}

int export_write(struct store *store, const struct store_filter *filter,
		 const char *what, struct err *err)
{
	struct export x = { .store = store, .filter = filter };
	const char *file = strchrnul(what, '=');
	size_t len = (size_t)(file - what);

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (strlen(formats[i].name) == len &&
		    !strncmp(formats[i].name, what, len))
			x.format = &formats[i];
	if (x.format)
		return whole_write(*file ? file + 1 : NULL, write_format, &x,
				   err);
	err_set(err, 0, "--export: '%.*s' is none of", (int)len, what);
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		err_hint(err, "%s", formats[i].name);
	return -1;
}
