#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Steps on several nodes: MPI across cells, what needs a network, a node that is lost, and records of both.
load common

setup_file() {
	local mpi
	for mpi in openmpi mpich; do
		mpicc.$mpi -O1 -o "/usr/local/bin/exchange-$mpi" "$BATS_TEST_DIRNAME/../e2e/exchange.c"
	done
	gcc -O1 -o /usr/local/bin/cma "$BATS_TEST_DIRNAME/../e2e/cma.c"
	cp -n /etc/slurm/slurm.conf /etc/slurm/slurm.conf.nodes
	sed -i 's/^SlurmdTimeout=.*/SlurmdTimeout=6/' /etc/slurm/slurm.conf
	scontrol reconfigure
}

teardown_file() {
	rm -f /usr/local/bin/{exchange-openmpi,exchange-mpich,cma}
	mv /etc/slurm/slurm.conf.nodes /etc/slurm/slurm.conf
	scontrol reconfigure
}

setup() { wait_idle; }

# All nodes have the kernel's one boot id, by which UCX takes them for one machine: it would take the loopback, and does not
# tell two pairs of ranks with the same pids apart.
# Each node would bind its ranks to the same processor, on which two that wait by looking were seen to wait for ever, once in a
# hundred runs and on a busy machine: they may be on any, and are tried once more.
pair() {
	local try status
	for try in 1 2; do
		status=0
		as alice timeout 40 env UCX_NET_DEVICES=eth0 srun -p many -w node2,node3 -N2 --cpu-bind=none "$@" || status=$?
		((status == 124)) || return "$status"
		echo "try $try: not in time" >&2
	done
	return 124
}

has_cells() { [ "$(on "$1" cloison ls --json | jq '.cells | length')" -eq "$2" ]; }
node_says() { scontrol -o show node "$1" | grep -q "$2"; }
job_says() { scontrol -o show job "$1" | grep -q "$2"; }

# records NODE JOB FILTER: of the cells of a job, through jq.
records() { on "$1" cloison report --by=record --json --job="$2" | jq -r "$3"; }

no_records() { [ -z "$(on "$1" ls /var/spool/cloison/new)" ]; }

# collect_from NODE...: cloisond brings the spools of these nodes to the store of node1.
collect_from() {
	local node pids=()
	mkdir -p /etc/cloison
	printf '[ship]\ncollector = node1\nretry-max = 1s\n[collect]\nlisten = *:6827\nnodes = node[1-3]\n' >/etc/cloison/cloisond.conf
	cloisond --role=collect --foreground 3>&- &
	pids+=($!)
	for node; do
		on "$node" cloisond --role=ship --foreground &
		pids+=($!)
	done
	for node; do
		eventually 20 no_records "$node"
	done
	kill "${pids[@]}"
	wait "${pids[@]}" || true
	rm /etc/cloison/cloisond.conf
}

# stored JOB BY FILTER: a report of that store, through jq.
stored() { cloison report --no-import --json --job="$1" --by="$2" | jq -r "$3"; }

@test "MPI on two nodes, with a cell each: Open MPI by PMIx, MPICH by PMI-2, over the hosts' network" {
	kinds=(pmi2:mpich:2)
	! has_pmix || kinds+=(pmix:openmpi:4)
	for kind in "${kinds[@]}"; do
		IFS=: read -r mpi name n <<<"$kind"
		run -0 --separate-stderr pair -n "$n" --mpi="$mpi" --cell --cell-net=host "exchange-$name"
		[ "$(grep -c "^rank [0-3] of $n: 0 bad\$" <<<"$output")" -eq "$n" ]
		job=$(last_job)
		for node in node2 node3; do
			wait_job "$job"
			[[ $(records "$node" "$job" '.[] | .exit.reason + " " + (.cell.namespaces | index("pid") != null | tostring)') == "exited true" ]]
		done
	done
}

@test "MPI on one node: ranks share memory and copy from each other's" {
	run -0 as alice timeout 30 srun -n2 --cell cma
	[[ $(sort <<<"$output") == $'rank0\nrank1' ]]
	if has_pmix; then
		run -0 as alice timeout 30 env OMPI_MCA_btl=self,vader OMPI_MCA_btl_vader_single_copy_mechanism=cma \
			srun -n2 --mpi=pmix --cell exchange-openmpi
		[[ $output != *"Read -1"* && $output != *CMA* ]]
	fi
	run -0 as alice timeout 30 env UCX_TLS=self,posix,cma srun -n2 --mpi=pmi2 --cell-net=none exchange-mpich
	[ "$(grep -c '^rank [01] of 2: 0 bad$' <<<"$output")" -eq 2 ]
}

@test "an MPI step that would have no network is told so before a rank starts" {
	kinds=("-N2 -n2 --mpi=pmi2")
	! has_pmix || kinds+=("-N2 -n2 --mpi=pmix" "-N1 -n2 --mpi=pmix")
	for args in "${kinds[@]}"; do
		# shellcheck disable=SC2086 # words
		run -1 as alice srun -p many $args --cell-net=none touch ran
		[[ $output == *"net=none, from --cell-net: an MPI program of 2 tasks (--mpi="*"ask for --cell-net=host, or for --mpi=none"* ]]
	done
	run -1 as alice srun -p many -N2 -n2 --cell=strict touch ran
	[[ $output == *"net=none, from profile strict, keeps tasks from each other that run on 2 nodes: ask for it (--cell-net=none)"* ]]
	[ ! -e /home/alice/ran ]
	# Who does not speak MPI may have none.
	run -0 --separate-stderr as alice srun -p many -N2 --mpi=none --cell-net=none ls /sys/class/net
	[[ $output == $'lo\nlo' ]]
	wait_idle
}

@test "a node is lost in mid-job: the job fails or starts anew, the other node is clean, and so is the lost one once it is back" {
	note_state
	for how in --no-requeue --requeue; do
		jobs+=("$(as alice sbatch --parsable "$how" -p many -w node2,node3 -N2 -n2 --mem=64 --cell --cell-scratch=16M \
			-o /dev/null --wrap 'srun --cell sleep 600')")
	done
	eventually 60 has_cells node2 4
	eventually 60 has_cells node3 2
	sync
	cluster cut node3
	eventually 60 node_says node3 'State=DOWN'
	eventually 60 job_says "${jobs[0]}" 'JobState=NODE_FAIL'
	eventually 60 job_says "${jobs[1]}" 'JobState=PENDING.*Restarts=1'
	scancel "${jobs[1]}"
	eventually 30 has_cells node2 0
	[ -z "$(on node2 find /run/cloison/cells /run/cloison/cpus /run/cloison/leases -mindepth 1 ! -name gc.lock 2>/dev/null)" ]

	cluster start node3
	# As the unit does at boot.
	run -0 on node3 cloison gc --verbose
	[[ $output == *"2 lost with the node"* ]]
	run -0 as alice srun -p many -w node3 --cell hostname
	[[ $output == node3 ]]
	wait_idle
	[ -z "$(on node3 ls /var/spool/cloison/tmp)" ]
	same_again

	# What both nodes have of a job is one row where their records meet.
	collect_from node2 node3
	for job in "${jobs[@]}"; do
		stored "$job" record '[.[] | [.node, .scheduler.step, .exit.reason] | join(" ")] | sort | join(",")' |
			grep -Ex 'node2 0 [a-z]+,node2 batch [a-z]+,node3 0 lost'
		[[ $(stored "$job" job '.[] | "\(.nodes) nodes, \(.failed) failed"') == "2 nodes, 3 failed" ]]
	done
}
