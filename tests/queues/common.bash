# SPDX-License-Identifier: GPL-2.0-or-later
# What the tests of queues share: `load common` at the top of a file. They run as root: in namespaces (tests/vm/native), without
# systemd and without cgroups, or as QUEUE-guest.bats in a guest that has both (tests/vm/queues/guest).
# shellcheck shell=bash
load ../e2e/common

# leftovers: processes and files of cells, and what cells had mounted.
leftovers() {
	pgrep -x cloison || true
	pgrep -x cloison-init || true
	find /run/cloison/{cells,cpus,jobs,leases,queue} -mindepth 1 ! -name gc.lock 2>/dev/null || true
	grep -c . /proc/self/mountinfo
}
