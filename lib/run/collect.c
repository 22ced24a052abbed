/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "run/collect.h"
#include "run/user.h"

static _Noreturn void collector(const struct plan *plan,
				const struct mnt_live *live,
				struct cell_shared *shared)
{
	sigset_t none;
	struct err err;

	/* It is no better than the payload: init alone is to be spared. */
	fd_write_file(AT_FDCWD, "/proc/self/oom_score_adj", "0");
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (user_become(plan, &err) || mnt_collect(&plan->mnt, live, &err)) {
		shared->uncollected = err;
		_exit(1);
	}
	_exit(0);
}

static bool asked_for(const struct mnt_plan *mnt)
{
	for (size_t i = 0; i < mnt->n; i++)
		if (mnt->op[i].kind == MNT_OVERLAY &&
		    mnt->op[i].fate == MNT_COLLECT)
			return true;
	return false;
}

pid_t collect_start(const struct plan *plan, const struct mnt_live *live,
		    struct cell_shared *shared)
{
	pid_t pid;

	if (!asked_for(&plan->mnt))
		return 0;
	pid = fork();
	if (!pid)
		collector(plan, live, shared);
	if (pid > 0)
		return pid;
	err_set(&shared->uncollected, errno, "fork to collect files");
	return 0;
}

void collect_end(struct cell_shared *shared, int status)
{
	if (WIFSIGNALED(status))
		err_set(&shared->uncollected, 0,
			"collecting files was ended by signal %d",
			WTERMSIG(status));
}
