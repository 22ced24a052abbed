/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The system call filters, run by an interpreter of the kernel's BPF. */
#include "config.h"

/* cmocka.h needs those before it. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "sec/filter.h"

enum {
	STRICT = SEC_FILTER_STRICT,
	NEST = SEC_FILTER_NESTABLE,
	ISOLATED = SEC_FILTER_ISOLATED,
};

static uint32_t run(unsigned filter, const struct seccomp_data *data)
{
	const struct sock_fprog *prog = &sec_filters[filter];
	uint32_t a = 0;

	for (unsigned pc = 0; pc < prog->len; pc++) {
		const struct sock_filter *f = &prog->filter[pc];
		bool yes;

		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			memcpy(&a, (const char *)data + f->k, sizeof(a));
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= f->k;
			continue;
		case BPF_RET | BPF_K:
			return f->k;
		case BPF_JMP | BPF_JA:
			pc += f->k;
			continue;
		case BPF_JMP | BPF_JEQ | BPF_K:
			yes = a == f->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			yes = a >= f->k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			yes = a > f->k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			yes = a & f->k;
			break;
		default:
			fail_msg("instruction %#x", f->code);
			return 0;
		}
		pc += yes ? f->jt : f->jf;
	}
	fail_msg("the filter has no end");
	return 0;
}

/* The errno of a call by this machine's own ABI; 0: it is allowed. */
static int call(unsigned filter, int nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
	const struct seccomp_data data = {
		.nr = nr,
#ifdef __x86_64__
		.arch = AUDIT_ARCH_X86_64,
#elif defined(__aarch64__)
		.arch = AUDIT_ARCH_AARCH64,
#elif defined(__powerpc64__)
		.arch = AUDIT_ARCH_PPC64LE,
#elif defined(__riscv)
		.arch = AUDIT_ARCH_RISCV64,
#endif
		.args = { a0, a1, a2 },
	};
	uint32_t ret = run(filter, &data);

	if (ret == SECCOMP_RET_ALLOW)
		return 0;
	assert_int_equal(ret & SECCOMP_RET_ACTION_FULL, SECCOMP_RET_ERRNO);
	return (int)(ret & SECCOMP_RET_DATA);
}

/* What is refused whatever the arguments, and in which filters it is not. */
static const struct {
	int nr, error;
	unsigned needs, lifts;
} refused[] = {
	{ SYS_add_key, ENOSYS },
	{ SYS_request_key, ENOSYS },
	{ SYS_keyctl, ENOSYS },
	{ SYS_kexec_load, EPERM },
#ifdef SYS_kexec_file_load
	{ SYS_kexec_file_load, EPERM },
#endif
#ifdef SYS_create_module
	{ SYS_create_module, EPERM },
#endif
#ifdef SYS_iopl
	{ SYS_iopl, EPERM },
	{ SYS_ioperm, EPERM },
#endif
	{ SYS_init_module, EPERM },
	{ SYS_finit_module, EPERM },
	{ SYS_delete_module, EPERM },
	{ SYS_reboot, EPERM },
	{ SYS_swapon, EPERM },
	{ SYS_swapoff, EPERM },
	{ SYS_acct, EPERM },
	{ SYS_settimeofday, EPERM },
	{ SYS_clock_settime, EPERM },
	{ SYS_vhangup, EPERM },
	{ SYS_open_by_handle_at, EPERM },
	{ SYS_clone3, ENOSYS, .lifts = NEST },
	{ SYS_setns, EPERM, .lifts = NEST },
	{ SYS_mount, EPERM, .lifts = NEST },
	{ SYS_umount2, EPERM, .lifts = NEST },
	{ SYS_pivot_root, EPERM, .lifts = NEST },
	{ SYS_fsopen, EPERM, .lifts = NEST },
	{ SYS_fspick, EPERM, .lifts = NEST },
	{ SYS_fsconfig, EPERM, .lifts = NEST },
	{ SYS_fsmount, EPERM, .lifts = NEST },
	{ SYS_move_mount, EPERM, .lifts = NEST },
	{ SYS_mount_setattr, EPERM, .lifts = NEST },
	{ SYS_io_uring_setup, ENOSYS, .needs = STRICT | ISOLATED },
	{ SYS_io_uring_enter, ENOSYS, .needs = STRICT | ISOLATED },
	{ SYS_io_uring_register, ENOSYS, .needs = STRICT | ISOLATED },
	{ SYS_bpf, EPERM, .needs = STRICT },
	{ SYS_perf_event_open, EACCES, .needs = STRICT },
	{ SYS_userfaultfd, EPERM, .needs = STRICT },
};

static int expected(unsigned filter, int nr)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (refused[i].nr == nr && !(filter & refused[i].lifts) &&
		    (!refused[i].needs || (filter & refused[i].needs)))
			return refused[i].error;
	return 0;
}

static void every_number_is_as_listed(void **state)
{
	(void)state;
	for (unsigned f = 0; f < SEC_FILTERS; f++)
		for (int nr = 0; nr < 467; nr++)
			if (call(f, nr, 0, 0, 0) != expected(f, nr))
				fail_msg("filter %u, call %d: %d", f, nr,
					 call(f, nr, 0, 0, 0));
}

static void unknown_numbers_do_not_exist(void **state)
{
	(void)state;
	for (unsigned f = 0; f < SEC_FILTERS; f++)
		for (int nr = 467; nr < 0x10000; nr++)
			assert_int_equal(call(f, nr, 0, 0, 0), ENOSYS);
}

/* The kernel takes 32 bits: what stands above them changes nothing. */
static void arguments_count_by_32_bits(void **state)
{
	const uint64_t upper[] = { 0, 1ULL << 32, 0xffffffffULL << 32 };

	(void)state;
	for (unsigned f = 0; f < SEC_FILTERS; f++) {
		int eperm = f & NEST ? 0 : EPERM;

		for (int i = 0; i < 3; i++) {
			uint64_t u = upper[i];

			assert_int_equal(call(f, SYS_ioctl, u, u | TIOCSTI, u),
					 EPERM);
			assert_int_equal(
				call(f, SYS_ioctl, u, u | TIOCLINUX, u), EPERM);
			assert_int_equal(
				call(f, SYS_ioctl, u, u | TIOCGWINSZ, TIOCSTI),
				0);
			assert_int_equal(
				call(f, SYS_socket, u | AF_VSOCK, u, u),
				EAFNOSUPPORT);
			assert_int_equal(
				call(f, SYS_socket, u | AF_UNIX, AF_VSOCK, 0),
				0);
			assert_int_equal(
				call(f, SYS_open_tree, u, u,
				     u | OPEN_TREE_CLONE | AT_RECURSIVE),
				eperm);
			assert_int_equal(call(f, SYS_open_tree, u,
					      OPEN_TREE_CLONE,
					      OPEN_TREE_CLOEXEC),
					 0);
		}
	}
}

static void namespaces_by_any_flag(void **state)
{
	static const uint64_t kinds[] = { CLONE_NEWNS,   CLONE_NEWCGROUP,
					  CLONE_NEWUTS,  CLONE_NEWIPC,
					  CLONE_NEWUSER, CLONE_NEWPID,
					  CLONE_NEWNET };
	const uint64_t thread = CLONE_VM | CLONE_FS | CLONE_FILES |
				CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
				CLONE_SETTLS | CLONE_PARENT_SETTID |
				CLONE_CHILD_CLEARTID;

	(void)state;
	for (unsigned f = 0; f < SEC_FILTERS; f++) {
		int eperm = f & NEST ? 0 : EPERM;

		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
			uint64_t flags = 1ULL << 40 | kinds[i];

			assert_int_equal(call(f, SYS_unshare, flags, 0, 0),
					 eperm);
			assert_int_equal(call(f, SYS_unshare,
					      flags | CLONE_FS | CLONE_NEWUSER,
					      0, 0),
					 eperm);
			assert_int_equal(call(f, SYS_clone, flags | 17, 0, 0),
					 eperm);
			assert_int_equal(call(f, SYS_clone, 17, flags, flags),
					 0);
		}
		assert_int_equal(call(f, SYS_unshare, CLONE_NEWTIME, 0, 0),
				 eperm);
		/* Of clone's exit signal this is a part. */
		assert_int_equal(call(f, SYS_clone, CLONE_NEWTIME, 0, 0), 0);
		assert_int_equal(call(f, SYS_clone, thread, 0, 0), 0);
		assert_int_equal(
			call(f, SYS_unshare, CLONE_FS | CLONE_FILES, 0, 0), 0);
	}
}

#ifdef __x86_64__
static uint32_t compat(unsigned filter, int nr, uint64_t a0, uint64_t a1)
{
	return run(filter, &(struct seccomp_data){ .nr = nr,
						   .arch = AUDIT_ARCH_I386,
						   .args = { a0, a1 } });
}

static void compat_calls_are_no_way_around(void **state)
{
	enum {
		I386_EXIT = 1,
		I386_MOUNT = 21,
		I386_UMOUNT = 22,
		I386_STIME = 25,
		I386_IOCTL = 54,
		I386_SOCKETCALL = 102,
		I386_CLONE = 120,
		I386_KEYCTL = 288,
		I386_SOCKET = 359,
		SOCKETCALL_SOCKET = 1,
		SOCKETCALL_SEND = 9,
	};
	static const struct {
		int nr;
		uint64_t a0, a1;
		int error;
		bool lifted;
	} rows[] = {
		{ I386_EXIT, 0, 0, 0 },
		{ I386_MOUNT, 0, 0, EPERM, true },
		{ I386_UMOUNT, 0, 0, EPERM, true },
		{ I386_STIME, 0, 0, EPERM },
		{ I386_IOCTL, 0, TIOCSTI, EPERM },
		{ I386_IOCTL, 0, TIOCGWINSZ, 0 },
		{ I386_SOCKETCALL, SOCKETCALL_SOCKET, 0, EAFNOSUPPORT },
		{ I386_SOCKETCALL, SOCKETCALL_SEND, 0, 0 },
		{ I386_CLONE, CLONE_NEWUSER, 0, EPERM, true },
		{ I386_CLONE, 17, 0, 0 },
		{ I386_KEYCTL, 0, 0, ENOSYS },
		{ I386_SOCKET, AF_VSOCK, 0, EAFNOSUPPORT },
		{ I386_SOCKET, AF_INET, 0, 0 },
		{ 467, 0, 0, ENOSYS },
	};

	(void)state;
	for (unsigned f = 0; f < SEC_FILTERS; f++)
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			int error = (f & NEST) && rows[i].lifted
					    ? 0
					    : rows[i].error;

			if (f & STRICT)
				error = ENOSYS;
			assert_int_equal(
				compat(f, rows[i].nr, rows[i].a0, rows[i].a1),
				error ? SECCOMP_RET_ERRNO | (unsigned)error
				      : SECCOMP_RET_ALLOW);
		}
}

static void x32_does_not_exist(void **state)
{
	(void)state;
	for (unsigned f = 0; f < SEC_FILTERS; f++)
		for (int nr = 0; nr < 600; nr++)
			assert_int_equal(call(f, 0x40000000 | nr, 0, 0, 0),
					 ENOSYS);
}
#endif

static void foreign_processors_are_refused(void **state)
{
	(void)state;
	for (unsigned f = 0; f < SEC_FILTERS; f++)
		assert_int_equal(
			run(f,
			    &(struct seccomp_data){ .nr = SYS_getpid,
						    .arch = AUDIT_ARCH_ALPHA }),
			SECCOMP_RET_ERRNO | ENOSYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_number_is_as_listed),
		cmocka_unit_test(unknown_numbers_do_not_exist),
		cmocka_unit_test(arguments_count_by_32_bits),
		cmocka_unit_test(namespaces_by_any_flag),
#ifdef __x86_64__
		cmocka_unit_test(compat_calls_are_no_way_around),
		cmocka_unit_test(x32_does_not_exist),
#endif
		cmocka_unit_test(foreign_processors_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
