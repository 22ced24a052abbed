#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What an admin's mistakes do: on-config-error, slurmd's log, and never a drained node.
load common

setup() { wait_idle; }

teardown() {
	plugin
	rm -rf /etc/cloison
	wait_idle
}

broken() {
	mkdir -p /etc/cloison
	printf '[site]\n\nlosen = net\n' >/etc/cloison/cloison.conf
}
mistake="cloison.conf:3: unknown key 'losen'"

# batch OPTIONS...: a job's output.
batch() {
	local job
	job=$(as alice sbatch --parsable -o /home/alice/out "$@" --wrap 'echo ran; cat /proc/1/comm') || return
	wait_job "$job"
	scontrol -o show job "$job" | grep -o 'JobState=[A-Z]*'
	cat /home/alice/out
}

@test "on-config-error=refuse, which it is if not given: steps with a cell fail, by file and line; others run" {
	broken
	for arguments in "" on-config-error=refuse on-config-error=nonsense; do
		plugin $arguments
		run -1 as alice srun --cell true
		[[ $output == *"cloison: "*"$mistake"*"the admin has to mend that"* || $output == *"'nonsense' is neither refuse nor bypass"* ]]
		run -0 batch --cell
		[[ $output == *JobState=FAILED* && $output != *ran* ]]
		run -0 as alice srun cat /proc/1/comm
		[[ $output != *cloison* ]]
	done
	plugin default=batch
	run -1 as alice srun true
	[[ $output == *"$mistake"* ]]
	run -0 batch
	[[ $output == *JobState=FAILED*"$mistake"* ]]
}

@test "on-config-error=bypass: the step runs without a cell, and says so once a node" {
	broken
	plugin on-config-error=bypass
	run -0 as alice srun -n3 --overcommit --cell cat /proc/1/comm
	[[ $output != *cloison-init* ]]
	[ "$(grep -c "$mistake.*; this step runs in no cell (on-config-error=bypass)" <<<"$output")" -eq 1 ]
	run -0 batch --cell
	[[ $output == *JobState=COMPLETED*ran* && $output == *"this step runs in no cell"* ]]
	plugin default=strict on-config-error=bypass
	run -0 batch
	[[ $output == *ran* && $output == *"this step runs in no cell"* ]]
	# A user's mistake is none of the site's.
	rm /etc/cloison/cloison.conf
	run -1 as alice srun --cell=nope true
	[[ $output == *"profile 'nope' does not exist"* ]]
}

@test "bypass is for what the site says alone: unreadable, missing, another's, a bad argument" {
	mkdir -p /etc/cloison
	for arguments in config=/nonexistent config=/etc config=/home/alice/site.conf losen=net 'x.base=nope' default=nope \
		'partitions=many:nope'; do
		echo 'loosen = all' >/home/alice/site.conf
		chown alice /home/alice/site.conf
		plugin $arguments
		run -1 as alice srun --cell true
		[[ $output == *"error: cloison: "*"the admin has to mend that"* ]]
		plugin $arguments on-config-error=bypass
		run -0 as alice srun --cell cat /proc/1/comm
		[[ $output == *"this step runs in no cell"* && $output != *cloison-init* ]]
	done
	# shellcheck disable=SC2046
	plugin $(printf 'loosen=net %.0s' {1..65})
	run -1 as alice srun --cell true
	[[ $output == *"65 arguments, more than 64"* ]]
}

@test "slurmd's log has a broken site file by file and line, at its start and at scontrol reconfigure" {
	log=/var/log/slurm/slurmd.node1.log
	broken
	: >$log
	cluster restart node1
	eventually 20 grep "error: .*cloison: .*$mistake" $log
	: >$log
	scontrol reconfigure
	# Before 23.11 slurmd does not look at plugstack.conf then.
	if [[ $(slurmd -V) != *" 22."* ]]; then
		eventually 20 grep "error: .*cloison: .*$mistake" $log
	fi
	wait_idle
	run -0 as alice srun true
	rm -r /etc/cloison
	: >$log
	cluster restart node1
	eventually 20 grep 'slurmd started' $log
	run ! grep cloison: $log
}
