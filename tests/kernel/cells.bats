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
		printf '[site]\nspool = %s\n' "$spool" >"$BATS_TEST_TMPDIR/site.conf"
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

eventually() {
	local i
	for ((i = 0; i < 200; i++)); do
		! "$@" >/dev/null 2>&1 || return 0
		sleep 0.02
	done
	echo "not in time: $*" >&2
	return 1
}

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
	} >"$file"
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
	sleeper --tag=x=y
	kill_all
	"$CLOISON" gc
	file=$spool/new/$id.json
	[[ $(cat "$file") == *'"reason":"lost"'* ]]
	[[ $(cat "$file") == *"\"id\":\"$id\""* ]]
	[[ $(cat "$file") == *"\"uid\":$(id -u)"* ]]
	"$CLOISON" gc
	[ "$(ls "$spool/new" | wc -l)" -eq 1 ]
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
	for i in $(seq 20); do
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
