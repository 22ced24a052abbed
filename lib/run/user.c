/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run/user.h"

/* A fake root is the user already. */
static bool is_root_for_user(const struct plan *plan)
{
	return geteuid() == 0 && plan->job->uid != 0 &&
	       plan->ns.user != NS_USER_ROOT;
}

int user_become(const struct plan *plan, struct err *err)
{
	const struct job *job = plan->job;
	struct sec_plan sec = plan->sec;

	if (is_root_for_user(plan) &&
	    (setgroups(job->n_groups, job->groups) ||
	     setresgid(job->gid, job->gid, job->gid) ||
	     setresuid(job->uid, job->uid, job->uid)))
		return err_set(err, errno, "become the user");
	/* The directory to collect in is none that the payload can reach. */
	sec.landlock = SEC_OFF;
	if (sec_apply(&sec, err))
		return -1;
	if (prctl(PR_SET_DUMPABLE, 0) || prctl(PR_SET_PDEATHSIG, SIGKILL))
		return err_set(err, errno, "protect a process of the user's");
	return 0;
}

static bool kept(const struct mnt_plan *mnt)
{
	for (size_t i = 0; i < mnt->n; i++)
		if (mnt->op[i].kind == MNT_OVERLAY &&
		    mnt->op[i].fate == MNT_KEEP)
			return true;
	return false;
}

void user_tidy(const struct plan *plan)
{
	struct err ignored;
	pid_t pid;

	if (!kept(&plan->mnt))
		return;
	if (!is_root_for_user(plan)) {
		mnt_tidy(&plan->mnt);
		return;
	}
	pid = fork();
	if (!pid) {
		if (!user_become(plan, &ignored))
			mnt_tidy(&plan->mnt);
		_exit(0);
	}
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}
