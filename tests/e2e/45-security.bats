#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What a step's tasks are kept from, and that Slurm and MPI do their work
# under it. A name in brackets is the behaviour that the test proves.

load common

setup_file() {
	cc -o /home/alice/escape "$BATS_TEST_DIRNAME/../kernel/escape.c" -lutil
	printf '#!/bin/sh\nexec grep -E "^(Cap|NoNewPrivs|Seccomp:)" /proc/self/status\n' >/home/alice/show
	chmod +x /home/alice/show
}

teardown_file() { rm -f /home/alice/escape /home/alice/show; }

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	wait_idle
}

teardown() {
	rm -f /etc/cloison/cloison.conf
	wait_idle
}

# Five empty sets, no_new_privs and a filter, $1 times.
is_held() {
	[ "$(grep -cE '^Cap(Inh|Prm|Eff|Bnd|Amb):.0000000000000000$' <<<"$output")" -eq $((5 * $1)) ]
	[ "$(grep -c '^NoNewPrivs:.1$' <<<"$output")" -eq "$1" ]
	[ "$(grep -c '^Seccomp:.2$' <<<"$output")" -eq "$1" ]
}

@test "[S20] every task of a step: no capabilities, no_new_privs, the filter" {
	run -0 as alice srun -n2 --cell ./show
	is_held 2
	# What it starts, root's own tasks, and batch scripts with their steps.
	run -0 as alice srun --cell sh -c './show; true'
	is_held 1
	run -0 srun --cell /home/alice/show
	is_held 1
	job=$(as alice sbatch --parsable --cell -D /home/alice -o held --wrap './show; srun ./show')
	wait_job "$job"
	run cat /home/alice/held
	rm /home/alice/held
	is_held 2
}

@test "[S20] the filter in a step: namespaces, mounts, keyrings, other ABIs" {
	run -0 as alice srun --cell sh -c '
		./escape call unshare; ./escape call clone3; ./escape call mount
		./escape call setns; ./escape call keyctl; ./escape int80 keyctl
		./escape x32 getpid; ./escape call vsock; ./escape call unshare-fs'
	[ "${lines[*]}" = "EPERM ENOSYS EPERM EPERM ENOSYS ENOSYS ENOSYS EAFNOSUPPORT ok" ]
	run -0 as alice srun --cell-seccomp=strict sh -c '
		./escape call io_uring_setup; ./escape call bpf
		./escape call userfaultfd; ./escape call perf_event_open'
	[ "${lines[*]}" = "ENOSYS EPERM EPERM EACCES" ]
	# Tighter is free, looser is the site's to allow.
	run as alice srun --cell-seccomp=off ./escape call keyctl
	[ "$status" -ne 0 ]
	[[ $output == *"'off' is looser than the profile's 'default'"* ]]
}

@test "[S15] PID 1, mounts and cgroups of a step are out of its tasks' reach" {
	for user in alice root; do
		run -0 as_user "$user" srun --cell sh -c '
			cd /home/alice; for a in "trace 1" "read 1" "steal 1" "exe /proc/1/exe" \
				"open /proc/1/mem" "umount /tmp" "writable / new" "cgroup2 /mnt" \
				"handle /etc/passwd" "mknod /tmp/x"; do ./escape $a; done'
		[ "${lines[*]}" = "EPERM EPERM EPERM EACCES EACCES EPERM EPERM EPERM EPERM EPERM" ]
		run -0 as_user "$user" srun -Q --cell-memory=100M sh -c '
			for f in /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/memory.max; do
				{ echo 1 >$f; } 2>/dev/null && echo "$f"; done
			cat /sys/fs/cgroup/memory.max; ./escape 2>&1 open /proc/sysrq-trigger w
			/home/alice/escape open /proc/sys/kernel/core_pattern w'
		[ "${lines[0]}" = $((100 << 20)) ]
		[[ $output != *ok* ]]
	done
}

as_user() {
	if [ "$1" = root ]; then
		shift
		(cd /home/alice && "$@")
	else
		as "$@"
	fi
}

@test "[S19] a second view of the cgroups: not by default; nestable, and the limit holds" {
	cd /home/alice
	for user in root alice; do
		if [ "$user" = root ]; then who=(as_user root); else who=(as_session alice); fi
		run "${who[@]}" cloison run --quiet --memory=64M -- ./escape userns cgroup2 /mnt
		[ "$output" = EPERM ]
	done
	run as_session alice cloison run --quiet --nestable=yes --memory=64M -- \
		unshare -UrCm sh -c 'mount -t cgroup2 none /mnt && cat /mnt/memory.max
			echo max >/mnt/memory.max; cat /mnt/memory.max'
	[ "${lines[0]}" = $((64 << 20)) ]
	[ "${lines[-1]}" = $((64 << 20)) ]
}

@test "[S21] set-user-id files and file capabilities in a step give nothing" {
	cp /home/alice/escape /home/alice/suid
	cp /home/alice/escape /home/alice/caps
	chmod 4755 /home/alice/suid
	setcap cap_dac_override+ep /home/alice/caps
	run -0 as alice srun sh -c './suid ids; ./caps ids'
	outside=$output
	run -0 as alice srun --cell sh -c './suid ids; ./caps ids'
	rm /home/alice/suid /home/alice/caps
	[[ $outside == "0 "*$'\n'*0000000000000002 ]]
	uid=$(id -u alice)
	[ "$output" = "$uid 0000000000000000"$'\n'"$uid 0000000000000000" ]
}

@test "[S22] srun --pty in a cell: job control works, typing into the terminal does not" {
	cd /home/alice
	run -0 as alice script -qec "srun --cell --pty ./escape tiocsti" /dev/null
	[[ $output == *EPERM* ]]
	cat >"$BATS_TEST_TMPDIR/job-control" <<-'END'
		set timeout 60
		proc want {what} {
			expect {
				-re $what {}
				default { puts "\nnot seen: $what"; exit 1 }
			}
		}
		spawn srun --cell --pty bash --norc -i
		send "PS1='ready> '\r"
		want {\nready> }
		send "sleep 100\r"
		sleep 2
		send "\032"
		want {Stopped.*ready> }
		send "bg; jobs\r"
		want {Running.*ready> }
		send "fg\r"
		sleep 2
		send "\003"
		want {ready> }
		send "echo \$?; exit 5\r"
		want {130}
		expect eof
		exit [lindex [wait] 3]
	END
	chmod a+r "$BATS_TEST_TMPDIR/job-control"
	run as alice expect - <"$BATS_TEST_TMPDIR/job-control"
	[ "$status" -eq 5 ]
}

@test "MPI under default and strict: ranks copy from each other's memory" {
	mpi_cc -o /home/alice/exchange "$BATS_TEST_DIRNAME/exchange.c"
	for cell in --cell --cell-seccomp=strict; do
		run -0 as alice env OMPI_MCA_btl_vader_single_copy_mechanism=cma \
			OMPI_MCA_btl=self,vader srun -n2 --mpi="$(mpi_type)" "$cell" ./exchange
		[ "$(grep -c '^rank . of 2: 0 bad$' <<<"$output")" -eq 2 ]
		[[ $output != *"Read -1"* && $output != *CMA* && $output != *ptrace* ]]
	done
	rm /home/alice/exchange
}

@test "Landlock in a step: default holds, strict says what it lacks and drains no node" {
	run -0 as alice srun --cell-landlock=default sh -c 'echo x >here && cat here && rm here
		echo x >/tmp/t && cat /tmp/t; grep NoNew /proc/self/status'
	[ "${lines[0]}" = x ] && [ "${lines[1]}" = x ]
	if [ "$(/home/alice/escape landlock)" -lt 6 ]; then
		run as alice srun --cell-landlock=strict touch ran
		[ "$status" -ne 0 ]
		[[ $output == *"landlock=strict: this kernel has version"* ]]
		[ ! -e /home/alice/ran ]
	else
		run -0 as alice srun --cell-landlock=strict true
	fi
	# Past the mounts, by a descriptor of the caller's.
	mkdir -p /srv/outside && chmod 777 /srv/outside
	cd /srv/outside
	run as alice cloison run --quiet -- true
	[ "$status" -eq 0 ]
	run as alice bash -c 'exec 8</srv/outside
		cloison run --quiet -- touch /proc/self/fd/8/a
		cloison run --quiet --landlock=default -- touch /proc/self/fd/8/b'
	ls=$(ls /srv/outside)
	rm -r /srv/outside
	[ "$ls" = a ]
}

@test "paths in options are no oracle of what their user cannot see" {
	mkdir -p /root/there
	run as alice srun --cell-ro=/root/there:/mnt true
	there=$output
	run as alice srun --cell-ro=/root/none:/mnt true
	[ "$(grep -o 'cloison: .*' <<<"${there//there/none}")" = "$(grep -o 'cloison: .*' <<<"$output")" ]
	[[ $output == *"Permission denied"* ]]
}
