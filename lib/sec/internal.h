/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SEC_INTERNAL_H
#define SEC_INTERNAL_H

#include "sec/sec.h"

/* Landlock by plan (landlock(7)). Needs no_new_privs. */
int sec_landlock(const struct sec_plan *plan, struct err *err);

#endif
