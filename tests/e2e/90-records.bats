#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What cells of Slurm, of root and of users have left in this guest: this file is the last one.

load common

schema=/usr/share/cloison/cloison-record.schema.json

@test "all records of this guest are what the schema says" {
	wait_idle
	# At least these, if this test runs alone.
	as alice srun -n2 --cell --cell-memory=100M true
	as alice cloison run --quiet --tag=a=b -- false || true
	wait_idle
	for who in root alice; do
		runuser -l "$who" -c 'cloison report --by=record --json' >"$BATS_TEST_TMPDIR/$who"
	done
	[ "$(jq length "$BATS_TEST_TMPDIR/root")" -ge 1 ]
	[ "$(jq length "$BATS_TEST_TMPDIR/alice")" -ge 1 ]
	run -0 "$BATS_TEST_DIRNAME/../kernel/records-valid" "$schema" "$BATS_TEST_TMPDIR"/{root,alice}
	[[ $output == *" 0 not" ]]
}
