#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Devices that Slurm gives to jobs (--gres, as GPUs are) and keeps from others (ConstrainDevices): in a cell as outside.
load common

setup() {
	wait_idle
	mknod -m 666 /dev/gpu0 c 1 7
	mknod -m 666 /dev/gpu1 c 1 5
	cp /etc/slurm/slurm.conf /etc/slurm/cgroup.conf "$BATS_TEST_TMPDIR"
	echo 'Name=gpu File=/dev/gpu[0-1]' >/etc/slurm/gres.conf
	echo 'ConstrainDevices=yes' >>/etc/slurm/cgroup.conf
	sed -i '/^NodeName=/s/$/ Gres=gpu:2/; $a GresTypes=gpu' /etc/slurm/slurm.conf
	mkdir -p /etc/cloison
	printf '%s\n' '[site]' 'profiles = batch gpus' '[profile gpus]' 'base = strict' 'dev = gpu*' >/etc/cloison/cloison.conf
	systemctl restart slurmctld slurmd
	wait_idle
}

teardown() {
	cp "$BATS_TEST_TMPDIR"/*.conf /etc/slurm
	rm -f /etc/slurm/gres.conf /etc/cloison/cloison.conf /dev/gpu[01]
	systemctl restart slurmctld slurmd
	wait_idle
}

# gpus OPTIONS...: which ones a step can read.
gpus() {
	# shellcheck disable=SC2016 # for the step's shell
	as alice srun "$@" sh -c 'for g in /dev/gpu*; do head -c 1 "$g" >/dev/null 2>&1 && printf "%s " "$g"; done; echo'
}

@test "a step in a cell has the devices that Slurm gives it, and no others" {
	local cell
	local -a options
	for cell in "" "--cell" "--cell=gpus" "--cell=gpus --cell-memory=64M"; do
		IFS=' ' read -ra options <<<"$cell"
		[[ $(gpus "${options[@]}") == "" ]]
		[[ $(gpus --gres=gpu:1 "${options[@]}") == "/dev/gpu0 "* ]]
		[[ $(gpus --gres=gpu:2 "${options[@]}") == "/dev/gpu0 /dev/gpu1 "* ]]
	done
}

@test "who enters a step's cell has the step's devices" {
	local job
	sleep_job --gres=gpu:1 --cell=gpus
	run cloison enter "$job" head -c 1 /dev/gpu0
	[ "$status" -eq 0 ]
	run cloison enter "$job" head -c 1 /dev/gpu1
	((status != 0))
	[[ $output == *"Operation not permitted"* ]]
	scancel "$job"
	wait_job "$job"
}
