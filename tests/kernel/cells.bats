#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Running cells: their registry, `cloison gc`, `ls` and `enter`. Root's registry
# is the host's own, so that tests look for the cells that they have started.

bats_require_minimum_version 1.5.0
load common

setup() {
	common_setup
	export XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/run
	mkdir -m 700 "$XDG_RUNTIME_DIR"
	if is_root; then
		cells=/run/cloison/cells
	else
		cells=$XDG_RUNTIME_DIR/cloison/cells
	fi
	spool=$BATS_TEST_TMPDIR/state/cloison/spool
	site=()
	if is_root; then
		printf '[site]\nspool = %s\nloosen = pid user\n' "$spool" >"$BATS_TEST_TMPDIR/site.conf"
		site=(--config="$BATS_TEST_TMPDIR/site.conf")
	fi
	pids=()
}

teardown() {
	((${#pids[@]} == 0)) || kill -KILL "${pids[@]}" 2>/dev/null || true
	wait
}

# start ARGUMENTS...: a cell in the background; $pid is its supervisor's, $id the
# cell's, once the payload runs.
start() {
	rm -f started
	"$CLOISON" run --quiet "${site[@]}" "$@" 3>&- &
	pid=$!
	pids+=("$pid")
	eventually entry_of "$pid"
	id=$(entry_of "$pid")
}

# sleeper [OPTIONS]: a cell whose payload sleeps; $inside is its host pid.
sleeper() {
	start "$@" -- sleep 1000
	init=$(fact init)
	eventually payload_of "$init"
	inside=$(payload_of "$init")
}

payload_of() { pgrep -P "$1" -x sleep; }

# The id of the cell whose supervisor is PID.
entry_of() {
	local file
	file=$(grep -ls "^supervisor $1 " "$cells"/* | head -n 1)
	[[ $file ]] && grep -q '^init ' "$file" && echo "${file##*/}"
}

# fact KEY: the first word of the last line with that key in the cell's entry.
fact() { sed -n "s/^$1 \([^ ]*\).*/\1/p" "$cells/$id" | tail -n 1; }

# Nobody is left to clean up.
kill_all() {
	kill -KILL "$pid" "$init" 2>/dev/null || true
	wait "$pid" || true
}

# There is none before a user's first cell.
own_registry() { (umask 077 && mkdir -p "$cells"); }

# forge NAME LINE...: an entry of a dead cell of this boot.
forge() {
	local file=$cells/$1
	shift
	own_registry
	{
		echo "cloison 1"
		echo "id ${file##*/}"
		echo "boot $(cat /proc/sys/kernel/random/boot_id)"
		printf '%s\n' "start 1" "uid $(id -u)" "gid $(id -g)" "$@"
	} >"$file~"
	mv "$file~" "$file"
}

@test "a cell is in the registry while it runs, and no longer" {
	sleeper
	[ "$(fact uid)" -eq "$(id -u)" ]
	[ "$(fact profile)" = batch ]
	[ "$(fact boot)" = "$(cat /proc/sys/kernel/random/boot_id)" ]
	kill "$pid"
	wait "$pid" || [ $? -eq 143 ]
	[ ! -e "$cells/$id" ]
}

@test "the registry's id is the record's" {
	sleeper
	kill "$pid"
	wait "$pid" || true
	[ -e "$spool/new/$id.json" ]
}

@test "a cell that cannot be made leaves no entry" {
	export PBS_JOBID=of-test-$$
	run -0 cell -- true
	run -125 cell --overlay=/proc -- true
	run -127 cell -- /nonexistent
	run ! grep -lr "^job $PBS_JOBID" "$cells"
}

@test "a user's cell runs without a registry, and says so" {
	! is_root || skip "root's cells do not start then"
	unset XDG_RUNTIME_DIR
	dir=/tmp/cloison-$(id -u)
	[ ! -e "$dir" ] || mv "$dir" "$dir.aside"
	mkdir -p "$dir"/cells
	chmod 755 "$dir"/cells

	run -0 --separate-stderr "$CLOISON" run --quiet -- true
	said=$("$CLOISON" run -- true 2>&1)
	rm -r "$dir"
	[ ! -e "$dir.aside" ] || mv "$dir.aside" "$dir"
	[ -z "$stderr" ]
	[[ $said == *"ls, enter and gc do not know this cell"*"chmod it to 0700"* ]]
}

@test "the entry is not open in the payload, and closed to other users" {
	sleeper
	run ! grep -rlF cloison/cells <(ls -l "/proc/$inside/fd")
	is_root || [ "$(stat -c %a "$cells")" = 700 ]
}

@test "gc leaves a living cell alone" {
	sleeper
	"$CLOISON" gc
	"$CLOISON" gc
	[ -e "$cells/$id" ]
	kill -0 "$inside"
}

@test "gc removes the entry of a cell that was killed with its supervisor" {
	sleeper
	kill_all
	[ -e "$cells/$id" ]
	"$CLOISON" gc
	[ ! -e "$cells/$id" ]
	run -0 "$CLOISON" gc
	run ! kill -0 "$inside"
}

@test "a cell that was killed has one record, with the reason lost" {
	sleeper --tag=x=y --job-id=7 --job-name=night
	kill_all
	"$CLOISON" gc
	file=$spool/new/$id.json
	[[ $(cat "$file") == *'"reason":"lost"'* ]]
	[[ $(cat "$file") == *"\"id\":\"$id\""* ]]
	[[ $(cat "$file") == *"\"uid\":$(id -u)"* ]]
	[[ $(cat "$file") == *'"tags":{"x":"y"}'* ]]
	[[ $(cat "$file") == *'"job":"7","job_name":"night"'* ]]
	"$CLOISON" gc
	[ "$(ls "$spool/new" | wc -l)" -eq 1 ]
}

# Root's janitor does that at boot, a user's report for the user.
close_lost() { if is_root; then "$CLOISON" gc; else "$CLOISON" report --by=record --json; fi; }

@test "a cell whose node died is closed as lost after the boot, with what was known" {
	site=()
	sleeper --tag=x=y
	dir=$("$CLOISON" plan -- true | sed -n 's/^record.spool //p')
	head=$dir/tmp/$id.json
	eventually test -s "$head"
	kill_all
	# After a boot /run is empty, and the spool still there.
	rm "$cells/$id"
	close_lost
	[ -e "$head" ]
	sed -i "s/$(cat /proc/sys/kernel/random/boot_id)/of-an-earlier-boot/" "$head"
	close_lost >lost
	[ ! -e "$head" ]
	! is_root || jq -s . "$dir/new/$id.json" >lost
	run -0 jq -c ".[] | select(.id == \"$id\") |
		[.exit.reason, .tags.x, .user.uid, .cell.profile, .cell.boot_id, .time.end]" lost
	[ "$output" = "[\"lost\",\"y\",$(id -u),\"batch\",\"of-an-earlier-boot\",null]" ]
}

@test "a full spool costs the record and not the job, and is told of" {
	is_root || skip "the site file is root's"
	echo 'spool-max = 4096' >>"$BATS_TEST_TMPDIR/site.conf"
	cell "${site[@]}" -- true
	run -0 --separate-stderr "$CLOISON" run "${site[@]}" -- true
	[[ $stderr == *"no record: "*"the spool has its 4096 bytes (spool-max)"* ]]
	[ "$(ls "$spool/new" | wc -l) $(ls "$spool/tmp" | wc -l)" = "1 0" ]
	for _ in 1 2; do
		run -0 --separate-stderr "$CLOISON" report --spool="$spool" --store="$BATS_TEST_TMPDIR/db/r"
		[[ $stderr == *"no room for 1 record:"* ]]
	done
	# What was read has made room.
	run -0 --separate-stderr "$CLOISON" run "${site[@]}" -- true
	[ -z "$stderr" ]
}

@test "spool-sync=off: a cell waits for no disk" {
	is_root || skip "the site file is root's"
	# Who is traced cannot look for leaks.
	export ASAN_OPTIONS=detect_leaks=0
	strace -f -o syncs -e trace=fsync,fdatasync "$CLOISON" run --quiet "${site[@]}" -- true
	grep -q sync syncs
	echo 'spool-sync = off' >>"$BATS_TEST_TMPDIR/site.conf"
	strace -f -o syncs -e trace=fsync,fdatasync "$CLOISON" run --quiet "${site[@]}" -- true
	run ! grep sync syncs
	[ "$(ls "$spool/new" | wc -l)" -eq 2 ]
}

@test "a record that was written is not replaced by gc" {
	forge 00-recorded "spool $spool" "recorded yes"
	mkdir -p "$spool/new" "$spool/tmp"
	chmod -R go-w "$spool"
	"$CLOISON" gc
	[ ! -e "$cells/00-recorded" ]
	[ ! -e "$spool/new/00-recorded.json" ]
	forge 00-written "spool $spool"
	echo mine >"$spool/new/00-written.json"
	"$CLOISON" gc
	[ ! -e "$cells/00-written" ]
	[ "$(cat "$spool/new/00-written.json")" = mine ]
}

@test "what only init lives for is ended by gc" {
	sleeper
	# As after a SIGKILL of slurmstepd: the init stays, its keeper is gone.
	echo "supervisor $pid 1" >>"$cells/$id"
	"$CLOISON" gc
	eventually not_running "$inside"
	eventually test ! -e "$cells/$id"
}

not_running() { ! kill -0 "$1" 2>/dev/null; }

@test "gc kills nobody who has got the number of a dead process" {
	sleep 1000 3>&- &
	pids+=($!)
	forge 00-reused "supervisor $! 1" "init $! 1"
	"$CLOISON" gc
	[ ! -e "$cells/00-reused" ]
	kill -0 "${pids[0]}"
}

@test "an entry of another boot is removed, whatever its pids" {
	forge 00-boot
	sed -i 's/^boot .*/boot 0/' "$cells/00-boot"
	printf 'supervisor %d %d\n' $$ "$(cut -d' ' -f22 /proc/$$/stat)" >>"$cells/00-boot"
	"$CLOISON" gc
	[ ! -e "$cells/00-boot" ]
}

@test "gc believes no entry that is none, and tells" {
	own_registry
	mkfifo "$cells/00-fifo"
	ln -s /etc/passwd "$cells/00-link"
	truncate -s 1M "$cells/00-huge"
	printf 'cloison 1\nid 00-other\n' >"$cells/00-wrong"
	forge 00-cgroup "cgroup /../../etc"
	forge 00-cgroup2 "cgroup /system.slice/cloison-x/../../init.scope"
	run -1 timeout 20 "$CLOISON" gc
	for name in fifo link huge wrong cgroup; do
		[[ $output == *00-$name* ]]
	done
	[ -e /etc/passwd ]
	rm -f "$cells"/00-*
}

@test "files whose makers died before they had their name go, and others stay" {
	own_registry
	: >"$cells/.00-dead"
	: >"$cells/some.file"
	"$CLOISON" gc
	[ ! -e "$cells/.00-dead" ]
	[ -e "$cells/some.file" ]
	rm "$cells/some.file"
}

@test "gc takes nothing from cells that start and end meanwhile" {
	(while [ ! -e stop ]; do "$CLOISON" gc; done) 3>&- &
	gc=$!
	for _ in $(seq 20); do
		"$CLOISON" run --quiet -- sh -c 'exit 7' 3>&- &
		pids+=($!)
	done
	bad=0
	for p in "${pids[@]}"; do
		wait "$p" || [ $? -eq 7 ] || bad=$((bad + 1))
	done
	pids=()
	: >stop
	wait "$gc"
	[ "$bad" -eq 0 ]
}

@test "two gcs at once remove a dead cell once" {
	sleeper
	kill_all
	"$CLOISON" gc --verbose >one 2>&1 3>&- &
	"$CLOISON" gc --verbose >two 2>&1
	wait $!
	[ "$(cat one two | grep -c "$id: removed")" -eq 1 ]
	[ "$(ls "$spool/new" | wc -l)" -eq 1 ]
}

@test "root cleans up for a user, and with that user's rights" {
	is_root || skip "needs root"
	dir=/tmp/cloison-64399/cells
	rm -rf /tmp/cloison-64399
	mkdir -m 700 /tmp/cloison-64399 $dir
	victim=$BATS_TEST_TMPDIR/victim
	mkdir -p "$victim/new" "$victim/tmp"
	chmod 755 "$victim" "$victim"/*
	cells=$dir
	forge 00-user "spool $victim"
	sed -i 's/^uid .*/uid 64399/' $dir/00-user
	sleep 1000 3>&- &
	pids+=($!)
	forge 00-kill "supervisor 1 1" "init $! $(cut -d' ' -f22 /proc/$!/stat)"
	chown -R 64399:64399 /tmp/cloison-64399
	run "$CLOISON" gc
	[ ! -e $dir/00-user ]
	# Root's spool and root's process are out of the user's reach.
	[ -z "$(ls "$victim/new")" ]
	kill -0 "${pids[0]}"
	rm -rf /tmp/cloison-64399
}

@test "a user's registry that others could have made is not looked at" {
	is_root || skip "needs root"
	rm -rf /tmp/cloison-64398 /tmp/cloison-64397
	mkdir -m 700 /tmp/cloison-64398
	cells=$BATS_TEST_TMPDIR/elsewhere
	forge 00-linked
	chown -R 64398:64398 "$cells"
	ln -s "$cells" /tmp/cloison-64398/cells
	mkdir -m 777 /tmp/cloison-64397
	cells=/tmp/cloison-64397/cells
	forge 00-open
	chmod 777 "$cells"
	chown -R 64397:64397 "$cells"
	run -0 "$CLOISON" gc
	[ -e "$BATS_TEST_TMPDIR/elsewhere/00-linked" ]
	[ -e /tmp/cloison-64397/cells/00-open ]
	rm -rf /tmp/cloison-64398 /tmp/cloison-64397
}

# --- ls ---

# json [CELL] KEY...: one value of the cell's JSON object.
json() {
	"$CLOISON" ls --json --all "$id" | python3 -c '
import json, sys
cell, = json.load(sys.stdin)["cells"]
for key in sys.argv[1:]:
    cell = cell[key]
print(cell)' "$@"
}

@test "[S4] ls shows both pids of the payload, and they are right" {
	sleeper
	read -r -a row < <("$CLOISON" ls "$id" | tail -n 1)
	[ "${id%"${row[0]}"}" != "$id" ]
	[ "${row[5]}" = "$inside" ]
	[ "${row[6]}" = 2 ]
	[ "$(json payload pid)" = "$inside" ]
	[ "$(json payload inside)" = 2 ]
	[ "$(json init inside)" = 1 ]
	[[ $(grep NSpid "/proc/$inside/status") == *$'\t'"$inside"$'\t'2 ]]
}

@test "[S18] ls knows the cell's namespaces, job, user and profile" {
	export PBS_JOBID=4711.server
	sleeper --net=none
	[ "$(json namespaces)" = "user mnt pid net ipc uts cgroup" ]
	[ "$(json job)" = 4711.server ]
	[ "$(json scheduler)" = pbs ]
	[ "$(json uid)" -eq "$(id -u)" ]
	[ "$(json user)" = "$(id -un 2>/dev/null || true)" ]
	[ "$(json profile)" = batch ]
	[ "$(json supervisor)" -eq "$pid" ]
}

@test "ls shows memory, scratch in use and their limits now" {
	start --scratch=64M -- sh -c 'head -c 8M /dev/zero >/tmp/x; exec sleep 1000'
	init=$(fact init)
	eventually payload_of "$init"
	[ "$(json scratch_bytes)" -eq $((8 << 20)) ]
	[ "$(json scratch_limit_bytes)" -eq $((64 << 20)) ]
	[ "$(json memory_bytes)" -gt 100000 ]
	[ "$(json memory_bytes)" -lt $((256 << 20)) ]
	[ "$(json processes)" -eq 2 ]
}

@test "ls shows a cell with pid=host" {
	sleeper --pid=host
	[ "$(json payload pid)" = "$inside" ]
	[ "$(json payload inside)" = "$inside" ]
}

@test "a cell is named by its id, an end of it, a pid or its job" {
	export PBS_JOBID=4712.server
	sleeper
	for word in "$id" "${id:0:30}" "${id: -12}" "$pid" "$init" "$inside"; do
		[[ $("$CLOISON" ls --json "$word") == *"$id"* ]]
	done
	[[ $("$CLOISON" ls --json 4712.server) == *"$id"* ]]
	for word in 1 "${id:0:2}" 4712 nonsense 4712.serve "$(printf '%05000d' 7)"; do
		run -125 "$CLOISON" ls "$word"
		[[ $output == "cloison: no cell"* ]]
	done
}

@test "ls shows the dead only if asked" {
	sleeper
	kill_all
	[[ $("$CLOISON" ls --json) != *"$id"* ]]
	[[ $("$CLOISON" ls --json --all) == *"$id"* ]]
	[ "$(json alive)" = False ]
	"$CLOISON" gc
}

# top_says WORD FILTER: of cells while they run, through jq.
top_says() { [[ $("$CLOISON" top --json "$1" | jq ".cells[0] | $2") == true ]]; }

@test "top shows what a cell uses by the second, the busiest first" {
	export PBS_JOBID=top-$$
	sleeper
	idle=$id
	start -- sh -c 'while :; do :; done'
	busy=$id
	# On a machine that does other things as well it has what it gets.
	eventually top_says "$busy" '.cpus > 0.2 and .cpus < 1.5'
	top_says "$idle" '.cpus < 0.1 and .processes == 2 and .memory_bytes > 100000'
	"$CLOISON" top --json "$PBS_JOBID" | jq -e --arg busy "$busy" --arg idle "$idle" '[.cells[].id] == [$busy, $idle]'
	run -0 "$CLOISON" top "$PBS_JOBID"
	[[ ${lines[0]} == CELL*CPU%*MEMORY* && ${lines[1]} == "${busy: -8}"* && ${lines[2]} == "${idle: -8}"* && ${#lines[@]} -eq 3 ]]
}

@test "top counts the time of processes that have ended" {
	start -- sh -c 'while :; do timeout 0.05 sh -c "while :; do :; done"; done'
	eventually top_says "$id" '.cpus > 0.2'
}

@test "top on a terminal goes on until it is ended" {
	command -v script >/dev/null || skip "needs script(1)"
	sleeper
	run timeout 4 script -qec "stty rows 20 cols 100; exec '$CLOISON' top $id" /dev/null
	[[ $(grep -c "${id: -8}" <<<"$output") -ge 2 && $output == *$'\e[H\e[J'* ]]
	run timeout 20 script -qec "'$CLOISON' top --once $id" /dev/null
	[[ $(grep -c "${id: -8}" <<<"$output") -eq 1 && $output != *$'\e[J'* ]]
}

@test "top of a cell that is not there, or with an unknown option" {
	run -125 "$CLOISON" top nonsense
	[[ $output == "cloison: no cell 'nonsense'"* ]]
	run -125 "$CLOISON" top --nonsense
	[[ $output == "cloison: unknown option '--nonsense'"* ]]
}

@test "nobody sees other users' cells but root" {
	is_root || skip "needs root"
	sleeper
	as_nobody=(setpriv --reuid=64322 --regid=64322 --clear-groups env -u XDG_RUNTIME_DIR)
	[[ $("${as_nobody[@]}" "$CLOISON" ls --json --all) != *"$id"* ]]
	run -125 "${as_nobody[@]}" "$CLOISON" ls "$id"
	run -125 "${as_nobody[@]}" "$CLOISON" top "$id"
	run -125 "${as_nobody[@]}" "$CLOISON" enter "$id" -- true
	[[ $output == *"no cell '$id' of yours"* ]]
	run -125 "${as_nobody[@]}" "$CLOISON" enter "$inside" -- true
	"${as_nobody[@]}" "$CLOISON" gc
	[ -e "$cells/$id" ]
}

@test "what a user has written into his registry steers no terminal" {
	forge 00-escape "user root" 'job \x1b[2J' 'profile \x9b2J'
	run "$CLOISON" ls --all 00-escape
	[[ $output != *$'\e'* ]]
	[[ $output == *'?[2J'* ]]
	is_root || [[ $output != *root* ]]
	rm "$cells/00-escape"
}

@test "a user's word on other people's processes is not believed" {
	is_root || skip "needs root"
	rm -rf /tmp/cloison-64396
	mkdir -m 700 /tmp/cloison-64396
	cells=/tmp/cloison-64396/cells
	sleep 1000 3>&- &
	pids+=($!)
	start=$(cut -d' ' -f22 /proc/$!/stat)
	forge 00-mine "init $! $start" "supervisor $! $start" "memory 1" "cgroup /"
	sed -i 's/^uid .*/uid 64396/' "$cells/00-mine"
	forge 00-root "init $! $start"
	chown -R 64396:64396 /tmp/cloison-64396
	id=00-mine
	[[ $("$CLOISON" ls --json --all 00-mine 2>said) != *'"init":'* ]]
	[[ $("$CLOISON" ls --json --all 00-mine 2>/dev/null) != *'memory_bytes'* ]]
	[[ $(cat said) == *"00-root: it speaks for uid 0"* ]]
	run -125 "$CLOISON" enter 00-mine -- true
	rm -rf /tmp/cloison-64396
}

# --- enter ---

namespaces='for n in user mnt pid net ipc uts cgroup time; do readlink /proc/self/ns/$n; done'

namespaces_of() {
	local n
	for n in user mnt pid net ipc uts cgroup time; do readlink "/proc/$1/ns/$n"; done
}

@test "[S18] enter lands in all of the cell's namespaces" {
	sleeper --net=none --hostname=inner --time=monotonic=1000
	run -0 "$CLOISON" enter "$id" -- sh -c "$namespaces"
	[ "$output" = "$(namespaces_of "$inside")" ]
	[ "$output" != "$(namespaces_of self)" ]
	[ "$("$CLOISON" enter "$id" hostname)" = inner ]
	[[ $("$CLOISON" enter "$id" -- ps -eo comm) == *sleep* ]]
}

@test "[S20] what enters has no capability and cannot gain any, like the payload" {
	sleeper
	run -0 "$CLOISON" enter "$id" -- grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status
	[ "$output" = "$(grep -E '^(Cap|NoNewPrivs|Seccomp:)' "/proc/$inside/status")" ]
	[[ $output == *'CapEff:'$'\t'0000000000000000* ]]
	[[ $output == *'CapBnd:'$'\t'0000000000000000* ]]
	[[ $output == *NoNewPrivs:$'\t'1* ]]
}

@test "fake root enters as fake root, strict stays strict" {
	sleeper --user=root
	run -0 "$CLOISON" enter "$id" -- sh -c 'id -u; grep CapEff /proc/self/status'
	[ "${lines[0]}" = 0 ]
	[ "${lines[1]}" = "$(grep CapEff "/proc/$inside/status")" ]
	run ! "$CLOISON" enter "$id" -- umount /tmp
	sleeper --profile=strict
	run -0 "$CLOISON" enter "$id" -- grep Seccomp_filters /proc/self/status
	[ "$output" = "$(grep Seccomp_filters "/proc/$inside/status")" ]
}

@test "enter ends with the command's status, as run does" {
	sleeper
	run -0 "$CLOISON" enter "$id" true
	run -7 "$CLOISON" enter "$id" -- sh -c 'exit 7'
	run -143 "$CLOISON" enter "$id" -- sh -c 'kill $$'
	run -127 "$CLOISON" enter "$id" -- /nonexistent
	[ "$output" = "cloison: /nonexistent: No such file or directory" ]
	run -126 "$CLOISON" enter "$id" -- /
	run -125 "$CLOISON" enter
	run -125 "$CLOISON" enter --nonsense
	[ "$(echo hello | "$CLOISON" enter "$id" cat)" = hello ]
}

@test "enter is in the cell's working directory and scratch" {
	sleeper --scratch=1M
	[ "$("$CLOISON" enter "$id" pwd)" = "$PWD" ]
	"$CLOISON" enter "$id" -- sh -c 'echo here >$CLOISON_SCRATCH/file'
	[ "$("$CLOISON" enter "$id" cat /tmp/file)" = here ]
	(cd / && [ "$("$CLOISON" enter "$id" pwd)" = "$OLDPWD" ])
}

@test "enter that could not wait for its command does not begin it" {
	sleeper --scratch=1M
	# Who is traced cannot look for leaks.
	export ASAN_OPTIONS=detect_leaks=0
	run -125 strace -qq -o /dev/null -e inject=signalfd4,pidfd_open:error=EMFILE:delay_enter=500000 "$CLOISON" enter "$id" -- \
		sh -c 'echo begun >>"$CLOISON_SCRATCH/begun"; sleep 0.3'
	[[ $output == *"cloison: "* ]]
	run ! "$CLOISON" enter "$id" -- test -e /tmp/begun
}

@test "the command dies with the cell, and enter says so" {
	sleeper
	"$CLOISON" enter "$id" -- sh -c 'echo in; exec sleep 1000' >out 2>&1 3>&- &
	enter=$!
	pids+=("$enter")
	eventually grep -q in out
	kill "$pid"
	status=0
	wait "$enter" || status=$?
	[ "$status" -eq 137 ]
	grep 'the cell has ended, and sh with it' out
}

@test "the command dies with enter, and signals reach it" {
	sleeper
	"$CLOISON" enter "$id" -- sh -c 'trap "echo got >>out; exit 5" USR1; echo in >>out; while :; do sleep 0.1; done' 3>&- &
	enter=$!
	eventually grep -q in out
	kill -USR1 "$enter"
	status=0
	wait "$enter" || status=$?
	[ "$status" -eq 5 ]
	grep got out
	"$CLOISON" enter "$id" -- sleep 4711 3>&- &
	enter=$!
	eventually pgrep -x -f 'sleep 4711'
	kill -KILL "$enter"
	wait "$enter" || true
	eventually not_pgrep 'sleep 4711'
	kill -0 "$inside"
}

not_pgrep() { ! pgrep -x -f "$1"; }

@test "init cannot be reached by what enters" {
	sleeper
	run ! "$CLOISON" enter "$id" -- readlink /proc/1/fd/0
	run ! "$CLOISON" enter "$id" -- readlink /proc/1/exe
	run -137 "$CLOISON" enter "$id" -- sh -c 'kill -KILL 1; kill -KILL $$'
	kill -0 "$init"
}

@test "enter leaks no descriptor" {
	sleeper
	run -0 "$CLOISON" enter "$id" -- sh -c 'ls /proc/self/fd | tr "\n" " "' 7</dev/null
	[ "$output" = "0 1 2 3 " ]
}

@test "enter works with a terminal" {
	command -v script >/dev/null || skip "needs script(1)"
	sleeper
	run timeout 20 script -qec "'$CLOISON' enter $id -- sh -c 'test -t 0 && tty; stty size >/dev/null && echo sized'" /dev/null
	[ "$status" -eq 0 ]
	[[ $output == *sized* ]]
}

# What a user types, line by line, into a shell that has a terminal in the cell.
type_into() {
	python3 - "$CLOISON" enter "$id" -- bash --norc -i <<-'END'
		import os, pty, sys, time
		pid, fd = pty.fork()
		if not pid:
		    os.execvp(sys.argv[1], sys.argv[1:])
		for text in "sleep 1000", "\x1a", "jobs", "fg", "\x03", "echo st=$?", "exit 4":
		    os.write(fd, (text if text < " " else text + "\n").encode())
		    time.sleep(0.5)
		out = b""
		try:
		    while True:
		        out += os.read(fd, 4096)
		except OSError:
		    pass
		print(out.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
	END
}

@test "job control works in an entered cell" {
	sleeper
	run -0 timeout 30 bash -c "CLOISON='$CLOISON' id=$id; $(declare -f type_into); type_into"
	[[ $output == *Stopped*"sleep 1000"*Stopped*st=130* ]]
	[[ $output == *" 4" ]]
}

@test "root enters a user's cell as that user" {
	is_root || skip "needs root"
	user=(setpriv --reuid=64395 --regid=64395 --clear-groups env -u XDG_RUNTIME_DIR HOME=/nonexistent)
	rm -rf /tmp/cloison-64395
	cells=/tmp/cloison-64395/cells
	(cd / && exec "${user[@]}" "$CLOISON" run --quiet -- sleep 1000) 3>&- &
	pid=$!
	pids+=("$pid")
	eventually entry_of "$pid"
	id=$(entry_of "$pid")
	init=$(fact init)
	eventually payload_of "$init"
	inside=$(payload_of "$init")
	[[ $("$CLOISON" ls --json) == *"$id"* ]]
	run -0 env SECRET=x "$CLOISON" enter "$id" -- sh -c "id -u; id -G; echo -\$SECRET-; $namespaces"
	[ "${lines[0]}" = 64395 ]
	[ "${lines[1]}" = 64395 ]
	[ "${lines[2]}" = -- ]
	[ "$(printf '%s\n' "${lines[@]:3}")" = "$(namespaces_of "$inside")" ]
	# Another user has no way in.
	run -125 setpriv --reuid=64394 --regid=64394 --clear-groups env -u XDG_RUNTIME_DIR "$CLOISON" enter "$id" true
	kill "$pid"
	wait "$pid" || true
	rm -rf /tmp/cloison-64395
}
