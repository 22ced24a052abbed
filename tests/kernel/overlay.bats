#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What becomes of an overlay's changes, and how full scratch was. As root and
# as an ordinary user.

bats_require_minimum_version 1.5.0
load common

setup() {
	common_setup
	mkdir -p low/dir keep out
	echo one >low/a
	echo two >low/dir/b
	chmod 711 "$BATS_TEST_TMPDIR"
}

sum() { (cd "$1" && find . -printf '%p %y %m %U %s %T@\n' -type f -exec cksum {} + | sort | cksum); }

@test "[S16] --overlay: many in one cell share one size with scratch, and no lower layer changes" {
	mkdir low2
	echo three >low2/c
	before=$(sum low) before2=$(sum low2)
	run cell --scratch=4M --overlay="$PWD/low" --overlay="$PWD/low2:discard" -- sh -c '
		rm low/a; echo more >>low/dir/b; rm -r low2/c; mkdir low2/c
		head -c 1500000 /dev/zero >/tmp/x && head -c 1500000 /dev/zero >low/x && echo fits
		head -c 1500000 /dev/zero >low2/x'
	[[ $output == *fits* && $output == *"No space left"* ]]
	[ "$(sum low)" = "$before" ] && [ "$(sum low2)" = "$before2" ]
	# Many cells on one lower layer, each with its own changes.
	for i in 1 2 3 4; do
		cell --overlay="$PWD/low" -- sh -c "echo $i >low/a; sleep 0.5; cat low/a" >"out/$i" 3>&- &
	done
	wait
	[ "$(cat out/1 out/2 out/3 out/4)" = $'1\n2\n3\n4' ]
	[ "$(sum low)" = "$before" ]
}

@test "overlays of a cell without scratch share one size, too" {
	printf '[site]\nprofiles = bare\ndefault-profile = bare\n[profile bare]\npid = new\n' >site
	if is_root; then
		run "$CLOISON" plan --config="$PWD/site" --overlay=/etc --overlay=/opt
		[ "$(grep -c '^overlays.bytes' <<<"$output")" -eq 1 ]
		run cell --config="$PWD/site" --overlay=/etc --overlay=/opt -- sh -c 'df --output=target /etc /opt; touch /etc/x /opt/x && echo both'
		[[ $output == *both* ]]
	else
		run cell --overlay=/etc --overlay=/opt -- sh -c 'touch /opt/x; ls /etc/passwd'
		[ "$status" -eq 0 ]
	fi
}

@test "[S16] --overlay keep: a later cell goes on where the last one stopped" {
	before=$(sum low)
	cell --overlay="$PWD/low:keep=$PWD/keep" -- sh -c 'rm low/a; echo more >>low/dir/b; echo new >low/n; rm -r low/dir; mkdir low/dir; touch low/dir/z'
	[ "$(sum low)" = "$before" ]
	[ "$(ls -A keep)" = upper ]
	[ "$(cat keep/upper/n)" = new ]
	run cell --overlay="$PWD/low:keep=$PWD/keep" -- sh -c 'ls low low/dir; rm low/n'
	[ "$output" = $'low:\ndir\nn\n\nlow/dir:\nz' ]
	run cell --overlay="$PWD/low:keep=$PWD/keep" -- ls low
	[ "$output" = dir ]
	[ "$(sum low)" = "$before" ]
	# All of it is the user's, to remove as he likes.
	[ -z "$(find keep ! -uid "$(id -u)")" ]
	rm -r keep
}

@test "--overlay keep: one cell at a time; a cell that was killed does not block the next" {
	"$CLOISON" run --quiet --overlay="$PWD/low:keep=$PWD/keep" -- sh -c 'rm low/a; touch low/ready; sleep 60' 3>&- &
	pid=$!
	for _ in $(seq 100); do [ -e keep/upper/ready ] && break; sleep 0.1; done
	run cell --overlay="$PWD/low:keep=$PWD/keep" -- true
	[ "$status" -eq 125 ]
	[[ $output == *"keep holds the changes of a cell that runs"* ]]
	[ "${#lines[@]}" -eq 1 ]
	kill -KILL $pid
	wait $pid || true
	# gc removes what only the mounted overlay needed.
	for _ in $(seq 50); do
		"$CLOISON" gc || true
		[ "$(ls -A keep)" = upper ] && break
		sleep 0.1
	done
	[ "$(ls -A keep)" = upper ]
	for _ in $(seq 50); do
		run cell --overlay="$PWD/low:keep=$PWD/keep" -- ls low
		[ "$status" -eq 0 ] && break
		sleep 0.1
	done
	[ "$output" = $'dir\nready' ]
	[ "$(ls -A keep)" = upper ]
}

@test "--overlay keep and collect: DIR is a directory that the caller may write to, by no link" {
	for fate in "keep=$PWD/missing" "keep=$PWD/low/a" "keep=$PWD/low/dir" "collect=*=$PWD/missing" "keep=" "keep=rel:x" "collect=x" "what=x"; do
		run cell --overlay="$PWD/low:$fate" -- true
		[ "$status" -eq 125 ] && [ "${#lines[@]}" -eq 1 ]
		[[ ${lines[0]} == "cloison: --overlay: "* ]]
	done
	if ! is_root; then
		for fate in keep 'collect=*'; do
			run cell --overlay="$PWD/low:$fate=/usr" -- true
			[ "$status" -eq 125 ]
			[[ ${lines[0]} == *"write to /usr: Permission denied" ]]
		done
	fi
	# Somebody's link instead of the layer is not followed.
	mkdir real
	ln -s "$PWD/real" keep/upper
	run cell --overlay="$PWD/low:keep=$PWD/keep" -- touch low/x
	[ "$status" -eq 125 ]
	[ -z "$(ls -A real)" ]
}

@test "--overlay collect: what is new or changed and matches, and nothing else" {
	before=$(sum low)
	mkdir -p out/have
	echo old >out/have/a.out
	cell --overlay="$PWD/low:collect=have=$PWD/out" -- sh -c '
		mkdir -p low/have/deep; echo 1 >low/have/a.out; echo 2 >low/have/deep/b; echo 3 >low/other
		chmod 750 low/have/deep/b; touch -d 2001-02-03 low/have/a.out; truncate -s 1G low/have/sparse; echo end >>low/have/sparse'
	[ "$(cd out && find . -type f | sort | xargs)" = "./have/a.out ./have/deep/b ./have/sparse" ]
	[ "$(cat out/have/a.out out/have/deep/b)" = $'1\n2' ]
	[ "$(stat -c %a out/have/deep/b)" = 750 ]
	[ "$(date -r out/have/a.out +%F)" = 2001-02-03 ]
	[ "$(stat -c %s out/have/sparse)" -eq $((1 << 30 | 4)) ]
	[ "$(du -k out/have/sparse | cut -f1)" -lt 100 ]
	[ "$(sum low)" = "$before" ]
	rm -r out/*
	cell --overlay="$PWD/low:collect=*.out=$PWD/out" -- sh -c 'touch low/x.out low/dir/y.out low/z; mkdir low/d.out; touch low/d.out/in'
	[ "$(cd out && find . -type f | sort | xargs)" = "./d.out/in ./x.out" ]
	rm -r out/*
	cell --overlay="$PWD/low:collect=*/*.out=$PWD/out" -- sh -c 'touch low/x.out low/dir/y.out'
	[ "$(cd out && find . -type f | sort | xargs)" = "./dir/y.out" ]
	rm -r out/*
	# Nothing changed, nothing collected; the status is the payload's.
	run cell --overlay="$PWD/low:collect=*=$PWD/out" -- sh -c 'cat low/a >/dev/null; exit 7'
	[ "$status" -eq 7 ] && [ -z "$output" ] && [ -z "$(ls -A out)" ]
}

@test "--overlay collect: no links, pipes, sockets or devices; nothing through a link out of DIR" {
	mkdir -p victim
	ln -s "$PWD/victim" out/evil
	ln -s "$PWD/victim/file" out/target
	run cell --overlay="$PWD/low:collect=*=$PWD/out" -- sh -c '
		ln -s /etc/passwd low/link; mkfifo low/pipe; mkdir low/evil; echo x >low/evil/f; echo y >low/target
		ln -s .. low/up; mkdir low/ok; echo z >low/ok/f; rm low/a'
	[ "$status" -eq 0 ]
	# What could not be written is told.
	[[ $output == *"--overlay: write evil/f"* ]]
	[ -z "$(ls -A victim)" ]
	[ -f out/target ] && [ ! -L out/target ] && [ "$(cat out/target)" = y ]
	[ "$(cat out/ok/f)" = z ]
	[ ! -e out/link ] && [ ! -L out/link ] && [ ! -e out/pipe ] && [ ! -e out/a ] && [ ! -L out/up ]
	[ -z "$(find out -name '.cloison*')" ]
}

@test "--overlay collect: after a signal, after leftovers are killed, and as long as it takes" {
	run cell --overlay="$PWD/low:collect=*=$PWD/out" -- sh -c '
		(trap "" TERM; while :; do echo x >>low/log; done) &
		until [ -s low/log ]; do sleep 0.1; done; echo finished >low/result; kill -TERM $$'
	[ "$status" -eq 143 ]
	[ "$(cat out/result)" = finished ]
	size=$(stat -c %s out/log)
	sleep 0.2
	[ "$(stat -c %s out/log)" -eq "$size" ]
}

@test "--overlay collect: with Landlock and the strict filter, too" {
	run cell --landlock=strict --seccomp=strict --overlay="$PWD/low:collect=*=$PWD/out" -- sh -c 'echo x >low/x'
	[ "$status" -eq 0 ] && [ -z "$output" ]
	[ "$(cat out/x)" = x ]
}

@test "--scratch in a directory without quotas: refused, or without a size by limits=try" {
	mkdir disk
	run cell --scratch="$PWD/disk:4M" -- true
	[ "$status" -eq 125 ] && [ "${#lines[@]}" -eq 1 ]
	if is_root; then
		# The development machine's file system may have them.
		[[ $output == *"the file system has no project quotas to keep a size"* ]] || skip "it has quotas"
	else
		[[ $output == "cloison: --scratch: only root can keep a size in $PWD/disk "* ]]
	fi
	run "$CLOISON" run --limits=try --scratch="$PWD/disk:4M" --record="$PWD/r" --overlay="$PWD/low" -- sh -c '
		head -c 5000000 /dev/zero >/tmp/x; head -c 5000000 /dev/zero >low/x; mkdir -p /var/tmp/a/b; chmod 0 /var/tmp/a
		stat -f -c %T /dev/shm; ls /tmp /var/tmp'
	[ "$status" -eq 0 ]
	[[ $output == *"cloison: scratch has no size: "* && $output == *tmpfs* ]]
	[ "$(jq -c '[.scratch.limit_bytes, .scratch.peak_bytes, .scratch.full]' r)" = '[null,null,null]' ]
	[[ $(jq -r .limits.missing.scratch r) == *"no project quotas"* ]]
	[ -z "$(ls -A disk)" ] && [ ! -e low/x ]
}

@test "--overlay collect with rights that the user does not have is refused to it, and told" {
	is_root || skip "only root has files that its payload cannot read"
	# Without capabilities root cannot read what belongs to nobody else.
	echo secret >low/s
	chown 12345 low/s
	chmod 600 low/s
	run cell --record="$PWD/r" --overlay="$PWD/low:collect=*=$PWD/out" -- sh -c 'cat low/s; mv low/s low/t; echo ok >low/ok'
	[[ $output == *"ermission denied"* ]]
	[ "$(cat out/ok)" = ok ]
	[ ! -e out/t ]
}

@test "--overlay collect: a full target is told on stderr and in the record" {
	is_root || skip "an ordinary user cannot mount (the guest's quotas show it)"
	mount -t tmpfs -o size=256k small out
	run cell --record="$PWD/r" --overlay="$PWD/low:collect=*=$PWD/out" -- sh -c 'head -c 1000000 /dev/zero >low/big'
	umount out
	[ "$status" -eq 0 ]
	[[ $output == *"--overlay: write big: No space left on device"* ]]
	[[ $(jq -r .scratch.error r) == *"write big: No space left on device" ]]
}

@test "[S24] layers on file systems that cannot be one are refused with their name" {
	run cell --overlay=/proc/sys -- true
	[ "$status" -eq 125 ]
	[[ $output == "cloison: --overlay: /proc/sys lies on proc, which cannot be under an overlay (show it by 'ro', "* ]]
	run cell --overlay="$PWD/low:keep=/proc/self" -- true
	[ "$status" -eq 125 ]
	[[ $output == *"lies on proc, which cannot hold the changes of an overlay (name a directory on ext4, XFS or Btrfs)"* ]]
	run cell --overlay=/sys/kernel -- true
	[ "$status" -eq 125 ]
	[[ $output == *"/sys/kernel "* ]]
}

@test "an overlay over a directory with another mount in it is refused, naming it" {
	run cell --overlay=/dev -- true
	[ "$status" -eq 125 ]
	[[ $output == "cloison: --overlay: /dev has another mount below it, /dev/"*": an overlay cannot span both (give each one its own)" ]]
	[ "${#lines[@]}" -eq 1 ]
}

@test "[S19] scratch: its peak is in the record, and that it was full is told and recorded" {
	run "$CLOISON" run --scratch=8M --record="$PWD/r" -- sh -c 'head -c 3000000 /dev/zero >/tmp/a'
	[ "$status" -eq 0 ] && [ -z "$output" ]
	peak=$(jq .scratch.peak_bytes r)
	((peak >= 3000000 && peak < 4000000))
	[ "$(jq .scratch.limit_bytes r)" -eq $((8 << 20)) ]
	[ "$(jq .scratch.full r)" = null ]
	rm r
	run "$CLOISON" run --scratch=8M --record="$PWD/r" -- sh -c 'head -c 9000000 /dev/zero >/dev/shm/a; exit 3'
	[ "$status" -eq 3 ]
	[ "${lines[-1]}" = "cloison: scratch of 8 MiB was full: ask for more with --scratch" ]
	[ "$(jq -c .scratch r)" = '{"limit_bytes":8388608,"peak_bytes":8388608,"full":true}' ]
	rm r
	# What was there and is gone is seen as well, if it stayed for a second.
	run cell --scratch=8M --record="$PWD/r" -- sh -c 'head -c 9000000 /dev/zero >/tmp/a 2>/dev/null; sleep 1.5; rm /tmp/a'
	[ -z "$output" ]
	[ "$(jq -c .scratch r)" = '{"limit_bytes":8388608,"peak_bytes":8388608,"full":true}' ]
	rm r
	run cell --profile=open --record="$PWD/r" --scratch=1M -- true
	[ "$(jq .scratch.peak_bytes r)" -lt 100000 ]
}

@test "mount points are made in overlays, and nowhere on the host" {
	run cell --overlay="$PWD/low" --ro="/etc:$PWD/low/x/y" -- ls low/x/y/passwd
	[ "$status" -eq 0 ]
	[ ! -e low/x ]
}
