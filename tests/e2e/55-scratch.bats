#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Scratch and overlays where they need a real kernel's quotas, network file
# systems or Slurm. A name in brackets is the behaviour that the test proves.

load common

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	chmod 755 "$BATS_TEST_TMPDIR"
	wait_idle
	rm -rf /home/alice/ov
	as alice mkdir -p ov/low/dir ov/keep ov/out
	as alice sh -c 'echo one >ov/low/a; echo two >ov/low/dir/b'
	note_state
}

teardown() { same_again; }

low_sum() { (cd /home/alice/ov/low && find . -printf '%p %y %m %U %s %T@\n' -type f -exec cksum {} + | sort | cksum); }

# The scratch of the newest record of the newest job.
scratch_of_job() { cloison report --by=record --json --job="$(last_job)" | jq -c '.[-1].scratch'; }

@test "[S16] srun --cell-overlay: changes collected and kept, by the user's rights" {
	local sum
	sum=$(low_sum)
	run -0 as alice srun -n2 --cell --cell-overlay="/home/alice/ov/low:collect=*.out=/home/alice/ov/out" bash -c '
		echo $SLURM_PROCID >~/ov/low/$SLURM_PROCID.out; echo no >~/ov/low/other; rm -f ~/ov/low/a; (sleep 100 &)'
	[ "$(cat /home/alice/ov/out/0.out /home/alice/ov/out/1.out)" = $'0\n1' ]
	[ "$(stat -c %U /home/alice/ov/out/0.out)" = alice ]
	[ ! -e /home/alice/ov/out/other ]
	run -0 as alice srun --cell --cell-overlay="/home/alice/ov/low:keep=/home/alice/ov/keep" sh -c 'rm ~/ov/low/a; echo new >~/ov/low/n'
	[ "$(ls -A /home/alice/ov/keep)" = upper ]
	[ "$(stat -c %U /home/alice/ov/keep/upper /home/alice/ov/keep/upper/n | sort -u)" = alice ]
	# A cell of the user's own goes on from there.
	run -0 as alice cloison run --quiet --overlay="/home/alice/ov/low:keep=/home/alice/ov/keep" -- ls ov/low
	[ "$output" = $'dir\nn' ]
	[ "$(low_sum)" = "$sum" ]
}

@test "srun --cell-overlay: not where the profile lets nothing be written, nor by others' rights" {
	run as alice srun --cell --cell-overlay="/home/alice/ov/low:keep=/usr/local" true
	[[ $output == *"--cell-overlay: /usr/local is read-only by the profile (site file: loosen-rw = DIR ...)"* ]]
	mkdir -p /home/alice/ov/rootdir
	run as alice srun --cell --cell-overlay="/home/alice/ov/low:collect=*=/home/alice/ov/rootdir" touch /home/alice/ov/low/x
	[[ $output == *"write to /home/alice/ov/rootdir: Permission denied"* ]]
	[ -z "$(ls -A /home/alice/ov/rootdir)" ]
	# What root's mounter could read and the user cannot stays unread.
	echo secret >/home/alice/ov/low/s
	chmod 600 /home/alice/ov/low/s
	run as alice srun --cell --cell-overlay="/home/alice/ov/low:collect=*=/home/alice/ov/out" sh -c 'cat ~/ov/low/s; mv ~/ov/low/s ~/ov/low/t; echo ok >~/ov/low/ok'
	[[ $output != *secret* ]]
	[ "$(cat /home/alice/ov/out/ok)" = ok ]
	[ ! -e /home/alice/ov/out/t ]
}

@test "[S19] srun: the peak of scratch, and that it was full, are in the record and told" {
	run as alice srun --cell --cell-scratch=8M sh -c 'head -c 9000000 /dev/zero >/tmp/x'
	[ "$status" -eq 1 ]
	[[ $output == *"cloison: scratch of 8 MiB was full: ask for more with --cell-scratch"* ]]
	[ "$(scratch_of_job)" = '{"limit_bytes":8388608,"peak_bytes":8388608,"full":true}' ]
	run -0 as alice srun --cell --cell-scratch=8M sh -c 'head -c 2000000 /dev/zero >/dev/shm/x'
	[[ $output != *cloison* ]]
	peak=$(scratch_of_job | jq .peak_bytes)
	((peak >= 2000000 && peak < 3000000))
}

@test "[S24] layers on NFS are refused with its name" {
	mkdir -p /srv/scratch-export /mnt/scratch-nfs
	chmod 1777 /srv/scratch-export
	systemctl start nfs-server
	exportfs -o rw,no_root_squash,insecure,fsid=77 localhost:/srv/scratch-export
	mount -t nfs -o vers=4 localhost:/srv/scratch-export /mnt/scratch-nfs
	mkdir -p /etc/cloison
	printf '[site]\nloosen-rw = /mnt/scratch-nfs\n' >/etc/cloison/cloison.conf
	run as alice srun --cell --cell-overlay="/home/alice/ov/low:keep=/mnt/scratch-nfs" true
	nfs_upper=$output
	run as alice srun --cell --cell-overlay="/mnt/scratch-nfs" true
	nfs_lower=$output
	run as alice cloison run --overlay=/mnt/scratch-nfs -- true
	nfs_user=$output
	# Copying to it is no matter.
	run as alice srun --cell --cell-overlay="/home/alice/ov/low:collect=*=/mnt/scratch-nfs" sh -c 'echo x >~/ov/low/x'
	collected=$(cat /mnt/scratch-nfs/x)
	rm -f /etc/cloison/cloison.conf
	umount /mnt/scratch-nfs
	exportfs -u localhost:/srv/scratch-export
	systemctl stop nfs-server
	rm -r /srv/scratch-export /mnt/scratch-nfs
	[[ $nfs_upper == *"/mnt/scratch-nfs lies on NFS, which cannot hold the changes of an overlay (name a directory on ext4, XFS or Btrfs)"* ]]
	[[ $nfs_lower == *"/mnt/scratch-nfs lies on NFS, which cannot be under an overlay (show it by 'ro', or copy it to a local file system)"* ]]
	[[ $nfs_user == *"/mnt/scratch-nfs lies on NFS, which cannot be under an overlay"* ]]
	[ "$collected" = x ]
}

# --- scratch on disk, with quotas ---

# A file system of type $1 with project quotas on /srv/scratch-$1.
make_disk() {
	local dir=/srv/scratch-$1
	mkdir -p "$dir"
	truncate -s 400M "/var/tmp/scratch-$1.img"
	if [ "$1" = ext4 ]; then
		mkfs.ext4 -q -O project,quota "/var/tmp/scratch-$1.img"
	else
		mkfs.xfs -q "/var/tmp/scratch-$1.img"
	fi
	mount -o loop,prjquota "/var/tmp/scratch-$1.img" "$dir"
	mkdir -p /etc/cloison
	printf '[site]\nscratch-projects = 700-709\nscratch-dirs = %s\nloosen = scratch\n' "$dir" >/etc/cloison/cloison.conf
}

drop_disk() {
	rm -f /etc/cloison/cloison.conf
	umount "/srv/scratch-$1"
	rmdir "/srv/scratch-$1"
	rm "/var/tmp/scratch-$1.img"
}

# Projects that have a limit or files, and directories that are left.
disk_state() {
	local found
	found=$(repquota -Pn "/srv/scratch-$1" | awk '/^#/ && $1 != "#0" && ($3 != "0" || $4 != "0" || $5 != "0") { print }')
	find "/srv/scratch-$1" -mindepth 1 -maxdepth 1 ! -name lost+found
	echo "$found"
}
disk_is_clean() { [[ -z $(disk_state "$1") ]]; }

disk_test() {
	local dir=/srv/scratch-$1
	make_disk "$1"
	# The size holds for /tmp, /var/tmp and overlays together; /dev/shm is memory.
	run as alice srun --cell --cell-scratch="$dir:8M" --cell-overlay=/home/alice/ov/low bash -c '
		stat -f -c %T /tmp /dev/shm; df -B1 --output=size /tmp | tail -n 1
		head -c 3000000 /dev/zero >/tmp/a && head -c 3000000 /dev/zero >/var/tmp/b && echo fits
		head -c 3000000 /dev/zero >ov/low/c; head -c 3000000 /dev/zero >/tmp/d
		mkdir -p /tmp/x/y/z; ln -s /etc /tmp/link; chmod 0 /tmp/x/y; sleep 1.5'
	out=$output rec=$(scratch_of_job)
	eventually 10 disk_is_clean "$1"
	# A tree that is deep and full of names, and one of root's cells.
	run as alice srun --cell --cell-scratch="$dir:20M" bash -c '
		cd /tmp && for i in $(seq 400); do mkdir d && cd d || exit 3; done; touch {1..50}; cd /tmp; mkdir 0 1 2; touch "a b" -- -x'
	deep=$status
	eventually 10 disk_is_clean "$1"
	run cloison run --quiet --scratch="$dir:4M" --record="$PWD/r2" -- sh -c 'head -c 5000000 /dev/zero >/tmp/x'
	root=$output
	# Two at once have a project each.
	cloison run --quiet --scratch="$dir:4M" -- sleep 4 3>&- &
	cloison run --quiet --scratch="$dir:4M" -- sleep 4 3>&- &
	sleep 2
	projects=$(repquota -Pn "$dir" | awk '/^#70/ && $5 == 4096' | wc -l)
	wait
	disk_is_clean "$1"
	# The supervisor and init are killed: gc undoes what is noted, and no more.
	cloison run --quiet --scratch="$dir:4M" -- sh -c 'mkdir /tmp/left; sleep 60' 3>&- &
	pid=$!
	eventually 20 sh -c "ls $dir/cloison-*/tmp/left 2>/dev/null || ls -d $dir/cloison-*/tmp/left"
	kill -KILL $pid
	wait $pid || true
	left=$(disk_state "$1")
	eventually 10 sh -c 'cloison gc >/dev/null; ! ls -A /var/lib/cloison/cells | grep -qv lock'
	state=$(disk_state "$1")
	# Who has no right to it.
	run as alice srun --cell --cell-scratch=/var:1M true
	policy=$output
	run as alice cloison run --scratch="$dir:1M" -- true
	user=$output
	drop_disk "$1"
	run cloison run --scratch=/srv:1M -- true
	noquota=$output
	[[ $out == *fits* ]]
	[[ $out == *tmpfs* ]]
	[[ $out == *"8388608"* ]]
	[[ $out == *"No space left"* || $out == *"quota exceeded"* ]]
	[[ $out == *"cloison: scratch of 8 MiB was full"* ]]
	(($(jq .peak_bytes <<<"$rec") > 8000000 && $(jq .peak_bytes <<<"$rec") <= 8388608))
	[ "$(jq -c '[.limit_bytes, .full]' <<<"$rec")" = '[8388608,true]' ]
	[ "$deep" -eq 0 ]
	[[ $root == *"No space left"* || $root == *"quota exceeded"* ]]
	[ "$(jq .scratch.full r2)" = true ]
	[ "$projects" -eq 2 ]
	[ -n "$left" ]
	[ -z "$state" ]
	[[ $policy == *"--cell-scratch: /var is not for scratch (site file: scratch-dirs = DIR ...)"* ]]
	[[ $user == *"only root can keep a size in $dir (leave the directory out for scratch in memory, or go without a size by limits=try)"* ]]
	[[ $noquota == "cloison: --scratch: /srv: the file system has no project quotas to keep a size (ext4: tune2fs -O project,quota, and mount ext4 or XFS with prjquota)" ]]
}

@test "[S19] scratch on ext4: the quota holds, its peak is recorded, nothing is left" {
	disk_test ext4
}

@test "[S19] scratch on XFS: the quota holds, its peak is recorded, nothing is left" {
	disk_test xfs
}

# --- scratch of a job ---

job_script() {
	cat >/home/alice/job.sh <<-'END'
		#!/bin/bash
		srun --cell sh -c 'echo first >/tmp/f; mkdir -p /dev/shm/d; grep " /tmp " /proc/self/mountinfo | wc -l'
		srun --cell sh -c 'cat /tmp/f; ls -d /dev/shm/d; echo more >>/tmp/f; stat -c %a /tmp'
		cat /tmp/f
	END
	chmod 755 /home/alice/job.sh
}

@test "two steps of one job share its scratch, which is gone after the job" {
	job_script
	out=/home/alice/job.out
	as alice sbatch -W --cell --cell-scratch=16M --cell-scratch-lifetime=job -o "$out" job.sh
	wait_idle
	cat $out
	[ "$(grep -c first $out)" -eq 2 ]
	grep -q more $out
	grep -q '^1777$' $out
	[[ $(scratch_of_job) == *'"limit_bytes":16777216'* ]]
	eventually 20 sh -c '[ -z "$(find /run/cloison/jobs -mindepth 1)" ]'
	run ! grep /run/cloison/jobs /proc/self/mountinfo
	# On disk the same, with one quota for all.
	make_disk ext4
	as alice sbatch -W --cell --cell-scratch=/srv/scratch-ext4:16M --cell-scratch-lifetime=job -o "$out" job.sh
	wait_idle
	eventually 20 disk_is_clean ext4
	state=$(disk_state ext4; find /var/lib/cloison/jobs -mindepth 1)
	drop_disk ext4
	cat $out
	[ "$(grep -c first $out)" -eq 2 ]
	[ -z "$state" ]
	# Another job has another one.
	run as alice srun --cell --cell-scratch-lifetime=job ls -A /tmp
	[ -z "$output" ]
}
