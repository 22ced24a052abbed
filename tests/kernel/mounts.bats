#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What a cell sees of the kernel and of the host's mounts: /dev, /proc, /sys,
# propagation. As root and as an ordinary user.
# A name in brackets is the behaviour that the test proves.

bats_require_minimum_version 1.5.0
load common

setup() { common_setup; }

# in_terminal COMMAND: its output with a terminal as standard input.
in_terminal() { script -qec "$1" /dev/null </dev/null | tr -d '\r\0'; }

# own_mounts COMMAND: in a mount namespace where the test may mount. An ordinary
# user is root of it and nothing else.
own_mounts() {
	if is_root; then
		unshare --mount --propagation shared "$@"
	else
		unshare --map-root-user --mount --propagation shared "$@"
	fi
}

# wait_for SECONDS COMMAND...
wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		((SECONDS < end)) || return 1
		sleep 0.05
	done
}

@test "private /dev: the basic devices work, others are not there" {
	run -0 cell --dev=private -- sh -c 'ls /dev
		echo x >/dev/null && [ -z "$(cat /dev/null)" ] && head -c 4 /dev/zero | wc -c
		[ "$(head -c 8 /dev/urandom | wc -c)" = 8 ] && ! echo x >/dev/full
		echo x >/dev/shm/x && echo y | cat /dev/stdin' 2>&1
	[ "$(head -n 14 <<<"$output" | tr '\n' ' ')" = \
		"fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero " ]
	[[ ${lines[14]} == *4 ]]
	[ "${lines[-1]}" = y ]
}

@test "private /dev: nothing can be added, and nothing changed on the host's devices" {
	is_root && mode=identity || mode=root
	for user in "$mode" root; do
		run cell --user="$user" --dev=private -- sh -c 'touch /dev/x; mknod /dev/mem c 1 1
			mkdir /dev/d; rm /dev/null; chmod 600 /dev/null; mount -o remount,rw /dev
			mount -o remount,bind,rw /dev/null; chmod 600 /dev/null; umount /dev; mknod /dev/shm/m c 1 1
			head -c 1 /dev/shm/m; ls -l /dev/null; ls /dev | wc -l'
		[[ ${lines[-2]} == crw-rw-rw-* ]]
		[ "${lines[-1]}" = 14 ]
		[[ $output == *"Read-only file system"* ]]
	done
	[ "$(stat -c %a /dev/null)" = 666 ]
}

@test "private /dev: flags of its mounts" {
	run -0 cell --dev=private -- sh -c 'grep " /dev" /proc/self/mountinfo'
	tmpfs=$(grep ' /dev ro,nosuid,nodev,noexec' <<<"$output")
	[[ $tmpfs == *"- tmpfs"* ]]
	[[ $output == *" /dev/null ro,nosuid"* ]]
	[[ $output == *" /dev/pts rw,nosuid,noexec"* ]]
}

@test "private /dev: patterns add devices, links and files are never shown" {
	run -0 cell --dev='tty[0-2]' --dev=nosuchdevice,input/* -- ls /dev
	[[ $output == *$'\ntty0\ntty1\ntty2\nurandom'* ]]
	# fd and its like are links on the host, pts is the cell's own.
	run -0 cell --dev='*,pts/*' -- sh -c 'ls -l /dev/fd; ls /dev/pts
		for f in /dev/* /dev/pts/*; do [ -b $f ] || [ -c $f ] || [ -d $f ] || [ -L $f ] || echo odd $f; done
		find /dev -xdev -maxdepth 1 -type l | wc -l'
	[[ $output != *odd* ]]
	[ "${lines[1]}" = ptmx ]
	[ "${lines[-1]}" = 5 ]
	for bad in /dev/null ../etc a//b . private,.. host,fuse '' ','; do
		run -125 cell --dev="$bad" -- true
	done
}

@test "private /dev: terminals are the cell's own, and ours has a name" {
	command -v script >/dev/null || skip "no script (Debian: bsdutils)"
	run -0 in_terminal "'$CLOISON' run --quiet --dev=private -- sh -c 'tty; echo to-tty >/dev/tty; stty size >/dev/null && echo sized'"
	[ "${lines[0]}" = /dev/console ]
	[ "${lines[1]}" = to-tty ]
	[ "${lines[2]}" = sized ]
	# Another terminal in it, as tmux or expect makes one.
	run -0 cell --dev=private -- script -qec tty /dev/null
	[[ $output == */dev/pts/0* ]]
	# Job control is there.
	run -0 in_terminal "'$CLOISON' run --quiet --dev=private -- bash -ic 'sleep 5 & jobs; kill %1'"
	[[ $output == *Running* && $output != *"no job control"* ]]
}

@test "private /dev in the profile strict; it cannot be got around where a site governs" {
	run -0 cell --profile=strict -- ls /dev
	[ "${#lines[@]}" -eq 14 ]
	is_root || return 0
	printf '[profile strict]\ndev = tty1\n' >site
	run -0 cell --config="$PWD/site" --profile=strict --dev=private,tty1 -- ls /dev
	[ "${#lines[@]}" -eq 15 ]
	for opt in --dev=host --dev=tty2 --dev=tty1,tty2 --ro=/dev/tty2:/mnt --ro=/dev; do
		run -125 cell --config="$PWD/site" --profile=strict "$opt" -- true
		[[ $output == *"site file: loosen = "* ]]
	done
	site=$PWD/site
	cd /dev/input 2>/dev/null || cd /dev/net || cd /dev/cpu
	run -125 cell --config="$site" --profile=strict -- ls
	[[ $output == *"is not in the cell"* ]]
}

@test "hidepid: only one's own processes are in /proc" {
	run -0 cell --hidepid=yes -- grep ' /proc ' /proc/self/mountinfo
	[[ ${lines[-1]} == *hidepid=invisible* ]]
	run -0 cell --hidepid=yes -- sh -c 'ls -d /proc/[0-9]*'
	# An ordinary user does not see the init either, which is undumpable.
	is_root || [[ $output != */proc/1$'\n'* ]]
	run -125 cell --hidepid=yes --pid=host -- true
	[[ $output == *"--hidepid: needs pid=new"* ]]
}

@test "root's payload: /sys and what is telling in /proc" {
	is_root || skip "an ordinary user may neither read nor write that"
	for profile in batch strict open; do
		run cell --profile=$profile -- sh -c 'for f in kernel/mm/ksm/run kernel/profiling power/state; do
			[ ! -e /sys/$f ] || ! test -w /sys/$f || echo writable $f; done
			for f in acpi/wakeup scsi/scsi sys/kernel/panic; do
			[ ! -e /proc/$f ] || ! test -w /proc/$f || echo writable $f; done
			cat /proc/keys /proc/timer_list 2>/dev/null | wc -c; ls /sys/firmware | wc -l'
		[[ $output != *writable* ]]
		[ $profile != strict ] || [ "$output" = $'0\n0' ]
	done
}

@test "nestable: other containers run inside" {
	is_root && skip "the kernel lets no root without CAP_SETFCAP map id 0"
	run -0 cell --nestable=yes -- unshare -Urpf --mount-proc sh -c 'echo $$; id -u; ls -d /proc/[0-9]* | wc -l'
	[ "${lines[0]}" = 1 ] && [ "${lines[1]}" = 0 ] && [ "${lines[2]}" -lt 5 ]
	if command -v bwrap >/dev/null; then
		run -0 cell --nestable=yes -- bwrap --unshare-all --ro-bind / / --proc /proc --dev /dev sh -c 'ls -d /proc/[0-9]* | wc -l'
		[ "$output" -lt 6 ]
	fi
	cp "$CLOISON" "$HOME/cloison"
	for dev in host private; do
		run -0 cell --nestable=yes --net=none -- "$HOME/cloison" run --quiet --dev=$dev --net=none -- sh -c 'echo $$; ls /sys/class/net'
		[ "$output" = $'2\nlo' ]
	done
}

@test "a payload under a masked /proc gets no fresh one, and is told why" {
	is_root && skip "root's cells do not nest at all"
	# As a container engine leaves it: a part of /proc is covered, for good.
	run own_mounts sh -c "mount --bind /dev/null /proc/uptime &&
		exec unshare --map-root-user --mount '$CLOISON' run --quiet -- true"
	[ "$status" -eq 125 ]
	[[ $output == *"mount a fresh proc on /proc (inside a container"* ]]
}

@test "[S12] the host's later mounts and unmounts reach a running cell, which keeps none busy" {
	cat >host <<-'END'
		mkdir -p tree/src tree/sub tree/late
		mount -t tmpfs tmpfs tree
		mkdir tree/src tree/sub tree/late
		touch tree/src/f
		"$CLOISON" run --quiet $OPTIONS -- sh -c '
			echo up >state/up
			until [ -e $AT/sub/f ]; do sleep 0.05; done
			touch $AT/sub/inside 2>/dev/null && echo writable >state/how || echo read-only >state/how
			echo arrived >state/arrived
			while [ -e $AT/sub/f ]; do sleep 0.05; done
			echo gone >state/gone; touch $AT/src/g 2>&1' &
		until [ -e state/up ]; do sleep 0.05; done
		mount --bind tree/src tree/sub
		until [ -e state/arrived ]; do sleep 0.05; done
		umount tree/sub || exit 9
		wait $!
	END
	export CLOISON OPTIONS AT=tree
	mkdir state
	for OPTIONS in "" "--ro=$PWD/tree" "--user=root" "--user=root --ro=$PWD/tree"; do
		rm -f state/*
		run own_mounts timeout 20 bash ./host
		echo "$OPTIONS: $status $output"
		[ -e state/gone ]
		[ "$status" -ne 9 ] && [ "$status" -ne 124 ]
		# What arrives has the host's flags (see SECURITY); what was
		# there has the cell's.
		[ "$(cat state/how)" = writable ]
		[[ $OPTIONS != *--ro* ]] || [[ $output == *"Read-only file system"* ]]
	done
	# Landlock knows places, not mounts.
	OPTIONS="--ro=$PWD/tree:/mnt --landlock=default" AT=/mnt
	cell --landlock=default -- true || skip "no Landlock in this kernel"
	rm -f state/*
	run own_mounts timeout 20 bash ./host
	[ -e state/gone ]
	[ "$(cat state/how)" = read-only ]
}
