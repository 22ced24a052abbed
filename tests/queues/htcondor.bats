#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# HTCondor with cloison-htcondor as the USER_JOB_WRAPPER of its execution point, and the same jobs without it.
# shellcheck disable=SC2154 # of htcondor.bash
load common
load htcondor

without_wrapper() { wanted | grep -v '^USER_JOB_WRAPPER' >"$config"; }

# with_and_without FUNCTION: the same outcome of it in $both, with the wrapper and without
with_and_without() {
	local with
	with=$("$@")
	without_wrapper
	both=$("$@")
	wanted >"$config"
	diff <(echo "$both") <(echo "$with")
}

@test "the manual page has the lines that are tested here" {
	while read -r line; do
		grep -qxF "$line" /opt/cloison-tests/plugins/wrapper/cloison-queues.7.scd || {
			echo "not there: $line"
			return 1
		}
	done < <(wanted && updates && copies)
}

@test "a job runs in a cell, its output comes back from scratch, and HTCondor knows how it ended" {
	script <<-'END'
		#!/bin/sh
		cat /proc/1/comm
		[ "$PWD" = "$_CONDOR_SCRATCH_DIR" ] || echo "in $PWD"
		echo result >made
		touch /opt/x 2>/dev/null || echo protected
		exit 7
	END
	run_job
	echo "$output"
	[[ $output == $'cloison-init\nprotected' && $status == 7 && $(<"$home/made") == result ]]
	[[ $(stat -c %U "$home/made") == alice ]]
}

@test "what the cell used is in the job's ad, for condor_history" {
	script <<-'END'
		#!/bin/sh
		i=0
		while [ $i -lt 300000 ]; do i=$((i + 1)); done
		exit 3
	END
	run_job
	acct CloisonReason CloisonExitCode CloisonCpuMicroseconds CloisonWallSeconds
	[[ $(acct CloisonReason CloisonExitCode CloisonExitSignal) == 'exited 3 undefined' ]]
	[[ $(acct 'CloisonCpuMicroseconds > 50000 && CloisonWallSeconds > 0.05') == true ]]
	as alice cloison report --job "$job" --json | grep -F "$(acct CloisonRecord)"
}

@test "a pool that takes no attributes has the same job without them" {
	script <<<'#!/bin/sh'
	run_job +WantDelayedUpdates=false
	[[ $status == 0 && $(acct CloisonReason) == undefined ]]
	wanted | grep -v CHIRP >"$config"
	run_job
	[[ $status == 0 && $(acct CloisonReason) == undefined && ! -s $home/err ]]
	run_job +WantIOProxy=true
	[[ $status == 0 && $(acct CloisonReason) == exited ]]
}

@test "the record has what HTCondor says of the job" {
	script <<<'#!/bin/sh'
	run_job accounting_group=phys 'batch_name=a sweep' request_cpus=2 request_memory=256 allowed_execute_duration=3600 \
		'environment="CLOISON_OPTIONS=--record=/home/alice/record"'
	jq -c '[.scheduler, .user.account, .limits.asked]' "$home/record" | tee record
	rm "$home/record"
	jq -e '.[0] == {name: "htcondor", cluster: "node1", job: "'"$job"'", step: "0", job_name: "a sweep"} and
		.[1] == "phys.alice" and .[2] == {cpus: "2", memory: "260046848"}' record
}

@test "where users may loosen nothing a job has its scratch directory all the same, and no other by that name" {
	mkdir -p /etc/cloison
	printf '[site]\nloosen = none\n' >/etc/cloison/cloison.conf
	# Another of that name, in a cell below whose parent is not the starter.
	script <<-'END'
		#!/bin/sh
		echo result >made
		cat /proc/1/comm
		mkdir -p /home/alice/own/dir_$$
		_CONDOR_SCRATCH_DIR=/home/alice/own/dir_$$ cloison plan --profile=strict | grep own/dir_ || echo none
	END
	run_job
	rm -rf /etc/cloison/cloison.conf "$home/own"
	echo "$output"
	[[ $output == $'cloison-init\nnone' && $(<"$home/made") == result ]]
}

args() {
	script <<-'END'
		#!/bin/bash
		printf '<%s>' "${0##*/}" "$@"
		exit 3
	END
	run_job "arguments=\"$1\""
	echo "$output" "$status"
}
@test "arguments are those of a job without a cell" {
	with_and_without args "a 'b c' '' \$HOME 'it''s' * \"\" --rw=/"
	echo "$both"
	[[ $both == '<job><a><b c><><$HOME><it'\''s><*><"><--rw=/> 3' || $both == '<condor_exec.exe><a>'* ]]
}

ended_as() {
	script <<<"#!/bin/bash"$'\n'"$1"
	run_job
	acct ExitBySignal ExitSignal ExitCode
}
@test "a job that a signal ends is what it is without a cell" {
	with_and_without ended_as 'kill -SEGV $$'
	[[ $both == 'true 11 undefined' ]]
}

@test "a job that no cell can be made for is held with a line that says why, and runs when it is released" {
	script <<<'#!/bin/sh'
	mkdir -p /etc/cloison
	echo nonsense >/etc/cloison/cloison.conf
	submit
	eventually 120 held
	ad HoldReason
	[[ $(ad HoldReason) == 'cloison: /etc/cloison/cloison.conf:1: '* ]]
	rm /etc/cloison/cloison.conf
	# While no slot is free the condition is looked at again and again.
	as alice condor_qedit "$job" Requirements false
	as alice condor_release "$job"
	sleep 6
	state_is 1
	as alice condor_qedit "$job" Requirements true
	eventually 120 accounted
	[[ $(acct ExitCode CloisonReason CloisonError NumShadowStarts) == '0 exited undefined 2' ]]
}

@test "a command that cannot be executed is a reason to hold the job, too" {
	script <<<'#!/nowhere/sh'
	submit
	eventually 120 held
	ad HoldReason
	[[ $(ad HoldReason) == 'cloison: '*'interpreter'* || $(ad HoldReason) == 'cloison: '*': No such file or directory' ]]
}

@test "a job's own exit status of 125 is its own" {
	script <<<$'#!/bin/sh\nexit 125'
	run_job
	[[ $status == 125 ]]
}

# caught COMMAND LINES...: what a job catches for which COMMAND is done once it runs
caught() {
	local then=$1
	shift
	rm -f "$home/caught"
	script <<-'END'
		#!/bin/bash
		for s in INT USR1 USR2 TERM; do trap "echo $s >>/home/alice/caught; exit 9" $s; done
		echo ready >/home/alice/caught
		while :; do sleep 0.1; done
	END
	submit "$@"
	eventually 120 says ready
	"$then"
	cat "$home/caught"
}
hold() {
	as alice condor_hold "$job" >/dev/null
	eventually 120 held
	eventually 120 ended
}
ended() { [[ ! $(ls /var/lib/condor/execute) ]]; }
@test "condor_rm and condor_hold send the signal that the job has chosen" {
	with_and_without caught remove
	[[ $both == $'ready\nTERM' ]]
	with_and_without caught remove remove_kill_sig=SIGUSR1
	[[ $both == $'ready\nUSR1' ]]
	with_and_without caught hold kill_sig=SIGINT
	[[ $both == $'ready\nINT' ]]
}

@test "a job that takes no notice is killed with all that is in its cell" {
	script <<-'END'
		#!/bin/bash
		trap '' TERM
		setsid sleep 9754 &
		echo ready >/home/alice/caught
		while :; do sleep 1; done
	END
	submit job_max_vacate_time=2
	eventually 120 says ready
	remove
	eventually 120 ended
	run ! pgrep -f 'sleep 9754'
	# What SIGKILL left is cleared away by the timer of cloison gc.
	cloison gc
}

stopped() { pgrep -r T -f '^sleep 9753' >/dev/null; }
sleeping() { pgrep -r S -f '^sleep 9753' >/dev/null; }
@test "condor_suspend stops what runs in the cell, and condor_continue lets it go on" {
	script <<<$'#!/bin/sh\nsleep 9753'
	submit
	eventually 120 sleeping
	as alice condor_suspend "$job"
	eventually 120 stopped
	as alice condor_continue "$job"
	eventually 120 sleeping
	remove
}

@test "a job that checkpoints itself goes on in a cell of its own" {
	script <<-'END'
		#!/bin/sh
		readlink /proc/self/ns/pid
		[ ! -e state ] || exit 0
		echo 1 >state
		exit 85
	END
	run_job checkpoint_exit_code=85 transfer_checkpoint_files=state
	echo "$output"
	[[ $(wc -l <<<"$output") == 2 && $status == 0 && $(acct NumShadowStarts) == 1 ]]
}

vacated() { [[ $(ad NumJobStarts) -ge 2 ]]; }
@test "a job that is vacated gets its signal, what it has done comes along, and it goes on elsewhere" {
	script <<-'END'
		#!/bin/bash
		[[ ! -e state ]] || exit 6
		trap 'echo 1 >state; exit 0' USR1
		echo ready >/home/alice/caught
		while :; do sleep 0.1; done
	END
	submit kill_sig=SIGUSR1 when_to_transfer_output=ON_EXIT_OR_EVICT
	eventually 120 says ready
	as alice condor_vacate_job "$job"
	eventually 120 accounted
	[[ $(acct ExitCode) == 6 ]]
}

@test "condor_ssh_to_job comes out in the job's cell" {
	script <<<$'#!/bin/sh\necho inside >mine\nreadlink /proc/self/ns/pid >>mine\ntouch /home/alice/caught\nsleep 1000'
	submit
	eventually 120 test -e "$home/caught"
	# shellcheck disable=SC2016 # in the job
	run as alice condor_ssh_to_job -auto-retry "$job" 'cat /proc/1/comm mine; readlink /proc/self/ns/pid; id -un; exit 4'
	echo "$output"
	[[ $status == 4 && ${lines[-5]} == cloison-init && ${lines[-4]} == inside && ${lines[-3]} == "${lines[-2]}" && ${lines[-1]} == alice ]]
	# On a terminal.
	as alice expect -c 'set timeout 30
		spawn condor_ssh_to_job '"$job"'
		expect -re {[$#] $}
		send "cat /proc/1/comm; pwd; exit 5\r"
		expect eof
		exit [lindex [wait] 3]' >terminal || status=$?
	cat terminal
	[[ $status == 5 && $(<terminal) == *$'\ncloison-init\r\n/var/lib/condor/execute/'* ]]
	remove
}

@test "condor_submit -i has its shell in a cell, which ends when the last who came has gone" {
	# shellcheck disable=SC2016 # expect's, and in the job
	as alice expect -c 'set timeout 120
		spawn condor_submit -i request_memory=128
		expect -re {[$#] $}
		send "cat /proc/1/comm; echo pids:\$_CONDOR_JOB_PIDS.; touch made; until \[ -e caught \]; do sleep 0.2; done; exit 5\r"
		expect eof
		exit [lindex [wait] 3]' >terminal &
	eventually 60 test -e "$home/made"
	job=$(condor_q -allusers -af ClusterId)
	run -4 as alice condor_ssh_to_job "$job" 'touch caught; sleep 4; cat /proc/1/comm; exit 4'
	wait $! || status=$?
	cat terminal
	[[ $status == 5 && $(<terminal) == *$'\ncloison-init\r\npids:.\r\n'* && ${lines[-1]} == cloison-init ]]
	# The command that HTCondor has there goes on for three minutes.
	eventually 20 accounted
	[[ $(acct ExitCode CloisonReason) == '0 exited' ]]
}

# Each line of the manual page as HTCondor takes it from the environment.
copy() {
	local name=$1 line
	shift
	line=$(copies | sed -n "s/^SSH_TO_JOB_${name^^}_CMD = //p")
	as alice env "_CONDOR_SSH_TO_JOB_${name^^}_CMD=$line" condor_ssh_to_job -auto-retry -ssh "$name" "$@"
}
@test "scp, sftp and pipes through condor_ssh_to_job are in the job's cell" {
	script <<<$'#!/bin/sh\necho inside >/tmp/mine\nmkdir dir\necho a >dir/a\ntouch /home/alice/caught\nsleep 1000'
	submit
	eventually 120 test -e "$home/caught"
	copy scp "$job" remote:/tmp/mine made
	[[ $(<"$home/made") == inside ]]
	copy scp "$job" made remote:/tmp/scp
	printf '%s\n' 'get /tmp/mine out' 'put made /tmp/sftp' | copy sftp "$job"
	[[ $(<"$home/out") == inside ]]
	head -c 300000 /dev/urandom >random
	as alice condor_ssh_to_job "$job" 'cat >/tmp/random; cat /tmp/random' <random >back
	cmp random back
	as alice condor_ssh_to_job "$job" 'tar -c dir' | tar -xO dir/a | grep -x a
	[[ $(as alice condor_ssh_to_job "$job" 'cat /tmp/scp /tmp/sftp') == $'inside\ninside' && ! -e /tmp/scp && ! -e /tmp/sftp ]]
	remove
}

@test "condor_ssh_to_job is refused where the cell has gone" {
	script <<<'#!/bin/sh'
	run_job
	run ! as alice condor_ssh_to_job "$job" true
}

chirped() {
	script <<-'END'
		#!/bin/sh
		PATH=$PATH:/usr/libexec/condor
		condor_chirp set_job_attr_delayed ChirpAnswer 42
		condor_chirp set_job_attr ChirpNow '"a b"'
		condor_chirp get_job_attr ChirpNow
		CONDOR_CONFIG=/nowhere condor_chirp put job copied
		condor_chirp fetch copied fetched
		cmp job fetched && condor_chirp remove copied
		condor_chirp ulog 'a note'
	END
	run_job +WantIOProxy=true log=made
	echo "$output"
	acct ChirpAnswer ChirpNow
	grep -o 'a note$' "$home/made"
	rm "$home/made"
}
@test "condor_chirp does in the cell what it does without one" {
	with_and_without chirped
	[[ $both == $'"a b"\n42 a b\na note' && ! -e $home/copied ]]
}

# made_there CHECK LINES...: what comes of a job whose output CHECK has seen while it ran
made_there() {
	local check=$1
	shift
	rm -rf "$home"/{caught,made,out}
	script <<-'END'
		#!/bin/bash
		mkdir -p made/sub
		head -c 30M /dev/zero >made/sub/big
		ln -s sub/big made/link
		echo line 1
		echo line 2
		until [[ -e /home/alice/caught ]]; do sleep 0.2; done
	END
	submit request_disk=100M transfer_output_files=made "$@"
	eventually 60 "$check"
	touch "$home/caught"
	eventually 60 accounted
	acct ExitCode 'DiskUsage > 30000'
	(cd "$home/made" && find . -type f -printf '%P %s %u\n' | sort)
}
tailed() { [[ $(as alice timeout 20 condor_tail "$job") == $'line 1\nline 2' ]]; }
streamed() { [[ -e $home/out && $(<"$home/out") == $'line 1\nline 2' ]]; }
@test "condor_tail, output that is streamed and a directory of output are those of a job without a cell" {
	with_and_without made_there tailed
	[[ $both == $'0 true\nlink 31457280 alice\nsub/big 31457280 alice' ]]
	with_and_without made_there streamed stream_output=true
	[[ $both == $'0 true\n'* ]]
}

with_environment() {
	script <<-'END'
		#!/usr/bin/python3
		import os, sys
		print(sys.argv[1:], sorted(v for v in os.environb.items() if v[0].startswith(b'MY_')))
	END
	printf '%s\n' executable=job output=out should_transfer_files=YES request_memory=128 getenv=true "$@" queue >"$home/sub"
	# shellcheck disable=SC2016 # as it is
	job=$(as alice env MY_BYTES=$'\xff\001 |' MY_QUOTES='it'"'"'s "$HOME"' MY_NONE='' MY_x-y=odd condor_submit -terse sub)
	job=${job%%.*}
	eventually 60 accounted
	cat "$home/out"
}
@test "the submitter's environment and both ways to write arguments are those of a job without a cell" {
	# shellcheck disable=SC2016 # in the job
	with_and_without with_environment 'arguments=a b\ c \"q\" $HOME *' 'environment=MY_OWN=two words;MY_ONE=it'"'"'s'
	echo "$both"
	grep -qF "['a', 'b\\\\', 'c', '\"q\"', '\$HOME', '*'] [(b'MY_BYTES', b'\\xff\\x01 |'), (b'MY_NONE', b'')," <<<"$both"
	[[ $both == *"(b'MY_ONE', b\"it's\"), (b'MY_OWN', b'two words')"* ]]
	[[ $both == *"(b'MY_x-y', b'odd')"* ]]
	with_and_without with_environment "arguments=\"'b  c' 'it''s' \"\"q\"\"\"" "environment=\"MY_OWN='two  words' MY_ONE='it''s'\""
	echo "$both"
	[[ $both == *"['b  c', \"it's\", '\"q\"'] "*"(b'MY_OWN', b'two  words')"* ]]
}

@test "a cell that a job itself makes is below, and the queue hears of the job's own" {
	script <<<$'#!/bin/sh\ncloison run --record=/home/alice/jobs -- /bin/sh -c "exit 5"\nexit 2'
	run_job
	[[ $status == 2 && $(acct CloisonExitCode) == 2 ]]
}

@test "twenty jobs: one out of time, one failure, the others fine, and both accounts say the same" {
	script <<-'END'
		#!/bin/sh
		case $1 in
		5) sleep 60 ;;
		13) exit 3 ;;
		esac
	END
	twenty --time-limit=4
	eventually 120 all_accounted
	condor_history "$job" -af ProcId ExitBySignal ExitSignal ExitCode CloisonReason | sort -n | grep -v 'false undefined 0 exited$' >failed
	cat failed
	[[ $(<failed) == $'5 true 15 undefined time-limit\n13 false undefined 3 exited' ]]
	as alice cloison report --job "$job" --by=reason
	[[ $(as alice cloison report --job "$job" --by=reason | awk 'NR > 1 { print $1, $2 }' | sort) == $'exited 19\ntime-limit 1' ]]
}
all_accounted() { [[ $(condor_history "$job" -af ProcId | wc -l) == 20 ]]; }
