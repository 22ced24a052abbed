/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "topo/ledger.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A claim that parses has a list of CPUs, and nothing that steers a terminal.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct topo_claim_line l;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (!topo_claim_parse(text, &l)) {
		if (!topo_count(l.claim.cpus))
			abort();
		for (const char *p = l.claim.user; *p; p++)
			if (*p <= ' ' || *p >= 0x7f)
				abort();
	}
	free(text);
	return 0;
}
