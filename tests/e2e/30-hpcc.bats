#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# A real MPI program through the whole path: the HPC Challenge benchmark with
# Open MPI and PMIx in a cell, checked by its own verification, and accounted.

load common

setup() { wait_idle; }

cell=(--cell=batch --cell-net=host --cell-scratch=256M --cell-memory=600M)

prepare() {
	rm -rf "/home/alice/$1"
	mkdir -p "/home/alice/$1"
	cp "$BATS_TEST_DIRNAME/hpccinf.txt" "/home/alice/$1"
	chown -R alice: "/home/alice/$1"
}

# Complete, successful, and no test in it that failed.
verify() {
	local out=/home/alice/$1/hpccoutf.txt
	grep -qx 'Success=1' "$out"
	grep -q 'End of HPC Challenge tests' "$out"
	grep -q '1 tests completed and passed residual checks' "$out"
	grep -q '0 tests completed and failed residual checks' "$out"
	! grep -iE 'FAILED|failure|_Errors=[1-9]' "$out" | grep -vE '\b0 tests' | grep -iE 'failed|errors=[1-9]'
}

# The report agrees with sacct on job $1, step $2.
agrees() {
	local ours theirs
	ours=$(cloison report --by=record --json --job="$1" |
		jq --arg s "$2" '[.[] | select(.scheduler.step == $s)][0]')
	[ "$(jq -r .user.name <<<"$ours")" = alice ]
	[ "$(jq '.memory.peak_bytes > 0 and .time.wall_s > 0' <<<"$ours")" = true ]
	eventually 60 sacct_is "$1.$2" State COMPLETED
	# [DD-[HH:]]MM:SS.mmm
	theirs=$(sacct_field "$1.$2" TotalCPU | awk -F'[:]' '{ t = 0; for (i = 1; i <= NF; i++) t = t * 60 + $i; print t * 1000000 }')
	jq -e --argjson t "$theirs" '(.cpu.usage_us - $t) / $t | . > -0.05 and . < 0.05' <<<"$ours" || {
		echo "ours: $(jq -c .cpu <<<"$ours") theirs: $theirs us"
		return 1
	}
}

@test "hpcc under srun -n2 in a cell verifies, and is accounted like sacct does" {
	has_pmix || lacks "an MPI that hpcc and srun have in common"
	prepare srun
	run -0 as alice srun -D /home/alice/srun -n2 --mpi=pmix "${cell[@]}" hpcc
	verify srun
	job=$(scontrol -o show job | sed -n "s/^JobId=\([0-9]*\) .*/\1/p" | sort -n | tail -n 1)
	agrees "$job" 0
	run -0 cloison report --job="$job"
	[[ $output == *"$job"* && $output == *alice* ]]
}

@test "the same as a batch script of an ordinary user" {
	has_pmix || lacks "an MPI that hpcc and srun have in common"
	prepare batch
	cat >/home/alice/batch/job.sh <<-JOB
		#!/bin/sh
		#SBATCH -n2 -D /home/alice/batch -o out ${cell[*]}
		exec srun --mpi=pmix hpcc
	JOB
	job=$(as alice sbatch --parsable /home/alice/batch/job.sh)
	wait_job "$job" 300
	cat /home/alice/batch/out
	verify batch
	agrees "$job" 0
	[ "$(cloison report --by=record --json --job="$job" | jq -r '[.[].scheduler.step] | sort | join(" ")')" = "0 batch" ]
}
