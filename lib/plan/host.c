/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/fd.h"
#include "ns/ns.h"
#include "plan/host.h"

static int has_sys_admin(bool *ret, struct err *err)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = { { 0 } };

	if (syscall(SYS_capget, &h, d))
		return err_set(err, errno, "read capabilities");
	*ret = !geteuid() && (d[0].effective & (1U << CAP_SYS_ADMIN));
	return 0;
}

void host_probe_claims(unsigned needs, struct pool *pool, struct host *host)
{
	if (needs & HOST_CLAIMS)
		topo_claims_probe(topo_ledger, pool, &host->claims);
}

int host_probe(unsigned needs, const char *cache, struct pool *pool,
	       struct host *ret, struct err *err)
{
	static const char boot[] = "/proc/sys/kernel/random/boot_id";
	struct sysinfo si;

	memset(ret, 0, sizeof(*ret));
	if (gethostname(ret->node, sizeof(ret->node) - 1))
		return err_set(err, errno, "read the host name");
	if (fd_read_file(AT_FDCWD, boot, ret->boot_id, sizeof(ret->boot_id)) <
	    0)
		return err_set(err, errno, "read %s", boot);
	if (sysinfo(&si))
		return err_set(err, errno, "read the size of memory");
	ret->memory = (uint64_t)si.totalram * si.mem_unit;
	if (has_sys_admin(&ret->privileged, err))
		return -1;
	ret->in_user_ns = !ns_in_first_user();
	if ((needs & HOST_CGROUP) && cg_probe(&ret->cg, err))
		return -1;
	host_probe_claims(needs, pool, ret);
	if (!(needs & HOST_TOPOLOGY))
		return 0;
	if (topo_affinity(pool, &ret->affinity, err))
		return -1;
	ret->mems = topo_memory_nodes(pool);
	return topo_cached(cache, ret->boot_id, pool, &ret->topo, err);
}

int host_imagine(struct host *host, const char *source, struct pool *pool,
		 struct err *err)
{
	const unsigned all =
		CG_CPU | CG_CPUSET | CG_MEMORY | CG_PIDS | CG_IO | CG_HUGETLB;

	if (topo_load(source, pool, &host->topo, err))
		return -1;
	host->affinity = topo_cpus(&host->topo, pool);
	host->mems = host->topo.numa ? host->topo.mems : NULL;
	host->cg = (struct cg_host){ .mount = "/sys/fs/cgroup",
				     .own = "/",
				     .available = all,
				     .delegated = all,
				     .own_delegated = true };
	return 0;
}

static int confine(const char *by, struct pool *pool, const char **list,
		   struct err *err)
{
	return by && *list ? topo_common(*list, by, pool, list, err) : 0;
}

int host_confine(const char *parent, struct pool *pool, struct host *host,
		 struct err *err)
{
	const struct cg_host *cg = &host->cg;

	/* Nobody picks any: they have not been looked at. */
	if (!parent || !host->affinity)
		return 0;
	if (confine(cg_cpuset_read(cg, parent, "cpus.effective", pool), pool,
		    &host->affinity, err))
		return -1;
	return confine(cg_cpuset_read(cg, parent, "mems.effective", pool), pool,
		       &host->mems, err);
}

void host_disks(const char *const *paths, size_t n, struct pool *pool,
		struct host *host)
{
	for (size_t i = 0; i < n; i++) {
		struct host_disk d = { .path = paths[i] };
		char disk[CG_DISK];
		struct err err;

		if (cg_disk(paths[i], disk, &err))
			d.why = pool_strdup(pool, err.text);
		else
			d.disk = pool_strdup(pool, disk);
		*(struct host_disk *)pool_push(pool, &host->disk,
					       &host->n_disks, sizeof(d)) = d;
	}
}
