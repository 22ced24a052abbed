/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "run/entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An entry that parses names its cell and has nothing but whole lines. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pool pool = { 0 };
	struct entry e;
	struct err err;

	if (!entry_parse((const char *)data, size, &pool, &e, &err)) {
		if (!record_id_valid(e.id) || e.uid < 0 || e.start_us < 0 ||
		    !e.n_lines || e.init.pid < 0)
			abort();
		for (size_t i = 0; i < e.n_lines; i++)
			if (!*e.line[i].key || !e.line[i].value ||
			    strchr(e.line[i].key, '\n'))
				abort();
	}
	pool_free(&pool);
	return 0;
}
