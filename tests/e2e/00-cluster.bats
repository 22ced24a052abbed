#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The cluster that the other tests stand on is a real one.

load common

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	chmod 755 "$BATS_TEST_TMPDIR"
	wait_idle
}

@test "the node is idle and knows its cpus and its memory" {
	run -0 sinfo -h -o '%T %c %D'
	[ "$output" = "idle 2 1" ]
}

@test "cgroup v2 has the controllers that limits need" {
	[ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]
	for controller in cpuset cpu io memory pids; do
		grep -qw "$controller" /sys/fs/cgroup/cgroup.controllers
	done
}

@test "a task runs in a cgroup of its step, below slurmstepd's scope" {
	run -0 srun cat /proc/self/cgroup
	[[ $output =~ ^0::/.*slurmstepd.scope/(job_[0-9]+|s[0-9A-Z]+)/step_0/user/task_0$ ]]
}

@test "an ordinary user runs two tasks" {
	run -0 as alice srun -n2 id -un
	[ "$output" = $'alice\nalice' ]
}

@test "a batch job ends as COMPLETED in the accounting database, with its user and its comment" {
	id=$(as alice sbatch --parsable --comment=hello -o /dev/null --wrap true)
	eventually 60 sacct_is "$id" state COMPLETED
	[ "$(sacct_field "$id" user,account,exitcode,comment)" = "alice|alice|0:0|hello" ]
	run -0 sacctmgr -iQ modify job where jobid="$id" set AdminComment="a note"
	[ "$(sacct_field "$id" AdminComment)" = "a note" ]
}

@test "slurmdbd answers: it knows the cluster, its accounts and their users" {
	[ "$(sacctmgr -nP list cluster format=cluster)" = cloison ]
	run -0 sacctmgr -nP list associations cluster=cloison format=account,user
	[[ $output == *"alice|alice"* && $output == *"bob|bob"* ]]
}

@test "exit statuses and signals come back" {
	run -7 srun sh -c 'exit 7'
	run srun sh -c 'kill -SEGV $$'
	[ "$status" -eq 139 ]
}

@test "a step over its memory is killed and sacct says OUT_OF_MEMORY" {
	id=$(as bob sbatch --parsable --mem=40M -o /dev/null --wrap 'exec tail /dev/zero')
	eventually 90 sacct_is "$id" state OUT_OF_MEMORY
}

@test "two tasks are bound to two different cpus" {
	# shellcheck disable=SC2016 # expanded in the task
	run -0 srun -n2 -c1 sh -c 'sed -n "s/^Cpus_allowed_list:\t//p" /proc/self/status'
	[ "$(sort <<<"$output")" = $'0\n1' ]
}

cancelled() {
	[[ $(sacct_field "$1" state) == CANCELLED* ]]
}

two_running() {
	[ "$(squeue -h -t R -j "$1" | wc -l)" -eq 2 ]
}

@test "two jobs run at the same time" {
	first=$(submit -n1 -o /dev/null --wrap 'sleep 600')
	second=$(submit -n1 -o /dev/null --wrap 'sleep 600')
	eventually 60 two_running "$first,$second"
	scancel "$first" "$second"
	wait_job "$first"
	wait_job "$second"
	eventually 30 cancelled "$first"
}

@test "MPI: ranks find each other" {
	run -0 --separate-stderr as alice srun -n2 --mpi="$(mpi_type)" mpi-ring
	[ "$output" = "ranks 2 sum 3" ]
}
