#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Reports for users on jobs whose records root has, by systemd's socket.

load common

setup() {
	wait_idle
	groupadd --system cloison-operators
	systemctl start cloison-report.socket
}

teardown() {
	systemctl stop cloison-report.socket
	# Users have their own store again.
	[ ! -e /run/cloison/report.sock ]
	groupdel cloison-operators
}

# root takes what is in the spool, which the service leaves alone.
known() { cloison report --by=record --json --job="$1" | jq -e 'length > 0'; }

@test "a user reads why the own job failed, others do not, operators do" {
	run as alice srun -J big --cell --cell-memory=64M tail /dev/zero
	[ "$status" -ne 0 ]
	job=$(last_job)
	eventually 30 known "$job"
	run -0 as alice cloison report --job="$job"
	[[ ${lines[0]} == "Job $job of alice, "* ]]
	[[ $output == *"reached its memory limit of 64.0M"*"--cell-memory=128M: "* ]]
	run -125 as bob cloison report --job="$job"
	[ "$output" = "cloison: there is no record of job $job here" ]
	[ "$(as bob cloison report --user=alice --json)" = "[]" ]
	run -0 setpriv --reuid=bob --regid=bob --groups=cloison-operators \
		cloison report --job="$job" --page --json
	[ "$(jq -r '"\(.user) \(.why[0].reason)"' <<<"$output")" = "alice oom" ]
	# Of the own store of alice it is no job.
	run -125 as alice cloison report --from=own --job="$job"
	[ "$(systemctl --failed --no-legend 'cloison*')" = "" ]
}
