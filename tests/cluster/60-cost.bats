#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What the plugin costs a job, and how it tells.

load common

setup_file() { export work=/root/cost.$$; mkdir -p "$work"; }
teardown_file() { rm -rf "$work"; }

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
