#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Heterogeneous jobs: whose options hold for which component, and what accounting says of each.
load common

setup_file() {
	# sacctmgr has to know of slurmdbd before that is there, slurmctld cannot start before it is.
	cp -n /etc/slurm/slurm.conf /etc/slurm/slurm.conf.saved
	printf 'AccountingStorage%s\n' Type=accounting_storage/slurmdbd Host=node1 >>/etc/slurm/slurm.conf
	cluster start slurmdbd
	cluster stop slurmctld
	# It has made a cluster's id up, slurmdbd has another.
	rm -f /var/lib/slurm/slurmctld/clustername
	restart_all
}

teardown_file() {
	unconfigure
	cluster stop slurmdbd
}

setup() {
	wait_idle
	# Nodes have a /tmp of their own.
	here=$(mktemp -d /srv/het.XXXXXX)
	cd "$here" || return
}

teardown() { rm -rf "$here"; }

# In a cell a task's parent is not of its PID namespace, and $$ is small.
# shellcheck disable=SC2016 # the step's shell expands it
what='echo "$SLURM_NODEID $([ $$ -lt 10 ] && echo cell || echo none) $(ls /sys/class/net | grep -c eth0)"'

@test "srun over components: the same options for all, or it is refused" {
	run -0 --separate-stderr srun -p many -w node2 --cell sh -c "$what" : -p many -w node3 --cell sh -c "$what"
	[[ $(sort <<<"$output") == $'0 cell 1\n1 cell 1' ]]
	run -1 srun -p many -w node2 --cell touch "$PWD/ran" : -p many -w node3 touch "$PWD/ran"
	[[ $output == *"cloison: --cell is not the same for all components: Slurm gives what one has to all of the step (the others can have an srun of their own, with --het-group)"* ]]
	run -1 srun -p many -w node2 touch "$PWD/ran" : -p many -w node3 --cell-net=none touch "$PWD/ran"
	[[ $output == *"cloison: --cell-net is not the same"* ]]
	run -1 srun -p many -w node2 --cell-net=host touch "$PWD/ran" : -p many -w node3 --cell-net=none touch "$PWD/ran"
	[ ! -e ran ]
}

@test "sbatch: the first component's options are the job's, a later one cannot have others" {
	run -1 sbatch -p many -w node2 --cell : -p many -w node3 --cell=strict --wrap true
	[[ $output == *"cloison: --cell is not the same for all components"* ]]
	run -1 sbatch -p many -w node2 : -p many -w node3 --cell --wrap true
	cat >job.sh <<-JOB
		#!/bin/sh
		srun --het-group=0,1 sh -c '$what'
		srun --het-group=1 --cell-net=none sh -c '$what'
		srun --het-group=0 sh -c '$what'
	JOB
	id=$(sbatch --parsable -p many -w node2 --cell -o out : -p many -w node3 job.sh)
	wait_job "$id"
	cat out
	[[ $(sed 2q out | sort) == $'0 cell 1\n1 cell 1' ]]
	[[ $(tail -n 2 out) == $'0 cell 0\n0 cell 1' ]]
}

@test "each component of a job has a value of its own in AdminComment" {
	cat >job.sh <<-'JOB'
		#!/bin/sh
		srun --het-group=0,1 sleep 1
	JOB
	id=$(sbatch --parsable -p many -w node2 --cell -o /dev/null : -p many -w node3 -n2 job.sh)
	wait_job "$id"
	for node in node2 node3; do
		on "$node" cloison report >/dev/null
		on "$node" cloison report --no-import --export-signed >"signed-$node"
		cloison report --store="$PWD/db" --import-signed="signed-$node"
	done
	/usr/libexec/cloison/cloison-slurmdb --store="$PWD/db" --settle=1s --retry=1s
	sacct -nXPj "$id" -o JobID,NodeList,AdminComment | tee told
	[ "$(grep -cE "^$id\+0\|node2\|CL1:\{\"records\":2,\"nodes\":1,\"reason\":\"exited\"" told)" -eq 1 ]
	[ "$(grep -cE "^$id\+1\|node3\|CL1:\{\"records\":1,\"nodes\":1,\"reason\":\"exited\"" told)" -eq 1 ]
}
