#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# --rootfs: a directory or an image as root file system, with a writable layer
# that goes with the cell. As root and, a directory, as an ordinary user.
# A name in brackets is the behaviour that the test proves.

bats_require_minimum_version 1.5.0
load common

# Images are trusted only where nobody else than root can put them.
setup_file() {
	if [ "$(id -u)" -eq 0 ]; then
		images=$(mktemp -d /var/cloison-rootfs.XXXXXX)
		chmod 755 "$images"
	else
		images=$BATS_FILE_TMPDIR
	fi
	export images
	"$BATS_TEST_DIRNAME/make-root" "$images/root"
	if [ "$(id -u)" -eq 0 ]; then
		mksquashfs "$images/root" "$images/squashfs" -quiet -noappend -no-progress >/dev/null
		mkfs.erofs "$images/erofs" "$images/root" >/dev/null
		chmod 644 "$images/squashfs" "$images/erofs"
	fi
}

teardown_file() {
	records_valid
	[ "$(id -u)" -ne 0 ] || rm -rf --one-file-system "$images"
}

setup() {
	common_setup
	loops=$(losetup -a 2>/dev/null || true)
}

# Whatever a test does, no loop device stays.
teardown() {
	for _ in $(seq 50); do
		[ "$(losetup -a 2>/dev/null || true)" != "$loops" ] || return 0
		sleep 0.1
	done
	losetup -a
	return 1
}

sum() { (cd "$images/root" && find . -type f -print0 | sort -z | xargs -0 cat | cksum; find . -printf '%p %m %u %y %l\n' | sort | cksum); }

# in_root KIND OPTIONS... COMMAND
in_root() {
	local kind=$1
	shift
	cell --rootfs="$images/$kind" "$@"
}

kinds() { is_root && echo root squashfs erofs || echo root; }

@test "[S25] a directory or an image is the root, writable, and does not change" {
	before=$(sum)
	for kind in $(kinds); do
		image=$(cksum "$images/$kind" 2>/dev/null || true)
		run -0 in_root "$kind" -- sh -c 'cat /etc/me; echo changed >/etc/me; cat /etc/me; rm /bin/false
			touch /usr/new; ls /usr; echo x >/tmp/x; echo y >/var/tmp/y; echo $$'
		[ "$output" = $'image\nchanged\nnew\n2' ]
		[ "$(cksum "$images/$kind" 2>/dev/null || true)" = "$image" ]
	done
	[ "$(sum)" = "$before" ]
}

@test "[S14] nothing of the host's tree can be reached" {
	touch outside
	for kind in $(kinds); do
		run -0 in_root "$kind" --nestable=yes -- sh -c "ls /lib/modules /boot /srv /home 2>/dev/null
			cd / && cd ../../.. && ls; ls /proc/1/root 2>/dev/null; umount -l / 2>/dev/null; ls
			ls /etc"
		[[ $output != *shadow* && $output != *boot* ]]
		# Nothing of the host is mounted but what the plan says.
		run -0 in_root "$kind" -- cat /proc/self/mountinfo
		[ "$(grep -c ' / / rw,nosuid,nodev.* - overlay ' <<<"$output")" -eq 1 ]
		run -0 awk '$5 != "/" || !/ - overlay / { print $5 }' <<<"$output"
		for at in "${lines[@]}"; do
			case $at in
			/proc | /proc/* | /sys | /sys/* | /dev | /dev/* | /tmp | /var/tmp | \
				/etc/hosts | /etc/resolv.conf | "$HOME" | "$PWD") ;;
			*) echo "$at" && return 1 ;;
			esac
		done
	done
}

@test "[S15] the mounts of another root are locked for fake root, too" {
	for mode in root $(is_root && echo identity); do
		run in_root root --user="$mode" --nestable=yes --ro=/etc/passwd -- sh -c '
			for m in /dev /proc /sys /etc/hosts /etc/passwd /tmp /dev/null; do
			umount $m && echo undone $m; umount -l $m && echo undone $m
			mount -o remount,bind,rw $m && echo undone rw $m; done 2>/dev/null
			echo x >>/etc/passwd; mount -o remount,suid,dev / ; touch /dev/x; ls /etc/passwd'
		echo "$mode: $output"
		# A mount that was writable all along stays it.
		[[ $(grep -v 'undone rw /tmp\|undone rw /proc' <<<"$output") != *undone* ]]
		[ "${lines[-1]}" = /etc/passwd ]
		[[ $output == *"Read-only file system"* || $output == *"Permission denied"* ]]
	done
}

@test "set-id bits and device nodes of a root have no effect" {
	is_root || skip "an ordinary user cannot make such nodes"
	mknod "$images/root/usr/null" c 1 3
	cp "$images/root/bin/id" "$images/root/usr/id"
	chmod 4755 "$images/root/usr/id"
	run in_root root -- sh -c 'stat -f / >/dev/null; head -c 1 /usr/null'
	rm "$images/root/usr/null" "$images/root/usr/id"
	[[ $output == *"Permission denied"* ]]
}

@test "fresh /proc, read-only /sys, private /dev, and the cell's own places" {
	touch "$HOME/mine" here
	for kind in $(kinds); do
		run -0 in_root "$kind" --dev='tty1' -- sh -c 'ls -d /proc/[0-9]* | wc -l; touch /sys/x; ls /dev | wc -l
			ls ~ .; touch ~/yes; pwd; echo z >/dev/shm/z; head -c 4 /dev/zero | wc -c' 2>&1
		[ "${lines[0]}" -le 5 ]
		[[ $output == *"Read-only file system"* && $output == *mine* && $output == *here* && $output == *"$PWD"* ]]
		[ -e "$HOME/yes" ]
		rm "$HOME/yes"
		run -0 in_root "$kind" --net=none -- ls /sys/class/net
		[ "$output" = lo ]
	done
}

@test "the host's resolver with the host's network, also where the image has a dead link" {
	run -0 in_root root -- sh -c 'cat /etc/resolv.conf; echo --; cat /etc/hosts'
	[ "$output" = "$(cat /etc/resolv.conf; echo --; cat /etc/hosts)" ]
	run ! in_root root --net=none -- cat /etc/resolv.conf
	[ "$(readlink "$images/root/etc/resolv.conf")" = ../run/resolver/resolv.conf ]
}

@test "binds come on top, at places that the root does not have" {
	mkdir data
	echo one >data/f
	for kind in $(kinds); do
		run -0 in_root "$kind" --ro="$PWD/data:/data/in/deep" --rw="$PWD/data:/usr/rw" --tmpfs=/fast:1M \
			--ro=/etc/passwd:/etc/accounts -- \
			sh -c 'cat /data/in/deep/f; touch /data/in/deep/no; echo two >/usr/rw/g; touch /fast/x; head -c 4 /etc/accounts'
		[ "${lines[0]}" = one ]
		[ "${lines[-1]}" = root ]
		[ -e data/g ] && [ ! -e data/no ]
		rm data/g
	done
	run -0 in_root root --hide=/usr --overlay="$PWD/data" -- sh -c 'ls /usr; echo 3 >data/f; cat data/f'
	[ "$output" = 3 ]
	[ "$(cat data/f)" = one ]
	# Read-only if the user wants that; the profile's "ro /" is the host's.
	run ! in_root root --ro=/ -- touch /x
	[[ $output == *"Read-only file system"* ]]
}

@test "a root that belongs to somebody else can be used" {
	is_root && skip "root has no trouble with it"
	# All of /usr is root's: the mount points are made in the layer above.
	run -0 cell --rootfs=/usr --rw="$PWD:/srv/work" --tmpfs=/share/deep/in -- /bin/sh -c 'ls -d /srv/work /share/deep/in'
	[ "$output" = $'/share/deep/in\n/srv/work' ]
}

@test "[S25] several cells share one image at the same time" {
	for kind in $(kinds); do
		for i in 1 2 3 4; do
			in_root "$kind" -- sh -c "echo $i >/etc/me; sleep 0.5; cat /etc/me" >out$i 3>&- &
		done
		wait
		[ "$(cat out1 out2 out3 out4)" = $'1\n2\n3\n4' ]
	done
	[ "$(cat "$images/root/etc/me")" = image ]
}

@test "a loop device goes with the cell, however it ends" {
	is_root || skip "an ordinary user mounts no image"
	in_root squashfs -- false || true
	run -125 in_root squashfs --ro=/no/such/file -- true
	run -125 in_root squashfs --rw="$HOME:/etc/me" -- true
	"$CLOISON" run --quiet --rootfs="$images/squashfs" -- sleep 60 3>&- &
	for _ in $(seq 50); do [ "$(losetup -a)" = "$loops" ] || break; sleep 0.1; done
	losetup -a | grep -F "$images/squashfs"
	kill -KILL $!
	wait $! || true
	# teardown looks whether it is gone.
}

@test "an image is refused where others could have made it, unless the site trusts it" {
	if ! is_root; then
		printf 'hsqs' >img
		run -125 cell --rootfs="$PWD/img" -- true
		[[ $output == *"--rootfs: the kernel lets root alone mount the image"*"name the directory"* ]]
		return
	fi
	cp "$images/squashfs" img
	run -125 cell --rootfs="$PWD/img" -- touch ran
	[[ $output == *"can be changed by others than root (site file: rootfs-trust = DIR)"* ]]
	printf '[site]\nrootfs-trust = %s\n' "$PWD" >site
	run -0 cell --config="$PWD/site" --rootfs="$PWD/img" -- cat /etc/me
	[ "$output" = image ]
	for change in "chown 64321" "chmod 666"; do
		cp "$images/squashfs" "$images/other"
		$change "$images/other"
		run -125 cell --rootfs="$images/other" -- true
		[[ $output == *"'the file' can be changed by others"* ]]
	done
	# What is no image, or a broken one.
	head -c 4096 "$images/squashfs" >"$images/other"
	chown root "$images/other"
	chmod 644 "$images/other"
	run -125 cell --rootfs="$images/other" -- true
	[[ $output == *"mount the squashfs image"* ]]
	run -125 cell --rootfs=/etc/passwd -- true
	[[ $output == *"is neither a directory nor a squashfs or erofs image"* ]]
	run -125 cell --rootfs=/dev/null -- true
	run -125 cell --rootfs=/no/such -- true
	[[ $output == *"--rootfs: /no/such: No such file or directory"* ]]
	rm "$images/other"
}

@test "policy: the site's root is not exchanged, and a hidden directory is none" {
	is_root || skip "only root can own a site file"
	mkdir secret
	printf '[profile batch]\nhide = %s\n' "$PWD/secret" >site
	run -125 cell --config="$PWD/site" --rootfs="$PWD/secret" -- true
	[[ $output == *"is hidden by the profile"* ]]
	ln -s secret link
	run -125 cell --config="$PWD/site" --rootfs="$PWD/link" -- true
	[[ $output == *"is hidden by the profile"* ]]
	printf '[profile batch]\nrootfs = %s\n' "$images/squashfs" >site
	run -0 cell --config="$PWD/site" -- cat /etc/me
	[ "$output" = image ]
	run -125 cell --config="$PWD/site" --rootfs="$images/root" -- true
	[[ $output == *"--rootfs: "*"is looser than the profile's"*"loosen = rootfs"* ]]
}

@test "what is not in the root is said clearly" {
	run -127 in_root root -- /usr/bin/no-such
	printf '#!/no/interpreter\n' >script
	chmod +x script
	run in_root root -- ./script
	[ "$status" -eq 126 ]
	[[ $output == *"script: "*interpreter* ]]
	if is_root; then
		printf '[profile p]\npid = new\nscratch = 10M\n' >site
		site=$PWD/site
		cd /srv
		run -125 cell --config="$site" --profile=p --rootfs="$images/root" -- true
		[[ $output == *"working directory /srv is not in the cell"* ]]
	fi
}

@test "[S25] an image as a site makes one: Debian, by mmdebstrap and mksquashfs" {
	is_root || skip "an ordinary user mounts no image"
	command -v mmdebstrap >/dev/null || skip "no mmdebstrap"
	timeout 120 mmdebstrap --mode=root --variant=extract \
		--include=dash,coreutils,base-files,libc-bin \
		"$(. /etc/os-release && echo "$VERSION_CODENAME")" "$images/debian" >log 2>&1 ||
		skip "no mirror to be had: $(tail -n 1 log)"
	mksquashfs "$images/debian" "$images/debian.squashfs" -quiet -noappend -no-progress -comp lzo >/dev/null
	run -0 cell --rootfs="$images/debian.squashfs" -- sh -c 'cat /etc/debian_version; touch /etc/x; pwd; ls -d ~'
	[ "${lines[0]}" = "$(cat "$images/debian/etc/debian_version")" ]
	[ "${lines[1]}" = "$PWD" ]
	[ "${lines[2]}" = "$HOME" ]
	[ ! -e "$images/debian/etc/x" ]
}

@test "[S11] the host's mounts are as before" {
	before=$(cat /proc/self/mountinfo)
	for kind in $(kinds); do in_root "$kind" -- true; done
	[ "$(cat /proc/self/mountinfo)" = "$before" ]
}

@test "[S26] nothing but the payload is executed to set a cell up" {
	command -v strace >/dev/null || skip "no strace"
	strace -f -qq -o trace true 2>/dev/null || skip "tracing is not allowed here"
	for options in "" "--profile=strict" "--rootfs=$images/root --overlay=$HOME --dev=tty1 --hidepid=yes" \
		$(is_root && echo "--rootfs=$images/squashfs"); do
		# shellcheck disable=SC2086 # several options
		# A sanitizer's search for leaks is a tracer, too.
		ASAN_OPTIONS=detect_leaks=0 strace -f -qq -e trace=execve,execveat -e signal=none -o trace "$CLOISON" run --quiet $options -- /bin/true
		run -0 cat trace
		echo "$options: $output"
		[ "${#lines[@]}" -eq 2 ]
		[[ ${lines[0]} == *"\"$CLOISON\""*"= 0" && ${lines[1]} == *"= 0" ]]
		# Of an undumpable process strace reads no arguments but as root.
		! is_root || [[ ${lines[1]} == *'"/bin/true"'* ]]
	done
}
