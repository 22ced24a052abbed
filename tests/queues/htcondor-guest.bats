#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# HTCondor with cgroups, in a guest: the package's own unit, whose starters make a cgroup for each job and let its user divide it.
# shellcheck disable=SC2154 # of htcondor.bash
load common
load htcondor

pool=/sys/fs/cgroup/system.slice/condor.service/htcondor

# Nothing of a job is left, be it HTCondor's or ours.
job_cgroups() { find "$pool" -mindepth 1 -type d 2>/dev/null; }
cleaned() { [[ $(leftovers) == "$before" && ! $(ls /var/lib/condor/execute) && ! $(job_cgroups) ]]; }
# That of the one cell there is, as others see it.
cell_cgroup() { job_cgroups | grep -x "$pool"'/condor_[^/]*_slot1_[0-9]*@node1/cloison-[0-9]*-[0-9a-f]*'; }

@test "the cell's cgroup is below the starter's, its limits are the ad's, and HTCondor hears what was used" {
	script <<-'END'
		#!/bin/sh
		cat /proc/self/cgroup
		cd /sys/fs/cgroup && cat memory.max memory.swap.max memory.oom.group cpu.max
		touch /home/alice/caught
		until [ -e /home/alice/go ]; do sleep 0.2; done
	END
	rm -f "$home/go"
	submit request_cpus=2 request_memory=256
	eventually 120 test -e "$home/caught"
	below=$(cell_cgroup)
	cat "$below"/{memory.max,cpu.max} "${below%/*}/memory.max" | tee limits
	inside=$(xargs ps -o comm= -p <"$below/cgroup.procs")
	touch "$home/go"
	eventually 120 accounted
	rm "$home/go"
	cat "$home/out"
	[[ $(<limits) == $'260046848\n200000 100000\n268435456' ]]
	[[ $inside == *cloison-init*job* ]]
	[[ $(<"$home/out") == $'0::/\n260046848\n0\n1\n200000 100000' ]]
	acct CloisonReason CloisonMemoryLimitBytes CloisonMemoryPeakBytes CloisonPidsPeak
	[[ $(acct CloisonReason CloisonMemoryLimitBytes) == 'exited 260046848' ]]
	[[ $(acct 'CloisonMemoryPeakBytes > 0 && CloisonPidsPeak > 0 && CloisonCpuMicroseconds > 0') == true ]]
	as alice cloison report --by=record --job "$job" --json | jq -c '.[].limits.enforced' | tee shown
	[[ $(<shown) == '{"cpus":"2","memory":"260046848"}' ]]
}

@test "a user may have less than the ad says, and not more" {
	script <<<$'#!/bin/sh\ncat /sys/fs/cgroup/memory.max'
	run_job 'environment="CLOISON_OPTIONS=--memory=64M"'
	[[ $status == 0 && $output == 67108864 ]]
	submit 'environment="CLOISON_OPTIONS=--memory=256M"'
	eventually 120 held
	ad HoldReason
	[[ $(ad HoldReason) == *"'256M' is more than the 125829120 bytes that htcondor gives the job"* ]]
}

hog='b = bytearray(400 << 20)
for i in range(0, len(b), 4096): b[i] = 1'
out_of_memory() {
	script <<<$'#!/bin/sh\nsetsid sleep 9755 &\nexec python3 -c '"'$hog'"
}

@test "a job out of memory is on hold as without a cell, all of it is gone, and the record says oom" {
	out_of_memory
	without_wrapper
	submit
	eventually 120 held
	before_hold=$(ad HoldReasonCode HoldReasonSubCode NumHolds)
	ad HoldReason
	as alice condor_rm "$job" >/dev/null
	eventually 120 accounted
	wanted >"$config"
	submit
	eventually 120 held
	ad HoldReason
	[[ $(ad HoldReasonCode HoldReasonSubCode NumHolds) == "$before_hold" && $before_hold == '34 0 1' ]]
	[[ $(ad HoldReason) == *'gone over cgroup memory limit of 128 megabytes'* ]]
	eventually 60 cleaned
	run ! pgrep -f 'sleep 9755'
	as alice cloison report --job "$job"
	[[ $(as alice cloison report --job "$job") == *' oom '* ]]
	# HTCondor sends what it was told with its next update, and there is none.
	[[ $(ad CloisonReason) == undefined ]]
}
without_wrapper() { wanted | grep -v '^USER_JOB_WRAPPER' >"$config"; }

started_three_times() { [[ $(ad NumShadowStarts) -ge 3 ]]; }
@test "a job whose cell of half the slot's memory is out of it starts again, each time, and is not held" {
	out_of_memory
	submit 'environment="CLOISON_OPTIONS=--memory=64M"'
	eventually 300 started_three_times
	ad NumShadowStarts HoldReasonCode LastHoldReasonCode
	[[ $(ad HoldReasonCode LastHoldReasonCode) == 'undefined undefined' ]]
	remove
	as alice cloison report --job "$job" --by=reason | tee shown
	[[ $(awk '$1 == "oom" { print $2 }' shown) -ge 2 ]]
}

@test "with --oom-group=no a job goes on without what was killed, and is on hold at its end" {
	script <<<$'#!/bin/sh\npython3 -c '"'$hog'"$' || echo $? >/home/alice/caught\nsleep 5\nexit 0'
	submit 'environment="CLOISON_OPTIONS=--oom-group=no"'
	eventually 120 says 137
	state_is 2
	eventually 120 held
	ad HoldReasonCode HoldReason
	[[ $(ad HoldReasonCode) == 34 ]]
	as alice cloison report --job "$job" --json | jq -c '.[].exit' | tee shown
	[[ $(jq -r .code shown) == 0 ]]
}

@test "a job out of memory that may have its ad changed at once has it said there, too, and in the history" {
	out_of_memory
	# As the manual page has it for all jobs of an access point.
	updates >>"$config"
	submit
	eventually 120 held
	ad CloisonReason CloisonOomKills CloisonMemoryLimitBytes
	[[ $(ad CloisonReason CloisonOomKills CloisonMemoryLimitBytes) =~ ^oom\ [1-9][0-9]*\ 125829120$ ]]
	remove
	[[ $(acct CloisonReason JobStatus) == 'oom 3' ]]
}

@test "condor_rm ends what has left its session and its parents with the cell" {
	script <<-'END'
		#!/bin/bash
		trap '' TERM
		setsid sh -c 'setsid sleep 9754 & trap "" TERM; sleep 9754' &
		touch /home/alice/caught
		while :; do sleep 1; done
	END
	submit job_max_vacate_time=2
	eventually 120 test -e "$home/caught"
	eventually 60 two_sleep
	remove
	eventually 120 none_left
	# What SIGKILL left is cleared away by the timer of cloison gc.
	cloison gc
	[[ $(acct JobStatus) == 3 ]]
}
two_sleep() { [[ $(pgrep -cfx 'sleep 9754') == 2 ]]; }
none_left() { ! pgrep -f 'sleep 9754' && [[ ! $(job_cgroups) ]]; }

@test "the signal that a job has chosen reaches it once, in its cgroup" {
	script <<-'END'
		#!/bin/bash
		for s in INT USR1 TERM; do trap "echo $s >>/home/alice/caught; exit 9" $s; done
		echo ready >/home/alice/caught
		while :; do sleep 0.1; done
	END
	submit kill_sig=SIGINT
	eventually 120 says ready
	as alice condor_hold "$job"
	eventually 120 held
	eventually 120 cleaned
	cat "$home/caught"
	[[ $(<"$home/caught") == $'ready\nINT' ]]
}

frozen_is() { grep -qx "frozen $1" "$(cell_cgroup)/cgroup.events"; }
@test "condor_suspend freezes the cell, and condor_continue lets it go on" {
	script <<<$'#!/bin/sh\ntouch /home/alice/caught\nsleep 9753'
	submit
	eventually 120 test -e "$home/caught"
	frozen_is 0
	as alice condor_suspend "$job"
	eventually 120 frozen_is 1
	as alice condor_continue "$job"
	eventually 120 frozen_is 0
	remove
}

@test "condor_ssh_to_job comes out in the cell, below its limits" {
	script <<<$'#!/bin/sh\ntouch /home/alice/caught\nsleep 1000'
	submit
	eventually 120 test -e "$home/caught"
	below=$(cell_cgroup)
	# shellcheck disable=SC2016 # in the job
	as alice condor_ssh_to_job -auto-retry "$job" \
		'cat /proc/1/comm /proc/self/cgroup /sys/fs/cgroup/memory.max; touch /home/alice/in; sleep 30; exit 4' >said 2>said.err &
	eventually 120 test -e "$home/in"
	rm "$home/in"
	pid=$(pgrep -fx 'sleep 30')
	inside=$(cat "/proc/$pid/cgroup")
	kill "$pid"
	wait $! || status=$?
	cat said said.err
	[[ $inside == "0::${below#/sys/fs/cgroup}" ]]
	[[ $(tail -n 3 said) == $'cloison-init\n0::/\n125829120' ]]
	remove
}

@test "twenty jobs: one out of memory, one out of time, one failure, the others fine, and both accounts say the same" {
	script <<-END
		#!/bin/sh
		case \$1 in
		5) sleep 1000 ;;
		9) exec python3 -c '$hog' ;;
		13) exit 3 ;;
		esac
	END
	updates >>"$config"
	twenty --time-limit=30
	eventually 600 all_but_one
	eventually 60 on_hold
	[[ $(condor_q "$job" -af ProcId HoldReasonCode) == '9 34' ]]
	as alice condor_rm "$job.9"
	eventually 120 all_accounted
	condor_history "$job" -af ProcId JobStatus ExitBySignal ExitSignal ExitCode CloisonReason | sort -n |
		grep -v '4 false undefined 0 exited$' | tee failed
	[[ $(grep -v '^9 ' failed) == $'5 4 true 15 undefined time-limit\n13 4 false undefined 3 exited' ]]
	[[ $(grep '^9 ' failed) == '9 3 '*' oom' ]]
	as alice cloison report --job "$job" --by=reason | tee shown
	[[ $(awk 'NR > 1 { print $1, $2 }' shown | sort) == $'exited 18\noom 1\ntime-limit 1' ]]
}
all_but_one() { [[ $(condor_history "$job" -af ProcId | wc -l) == 19 ]]; }
all_accounted() { [[ $(condor_history "$job" -af ProcId | wc -l) == 20 ]]; }
on_hold() { [[ $(condor_q "$job" -af JobStatus) == 5 ]]; }
