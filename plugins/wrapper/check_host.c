/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "cg/cg.h"
#include "check.h"
#include "topo/topo.h"

/* cgroup.kill, without which a cell cannot be ended for sure. */
enum {
	KERNEL_MAJOR = 5,
	KERNEL_MINOR = 14
};

static void kernel(struct finding *f, struct pool *pool)
{
	unsigned major = 0, minor = 0;
	struct utsname u;

	(void)pool;
	uname(&u);
	/* "6.1.0-18-amd64": NOLINTNEXTLINE(cert-err34-c) */
	sscanf(u.release, "%u.%u", &major, &minor);
	if (major > KERNEL_MAJOR ||
	    (major == KERNEL_MAJOR && minor >= KERNEL_MINOR))
		FOUND(f, CHECK_OK, "Linux %s", u.release);
	else
		FOUND(f, CHECK_FAIL, "Linux %s: cells need %d.%d or later",
		      u.release, KERNEL_MAJOR, KERNEL_MINOR);
}

static void namespaces(struct finding *f, struct pool *pool)
{
	static const struct {
		const char *name;
		int flag;
	} kinds[] = {
		{ "mnt", CLONE_NEWNS },  { "pid", CLONE_NEWPID },
		{ "net", CLONE_NEWNET }, { "ipc", CLONE_NEWIPC },
		{ "uts", CLONE_NEWUTS }, { "cgroup", CLONE_NEWCGROUP },
		{ "time", 0x80 },
	};
	int status, flags = CLONE_NEWUSER;
	pid_t pid;

	(void)pool;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		char path[32];

		snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[i].name);
		flags |= kinds[i].flag;
		if (!access(path, F_OK))
			continue;
		FOUND(f, CHECK_FAIL, "the kernel has no %s namespaces",
		      kinds[i].name);
		return;
	}
	pid = fork();
	if (!pid)
		_exit(unshare(flags) ? errno & 0xff : 0);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		FOUND(f, CHECK_FAIL, "no process could be made to try them");
	else if (WEXITSTATUS(status))
		FOUND(f, CHECK_FAIL,
		      "the kernel refuses them (%s): look at "
		      "user.max_user_namespaces and the like, "
		      "kernel.unprivileged_userns_clone and AppArmor",
		      strerror(WEXITSTATUS(status)));
	else
		FOUND(f, CHECK_OK, "all eight can be made");
}

/* As an ordinary user has to, whoever asks. */
static void users(struct finding *f, struct pool *pool)
{
	static const struct {
		const char *file, *bad;
	} knobs[] = {
		{ "/proc/sys/user/max_user_namespaces", "0" },
		{ "/proc/sys/kernel/unprivileged_userns_clone", "0" },
		{ "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
		  "1" },
	};
	char text[32];

	(void)pool;
	for (size_t i = 0; i < sizeof(knobs) / sizeof(knobs[0]); i++)
		if (fd_read_file(AT_FDCWD, knobs[i].file, text, sizeof(text)) >
			    0 &&
		    !strcmp(text, knobs[i].bad)) {
			FOUND(f, CHECK_WARN,
			      "%s is %s: cloison run is for root alone "
			      "(Slurm's cells do not need it)",
			      knobs[i].file, text);
			return;
		}
	FOUND(f, CHECK_OK, "may make user namespaces");
}

/* Both fail for the descriptor where they exist. */
static void mount_api(struct finding *f, struct pool *pool)
{
	(void)pool;
	if ((syscall(SYS_mount_setattr, -1, "", 0, NULL, 0) &&
	     errno == ENOSYS) ||
	    (syscall(SYS_open_tree, -1, "", 0) && errno == ENOSYS))
		FOUND(f, CHECK_FAIL,
		      "no mount_setattr(2): a kernel or a filter of system "
		      "calls around us is too old");
	else
		FOUND(f, CHECK_OK, "open_tree, mount_setattr");
}

static bool has_filesystem(const char *name)
{
	char list[4096], *save;

	if (fd_read_file(AT_FDCWD, "/proc/filesystems", list, sizeof(list)) < 0)
		return false;
	for (char *w = strtok_r(list, " \t\n", &save); w;
	     w = strtok_r(NULL, " \t\n", &save))
		if (!strcmp(w, name))
			return true;
	return false;
}

static void overlay(struct finding *f, struct pool *pool)
{
	(void)pool;
	if (has_filesystem("overlay"))
		FOUND(f, CHECK_OK, "the kernel has overlayfs");
	else
		FOUND(f, CHECK_WARN,
		      "overlayfs is not loaded, so users cannot have --overlay "
		      "or --rootfs: modprobe overlay, at boot");
}

static void landlock(struct finding *f, struct pool *pool)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
			   LANDLOCK_CREATE_RULESET_VERSION);

	(void)pool;
	if (abi > 0)
		FOUND(f, CHECK_OK, "ABI %ld", abi);
	else
		FOUND(f, CHECK_WARN,
		      "not there, so landlock=default and strict fail: boot "
		      "with landlock in lsm=");
}

static void seccomp(struct finding *f, struct pool *pool)
{
	unsigned action = SECCOMP_RET_ERRNO;

	(void)pool;
	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action))
		FOUND(f, CHECK_FAIL, "no filters of system calls: %s",
		      strerror(errno));
	else
		FOUND(f, CHECK_OK, "filters of system calls");
}

static void pressure(struct finding *f, struct pool *pool)
{
	(void)pool;
	if (!access("/proc/pressure/cpu", R_OK))
		FOUND(f, CHECK_OK, "is counted");
	else
		FOUND(f, CHECK_WARN,
		      "is not counted, records go without: boot with psi=1");
}

static void cgroup(struct finding *f, struct pool *pool)
{
	struct cg_host cg;

	(void)pool;
	if (cg_probe(&cg, &f->text))
		f->verdict = CHECK_FAIL;
	else if (!*cg.mount)
		FOUND(f, CHECK_WARN,
		      "no cgroup v2, so no limits: boot with "
		      "systemd.unified_cgroup_hierarchy=1");
	else if (cg.legacy)
		FOUND(f, CHECK_WARN,
		      "controllers are bound to cgroup v1, so no limits: boot "
		      "with systemd.unified_cgroup_hierarchy=1");
	else
		FOUND(f, CHECK_OK, "v2 at %s", cg.mount);
}

static void controllers(struct finding *f, struct pool *pool)
{
	const char *have = "", *miss = "";
	struct cg_host cg;
	struct err err;

	if (cg_probe(&cg, &err) || !*cg.mount || cg.legacy)
		return;
	for (int i = 0; cg_controllers[i]; i++) {
		const char **list = cg.available & (1U << i) ? &have : &miss;

		*list = pool_printf(pool, "%s%s%s", *list, **list ? " " : "",
				    cg_controllers[i]);
	}
	if (*miss)
		FOUND(f, CHECK_WARN, "%s; not there, so no limits by: %s", have,
		      miss);
	else
		FOUND(f, CHECK_OK, "%s", have);
}

static void delegation(struct finding *f, struct pool *pool)
{
	struct cg_host cg;
	struct err err;

	(void)pool;
	if (cg_probe(&cg, &err) || !*cg.mount || cg.legacy)
		return;
	if (cg.own_delegated)
		FOUND(f, CHECK_OK, "%s is ours to divide", cg.own);
	else if (cg.systemd)
		FOUND(f, CHECK_OK, "systemd makes scopes for us");
	else
		FOUND(f, CHECK_WARN,
		      "%s is not ours and systemd does not answer: cloison run "
		      "has no limits (Slurm's cells do not need it)",
		      cg.own);
}

static void topology(struct finding *f, struct pool *pool)
{
	struct topo topo;

	if (topo_load(NULL, pool, &topo, &f->text))
		f->verdict = CHECK_FAIL;
	else
		FOUND(f, CHECK_OK, "%zu CPUs", topo.n);
}

const struct check check_host[] = {
	{ "kernel", kernel },
	{ "namespaces", namespaces },
	{ "users", users },
	{ "mount-api", mount_api },
	{ "overlay", overlay },
	{ "landlock", landlock },
	{ "seccomp", seccomp },
	{ "pressure", pressure },
	{ "cgroup", cgroup },
	{ "controllers", controllers },
	{ "delegation", delegation },
	{ "topology", topology },
	{ 0 },
};
