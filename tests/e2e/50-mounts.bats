#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Mounts that need a host of their own: an automounter's, and what the host
# unmounts under a cell.
# A name in brackets is the behaviour that the test proves.

load common

setup_file() {
	mkdir -p /srv/auto/data /srv/auto/more /etc/auto.master.d
	echo automounted >/srv/auto/data/file
	echo more >/srv/auto/more/file
	chmod -R a+rX /srv/auto
	# Indirect, by bind, and gone after two seconds without use.
	cat >/etc/auto.master.d/cloison.autofs <<-'END'
		/auto /etc/auto.cloison --timeout=2
	END
	cat >/etc/auto.cloison <<-'END'
		data -fstype=bind :/srv/auto/data
		more -fstype=bind :/srv/auto/more
	END
	systemctl restart autofs
}

teardown_file() {
	systemctl stop autofs
	rm -rf /etc/auto.master.d/cloison.autofs /etc/auto.cloison /srv/auto
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	chmod 755 "$BATS_TEST_TMPDIR"
	wait_idle
}

mounted() { grep -q " $1 " /proc/self/mountinfo; }
not_mounted() { ! grep " $1 " /proc/self/mountinfo | grep -qv ' - autofs '; }

# for_each_front_end COMMAND: with each way into a cell as $front.
for_each_front_end() {
	for front in "as alice cloison run --quiet --" "cloison run --quiet --" \
		"as alice cloison run --quiet --user=root --" "as alice srun --cell"; do
		echo "$front"
		eventually 30 not_mounted /auto/data
		"$@" || return 1
	done
}

triggers() {
	# shellcheck disable=SC2086 # a command and its arguments
	run -0 $front cat /auto/data/file
	[ "$output" = automounted ] && mounted /auto/data
}

@test "[S12] an automount that is triggered in a cell works" {
	for_each_front_end triggers
}

# The automounter takes down what nobody uses, though the cell goes on.
expires() {
	# shellcheck disable=SC2086,SC2016 # for the inner shell
	$front sh -c 'cat /auto/data/file; cd /
		for i in $(seq 300); do grep -v autofs /proc/self/mountinfo | grep -q " /auto/data " || exec echo gone; sleep 0.1; done' >out 2>&1 3>&- &
	wait $!
	cat out
	[ "$(tail -n 1 out)" = gone ] && not_mounted /auto/data
}

@test "[S12] an automount expires while the cell lives, and is gone in it, too" {
	for_each_front_end expires
}

# Used again after it has expired, by the same cell.
# shellcheck disable=SC2016 # for the inner shell
@test "[S12] a cell triggers the same automount more than once" {
	run -0 as alice cloison run --quiet -- sh -c 'for i in 1 2; do cat /auto/data/file
		for t in $(seq 300); do grep -v autofs /proc/self/mountinfo | grep -q " /auto/data " || break; sleep 0.1; done; done'
	[ "$output" = $'automounted\nautomounted' ]
}

@test "[S12] a source that the automounter manages is mounted by being named" {
	eventually 30 not_mounted /auto/data
	run -0 as alice cloison run --quiet --ro=/auto/data:/mnt -- cat /mnt/file
	[ "$output" = automounted ]
	eventually 30 not_mounted /auto/data
	run -0 as alice srun --cell --cell-ro=/auto/data:/mnt cat /mnt/file
	[ "$output" = automounted ]
	eventually 30 not_mounted /auto/data
	# All that the automounter manages, by way of another name.
	run -0 as alice cloison run --quiet --ro=/auto -- cat /auto/more/file
	[ "$output" = more ]
	# What is bound stays, and does not keep the host's mount.
	run as alice cloison run --quiet --ro=/auto/data:/mnt -- sh -c '
		for t in $(seq 300); do grep -v autofs /proc/self/mountinfo | grep -q " /auto/data " || break; sleep 0.1; done
		cat /mnt/file; touch /mnt/x'
	[[ $output == automounted*"Read-only file system"* ]]
}

@test "[S12] a umount of the host reaches the cell and is not busy" {
	mkdir -p /srv/late
	for front in "as alice cloison run --quiet --" "as alice srun --cell"; do
		mount -t tmpfs tmpfs /srv/late
		touch /srv/late/there
		# shellcheck disable=SC2086,SC2016
		$front sh -c 'ls /srv/late; touch ~/up; for i in $(seq 300); do [ -e /srv/late/there ] || exec echo gone; sleep 0.1; done' >out 2>&1 3>&- &
		eventually 30 test -e /home/alice/up
		rm /home/alice/up
		umount /srv/late
		wait $!
		[ "$(cat out)" = $'there\ngone' ]
	done
	rmdir /srv/late
}
