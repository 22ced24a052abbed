#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Behaviours that the wrapper's tests prove on any kernel, proved of a Slurm
# step as well. A name in brackets is the behaviour.

load common

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	wait_idle
	mkdir -p /etc/cloison
	before=$(cat /proc/self/mountinfo)
}

teardown() {
	rm -f /etc/cloison/cloison.conf
	wait_idle
	eventually 20 same_mounts
}

same_mounts() { [[ $(cat /proc/self/mountinfo) == "$before" ]]; }

# site LINE...: the lines become the profile "own".
site() { printf '%s\n' 'profiles = own' '[profile own]' 'base = batch' "$@" >/etc/cloison/cloison.conf; }

@test "[S1] a step has its own host name, and the node keeps its" {
	site 'hostname = cell-%j'
	run -0 as alice srun --cell=own sh -c 'hostname; echo $SLURM_JOB_ID'
	[ "${lines[0]}" = "cell-${lines[1]}" ]
	[ "$(hostname)" = node1 ]
}

@test "[S3] ps in a step shows the cell alone, and the node sees it by other pids" {
	as alice srun --cell sh -c 'ps -e -o pid=,comm= >ps; echo $$ >pid; exec sleep 97' 3>&- &
	eventually 20 test -s /home/alice/pid
	eventually 20 pgrep -x -f 'sleep 97'
	outside=$(pgrep -x -f 'sleep 97')
	inside=$(cat /home/alice/pid)
	run cat /home/alice/ps
	rm -f /home/alice/ps /home/alice/pid
	kill "$outside"
	wait || true
	[ "$inside" != "$outside" ]
	[[ $output == *cloison-init* && $output != *slurmd* && $output != *systemd* ]]
}

@test "[S8] a step keeps the user's ids and supplementary groups, and maps every id to itself" {
	groupadd -f cellgroup
	usermod -aG cellgroup alice
	# It keeps what it knows of groups for ten minutes.
	systemctl restart slurmctld
	wait_idle
	echo secret >/srv/of-group
	chgrp cellgroup /srv/of-group
	chmod 640 /srv/of-group
	run as alice srun --cell sh -c 'id -u; id -Gn; cat /srv/of-group; cat /proc/self/uid_map'
	rm /srv/of-group
	gpasswd -d alice cellgroup
	systemctl restart slurmctld
	wait_idle
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "$(id -u alice)" ]
	[[ " ${lines[1]} " == *" cellgroup "* ]]
	[ "${lines[2]}" = secret ]
	[[ ${lines[3]} =~ ^\ *0\ +0\ +4294967295$ ]]
}

@test "[S9] an ordinary user of the node makes all eight namespaces himself" {
	[ ! -u "$(command -v cloison)" ] && [ -z "$(getcap "$(command -v cloison)")" ]
	for ns in user mnt pid net ipc uts cgroup time; do
		outside=$(as alice readlink /proc/self/ns/$ns)
		run -0 as alice cloison run --quiet --net=none --time=new -- readlink /proc/self/ns/$ns
		[[ $output == "$ns:["* && $output != "$outside" ]]
	done
}

@test "[S10] a user who makes himself root in a step has no power outside of it" {
	site 'nestable = yes'
	run as alice srun --cell=own unshare -Ur sh -c '
		id -u
		cat /etc/shadow
		ls /root
		hostname evil
		echo 1 >/proc/sys/kernel/sysrq
		mount -o remount,rw /usr
		kill -0 1'
	echo "$output"
	[ "${lines[0]}" = 0 ]
	[ "$status" -ne 0 ]
	# Each of them failed and said so.
	[ "$(grep -ciE 'denied|permitted|read-only|must be (superuser|root)' <<<"$output")" -eq 6 ]
	[ "$(hostname)" = node1 ]
}

@test "[S11] what a step mounts is never seen by the node" {
	as alice srun --cell sh -c 'cat /proc/self/mountinfo >mounts; touch /tmp/in-cell; exec sleep 98' 3>&- &
	eventually 20 pgrep -x -f 'sleep 98'
	during=$(cat /proc/self/mountinfo)
	[ ! -e /tmp/in-cell ]
	kill "$(pgrep -x -f 'sleep 98')"
	wait || true
	[ "$(wc -l </home/alice/mounts)" -gt "$(wc -l <<<"$before")" ]
	rm /home/alice/mounts
	[ "$during" = "$before" ]
}

@test "[S13] a tree is read-only, recursively, with a writable directory in it" {
	mkdir -p /srv/tree/sub/open /srv/tree/mnt
	mount -t tmpfs tmpfs /srv/tree/mnt
	chmod 777 /srv/tree /srv/tree/sub /srv/tree/sub/open /srv/tree/mnt
	before=$(cat /proc/self/mountinfo)
	site 'rw = /srv/tree' 'ro = /srv/tree/sub' 'ro = /srv/tree/mnt' 'rw = /srv/tree/sub/open'
	run as alice srun --cell=own sh -c '
		cd /srv/tree
		for f in a sub/a sub/open/a mnt/a; do
			if touch $f 2>/dev/null; then echo "$f"; else echo "no $f"; fi
		done'
	umount /srv/tree/mnt
	rm -r /srv/tree
	before=$(cat /proc/self/mountinfo)
	[ "$status" -eq 0 ]
	[ "$output" = $'a\nno sub/a\nsub/open/a\nno mnt/a' ]
}

@test "[S26] no shell or other program runs while a step's cell is set up" {
	# slurmd starts slurmstepd, which executes nothing but the task.
	pid=$(pgrep -o -x slurmd)
	strace -f -qq -e trace=execve -e signal=none -o trace -p "$pid" 3>&- &
	tracer=$!
	eventually 20 grep -q "^TracerPid:[[:blank:]]*$tracer" "/proc/$pid/status"
	as alice srun --cell /bin/true
	kill "$tracer"
	wait "$tracer" || true
	run -0 sed -n 's/.*execve("\([^"]*\)".*= 0$/\1/p' trace
	[ "$(grep -vc slurmstepd <<<"$output")" -eq 1 ]
	[ "$(grep -v slurmstepd <<<"$output")" = /bin/true ]
}
