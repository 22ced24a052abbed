#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What the failure table of tests/cluster cannot have: failures that take cgroups and an accounting database, and the extern step.
load common

setup() { wait_idle; }

print() { printf '# %-10s %-28s %-6s %-5s %-13s %-13s %-6s %s\n' "$@" >&3; }

# fails HOOK WHAT STATE STEP MESSAGE OPTIONS... -- COMMAND...: by srun and sbatch; STATE is the job's, STEP its step's.
fails() {
	local hook=$1 what=$2 state=$3 step_state=$4 message=$5 options=() form step job line
	shift 5
	while [[ $1 != -- ]]; do
		options+=("$1")
		shift
	done
	shift
	for form in srun sbatch; do
		if [[ $form == srun ]]; then
			run as alice srun "${options[@]}" "$@"
			((status != 0))
			job=$(last_job) step=0
		else
			printf '#!/bin/bash\nexec %s\n' "${*@Q}" >/home/alice/script
			job=$(as alice sbatch --parsable -o /home/alice/out "${options[@]}" script) step=batch
			wait_job "$job"
			output=$(cat /home/alice/out)
		fi
		line=$(grep -m 1 -E -- "$message" <<<"$output" | sed 's/^.*error: //')
		wait_idle
		eventually 30 sacct_is "$job" State "$state"
		eventually 30 sacct_is "$job.$step" State "$step_state"
		[ "$(sinfo -h -o '%E')" = none ]
		print "$hook" "$what" "$form" idle "$state" "$step_state" "$(sacct_field "$job.$step" ExitCode)" "$line"
	done
}

@test "failures that take cgroups: the table" {
	print hook mistake by node job step exit message
	fails user_init "no controller for a limit" FAILED FAILED "cloison: --cell-hugetlb: " --cell-hugetlb=2M:2M -- true
	fails task_exit "out of memory" OUT_OF_MEMORY OUT_OF_MEMORY "cloison: out of memory: python3 .* at the limit of 64 MiB" \
		--mem=64 --cell -- python3 -c 'bytearray(200000000)'
}

@test "default=: all of a job is in cells, but for the extern step; partitions come with PrologFlags=Contain" {
	cd "$BATS_TEST_TMPDIR"
	dir=/usr/lib/x86_64-linux-gnu/cloison
	cp /etc/slurm/plugstack.conf.d/cloison.conf plugstack.saved
	cp /etc/slurm/slurm.conf slurm.saved
	printf '%s\n' "required $dir/spank_cloison.so default=batch partitions=main:strict" \
		"optional $dir/spank_cloison_job.so" >/etc/slurm/plugstack.conf.d/cloison.conf
	echo 'PrologFlags=Contain' >>/etc/slurm/slurm.conf
	systemctl restart slurmctld slurmd
	wait_idle
	# shellcheck disable=SC2016 # for the step's shell
	run -0 as alice srun sh -c 'cat /proc/1/comm; ls /sys/class/net'
	said=$output
	job=$(last_job)
	wait_idle
	steps=$(cloison report --by=record --json --job="$job" 2>/dev/null | jq -r '.[] | .scheduler.step + " " + .cell.profile')
	cp plugstack.saved /etc/slurm/plugstack.conf.d/cloison.conf
	cp slurm.saved /etc/slurm/slurm.conf
	systemctl restart slurmctld slurmd
	wait_idle
	[ "$said" = $'cloison-init\nlo' ]
	[ "$steps" = "0 strict" ]
	eventually 30 sacct_is "$job.extern" State COMPLETED
}
