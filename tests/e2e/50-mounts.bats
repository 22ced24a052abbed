#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Mounts that need a host of their own: an automounter (systemd, as the kernel
# does the same for every other), a root-squashed NFS export, images in Slurm,
# terminals of Slurm in a private /dev.
# A name in brackets is the behaviour that the test proves.

load common

# automount NAME WHAT TYPE OPTIONS: at /auto/NAME, and gone after two seconds without use.
automount() {
	printf '[Automount]\nWhere=/auto/%s\nTimeoutIdleSec=2\n' "$1" >"/run/systemd/system/auto-$1.automount"
	printf '[Mount]\nWhere=/auto/%s\nWhat=%s\nType=%s\nOptions=%s\n' "$@" >"/run/systemd/system/auto-$1.mount"
}

setup_file() {
	mkdir -p /srv/auto/data /srv/auto/more /srv/export /nfs /srv/images
	echo automounted >/srv/auto/data/file
	echo more >/srv/auto/more/file
	chmod -R a+rX /srv/auto
	install -d -o alice -g alice -m 700 /srv/export/alice /srv/export/alice/run
	echo mine >/srv/export/alice/file
	chown alice:alice /srv/export/alice/file
	echo '/srv/export 127.0.0.1(rw,root_squash,sync,no_subtree_check,insecure)' >/etc/exports
	systemctl start nfs-server
	exportfs -ra
	mount -t nfs -o vers=4.2 127.0.0.1:/srv/export /nfs
	automount data /srv/auto/data none bind
	automount more /srv/auto/more none bind
	automount nfs 127.0.0.1:/srv/export nfs vers=4.2
	systemctl daemon-reload
	systemctl start auto-{data,more,nfs}.automount
	"$BATS_TEST_DIRNAME/../kernel/make-root" /srv/images/root env
	mksquashfs /srv/images/root /srv/images/squashfs -quiet -noappend -no-progress >/dev/null
	mkfs.erofs /srv/images/erofs /srv/images/root >/dev/null
	chmod 644 /srv/images/squashfs /srv/images/erofs
}

teardown_file() {
	systemctl stop 'auto-*.automount' 'auto-*.mount'
	rm -f /run/systemd/system/auto-{data,more,nfs}.*mount
	systemctl daemon-reload
	umount /nfs
	systemctl stop nfs-server
	rm -rf /auto /srv/auto /srv/export /srv/images
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	chmod 755 "$BATS_TEST_TMPDIR"
	wait_idle
}

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
	run -0 $front grep -h -e automounted -e ' /auto/data ' /auto/data/file /proc/self/mountinfo
	[[ ${lines[0]} == automounted && ${lines[-1]} == *" /auto/data "* ]]
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

@test "[S23][S24] a root-squashed NFS directory: source, target, home and working directory" {
	run ! cat /nfs/alice/file
	[[ $output == *"Permission denied"* ]]
	local -A ro=(["cloison run"]=--ro ["srun --cell"]=--cell-ro)
	for front in "${!ro[@]}"; do
		rm -f /srv/export/alice/run/*
		# shellcheck disable=SC2206,SC2016 # words; for the inner shell
		cmd=($front)
		run -0 as alice bash -c 'cd /nfs/alice/run && exec "$@" sh -c "pwd; cat ../file; touch here"' - "${cmd[@]}"
		[ "$output" = $'/nfs/alice/run\nmine' ]
		[ "$(stat -c %U /srv/export/alice/run/here)" = alice ]
		run as alice "${cmd[@]}" "${ro[$front]}=/nfs/alice:/mnt" sh -c 'cat /mnt/file; touch /mnt/no'
		[[ $output == mine*"Read-only file system"* ]]
		# A place to mount on that root cannot look up.
		run -0 as alice "${cmd[@]}" "${ro[$front]}=/usr/share:/nfs/alice/run" ls /nfs/alice/run
		[[ $output == *zoneinfo* ]]
	done
	# Somebody else's stays his own, and root is nobody.
	run as bob srun --cell --cell-ro=/nfs/alice/run:/mnt true
	[ "$status" -ne 0 ]
	[[ $output == *"--cell-ro: /nfs/alice/run: Permission denied"* ]]
	run -125 cloison run --ro=/nfs/alice/run:/mnt -- true
	[[ $output == *"Permission denied"* ]]
	# No layer of an overlay is on NFS.
	run as alice srun --cell --cell-rootfs=/nfs/alice true
	[ "$status" -ne 0 ]
	[[ $output == *"--cell-rootfs: "*NFS* ]]
	# Home there, by the profile.
	# usermod insists that she has no process.
	sed -i '/^alice:/s,:/home/alice:,:/nfs/alice:,' /etc/passwd
	run -0 as alice env HOME=/nfs/alice srun --cell sh -c 'cat /nfs/alice/file; touch /nfs/alice/home'
	sed -i '/^alice:/s,:/nfs/alice:,:/home/alice:,' /etc/passwd
	[ "$output" = mine ]
	[ -e /srv/export/alice/home ]
}

@test "[S23] NFS by the automounter, triggered by the user in a cell" {
	run -0 as alice srun --cell cat /auto/nfs/alice/file
	[ "$output" = mine ]
	run -0 as alice srun --cell --cell-ro=/auto/nfs/alice:/mnt cat /mnt/file
	[ "$output" = mine ]
}

@test "[S14][S25] srun --cell-rootfs: a directory and images, shared by the tasks of a step" {
	loops=$(losetup -a)
	for kind in root squashfs erofs; do
		sum=$(cksum "/srv/images/$kind" 2>/dev/null || true)
		run -0 as alice srun -n2 --cell --cell-rootfs=/srv/images/$kind sh -c 'cat /etc/me; echo $SLURM_PROCID >/tmp/$SLURM_PROCID
			until [ -e /tmp/$((1 - SLURM_PROCID)) ]; do sleep 0.1; done; pwd; id -u; touch ~/from-image; ls /boot
			while read -r _ _ _ _ dir rest; do [ "$dir" != / ] || echo "root ${rest##* - }"; done </proc/self/mountinfo'
		[ "$(grep -c '^image$' <<<"$output")" -eq 2 ]
		[ "$(grep -c "^$(id -u alice)$" <<<"$output")" -eq 2 ]
		[ "$(grep -c '^/home/alice$' <<<"$output")" -eq 2 ]
		[[ $output == *"cannot access '/boot'"* ]]
		# One root, the overlay: the node's is nowhere.
		[ "$(grep -c '^root overlay ' <<<"$output")" -eq 2 ]
		[ "$(grep -c '^root ' <<<"$output")" -eq 2 ]
		rm /home/alice/from-image
		[ "$(cksum "/srv/images/$kind" 2>/dev/null || true)" = "$sum" ]
	done
	# The batch script is read from slurmd's directory.
	printf '#!/bin/sh\ncat /etc/me\nexit 3\n' >/home/alice/job
	id=$(as alice sbatch --parsable --cell-rootfs=/srv/images/squashfs -o /home/alice/out job)
	wait_job "$id"
	[ "$(cat /home/alice/out)" = image ]
	eventually 20 sacct_is "$id" ExitCode 3:0
	# A user's own image is not the kernel's to read as root.
	cp /srv/images/squashfs /home/alice/image
	chown alice /home/alice/image
	run as alice srun --cell-rootfs=/home/alice/image true
	[[ $output == *"--cell-rootfs: /home/alice/image: "*"can be changed by others than root"* ]]
	eventually 20 test "$(losetup -a)" = "$loops"
}

@test "a killed step leaves no loop device" {
	as alice srun --cell-rootfs=/srv/images/squashfs sleep 100 3>&- &
	eventually 30 sh -c 'losetup -a | grep -q images/squashfs'
	id=$(squeue -h -o %A | head -n 1)
	pkill -KILL -f "slurmstepd: \[$id"
	# srun would wait for it.
	scancel "$id"
	wait $! || true
	wait_idle 120
	cloison gc
	eventually 20 sh -c '! losetup -a | grep -q images/squashfs'
}

@test "srun --pty in a private /dev: a shell with job control, resizing and a terminal" {
	run -0 as alice srun --cell=strict sh -c 'ls /dev; ls /dev/pts'
	[[ $output != *vda* && $output != *kmsg* && $output == *urandom* ]]
	cat >pty.exp <<-'END'
		set timeout 60
		spawn runuser -u alice -- srun --pty --cell=strict bash --norc -i
		expect -re {\$ $}
		send "stty size >/dev/tty && echo TTY-OK\r"
		expect "TTY-OK\r"
		send "sleep 100\r"
		sleep 1
		send "\032"
		expect "Stopped"
		send "jobs; kill %1; exec 3<>/dev/ptmx && echo PTMX-OK; ls /dev/pts\r"
		expect "PTMX-OK\r"
		expect "0"
		send "exit 4\r"
		expect eof
		exit [lindex [wait] 3]
	END
	run -4 env HOME=/home/alice expect pty.exp
	[[ $output != *"no job control"* ]]
}
