#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Grid Engine with root's prolog and epilog on a node with cgroup v2 and systemd: a cgroup for each job.
# shellcheck disable=SC2154,SC2094
load common
load gridengine

unit=/sys/fs/cgroup/system.slice/cloison-jobs.service
patience=240

# recipe N: the Nth indented block of the page's section that begins so.
recipe() {
	awk -v first="$1" '
		$0 == first { inside = 1 }
		inside && $0 == "```" { exit }
		inside' "$page"
}

setup_file() {
	recipe '# /etc/systemd/system/cloison-jobs.service' >/etc/systemd/system/cloison-jobs.service
	mkdir -p /etc/cloison
	recipe '# /etc/cloison/cloison.conf' >/etc/cloison/cloison.conf
	systemctl daemon-reload
	systemctl start cloison-jobs
	eventually 30 test -d "$unit/main"
	configure_wanted
	qconf -aattr queue complex_values h_vmem=8G all.q
}

setup() {
	prepare
	before=$(leftovers; cgroups)
}

teardown() {
	as alice qdel -u alice >/dev/null 2>&1 || true
	qmod -cq all.q >/dev/null 2>&1 || true
	configure_wanted
	eventually 60 queue_empty
	eventually 60 cleaned
}
cgroups() { find /sys/fs/cgroup -type d -name '*cloison-[jm]*' ! -name cloison-jobs.service; }
cleaned() { [[ $(leftovers; cgroups) == "$before" ]] && ! ls -d /tmp/*.all.q >/dev/null 2>&1; }

# in_job ID FILE: what there is in it of the job's cgroup
in_job() { cat "$unit/cloison-job-$1/$2"; }

@test "a job has a cgroup with its limits, which its user may divide; its shepherd is not in it" {
	script <<-'END'
		cat /proc/1/comm
		echo ready
		while [ ! -e /home/alice/go ]; do sleep 0.2; done
	END
	rm -f /home/alice/go
	submit -pe smp 2 -l h_vmem=256M -v CLOISON_OPTIONS=--record=/home/alice/record /home/alice/job
	eventually 120 says ready
	id=$job.0
	in_job "$id" cpu.max
	in_job "$id" memory.max
	[[ $(in_job "$id" cpu.max) == '200000 100000' && $(in_job "$id" memory.max) == $((512 << 20)) ]]
	[[ $(stat -c %U "$unit/cloison-job-$id"/{.,cgroup.procs,cgroup.subtree_control,memory.max,cgroup.kill} | xargs) == 'alice alice alice root root' ]]
	[[ $(stat -c %U "$unit/cloison-job-$id/cloison-main/cgroup.procs") == root ]]
	# cloison run, and nobody else, beside its cell.
	xargs -n 1 -I{} cat /proc/{}/comm <"$unit/cloison-job-$id/cloison-main/cgroup.procs" | tee main
	[[ $(<main) == cloison ]]
	cell=$(find "$unit/cloison-job-$id" -mindepth 1 -maxdepth 1 -type d ! -name cloison-main)
	[[ $cell == */cloison* && $(<"$cell/memory.max") == $((504 << 20)) && $(<"$cell/cpu.max") == '200000 100000' ]]
	[[ $(<"$cell/cgroup.procs") ]]
	shepherd=$(sed -n 's/^shepherd //p' "/run/cloison/queue/$id")
	[[ $(<"/proc/$shepherd/cgroup") != *cloison-job* ]]
	touch /home/alice/go
	eventually "$patience" accounted
	jq -c '[.limits.enforced, .memory.limit_bytes, .cpu.count]' /home/alice/record
	jq -e '.limits.enforced.memory == "528482304" and .limits.enforced.cpus == "2" and .memory.limit_bytes == 528482304' /home/alice/record
	[[ $(acct exit_status) == 0 && $(acct failed) == 0 ]]
	rm /home/alice/record /home/alice/go
}

@test "an array of 20: one out of memory, one out of time, one failure, the others fine" {
	script <<-'END'
		case $SGE_TASK_ID in
		5) sleep 60 ;;
		9) tail /dev/zero & tail /dev/zero & wait ;;
		13) exit 3 ;;
		esac
	END
	submit -t 1-20 -l h_vmem=160M -v CLOISON_OPTIONS=--time-limit=30 -o /dev/null -S /bin/sh /home/alice/job
	eventually 420 accounted 20
	# An exit status above 128 is "100: assumedly after job" to it, in a cell as without one.
	qacct -j "$job" | awk '$1 == "taskid" { task = $2 } $1 == "failed" { failed = $2 } $1 == "exit_status" { print task, $2, failed }' | sort -n |
		awk '$2 != 0 || $3 != 0' >failed
	cat failed
	reasons
	[[ $(reasons) == $'exited 18\noom 1\ntime-limit 1' ]]
	[[ $(<failed) == $'5 143 100\n9 137 100\n13 3 0' ]]
	[[ $(as alice cloison report --job "$job" --by=queue | awk 'NR > 1 { print $1, $3, $4 }') == 'gridengine all.q 20' ]]
}

@test "a job that is deleted is lost, with what it had used, and nothing is left of it" {
	script <<-'END'
		dd if=/dev/zero of=/dev/shm/x bs=1M count=50
		setsid sleep 9756 &
		echo ready
		sleep 9756
	END
	submit -l h_vmem=512M /home/alice/job
	eventually 120 says ready
	as alice qdel "$job"
	eventually "$patience" accounted
	[[ $(acct exit_status) == 137 ]]
	reasons
	[[ $(reasons) == 'lost 1' ]]
	as alice cloison report --job "$job" --by=record --json >report
	cat report
	[[ $(jq '[.. | objects | .memory.peak_bytes? // empty] | max > 50000000' report) == true ]]
	run ! pgrep -f 'sleep 9756'
	[[ ! $(ls /run/cloison/queue) ]]
}

@test "who hides from Grid Engine in the job's cgroup is killed by its epilog" {
	configure starter_method NONE
	script <<-'END'
		sleep 2
		cat /proc/self/cgroup
		mkdir /sys/fs/cgroup/system.slice/cloison-jobs.service/cloison-job-$JOB_ID.0/hidden &&
			echo $$ >/sys/fs/cgroup/system.slice/cloison-jobs.service/cloison-job-$JOB_ID.0/hidden/cgroup.procs
		cat /proc/self/cgroup
		setsid sleep 9757 >/dev/null 2>&1 &
	END
	run_job /home/alice/job
	echo "$output"
	[[ $output == "0::/system.slice/cloison-jobs.service/cloison-job-$job.0/cloison-main"$'\n'"0::/system.slice/cloison-jobs.service/cloison-job-$job.0/hidden" ]]
	run ! pgrep -f 'sleep 9757'
}

@test "the user of a job can neither move its shepherd nor raise its limits" {
	configure starter_method NONE
	script <<-'END'
		sleep 2
		cd "/sys/fs/cgroup/system.slice/cloison-jobs.service/cloison-job-$JOB_ID.0" || exit
		mkdir mine
		{ echo "$PPID" >mine/cgroup.procs; } 2>&1
		{ echo max >memory.max; } 2>&1
		{ echo 1 >cgroup.kill; } 2>&1
		cat "/proc/$PPID/cgroup"
		cat memory.max
	END
	run_job -l h_vmem=256M /home/alice/job
	echo "$output"
	[[ $(grep -ci 'permission denied\|I/O error' <<<"$output") == 3 ]]
	[[ $output != *'0::'*cloison-job* && $output == *$'\n'$((256 << 20)) ]]
}

@test "two cells at once in a job's script share what it has" {
	configure starter_method NONE
	script <<-'END'
		sleep 2
		cloison run --memory=32M -- sh -c 'grep -c . /proc/self/cgroup; sleep 3' &
		cloison run --memory=32M -- sh -c 'sleep 3' &
		sleep 1
		wait
		cloison run --memory=1G -- true
	END
	run_job -l h_vmem=256M /home/alice/job
	echo "$output"
	[[ $output == *'is more than the '*'that gridengine gives the job'* ]]
	reasons
	[[ $(reasons) == 'exited 2' ]]
}

shepherd_gone() { [[ ! -e /proc/$shepherd ]]; }
@test "cloison gc ends and removes what a job has left whose shepherd was killed" {
	script <<<'sleep 9758'
	submit /home/alice/job
	eventually 120 test -e "/run/cloison/queue/$job.0"
	shepherd=$(sed -n 's/^shepherd //p' "/run/cloison/queue/$job.0")
	eventually 60 pgrep -f '^sleep 9758'
	cloison gc
	pgrep -f '^sleep 9758'
	kill -KILL "$shepherd"
	# Until sge_execd has reaped it, it is there.
	eventually 60 shepherd_gone
	cloison gc --verbose
	run ! pgrep -f '^sleep 9758'
	[[ ! -e /run/cloison/queue/$job.0 && ! -d $unit/cloison-job-$job.0 ]]
	eventually 60 accounted
}
