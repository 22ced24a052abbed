#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The node has two cores: cells of root and of two users get one each, or are
# told who has them; in Slurm's jobs what Slurm has bound is there to pick.

load common

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	chmod 755 "$BATS_TEST_TMPDIR"
	wait_idle
	# What a session brings with it is there from now on.
	as_session alice true
	before=
	note_state
}

teardown() {
	end_all
	cloison gc
	rm -f $site
	eventually 20 same_state || diff <(echo "$before") <(host_state)
	[ -z "$(find /tmp /run/cloison/cpus -maxdepth 1 -name 'cloison-cpus-*')" ]
}

# The processes in the background are shells and runuser.
end_all() {
	pkill -TERM -x cloison || true
	wait
}

site=/run/cloison/cores.conf # where users can read it
show='grep Cpus_allowed_list /proc/self/status'

# hold FILE COMMAND...: COMMAND runs a cell that has a core; its CPUs are in FILE.
hold() {
	local file=$PWD/$1
	shift
	"$@" sh -c "$show; exec sleep 1000" >"$file" 3>&- &
	eventually 60 test -s "$file"
}

cpus() { sed 's/.*:\t//' "$1"; }

@test "root and two users: a core each, the third is told, a killed cell's is free" {
	hold root cloison run --cpus=1 --memory=64M --
	hold alice as_session alice cloison run --limits=try --quiet --cpus=1 --
	[ "$(sort root alice | uniq | wc -l)" -eq 2 ]
	run -125 as bob cloison run --limits=try --quiet --cpus=1 -- true
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == "cloison: --cpus: 1 core wanted, none is free: CPUs "*"$(cpus root) by cell "*" (root, uid 0)"* ]]
	[[ $output == *"$(cpus alice) by cell "*" (alice, uid $(id -u alice))"* ]]
	run -125 cloison plan --cpus=1
	# By the cpuset controller, too, and where the payload can read it.
	pid=$(cloison ls --json | jq -r '.cells[] | select(.user == "root") | .payload.pid')
	[ "$(nsenter -t "$pid" -a cat /sys/fs/cgroup/cpuset.cpus)" = "$(cpus root)" ]
	[ "$(nsenter -t "$pid" -a cat /sys/fs/cgroup/cpu.max)" = "100000 100000" ]
	[ "$(nsenter -t "$pid" -a cat /sys/fs/cgroup/memory.max)" = $((64 << 20)) ]
	pkill -KILL -u alice -x cloison
	freed() { as bob cloison run --limits=try --quiet --cpus=1 -- sh -c "$show" >third; }
	eventually 20 freed
	[ "$(cpus third)" = "$(cpus alice)" ]
}

@test "a site lets cells share, and a directory of the administrator's is the ledger" {
	install -d -m 1777 /run/cloison/cpus
	printf '[site]\nloosen = all\ncores = share\n' >$site
	hold one as alice cloison run --limits=try --quiet --cpus=1 --config=$site --
	[ "$(find /run/cloison/cpus -user alice | wc -l)" -eq 1 ]
	hold two as bob cloison run --limits=try --quiet --cpus=1 --config=$site --
	hold three as alice cloison run --limits=try --quiet --cpus=1 --config=$site --
	[ "$(sort one two | uniq | wc -l)" -eq 2 ]
	run -125 as bob cloison run --limits=try --quiet --cpus=1 -- true
	# Nobody can take away what is another's.
	run ! as bob sh -c 'rm -f /run/cloison/cpus/*'
	end_all
	rmdir /run/cloison/cpus
}

@test "in a job of Slurm's the task's binding is what there is to pick" {
	run -0 as alice srun -n2 -c1 --cpu-bind=cores sh -c "taskset -cp \$\$ | sed 's/.*: //'
		cloison run --limits=try --quiet --cpus=1 -- sh -c '$show; sleep 3' | sed 's/.*:\t//'"
	[ "$(sort <<<"$output" | uniq -c | awk '{print $1, $2}')" = $'2 0\n2 1' ]
	run -125 as alice srun -n1 -c1 --cpu-bind=cores cloison run --limits=enforce --quiet --cpus=2 -- true
}

@test "--cell-cpu-policy: tasks on CPUs of their own; inherit leaves Slurm's binding" {
	# shellcheck disable=SC2016 # the inner shell expands it
	local where='echo "$SLURM_PROCID $(taskset -cp $$ | sed "s/.*: //") ${OMP_NUM_THREADS:-}"'
	run -0 as alice srun -n2 -c1 --cpu-bind=none --cell sh -c "$where"
	[ "$(sort <<<"$output")" = $'0 0,1 \n1 0,1 ' ]
	run -0 as alice srun -n2 -c1 --cpu-bind=map_cpu:1,0 --cell-cpu-policy=inherit sh -c "$where"
	[ "$(sort <<<"$output")" = $'0 1 \n1 0 ' ]
	run -0 as alice srun -n2 -c1 --cpu-bind=none --cell-cpu-policy=pack --cell-omp-threads=yes sh -c "$where"
	[ "$(sort <<<"$output")" = $'0 0 1\n1 1 1' ]
	cloison report --by=record --json --job="$(last_job)" >r
	[ "$(jq -r '.[0].cpu | "\(.cpuset) \(.count)"' r)" = "0-1 2" ]
	run -0 as alice srun -n1 -c2 --cell-cpu-policy=spread --cell-cpu-unit=thread sh -c "$where"
	[ "$output" = "0 0,1 " ]
	run as alice srun -n3 --overcommit --cell-cpu-policy=pack true
	[ "$status" -ne 0 ]
	[[ $output == *"--cell-cpu-policy: 3 tasks cannot have a CPU each out of 0"* ]]
	run -0 as alice srun -n1 -c1 --cell-cpu-policy=pack --cell-mem-policy=interleave head -n 1 /proc/self/numa_maps
	[[ $output == *" interleave"*:0* ]]
}

@test "--cell-omp-threads: what Slurm has bound each task to, and no more than the limit" {
	# shellcheck disable=SC2016 # the inner shell expands it
	local echo='echo "${OMP_NUM_THREADS:-none}"'
	run -0 as alice srun -n2 -c1 --cpu-bind=cores --cell-omp-threads=yes sh -c "$echo"
	[ "$output" = $'1\n1' ]
	run -0 as alice srun -n1 -c2 --cpu-bind=cores --cell-omp-threads=yes sh -c "$echo"
	[ "$output" = 2 ]
	run -0 as alice srun -n1 -c2 --cpu-bind=cores --cell-omp-threads=yes --cell-cpus=0.5 sh -c "$echo"
	[ "$output" = 1 ]
	run -0 as alice env OMP_NUM_THREADS=7 srun -Q -n1 -c2 --cell-omp-threads=yes sh -c "$echo"
	[ "$output" = 7 ]
	run -0 as alice srun -n1 -c2 --cell sh -c "$echo"
	[ "$output" = none ]
}
