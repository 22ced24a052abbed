#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What the plugin costs a job, and how it tells.

load common

setup_file() { export work=/root/cost.$$; mkdir -p "$work"; }
teardown_file() { rm -rf "$work"; }

@test "--cell-verbose tells how long each hook took, and without it nothing is told" {
	as alice srun -n2 -O --cell --cell-verbose true 2>"$work/err"
	cat "$work/err"
	for hook in init init_post_opt user_init "the cell's building"; do
		grep -qE "cloison: $hook: [0-9]+ us in 1 calls, [0-9]+ at most" "$work/err"
	done
	for hook in task_init_privileged task_init task_exit; do
		grep -qE "cloison: $hook: [0-9]+ us in 2 calls, [0-9]+ at most" "$work/err"
	done
	eventually 10 grep -q 'cloison: exit: [0-9]* us' /var/log/slurm/slurmd.node1.log
	# srun itself may tell that it waits for resources.
	run -0 as alice srun --cell true
	[[ $output != *cloison* ]]
}

@test "steps of a job share scratch that is gone after it, or are told that nobody would remove it" {
	as alice salloc -Q --cell --cell-scratch-lifetime=job bash -c 'srun touch /tmp/x; srun ls /tmp' | grep -qx x
	wait_idle
	[ -z "$(find /run/cloison/jobs -mindepth 1)" ]
	mv /etc/slurm/plugstack.conf.d/cloison.conf "$work"
	grep -v spank_cloison_job "$work/cloison.conf" >/etc/slurm/plugstack.conf.d/cloison.conf
	run as alice srun --cell --cell-scratch-lifetime=job true
	mv "$work/cloison.conf" /etc/slurm/plugstack.conf.d
	[ "$status" -ne 0 ]
	[[ $output == *"--cell-scratch-lifetime: this node does not clean up after jobs: plugstack.conf has no spank_cloison_job.so"* ]]
	wait_idle
}

@test "100 steps leave nothing" {
	run "$BATS_TEST_DIRNAME/leaks" 100
	echo "$output"
	[ "$status" -eq 0 ]
}
