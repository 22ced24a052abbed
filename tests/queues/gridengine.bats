#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Grid Engine with cloison-gridengine as the starter_method of its queue, and the same jobs without it.
load common

starter=/usr/libexec/cloison/cloison-gridengine
export SGE_SINGLE_LINE=1

setup_file() {
	configure starter_method "$starter"
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	chmod 755 "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR" "$BATS_SUITE_TMPDIR" "$BATS_FILE_TMPDIR" 2>/dev/null || true
	rm -rf /home/alice/job /home/alice/out
	before=$(leftovers)
}

# Whatever the queue was set to; and nothing is left of a job.
teardown() {
	configure starter_method "$starter"
	configure shell_start_mode posix_compliant
	eventually 20 queue_empty
	eventually 20 cleaned
}
queue_empty() { [[ ! $(qstat -u '*') ]]; }
cleaned() { [[ $(leftovers) == "$before" ]] && ! ls -d /tmp/*.all.q >/dev/null 2>&1; }

configure() { qconf -rattr queue "$1" "$2" all.q >/dev/null; }

# script: the job, from standard input
script() {
	cat >/home/alice/job
	chmod 755 /home/alice/job
}

# submit ARGUMENTS...: as alice; $job. Output is in ~alice/out.
submit() {
	rm -f /home/alice/out
	job=$(as alice qsub -terse -j y -o /home/alice/out "$@")
	job=${job%%.*}
}
acct() { qacct -j "$job" 2>/dev/null | awk -v key="$1" '$1 == key { print $2 }'; }
accounted() { [[ $(acct exit_status | wc -l) -ge ${1:-1} ]]; }
# run_job ARGUMENTS...: submit, wait for its end, $output and $status as the queue knows it
run_job() {
	submit "$@"
	eventually 60 accounted
	output=$(cat /home/alice/out)
	status=$(acct exit_status)
}
says() { grep -qx "$1" /home/alice/out 2>/dev/null; }

# with_and_without FUNCTION: the same outcome of it in $both, with a starter and without
with_and_without() {
	local with
	with=$("$@")
	configure starter_method NONE
	both=$("$@")
	diff <(echo "$both") <(echo "$with")
}

@test "a batch job runs in a cell, and Grid Engine knows how it ended" {
	script <<-'END'
		cat /proc/1/comm
		cat /proc/self/status | grep ^Groups
		[ "$TMP" = "/tmp/$JOB_ID.1.all.q" ] && touch "$TMP/x" && echo writable
		exit 7
	END
	run_job /home/alice/job
	echo "$output"
	[[ $output == cloison-init$'\n'* && $output == *writable && $status == 7 && $(acct failed) == 0 ]]
}

@test "the record has what Grid Engine says of the job" {
	script <<<true
	run_job -N sweep -A phys -t 3 -v CLOISON_OPTIONS=--record=/home/alice/record /home/alice/job
	jq -cS '[.scheduler, .user.account]' /home/alice/record | tee record
	rm /home/alice/record
	[[ $(<record) == '[{"cluster":"default","job":"'"$job"'","job_name":"sweep","name":"gridengine","queue":"all.q","step":"3"},"phys"]' ]]
}

args() {
	script <<-'END'
		printf '<%s>' "${0##*/}" "$@"
		shopt login_shell
		exit 3
	END
	run_job "$@" /home/alice/job a 'b c' '' '$HOME' "it's" '*'
	echo "${output//job_scripts}" "$status" | sed 's/^<[0-9]*>//'
}

@test "arguments, shells and start modes are those of a job without a starter" {
	with_and_without args -S /bin/bash
	[[ $both == '<a><b c><><$HOME><it'\''s><*>'*on*3 ]]
	configure starter_method "$starter"
	configure shell_start_mode script_from_stdin
	with_and_without args -S /bin/bash
	configure starter_method "$starter"
	configure shell_start_mode unix_behavior
	sed -i '1i #!/bin/bash' /home/alice/job
	run_job /home/alice/job a 'b c'
	[[ $output == '<'*'><a><b c>'*off* && $status == 3 ]]
}

@test "a command instead of a script gets its arguments as they are" {
	run_job -b y printf '<%s>' a 'b c' '' '$HOME' "it's" '"'
	echo "$output"
	[[ $output == '<a><b c><><$HOME><it'\''s><">' && $status == 0 ]]
	run_job -b y -shell n /usr/bin/printf '<%s>' a 'b c' ''
	[[ $output == '<a><b c><>' && $status == 0 ]]
}

ended_as() {
	script <<<"$1"
	run_job /home/alice/job
	echo "$status" "$(acct failed)"
}
@test "a job that a signal ends, and one that asks for the error state, are what they are without a cell" {
	with_and_without ended_as 'kill -SEGV $$'
	[[ $both == '139 100' ]]
	configure starter_method "$starter"
	with_and_without ended_as 'exit 100'
	[[ $both == '100 30' ]]
	eventually 10 queue_up
}
queue_up() { [[ ! $(qstat -f -qs E) ]]; }

@test "where no cell can be made the job fails with a line, and the queue goes on" {
	mkdir -p /etc/cloison
	echo nonsense >/etc/cloison/cloison.conf
	script <<<true
	run_job /home/alice/job
	rm /etc/cloison/cloison.conf
	echo "$output"
	[[ $output == 'cloison: /etc/cloison/cloison.conf:1: '* && $status == 125 && $(acct failed) == 0 ]]
	run_job /home/alice/job
	[[ $status == 0 ]]
}

qrsh_says() {
	as alice qrsh "$@" </dev/null && echo 0 || echo $?
}
@test "qrsh with a command: a cell, text for the user's shell, its output and exit status" {
	[[ $(qrsh_says cat /proc/1/comm) == $'cloison-init\n0' ]]
	with_and_without qrsh_says 'echo  "$((6 * 7))" a; exit 4'
	[[ $both == $'42 a\n4' ]]
	configure starter_method "$starter"
	with_and_without qrsh_says -noshell echo 'a  b' '$HOME'
	[[ $both == $'a  b $HOME\n0' ]]
}

# caught COMMAND ARGUMENTS...: what a job catches for which COMMAND is done once it runs, and how it ended
caught() {
	local then=$1
	shift
	script <<-'END'
		for s in USR1 USR2 XCPU TERM; do trap "echo $s" $s; done
		echo ready
		while :; do sleep 0.1; done
	END
	submit "$@" /home/alice/job
	eventually 30 says ready
	"$then"
	eventually 30 accounted
	# What the shell tells about its own children differs.
	grep -xE 'ready|USR1|USR2|XCPU|TERM' /home/alice/out
	acct exit_status
	acct failed
}
delete() { as alice qdel "$job" >/dev/null; }
delete_warned() {
	eventually 30 says USR1
	delete
}
@test "a warning before the end, and the end of a deleted job and of one out of time are as without a cell" {
	with_and_without caught delete -notify
	[[ $both == $'ready\nUSR2\n137\n100' ]]
	configure starter_method "$starter"
	with_and_without caught delete_warned -l s_rt=1
	[[ $both == $'ready\nUSR1\n137\n100' ]]
	configure starter_method "$starter"
	with_and_without caught true -l h_rt=2
	[[ $both == $'ready\n137\n37' ]]
}

@test "what is left of a cell that Grid Engine killed is cleared away by the epilog, which closes its record" {
	configure epilog '/usr/bin/cloison gc'
	caught delete
	configure epilog NONE
	[[ ! $(as alice cloison ls --all --json | jq '.cells[]') ]]
	[[ $(as alice cloison report --job "$job" --by=reason | awk 'NR > 1 { print $1, $2 }') == 'lost 1' ]]
}

stopped() { pgrep -r T -f '^sleep 9753' >/dev/null; }
sleeping() { pgrep -r S -f '^sleep 9753' >/dev/null; }
@test "suspend stops what runs in the cell, and goes on" {
	script <<<'sleep 9753'
	submit /home/alice/job
	eventually 30 sleeping
	as alice qmod -sj "$job"
	eventually 20 stopped
	as alice qmod -usj "$job"
	eventually 20 sleeping
	as alice qdel "$job"
	eventually 30 accounted
	[[ $(acct exit_status) == 137 ]]
}

@test "usage is that of what ran in the cell, and whoever hides from its process group ends with the job" {
	script <<-'END'
		setsid sleep 9754 &
		end=$(($(date +%s) + 4))
		while [ "$(date +%s)" -lt $end ]; do :; done
	END
	run_job /home/alice/job
	acct cpu
	acct maxvmem
	awk -v cpu="$(acct cpu)" 'BEGIN { exit cpu + 0 < 1 }'
	[[ $(acct maxvmem) != 0.000B ]]
	run ! pgrep -f 'sleep 9754'
}

@test "a parallel environment's job has its slots; its limits hold in the cell" {
	script <<-'END'
		cat /proc/1/comm
		echo "$NSLOTS" "$(ulimit -v)"
	END
	run_job -pe smp 2 -l h_vmem=1G /home/alice/job
	echo "$output"
	[[ $output == $'cloison-init\n2 '[0-9]* && $status == 0 ]]
}

@test "a task that a parallel job starts by qrsh -inherit has a cell of its own, and both see the job's directory" {
	script <<-'END'
		touch "$TMP/shared"
		qrsh -inherit node1 'cat /proc/1/comm; readlink /proc/self/ns/pid; ls "$TMP" | grep shared; exit 6'
		echo $?
		readlink /proc/self/ns/pid
	END
	run_job -pe smp 2 /home/alice/job
	echo "$output"
	mapfile -t line <<<"$output"
	[[ ${line[0]} == cloison-init && ${line[1]} == pid:* && ${line[2]} == shared && ${line[3]} == 6 && ${line[4]} == pid:* ]]
	[[ ${line[1]} != "${line[4]}" ]]
}

@test "a job is bound to the cores that Grid Engine has chosen" {
	script <<<'echo "$SGE_BINDING" $(sed -n "s/^Cpus_allowed_list:[[:space:]]*//p" /proc/self/status)'
	run_job -binding set linear:1 /home/alice/job
	echo "$output"
	[[ $output == '0 0' ]]
	run_job -binding env linear:1 /home/alice/job
	echo "$output"
	[[ $output == '0 0' ]]
}

@test "an array: one out of time, one out of CPU time, one failure, the others fine" {
	script <<-'END'
		case $SGE_TASK_ID in
		5) sleep 60 ;;
		9) while :; do :; done ;;
		13) exit 3 ;;
		esac
	END
	submit -t 1-20 -v CLOISON_OPTIONS='--time-limit=4 --cpu-time=1' -o /dev/null /home/alice/job
	eventually 90 accounted 20
	qacct -j "$job" | awk '$1 == "taskid" { task = $2 } $1 == "exit_status" { print task, $2 }' | sort -n | awk '$2 != 0' >failed
	cat failed
	[[ $(<failed) == $'5 143\n9 143\n13 3' ]]
	as alice cloison report --job "$job" --by=reason
	[[ $(as alice cloison report --job "$job" --by=reason | awk 'NR > 1 { print $1, $2 }' | sort) == $'cpu-time 1\nexited 18\ntime-limit 1' ]]
}
