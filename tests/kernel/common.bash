# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What the tests of the kernel ring share. CLOISON is the program under test;
# records go below the test's own directory.

: "${CLOISON:=cloison}"
[ -e "$BATS_RUN_TMPDIR/began" ] || : >"$BATS_RUN_TMPDIR/began"

common_setup() {
	export HOME="$BATS_TEST_TMPDIR/home" XDG_STATE_HOME="$BATS_TEST_TMPDIR/state"
	unset TMPDIR
	mkdir -p "$HOME" "$BATS_TEST_TMPDIR/work"
	cd "$BATS_TEST_TMPDIR/work" || return 1
}

is_root() { [ "$(id -u)" -eq 0 ]; }

# The program's own answer, without records and warnings.
cell() { "$CLOISON" run --quiet "$@"; }

# The newest record of this test, as one line of JSON.
record_of() {
	local file=$BATS_TEST_TMPDIR/record.json
	"$CLOISON" run --quiet --record="$file" "$@" || true
	cat "$file"
}

# What must not change, however many cells come and go.
snapshot() {
	cat /proc/self/mountinfo
	find /sys/fs/cgroup -type d -name '*cloison*' 2>/dev/null | sort
	ls /sys/class/net
	ipcs -a 2>/dev/null || true
	pgrep -x cloison-init || true
}

# All records that cells of this file have left are what their schema says.
# Those that a test has made up itself are called 00-....
records_valid() {
	local prefix found
	prefix=$(dirname "$(dirname "$(command -v "$CLOISON")")")
	mapfile -t found < <(
		find "$BATS_RUN_TMPDIR" \( -name record.json -o -path '*/spool/new/*.json' ! -name '00-*' \)
		find "$prefix/var/spool/cloison/new" -name '*.json' -newer "$BATS_RUN_TMPDIR/began" 2>/dev/null
	)
	((${#found[@]} == 0)) ||
		printf '%s\0' "${found[@]}" | xargs -0 "$BATS_TEST_DIRNAME/records-valid" \
			"$prefix/share/cloison/cloison-record.schema.json"
}
teardown_file() { records_valid; }

# eventually COMMAND...: until it succeeds, for as long as a busy machine may take.
eventually() {
	local end=$((SECONDS + 30))
	until "$@" >/dev/null 2>&1; do
		if ((SECONDS >= end)); then
			echo "not in time: $*" >&2
			return 1
		fi
		sleep 0.05
	done
}
