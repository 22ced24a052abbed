#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# cloison check on the machine itself; what it says of Slurm is tests/cluster's.
load common

setup() { common_setup; }

@test "check: a line for each thing, and 1 if one fails" {
	run "$CLOISON" check
	[ "$status" -eq "$(grep -cE '^[a-z-]+ +fail ' <<<"$output" | sed 's/[1-9].*/1/')" ]
	[[ ${lines[0]} == CHECK* ]]
	for name in kernel namespaces users mount-api overlay landlock seccomp pressure cgroup topology site-file profiles munge; do
		grep -qE "^$name +(ok|warn|fail)  ." <<<"$output"
	done
	awk 'NR > 1 && ($2 !~ /^(ok|warn|fail)$/ || !$3) { bad = 1 } END { exit bad }' <<<"$output"
	if is_root; then
		grep -q ^spool <<<"$output"
		grep -q ^registry <<<"$output"
	fi
}

@test "check --json: the same as a list" {
	text=$("$CLOISON" check) || true
	json=$("$CLOISON" check --json) || true
	[ "$(jq -r '.[] | .check + " " + .state' <<<"$json")" = "$(awk 'NR > 1 { print $1, $2 }' <<<"$text")" ]
	[ "$(jq 'all(.text != "")' <<<"$json")" = true ]
}

@test "check: what the kernel refuses makes the node unfit" {
	# shellcheck disable=SC2016 # for the inner shell
	run unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_user_namespaces && exec "$0" check' "$CLOISON"
	[ "$status" -eq 1 ]
	grep -E '^namespaces +fail +the kernel refuses them \(No space left on device\): look at user.max_user_namespaces' <<<"$output"
	grep -E '^users +warn ' <<<"$output"
}

@test "check: its own mistakes are 125" {
	run "$CLOISON" check x
	[ "$status" -eq 125 ]
	[[ $output == *"'x' is one argument too many"* ]]
	run "$CLOISON" check --nope
	[ "$status" -eq 125 ]
	run sh -c '"$0" check >/dev/full' "$CLOISON"
	[ "$status" -eq 125 ]
	run "$CLOISON" check --help
	[ "$status" -eq 0 ]
}
