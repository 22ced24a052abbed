#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# cells in jobs of queues, and where there is none
# shellcheck disable=SC2154 # stderr and its lines: by run
bats_require_minimum_version 1.5.0

load common
setup() {
	common_setup
	for name in ${!SLURM_*} ${!PBS_*} ${!LSB_*} ${!FLUX_*} ${!SGE_*} ${!_CONDOR_*}; do
		unset "$name"
	done
	unset SUDO_UID JOB_ID JOB_NAME QUEUE
}

# scheduler and user, of the record of `cloison run OPTIONS -- true`.
job_of() { record_of "$@" -- true | jq -cS '.scheduler'; }

@test "no queue: the record says so" {
	[ "$(job_of)" = '{"name":"none"}' ]
}

@test "Grid Engine: an array's task and a job without any" {
	export JOB_ID=7 JOB_NAME=sweep QUEUE=all.q SGE_CELL=default SGE_ACCOUNT=phys SGE_TASK_ID=3
	[ "$(job_of)" = '{"cluster":"default","job":"7","job_name":"sweep","name":"gridengine","queue":"all.q","step":"3"}' ]
	[ "$(record_of -- true | jq -r .user.account)" = phys ]
	export SGE_TASK_ID=undefined
	[ "$(job_of)" = '{"cluster":"default","job":"7","job_name":"sweep","name":"gridengine","queue":"all.q"}' ]
}

@test "HTCondor: the job's ad says which it is" {
	cat >job.ad <<-'END'
		AccountingGroup = "group_phys.alice"
		ClusterId = 12
		GlobalJobId = "ap1#12.4#1700000000"
		Owner = "root"
		ProcId = 4
	END
	export _CONDOR_SLOT=slot1 _CONDOR_JOB_AD=$PWD/job.ad
	record=$(record_of -- true)
	[ "$(jq -cS .scheduler <<<"$record")" = '{"cluster":"ap1","job":"12","name":"htcondor","step":"4"}' ]
	[ "$(jq -cS .user.account <<<"$record")" = '"group_phys.alice"' ]
	[ "$(jq .user.uid <<<"$record")" = "$(id -u)" ]
	# A pipe in its place holds nobody up.
	rm job.ad
	mkfifo job.ad
	run -0 timeout 20 "$CLOISON" run --quiet --record="$PWD/record" -- true
	[ "$(jq -cS .scheduler record)" = '{"name":"htcondor"}' ]
}

@test "--job-id and --job-name: by hand, whatever the queue says" {
	[ "$(job_of --job-id=42 --job-name='night run')" = '{"job":"42","job_name":"night run","name":"none"}' ]
	export PBS_JOBID=1.server PBS_JOBNAME=x PBS_ARRAY_INDEX=5 PBS_QUEUE=workq
	[ "$(job_of --job-id=42)" = '{"job":"42","job_name":"x","name":"pbs","queue":"workq"}' ]
	[ "$(job_of --job-name=y)" = '{"job":"1.server","job_name":"y","name":"pbs","queue":"workq","step":"5"}' ]
}

@test "--job-id and --job-name: what is absurd is refused in one line" {
	long=$(printf '%0257d' 0)
	for bad in --job-id= --job-name= --job-id="$long" --job-name="$long" --job-id=$'a\nb' --job-name=$'\e[2J' \
		--job-id=a/b --job-id=..; do
		run -125 --separate-stderr cell "$bad" -- touch ran
		[ -z "$output" ]
		[ "${#stderr_lines[@]}" -eq 1 ]
		[[ $stderr == "cloison: --job-"* ]]
	done
	[ ! -e ran ]
	[ "$(job_of --job-name="${long%?}" | jq '.job_name | length')" -eq 256 ]
}

@test "a job's words are bounded, and one line of UTF-8 in the record" {
	huge=$(printf '%0102400d' 0)
	export PBS_JOBID=1 PBS_JOBNAME=$huge PBS_ACCOUNT=$'a\n"\\\e[m\xff' PBS_QUEUE=$huge
	record_of -- true >record
	[ "$(wc -l <record)" -eq 1 ]
	[ "$(jq -j .user.account record | od -An -tx1 | tr -d ' \n')" = 610a225c1b5b6defbfbd ]
	[ "$(jq '.scheduler | .job_name, .queue | length' record | sort -u)" = 256 ]
	export PBS_JOBID=$huge
	[ "$(record_of -- true | jq .scheduler.job)" = null ]
}

@test "nobody becomes another by what the environment says" {
	export USER=daemon LOGNAME=daemon SUDO_USER=daemon PBS_JOBID=1 PBS_O_LOGNAME=daemon
	record=$(record_of -- true)
	[ "$(jq .user.uid <<<"$record")" = "$(id -u)" ]
	[ "$(jq -r .user.name <<<"$record")" != daemon ]
}

@test "an ordinary user who claims to be behind sudo, or another by login, is not believed" {
	user=()
	! is_root || user=(setpriv --reuid=64321 --regid=64321 --clear-groups
		env -C / -u XDG_STATE_HOME -u XDG_RUNTIME_DIR HOME=/nonexistent)
	# Who has not logged in may choose what the kernel says of that.
	# shellcheck disable=SC2016 # for the inner shell
	lie='(echo 1 >/proc/self/loginuid) 2>/dev/null; echo 1 2>/dev/null >/proc/self/loginuid
		cat /proc/self/loginuid >&2; exec "$@"'
	open=$(mktemp -d)
	chmod 1777 "$open"
	for be in "" "unshare --user --map-root-user"; do
		rm -f "$open/record"
		# shellcheck disable=SC2086 # a command or none
		run -0 --separate-stderr "${user[@]}" env SUDO_UID=1 sh -c "$lie" sh $be \
			"$CLOISON" run --quiet --record="$open/record" -- true
		[ "$(jq -c '[.user.sudo_uid, .user.login_uid]' "$open/record")" = '[null,null]' ]
		# It was a lie that could be told.
		[[ -n $be || $stderr != 4294967295 ]]
	done
	rm -r "$open"
}

@test "root's cell has who is behind it, by sudo and by the kernel" {
	is_root || skip "for root"
	for uid in 1234 0 -1 4294967294 4294967295 4294967296 '' x 12x ' 12' +1; do
		want=null
		[[ $uid != 1234 && $uid != 4294967294 ]] || want=$uid
		[ "$(SUDO_UID=$uid record_of -- true | jq .user.sudo_uid)" = "$want" ]
	done
	[ "$(record_of -- true | jq -c '[.user | .sudo_uid, .uid]')" = '[null,0]' ]
	[ "$(cat /proc/self/loginuid)" = 4294967295 ] || skip "logged in"
	(echo 1234 >"/proc/$BASHPID/loginuid") 2>/dev/null || skip "the kernel has no login uids"
	record=$(
		echo 1234 >"/proc/$BASHPID/loginuid"
		SUDO_UID=1235 record_of -- true
	)
	[ "$(jq -c '[.user | .login_uid, .sudo_uid, .uid]' <<<"$record")" = '[1234,1235,0]' ]
}
