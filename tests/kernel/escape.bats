#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Attempts to get out of a cell (escape.c), as root and as an ordinary user,
# as himself and as fake root; where the kernel alone has to hold also without
# the filter. Where it can be, the same is done outside or with the protection
# off, and works: the attempt is a real one.

bats_require_minimum_version 1.5.0
load common

setup_file() {
	local cc=${CC:-cc} src=$BATS_TEST_DIRNAME/escape.c
	"$cc" -o "$BATS_FILE_TMPDIR/escape" "$src" -lutil
	"$cc" -shared -fPIC -DPRELOAD -o "$BATS_FILE_TMPDIR/escape.so" "$src" -lutil
}

setup() {
	common_setup
	# Where a private /tmp does not hide it.
	cp "$BATS_FILE_TMPDIR"/escape* .
	mkdir under
	touch under/secret
}

# Who runs the payload: with all capabilities over its own namespaces, or none.
users() { if is_root; then echo identity host root; else echo self root; fi; }

# expect RESULT [OPTIONS] -- ATTEMPT...: in a cell.
expect() {
	local want=$1 options=()
	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	run cell "${options[@]}" -- ./escape "$@"
	[ "$output" = "$want" ] && return
	echo "${options[*]} $*: $output, not $want"
	return 1
}

# A namespace of the caller's own, without cloison.
outside() {
	if is_root; then unshare -m "$@"; else unshare -rm "$@"; fi
}

filters=(--seccomp=strict --seccomp=default)

# MOUNTS: attempt, and what the kernel alone says to who is root over the
# mount namespace.
mounts() {
	cat <<-END
		umount /tmp:EINVAL
		umount /proc:EINVAL
		umount $PWD/under:EINVAL
		umount /:EINVAL
		writable /:EPERM
		writable / new:EPERM
		move /tmp /mnt:EINVAL
		move /tmp /mnt new:EINVAL
		move $PWD/under /mnt new:EINVAL
		look /:EINVAL
		look $PWD:EINVAL
		pivot /tmp:EINVAL
		chroot:same
	END
}

@test "[S15] mounts of the set-up: no umount, remount, move or look under, filter or not" {
	local user attempt want
	for user in $(users); do
		while IFS=: read -r attempt want; do
			# shellcheck disable=SC2086 # words
			{
				[ "$attempt" = chroot ] ||
					expect EPERM --user="$user" --hide="$PWD/under" -- $attempt
				[ "$user" = root ] || want=EPERM
				expect "$want" --user="$user" --hide="$PWD/under" --seccomp=off -- $attempt
			}
		done < <(mounts)
	done
	# The same attempts on what one has mounted oneself.
	run outside sh -c 'mount -t tmpfs t under; mkdir under/a; mount -t tmpfs -o ro t under/a
		./escape writable $PWD/under/a new; ./escape move $PWD/under/a /mnt
		./escape umount /mnt; ./escape look $PWD; ./escape umount $PWD/under; ls under'
	[ "$output" = $'ok\nok\nok\nok\nok\nsecret' ]
}

@test "[S15] user namespaces in the cell: only if nestable, and mounts stay locked there" {
	local user attempt want
	for user in $(users); do
		expect EPERM --user="$user" -- userns chroot
		while IFS=: read -r attempt want; do
			# shellcheck disable=SC2086 # words
			expect "$want" --user="$user" --hide="$PWD/under" --nestable=yes -- \
				userns $attempt
		done < <(mounts)
	done
}

@test "fake root binds over what it sees: nobody else sees that" {
	expect EPERM --user=root -- bind /var/tmp /usr
	expect ok --user=root --nestable=yes -- bind /var/tmp /usr
	[ -e /usr/bin ]
}

@test "[S20] a second view of the cgroups, which would be writable, is refused" {
	local user
	for user in $(users); do
		expect EPERM --user="$user" -- cgroup2 /mnt
		expect EPERM --user="$user" -- userns cgroup2 /mnt
		run cell --user="$user" -- sh -c '
			for f in $(find /sys/fs/cgroup -name cgroup.procs | head -n 200); do
				{ echo $$ >$f; } 2>/dev/null && echo "$f"; done; true'
		[ -z "$output" ]
	done
}

@test "PID 1: nothing of it can be opened, traced, read or taken" {
	local user name
	for user in $(users); do
		# Some of these root can open, but not read.
		run cell --user="$user" -- sh -c 'cd /proc/1 && timeout 9 cat mem environ maps auxv \
			io stack syscall pagemap timers fd/* task/1/fd/* ns/* 2>/dev/null
			ls -d root/* cwd/* fdinfo/1/ map_files/* 2>/dev/null; true'
		[ -z "$output" ]
		for name in exe root cwd fd/0 ns/mnt ns/user task/1/exe; do
			expect EACCES --user="$user" -- exe "/proc/1/$name"
		done
		for name in trace read steal; do
			expect EPERM --user="$user" -- "$name" 1
			expect EPERM --user="$user" --seccomp=off -- "$name" 1
		done
		# By the host's numbers it is the parent.
		run cell --user="$user" --pid=host -- sh -c '
			./escape exe /proc/$PPID/exe; ./escape trace $PPID; ./escape read $PPID'
		[ "$output" = $'EACCES\nEPERM\nEPERM' ]
	done
	# What is refused there is allowed to a process of one's own.
	run cell -- sh -c 'sleep 9 & for a in trace read steal; do ./escape $a $!; done
		./escape open /proc/$!/root/etc; kill $!'
	[ "$output" = $'ok\nEFAULT\nok\nok' ]
}

@test "our program's file: a script can run it, but not write it" {
	local file=$HOME/cloison user
	cp "$CLOISON" "$file"
	# It could, if nobody ran it.
	[ "$(./escape exe "$file")" = ok ]
	# The interpreter is looked up while the payload still is our program.
	printf '#!/proc/self/exe\n' >script
	chmod +x script
	for user in $(users); do
		# A build with ASan wants to be first, and need not be.
		run env ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD="$PWD/escape.so" "$file" run --quiet --user="$user" -- ./script
		[ "$output" = ETXTBSY ]
	done
	# No other process of the cell has it.
	run cell -- sh -c 'readlink /proc/[0-9]*/exe'
	[[ $output != *cloison* ]]
}

@test "no descriptor of ours is left in any kind of cell" {
	local here options
	mkdir o
	here=$(sh -c 'ls /proc/self/fd')
	for options in --profile=batch --profile=strict --profile=open --net=none \
		--overlay="$PWD/o" --tmpfs="$PWD/under" --landlock=default --user=root \
		--pid=host --nestable=yes --cpus=1; do
		[ "$(cell --limits=try "$options" -- sh -c 'ls /proc/self/fd')" = "$here" ]
	done
}

@test "settings of the kernel: not one can be opened for writing" {
	local user name
	for user in $(users); do
		for name in /proc/sysrq-trigger /proc/sys/kernel/core_pattern \
			/proc/sys/kernel/modprobe /proc/sys/vm/drop_caches \
			/proc/sys/fs/binfmt_misc/register /proc/irq/default_smp_affinity \
			/proc/mtrr /proc/kcore /proc/scsi/scsi \
			/sys/kernel/uevent_helper /sys/power/state \
			/sys/kernel/mm/transparent_hugepage/enabled /dev/mem /dev/kmem; do
			for pid in new host; do
				run cell --user="$user" --pid=$pid -- ./escape open $name rw
				[[ $output == EROFS || $output == EACCES || $output == EPERM ||
					$output == ENOENT ]]
			done
		done
		# But for those of the cell's own namespaces.
		run cell --user="$user" -- sh -c 'find /proc/sys /sys -writable -type f 2>/dev/null |
			while read -r f; do echo "$f $(./escape open "$f" w)"; done |
			grep "ok$" | grep -v -e ns_last_pid -e /proc/sys/user/'
		[ -z "$output" ]
	done
}

@test "[S22] nobody types into the caller's terminal" {
	local upper
	# Where the kernel has no such call any more there is nothing to show.
	[ "$(cat /proc/sys/dev/tty/legacy_tiocsti 2>/dev/null || echo 1)" = 0 ] || {
		run ./escape pty ./escape tiocsti
		[ "$output" = $'ok\ninput: x' ]
		run ./escape pty "$CLOISON" run --quiet --seccomp=off -- ./escape tiocsti 0xffffffff
		[ "$output" = $'ok\ninput: x' ]
	}
	for filter in "${filters[@]}"; do
		for upper in 0 1 0xffffffff; do
			run ./escape pty "$CLOISON" run --quiet "$filter" -- ./escape tiocsti $upper
			[ "$output" = $'EPERM\ninput: ' ]
			run ./escape pty "$CLOISON" run --quiet "$filter" -- ./escape tioclinux $upper
			[ "$output" = $'EPERM\ninput: ' ]
		done
	done
}

@test "[S21] every writable mount is nosuid, and all but the tree and /dev are nodev" {
	local profile
	mkdir o
	for profile in batch strict open; do
		run cell --profile=$profile --overlay="$PWD/o" --tmpfs="$PWD/under" \
			--net=none -- cat /proc/self/mountinfo
		[ "$status" -eq 0 ]
		[ "$(awk '$6 ~ /^rw/' <<<"$output" | wc -l)" -ge 5 ]
		[ -z "$(awk '$6 ~ /^rw/ && $6 !~ /nosuid/' <<<"$output")" ]
		[ $profile = open ] && continue
		[ -z "$(awk '$6 ~ /^rw/ && $6 !~ /nodev/ && $5 !~ "^/dev"' <<<"$output")" ]
	done
}

@test "[S21] set-user-id and file capabilities give nothing: home, scratch, overlay" {
	is_root || skip "root makes such files"
	local user="setpriv --reuid=64321 --regid=64321 --clear-groups"
	local dir=/var/tmp/cloison-escape.$$ options
	mkdir $dir
	cp escape $dir/suid && cp escape $dir/caps && cp escape $dir/plain
	chmod 4755 $dir/suid
	setcap cap_net_raw,cap_dac_override+ep $dir/caps
	cd $dir
	export HOME=/nonexistent
	run $user ./suid ids
	[[ $output == "0 "* ]]
	run $user ./caps ids
	[[ $output == "64321 "*2002 ]]
	for options in --quiet --seccomp=off --profile=open --overlay=$dir --user=root; do
		for file in ./suid ./caps; do
			run $user "$CLOISON" run --quiet "$options" -- $file ids
			[[ $output == "64321 0000000000000000" ||
				($options == *root && $output == "0 "*) ]]
		done
	done
	# One that the payload makes itself, owned by whom it likes to be.
	run cell --user=root -- sh -c 'cp plain /tmp/s; chmod 4755 /tmp/s; ls -l /tmp/s'
	[[ $output == -rws* ]]
	cd / && rm -r $dir
}

@test "device nodes: none is made, and one that is there does not work" {
	local user
	for user in $(users); do
		expect EPERM --user="$user" --seccomp=off -- mknod /tmp/null
		expect EPERM --user="$user" --seccomp=off -- mknod null
	done
	is_root || return 0
	mknod -m 666 node c 1 3
	[ "$(./escape open node rw)" = ok ]
	expect EACCES -- open node rw
	expect EACCES --user=root --nestable=yes -- userns open node rw
	expect EACCES --ro="$PWD/node:$PWD/under/secret" -- open under/secret
}

@test "files by handle: refused, filter or not" {
	local user
	for user in $(users); do
		expect EPERM --user="$user" -- handle /etc/passwd
		expect EPERM --user="$user" --seccomp=off -- handle /etc/passwd
	done
	! is_root || [ "$(./escape handle /etc/passwd)" = ok ]
}

@test "keyrings are out of reach" {
	[ "$(./escape call keyctl)" = ok ]
	expect ok --seccomp=off -- call keyctl
	for filter in "${filters[@]}" --nestable=yes; do
		for call in keyctl add_key request_key; do
			expect ENOSYS "$filter" -- call $call
		done
	done
}

@test "AF_VSOCK is out of reach, by io_uring, too, where the network is the cell's own" {
	for filter in "${filters[@]}" --nestable=yes --net=none; do
		expect EAFNOSUPPORT "$filter" -- call vsock
		expect EAFNOSUPPORT "$filter" -- call vsock-upper
		expect ok "$filter" -- call unix
	done
	expect ENOSYS --net=none -- uring-vsock
	expect ENOSYS --net=none --nestable=yes -- uring-vsock
	expect ENOSYS --seccomp=strict -- uring-vsock
	run ./escape uring-vsock
	[ "$output" = ok ] || skip "no AF_VSOCK here: $output"
	[ "$(./escape call vsock)" = ok ]
	expect ok --seccomp=off --net=none -- uring-vsock
}

@test "the kernel and the machine: modules, kexec, reboot, swap, clocks" {
	local user
	for user in $(users); do
		for call in kexec_load init_module finit_module delete_module reboot \
			swapon acct clock_settime; do
			expect EPERM --user="$user" -- call $call
			expect EPERM --user="$user" --nestable=yes -- call $call
		done
	done
}

@test "namespaces of others: setns, by any way" {
	local user
	for user in $(users); do
		expect EPERM --user="$user" -- setns /proc/self/ns/mnt
		for ns in user mnt pid net; do
			expect EBADF --user="$user" --seccomp=off -- setns /proc/1/ns/$ns
			expect EBADF --user="$user" --seccomp=off --pid=host -- setns /proc/1/ns/$ns
		done
	done
}

@test "strict: io_uring, bpf, perf and userfaultfd, and what default leaves" {
	expect ENOSYS --seccomp=strict -- call io_uring_setup
	expect EPERM --seccomp=strict -- call bpf
	expect EPERM --seccomp=strict -- call userfaultfd
	expect EACCES --seccomp=strict -- call perf_event_open
	expect EFAULT -- call io_uring_setup
	expect EINVAL -- call perf_event_open
	expect ENOSYS -- call clone3
	expect ENOSYS -- call open_tree_attr
	expect ok -- call unshare-fs
	expect ok --profile=strict --seccomp=strict -- call getpid
}

@test "other ABIs are no way around the filter" {
	[ "$(uname -m)" = x86_64 ] || skip "x86-64 has them"
	[ "$(./escape int80 getpid)" = ok ] || skip "no 32-bit calls in this kernel"
	for call in keyctl add_key request_key clone3; do
		expect ENOSYS -- int80 $call
	done
	for call in mount fsopen setns unshare kexec_load reboot; do
		expect EPERM -- int80 $call
	done
	expect EAFNOSUPPORT -- int80 vsock
	expect ok -- int80 unix
	expect ok -- int80 getpid
	expect ENOSYS --seccomp=strict -- int80 getpid
	[ "$(./escape int80 keyctl)" = ok ]
	expect ok --seccomp=off -- int80 keyctl
	for filter in "${filters[@]}"; do
		for call in getpid keyctl mount; do
			expect ENOSYS "$filter" -- x32 $call
		done
	done
}

@test "[S20] filter and no_new_privs hold for all that the payload starts" {
	run cell -- sh -c 'setsid sh -c "grep -E \"^(NoNewPrivs|Seccomp):\" /proc/self/status"'
	[ "$output" = $'NoNewPrivs:\t1\nSeccomp:\t2' ]
	run cell --seccomp=off -- grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status
	[ "$output" = $'NoNewPrivs:\t1\nSeccomp:\t'"$(sed -n 's/^Seccomp:\t//p' /proc/self/status)" ]
}

# enter_cell OPTIONS... -- ATTEMPT...: what comes later into a cell tries.
enter_cell() {
	local options=() pid
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	"$CLOISON" run --quiet "${options[@]}" -- sh -c 'echo >ready; exec sleep 30' 3>&- &
	pid=$!
	until [ -e ready ]; do sleep 0.05; done
	"$CLOISON" enter "$("$CLOISON" ls --json | jq -r ".cells[] | select(.supervisor == $pid) | .id")" \
		-- "$@"
	kill $pid
	wait $pid || true
	rm ready
}

@test "[S18][S20] cloison enter is held as the payload is" {
	run enter_cell -- sh -c 'grep -E "^(NoNewPrivs|Seccomp):" /proc/self/status
		./escape call unshare; ./escape call keyctl; ./escape open /proc/1/mem'
	[ "$output" = $'NoNewPrivs:\t1\nSeccomp:\t2\nEPERM\nENOSYS\nEACCES' ]
	run enter_cell --seccomp=strict -- ./escape call userfaultfd
	[ "$output" = EPERM ]
	run enter_cell --nestable=yes -- ./escape call unshare
	[ "$output" = ok ]
	[ "$(./escape landlock)" -ge 6 ] || return 0
	run enter_cell --landlock=strict -- sh -c './escape listen "e$$" >l & until [ -s l ]; do sleep 0.05; done
		./escape connect "e$$"; kill $!; touch /tmp/a && echo made'
	[ "$output" = $'ok\nmade' ]
	./escape listen "escape-$$" >listening 3>&- &
	local pid=$!
	until [ -s listening ]; do sleep 0.05; done
	run enter_cell --landlock=strict -- ./escape connect "escape-$$"
	kill $pid
	wait $pid || true
	[ "$output" = EPERM ]
}

@test "ordinary programs work under the filter" {
	local filter
	for filter in "${filters[@]}"; do
		run cell "$filter" -- bash -c 'set -e
			python3 -c "import threading, subprocess, socket
t = threading.Thread(target=subprocess.run, args=([\"true\"],)); t.start(); t.join()
a, b = socket.socketpair(); a.send(b\"x\"); assert b.recv(1) == b\"x\""
			mkdir -p t && echo x >t/f && tar cf t.tar t && tar tf t.tar >/dev/null
			echo "int main(void) { return 0; }" >p.c && cc -o p p.c && ./p
			strace -o /dev/null true
			for i in 1 2 3; do sleep 0.01 & done; wait
			git init -q g && git -C g status --short
			(ulimit -v 4000000; timeout 5 true) | cat; echo finished'
		[ "$status" -eq 0 ]
		[ "${lines[-1]}" = finished ]
	done
}

@test "one cell's /tmp, /dev/shm, IPC and abstract sockets with net=none are no other's" {
	"$CLOISON" run --quiet --net=none -- sh -c 'echo x >/dev/shm/a; echo x >/tmp/a
		exec ./escape listen escape-none' >listening 3>&- &
	local pid=$!
	until [ -s listening ]; do sleep 0.05; done
	run cell --net=none -- sh -c 'ls /dev/shm /tmp; ./escape connect escape-none'
	kill $pid
	wait $pid || true
	[[ $output == *ECONNREFUSED ]]
	[[ $output != *$'\na\n'* ]]
}

@test "Landlock: what is read-only stays so when a way around the mount is found" {
	[ "$(./escape landlock)" -ge 2 ] || {
		run cell --landlock=default -- touch ran
		[ "$status" -eq 125 ]
		[[ $output == *"landlock: not in this kernel"* && ! -e ran ]]
		skip "no Landlock in this kernel"
	}
	mkdir "$BATS_TEST_TMPDIR/out"
	exec 8<"$BATS_TEST_TMPDIR/out"
	# A descriptor of the caller's leads past the mounts.
	run cell -- sh -c 'echo x >/proc/self/fd/8/a'
	[ -e "$BATS_TEST_TMPDIR/out/a" ]
	run cell --landlock=default -- sh -c 'echo x >/proc/self/fd/8/b; rm /proc/self/fd/8/a
		ln /proc/self/fd/8/a hard; cat /proc/self/fd/8/a'
	exec 8<&-
	[ "${lines[-1]}" = x ]
	[ "$(ls "$BATS_TEST_TMPDIR/out")" = a ]
	# All that the cell shows writable is, and only as far.
	run cell --landlock=default --ro="$HOME" --tmpfs="$PWD/under" -- bash -c 'set -e
		echo x >"$PWD/new" && mkdir d && mv new d && rm -r d && ln -s x l && mkfifo p
		echo x >/tmp/t && echo x >/dev/shm/s && mv /tmp/t /var/tmp && echo x >under/u
		echo x >/dev/null && echo $$ >/proc/self/oom_score_adj || true
		(echo x >$HOME/no) 2>/dev/null || echo refused; echo finished'
	[ "$output" = $'refused\nfinished' ]
	# Nothing can be mounted under it, and it goes with nothing else.
	run cell --landlock=default --nestable=yes -- true
	[ "$status" -eq 125 ]
	[[ $output == *"not with nestable=yes"* ]]
	run cell --landlock=default --profile=open -- true
	[ "$status" -eq 125 ]
}

@test "Landlock, strict: abstract sockets and signals end at the cell, with net=host, too" {
	local version
	version=$(./escape landlock)
	[ "$version" -ge 6 ] || {
		run cell --landlock=strict -- touch ran
		[ "$status" -eq 125 ]
		[[ ! -e ran && $output == *"landlock"* ]]
		skip "Landlock of this kernel is version $version, not 6"
	}
	./escape listen "escape-$$" >listening 3>&- &
	local pid=$!
	until [ -s listening ]; do sleep 0.05; done
	expect EPERM --landlock=strict -- connect "escape-$$"
	expect ok --landlock=default -- connect "escape-$$"
	run -0 cell --pid=host --user="$(users | cut -d' ' -f1)" -- kill -0 $pid
	run -1 cell --landlock=strict --pid=host -- kill -0 $pid
	kill $pid
	wait $pid || true
	# Inside, both work.
	run cell --landlock=strict -- sh -c './escape listen inside >l & until [ -s l ]; do sleep 0.05; done
		./escape connect inside; kill $!'
	[ "$output" = ok ]
}

# What is documented as shared: a change there is to be noticed.
@test "shared, as SECURITY says: abstract sockets with net=host, file locks" {
	"$CLOISON" run --quiet -- ./escape listen "escape-$$" >listening 3>&- &
	local pid=$!
	until [ -s listening ]; do sleep 0.05; done
	expect ok -- connect "escape-$$"
	expect ECONNREFUSED --net=none -- connect "escape-$$"
	kill $pid
	wait $pid || true
	# A lock on what both can only read holds in both.
	exec 8<"$BATS_TEST_FILENAME"
	cp "$BATS_TEST_FILENAME" file
	exec 8<file
	flock 8
	expect EAGAIN --ro="$PWD" -- lock file
	flock -u 8
	expect ok --ro="$PWD" -- lock file
	exec 8<&-
}

@test "what is hidden cannot be told from what is not there" {
	run cell --hide="$PWD/under" -- sh -c 'cat under/secret; cat under/other' 2>&1
	[ "${lines[0]/secret/other}" = "${lines[1]}" ]
	is_root && return
	# A path that its user may not look into is no oracle either.
	run cell --ro=/root/.bashrc:/mnt -- true
	local known=$output
	run cell --ro=/root/.bashno:/mnt -- true
	[ "${known/bashrc/bashno}" = "$output" ]
}

@test "the record is its caller's, and is not written through a link" {
	echo safe >target
	ln -s target record
	run "$CLOISON" run --quiet --record="$PWD/record" -- true
	[ "$(cat target)" = safe ]
	[ "$(stat -c %u:%g record)" = "$(id -u):$(id -g)" ]
}
