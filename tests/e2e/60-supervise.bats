#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Supervision in Slurm: how steps in cells end, whoever is killed, and that nothing of them is left.

load common

teardown() {
	scancel --user=alice 2>/dev/null || true
	wait_idle 90
	! pgrep -x cloison-init
}

records() { cloison report --by=record --json --job="$1"; }

nobody() { ! pgrep -fx "$1"; }

# step_daemon NAP: the slurmstepd above the process that sleeps for NAP.
step_daemon() {
	local pid
	pid=$(pgrep -fx "sleep $1" | head -n 1)
	while [ "$(cat "/proc/$pid/comm")" != slurmstepd ] || [ "$(stat_field "$pid" 2)" != 1 ]; do
		pid=$(stat_field "$pid" 2)
		[ "$pid" -gt 1 ] || return 1
	done
	echo "$pid"
}

# stat_field PID N: field N of /proc/PID/stat after the name.
stat_field() {
	sed 's/.*) //' "/proc/$1/stat" | cut -d' ' -f"$2"
}

# A step of two tasks, each with a child that has left its session; $job.
begin() {
	job=$(submit --uid=alice -n2 -o /dev/null --wrap \
		"srun -n2 $* --cell sh -c 'setsid sleep $nap & sleep $nap; true'")
	eventually 90 sh -c "[ \$(pgrep -fxc 'sleep $nap') = 4 ]"
}

@test "[S17] a step has all eight namespaces of its own, in the task and in /proc" {
	mkdir -p /etc/cloison
	printf '[profile all]\nbase = strict\ntime = monotonic=1000000\n' >/etc/cloison/cloison.conf
	run -0 as alice srun --cell=all sh -c 'readlink /proc/self/ns/*; cut -d" " -f1 /proc/self/timens_offsets; grep -c . /proc/self/timens_offsets'
	rm /etc/cloison/cloison.conf
	for ns in user mnt pid ipc uts cgroup net time; do
		grep -q "^$ns:" <<<"$output"
		! grep -qxF "$(readlink /proc/self/ns/$ns)" <<<"$output" || return 1
	done
}

@test "[S2] slurmstepd is killed: the cell ends at once, and the next job runs" {
	nap=610001
	begin
	kill -KILL "$(step_daemon $nap)"
	eventually 10 nobody "sleep $nap"
	eventually 10 nobody cloison-init
	scancel "$job"
	wait_job "$job" 120
	run -0 as alice srun --cell echo next
	[ "$output" = next ]
}

@test "[S2] the holder is killed: the step ends with it, and the next job runs" {
	nap=610002
	begin
	kill -KILL "$(pgrep -x cloison-init | head -n 1)"
	eventually 10 nobody "sleep $nap"
	wait_job "$job" 120
	run -0 as alice srun --cell echo next
	[ "$output" = next ]
}

@test "[S2] a shim is killed: its task ends, and with the step all the rest" {
	nap=610003
	begin --kill-on-bad-exit=1
	pid=$(pgrep -fx "sleep $nap" | while read -r p; do
		[ "$(cat "/proc/$(stat_field "$p" 2)/comm")" = sh ] && stat_field "$p" 2 && break
	done)
	kill -KILL "$(stat_field "$pid" 2)"
	eventually 60 nobody "sleep $nap"
	wait_job "$job" 120
	run -0 as alice srun --cell echo next
	[ "$output" = next ]
}

@test "[S2] a time limit of the profile ends the tasks of a step" {
	mkdir -p /etc/cloison
	printf '[profile short]\nbase = batch\ntime-limit = 3s\n' >/etc/cloison/cloison.conf
	run as alice srun --cell=short sleep 600
	rm /etc/cloison/cloison.conf
	[ "$status" -ne 0 ]
	job=$(last_job)
	[ "$(records "$job" | jq -r '.[0].exit.reason')" = time-limit ]
	[ "$(records "$job" | jq -r '.[0].exit.signal')" = 15 ]
}

@test "suspend stops a step in a cell, resume continues it" {
	job=$(submit --uid=alice -o /home/alice/beat.out --wrap \
		'srun --cell sh -c "while :; do echo beat; sleep 0.5; done"')
	eventually 90 grep -q beat /home/alice/beat.out
	scontrol suspend "$job"
	sleep 2
	before=$(wc -l </home/alice/beat.out)
	sleep 3
	[ "$(wc -l </home/alice/beat.out)" -eq "$before" ]
	scontrol resume "$job"
	eventually 20 sh -c "[ \$(wc -l </home/alice/beat.out) -gt $before ]"
	scancel "$job"
	wait_job "$job"
}

@test "control-C twice ends a step in a cell" {
	nap=610004
	as alice srun --cell /usr/bin/sleep $nap 3>&- &
	eventually 90 pgrep -fx "/usr/bin/sleep $nap"
	pid=$(pgrep -u alice -x srun | head -n 1)
	# srun has to see both within a second, which a busy host may not grant it.
	eventually 60 interrupt_twice
	wait || true
}
interrupt_twice() {
	kill -INT "$pid"
	sleep 0.3
	kill -INT "$pid"
	eventually 10 nobody "/usr/bin/sleep $nap"
}
