#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Each limit is reached by a load that goes on and on, and holds; what the cell
# says of it, and its record, agree.

load common

setup() {
	dir=$(mktemp -d /var/lib/cloison-test.XXXXXX)
	chmod 755 "$dir"
	cd "$dir" || return
	wait_idle
	before=$(state)
}

teardown() {
	eventually 30 same
	# What a test that failed may have left.
	if mountpoint -q "$dir/part"; then umount "$dir/part"; fi
	losetup -j "$dir/image" -O NAME -n | xargs -r losetup -d
	if grep -q "^$dir/swap" /proc/swaps; then swapoff "$dir/swap"; fi
	if [ -d /sys/fs/cgroup/cells ]; then rmdir /sys/fs/cgroup/cells; fi
	cd / && rm -rf "$dir"
}

state() {
	find /sys/fs/cgroup -name '*cloison*' | sort
	systemctl list-units --all --no-legend 'cloison*' || true
	pgrep -x cloison-init || true
}
same() { [[ $(state) == "$before" ]]; }

# parent CONTROLLER...: a cgroup /cells that gives them on, for cells of root's; with $dir/site as --config.
parent() {
	local names=("${@/#/+}")
	echo "${names[*]}" >/sys/fs/cgroup/cgroup.subtree_control
	mkdir -p /sys/fs/cgroup/cells
	printf '[site]\nloosen = all\ncgroup-parent = /cells\n' >"$dir/site"
}

# The record $2 at the key $1.
field() { jq -r ".$1" "${2:-r}"; }

records() { cloison report --by=record --json --job="$1"; }

# busy CPUS: how much of the quota two busy loops get: of that for the time, and of that for the periods in which they had to wait. On
# a busy host the guest may have less processor time than the quota; in such a period nobody waits.
busy() {
	cloison run --rw="$dir" --cpus="$1" --cpu-policy=inherit --record="$dir/r" -- python3 -c '
import subprocess, sys, time
def stat():
    with open("/sys/fs/cgroup/cpu.stat") as f:
        s = {k: int(v) for k, v in (line.split() for line in f)}
    return time.monotonic(), s["usage_usec"] / 1e6, s["nr_throttled"]
# One that is ended early warns.
load = subprocess.Popen(["stress-ng", "--quiet", "--cpu", "2", "--timeout", "60"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
time.sleep(4)
before = stat()
time.sleep(12)
t, used, waited = [b - a for a, b in zip(before, stat())]
load.terminate()
load.wait()
quota = float(sys.argv[1])
print(used / (t * quota), used / (waited * 0.1 * quota) if waited else 0)' "$1"
}

# between LEAST MOST COMMAND...: the number it prints. Less than that is tried again, as a busy host may have kept the guest from it.
between() {
	local least=$1 most=$2
	shift 2
	for _ in 1 2 3; do
		run -0 "$@" || return
		echo "${*:1:3}: $output"
		awk -v got="$output" -v most="$most" 'BEGIN { exit !(got < most) }' || return
		! awk -v got="$output" -v least="$least" 'BEGIN { exit !(got > least) }' || return 0
	done
	return 1
}

@test "cpus: two busy loops get the quota, within 5 %" {
	for cpus in 0.5 1.5; do
		for _ in 1 2 3; do
			run -0 busy "$cpus"
			echo "$cpus: $output"
			[[ $output == *" 0" ]] || break
		done
		awk '{ exit !($1 < 1.05 && $2 > 0.95) }' <<<"$output"
		[ "$(field 'cpu.throttled_us > 0')" = true ]
	done
}

@test "cpu-weight: of one CPU, two cells get what their weights say" {
	parent cpu
	for weight in 300 100; do
		cloison run --quiet --config="$dir/site" --cpu-weight=$weight --record="$dir/r$weight" \
			--time-limit=20,grace=1 -- taskset -c 0 sh -c 'while :; do :; done' 3>&- &
	done
	wait
	[ "$(field limits.enforced.\"cpu-weight\" r300)" = 300 ]
	heavy=$(field cpu.usage_us r300) light=$(field cpu.usage_us r100)
	echo "$heavy : $light"
	((heavy > 2 * light && heavy < 4 * light))
	rmdir /sys/fs/cgroup/cells
}

@test "memory: all of the cell is killed, the victim is named, the record says oom" {
	run -137 cloison run --memory=60M --record="$dir/r" -- sh -c '
		sleep 300 & python3 -c "x = bytearray(200 << 20)"; sleep 300'
	[[ $output == "cloison: out of memory: python3 (pid "*") was killed at the limit of 60 MiB, peak "*"ask for more with --memory" ]]
	[ "$(field exit.reason)" = oom ]
	[ "$(field exit.signal)" = 9 ]
	[ "$(field memory.oom_victim)" = python3 ]
	[ "$(field 'memory.oom_victim_pid > 1')" = true ]
	[ "$(field 'memory.oom_kills >= 3')" = true ]
	[ "$(field 'memory.peak_bytes > 55000000 and .memory.peak_bytes <= 62914560')" = true ]
}

@test "memory, oom-group=no: one process is killed, the others go on" {
	run -3 cloison run --memory=60M --oom-group=no --record="$dir/r" -- sh -c '
		python3 -c "x = bytearray(200 << 20)"; exit 3'
	[[ $output == *"out of memory: python3 (pid "* ]]
	[ "$(field exit.reason)" = exited ]
	[ "$(field memory.oom_kills)" = 1 ]
}

@test "memory: overlays are collected after an OOM, as root's init is spared" {
	mkdir base out
	run -137 cloison run --rw="$dir" --overlay="$dir/base:collect=*=$dir/out" --memory=60M -- sh -c '
		echo here >base/file; python3 -c "x = bytearray(200 << 20)"'
	[ "$(cat out/file)" = here ]
}

@test "memory, an ordinary user: killed with init, and told with the limit" {
	run -137 as_session alice cloison run --memory=60M --record=/home/alice/r -- \
		python3 -c 'x = bytearray(200 << 20)'
	[[ $output == *"out of memory: "*" was killed at the limit of 60 MiB, peak "* ]]
	[[ $output != *"PID 1"* ]]
	[ "$(field exit.reason /home/alice/r)" = oom ]
}

@test "memory: a kill for want of memory above the cell is no kill at its limit" {
	parent memory
	echo 80M >/sys/fs/cgroup/cells/memory.max
	echo 0 >/sys/fs/cgroup/cells/memory.swap.max
	run -137 cloison run --config="$dir/site" --memory=1G --record="$dir/r" -- \
		python3 -c 'x = bytearray(200 << 20)'
	rmdir /sys/fs/cgroup/cells
	[[ $output == *"out of memory: python3 (pid "*") was killed, not at the cell's limit"* ]]
	[ "$(field exit.reason)" = host-oom ]
}

@test "memory-high slows down and kills nothing" {
	run -0 cloison run --memory-high=64M --record="$dir/r" -- python3 -c '
import time
def current():
    with open("/sys/fs/cgroup/memory.current") as f:
        return int(f.read())
blocks, below, above = [], [], []
while current() < 68 << 20 and len(blocks) < 400:
    start = time.monotonic()
    blocks.append(b"x" * (256 << 10))
    (above if current() > 64 << 20 else below).append(time.monotonic() - start)
below.sort()
print(below[len(below) // 2], max(above))'
	echo "$output"
	awk '{ exit !($2 > 0.05 && $2 > 5 * $1) }' <<<"$output"
	[ "$(field memory.oom_kills)" = 0 ]
	[ "$(field exit.reason)" = exited ]
}

@test "swap: beside the memory limit as much as is allowed, and none by default" {
	fallocate -l 192M swap
	chmod 600 swap
	mkswap -q swap
	swapon swap
	fill='x = bytearray(b"ab") * (45 << 20)'
	run cloison run --memory=64M --record="$dir/none" -- python3 -c "$fill"
	none=$status
	run cloison run --memory=64M --swap=100M --record="$dir/some" -- \
		sh -c "cat /sys/fs/cgroup/memory.swap.max; python3 -c '$fill'"
	some=$status
	swapoff swap
	[ "$none" -eq 137 ]
	[ "$(field exit.reason none)" = oom ]
	[ "$some" -eq 0 ]
	[ "$output" = $((100 << 20)) ]
}

@test "pids: fork is refused at the limit" {
	run -0 cloison run --pids=8 --record="$dir/r" -- python3 -c '
import os, time
n = 0
try:
    while n < 100:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        n += 1
except BlockingIOError:
    print(n + 1)'
	[ "$output" = 8 ]
	run -0 cloison run --pids=20 --record="$dir/r" -- sh -c 'stress-ng --quiet --fork 4 --timeout 5 || true'
	[ "$(field 'pids.peak <= 21')" = true ]
}

# written BYTES_PER_SECOND DIR OPTION...: writes for some seconds, straight to the disk; prints the rate.
written() {
	cloison run --quiet --rw="$2" --record="$dir/r" "${@:3}" -- python3 -c '
import mmap, os, sys, time
rate, path = int(sys.argv[1]), sys.argv[2] + "/load"
block = mmap.mmap(-1, 65536)
fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_DIRECT)
os.write(fd, block)
start, n = time.monotonic(), 0
while n < 6 * rate:
    os.lseek(fd, 0, 0)
    n += os.write(fd, block)
print(n / (time.monotonic() - start))
os.unlink(path)' "$1" "$2"
}

@test "io-max: writes are held to the rate, on a disk and on a partition of one" {
	truncate -s 64M image
	# A table with one partition of Linux behind the first MiB.
	python3 -c '
import struct
with open("image", "r+b") as f:
    f.seek(446)
    f.write(struct.pack("<B3sB3sII", 0, bytes(3), 0x83, bytes(3), 2048, 129024))
    f.seek(510)
    f.write(bytes([0x55, 0xaa]))'
	loop=$(losetup --show -fP image)
	mkfs.ext4 -q "${loop}p1"
	mkdir part
	mount "${loop}p1" part
	for where in "$dir" "$dir/part"; do
		between 1600000 2200000 written 2000000 "$where" --io-max="$where:wbps=2000000" || bad=1
		cp r "r-$(basename "$where")"
	done
	# Two cells, a limit each on two disks.
	run cloison plan --io-max="$dir:wbps=2M;$dir/part:riops=7,rbps=1M"
	umount part
	losetup -d "$loop"
	[ -z "${bad:-}" ]
	[[ $output == *"cgroup.io.max $(lsblk -no MAJ:MIN /dev/vda | head -n 1 | tr -d ' ') wbps=2097152; "*" rbps=1048576 riops=7"* ]]
	[[ $(field 'limits.enforced["io-max"]' r-part) == "$(cat "/sys/block/${loop#/dev/}/dev") wbps=2000000" ]]
}

@test "io-max: operations in a second, and what is no disk" {
	start=$EPOCHREALTIME
	cloison run --rw="$dir" --io-max="$dir:wiops=10" -- \
		dd if=/dev/zero of="$dir/load" bs=4k count=50 oflag=direct status=none
	took=$(awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }')
	echo "$took"
	awk -v t="$took" 'BEGIN { exit !(t > 3.5) }'
	run -125 cloison run --io-max=/run:wbps=1M -- true
	[[ $output == "cloison: --io-max: /run is on no disk of this host"*"limits=try" ]]
}

@test "io-weight: written, for all disks and, with io.cost, for one" {
	disk=$(lsblk -no MAJ:MIN /dev/vda | head -n 1 | tr -d ' ')
	run -0 cloison run --io-weight=40 -- cat /sys/fs/cgroup/io.weight
	[ "$output" = "default 40" ]
	run -125 cloison run --io-weight="/var:20" -- true
	[[ $output == *"io.weight"*"io.cost.qos"* ]]
	echo "$disk enable=1" >/sys/fs/cgroup/io.cost.qos
	run cloison run --io-weight="40;/var:20" -- cat /sys/fs/cgroup/io.weight
	echo "$disk enable=0" >/sys/fs/cgroup/io.cost.qos
	[ "$output" = "default 40"$'\n'"$disk 20" ]
}

@test "hugetlb: one huge page too many is SIGBUS" {
	echo 16 >/proc/sys/vm/nr_hugepages
	[ "$(cat /proc/sys/vm/nr_hugepages)" -ge 4 ]
	parent hugetlb
	touch='
import mmap, sys
m = mmap.mmap(-1, 4 << 21, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40000)
for i in range(int(sys.argv[1])):
    m[i << 21] = 1
print("all")'
	run -0 cloison run --config="$dir/site" --hugetlb=2M:5M -- python3 -c "$touch" 2
	within=$output
	run cloison run --config="$dir/site" --hugetlb=2M:5M -- python3 -c "$touch" 3
	beyond=$status
	run cloison run --hugetlb=2M:5M -- true
	echo 0 >/proc/sys/vm/nr_hugepages
	rmdir /sys/fs/cgroup/cells
	echo -hugetlb >/sys/fs/cgroup/cgroup.subtree_control
	[ "$within" = all ]
	[ "$beyond" -eq $((128 + 7)) ]
	[[ $output == *"systemd passes no hugetlb controller to scopes"* ]]
}

@test "cpu-time ends the cell: by PID 1's count, by the cgroup's, and in Slurm" {
	for options in "--cpu-time=3s" "--cpu-time=3s --pid=host" "--cpu-time=3s --memory=200M"; do
		# shellcheck disable=SC2086 # several options
		run -143 cloison run $options --record="$dir/r" -- sh -c 'while :; do :; done & while :; do :; done'
		[[ $output == *"the CPU time of 3 s was used up"* ]]
		[ "$(field exit.reason)" = cpu-time ]
		[ "$(field 'cpu.usage_us > 2800000 and .cpu.usage_us < 4500000')" = true ]
	done
	run as alice srun --cell-cpu-time=3s sh -c 'while :; do :; done'
	[ "$status" -ne 0 ]
	[[ $output == *"the CPU time of 3 s was used up"* ]]
	[ "$(records "$(last_job)" | jq -r '.[0].exit.reason')" = cpu-time ]
}

@test "Slurm: limits are lowered where Slurm has them, and never raised" {
	run -0 as alice srun --mem=300 --cell-memory-high=100M --cell-swap=0 --cell-cpu-weight=50 sh -c '
		cd /sys/fs/cgroup; cat memory.max memory.high memory.swap.max cpu.weight'
	[ "${lines[0]}" = $((300 << 20)) ]
	[ "${lines[1]}" = $((100 << 20)) ]
	[ "${lines[2]}" = 0 ]
	[ "${lines[3]}" = 50 ]
	run -0 as alice srun --mem=300 --cell-cpu-weight=5000 cat /sys/fs/cgroup/cpu.weight
	[ "$output" = 100 ]
}

@test "Slurm: an OOM kill is told with its victim, at the cell's limit and at Slurm's" {
	for limit in "--mem=300 --cell-memory=64M" "--mem=64 --cell"; do
		# shellcheck disable=SC2086 # several options
		run as alice srun $limit python3 -c 'x = bytearray(200 << 20); print(len(x))'
		[ "$status" -ne 0 ]
		[[ $output == *"cloison: out of memory: python3 (pid "*") was killed at the limit of 64 MiB"* ]]
		job=$(last_job)
		eventually 30 sacct_is "$job.0" State OUT_OF_MEMORY
		[ "$(records "$job" | jq -r '.[0].exit.reason')" = oom ]
		[ "$(records "$job" | jq -r '.[0].memory.oom_victim')" = python3 ]
	done
}

# All that a payload could try to have more than it was given.
raise='
cd /sys/fs/cgroup
for f in memory.max memory.high memory.swap.max pids.max; do echo max >$f; done
echo "max 100000" >cpu.max; echo 10000 >cpu.weight; echo 0 >memory.oom.group
echo $$ >cgroup.procs
mount -o remount,rw /sys/fs/cgroup
mkdir -p /tmp/cg && mount -t cgroup2 none /tmp/cg && cd /tmp/cg && {
	echo max >memory.max; echo max >pids.max; echo "max 100000" >cpu.max
	mkdir inner && echo $$ >inner/cgroup.procs; echo $$ >cgroup.procs
	echo $$ >../cgroup.procs
}
unshare -Urm sh -c "mount -t cgroup2 none /tmp && echo max >/tmp/memory.max"
unshare -UrmC sh -c "mount -t cgroup2 none /tmp && echo max >/tmp/memory.max"
echo tried; sleep 6'

# What the kernel holds, read from outside while the payload tries.
held() {
	local cg
	eventually 60 grep -qx tried "$dir/log"
	cg=$(find /sys/fs/cgroup -type d -name 'cloison-[0-9]*-*' | head -n 1)
	cat "$cg"/{memory.max,memory.high,memory.swap.max,pids.max,cpu.max,cpu.weight,memory.oom.group} | paste -sd ' '
}

@test "the payload cannot raise its limits, be it root in its namespace or not" {
	limits=(--memory=100M --memory-high=90M --pids=50 --cpus=1 --cpu-weight=20)
	want="104857600 94371840 0 51 100000 100000 20 1"
	for options in --user=identity --user=root "--user=root --nestable=yes" "--user=host --nestable=yes --profile=open"; do
		# shellcheck disable=SC2086 # several options
		cloison run --quiet $options "${limits[@]}" -- sh -c "$raise" >"$dir/log" 2>&1 3>&- &
		got=$(held)
		wait $! || true
		echo "$options: $got"
		[ "$got" = "$want" ]
		eventually 20 same
	done
	for options in --user=self "--user=root --nestable=yes"; do
		# shellcheck disable=SC2086 # several options
		as_session alice cloison run --quiet $options --memory=100M --memory-high=90M --pids=50 -- \
			sh -c "$raise" >"$dir/log" 2>&1 3>&- &
		got=$(held)
		wait $! || true
		echo "alice $options: $got"
		[[ $got == "104857600 94371840 0 51 "*1 ]]
		eventually 20 same
	done
}

@test "Slurm: pids and I/O are limited with EnableExtraControllers, and refused without" {
	for option in pids=20 io-max=/var:wbps=1M; do
		run as alice srun --cell-$option true
		[ "$status" -ne 0 ]
		[[ $output == *"--cell-${option%%=*}: the ${option%%[-=]*} controller is not delegated to "* ]]
	done
	# Before 25.05 slurmd would not start with it.
	[[ $(srun -V) =~ ([0-9]+)\.([0-9]+)\. ]]
	((10#${BASH_REMATCH[1]}${BASH_REMATCH[2]} >= 2505)) || return 0
	cp /etc/slurm/cgroup.conf "$dir/cgroup.conf"
	echo EnableExtraControllers=pids,io >>/etc/slurm/cgroup.conf
	systemctl restart slurmd
	wait_idle
	run as alice srun --cell-pids=20 --cell-io-max=/var:wbps=1M --cell-io-weight=40 \
		cat /sys/fs/cgroup/{pids.max,io.max,io.weight}
	got=$output
	run as alice srun --cell-pids=8 sh -c 'for i in 1 2 3 4 5 6 7 8 9; do sleep 1 & done; wait'
	cp "$dir/cgroup.conf" /etc/slurm/cgroup.conf
	systemctl restart slurmd
	wait_idle
	[[ $output == *[Ff]ork* ]]
	# One more, for the init of the cell.
	[[ $got == *21*"wbps=1048576 "*"default 40"* ]]
}
