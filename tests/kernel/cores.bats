#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Cells of one node share its cores: claims, who has them, and what the payload
# sees. The ledger is the host's own: where cells that are not the tests' have
# cores, tests that need all of them are skipped.

bats_require_minimum_version 1.5.0
load common

setup() {
	common_setup
	unset OMP_NUM_THREADS
	pids=()
	(($(nproc) > 1)) || skip "one CPU is not enough"
	# Two cores that a cell each can have, whatever the machine has.
	mapfile -t two < <(lscpu -p=CPU,CORE | grep -v '^#' | sort -u -t, -k2,2 | cut -d, -f1 | sort -n | head -n 2)
	((${#two[@]} == 2)) || skip "one core is not enough"
	eventually pick || skip "others have the cores"
}

teardown() {
	((${#pids[@]} == 0)) || kill -KILL "${pids[@]}" 2>/dev/null || true
	wait
}

# on ARGUMENTS...: cloison run, which may use these two cores.
on() { taskset -c "${two[0]},${two[1]}" "$CLOISON" run --limits=try "$@"; }
pick() { on --quiet --cpus=2 true 2>/dev/null; }

# start FILE [OPTIONS...]: a cell that has a core until it is killed; its CPUs are in FILE.
start() {
	local file=$1
	shift
	taskset -c "${two[0]},${two[1]}" "$CLOISON" run --limits=try --quiet --cpus=1 "$@" -- \
		sh -c "grep Cpus_allowed_list /proc/self/status >$file; exec sleep 1000" 3>&- &
	pids+=($!)
	eventually test -s "$file"
}

claims() { find /run/cloison/cpus /tmp -maxdepth 1 -name 'cloison-cpus-*' -user "$(id -u)" 2>/dev/null | wc -l; }

@test "two cells at once sit on different cores, the third says who has them" {
	start a
	start b
	[ "$(sort a b | uniq | wc -l)" -eq 2 ]
	run -125 on --quiet --cpus=1 -- touch ran
	[ ! -e ran ]
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == "cloison: --cpus: 1 core wanted, none is free: CPUs "* ]]
	[ "$(grep -o "uid $(id -u)" <<<"$output" | wc -l)" -eq 2 ]
	for id in $("$CLOISON" ls | awk 'NR > 1 {print $1}'); do
		[[ $output != *" by cell $id "* ]] || found+=x
	done
	[ "$found" = xx ]
	# What picks no cores needs none.
	run -0 on --quiet --cpus=1 --cpu-policy=inherit -- nproc
	run -0 on --quiet --cpus=1 --limits=off -- nproc
}

@test "twenty at the same time: no two on one core" {
	for ((n = 0; n < 20; n++)); do
		# shellcheck disable=SC2016 # the inner shell expands it
		taskset -c "${two[0]},${two[1]}" "$CLOISON" run --limits=try --quiet --cpus=1 -- \
			sh -c 'grep Cpus_allowed_list /proc/self/status >"$0"; exec sleep 1000' "got$n" 2>"err$n" 3>&- &
		pids+=($!)
	done
	decided() { [ "$(find . -name 'got*' -size +0 -o -name 'err*' -size +0 | wc -l)" -eq 20 ]; }
	eventually decided
	[ "$(find . -name 'got*' -size +0 | wc -l)" -eq 2 ]
	[ "$(cat got* | sort -u | wc -l)" -eq 2 ]
	[ "$(cat err* | grep -c 'none is free')" -eq 18 ]
}

@test "a core is free again when its cell has ended, and when its supervisor is killed" {
	"$CLOISON" gc
	before=$(claims)
	start a
	start b
	kill -TERM "${pids[0]}"
	eventually on --quiet --cpus=1 -- true 2>/dev/null
	[ "$(claims)" -eq $((before + 1)) ]
	run -125 on --quiet --cpus=2 -- true
	kill -KILL "${pids[1]}"
	eventually pick
	# What it has left is gc's to remove.
	[ "$(claims)" -eq $((before + 1)) ]
	"$CLOISON" gc
	[ "$(claims)" -eq "$before" ]
}

@test "the site lets cells share" {
	is_root || skip "a site file is root's"
	printf '[site]\nloosen = all\ncores = share\n' >site
	start a
	run -0 on --quiet --cpus=2 --config="$PWD/site" -- nproc
	[ "$output" -ge 2 ]
	start b --config="$PWD/site"
	start c --config="$PWD/site"
	[ "$(sort a b | uniq | wc -l)" -eq 2 ]
	# None is left for who wants it alone.
	run -125 on --quiet --cpus=1 -- true
}

@test "who cannot claim is told, and runs" {
	is_root && skip "root can make a place for claims there, too"
	unshare --user --map-root-user true || skip "no user namespaces"
	# Nobody's word counts there that is not the first root's.
	run -0 unshare --user --map-root-user "$CLOISON" run --cpus=1 --limits=try -- echo ran
	[[ $output == *ran* ]]
	[[ $output == *"other cells may pick the same cores: claim cores in /tmp"* ]]
}

@test "inside of a cell its cores are there to pick" {
	is_root && skip "root's cells do not nest"
	run -0 on --quiet --cpus=1 --nestable=yes -- "$CLOISON" run --quiet --cpus=1 --limits=try -- nproc
	[ "$output" -ge 1 ]
	run -0 on --quiet --cpus=2 --pid=host --nestable=yes -- "$CLOISON" run --quiet --cpus=1 --limits=try -- nproc
}

@test "nproc and OMP_NUM_THREADS fit, if asked, and the user's own number stays" {
	# shellcheck disable=SC2016 # the inner shell expands it
	local show='echo "${OMP_NUM_THREADS:-none}"'
	run -0 on --quiet --cpus=1 -- sh -c "nproc; $show"
	[ "${lines[0]}" -lt "$(nproc)" ]
	[ "${lines[1]}" = none ]
	run -0 on --quiet --cpus=1 --omp-threads=yes -- sh -c "$show"
	[ "$output" = 1 ]
	run -0 on --quiet --omp-threads=yes -- sh -c "$show"
	[ "$output" = 2 ]
	OMP_NUM_THREADS=5 run -0 on --quiet --omp-threads=yes -- sh -c "$show"
	[ "$output" = 5 ]
	is_root || return 0
	printf '[site]\nloosen = all\ndefault-profile = omp\n[profile omp]\nbase = batch\nomp-threads = yes\n' >site
	run -0 on --quiet --config="$PWD/site" --cpus=0.5 -- sh -c "$show"
	[ "$output" = 1 ]
}
