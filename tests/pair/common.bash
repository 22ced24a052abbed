# SPDX-License-Identifier: GPL-2.0-or-later
# What the tests on two guests share: `load common` at the top of a file. They run as root on node1, which is what it is in the
# guest alone; node2 has slurmd only. node1 is the default partition's, `-p many` has both.
# shellcheck shell=bash
load ../e2e/common

# on NODE COMMAND...: not by srun, as it is also for a node that is full, or down for Slurm.
on() {
	if [[ $1 == node1 ]]; then
		"${@:2}"
	else
		ssh -n -o LogLevel=ERROR -o ConnectTimeout=20 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
			"root@$1" "$(printf '%q ' "${@:2}")"
	fi
}

# power cut|on: node2's, by scripts/vm.
power() { echo "$1" >/dev/virtio-ports/cloison.power; }

# Both nodes take jobs and neither has any.
node_idle() {
	[[ $(sinfo -h -N -o %T | sort -u) == idle ]]
}

# state_of NODE: host_state there.
state_of() { on "$1" bash -c "$(declare -f host_state); host_state"; }

# Of both nodes, what e2e/common has of one.
note_state() { before=$(state_of node1) before2=$(state_of node2); }
same_state() { [[ $(state_of node1) == "$before" && $(state_of node2) == "$before2" ]]; }
same_again() {
	wait_idle 60
	eventually 30 same_state || {
		diff <(echo "$before") <(state_of node1)
		diff <(echo "$before2") <(state_of node2)
		return 1
	}
	node_idle
}

node_says() { scontrol -o show node "$1" | grep -q "$2"; }
job_says() { scontrol -o show job "$1" | grep -q "$2"; }
has_cells() { [ "$(on "$1" cloison ls --json | jq '.cells | length')" -eq "$2" ]; }

# records NODE JOB FILTER: of the cells of a job that are in the node's spool, through jq.
records() { on "$1" cloison report --by=record --json --job="$2" | jq -r "$3"; }
