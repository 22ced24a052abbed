#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Supervision: how a cell ends, and that it ends altogether, whoever is killed.

bats_require_minimum_version 1.5.0
load common

setup() { common_setup; }

@test "[S2] what the payload left is killed, reaped and accounted for" {
	for mode in new host; do
		rm -f used
		json=$(record_of --pid=$mode -- sh -c 'setsid python3 -c "
import time
while time.process_time() < 0.4: pass
open(\"used\", \"w\")
while True: pass" &
			until [ -e used ]; do sleep 0.05; done; exit 4')
		[ "$(jq '.cpu.usage_us >= 400000' <<<"$json")" = true ]
		[ "$(jq .exit.code <<<"$json")" = 4 ]
	done
}

@test "[S2] 1,000 orphans are reaped, in a PID namespace and without one" {
	for mode in new host; do
		run -0 cell --pid=$mode -- python3 -c '
import os, time
for i in range(1000):
    if os.fork() == 0:
        if os.fork() == 0:
            time.sleep(0.1)
        os._exit(0)
    os.wait()
end = time.time() + 10
def children():
    n = 0
    for p in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{p}/stat") as f:
                s = f.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        n += s[1] == str(os.getppid())
    return n
while children() > 1 and time.time() < end:
    time.sleep(0.05)
print("children of init:", children())'
		[ "$output" = "children of init: 1" ]
	done
}

# start SCRIPT [OPTION...]: a cell in the background that runs SCRIPT, which
# has to sleep for $NAP seconds, a number that nobody else has. Sets pid, init.
start() {
	local script=$1
	shift
	export NAP=$((1000000 + BASHPID * 10 + RANDOM % 10))
	"$CLOISON" run "$@" -- sh -c "$script" 3>&- 2>err &
	pid=$!
	eventually pgrep -fx "sleep $NAP"
	init=$(pgrep -P $pid -x cloison-init)
}

ends_with() {
	local status=0
	wait $pid || status=$?
	[ "$status" -eq "$1" ]
}

nobody_sleeps() { ! pgrep -fx "sleep $NAP"; }

@test "[S2] exit statuses and every deadly signal are told exactly" {
	for code in 0 1 2 124 125 126 127 128 200 254 255; do
		run -"$code" cell -- sh -c "exit $code"
	done
	for sig in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 24 25 26 27 29 30 31 34 64; do
		json=$(record_of -- python3 -c "
import ctypes, os
ctypes.CDLL(None).signal($sig, None)
os.kill(os.getpid(), $sig)")
		[ "$(jq .exit.signal <<<"$json")" = "$sig" ]
		[ "$(jq -r .exit.reason <<<"$json")" = signaled ]
	done
	run -139 bash -c 'ulimit -c unlimited; "$1" run --quiet -- sh -c "kill -SEGV \$\$"' _ "$CLOISON"
}

@test "--raise: the caller sees the signal itself; a status stays one" {
	status_of() { python3 -c 'import subprocess, sys; print(subprocess.call(sys.argv[1:]))' "$CLOISON" run "$@"; }
	ulimit -c unlimited
	for sig in 1 2 6 9 11 15 34; do
		[ "$(status_of --raise -- sh -c "ulimit -c 0; kill -$sig \$\$")" = "-$sig" ]
	done
	[ "$(status_of --raise --time-limit=1 -- sleep 60)" = -15 ]
	[ "$(status_of --raise -- sh -c 'exit 139')" = 139 ]
	[ "$(status_of --raise -- /nonexistent/command)" = 127 ]
	[ "$(status_of -- sh -c 'ulimit -c 0; kill -SEGV $$')" = 139 ]
	[ -z "$(find . -name 'core*')" ]
}

@test "[S2] PID 1 is killed: 137, a sentence, a record that says so, and nothing is left" {
	for mode in new host; do
		start 'setsid sleep $NAP & wait' --pid=$mode --record="$PWD/r.json"
		kill -KILL "$init"
		ends_with 137
		[[ $(cat err) == *"PID 1 was killed by signal 9"* ]]
		[ "$(jq -r .exit.reason r.json)" = lost ]
		[ "$(jq -r .exit.signal r.json)" = null ]
		nobody_sleeps
		rm r.json
	done
}

@test "[S2] cloison is killed: nothing is left, with a PID namespace and without" {
	for mode in new host; do
		start 'setsid sleep $NAP & (sleep $NAP &); sleep $NAP; true' --pid=$mode
		kill -KILL $pid
		ends_with 137
		eventually nobody_sleeps
	done
}

@test "[S2] cloison is killed while it is stopped, and so is a stopped cell" {
	start 'sleep $NAP; true'
	kill -STOP "$init"
	kill -STOP $pid
	kill -KILL $pid
	eventually nobody_sleeps
	wait $pid || true
}

no_init_is_lost() { ! pgrep -P 1 -x -r D,R,S,T cloison-init; }

@test "[S2] cloison is killed at any moment of a launch" {
	for i in $(seq 40); do
		export NAP=$((2000000 + BASHPID * 10))
		"$CLOISON" run --quiet --net=none -- sleep $NAP 3>&- &
		pid=$!
		python3 -c "import time; time.sleep($i * 0.0004)"
		kill -KILL $pid
		wait $pid 2>/dev/null || true
	done 2>/dev/null
	eventually nobody_sleeps
	eventually no_init_is_lost
}

@test "[S2] the payload is killed: 137, and nothing is left" {
	start 'setsid sleep $NAP & wait'
	kill -KILL "$(pgrep -P "$init" -x sh)"
	ends_with 137
	nobody_sleeps
}

# Counts the signals that it gets.
counter='
import os, signal, sys, time
got = {}
def note(sig, frame):
    got[sig] = got.get(sig, 0) + 1
for sig in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM,
            signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGCONT,
            signal.SIGWINCH):
    signal.signal(sig, note)
if "setpgid" in sys.argv:
    os.setpgid(0, 0)
open("ready", "w").close()
end = time.time() + 20
while not os.path.exists("stop") and time.time() < end:
    time.sleep(0.02)
time.sleep(0.3)
print(" ".join("%d*%d" % (n, got[n]) for n in sorted(got)))'

# count KILL-COMMAND [ARGUMENT]: what the payload gets by it; $pid is cloison,
# leader of a process group of its own.
count() {
	rm -f ready stop
	(
		set -m
		"$CLOISON" run --quiet --pid="${mode-new}" -- python3 -c "$counter" "${@:2}" >got 3>&- &
		pid=$!
		until [ -e ready ]; do sleep 0.05; done
		eval "$1"
		: >stop
		wait $pid
	)
	cat got
}

@test "each signal reaches the payload once, however it was sent" {
	for mode in new host; do
		[ "$(count 'for s in HUP INT QUIT TERM USR1 USR2 ALRM CONT WINCH; do kill -$s $pid; done')" = \
			"1*1 2*1 3*1 10*1 12*1 14*1 15*1 18*1 28*1" ]
		# To the whole process group, which it is in, or has left.
		[ "$(count 'kill -TERM -$pid; sleep 0.2; kill -USR1 -$pid')" = "10*1 15*1" ]
		[ "$(count 'kill -TERM -$pid; sleep 0.2; kill -USR1 -$pid' setpgid)" = "10*1 15*1" ]
		# One after the other, and once more to the group.
		[ "$(count 'kill -TERM $pid; sleep 0.2; kill -TERM $pid; sleep 0.2; kill -TERM -$pid')" = "15*3" ]
	done
}

@test "an alarm that is set before cloison reaches the payload" {
	run -0 python3 -c '
import os, signal, sys
signal.alarm(1)
os.execv(sys.argv[1], [sys.argv[1], "run", "--quiet", "--", "sh", "-c",
         "trap \"echo alarm; exit 0\" ALRM; while :; do sleep 0.1; done"])' "$CLOISON"
	[ "$output" = alarm ]
}

@test "--time-limit: SIGTERM, then after the grace SIGKILL, to all of the cell" {
	start=$SECONDS
	run -143 "$CLOISON" run --record="$PWD/r.json" --time-limit=1s -- sleep 30
	[ "$output" = "cloison: the time limit of 1 s was reached" ]
	[ "$(jq -r .exit.reason r.json)" = time-limit ]
	[ "$(jq .exit.signal r.json)" = 15 ]
	# Who looks after himself has the time for it, and a status of his own.
	run -7 "$CLOISON" run --quiet --time-limit=1 -- sh -c 'trap "exit 7" TERM; sleep 30 & wait'
	# A child that is no payload's is told, too.
	run "$CLOISON" run --quiet --time-limit=1 -- sh -c \
		'trap : TERM; sh -c "trap \"echo told; exit\" TERM; sleep 30 & wait"; echo over; exit 3'
	[ "$status" -eq 3 ]
	[[ $output == *told*over* ]]
	run -137 "$CLOISON" run --quiet --time-limit=1,grace=1 -- sh -c 'trap "" TERM; while :; do sleep 0.1; done'
	run -137 "$CLOISON" run --quiet --pid=host --time-limit=1,grace=1 -- \
		sh -c 'trap "" TERM; while :; do sleep 0.1; done'
	# What is stopped is not spared.
	run "$CLOISON" run --quiet --time-limit=1,grace=1 -- sh -c 'kill -STOP $$'
	[ "$status" -eq 143 ]
	((SECONDS - start < 20))
	run -0 cell --time-limit=1h30m -- true
}

# Here without a cgroup: PID 1 counts by /proc.
@test "--cpu-time: SIGTERM, then after the grace SIGKILL, when all together have used it" {
	start=$SECONDS
	run -143 "$CLOISON" run --record="$PWD/r.json" --cpu-time=2s -- \
		sh -c 'while :; do :; done & while :; do :; done'
	[ "$output" = "cloison: the CPU time of 2 s was used up" ]
	[ "$(jq -r .exit.reason r.json)" = cpu-time ]
	[ "$(jq '.cpu.usage_us >= 1900000 and .cpu.usage_us < 3000000' r.json)" = true ]
	# What has ended counts, too.
	run -143 "$CLOISON" run --quiet --record="$PWD/r.json" --cpu-time=1s -- \
		sh -c 'while :; do sh -c "i=0; while [ \$i -lt 20000 ]; do i=\$((i+1)); done"; done'
	[ "$(jq '.cpu.usage_us < 2000000' r.json)" = true ]
	run -7 "$CLOISON" run --quiet --cpu-time=1 -- sh -c 'trap "exit 7" TERM; while :; do :; done'
	run -137 "$CLOISON" run --quiet --cpu-time=1,grace=1 -- sh -c 'trap "" TERM; while :; do :; done'
	[[ $output == *"used up"* ]]
	# Sleep is free, and the clock is another limit.
	run -0 cell --cpu-time=1s -- sleep 2
	run -143 "$CLOISON" run --quiet --record="$PWD/r.json" --cpu-time=1h --time-limit=1 -- sleep 20
	[ "$(jq -r .exit.reason r.json)" = time-limit ]
	((SECONDS - start < 40))
}

@test "limits that this host cannot keep are refused in one line, or told" {
	for option in --cpu-time=0 --cpu-weight=0 --memory-high=no --swap=-1 --oom-group=2 --io-max=/:wbps=x \
		--io-max=/proc:wbps=1M --io-max=/no/such:wbps=1M --io-weight=/:0 --hugetlb=3:1; do
		run -125 "$CLOISON" run "$option" -- touch ran
		[ "${#lines[@]}" -eq 1 ]
		[[ $output == "cloison: ${option%%=*}: "* ]]
	done
	[ ! -e ran ]
	run -0 "$CLOISON" run --limits=try --io-max=/proc:wbps=1M --record="$PWD/r.json" -- true
	[[ $output == "cloison: io-max is not enforced: /proc is on no disk of this host"* ]]
	[ "$(jq -r '.limits.asked["io-max"]' r.json)" = /proc:wbps=1M ]
	[[ $(jq -r '.limits.missing["io-max"]' r.json) == *"is on no disk"* ]]
}

@test "--time-limit that is no time is refused" {
	for bad in 0 never 1h,2h 1h,grace= -5 1h,grace=1s,x; do
		run -125 cell --time-limit="$bad" -- touch ran
		[[ $output == "cloison: --time-limit: "* ]]
	done
	[ ! -e ran ]
}
