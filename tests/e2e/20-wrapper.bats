#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# cloison run with limits, on a host with cgroup v2 and systemd: as root by the
# system manager, as a user by his own, below a delegated cgroup.

load common

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	chmod 755 "$BATS_TEST_TMPDIR"
	before=$(cells)
}

cells() {
	find /sys/fs/cgroup -name '*cloison*'
	systemctl list-units --all --no-legend 'cloison*' || true
	pgrep -x cloison-init || true
}
same_cells() { [[ $(cells) == "$before" ]]; }
teardown() { eventually 20 same_cells; }

show='cat /proc/self/cgroup; cd /sys/fs/cgroup; cat memory.max memory.swap.max pids.max cpu.max'

@test "[S19] root: a scope, limits written and readable inside, swap none" {
	run -0 cloison run --memory=64M --pids=20 --cpus=0.5 -- sh -c "$show"
	[ "${lines[0]}" = "0::/" ]
	[ "${lines[1]}" = $((64 << 20)) ]
	[ "${lines[2]}" = 0 ]
	[ "${lines[3]}" = 21 ]
	[ "${lines[4]}" = "50000 100000" ]
}

@test "[S19] an ordinary user: the same by his own manager" {
	run -0 as_session alice cloison run --memory=64M --pids=20 -- \
		sh -c 'cd /sys/fs/cgroup; cat memory.max pids.max'
	[ "${lines[0]}" = $((64 << 20)) ]
	[ "${lines[1]}" = 21 ]
}

@test "below a delegated scope, and below a parent that the site names" {
	run -0 systemd-run --quiet --scope -p Delegate=yes cloison run --memory=64M -- \
		cat /sys/fs/cgroup/memory.max
	[ "$output" = $((64 << 20)) ]
	mkdir -p /sys/fs/cgroup/cells
	printf '[site]\nloosen = all\ncgroup-parent = /cells\n' >site
	run -0 cloison run --config="$PWD/site" --memory=32M -- cat /sys/fs/cgroup/memory.max
	[ "$output" = $((32 << 20)) ]
	rmdir /sys/fs/cgroup/cells
}

# outside CGROUP: the names and settings of all cgroups but those at and below it.
outside() {
	cd /sys/fs/cgroup || return
	find . -path ".$1" -prune -o -type d -print -o -type f \( -name cgroup.subtree_control -o -name '*.max' -o \
		-name '*.high' -o -name '*.weight' -o -name cpuset.cpus -o -name cpuset.mems \) -exec grep -H ^ {} + | sort
}

# queued RUN...: a cell in a cgroup that a queue has given its job (RUN COMMAND... starts one), which waits before it.
# Where it is made, and that all that is not the job's is as before, while it runs and after.
queued() {
	local job cg before during wait='until [ -e go ]; do sleep 0.2; done'
	cd "$(mktemp -d /home/alice/XXXXXX)" || return
	chmod 777 .
	"$@" sh -c "cd $PWD; cat /proc/self/cgroup >job; $wait
		exec cloison run --quiet --memory=64M --pids=20 --rw=$PWD -- sh -c 'touch ready; ${wait/go/end}'" 3>&- &
	eventually 60 grep -q '^0::/.*queue' job
	job=$(sed -n 's/^0:://p' job)
	before=$(outside "$job")
	touch go
	eventually 60 test -e ready
	during=$(outside "$job")
	cg=$(find "/sys/fs/cgroup$job" -mindepth 1 -maxdepth 1 -name 'cloison-[0-9]*-*')
	cat "$cg"/{memory.max,pids.max} >limits
	touch end
	wait $!
	diff <(echo "$before") <(echo "$during")
	[ "$(cat limits)" = $'67108864\n21' ]
	rm -r "$PWD"
}

@test "in a queue's cgroup the cell is below it, and nothing else is written to: root and a user" {
	queued systemd-run --quiet --wait --collect --unit=queue-root -p Delegate=yes
	queued systemd-run --quiet --wait --collect --unit=queue-alice -p Delegate=yes -p User=alice
	queued as_session alice systemd-run --user --quiet --wait --collect --unit=queue-own -p Delegate=yes
}

# recipe: the unit and the timer of cloison-queues(7), for now instead of 03:00.
recipe() {
	awk '$0 == "# SYSTEMD" { here = 1 }
		here && /^```/ && n++ { exit }
		n && /^# nightly/ { file = "/run/systemd/system/" $2; next }
		file { print >file }' /opt/cloison-tests/plugins/wrapper/cloison-queues.7.scd
	mkdir -p /run/systemd/system/nightly.timer.d
	printf '[Timer]\nOnCalendar=\nOnActiveSec=1s\nAccuracySec=1s\n' >/run/systemd/system/nightly.timer.d/now.conf
	systemctl daemon-reload
}
nightly_cell() { find /sys/fs/cgroup/system.slice/nightly.service -mindepth 1 -maxdepth 1 -name 'cloison-[0-9]*-*' | grep .; }
nightly_ended() { systemctl is-failed --quiet nightly.service; }

@test "a systemd timer, as cloison-queues(7) has it: its user's cell is below the unit, with the limit" {
	recipe
	as alice mkdir -p bin
	printf '#!/bin/sh\nid -un\ncat /proc/self/cgroup /sys/fs/cgroup/memory.max\nuntil [ -e /home/alice/go ]; do sleep 0.2; done\nexit 3\n' \
		>/home/alice/bin/nightly
	chmod 755 /home/alice/bin/nightly
	systemctl start nightly.timer
	eventually 60 nightly_cell
	[ "$(cat "$(nightly_cell)/memory.max")" = $((4 << 30)) ]
	touch /home/alice/go
	eventually 60 nightly_ended
	run journalctl --no-pager --output=cat --unit=nightly.service
	result=$(systemctl show -P ExecMainStatus nightly.service)
	systemctl stop nightly.timer nightly.service
	systemctl reset-failed nightly.service
	rm -r /home/alice/{go,bin} /run/systemd/system/nightly.*
	systemctl daemon-reload
	echo "$output"
	[[ $result == 3 && $output == *$'alice\n0::/\n4294967296'* ]]
	as alice cloison report --by=record --json | jq -e 'any(.[]; .scheduler.job_name == "nightly" and .exit.code == 3)'
}

# kept: what the kernel holds for the cells that run.
kept() {
	find /sys/fs/cgroup -path '*cloison-[0-9]*-*/*' -type f \( -name '*.max' -o -name '*.high' -o -name '*.weight' -o \
		-name cpuset.cpus -o -name cgroup.controllers -o -name cgroup.procs \) -exec grep -H ^ {} + | sort
}

@test "daemon-reload, of the system's manager and of the user's, changes no running cell" {
	cloison run --quiet --memory=64M --pids=20 --cpus=0.5 -- sleep 7171 3>&- &
	as_session alice cloison run --quiet --memory=48M --pids=30 -- sleep 7171 3>&- &
	two() { [ "$(pgrep -cfx 'sleep 7171')" -eq 2 ]; }
	eventually 60 two
	held=$(kept)
	grep -q 'memory.max:67108864$' <<<"$held"
	grep -q 'memory.max:50331648$' <<<"$held"
	systemctl daemon-reload
	as_session alice systemctl --user daemon-reload
	# A unit that starts has the managers look at their trees.
	systemd-run --quiet --wait --collect -p MemoryMax=1G true
	as_session alice systemd-run --user --quiet --wait --collect -p MemoryMax=1G true
	now=$(kept)
	two
	pgrep -fx 'sleep 7171' | xargs kill
	wait
	diff <(echo "$held") <(echo "$now")
}

@test "a cpuset smaller than the machine: its own, and that of a parent the site names" {
	# shellcheck disable=SC2016 # the inner shell expands it
	local where='sed -n "s/^Cpus_allowed_list:\t//p" /proc/self/status; cat /sys/fs/cgroup/cpuset.cpus'
	run -0 systemd-run --quiet --scope -p Delegate=yes -p AllowedCPUs=1 cloison run --cpus=1 -- sh -c "$where"
	[ "$output" = $'1\n1' ]
	run -125 systemd-run --quiet --scope -p Delegate=yes -p AllowedCPUs=1 cloison run --cpus=2 -- true
	[[ $output == *"--cpus: 2 cores wanted, 1 can be used (CPUs 1)"* ]]
	run -125 systemd-run --quiet --scope -p Delegate=yes -p AllowedCPUs=1 cloison run --cpuset=0 -- true
	[[ $output == *"--cpuset: CPUs 0 cannot be used here (only 1)"* ]]
	echo +cpuset >/sys/fs/cgroup/cgroup.subtree_control
	mkdir -p /sys/fs/cgroup/cells
	echo 1 >/sys/fs/cgroup/cells/cpuset.cpus
	printf '[site]\nloosen = all\ncgroup-parent = /cells\n' >site
	run cloison run --config="$PWD/site" --cpus=1 -- sh -c "$where"
	rmdir /sys/fs/cgroup/cells
	[ "$status" -eq 0 ]
	[ "$output" = $'1\n1' ]
}

@test "conf.d is read after cloison.conf, by name, and checked like it" {
	local dir=/etc/cloison/conf.d
	mkdir -p $dir
	printf '[site]\ndefault-profile = late\n' >/etc/cloison/cloison.conf
	printf '[profile late]\nbase = batch\nscratch = 8M\n' >$dir/10-a.conf
	printf '[profile late]\nscratch = 9M\n' >$dir/20-b.conf
	printf 'rubbish\n' >$dir/20-b.conf~
	run cloison plan
	good=$output
	printf '[site]\ncolour = red\n' >$dir/30-c.conf
	run cloison run -- true
	bad=$output
	rm $dir/30-c.conf
	chmod 666 $dir/20-b.conf
	run cloison run -- true
	writable=$output
	rm -r /etc/cloison
	[[ $good == "profile.name late"* && $good == *"scratch.bytes 9437184"* && $good == *"tree.access ro"* ]]
	[[ $bad == "cloison: $dir/30-c.conf:2: unknown key 'colour'"* ]]
	[[ $writable == "cloison: $dir/20-b.conf: writable by others"* ]]
}

@test "a parent that is not there: enforce refuses, try runs and says so" {
	printf '[site]\nloosen = all\ncgroup-parent = /no/such\n' >site
	run cloison run --config="$PWD/site" --memory=32M -- touch ran
	[ "$status" -eq 125 ]
	[[ $output == *"/no/such"* ]]
	[ ! -e ran ]
	run -0 cloison run --config="$PWD/site" --limits=try --memory=32M --record="$PWD/r" -- true
	[[ $output == *"no limit is enforced: "*"/no/such"* ]]
	[ "$(jq -r '.limits.enforced' r)" = null ]
	[[ $(jq -r '.limits.missing.memory' r) == */no/such* ]]
	[ "$(jq -r '.memory.limit_bytes' r)" = null ]
}

@test "memory: the payload is killed, the reason is oom" {
	run cloison run --memory=40M --record="$PWD/r" -- python3 -c 'x = bytearray(200 << 20)'
	[ "$status" -eq 137 ]
	[ "$(jq -r .exit.reason r)" = oom ]
	[ "$(jq -r '.memory.oom_kills >= 1 and .memory.peak_bytes > 30000000' r)" = true ]
	[ "$(jq -r '.limits.enforced.memory' r)" = $((40 << 20)) ]
}

@test "scratch is charged to the cell's memory" {
	run cloison run --memory=40M --scratch=1G --record="$PWD/r" -- \
		sh -c 'head -c 200000000 /dev/zero >/tmp/big'
	[ "$status" -ne 0 ]
	[ "$(jq '.memory.oom_kills >= 1' r)" = true ]
}

@test "pids: fork is refused at the limit" {
	run cloison run --pids=5 -- sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 2 & done; wait'
	[[ $output == *"fork"* ]]
}

@test "cpus: throttled to the quota, on the cores picked" {
	run -0 cloison run --cpus=0.25 --record="$PWD/r" -- python3 -c '
import time
end = time.monotonic() + 4
while time.monotonic() < end: pass'
	[ "$(jq '.cpu.throttled_us > 0' r)" = true ]
	# A quarter of one CPU, less on a busy host.
	[ "$(jq '.cpu.usage_us / (.time.wall_s * 1000000) | . > 0.1 and . < 0.28' r)" = true ]
	run -0 cloison run --cpus=1 --record="$PWD/r" -- nproc
	[ "$output" = 1 ]
	[ "$(jq -r '.cpu.cpuset' r)" = 0 ]
}

@test "the payload cannot raise its limits" {
	run cloison run --memory=64M -- sh -c 'echo max >/sys/fs/cgroup/memory.max; cat /sys/fs/cgroup/memory.max'
	[ "${lines[-1]}" = $((64 << 20)) ]
}

@test "the record is measured from the cgroup" {
	cloison run --memory=200M --record="$PWD/r" -- python3 -c 'x = bytearray(50 << 20)'
	[ "$(jq '.memory.peak_bytes > 50000000 and .memory.peak_bytes < 200000000' r)" = true ]
	[ "$(jq '.cpu.user_us > 0 and .pids.peak != 0' r)" = true ]
	[ "$(jq '.cpu.setup_us > 0 and .cpu.setup_us < .cpu.usage_us' r)" = true ]
}

# Whatever the limit: memory, pids and I/O; pids.peak, too, where the kernel has it.
counted='.memory.peak_bytes > 0 and .memory.oom_kills == 0 and .pressure.io_us >= 0'

@test "counters are there with every limit, and no controller without one fails a cell" {
	# /tmp, where this is, may be in memory.
	disk=$(mktemp -d /var/lib/cloison-test.XXXXXX)
	run -0 cloison run --pids=50 --rw="$disk" --record="$PWD/r" -- \
		dd if=/dev/zero of="$disk/file" bs=64k count=4 oflag=direct status=none
	rm -rf "$disk"
	[ "$(jq "$counted and .io.write_bytes >= 262144" r)" = true ]
	run -0 cloison run --cpus=0.5 --cpu-policy=inherit --record="$PWD/r" -- cat /sys/fs/cgroup/cgroup.controllers
	[[ " $output " == *" cpu io memory pids "* ]]
	[ "$(jq "$counted" r)" = true ]
	run -0 cloison run --memory=64M --record="$PWD/r" -- cat /sys/fs/cgroup/cgroup.controllers
	[[ " $output " != *" cpu "* ]]
	# A parent that gives nothing but what the limit needs.
	echo +pids >/sys/fs/cgroup/cgroup.subtree_control
	mkdir -p /sys/fs/cgroup/outer/cells
	echo +pids >/sys/fs/cgroup/outer/cgroup.subtree_control
	printf '[site]\nloosen = all\ncgroup-parent = /outer/cells\n' >site
	run cloison run --config="$PWD/site" --pids=50 --record="$PWD/r" -- cat /sys/fs/cgroup/cgroup.controllers
	rmdir /sys/fs/cgroup/outer/cells /sys/fs/cgroup/outer
	[ "$status" -eq 0 ]
	[ "$output" = pids ]
	[ "$(jq '.memory.peak_bytes, .io' r)" = $'null\nnull' ]
}

@test "a supervisor that is killed leaves neither payload nor cgroup" {
	cloison run --memory=64M -- sleep 6161 3>&- &
	eventually 30 pgrep -fx 'sleep 6161'
	kill -KILL $!
	eventually 30 sh -c '! pgrep -fx "sleep 6161"'
	eventually 30 same_cells
}

@test "100 limited cells leave nothing behind" {
	mountinfo=$(cat /proc/self/mountinfo)
	for _ in $(seq 100); do cloison run --quiet --memory=64M -- true; done
	[ "$(cat /proc/self/mountinfo)" = "$mountinfo" ]
}
