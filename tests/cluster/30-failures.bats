#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The failure table: whatever a user, or his environment, does wrong fails that step alone, with a message that names it, by
# srun, sbatch and salloc alike, and leaves the node as it was. Each row is printed.
load common

# $TREE and $LONG are for rows.
setup_file() {
	TREE=/srv/tree LONG=$(printf 'x%.0s' {1..5000})
	export TREE LONG
	mkdir -p $TREE
	install -d -m 700 /srv/secret
	truncate -s 1M /srv/bad.sqfs /srv/secret/image.sqfs
}

setup() { wait_idle; }

teardown() {
	plugin
	rm -rf /etc/cloison
	wait_idle
}

print() { printf '# %-14s %-36s %-6s %-5s %-10s %-5s %s\n' "$@" >&3; }

# The state that a failure must not change, of node1.
node_state() {
	sinfo -h -N -p many -n node1 -o '%T %E' | sed 's/^\(allocated\|mixed\|completing\)\( .*\)/idle\2/'
}

# attempt FORM OPTIONS... -- COMMAND...: runs it; sets status, output (all that the user can read), job (its state).
attempt() {
	local form=$1 options=() id before
	shift
	before=$(last_job)
	job=-
	while [[ $1 != -- ]]; do
		options+=("$1")
		shift
	done
	shift
	case $form in
	srun) run as alice env "${forged[@]}" srun "${options[@]}" "$@" ;;
	salloc) run as alice salloc -Q env "${forged[@]}" srun "${options[@]}" "$@" ;;
	sbatch)
		rm -f /home/alice/out
		printf '#!/bin/sh\nexec %s\n' "$*" >/home/alice/script
		run as alice env "${forged[@]}" sbatch --parsable -o /home/alice/out "${options[@]}" script
		((status == 0)) || return 0
		eventually 30 job_ended "$output"
		status=$(scontrol -o show job "$output" | sed 's/.* ExitCode=\([0-9]*\):.*/\1/')
		output=$(cat /home/alice/out)
		;;
	esac
	id=$(last_job)
	[[ $id != "$before" ]] || return 0
	eventually 30 job_ended "$id"
	job=$(scontrol -o show job "$id" | sed 's/.* JobState=\([A-Z_]*\) .*/\1/')
	# Neither requeued nor held.
	[[ $(scontrol -o show job "$id") == *" Restarts=0 "* ]]
}

# fails HOOK WHAT STATUS MESSAGE OPTIONS... -- COMMAND...: in all three forms. STATUS is one, or several: of a command by srun and
# of a shell that runs it; "submit" is that of srun and sbatch themselves, which submit nothing.
fails() {
	local hook=$1 what=$2 expected=$3 message=$4 form line
	shift 4
	for form in srun sbatch salloc; do
		attempt "$form" "$@"
		line=$(grep -m 1 -E -- "$message" <<<"$output" | sed 's/^.*error: //') || {
			echo "$what, $form: no '$message' in: $output"
			return 1
		}
		print "$hook" "$what" "$form" "$(node_state | cut -d' ' -f1)" "$job" "$status" "$(tr -c '[:print:]\n' '?' <<<"$line" | cut -c 1-110)"
		[[ $(node_state) == "idle none" ]]
		if [[ $expected == submit ]]; then
			((status != 0))
			[[ $form != sbatch || $job == - ]]
		else
			[[ " $expected " == *" $status "* && $job == FAILED ]]
		fi
	done
}

@test "a user's mistakes: the failure table" {
	forged=()
	print hook mistake by node job exit message
	fails "local option" "a bad value" submit "--cell-memory: 'x' is not a size" --cell-memory=x -- true
	fails "local option" "an unknown option" submit "unrecognized option '--cell-nope=1'" --cell-nope=1 -- true
	fails "local option" "control characters" submit "--cell: 'a\?b' has a control character" $'--cell=a\nb' -- true
	fails user_init "a profile that does not exist" 1 "cloison: --cell: profile 'nope' does not exist" --cell=nope -- true
	fails user_init "a profile for others" 1 "cloison: --cell: profile 'open' is not for users here" --cell=open -- true
	fails user_init "an overlong profile" 1 "cloison: --cell: profile 'xxx" "--cell=$LONG" -- true
	fails user_init "looser than the profile" 1 "cloison: --cell-scratch: '999T' is looser than the profile's" --cell-scratch=999T -- true
	fails user_init "no controller for a limit" 1 "cloison: --cell-memory: .*limits=try" --cell-memory=1G -- true
	fails user_init "CPUs that are not the step's own" 1 "cloison: --cell-cpu-policy: " --cell-cpu-policy=pack -- true
	fails task_init_p. "a path that is missing" 1 "cloison: --cell-ro: /nonexistent: No such file" --cell-ro=/nonexistent -- true
	fails task_init_p. "a path out of reach" 1 "cloison: --cell-overlay: /srv/secret/x: Permission denied" --cell-overlay=/srv/secret/x -- true
	fails task_init_p. "an image out of reach" 1 "cloison: --cell-rootfs: /srv/secret/image.sqfs: Permission denied" --cell-rootfs=/srv/secret/image.sqfs -- true
	fails task_init_p. "an image that is none" 1 "cloison: --cell-rootfs: /srv/bad.sqfs is neither" --cell-rootfs=/srv/bad.sqfs -- true
	fails task_init_p. "an image that is missing" 1 "cloison: --cell-rootfs: /srv/none: No such file" --cell-rootfs=/srv/none -- true
	fails execve "a command that is not in the rootfs" 2 "execve\(\): .*: No such file" "--cell-rootfs=$TREE" -- /usr/bin/true
	fails execve "a command that is no program" "13 126" "/usr/bin/true: Permission denied" --cell-ro=/etc/passwd:/usr/bin/true -- /usr/bin/true
	fails task_exit "scratch is full" 1 "cloison: scratch of 64 KiB was full: ask for more with --cell-scratch" --cell-scratch=64K -- dd if=/dev/zero of=/tmp/x bs=1M count=1
}

@test "what a user forges in his environment: the failure table" {
	print hook forgery by node job exit message
	forged=(_SLURM_SPANK_OPTION_cloison_cell_memory=junk)
	fails user_init "a bad value" 1 "cloison: --cell-memory: 'junk' is not a size" -- true
	forged=(_SLURM_SPANK_OPTION_cloison_cell=open)
	fails user_init "a profile for others" 1 "cloison: --cell: profile 'open' is not for users" -- true
	forged=("_SLURM_SPANK_OPTION_cloison_cell_ro=$LONG")
	fails user_init "an overlong value" 1 "cloison: --cell-ro: 'xxx" -- true
	forged=($'_SLURM_SPANK_OPTION_cloison_cell_ro=/\e[31m')
	fails user_init "control characters" 1 "cloison: --cell-ro: '/\?\[31m' has a control character" -- true
	forged=(_SLURM_SPANK_OPTION_cloison_cell_cpu_policy=)
	fails user_init "no profile, no value" 1 "cloison: --cell-rootfs: /srv/none: No such file" --cell-rootfs=/srv/none -- true
	# Of a job that gets a cell without asking, nothing of it takes it away.
	plugin default=batch
	forged=(SLURM_SPANK__SLURM_SPANK_OPTION_cloison_cell=none _SLURM_SPANK_OPTION_cloison_cell=none)
	fails user_init "to go without the default cell" 1 "cloison: --cell: to go without a cell \('none'\) is not for users" -- true
}

@test "a missing working directory is Slurm's to tell, and the step has a cell" {
	run -0 as alice srun -D /nonexistent --cell sh -c 'pwd; cat /proc/1/comm'
	[[ $output == *"couldn't chdir"*/tmp*cloison-init ]]
	run -0 as alice salloc -Q srun -D /nonexistent --cell pwd
	[[ $(node_state) == "idle none" ]]
}

@test "a TaskProlog that fails, fails a task in a cell as it does without" {
	printf '#!/bin/sh\ncat /proc/1/comm >/dev/shm/prolog\nexit 3\n' >/srv/prolog
	chmod 755 /srv/prolog
	cp /etc/slurm/slurm.conf /etc/slurm/slurm.conf.prolog
	echo 'TaskProlog=/srv/prolog' >>/etc/slurm/slurm.conf
	scontrol reconfigure
	eventually 20 prolog_fails
	run as alice srun true
	said=$status
	run as alice srun --cell true
	[ "$status" -eq "$said" ]
	run as alice srun --cell cat /dev/shm/prolog
	cell=$output
	mv /etc/slurm/slurm.conf.prolog /etc/slurm/slurm.conf
	scontrol reconfigure
	eventually 20 prolog_works
	[[ $(node_state) == "idle none" ]]
	echo "$said $cell"
}
prolog_fails() { ! as alice srun true; }
prolog_works() { as alice srun true; }

@test "an admin's mistakes: the failure table" {
	forged=()
	print hook mistake by node job exit message
	mkdir -p /etc/cloison
	printf '[site]\n\nlosen = net\n' >/etc/cloison/cloison.conf
	fails init_post_opt "a broken site file" 1 "cloison: .*cloison.conf:3: unknown key 'losen'" --cell -- true
	printf 'loosen = all\n' >/etc/cloison/cloison.conf
	chmod 666 /etc/cloison/cloison.conf
	fails init_post_opt "a site file that anybody may write" 1 "cloison.conf: writable by others than root" --cell -- true
	rm -r /etc/cloison
	plugin config=/nonexistent
	fails init_post_opt "a missing site file" 1 "cloison: /nonexistent: No such file" --cell -- true
	plugin
	mkdir -p /run/cloison
	mv /run/cloison /run/cloison.saved
	: >/run/cloison
	fails task_init_p. "no registry" 1 "cloison: .*/run/cloison.*" --cell -- true
	rm /run/cloison
	mv /run/cloison.saved /run/cloison
	# Records are not worth a job: told in slurmd's log.
	for spool in spool=/proc/nospool spool-max=4096; do
		: >/var/log/slurm/slurmd.node1.log
		plugin $spool
		run -0 as alice srun --cell true
		run -0 as alice srun --cell true
		eventually 20 grep -E 'error: cloison: .*(spool|full)' /var/log/slurm/slurmd.node1.log
		[[ $(node_state) == "idle none" ]]
		print exit "$spool" srun idle COMPLETED 0 "(slurmd's log) $(sed -n 's/.*error: \(cloison: .*\)/\1/p' /var/log/slurm/slurmd.node1.log | tail -n 1)"
	done
	run -0 cloison check
	grep -E '^spool +warn .*full' <<<"$output"
	rm /var/spool/cloison/full
}
