/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <json.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/lazy.h"
#include "plan/plan.h"

#define FUNCTIONS(X)                      \
	X(json_object_new_object)         \
	X(json_object_new_array)          \
	X(json_object_new_string)         \
	X(json_object_array_add)          \
	X(json_object_object_add)         \
	X(json_object_object_get_ex)      \
	X(json_object_to_json_string_ext) \
	X(json_object_put)
LAZY_TABLE(jc, FUNCTIONS);

/*
 * A plan is printed as a list of facts, each of a section, a key that is NULL
 * where the section is a list, and a value. Text and JSON are two views of it.
 */
struct fact {
	const char *section, *key, *value;
};

struct facts {
	struct pool *pool;
	struct fact *fact;
	size_t n;
};

static void put(struct facts *f, const char *section, const char *key,
		const char *value)
{
	if (!value)
		return;
	*(struct fact *)pool_push(f->pool, &f->fact, &f->n, sizeof(*f->fact)) =
		(struct fact){ section, key, value };
}

static const char *number(struct facts *f, uint64_t n)
{
	return pool_printf(f->pool, "%llu", (unsigned long long)n);
}

static const char *seconds(struct facts *f, uint64_t n)
{
	return pool_printf(f->pool, "%llu s", (unsigned long long)n);
}

static void put_pairs(struct facts *f, const char *section,
		      const struct record_pair *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put(f, section, p[i].key, p[i].value);
}

static const char *offset(struct facts *f, const struct ns_offset *o)
{
	bool minus = o->sec < 0;
	long long sec = minus ? -(o->sec + (o->nsec > 0)) : o->sec;
	unsigned nsec = minus && o->nsec ? 1000000000 - o->nsec : o->nsec;

	return pool_printf(f->pool, "%c%lld.%09u s", minus ? '-' : '+', sec,
			   nsec);
}

static void put_ns(struct facts *f, const struct ns_plan *ns)
{
	static const char *const users[] = {
		[NS_USER_IDENTITY] = "identity",
		[NS_USER_SELF] = "self",
		[NS_USER_ROOT] = "root",
		[NS_USER_HOST] = "host",
	};

	for (int i = 0; i < NS_KINDS; i++)
		if (ns->make[i])
			put(f, "namespaces", NULL, ns_table[i]->name);
	put(f, "user", "mode", users[ns->user]);
	put(f, "user", "uid", number(f, ns->uid));
	put(f, "user", "gid", number(f, ns->gid));
	put(f, "user", "setup", ns->outer_user ? "own namespace" : "root");
	put(f, "hostname", "name", ns->hostname);
	for (int i = 0; i < NS_CLOCKS; i++)
		if (ns->offset[i].sec || ns->offset[i].nsec)
			put(f, "clocks", ns_clocks[i],
			    offset(f, &ns->offset[i]));
}

/* What an overlay leaves behind, and where. */
static const char *fate(struct facts *f, const struct mnt_op *op)
{
	if (op->kind != MNT_OVERLAY)
		return "";
	if (op->fate == MNT_KEEP)
		return pool_printf(f->pool, " keep %s", op->dir);
	if (op->fate == MNT_COLLECT)
		return pool_printf(f->pool, " collect %s in %s", op->glob,
				   op->dir);
	return " discard";
}

static const char *mount_line(struct facts *f, const struct mnt_op *op)
{
	static const char *const kinds[] = {
		[MNT_BIND] = "bind",       [MNT_TMPFS] = "tmpfs",
		[MNT_SCRATCH] = "scratch", [MNT_HIDE] = "hide",
		[MNT_OVERLAY] = "overlay", [MNT_PROC] = "proc",
		[MNT_SYSFS] = "sysfs",     [MNT_CGROUP2] = "cgroup2",
		[MNT_MQUEUE] = "mqueue",   [MNT_DEV] = "dev",
		[MNT_ROOTFS] = "rootfs",
	};
	bool from = (op->kind == MNT_BIND || op->kind == MNT_ROOTFS) &&
		    strcmp(op->src, op->dst) != 0;

	return pool_printf(
		f->pool, "%s%s %s%s%s%s%s%s%s%s",
		op->kind != MNT_BIND ? kinds[op->kind]
		: op->rdonly         ? "ro"
				     : "rw",
		op->optional ? "?" : "", op->dst, from ? " from " : "",
		from ? op->src : "", op->trusted ? " trusted" : "",
		op->size ? " size " : "", op->size ? number(f, op->size) : "",
		fate(f, op), op->kind == MNT_SCRATCH ? " mode 1777" : "");
}

static void put_mnt(struct facts *f, const struct plan *plan)
{
	const struct mnt_plan *mnt = &plan->mnt;

	put(f, "tree", "access", mnt->rdonly ? "ro" : "rw");
	put(f, "tree", "suid", mnt->nosuid ? "no" : "yes");
	if (mnt->scratch)
		put(f, "scratch", "bytes", number(f, mnt->scratch));
	put(f, "scratch", "dir", plan->scratch.dir);
	if (plan->scratch.dir && !plan->scratch.unsized_ok)
		put(f, "scratch", "projects",
		    pool_printf(f->pool, "%u-%u", plan->scratch.first,
				plan->scratch.last));
	put(f, "scratch", "lifetime", plan->scratch.job ? "job" : NULL);
	if (mnt->uppers)
		put(f, "overlays", "bytes", number(f, mnt->uppers));
	put(f, "proc", "hidepid", mnt->hidepid ? "yes" : NULL);
	for (size_t i = 0; i < mnt->n_devices; i++)
		put(f, "devices", NULL, mnt->device[i]);
	for (size_t i = 0; i < mnt->n; i++)
		put(f, "mounts", NULL, mount_line(f, &mnt->op[i]));
}

/* What one address is chosen from. */
static const char *want_line(struct facts *f, const struct link_want *w)
{
	char first[IP_TEXT], last[IP_TEXT];
	const char *line = "";

	for (size_t i = 0; i < w->n; i++)
		line = pool_printf(f->pool, "%s%s%s-%s", line, i ? " or " : "",
				   ip_text(&w->range[i].first, first),
				   ip_text_cidr(&w->range[i].last, last));
	if (w->pool)
		return pool_printf(f->pool, "%s of pool %s", line, w->pool);
	return pool_strdup(f->pool, ip_text_cidr(&w->range->first, first));
}

static void put_link(struct facts *f, const struct link_plan *l)
{
	const struct link_row *row = &link_table[l->kind];
	char text[IP_TEXT];

	if (l->kind == LINK_NONE)
		return;
	put(f, "link", "kind", row->name);
	put(f, "link", "on", l->parent);
	put(f, "link", "mode", row->mode[l->mode].name);
	put(f, "link", "mtu", l->mtu ? number(f, l->mtu) : NULL);
	put(f, "link", "hook", l->hook);
	for (size_t i = 0; i < l->n_wants; i++)
		put(f, "addresses", NULL, want_line(f, &l->want[i]));
	for (int i = 0; i < 2; i++)
		if (l->gateway[i].ip.family)
			put(f, "gateways", NULL,
			    pool_printf(f->pool, "%s%s",
					ip_text(&l->gateway[i].ip, text),
					l->gateway[i].onlink ? " onlink" : ""));
}

static void put_cg(struct facts *f, const struct cg_plan *cg)
{
	static const char *const sources[] = {
		[CG_NONE] = "none",
		[CG_BELOW] = "below",
		[CG_SCOPE] = "systemd scope",
		[CG_ADOPT] = "scheduler",
	};

	put(f, "cgroup", "source", sources[cg->source]);
	put(f, "cgroup", "parent", cg->parent);
	for (int i = 0; i < CG_LIMITS; i++)
		put(f, "cgroup", cg_limits[i].file, cg->limit[i]);
	for (int i = 0; cg_controllers[i]; i++)
		if (cg->measure & 1U << i)
			put(f, "counters", NULL, cg_controllers[i]);
}

static void put_sec(struct facts *f, const struct sec_plan *sec)
{
	put(f, "privileges", "new", "no");
	put(f, "privileges", "capabilities",
	    sec->keep_caps ? "of the cell" : "none");
	put(f, "privileges", "seccomp", sec_levels[sec->seccomp]);
	if (sec->landlock != SEC_OFF)
		put(f, "privileges", "landlock", sec_levels[sec->landlock]);
	for (size_t i = 0; i < sec->n_writable; i++)
		put(f, "writable", NULL, sec->writable[i]);
}

/* As the kernel calls it; that what is listed is bound goes without saying. */
static const char *const memories[] = {
	[TOPO_MEM_INHERIT] = NULL,
	[TOPO_MEM_LOCAL] = "local",
	[TOPO_MEM_PREFERRED] = "preferred",
	[TOPO_MEM_INTERLEAVE] = "interleave",
	[TOPO_MEM_BIND] = NULL,
};

/* "2 cpus 4-7 mems 0 preferred" */
static const char *task_line(struct facts *f, size_t i,
			     const struct topo_plan *p)
{
	const char *memory = memories[p->memory];

	return pool_printf(f->pool, "%zu%s%s%s%s%s%s", i,
			   p->cpus ? " cpus " : "", p->cpus ? p->cpus : "",
			   p->mems ? " mems " : "", p->mems ? p->mems : "",
			   memory ? " " : "", memory ? memory : "");
}

/* Counted where the affinity is known, which Slurm sets late. */
static const char *threads(struct facts *f, unsigned most)
{
	if (!most)
		return NULL;
	return most == UINT_MAX
		       ? "(CPUs)"
		       : pool_printf(f->pool, "(CPUs, at most %u)", most);
}

static void plan_facts(const struct plan *plan, struct facts *f)
{
	static const char *const claims[] = { [CLAIM_CORES] = "exclusive",
					      [CLAIM_THREADS] =
						      "exclusive threads",
					      [CLAIM_SHARED] = "shared" };

	put(f, "profile", "name", plan->profile);
	put_ns(f, &plan->ns);
	put_mnt(f, plan);
	put_link(f, &plan->link);
	put_cg(f, &plan->cg);
	put(f, "places", "cpus", plan->topo.cpus);
	put(f, "places", "mems", plan->topo.mems);
	put(f, "places", "memory", memories[plan->topo.memory]);
	put(f, "places", "cores", claims[plan->claim]);
	for (size_t i = 0; i < plan->n_tasks; i++)
		put(f, "tasks", NULL, task_line(f, i, &plan->task[i]));
	if (plan->time_limit) {
		put(f, "time", "limit", seconds(f, plan->time_limit));
		put(f, "time", "grace", seconds(f, plan->time_grace));
	}
	if (plan->cpu_time) {
		put(f, "cpu-time", "limit", seconds(f, plan->cpu_time));
		put(f, "cpu-time", "grace", seconds(f, plan->cpu_grace));
	}
	put_pairs(f, "asked", plan->asked, plan->n_asked);
	put_pairs(f, "enforced", plan->enforced, plan->n_enforced);
	put_pairs(f, "missing", plan->missing, plan->n_missing);
	put_sec(f, &plan->sec);
	put(f, "privileges", "nestable", plan->nestable ? "yes" : NULL);
	put_pairs(f, "env", plan->env, plan->n_env);
	put(f, "env", "OMP_NUM_THREADS", threads(f, plan->omp_threads));
	put(f, "start", "cwd", plan->cwd);
	put(f, "record", "spool", plan->spool);
	put(f, "record", "file", plan->record);
	put_pairs(f, "tags", plan->tags, plan->n_tags);
}

const char *plan_text(const struct plan *plan, struct pool *pool)
{
	struct facts f = { .pool = pool };
	size_t size = 1;
	char *text, *p;

	plan_facts(plan, &f);
	for (size_t i = 0; i < f.n; i++)
		size += strlen(f.fact[i].section) + strlen(f.fact[i].value) +
			(f.fact[i].key ? strlen(f.fact[i].key) + 1 : 0) + 2;
	text = p = pool_alloc(pool, size);
	for (size_t i = 0; i < f.n; i++) {
		char *line = p;

		p += sprintf(p, "%s%s%s ", f.fact[i].section,
			     f.fact[i].key ? "." : "",
			     f.fact[i].key ? f.fact[i].key : "");
		p += sprintf(p, "%s", f.fact[i].value);
		/* Paths of users: one fact stays one line. */
		for (; line < p; line++)
			if ((unsigned char)*line < ' ' || *line == 0x7f)
				*line = '?';
		*p++ = '\n';
	}
	*p = '\0';
	return text;
}

static struct json_object *section(struct json_object *top, const char *name,
				   bool list)
{
	struct json_object *o = NULL;

	if (!jc.json_object_object_get_ex(top, name, &o)) {
		o = list ? jc.json_object_new_array()
			 : jc.json_object_new_object();
		jc.json_object_object_add(top, name, o);
	}
	return o;
}

int plan_json(const struct plan *plan, struct pool *pool, const char **ret,
	      struct err *err)
{
	struct facts f = { .pool = pool };
	struct json_object *top;

	if (LAZY_LOAD(jc, JSONC_SONAME, FUNCTIONS, err))
		return -1;
	plan_facts(plan, &f);
	top = jc.json_object_new_object();
	for (size_t i = 0; i < f.n; i++) {
		const struct fact *a = &f.fact[i];
		struct json_object *o = section(top, a->section, !a->key);
		struct json_object *v = jc.json_object_new_string(a->value);

		if (a->key)
			jc.json_object_object_add(o, a->key, v);
		else
			jc.json_object_array_add(o, v);
	}
	*ret = pool_strdup(
		pool, jc.json_object_to_json_string_ext(
			      top, JSON_C_TO_STRING_PRETTY |
					   JSON_C_TO_STRING_NOSLASHESCAPE));
	jc.json_object_put(top);
	return 0;
}
