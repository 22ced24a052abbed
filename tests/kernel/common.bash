# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What the tests of the kernel ring share. CLOISON is the program under test;
# records go below the test's own directory.

: "${CLOISON:=cloison}"

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
