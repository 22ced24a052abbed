#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Cells of Slurm's and cells with limits, while they run and when everybody who
# would remove them has been killed: cloison ls, enter and gc. A name in
# brackets is the behaviour that the test proves.

# shellcheck disable=SC2154 # $job is set by sleep_job
load common

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	chmod 755 "$BATS_TEST_TMPDIR"
	wait_idle
}

teardown() {
	# Of a test that has failed: the next one is not to fail with it.
	scancel --user=alice
	wait_idle
	[ -z "$(find /run/cloison/cells -type f ! -name gc.lock)" ]
	run ! pgrep -x cloison-init
}

gone() { [ ! -e "$1" ]; }

@test "[S4] ls shows job, step, user and both pids of a task" {
	sleep_job
	[ "$(cell_field "$job" step)" = batch ]
	[ "$(cell_field "$job" user)" = alice ]
	[ "$(cell_field "$job" scheduler)" = slurm ]
	pid=$(cell_field "$job" payload pid)
	[ "$(cat "/proc/$pid/comm")" = sleep ]
	[[ $(grep NSpid "/proc/$pid/status") == *$'\t'"$pid"$'\t'"$(cell_field "$job" payload inside)" ]]
	[ "$(cell_field "$job" memory_from)" = cgroup ]
	[ "$(cell_field "$job" memory_bytes)" -gt 100000 ]
	[[ $(cloison ls "$job.batch" | tail -n 1) == *"$job"*batch*alice* ]]
	# Who it belongs to sees the same, another user nothing.
	[ "$(as alice cloison ls --json "$job" | jq '.cells[0].payload.pid')" = "$pid" ]
	run -125 as bob cloison ls "$job"
	[[ $output == *"no cell '$job' of yours"* ]]
	scancel "$job"
	wait_job "$job"
	run -125 cloison ls "$job"
}

# top_says WORD FILTER: of a cell while it runs, through jq, which has no objection to no input.
top_says() { [[ $(cloison top --json "$1" | jq ".cells[0] | $2") == true ]]; }
@test "top shows a step's use by its cgroup: CPU time, how long it is throttled, memory" {
	# shellcheck disable=SC2016 # in the job
	job=$(as alice sbatch --parsable --output=/dev/null --cell --cell-cpus=0.5 --wrap \
		'while :; do :; done')
	eventually 60 top_says "$job" '.cpus > 0.35 and .cpus < 0.6 and .throttled > 0.1'
	top_says "$job" '.step == "batch" and .user == "alice" and .memory_bytes > 100000'
	[[ $(as alice cloison top "$job.batch" | tail -n 1) == *"$job"*batch*alice* ]]
	scancel "$job"
	wait_job "$job"
}

# Slurm has no io controller in a step's cgroup.
@test "top shows what a cell of its own cgroup writes" {
	# Not in /tmp, which may be memory.
	cloison run --memory=200M --rw=/srv -- \
		sh -c 'while :; do dd if=/dev/zero of=/srv/written bs=1M count=2 conv=fsync 2>/dev/null; done' 3>&- &
	supervisor=$!
	eventually 60 top_says "$supervisor" '.write_bytes_per_s > 10000'
	kill "$supervisor"
	wait "$supervisor" || true
	rm /srv/written
}

@test "[S18] root enters a step's cell: namespaces, ids, cgroup, no capabilities" {
	sleep_job
	pid=$(cell_field "$job" payload pid)
	for ns in user mnt pid ipc uts; do
		[ "$(cloison enter "$job" readlink /proc/self/ns/$ns)" = "$(readlink "/proc/$pid/ns/$ns")" ]
	done
	[ "$(cloison enter "$job" id -u)" = "$(id -u alice)" ]
	run -0 cloison enter "$job" -- grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp:)' /proc/self/status
	[ "$output" = "$(grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp:)' "/proc/$pid/status")" ]
	[[ $output == *CapBnd:$'\t'0000000000000000* ]]
	[ "$(cloison enter "$job" pwd)" = /home/alice ]
	[ "$(cloison enter "$job" printenv HOME)" = /home/alice ]
	cloison enter "$job" -- sleep 4711 3>&- &
	eventually 20 pgrep -x -f 'sleep 4711'
	[ "$(cgroup_of "$(pgrep -x -f 'sleep 4711')")" = "$(cell_field "$job" cgroup)" ]
	# It ends with the step, which Slurm ends as ever.
	scancel "$job"
	wait $! || [ $? -eq 137 ]
	wait_job "$job"
	[ "$(sacct -nXPj "$job" -o state | head -n 1)" != NODE_FAIL ]
}

@test "the user of a step, and others, are told why they cannot enter it" {
	sleep_job
	run -125 as alice cloison enter "$job"
	[[ $output == *"only root can enter"*"srun --overlap --pty --jobid=$job bash"* ]]
	run -125 as bob cloison enter "$job"
	[[ $output == *"no cell"* ]]
	scancel "$job"
	wait_job "$job"
}

@test "enter is held to the cell's limits, across sessions" {
	as_session alice cloison run --memory=64M --oom-group=no -- sleep 1000 3>&- &
	run=$!
	eventually 30 pgrep -u alice -x sleep
	id=$(cloison ls --json | jq -r '.cells[] | select(.user == "alice") | .id')
	[ "$(cell_field "$id" memory_from)" = cgroup ]
	[ "$(cell_field "$id" memory_limit_bytes)" -eq $((64 << 20)) ]
	# Not a child of the session's: systemd moves it.
	as_session alice cloison enter "$id" -- sleep 4712 3>&- &
	eventually 30 pgrep -x -f 'sleep 4712'
	[ "$(cgroup_of "$(pgrep -x -f 'sleep 4712')")" = "$(cell_field "$id" cgroup)" ]
	cloison enter "$id" -- sleep 4713 3>&- &
	eventually 30 pgrep -x -f 'sleep 4713'
	[ "$(cgroup_of "$(pgrep -x -f 'sleep 4713')")" = "$(cell_field "$id" cgroup)" ]
	[ "$(ps -o user= -p "$(pgrep -x -f 'sleep 4713')")" = alice ]
	run -137 as_session alice cloison enter "$id" -- python3 -c 'x = bytearray(200 << 20)'
	pkill -u alice -x sleep
	wait "$run" || true
}

# kill_all CELL: supervisor and init at one blow.
kill_all() {
	local pids
	pids="$(cell_field "$1" supervisor) $(cell_field "$1" init pid)"
	# shellcheck disable=SC2086 # several
	kill -STOP $pids
	# shellcheck disable=SC2086
	kill -KILL $pids
}

@test "[S19] gc removes the cgroup of a cell that was killed with its supervisor" {
	mkdir -p /sys/fs/cgroup/cells
	printf '[site]\nloosen = all\ncgroup-parent = /cells\n' >site
	cloison run --config="$PWD/site" --memory=32M -- sleep 4714 3>&- &
	eventually 20 pgrep -x -f 'sleep 4714'
	id=$(cloison ls --json "$(pgrep -x -f 'sleep 4714')" | jq -r '.cells[0].id')
	cgroup=/sys/fs/cgroup$(cell_field "$id" cgroup)
	[ -d "$cgroup" ]
	kill_all "$id"
	wait $! || true
	[ -d "$cgroup" ]
	run -0 cloison gc --verbose
	[[ $output == *"$id: removed"* ]]
	[ ! -e "$cgroup" ]
	rmdir /sys/fs/cgroup/cells
	run -0 cloison report --by=record --json
	[ "$(jq -r "map(select(.id == \"$id\"))[0].exit.reason" <<<"$output")" = lost ]
}

@test "gc unites a parent again that a killed supervisor had divided" {
	mkdir -p /sys/fs/cgroup/cells
	printf '[site]\nloosen = all\ncgroup-parent = /cells\n' >site
	sh -c 'echo $$ >/sys/fs/cgroup/cells/cgroup.procs
		exec cloison run --config=site --memory=32M -- sleep 4715' 3>&- &
	eventually 20 pgrep -x -f 'sleep 4715'
	id=$(cloison ls --json "$(pgrep -x -f 'sleep 4715')" | jq -r '.cells[0].id')
	[ -d "/sys/fs/cgroup/cells/cloison-supervisor-$!" ]
	[[ $(cat /sys/fs/cgroup/cells/cgroup.subtree_control) == *memory* ]]
	kill_all "$id"
	wait $! || true
	run -0 cloison gc
	[ -z "$(find /sys/fs/cgroup/cells -mindepth 1 -type d)" ]
	[ -z "$(cat /sys/fs/cgroup/cells/cgroup.subtree_control)" ]
	rmdir /sys/fs/cgroup/cells
}

@test "a step whose slurmstepd is killed: gc of the next job removes leaf and entry" {
	sleep_job
	id=$(cell_field "$job" id)
	leaf=/sys/fs/cgroup$(cell_field "$job" cgroup)
	[ -d "$leaf" ]
	kill_all "$job"
	scancel "$job"
	wait_idle
	as alice srun true
	eventually 20 gone "/run/cloison/cells/$id"
	[ ! -e "$leaf" ]
	eventually 20 recorded_lost "$job"
	# The rest of the step's tree is Slurm's own, which leaves it.
	find "${leaf%/step_*}" -depth -type d -exec rmdir {} + 2>/dev/null || true
}

recorded_lost() { [ "$(cloison report --by=record --json --job="$1" | jq -r '.[0].exit.reason')" = lost ]; }

@test "gc leaves the cells of a running job alone, prolog and epilog too" {
	sleep_job --exclusive=user --overcommit -n1
	pid=$(cell_field "$job" payload pid)
	cloison gc
	as alice srun --overlap --jobid="$job" --cell true
	cloison gc
	kill -0 "$pid"
	scancel "$job"
	wait_job "$job"
}

@test "cloison-gc.service and its timer" {
	systemd-analyze verify --man=no cloison-gc.service cloison-gc.timer
	echo 'cloison 1' >/run/cloison/cells/.00-dead
	systemctl start cloison-gc.service
	[ ! -e /run/cloison/cells/.00-dead ]
	[ "$(systemctl show -p Result --value cloison-gc.service)" = success ]
	systemctl enable --now cloison-gc.timer
	systemctl is-active cloison-gc.timer
	systemctl disable --now cloison-gc.timer
}
