/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>

#include "plan/build.h"

/* What the cell sees of the kernel: /dev, /proc, /sys and cgroups. */

static bool own_dev(const struct build *b)
{
	return b->o->value[OPT_DEV].num == DEV_PRIVATE ||
	       b->o->value[OPT_ROOTFS].set;
}

/* Devices of its own, and places for what is mounted in /dev otherwise. */
static void add_dev(const struct build *b, struct plan *plan)
{
	const struct option_value *v = &b->o->value[OPT_DEV];
	const char **globs;

	if (!own_dev(b))
		return;
	build_op(b, plan, MNT_DEV, "/dev", "/dev", v->origin);
	globs = pool_alloc(b->pool, (b->o->n_devices + 1) * sizeof(*globs));
	for (size_t i = 0; i < b->o->n_devices; i++)
		globs[i] = b->o->device[i].glob;
	plan->mnt.device = globs;
	plan->mnt.n_devices = b->o->n_devices;
	if (!plan->mnt.scratch) {
		struct mnt_op *op = build_op(b, plan, MNT_TMPFS, NULL,
					     "/dev/shm", v->origin);

		op->size = b->host->memory / 2;
		op->mode = 01777;
	}
	if (!plan->ns.make[NS_IPC])
		build_op(b, plan, MNT_BIND, "/dev/mqueue", "/dev/mqueue",
			 v->origin)
			->optional = true;
}

static void add_rdonly(const struct build *b, struct plan *plan,
		       const char *path)
{
	struct mnt_op *op = build_op(b, plan, MNT_BIND, path, path, path);

	op->rdonly = true;
	op->optional = true;
}

/* What shows the namespaces that the cell has of its own. */
static const struct kernel_fs {
	enum ns_kind ns;
	enum mnt_kind kind;
	const char *dst;
	bool optional;
} kernel_fs[] = {
	{ NS_PID, MNT_PROC, "/proc", false },
	{ NS_IPC, MNT_MQUEUE, "/dev/mqueue", true },
	{ NS_NET, MNT_SYSFS, "/sys", false },
	{ NS_CGROUP, MNT_CGROUP2, "/sys/fs/cgroup", true },
};

static void add_kernel_fs(const struct build *b, struct plan *plan,
			  enum mnt_kind kind)
{
	const struct kernel_fs *row = kernel_fs;
	struct mnt_op *op;

	while (row->kind != kind)
		row++;
	if (!plan->ns.make[row->ns]) {
		/* Limits are not the payload's to write, whoever owns their
		 * files. */
		if (kind == MNT_CGROUP2)
			add_rdonly(b, plan, row->dst);
		return;
	}
	op = build_op(b, plan, kind, NULL, row->dst, row->dst);
	op->optional = row->optional;
	/* Tasks find their step's limits there, whichever task's cgroup they
	 * are in. */
	if (kind == MNT_CGROUP2 && b->job->cgroup) {
		op->kind = MNT_BIND;
		op->src = pool_printf(b->pool, "%s%s", b->host->cg.mount,
				      b->job->cgroup);
		op->rdonly = true;
	}
}

/*
 * What uid 0 of the host may change in /proc and /sys needs no capability, only
 * the owner's id, which a root payload has: the host's settings are taken away.
 * What tells of the kernel and of other users' keys matters only where the
 * payload does not see the host's disks in /dev: it could read more there. An
 * ordinary user may not change the ones, and not read the others.
 */
static void add_settings(const struct build *b, struct plan *plan)
{
	static const char *const settings[] = {
		"/proc/sys",  "/proc/irq",  "/proc/bus",          "/proc/fs",
		"/proc/acpi", "/proc/scsi", "/proc/sysrq-trigger"
	};

	if (b->job->uid != 0)
		return;
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		add_rdonly(b, plan, settings[i]);
}

static void add_masks(const struct build *b, struct plan *plan,
		      const char *const *masked)
{
	if (b->job->uid != 0 || !own_dev(b))
		return;
	for (; *masked; masked++)
		build_op(b, plan, MNT_HIDE, NULL, *masked, *masked);
}

/* Where nothing else makes it read-only, or shows it at all. */
static bool shows_host_sys(const struct build *b, const struct plan *plan)
{
	bool covered = false;

	for (size_t i = 0; i < b->o->n_mounts; i++)
		covered |= b->o->mount[i].id == OPT_RO &&
			   !strcmp(b->o->mount[i].dst, "/");
	return !plan->ns.make[NS_NET] &&
	       (b->o->value[OPT_ROOTFS].set || (b->job->uid == 0 && !covered));
}

int build_system(const struct build *b, struct plan *plan, struct err *err)
{
	static const char *const masked[] = {
		"/proc/kcore",       "/proc/keys",       "/proc/latency_stats",
		"/proc/sched_debug", "/proc/timer_list", NULL
	};
	const struct option_value *hidepid = &b->o->value[OPT_HIDEPID];

	plan->mnt.hidepid = hidepid->num == HIDEPID_YES;
	if (plan->mnt.hidepid && !plan->ns.make[NS_PID])
		return err_set(err, 0, "%s: needs pid=new, a /proc of the cell",
			       hidepid->origin);
	add_dev(b, plan);
	add_kernel_fs(b, plan, MNT_PROC);
	add_kernel_fs(b, plan, MNT_MQUEUE);
	/* A process has to write about itself there: its id maps, its OOM
	 * score. */
	if (!plan->ns.make[NS_PID])
		build_op(b, plan, MNT_BIND, "/proc", "/proc", "/proc");
	add_settings(b, plan);
	add_masks(b, plan, masked);
	return 0;
}

void build_sys(const struct build *b, struct plan *plan)
{
	static const char *const masked[] = { "/sys/firmware",
					      "/sys/devices/virtual/powercap",
					      "/sys/kernel/debug",
					      "/sys/kernel/tracing", NULL };

	if (shows_host_sys(b, plan))
		add_rdonly(b, plan, "/sys");
	add_kernel_fs(b, plan, MNT_SYSFS);
	add_kernel_fs(b, plan, MNT_CGROUP2);
	add_masks(b, plan, masked);
}
