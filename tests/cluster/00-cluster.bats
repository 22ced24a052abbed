#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The cluster that the other tests stand on.
load common

@test "three nodes take a step each, with a cell each" {
	run -0 srun -p many -N3 --cell bash -c 'echo "$HOSTNAME $$"'
	[[ $(sort <<<"$output") == $'node1 2\nnode2 2\nnode3 2' ]]
	for node in node1 node2 node3; do
		run -0 on "$node" cloison report --json
		[[ $(jq -r '.[0] | .node + .exit.reason' <<<"$output") == "${node}exited" ]]
	done
}

@test "as an ordinary user" {
	run -1 as alice srun --cell bash -c 'id -un; touch /usr/x'
	[[ $output == *alice*"Read-only file system"* ]]
}

@test "a node whose power is cut comes back and takes jobs" {
	cluster cut node3
	run ! on node3 true
	cluster start node3
	run -0 srun -p many -w node3 hostname
	[[ $output == node3 ]]
}

@test "the cluster's configuration can be changed, and changed back" {
	configure 'EpilogMsgTime=1999'
	run -0 scontrol show config
	[[ $output == *"EpilogMsgTime "*1999* ]]
	unconfigure
	run -0 scontrol show config
	[[ $output != *"EpilogMsgTime "*1999* ]]
	run -0 srun -p many -N3 true
}
