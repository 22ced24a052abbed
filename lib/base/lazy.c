/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <dlfcn.h>
#include <stddef.h>

#include "base/lazy.h"

int lazy_load(const char *soname, const char *const *names, void **table,
	      struct err *err)
{
	size_t n = 0;
	void *lib;

	while (names[n])
		n++;
	if (table[n - 1])
		return 0;
	/* NODELETE: its destructors must not run below a host's feet. */
	lib = dlopen(soname, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!lib)
		return err_set(err, 0, "library %s cannot be loaded: %s",
			       soname, dlerror());
	for (size_t i = 0; i < n; i++) {
		table[i] = dlsym(lib, names[i]);
		if (!table[i]) {
			table[n - 1] = NULL;
			return err_set(err, 0, "library %s has no %s", soname,
				       names[i]);
		}
	}
	return 0;
}
