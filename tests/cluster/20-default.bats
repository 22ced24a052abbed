#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Cells for steps that do not ask: default= in plugstack.conf, partitions, and who may go without.
load common

setup() { wait_idle; }

teardown() {
	plugin
	rm -rf /etc/cloison
}

teardown_file() { unconfigure; }

site() {
	mkdir -p /etc/cloison
	printf '%s\n' "$@" >/etc/cloison/cloison.conf
}

# sh -c SCRIPT ARGUMENT: as a file that sbatch takes.
write_job() { printf '#!/bin/sh\nset -- %s\n%s\n' "$4" "${3//\$0/\$1}" >/home/alice/job; }

# sbatch's step, as kind has it.
batch_kind() {
	local job
	rm -f /home/alice/kind
	kind write_job
	job=$(as alice sbatch --parsable -w node1 -o /home/alice/kind "$@" job) || return
	wait_job "$job"
	cat /home/alice/kind
}

@test "default=: srun, sbatch and salloc get a cell without asking" {
	plugin default=batch
	[ "$(kind as alice srun)" = batch ]
	[ "$(batch_kind)" = batch ]
	[ "$(kind as alice salloc -Q srun)" = batch ]
	[ "$(kind as alice salloc -Q srun --cell-net=none)" = strict ]
	plugin default=strict
	[ "$(kind as alice srun)" = strict ]
	# A record of each, with the profile.
	run -0 cloison report --by=record --json
	jq -e 'map(.cell.profile) | index("strict") and index("batch")' <<<"$output"
}

@test "without default= a step that does not ask reads no site file" {
	plugin config=/nonexistent
	[ "$(kind as alice srun)" = none ]
	[ "$(kind as alice srun --cell=none)" = none ]
	run -1 as alice srun --cell true
	[[ $output == *"cloison: /nonexistent: No such file or directory: the admin has to mend that"* ]]
	site 'nonsense'
	plugin
	[ "$(kind as alice srun)" = none ]
}

@test "--cell=none goes without only where the site lets users" {
	plugin default=batch
	run -1 as alice srun --cell=none true
	[[ $output == *"cloison: --cell: to go without a cell ('none') is not for users here (site file: profiles = ...)"* ]]
	run -1 as alice srun --cell=strict true
	[[ $output == *"profile 'strict' is not for users here"* ]]
	# What comes by the environment is no way around it.
	[ "$(kind as alice env SLURM_SPANK__SLURM_SPANK_OPTION_cloison_cell= srun)" = batch ]
	run ! as alice env SLURM_SPANK__SLURM_SPANK_OPTION_cloison_cell=none srun true
	run ! as alice env _SLURM_SPANK_OPTION_cloison_cell=open srun --cell=open true
	plugin default=batch profiles=strict,none
	[ "$(kind as alice srun --cell=none)" = none ]
	[ "$(batch_kind --cell=none)" = none ]
	[ "$(kind as alice srun --cell=strict)" = strict ]
	[ "$(kind as alice srun)" = batch ]
}

@test "partitions: by what slurmctld says, not the environment" {
	configure 'PrologFlags=Alloc'
	site 'partitions = many:strict' 'profiles = batch none'
	plugin default=batch
	[ "$(kind as alice srun)" = batch ]
	[ "$(kind as alice srun --cell=none)" = none ]
	[ "$(kind as alice srun -p many -w node1)" = strict ]
	[ "$(batch_kind -p many)" = strict ]
	[ "$(kind as alice env SLURM_JOB_PARTITION=main srun -p many -w node1)" = strict ]
	[ "$(kind as alice salloc -Q -p many -w node1 env SLURM_JOB_PARTITION=main srun --export=ALL,SLURM_JOB_PARTITION=main)" = strict ]
	run -1 as alice srun -p many --cell=none true
	[[ $output == *"to go without a cell ('none') is not for users in partition many (site file: partitions = ...)"* ]]
	plugin default=none
	[ "$(kind as alice srun)" = none ]
	[ "$(kind as alice srun -p many -w node1)" = strict ]
	# Nothing is left of the jobs.
	eventually 20 no_partitions
}

no_partitions() { [ -z "$(ls /run/cloison/partitions)" ]; }

@test "partitions: refused where slurmd is not told" {
	unconfigure
	site 'partitions = many:strict'
	plugin default=batch
	run -1 as alice srun true
	[[ $output == *"cloison: slurmd was not told the partition of the job"*PrologFlags=Alloc* ]]
	plugin
	run -1 as alice srun --cell true
	[[ $output == *"cloison: slurmd was not told the partition of the job"* ]]
	run -0 as alice srun true
	wait_idle
}
