/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes the system call filters of filter.h as C, for the processor that is
 * named as configure names it (its compat ABIs included):
 *
 *	mkfilter x86_64 >filters.c
 *
 * Runs at build time, on the machine that builds. Needs libseccomp.
 */
#include <errno.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sec/filter.h"

/* Which filters a rule belongs to. */
enum class {
	ALWAYS,
	NO_NESTING, /* unless the cell is nestable */
	ISOLATED,   /* with a network of its own, and in strict */
	STRICT,
};

struct rule {
	enum class class;
	const char *name;
	int error;
	enum {
		ANY,  /* whatever its arguments are */
		WORD, /* the low 32 bits of argument `arg` are `value` */
		BITS, /* any bit of `value` is set in it */
	} when;
	unsigned arg;
	unsigned value;
};

enum {
	NEW_NAMESPACE = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
			CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |
			CLONE_NEWNET,
	/*
	 * From here on (open_tree_attr, Linux 6.15) nobody has looked at what
	 * a call does: it does not exist, as on an older kernel. All processors
	 * have the same numbers there; below x32's bit some have calls of their
	 * own above OWN_CALLS.
	 */
	FIRST_UNKNOWN = 467,
	OWN_CALLS = 0x10000,
};

/*
 * The filter is the second line behind namespaces, mounts and ids: it keeps
 * code of the kernel out of reach that has no business in a job. The error is
 * what a kernel without the call, or one that forbids it, would give, so that
 * programs and libc take the way around that they have. What the kernel keeps
 * from everyone but the host's root anyway is here where fake root would get
 * further, or where there is no such check.
 *
 * The kernel looks at 32 bits of an int, whatever the upper half of the
 * register holds: so does WORD.
 */
static const struct rule rules[] = {
	/* Input that a terminal's other users would take for typed. */
	{ ALWAYS, "ioctl", EPERM, WORD, 1, TIOCSTI },
	{ ALWAYS, "ioctl", EPERM, WORD, 1, TIOCLINUX },
	/* Keyrings are not of any namespace that a cell has: by user id. */
	{ ALWAYS, "add_key", ENOSYS },
	{ ALWAYS, "request_key", ENOSYS },
	{ ALWAYS, "keyctl", ENOSYS },
	/* To the hypervisor, and between cells, past network namespaces. */
	{ ALWAYS, "socket", EAFNOSUPPORT, WORD, 0, AF_VSOCK },
	{ ISOLATED, "io_uring_setup", ENOSYS },
	{ ISOLATED, "io_uring_enter", ENOSYS },
	{ ISOLATED, "io_uring_register", ENOSYS },
	/* The kernel and the machine. */
	{ ALWAYS, "kexec_load", EPERM },
	{ ALWAYS, "kexec_file_load", EPERM },
	{ ALWAYS, "create_module", EPERM },
	{ ALWAYS, "init_module", EPERM },
	{ ALWAYS, "finit_module", EPERM },
	{ ALWAYS, "delete_module", EPERM },
	{ ALWAYS, "reboot", EPERM },
	{ ALWAYS, "swapon", EPERM },
	{ ALWAYS, "swapoff", EPERM },
	{ ALWAYS, "acct", EPERM },
	{ ALWAYS, "settimeofday", EPERM },
	{ ALWAYS, "stime", EPERM },
	{ ALWAYS, "clock_settime", EPERM },
	{ ALWAYS, "clock_settime64", EPERM },
	{ ALWAYS, "iopl", EPERM },
	{ ALWAYS, "ioperm", EPERM },
	{ ALWAYS, "vhangup", EPERM },
	/* Files by number: under mounts, and past permissions on the way. */
	{ ALWAYS, "open_by_handle_at", EPERM },
	/*
	 * In a user namespace of its own the payload is root: over mounts,
	 * networks and cgroups that it makes there. clone3 has its flags in
	 * memory, where a filter cannot look; libc then calls clone.
	 */
	{ NO_NESTING, "unshare", EPERM, BITS, 0,
	  NEW_NAMESPACE | CLONE_NEWTIME },
	{ NO_NESTING, "clone", EPERM, BITS, 0, NEW_NAMESPACE },
	{ NO_NESTING, "clone3", ENOSYS },
	{ NO_NESTING, "setns", EPERM },
	{ NO_NESTING, "mount", EPERM },
	{ NO_NESTING, "umount", EPERM },
	{ NO_NESTING, "umount2", EPERM },
	{ NO_NESTING, "pivot_root", EPERM },
	{ NO_NESTING, "fsopen", EPERM },
	{ NO_NESTING, "fspick", EPERM },
	{ NO_NESTING, "fsconfig", EPERM },
	{ NO_NESTING, "fsmount", EPERM },
	{ NO_NESTING, "move_mount", EPERM },
	{ NO_NESTING, "mount_setattr", EPERM },
	{ NO_NESTING, "open_tree", EPERM, BITS, 2, OPEN_TREE_CLONE },
	/* Young code with many ways into the kernel. */
	{ STRICT, "bpf", EPERM },
	{ STRICT, "perf_event_open", EACCES },
	{ STRICT, "userfaultfd", EPERM },
};

static const struct machine {
	const char *cpu;
	uint32_t arch, compat; /* compat 0: none */
	unsigned clone_flags;  /* which argument of clone(2) they are */
} machines[] = {
	{ "x86_64", SCMP_ARCH_X86_64, SCMP_ARCH_X86, 0 },
	{ "aarch64", SCMP_ARCH_AARCH64, SCMP_ARCH_ARM, 0 },
	{ "powerpc64le", SCMP_ARCH_PPC64LE, 0, 0 },
	{ "riscv64", SCMP_ARCH_RISCV64, 0, 0 },
	{ "s390x", SCMP_ARCH_S390X, SCMP_ARCH_S390, 1 },
};

static _Noreturn void die(const char *what, int num)
{
	fprintf(stderr, "mkfilter: %s: %s\n", what, strerror(num));
	exit(1);
}

static bool belongs(const struct rule *rule, unsigned filter)
{
	switch (rule->class) {
	case NO_NESTING:
		return !(filter & SEC_FILTER_NESTABLE);
	case ISOLATED:
		return filter & (SEC_FILTER_ISOLATED | SEC_FILTER_STRICT);
	case STRICT:
		return filter & SEC_FILTER_STRICT;
	default:
		return true;
	}
}

/* One comparison of libseccomp's, or one for each bit. */
static void add_rule(scmp_filter_ctx ctx, const struct machine *m,
		     const struct rule *rule)
{
	int nr = seccomp_syscall_resolve_name(rule->name), ret;
	unsigned arg =
		strcmp(rule->name, "clone") != 0 ? rule->arg : m->clone_flags;
	uint32_t action = SCMP_ACT_ERRNO((uint32_t)rule->error);

	if (nr == __NR_SCMP_ERROR)
		die(rule->name, ENOSYS);
	if (rule->when == ANY) {
		ret = seccomp_rule_add(ctx, action, nr, 0);
	} else if (rule->when == WORD) {
		ret = seccomp_rule_add(ctx, action, nr, 1,
				       SCMP_CMP(arg, SCMP_CMP_MASKED_EQ,
						UINT32_MAX, rule->value));
	} else {
		ret = 0;
		for (unsigned bit = 1; bit && !ret; bit <<= 1)
			if (rule->value & bit)
				ret = seccomp_rule_add(
					ctx, action, nr, 1,
					SCMP_CMP(arg, SCMP_CMP_MASKED_EQ, bit,
						 bit));
	}
	if (ret)
		die(rule->name, -ret);
}

/*
 * A 32-bit program is held by the same rules, in strict it cannot call at all.
 * Nor can x32, whose calls are other numbers of the same processor.
 */
static scmp_filter_ctx make(const struct machine *m, unsigned filter)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	bool compat = m->compat && !(filter & SEC_FILTER_STRICT);
	int ret;

	if (!ctx)
		die("seccomp_init", ENOMEM);
	ret = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
			       SCMP_ACT_ERRNO(ENOSYS));
	/*
	 * A tree of comparisons: at each launch the kernel runs a new filter
	 * for all numbers once, to know those that are always allowed.
	 */
	if (!ret)
		ret = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (!ret && m->arch != seccomp_arch_native()) {
		ret = seccomp_arch_add(ctx, m->arch);
		if (!ret)
			ret = seccomp_arch_remove(ctx, SCMP_ARCH_NATIVE);
	}
	if (!ret && compat)
		ret = seccomp_arch_add(ctx, m->compat);
	if (ret)
		die(m->cpu, -ret);
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (belongs(&rules[i], filter))
			add_rule(ctx, m, &rules[i]);
	return ctx;
}

static void print(const struct sock_filter *insn, size_t n)
{
	for (size_t i = 0; i < n; i++)
		printf("\t{ %u, %u, %u, %uU },\n", insn[i].code, insn[i].jt,
		       insn[i].jf, insn[i].k);
}

/* The numbers that libseccomp does not know come before what it makes. */
static void print_filter(const struct machine *m, unsigned filter)
{
	static const struct sock_filter unknown[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, OWN_CALLS, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FIRST_UNKNOWN, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	};
	struct sock_filter insn[BPF_MAXINSNS];
	scmp_filter_ctx ctx = make(m, filter);
	int fd = memfd_create("filter", MFD_CLOEXEC), ret;
	ssize_t n;

	if (fd < 0)
		die("memfd_create", errno);
	ret = seccomp_export_bpf(ctx, fd);
	if (ret)
		die("seccomp_export_bpf", -ret);
	n = pread(fd, insn, sizeof(insn), 0);
	if (n <= 0)
		die("read the filter", errno);
	close(fd);
	seccomp_release(ctx);
	printf("static const struct sock_filter filter_%u[] = {\n", filter);
	print(unknown, sizeof(unknown) / sizeof(unknown[0]));
	print(insn, (size_t)n / sizeof(insn[0]));
	printf("};\n\n");
}

static const struct machine *find_machine(const char *cpu)
{
	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++)
		if (!strcmp(machines[i].cpu, cpu))
			return &machines[i];
	fprintf(stderr, "mkfilter: no filter is known for %s\n", cpu);
	exit(1);
}

int main(int argc, char *argv[])
{
	const struct machine *m = find_machine(argc == 2 ? argv[1] : "");

	printf("/* Made by mkfilter.c for %s. */\n"
	       "#include \"sec/filter.h\"\n\n",
	       m->cpu);
	for (unsigned i = 0; i < SEC_FILTERS; i++)
		print_filter(m, i);
	printf("const struct sock_fprog sec_filters[SEC_FILTERS] = {\n");
	for (unsigned i = 0; i < SEC_FILTERS; i++)
		printf("\t{ sizeof(filter_%u) / sizeof(filter_%u[0]),\n"
		       "\t  (struct sock_filter *)filter_%u },\n",
		       i, i, i);
	printf("};\n");
	return fflush(stdout) || ferror(stdout);
}
