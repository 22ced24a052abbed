#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Grid Engine with cloison-gridengine as the starter_method of its queue, and the same jobs without it.
# shellcheck disable=SC2154
load common
load gridengine

starter=/usr/libexec/cloison/cloison-gridengine

setup_file() {
	configure_wanted
}

setup() {
	prepare
}

# Whatever the queue was set to; and nothing is left of a job.
teardown() {
	configure_wanted
	configure shell_start_mode posix_compliant
	as alice qdel -u alice >/dev/null 2>&1 || true
	qmod -cq all.q >/dev/null 2>&1 || true
	eventually 20 queue_empty
	eventually 20 cleaned
}

# with_and_without FUNCTION: the same outcome of it in $both, with a starter and without
with_and_without() {
	local with
	with=$("$@")
	configure starter_method NONE
	both=$("$@")
	diff <(echo "$both") <(echo "$with")
}

@test "the manual page has the lines that are tested here" {
	while IFS= read -r line; do
		grep -qxF "$line" "$page" || {
			echo "not there: $line"
			return 1
		}
	done < <(wanted)
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

@test "where no cell can be made the job fails with a line, and the queue goes on" {
	configure prolog NONE
	configure epilog NONE
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
	[[ $(qrsh_says -pty no cat /proc/1/comm) == $'cloison-init\n0' ]]
	# With a terminal Grid Engine may kill a prolog.
	configure prolog NONE
	configure epilog NONE
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
	# What the shell tells about its own children differs; and sge_execd sends a warning twice now and then, also without a cell.
	grep -xE 'ready|USR1|USR2|XCPU|TERM' /home/alice/out | uniq
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
	caught delete
	[[ ! $(as alice cloison ls --all --json | jq '.cells[]') ]]
	[[ $(reasons) == 'lost 1' ]]
	[[ ! -e /run/cloison/queue/$job.0 ]]
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
	[[ $(reasons) == $'cpu-time 1\nexited 18\ntime-limit 1' ]]
}

@test "what root's prolog knows of a job is in its record, and with it what the environment cannot say" {
	printf 'name optics\noticket 0\nfshare 0\nacl NONE\nxacl NONE\n' >project
	qconf -Aprj "$PWD/project"
	script <<-'END'
		cat "/run/cloison/queue/$JOB_ID.3"
		sleep 1
	END
	run_job -P optics -A phys -N sweep -t 3 -pe smp 2 -l h_vmem=2G \
		-v SGE_ACCOUNT=other,QUEUE=other,CLOISON_OPTIONS=--record=/home/alice/record /home/alice/job
	qconf -dprj optics
	echo "$output"
	for line in "id $job.3" 'uid 1000' 'slots 2' 'memory 4294967296' 'account phys' 'project optics' 'queue all.q' 'name sweep'; do
		grep -qxF "$line" <<<"$output"
	done
	run ! grep '^cgroup' <<<"$output"
	jq -cS '[.scheduler, .user.account]' /home/alice/record | tee record
	rm /home/alice/record
	[[ $(<record) == '[{"cluster":"default","job":"'"$job"'","job_name":"sweep","name":"gridengine","project":"optics","queue":"all.q","step":"3"},"phys"]' ]]
	[[ ! $(ls /run/cloison/queue) ]]
}

@test "where users may loosen nothing a job has its directory all the same" {
	mkdir -p /etc/cloison
	printf '[site]\nloosen = none\n' >/etc/cloison/cloison.conf
	script <<<'touch "$TMP/x" && ls "$TMP"; cat /proc/1/comm'
	run_job /home/alice/job
	rm /etc/cloison/cloison.conf
	echo "$output"
	[[ $output == $'x\ncloison-init' && $status == 0 ]]
}

@test "a cell cannot have more than the job's slots and memory" {
	script <<<true
	for option in --cpus=3 --memory=3G; do
		run_job -pe smp 2 -l h_vmem=1G -v CLOISON_OPTIONS=$option /home/alice/job
		echo "$output"
		[[ $output == "cloison: ${option%=*}: "*'that gridengine gives the job: ask the queue for more' && $status == 125 ]]
	done
}

@test "the environment of a job is nothing to root's prolog and epilog" {
	cat >evil.c <<-'END'
		#include <fcntl.h>
		#include <stdio.h>
		#include <unistd.h>
		__attribute__((constructor)) static void came(void)
		{
			char path[64];

			snprintf(path, sizeof(path), "/tmp/came-%u", geteuid());
			close(open(path, O_CREAT | O_WRONLY, 0666));
		}
	END
	cc -shared -fPIC -o /home/alice/evil.so evil.c
	chmod 755 /home/alice/evil.so
	script <<<'cat "/run/cloison/queue/$JOB_ID.0"'
	run_job -v LD_PRELOAD=/home/alice/evil.so,LD_LIBRARY_PATH=/home/alice,PATH=/evil:/bin,HOME=/evil,XDG_RUNTIME_DIR=/evil,TMPDIR=/evil \
		-v JOB_ID=1,SGE_TASK_ID=9,SGE_JOB_SPOOL_DIR=/evil,USER=bob,LOGNAME=bob,NSLOTS=99 /home/alice/job
	rm /home/alice/evil.so
	echo "$output"
	ls /tmp/came-*
	[[ ! -e /tmp/came-0 && -e /tmp/came-1000 ]]
	rm /tmp/came-*
	grep -qxF "id $job.0" <<<"$output"
	grep -qxF 'slots 1' <<<"$output"
	grep -qxF 'uid 1000' <<<"$output"
	[[ $status == 0 ]]
}

# Grid Engine takes what follows it for lines of its own file.
@test "a job with a newline that says whose it is gets into the error state, and nobody else's rights" {
	as alice qsub -terse -o /dev/null -j y -b y /usr/bin/touch /home/bob/came $'x\njob_owner=bob' | tee id
	job=$(<id)
	eventually 30 state_is Eqw
	qstat -j "$job" | grep 'error reason'
	[[ $(qstat -j "$job") == *'exit_status of prolog = 100'* ]]
	queue_up
	[[ ! -e /home/bob/came && ! $(ls /run/cloison/queue) ]]
	as alice qdel "$job"
}

@test "only root can be prolog, and an administrator's mistake stops the queue and says so" {
	run -125 as alice cloison prolog
	[[ $output == 'cloison: needs root: '* ]]
	run -125 cloison prolog
	[[ $output == 'cloison: config: '*'Grid Engine'* ]]
	run -125 cloison prolog now
	mkdir -p /etc/cloison
	printf '[site]\ncgroup-jobs = /no/such\n' >/etc/cloison/cloison.conf
	script <<<true
	submit /home/alice/job
	eventually 30 test -s /home/alice/out
	cat /home/alice/out
	rm /etc/cloison/cloison.conf
	grep -qE '^cloison: (cgroup /no/such|no cgroup v2|limit )' /home/alice/out
	eventually 30 queue_stopped
	[[ ! $(ls /run/cloison/queue) ]]
	qmod -cq all.q
	eventually 60 accounted
	eventually 30 ended_well
}
queue_stopped() { ! queue_up; }
ended_well() { [[ $(acct exit_status | tail -n 1) == 0 && $(acct failed | tail -n 1) == 0 ]]; }

@test "the note of a job whose shepherd was killed goes by cloison gc" {
	script <<<'sleep 9755'
	submit /home/alice/job
	eventually 30 test -e "/run/cloison/queue/$job.0"
	shepherd=$(sed -n 's/^shepherd //p' "/run/cloison/queue/$job.0")
	[[ $(<"/proc/$shepherd/comm") == sge_shepherd ]]
	cloison gc
	[[ -e /run/cloison/queue/$job.0 ]]
	kill -KILL "$shepherd"
	eventually 30 accounted
	cloison gc
	[[ ! -e /run/cloison/queue/$job.0 ]]
	pkill -KILL -f '^sleep 9755' || true
	qmod -cq all.q || true
	as alice qdel "$job" || true
}

@test "a note that has another job's name is told of, and nothing is done by it" {
	mkdir -p /run/cloison/queue
	printf '%s\n' 'id 9.0' 'uid 0' 'gid 0' 'shepherd 999999' 'shepherd-start 1' 'slots 1' 'memory 0' >/run/cloison/queue/8.0
	run -1 cloison gc
	[[ $output == *'cloison: /run/cloison/queue/8.0 is of another job'* && -e /run/cloison/queue/8.0 ]]
	rm /run/cloison/queue/8.0
}
