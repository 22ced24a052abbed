#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# cloisond, both roles killed at random again and again while records come, and
# for root the wire between them cut: each record arrives, once.
# shellcheck disable=SC2154,SC2034 # variables shared with daemon.bash

bats_require_minimum_version 1.5.0

load daemon

setup_file() { realms_begin here; }
teardown_file() { realms_end; }
setup() { daemon_setup; }
teardown() { daemon_teardown; }

kill_at_random() {
	sleep "0.$((RANDOM % 2))$((RANDOM % 10))"
	for role in collect ship; do
		((RANDOM % 2)) || continue
		stop_daemon "$role" KILL
		run_daemon "$role"
	done
}

cut_wire() {
	${on[ship]} ip link set wire down
	sleep 0.5
	${on[ship]} ip link set wire up
}

@test "20,000 records, killed 50 times (fewer under sanitizers)" {
	records=20000 rounds=50
	# Sanitizers take their time, and once is enough for the whole number.
	if [ "$me" -ne 0 ] || grep -q __asan_init "$CLOISOND"; then
		records=3000 rounds=15
	fi
	each=$((records / 5))
	[ "$me" -ne 0 ] || two_nodes
	start_daemon collect
	start_daemon ship 'batch-records = 50'
	for ((i = 0; i < rounds; i++)); do
		((i % (rounds / 5))) ||
			spool_many $((i * records / rounds + 1)) $((i * records / rounds + each))
		kill_at_random
		((me || i % 10)) || cut_wire
	done
	until_true spool_empty
	[ ! -e "$spool/bad" ]
	"$CLOISON_REPORT" --store="$store" --no-import --by=record --json |
		grep -o '"id":"r-[0-9]*"' > "$D/ids"
	[ "$(wc -l < "$D/ids")" -eq "$records" ]
	[ "$(sort -u "$D/ids" | wc -l)" -eq "$records" ]
}
