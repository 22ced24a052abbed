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

# recipe SECTION N: the Nth file or so that this section of cloison-queues(7)
# shows, with the program under test.
recipe() {
	local program
	program=$(command -v "$CLOISON")
	awk -v section=".SH $1" -v n="$2" '
		/^\.SH / { here = $0 == section }
		/^\.fi/ { shown = 0 }
		shown && !/^\.RS/ { print }
		here && /^\.nf/ { shown = ++blocks == n }' \
		"$(dirname "$(dirname "$program")")/share/man/man7/cloison-queues.7" |
		sed -e 's/\\&//g; s/\\-/-/g; s/\\e/\\/g' -e "s|/usr/bin/cloison|$program|"
}

# starter SECTION N: ./starter, as that section has it.
starter() {
	recipe "$@" >starter
	chmod +x starter
	[ "$(head -c 3 starter)" = '#!/' ]
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

@test "Grid Engine: by the starter's name all arguments are the job's" {
	ln -s "$(command -v "$CLOISON")" cloison-gridengine
	mkdir spool job
	printf '%s\n' job_name=x "tmpdir=$PWD/job" handle_as_binary=1 no_shell=0 >spool/config
	export SGE_JOB_SPOOL_DIR=$PWD/spool SGE_STARTER_SHELL_PATH=/bin/bash SGE_STARTER_SHELL_START_MODE=posix_compliant
	export CLOISON_OPTIONS="--quiet  --record=$PWD/record" SGE_TASK_ID=undefined JOB_ID=7
	run -3 ./cloison-gridengine sh -c 'cat /proc/1/comm /proc/$PPID/comm; touch "$1"; echo "$2"; exit 3' -- "$PWD/job/x" 'a  b'
	[ "$output" = $'cloison-init\ncloison-init\na  b' ]
	[ -e job/x ]
	[ "$(jq -cS .scheduler record)" = '{"job":"7","name":"gridengine"}' ]
	# Words of ours are none there.
	run -127 ./cloison-gridengine run -- true
	run -0 ./cloison-gridengine echo --login
	[ "$output" = --login ]
	# As Grid Engine does where the shell is to be a login shell.
	[ "$(exec -a -cloison-gridengine ./cloison-gridengine echo as login shell)" = 'as login shell' ]
	unset SGE_STARTER_SHELL_PATH
	run -4 ./cloison-gridengine 'echo  $((6 * 7))' '; exit 4'
	[ "$output" = '42' ]
}

@test "HTCondor: by its wrapper's name the command is the job's, whatever that calls itself" {
	ln -s "$(command -v "$CLOISON")" cloison-htcondor
	mkdir scratch
	unset _CONDOR_JOB_AD
	export _CONDOR_SCRATCH_DIR=$PWD/scratch CLOISON_OPTIONS="--quiet --record=$PWD/record"
	run -3 env x-y=odd ./cloison-htcondor sh -c 'cat /proc/1/comm; grep -zo ^x-y=odd /proc/$$/environ | tr "\0" "\n"; touch "$1"; echo "$2"; exit 3' -- "$PWD/scratch/x" 'a  b'
	[ "$output" = $'cloison-init\nx-y=odd\na  b' ]
	[ -e scratch/x ]
	[ "$(jq -r .exit.code record)" = 3 ]
	[ "$(exec -a condor_exec.exe ./cloison-htcondor echo run -- --version)" = 'run -- --version' ]
	run -143 ./cloison-htcondor sh -c 'kill $$'
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

@test "HTCondor: the wrapper of cloison-queues(7) in the environment of its jobs" {
	mkdir scratch elsewhere
	printf '%s\n' 'ClusterId = 12' 'ProcId = 4' >scratch/.job.ad
	export _CONDOR_SCRATCH_DIR=$PWD/scratch
	cat >wrapper <<-END
		#!/bin/sh
		exec "$CLOISON" run --quiet --record="$PWD/record" \${_CONDOR_SCRATCH_DIR:+"--rw=\$_CONDOR_SCRATCH_DIR"} -- "\$@"
	END
	chmod +x wrapper
	for dir in scratch elsewhere; do
		rm -f scratch/out
		(cd "$dir" && exec env BATCH_SYSTEM=HTCondor ../wrapper /bin/sh -c \
			'echo "$1" >"$_CONDOR_SCRATCH_DIR/out"; exit 3' sh 'one  argument' </dev/null) || status=$?
		[ "$status" -eq 3 ]
		[ "$(cat scratch/out)" = 'one  argument' ]
		[ "$(jq -cS .scheduler record)" = '{"job":"12","name":"htcondor","step":"4"}' ]
	done
	# It asks a job to end by a signal.
	./wrapper sleep 1000 3>&- &
	pid=$!
	eventually "$CLOISON" enter 12.4 -- true
	kill "$pid"
	wait "$pid" || status=$?
	[ "$status" -eq 143 ]
}

@test "Flux in a job of LSF, Slurm in one of Flux: the inner one counts" {
	export LSB_JOBID=1 FLUX_URI=local:///x
	[ "$(job_of)" = '{"job":"1","name":"lsf"}' ]
	export FLUX_JOB_ID=ƒ3ETxsR9H
	[ "$(job_of)" = '{"job":"ƒ3ETxsR9H","name":"flux"}' ]
	export SLURM_JOB_ID=2
	[ "$(job_of)" = '{"job":"2","name":"slurm"}' ]
	unset LSB_JOBID FLUX_JOB_ID SLURM_JOB_ID
	[ "$(job_of)" = '{"name":"flux"}' ]
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

@test "sudo: the record of root's cell has who called it, whatever he says" {
	is_root || skip "for root: sudoers"
	command -v sudo >/dev/null || skip "no sudo"
	uid=$(id -u nobody)
	echo "nobody ALL=(root) NOPASSWD: ALL" >sudoers
	chmod 440 sudoers
	unshare --mount --propagation=private bash -c '
		mount --bind sudoers /etc/sudoers
		SUDO_UID=1 exec setpriv --reuid="$1" --regid="$1" --clear-groups \
			sudo -n "$2" run --quiet --record="$PWD/record" -- true' \
		bash "$uid" "$(command -v "$CLOISON")"
	[ "$(jq -c '[.user | .sudo_uid, .uid]' record)" = "[$uid,0]" ]
}

@test "PBS: the hook of cloison-queues(7), in what stands in for MoM" {
	command -v python3 >/dev/null || skip "no python3"
	recipe PBS 2 >cloison.py
	# An event has program and arguments, a list; MoM executes what it has then.
	cat >mom <<-'END'
		import os, sys, types
		event = types.SimpleNamespace(progname=sys.argv[1], argv=sys.argv[2:], accept=lambda: None)
		sys.modules["pbs"] = types.ModuleType("pbs")
		sys.modules["pbs"].event = lambda: event
		exec(compile(open("cloison.py").read(), "cloison.py", "exec"))
		os.execv(event.progname, event.argv)
	END
	printf '%s\n' '#!/bin/sh' 'cat /proc/1/comm' 'exit 3' >job
	chmod +x job
	# A job's shell gets the name of the script on its standard input.
	run -3 python3 mom /bin/sh -sh <<<"$PWD/job"
	[ "${lines[-1]}" = cloison-init ]
	run -0 --separate-stderr python3 mom /usr/bin/printf printf '<%s>' 'a  b' '' -- '$x'
	[ "$output" = '<a  b><><--><$x>' ]
}

@test "PBS: the starter of cloison-queues(7), as TORQUE runs it" {
	starter PBS 3
	printf '%s\n' 'printf "<%s>" "$@"' 'cat /proc/1/comm' 'exit 3' >job
	run -3 --separate-stderr ./starter /bin/sh "$PWD/job" 'a  b' ''
	[ "$output" = '<a  b><>cloison-init' ]
	chmod +x job
	sed -i '1i #!/bin/sh' job
	run -3 --separate-stderr ./starter /bin/sh <<<"$PWD/job"
	[ "$output" = '<>cloison-init' ]
}

@test "LSF: the starter of cloison-queues(7), in a line like that of LSF's shell" {
	starter LSF 1
	printf '%s\n' '#!/bin/sh' 'echo "a  $((1 + 1))"; exit 4' >script
	chmod +x script
	for command in "printf '<%s>' 'a  b' c" 'true && echo a; exit 3' 'cd / && pwd' 'echo 1; echo 2 | cat' "$PWD/script" \
		'sleep 0 & wait'; do
		want=0
		/bin/sh -c "$command" >want || want=$?
		got=0
		/bin/sh -c "$PWD/starter \"$command\"" >got 2>said || got=$?
		cmp want got
		[ "$got" -eq "$want" ]
	done
	# The second command is in the cell, too.
	[ "$(/bin/sh -c "$PWD/starter \"true && cat /proc/1/comm\"" 2>said)" = cloison-init ]
}

@test "Flux: the job shell of cloison-queues(7) gets its job, and what it inherits" {
	starter FLUX 2
	grep -q ' /usr/libexec/flux/flux-shell "\$@"$' starter
	sed -i "s|/usr/libexec/flux/flux-shell|$PWD/flux-shell|" starter
	printf '%s\n' '#!/bin/sh' 'echo "$# $1 $FLUX_URI"; cat <&5; cat /proc/1/comm; kill -TERM $$' >flux-shell
	chmod +x flux-shell
	run -143 --separate-stderr env FLUX_URI=local:///run/flux/local ./starter 123456789 5<<<"from the broker"
	[ "$output" = $'1 123456789 local:///run/flux/local\nfrom the broker\ncloison-init' ]
}

# --- without a queue ---

# A terminal, a home, a PATH or a name are not what a cell needs.
@test "a cell takes nothing from its environment: none, closed descriptors, no terminal" {
	[ "$(env -i "$CLOISON" run --quiet -- /bin/echo bare)" = bare ]
	# The C library's own PATH serves a caller who has none.
	[ "$(env -i "$CLOISON" run --quiet -- echo bare)" = bare ]
	[ "$(env -i setsid -w "$CLOISON" run --quiet -- /bin/sh -c 'tty; cat' <&-)" = "not a tty" ]
	(exec 0<&- 1>&- 2>&- && exec env -i setsid -w "$CLOISON" run --quiet -- /bin/sh -c 'echo x >said; exit 7') || status=$?
	[ "$status" -eq 7 ]
	[ "$(cat said)" = x ]
}

@test "a working directory that is gone, or not in the cell, is / or an error" {
	mkdir gone
	cd gone
	rmdir ../gone
	[ "$(cell -- pwd)" = / ]
	mkdir -p "$BATS_TEST_TMPDIR/there/hidden/here"
	cd "$BATS_TEST_TMPDIR/there/hidden/here"
	run -125 --separate-stderr cell --hide="$BATS_TEST_TMPDIR/there/hidden" -- pwd
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ $stderr == *"$PWD is not in the cell"*"start in another"* ]]
}

@test "cron's environment: sh -c, no terminal, few variables" {
	line="$CLOISON run --quiet --job-name=nightly --record=$PWD/record -- sh -c 'pwd; env | grep -c .; exit 4'"
	# shellcheck disable=SC2097,SC2098 # HOME of the caller's is meant
	run -4 setsid -w env -i SHELL=/bin/sh LOGNAME=x HOME="$HOME" PATH=/usr/bin:/bin /bin/sh -c "$line" </dev/null
	[ "${lines[0]}" = "$PWD" ]
	[ "$(jq -r '.scheduler.job_name, .exit.code' record | tr '\n' ' ')" = "nightly 4 " ]
}

@test "cron: a line of cloison-queues(7) in a crontab that the daemon runs" {
	is_root || skip "for root: cron"
	command -v cron >/dev/null || skip "no cron"
	mkdir -p home/bin
	printf '%s\n' '#!/bin/sh' 'tty; cat /proc/1/comm; echo "$HOME" "$PATH"' >home/bin/nightly
	chmod +x home/bin/nightly
	# Now and not at night; and what becomes of "%".
	{
		printf '%s\n' 'MAILTO=""' "HOME=$PWD/home"
		recipe CRON 1 | sed -e "s|^0 3 \* \* \*  cloison|@reboot $(command -v "$CLOISON")|" -e "s|\$| >$PWD/nightly|"
		echo "@reboot $(command -v "$CLOISON") run --quiet -- cat >$PWD/lines%one%two"
		echo "@reboot $(command -v "$CLOISON") run --quiet -- printf 'a\\%sb' x >$PWD/percent"
	} >tab
	grep -q '^@reboot .* --job-name=nightly -- \$HOME/bin/nightly' tab
	: >system
	export HERE=$PWD
	# A spool and a pid file of its own, and none of the system's jobs.
	unshare --mount --propagation=private bash -c '
		mount -t tmpfs none /var/spool/cron
		mkdir -m 1730 /var/spool/cron/crontabs
		install -m 600 tab /var/spool/cron/crontabs/root
		mount -t tmpfs none /etc/cron.d
		[[ ! -e /etc/crontab ]] || mount --bind system /etc/crontab
		mount -t tmpfs none /run
		cron -f & cron=$!
		for ((i = 0; i < 300; i++)); do
			[[ ! -s nightly || ! -s lines || ! -s percent || $(wc -l <nightly) -lt 3 ]] || break
			sleep 0.1
		done
		kill $cron' 3>&- 2>said
	[ "$(cat nightly)" = "not a tty"$'\n'cloison-init$'\n'"$PWD/home /usr/bin:/bin" ]
	[ "$(cat lines)" = $'one\ntwo' ]
	[ "$(cat percent)" = axb ]
}

@test "systemd: the units of cloison-queues(7) are what systemd takes" {
	command -v systemd-analyze >/dev/null || skip "no systemd"
	recipe SYSTEMD 1 | awk '/^# nightly/ { file = $2 } { print >file }'
	sed -i "s/^User=.*/User=$(id -u)/" nightly.service
	grep -q '^Delegate=yes' nightly.service
	grep -q '^OnCalendar=' nightly.timer
	run systemd-analyze verify --man=no ./nightly.service ./nightly.timer
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output != *nightly* ]]
	systemd-analyze calendar "$(sed -n 's/^OnCalendar=//p' nightly.timer)"
}

@test "at and batch: the job's directory, no terminal, its exit status" {
	is_root || skip "for root: atd"
	command -v atd >/dev/null || skip "no at"
	export OUT=$PWD/out
	# A spool and a pid file of its own.
	unshare --mount --propagation=private bash -c '
		mount -t tmpfs none /var/spool/cron
		mkdir -m 1770 /var/spool/cron/atjobs /var/spool/cron/atspool
		(umask 077 && : >/var/spool/cron/atjobs/.SEQ)
		chown -R daemon:daemon /var/spool/cron/at*
		mount -t tmpfs none /run
		echo "$1 run --quiet -- sh -c \"tty; pwd; exit 4\" >>$OUT.at; echo \$? >>$OUT.at" | at now
		echo "$1 run --quiet -- sh -c \"exit 5\"; echo \$? >$OUT.batch" | batch
		atd -f -b 1 -l 1000 & atd=$!
		for ((i = 0; i < 300; i++)); do
			[[ ! -s $OUT.batch || $(tail -n 1 "$OUT.at") != 4 ]] || break
			sleep 0.1
		done
		kill $atd' bash "$CLOISON" 3>&- 2>said
	[ "$(cat out.at)" = "not a tty"$'\n'"$PWD"$'\n'4 ]
	[ "$(cat out.batch)" = 5 ]
}

@test "task-spooler: output, exit status, and tsp's kill ends the cell" {
	command -v tsp >/dev/null || skip "no task-spooler"
	export TS_SOCKET=$BATS_TEST_TMPDIR/s TMPDIR=$BATS_TEST_TMPDIR
	id=$(tsp "$CLOISON" run --quiet -- sh -c 'echo "a  b"; exit 3' 3>&-)
	run -3 tsp -w "$id"
	[ "$(tsp -c "$id")" = "a  b" ]
	id=$(tsp "$CLOISON" run --quiet --record="$PWD/record" -- sleep 1000 3>&-)
	eventually tsp -p "$id"
	eventually pgrep -P "$(tsp -p "$id")"
	kill "$(tsp -p "$id")"
	run -143 tsp -w "$id"
	tsp -K
	[ "$(jq .exit.signal record)" = 15 ]
}

@test "parallel: each argument is one, whatever is in it; the first failure ends all" {
	command -v parallel >/dev/null || skip "no parallel"
	export PARALLEL_HOME=$PWD/parallel
	mkdir parallel
	all=('a  b' "c'd" '$(touch ran)' 'e\f' '"g"' '*' '`touch ran`' '~')
	[ "$(parallel --will-cite -j2 -k "$CLOISON" run --quiet -- printf "'<%s>\n'" {} ::: "${all[@]}")" = \
		"$(printf '<%s>\n' "${all[@]}")" ]
	[ ! -e ran ]
	run -3 parallel --will-cite -j1 --halt now,fail=1 \
		"$CLOISON" run --quiet --record="$PWD/{}" '--job-name=p{#}' -- sh -c "'exit {}'" ::: 0 3 4
	[ "$(jq -r .scheduler.job_name 0 3 | tr '\n' ' ')" = "p1 p2 " ]
	[ ! -e 4 ]
	[ "$(printf 'a\nb\n' | parallel --will-cite -j1 -k --pipe -N1 "$CLOISON" run --quiet -- cat)" = $'a\nb' ]
}

@test "make: as a command, with its jobserver, and as the shell of all recipes" {
	command -v make >/dev/null || skip "no make"
	cat >Makefile <<-'END'
		one:; @$(CELL) -- false
		many:; +@$(CELL) -- $(MAKE) -s -f sub
	END
	printf '%s\n' 'all: x y' 'x y:; @echo $@' >sub
	cat >shell <<-'END'
		SHELL = $(CLOISON)
		.SHELLFLAGS = run --quiet -- /bin/sh -c
		all:; @echo "a  b" 'c"d' $$((1 + 1)); readlink /proc/self/ns/pid
	END
	run -2 make -s CELL="$CLOISON run --quiet" one
	run -0 --separate-stderr make -s -j3 CELL="$CLOISON run --quiet" many
	[ "$(sort <<<"$output")" = $'x\ny' ]
	[[ $stderr != *jobserver* ]]
	CLOISON=$(command -v "$CLOISON") run -0 make -s -f shell
	[ "${lines[0]}" = 'a  b c"d 2' ]
	[ "${lines[1]}" != "$(readlink /proc/self/ns/pid)" ]
}

# --- byte by byte ---

# All bytes but NUL, alone and together, and what shells make something of.
hard_words() {
	local i byte together=
	# shellcheck disable=SC1003 # a backslash
	words=('' ' ' -- -x --quiet '*' '~' '$HOME' '`id`' '$(id)' '\' '\\' '"' "'" "'\"'" $'\n' $'a\n\nb\n' '%s' ';' '&' '!' '=')
	for ((i = 1; i < 256; i++)); do
		printf -v byte '\\x%02x' "$i"
		printf -v byte %b "$byte"
		words+=("$byte")
		together+=$byte
	done
	words+=("$together" "$together$together")
}

@test "arguments reach the payload byte by byte: run, and a cell that is entered" {
	local LC_ALL=C words
	hard_words
	# The longest that the kernel takes.
	words+=("$(printf '%0131071d' 0)")
	printf '%s\0' "${words[@]}" >want
	cell -- printf '%s\0' "${words[@]}" >got
	cmp want got
	"$CLOISON" run --quiet --job-id="of-$BATS_TEST_NUMBER-$$" -- sleep 1000 3>&- &
	pid=$!
	eventually "$CLOISON" enter "of-$BATS_TEST_NUMBER-$$" -- true
	"$CLOISON" enter "of-$BATS_TEST_NUMBER-$$" -- printf '%s\0' "${words[@]}" >got
	kill "$pid"
	cmp want got
}

@test "a starter that gets one string runs what a shell would" {
	cat >starter <<-END
		#!/bin/sh
		exec "$CLOISON" run --quiet -- /bin/sh -c "\$*"
	END
	chmod +x starter
	# shellcheck disable=SC2089 # quotes are for the inner shell
	for command in "printf '<%s>' 'a  b' \"c\\\\d\" '' \$((2 * 3)) \"it's\"" 'false || printf "%s" x && exit 3' \
		$'printf a\nprintf b; exit 4' $'cat <<END\n\xff $0 `echo y`\nEND' 'for i in 1 2; do echo $i | cat; done' \
		"printf '%s' \"\$FOO\"" 'exec 3>&1; (exit 5)'; do
		want=0
		FOO=$'x \n\xfe' /bin/sh -c "$command" >want 2>&1 || want=$?
		got=0
		FOO=$'x \n\xfe' ./starter "$command" >got 2>&1 || got=$?
		cmp want got
		[ "$got" -eq "$want" ]
	done
}

# environment VARIABLE=VALUE...: what a payload with just these has. scratch
# adds two of its own.
environment() {
	env -i "$@" "$CLOISON" run --quiet -- /bin/cat /proc/self/environ |
		grep -zvaE '^(TMPDIR|CLOISON_SCRATCH)=' | sort -z
}

@test "the environment reaches the payload byte by byte" {
	local LC_ALL=C words i vars=()
	hard_words
	for i in "${!words[@]}"; do vars+=("V$i=${words[i]}"); done
	# 128 KiB with name and end: the longest that the kernel takes.
	vars+=("BIG=$(printf '%0131067d' 0)" 'no name=x' $'\xff=y' 'EQ===')
	cmp <(printf '%s\0' "${vars[@]}" | sort -z) <(environment "${vars[@]}")
}

@test "the environment may be as large as the kernel takes" {
	local LC_ALL=C i vars=() left word
	for ((i = 0; i < 10000; i++)); do vars+=("V$i="); done
	# A string counts with its end and the pointer to it.
	left=$(($(getconf ARG_MAX) - 32768 - $(printf '%s' "${vars[@]}" | wc -c) - 9 * ${#vars[@]}))
	word=$(printf '%065536d' 0)
	while ((left > 65600)); do
		vars+=("W${#vars[@]}=$word")
		left=$((left - 65600))
	done
	cmp <(printf '%s\0' "${vars[@]}" | sort -z) <(environment "${vars[@]}")
}

@test "a user's cell that is entered has the environment of who enters" {
	! is_root || skip "root becomes the user, and keeps nothing"
	export FOO=$'x\n\xff y' BIG
	BIG=$(printf '%0131067d' 0)
	"$CLOISON" run --quiet --job-id="of-$BATS_TEST_NUMBER-$$" -- sleep 1000 3>&- &
	pid=$!
	eventually "$CLOISON" enter "of-$BATS_TEST_NUMBER-$$" -- true
	"$CLOISON" enter "of-$BATS_TEST_NUMBER-$$" -- printenv FOO BIG >got
	kill "$pid"
	cmp got <(printf '%s\n' "$FOO" "$BIG")
}
