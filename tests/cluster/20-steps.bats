#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Every kind of step, in a cell: each does what it does without one. What needs cgroups is in tests/e2e.

load common

setup_file() {
	export BATS_TEST_TIMEOUT=150 limited warned
	mkdir -p /etc/cloison
	printf '[site]\nprofiles = batch strict open\n' >/etc/cloison/cloison.conf
	configure 'LaunchParameters=use_interactive_step'
	# Slurm looks at time limits twice a minute: these two, on another node, are looked at by the last test.
	limited=$(elsewhere --time=1 -o /home/alice/limited.out --wrap 'setsid sleep 720001 & sleep 720001')
	warned=$(elsewhere --time=60 --signal=B:USR1@65000 -o /home/alice/warned.out \
		--wrap 'trap "echo usr1; exit 3" USR1; echo ready; while :; do sleep 0.2; done')
}

teardown_file() {
	scancel --user=alice
	rm -f /etc/cloison/cloison.conf
	wait_idle
	unconfigure
}

elsewhere() { as alice sbatch --parsable -p many -w node3 --mem=100 --cell "$@"; }

# step OPTION... COMMAND: srun by alice on node1, without Slurm's own remarks.
step() { as alice srun -Q --mem=100 "$@"; }

setup() { cd /home/alice || return; }

# Records of job $1 on $node, the steps $2 alone if it is given, as a JSON array.
records() { on "${node:-node1}" cloison report --by=record --json --job="$1" | jq "[.[] | select(${2:+.scheduler.step == \"$2\" and }true)]"; }

# batch LINE...: the lines are a script; sbatch runs it with the options in $options and waits. Its output is $output.
batch() {
	printf '%s\n' '#!/bin/bash' "$@" >/home/alice/batch.sh
	chmod 755 /home/alice/batch.sh
	rm -f /home/alice/batch.out
	# shellcheck disable=SC2086 # several options
	as alice sbatch -W --parsable --mem=100 ${options:-} -o /home/alice/batch.out batch.sh >/home/alice/batch.job
	local status=$?
	job=$(cat /home/alice/batch.job)
	output=$(cat /home/alice/batch.out)
	mapfile -t lines </home/alice/batch.out
	return "$status"
}

# In each of these $options, $job, $output and $lines are those of batch().
pidns='readlink /proc/self/ns/pid'
outside=$(readlink /proc/self/ns/pid)

@test "srun in an allocation, one after the other and at once with --overlap: a cell each" {
	options='--cell -n2 --overcommit' batch "$pidns" "srun -n1 true" \
		"srun --overlap -n1 sh -c '$pidns; sleep 1' & sleep 0.5; srun --overlap -n2 $pidns; wait"
	[ "${#lines[@]}" -eq 4 ]
	[ "$(sort -u <<<"$output" | wc -l)" -eq 3 ]
	run ! grep -qxF "$outside" <<<"$output"
	[ "$(records "$job" | jq -c '[.[].scheduler.step] | sort')" = '["0","1","2","batch"]' ]
}

@test "srun into a running job from outside, --overlap: a cell beside the job's" {
	job=$(as alice sbatch --parsable --mem=100 --cell -o /dev/null --wrap "echo \$\$ >pid; sleep 30")
	eventually 20 test -s /home/alice/pid
	rm /home/alice/pid
	run -0 as alice srun --jobid="$job" --overlap --cell sh -c 'ps -e -o comm='
	scancel "$job"
	[[ $output == *cloison-init* && $output != *sleep* ]]
	# Without an option of its own it has none: options are those of who calls srun.
	wait_job "$job"
}

@test "salloc: the command is outside, its steps are in cells; options are handed on" {
	run -0 as alice salloc -Q --mem=100 --cell --cell-net=none sh -c "$pidns; srun ls /sys/class/net; srun $pidns"
	mapfile -t lines < <(grep -v ^salloc: <<<"$output")
	[[ ${lines[0]} == "$outside" ]]
	[[ ${lines[1]} == lo ]]
	[[ ${lines[2]} == pid:* && ${lines[2]} != "$outside" ]]
}

@test "an interactive step: salloc's shell is in a cell, and so are its steps" {
	# What is typed too early may be thrown away, so the shell is a script.
	printf '%s\n' '#!/bin/bash' 'cat /proc/1/comm' "echo step \$(srun $pidns) here \$($pidns) end" >shell
	chmod 755 shell
	run -0 script -qec "runuser -u alice -- env SHELL=/home/alice/shell salloc -q --mem=100 --cell" /dev/null </dev/null
	job=$(last_job)
	[[ $output == *cloison-init* ]]
	[[ $output =~ step\ (pid:[^ ]*)\ here\ (pid:[^ ]*)\ end ]]
	[ "${BASH_REMATCH[1]}" != "${BASH_REMATCH[2]}" ]
	[ "$(records "$job" interactive | jq length)" -eq 1 ]
}

@test "an array: each of its jobs has its own cells and records" {
	options='--cell -a 1-3' batch 'echo $SLURM_ARRAY_TASK_ID >array.$SLURM_ARRAY_TASK_ID; echo $SLURM_JOB_ID >>array.$SLURM_ARRAY_TASK_ID'
	for i in 1 2 3; do
		[ "$(head -n 1 "array.$i")" = $i ]
		[ "$(records "$(tail -n 1 "array.$i")" batch | jq length)" -eq 1 ]
	done
	rm array.?
}

@test "MPMD (--multi-prog): all programs in one cell" {
	printf '0 /bin/readlink /proc/1/../self/ns/pid\n1-2 /usr/bin/readlink /proc/self/ns/pid\n' >mpmd.conf
	run -0 step -n3 --overcommit --cell --multi-prog mpmd.conf
	[ "${#lines[@]}" -eq 3 ]
	[ "$(sort -u <<<"$output" | wc -l)" -eq 1 ]
	[ "${lines[0]}" != "$outside" ]
}

@test "srun in a cell of a batch step: beside it, by each profile with the host's network" {
	for profile in batch open; do
		options="--cell=$profile" batch "$pidns; echo \$SLURM_JOB_ID" "srun $pidns" "srun -n1 --cell=batch sh -c 'touch /usr/x 2>&1'" \
			'squeue -h -j $SLURM_JOB_ID -o %T' 'scontrol show step $SLURM_JOB_ID.0 >/dev/null; echo after' || true
		[ "$(grep -c '^pid:' <<<"$output")" -eq 2 ]
		[ "$(grep '^pid:' <<<"$output" | sort -u | wc -l)" -eq 2 ]
		[[ $output == *"Read-only file system"*RUNNING*after ]]
	done
}

@test "srun and sbatch in a cell without a network say so at once" {
	SECONDS=0
	for options in --cell=strict "--cell --cell-net=none"; do
		run ! batch 'srun true; sbatch --wrap true; exit 4'
		[ "$(grep -c "cloison: slurmctld cannot be reached from this cell, which has no network" /home/alice/batch.out)" -eq 2 ]
	done
	((SECONDS < 20))
	# What it says to do.
	options=--cell=batch batch 'srun --cell=strict sh -c "ls /sys/class/net"'
	[ "${lines[-1]}" = lo ]
	# Elsewhere the same commands are asked nothing.
	run -0 as alice srun --version
	run -0 unshare -n srun --version
}

@test "options of sbatch reach its steps, and srun's own take their place one by one" {
	options='--cell=strict --cell-net=host --cell-scratch=4M' run ! batch true
	options='--cell --cell-scratch=4M' batch 'srun df -B1 --output=size /tmp' 'srun --cell-scratch=8M df -B1 --output=size /tmp' \
		'srun --cell=strict df -B1 --output=size /tmp' 'srun --cell=strict ls /sys/class/net'
	[[ $output == *4194304*"--cell-scratch was given before (or by sbatch); '8M' counts"*8388608*"'strict' counts"*4194304*lo ]]
	# Neither --export=NONE nor a changed environment loses them; a job that is submitted in the job inherits them as well.
	for export in NONE NIL FOO=1 ALL,FOO=1; do
		[[ $export != NIL ]] || srun --help | grep -q 'NIL' || continue
		options="--export=$export --cell --cell-net=none" run -0 as alice sbatch -W --mem=100 --export="$export" --cell --cell-net=none \
			-o /home/alice/ex.out --wrap '/bin/ls /sys/class/net; /bin/cat /proc/1/comm'
		[ "$(cat ex.out)" = $'lo\ncloison-init' ]
		run -0 as alice sbatch -W --mem=100 --export="$export" --cell -o /home/alice/ex.out \
			--wrap '/usr/bin/srun /bin/cat /proc/1/comm; /usr/bin/env FOO=2 /usr/bin/srun --export=ALL /bin/cat /proc/1/comm'
		[ "$(cat ex.out)" = $'cloison-init\ncloison-init' ]
	done
}

@test "--export: what a step finds is Slurm's and the cell's, no more" {
	run -0 as alice env SECRET=1 srun -Q --mem=100 --cell --export=NONE /usr/bin/env
	[[ $output != *SECRET* && $output == *SLURM_PROCID=0* && $output == *TMPDIR=/tmp* ]]
	run -0 as alice env SECRET=1 OTHER=2 srun -Q --mem=100 --cell --export=OTHER /usr/bin/env
	[[ $output != *SECRET* && $output == *OTHER=2* && $output == *TMPDIR=/tmp* ]]
	# The number that Slurm gives a task is the one it has.
	run -0 step --cell sh -c 'echo $SLURM_TASK_PID $$'
	[ "${lines[0]% *}" = "${lines[0]#* }" ]
}

@test "requeue: each run has cells and records of its own, which tell the run" {
	rm -f rq.out
	# A shell might see that its command was ended before it gets the signal itself.
	job=$(as alice sbatch --parsable --mem=100 --requeue --cell -o /home/alice/rq.out --open-mode=append --wrap \
		'echo run ${SLURM_RESTART_COUNT:-0}; srun true; [ ${SLURM_RESTART_COUNT:-0} -eq 0 ] && exec sleep 60; exit 5')
	eventually 30 grep -q 'run 0' rq.out
	sleep 1
	scontrol requeue "$job"
	eventually 30 requeued "$job"
	# It would wait for two minutes. Credentials are revoked by the second: not within the one of the first run's end.
	sleep 1
	scontrol update jobid="$job" StartTime=now
	eventually 60 grep -q 'run 1' rq.out || {
		cat rq.out
		scontrol show job "$job"
		return 1
	}
	wait_job "$job"
	[ "$(records "$job" batch | jq -c 'map([.scheduler.restart, .exit.code]) | sort')" = '[[null,null],[1,5]]' ]
	[ "$(records "$job" 0 | jq -c 'map(.scheduler.restart) | sort')" = '[null,1]' ]
	[ "$(records "$job" | jq '[.[].id] | unique | length')" -eq 4 ]
	rm rq.out
}

requeued() { [[ $(squeue -h -j "$1" -o '%T %N') == 'PENDING ' && $(sinfo -h -n node1 -o %T) == idle ]]; }

# A script that tells what signals it gets, and so does a child of its own.
signals() {
	job=$(as alice sbatch --parsable --mem=100 --cell -o /home/alice/sig.out --wrap '
		trap "echo script" USR1
		(trap "echo child" USR1; echo ready; for i in $(seq 60); do sleep 0.1; done) &
		'"${1:-}"'
		for i in $(seq 60); do sleep 0.1; done')
	eventually 20 grep -q ready sig.out
	sleep 0.5
}
signals_got() {
	sleep 1
	scancel "$job"
	wait_job "$job"
	got=$(grep -xE 'script|child|step' sig.out | sort | paste -sd ' ')
	rm sig.out
}

@test "scancel -s: each that is meant gets it, once: the steps, -b the script, --full all" {
	signals 'srun sh -c "trap \"echo step\" USR1; for i in 1 2 3 4 5 6; do sleep 0.5; done" &
		sleep 1'
	scancel -s USR1 "$job"
	signals_got
	[ "$got" = step ]
	signals
	scancel -s USR1 -b "$job"
	signals_got
	[ "$got" = script ]
	signals
	scancel -s USR1 --full "$job"
	signals_got
	[ "$got" = 'child script' ]
}

@test "kill 0 in a task: each process of its group gets it once" {
	cat >k0.c <<-'END'
		#include <signal.h>
		#include <stdio.h>
		#include <unistd.h>
		static volatile sig_atomic_t n;
		static void count(int sig) { (void)sig; n++; }
		int main(void)
		{
			struct sigaction a = { .sa_handler = count, .sa_flags = SA_NODEFER };

			sigaction(SIGUSR1, &a, NULL);
			kill(0, SIGUSR1);
			for (int i = 0; i < 20; i++)
				usleep(20000);
			printf("%d\n", n);
		}
	END
	cc -o k0 k0.c
	for i in 1 2 3; do
		run -0 step --cell ./k0
		[ "$output" = 1 ]
	done
}

@test "scancel of a step ends it, and the record says how" {
	job=$(as alice sbatch --parsable --mem=100 --cell -o /home/alice/sc.out --wrap 'srun sleep 720002; echo step $?; exit 0')
	eventually 20 pgrep -fx '/usr/bin/sleep 720002'
	scancel "$job.0"
	wait_job "$job"
	grep -Eq 'step (137|143)' sc.out
	[[ $(records "$job" 0 | jq -c '.[0].exit | [.reason, .signal]') == '["signaled",'@(9|15)] ]]
	[ "$(records "$job" batch | jq -c '.[0].exit | [.reason, .code]')" = '["exited",0]' ]
}

@test "suspend and resume" {
	job=$(as alice sbatch --parsable --mem=100 --cell -o /home/alice/beat.out --wrap \
		'srun sh -c "while :; do echo beat; sleep 0.1; done"')
	eventually 20 grep -q beat beat.out
	scontrol suspend "$job"
	sleep 3
	before=$(wc -l <beat.out)
	sleep 1
	[ "$(wc -l <beat.out)" -eq "$before" ]
	scontrol resume "$job"
	eventually 10 sh -c "[ \$(wc -l <beat.out) -gt $before ]"
	scancel "$job"
	wait_job "$job"
	rm beat.out
}

# terminal COMMAND: COMMAND of alice's at a terminal of 33 rows, which is typed at from standard input; in the file seen.
terminal() { script -fqec "stty rows 33 cols 77; runuser -u alice -- $1" "$BATS_TEST_TMPDIR/seen" >/dev/null; }

# type KEYS COMMAND...: at the terminal of descriptor 5, until COMMAND succeeds.
type() {
	printf '%b' "$1" >&5
	eventually 30 "${@:2}"
}
seen() { grep -qE "$1" "$BATS_TEST_TMPDIR/seen"; }
# The program that runs is in the state $1, whatever its priority, or gone without it.
sleeps() { [[ $(ps -o stat= -p "$(pgrep -xf 'sleep 71' || echo 0)" | tr -d "<N") == "${1:-}" ]]; }

@test "--pty: the terminal is the task's, with job control and its size" {
	mkfifo "$BATS_TEST_TMPDIR/keys"
	terminal 'srun -Q --mem=100 --cell --pty bash --norc -i' <"$BATS_TEST_TMPDIR/keys" 3>&- &
	exec 5>"$BATS_TEST_TMPDIR/keys"
	type '' seen 'bash-'
	type 'stty size\n' seen '^33 77'
	type 'set -o | grep monitor\n' seen '^monitor.*on'
	type 'ps -o pid,pgid,sid,tpgid -p $$ --no-headers | tr -s " "\n' seen '^ ?2 2 2 [0-9]'
	# Stop a program, have it go on, interrupt it: the shell stays.
	type 'sleep 71\n' sleeps 'S+'
	type '\032' seen Stopped
	type 'fg\n' sleeps 'S+'
	type '\003' sleeps
	type 'echo ended $?\n' seen '^ended 130'
	type 'exit 9\n' true
	exec 5>&-
	local status=0
	wait $! || status=$?
	[ "$status" -eq 9 ]
	# A plain shell ends without complaints.
	run -0 terminal "srun -Q --mem=100 --cell --pty sh -ic 'ps -o pid,pgid,tpgid'" </dev/null
	run ! seen annot
}

# No job but the two of setup_file.
wait_idle_but() { eventually 60 only_limits; }
only_limits() { ! squeue -h -o %A | grep -qvxE "$limited|$warned"; }

@test "--input, --output and --error are opened outside of the private /tmp" {
	echo outside >/tmp/in.txt
	chmod 777 /tmp
	run -0 step --cell -i /tmp/in.txt -o /tmp/alice.out -e /tmp/alice.err sh -c 'cat; ls /tmp; echo err >&2'
	[ "$(cat /tmp/alice.out)" = outside ]
	[ "$(cat /tmp/alice.err)" = err ]
	rm /tmp/in.txt /tmp/alice.*
	# stdin from a pipe, to one task and to all.
	run -0 bash -c 'seq 3 | runuser -u alice -- srun -Q --mem=100 -n2 --overcommit --cell sh -c "wc -l"'
	[ "$output" = $'3\n3' ]
	run -0 bash -c 'seq 100000 | runuser -u alice -- srun -Q --mem=100 -n2 --overcommit -i0 --cell sort -n | md5sum'
	[ "$output" = "$(seq 100000 | md5sum)" ]
}

@test "sbcast and srun --bcast put files outside of the cell: seen but in a private directory" {
	options=--cell batch 'sbcast -f /bin/readlink ~/cast.bin && ~/cast.bin /proc/1/ns/pid >/dev/null 2>&1; srun -Q ~/cast.bin /proc/self/ns/pid' \
		'sbcast -f /bin/true /tmp/cast.tmp; srun -Q ls /tmp' 'srun -Q --bcast=$HOME/cast.2 /bin/cat /proc/1/comm'
	[[ $output == pid:*cloison-init ]]
	[ "${#lines[@]}" -eq 2 ]
	[ -x cast.bin ] && [ -x /tmp/cast.tmp ]
	rm -f cast.* /tmp/cast.tmp
}

@test "limits by --propagate, and those of slurmd, reach the task" {
	run -0 as alice bash -c 'ulimit -Sn 321; ulimit -Su 4321; srun -Q --mem=100 --propagate=NOFILE --cell sh -c "ulimit -Sn"; srun -Q --mem=100 --propagate=NONE --cell sh -c "ulimit -Sn"'
	[ "${lines[0]}" = 321 ]
	[ "${lines[1]}" != 321 ]
}

@test "x11: DISPLAY and XAUTHORITY stay, and the key that srun --x11 has put into /tmp is there" {
	as alice sh -c 'echo key >/tmp/.Xauthority-k4FhxZ; echo other >/tmp/other; chmod 600 /tmp/.Xauthority-k4FhxZ'
	run -0 as alice env DISPLAY=localhost:10.0 XAUTHORITY=/tmp/.Xauthority-k4FhxZ srun -Q --mem=100 --cell \
		sh -c 'echo $DISPLAY; cat $XAUTHORITY; ls -A /tmp; echo x >$XAUTHORITY; true'
	[ "${lines[0]}" = localhost:10.0 ]
	[ "${lines[1]}" = key ]
	[ "${lines[2]}" = .Xauthority-k4FhxZ ]
	[[ ${lines[3]} == *"Read-only"* ]]
	run as alice env XAUTHORITY=/tmp/other srun -Q --mem=100 --cell ls -A /tmp
	[ -z "$output" ]
	# Somebody else's is as if it were not there.
	run as bob env XAUTHORITY=/tmp/.Xauthority-k4FhxZ srun -Q --mem=100 --cell cat /tmp/.Xauthority-k4FhxZ
	[[ $output != *key* ]]
	rm /tmp/.Xauthority-k4FhxZ /tmp/other
}

@test "--task-prolog is run in the cell, --task-epilog outside, --prolog and --epilog by srun" {
	# shellcheck disable=SC2016 # for the scripts
	for name in task-prolog task-epilog; do
		printf '#!/bin/sh\nreadlink /proc/self/ns/pid >>/home/alice/%s.out\necho export FROM_PROLOG=1\n' $name >$name.sh
		chmod 755 $name.sh
	done
	run -0 step --cell --task-prolog=/home/alice/task-prolog.sh --task-epilog=/home/alice/task-epilog.sh \
		sh -c "$pidns; echo \$FROM_PROLOG"
	[ "${lines[0]}" = "$(cat task-prolog.out)" ]
	[ "${lines[1]}" = 1 ]
	[ "$(cat task-epilog.out)" = "$outside" ]
	rm task-*
}

@test "--chdir" {
	as alice mkdir -p dir
	run -0 step --cell --chdir=/home/alice/dir sh -c 'pwd; touch here'
	[ "$output" = /home/alice/dir ]
	[ -e dir/here ]
	# A private one is empty, and still the task's.
	run -0 step --cell --chdir=/tmp sh -c 'pwd; ls -A'
	[ "$output" = /tmp ]
}

@test "256 tasks of one step join one cell" {
	run -0 step -n 256 --overcommit --cell readlink /proc/self/ns/pid
	[ "${#lines[@]}" -eq 256 ]
	[ "$(sort -u <<<"$output" | wc -l)" -eq 1 ]
	[ "$(records "$(last_job)" | jq -c '.[0].exit')" = '{"code":0,"reason":"exited","tasks":[{"first":0,"last":255,"count":256,"code":0}]}' ]
}

@test "--kill-on-bad-exit, --no-kill, --wait: how a step ends by one of its tasks" {
	# shellcheck disable=SC2016 # for the tasks
	task='[ $SLURM_PROCID = 0 ] && exit 3; sleep 60; echo late'
	SECONDS=0
	run ! step -n2 --overcommit --kill-on-bad-exit=1 --cell sh -c "$task"
	run ! step -n2 --overcommit --wait=1 --no-kill --kill-on-bad-exit=0 --cell sh -c "$task"
	((SECONDS < 55))
	[[ $output != *late* ]]
	wait_idle_but
}

@test "--label, --unbuffered, sattach, --test-only" {
	run -0 step -n2 --overcommit --label --unbuffered --cell sh -c 'printf x'
	[ "$(sort <<<"$output")" = $'0: x\n1: x' ]
	job=$(as alice sbatch --parsable --mem=100 --cell -o /home/alice/att.out --wrap 'srun sh -c "for i in \$(seq 40); do echo tick; sleep 0.1; done"')
	eventually 20 grep -q tick att.out
	as alice timeout 2 sattach "$job.0" >attached || true
	grep -q tick attached
	scancel "$job"
	wait_job "$job"
	before=$(last_job)
	run -0 step --test-only --cell true
	run -0 as alice sbatch --mem=100 --test-only --cell --wrap true
	[ "$(last_job)" = "$before" ]
	rm -f att.out attached
}

@test "a time limit ends all that hides in the cell; --signal=B: reaches the script before" {
	eventually 150 job_ended "$limited"
	eventually 30 on node3 sh -c '! pgrep -fx "sleep 720001"'
	eventually 90 job_ended "$warned"
	[ "$(cat warned.out)" = $'ready\nusr1' ]
	[ "$(node=node3 records "$warned" | jq -c '.[0].exit | [.reason, .code]')" = '["exited",3]' ]
	[ "$(node=node3 records "$limited" | jq -c '.[0].exit | [.reason, .signal]')" = '["signaled",15]' ]
	[[ $(sinfo -h -N -o %T | sort -u) == idle ]]
}
