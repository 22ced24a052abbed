#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Jobs on two nodes with a kernel, systemd, cgroups and a network each: MPI across cells, limits on both, a node whose power is
# cut, and records of both in one row.
load common

setup_file() {
	local node mpi
	for node in node1 node2; do
		for mpi in openmpi mpich; do
			on $node mpicc.$mpi -O1 -o "/usr/local/bin/exchange-$mpi" /opt/cloison-tests/tests/e2e/exchange.c
		done
	done
}

setup() { wait_idle 120; }

# A rank that is missing is waited for.
both() { as alice timeout 120 srun -Q -p many -N2 -n2 "$@"; }

# Of a job's cells, once cloisond has brought them to the store of node1.
stored() { cloison report --no-import --json --job="$1" --by="$2" | jq -r "$3"; }
spool_empty() { [ -z "$(on "$1" ls /var/spool/cloison/new)" ]; }
collect() {
	local node
	systemctl start cloisond-collect
	for node in node1 node2; do on $node systemctl start cloisond-ship; done
	for node in node1 node2; do eventually 30 spool_empty $node; done
	for node in node1 node2; do on $node systemctl stop cloisond-ship; done
	systemctl stop cloisond-collect
}

# told JOB: whether its comment in slurmdbd has a value of ours now.
told() {
	/usr/libexec/cloison/cloison-slurmdb --settle=1s --retry=1s
	[[ $(sacct -nXPj "$1" -o AdminComment) == *CL1:\{* ]]
}
# value JOB FILTER: of that, through jq.
value() { sacct -nXPj "$1" -o AdminComment | sed 's/.*CL1:{/{/; s/}.*/}/' | jq -r "$2"; }

@test "MPI on two nodes, with a cell each and its limit: Open MPI by PMIx, MPICH by PMI-2, over the nodes' network" {
	kinds=(pmi2:mpich)
	! has_pmix || kinds+=(pmix:openmpi)
	note_state
	for kind in "${kinds[@]}"; do
		IFS=: read -r mpi name <<<"$kind"
		run -0 --separate-stderr both --mpi="$mpi" --mem=400 --cell --cell-net=host --cell-memory=300M sh -c \
			'echo "$(hostname) $(cat /proc/1/comm) $(cat /sys/fs/cgroup/memory.max)"; exec "$0"' "exchange-$name"
		[ "$(grep -c '^rank [01] of 2: 0 bad$' <<<"$output")" -eq 2 ]
		[ "$(grep '^node' <<<"$output" | sort)" = "node1 cloison-init $((300 << 20))
node2 cloison-init $((300 << 20))" ]
		job=$(last_job)
		wait_job "$job"
		for node in node1 node2; do
			[ "$(records $node "$job" '.[] | [.node, .exit.reason, .limits.enforced.memory] | join(" ")')" = \
				"$node exited $((300 << 20))" ]
		done
	done
	same_again
}

@test "a cell reaches its limit on one node of two; the records of both are one job, in the store and in slurmdbd" {
	note_state
	run both --cell --cell-memory=64M sh -c '[ "$(hostname)" = node1 ] || exec tail /dev/zero'
	[ "$status" -ne 0 ]
	echo "$output"
	[[ $output == *"limit of 64 MiB"* && $output == *node2* ]]
	job=$(last_job)
	same_again
	collect
	[ "$(stored "$job" record '[.[] | [.node, .scheduler.step, .exit.reason] | join(" ")] | sort | join(",")')" = \
		"node1 0 exited,node2 0 oom" ]
	[ "$(stored "$job" job '.[] | "\(.nodes) nodes, \(.failed) failed"')" = "2 nodes, 1 failed" ]
	run -0 cloison report --no-import --job="$job"
	eventually 60 told "$job"
	[ "$(value "$job" '[.records, .nodes, .reason, .ooms, .peak_node, .limit_bytes] | join(" ")')" = "2 2 oom 1 node2 $((64 << 20))" ]
}

@test "a node's power is cut in mid-job: the job fails or starts anew, the other node is clean, and so is that one once it is back" {
	note_state
	for how in --no-requeue --requeue; do
		jobs+=("$(as alice sbatch --parsable "$how" -p many -w node1,node2 -N2 -n2 --mem=200 --cell --cell-scratch=16M \
			--cell-memory=100M -o /dev/null --wrap 'srun --cell sleep 1000')")
	done
	eventually 90 has_cells node1 4
	eventually 60 has_cells node2 2
	boot=$(on node2 cat /proc/sys/kernel/random/boot_id)
	# By then what is known of a cell is on the disk, though nobody has waited for it.
	sleep 5
	power cut
	eventually 180 node_says node2 'State=DOWN'
	eventually 60 job_says "${jobs[0]}" 'JobState=NODE_FAIL'
	eventually 60 job_says "${jobs[1]}" 'JobState=PENDING.*Restarts=1'
	scancel "${jobs[1]}"
	eventually 60 has_cells node1 0
	eventually 60 eval '[[ $(state_of node1) == "$before" ]]'

	power on
	eventually 300 node_says node2 'State=IDLE '
	[ "$(on node2 cat /proc/sys/kernel/random/boot_id)" != "$boot" ]
	# The unit, before slurmd.
	[[ $(on node2 journalctl -u cloison-gc -o cat) == *"2 lost with the node"* ]]
	run -0 as alice srun -p many -w node2 --cell hostname
	[ "$output" = node2 ]
	[ -z "$(on node2 ls /var/spool/cloison/tmp)" ]
	[ -z "$(on node2 find /run/cloison/{cells,cpus,jobs,leases} /var/lib/cloison/{cells,jobs} -mindepth 1 ! -name gc.lock)" ]
	wait_idle 60

	collect
	for job in "${jobs[@]}"; do
		stored "$job" record '[.[] | [.node, .scheduler.step, .exit.reason] | join(" ")] | sort | join(",")' |
			grep -Ex 'node1 0 [a-z]+,node1 batch [a-z]+,node2 0 lost'
		[ "$(stored "$job" job '.[] | "\(.nodes) nodes, \(.failed) failed"')" = "2 nodes, 3 failed" ]
	done
	eventually 60 told "${jobs[0]}"
	[ "$(value "${jobs[0]}" '[.records, .nodes, .failed] | join(" ")')" = "3 2 3" ]
	# And both work together as before.
	run -0 --separate-stderr both --mpi="$(mpi_type)" --cell --cell-net=host mpi-ring
	[ "$output" = "ranks 2 sum 3" ]
	note_state
	same_again
}
