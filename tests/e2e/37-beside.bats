#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Cells beside Slurm's own namespaces where cgroups hold the job, and from outside of both; the rest is in tests/cluster/beside.bats.
load common

setup() { wait_idle; }

teardown() {
	scancel --user=alice
	wait_idle
	unisolated
	sed -i '/^PrologFlags=/d' /etc/slurm/slurm.conf
	systemctl restart slurmctld slurmd
	wait_idle
}

@test "Slurm's own namespaces: limits, ls, enter and the record are the cell's" {
	local type pid record
	echo 'PrologFlags=Contain' >>/etc/slurm/slurm.conf
	for type in $(isolations); do
		isolated_by "$type"
		systemctl restart slurmctld slurmd
		wait_idle
		note_state
		sleep_job --mem=100 --cell-memory=90M --cell-memory-high=50M
		pid=$(cell_field "$job.batch" payload pid)
		echo "# $type: job $job, payload $pid"
		[ "$(cat "/proc/$pid/comm")" = sleep ]
		[[ $(grep NSpid "/proc/$pid/status") == *$'\t'"$(cell_field "$job.batch" payload inside)" ]]
		[ "$(cell_field "$job.batch" memory_limit_bytes)" -eq $((90 << 20)) ]
		[ "$(cloison enter "$job" cat /sys/fs/cgroup/memory.high)" -eq $((50 << 20)) ]
		[ "$(cloison enter "$job" readlink /proc/self/ns/mnt)" = "$(readlink "/proc/$pid/ns/mnt")" ]
		[ "$(cloison enter "$job" id -u)" = "$(id -u alice)" ]
		[[ $(cloison enter "$job" cat /proc/self/cgroup) != "$(cat /proc/self/cgroup)" ]]
		scancel "$job"
		wait_job "$job"
		run as alice srun --mem=64 --cell python3 -c 'bytearray(200000000)'
		# In a user namespace of the job's nobody may read the kernel's log, which names the victim.
		[[ $output == *"cloison: out of memory: "*" at the limit of 64 MiB"* ]]
		job=$(last_job)
		wait_idle
		eventually 30 sacct_is "$job" State OUT_OF_MEMORY
		record=$(cloison report --by=record --json --job="$job" | jq -r '.[0] | .exit.reason + " " + .scheduler.step')
		[ "$record" = "oom 0" ]
		same_again
	done
}
