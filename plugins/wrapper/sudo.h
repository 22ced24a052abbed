/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WRAPPER_SUDO_H
#define WRAPPER_SUDO_H

#include "plan/job.h"

/*
 * Who is behind root: job->login_uid and job->sudo_uid, if the caller is root
 * of the initial user namespace. Others are who the kernel says they are; and
 * they could claim both, as a process that never logged in may choose what
 * /proc/self/loginuid says (see proc(5) and audit_setloginuid(3)).
 */
void sudo_read(struct job *job);

#endif
