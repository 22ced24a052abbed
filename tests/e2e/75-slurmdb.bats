#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What the cells of a job used, in its AdminComment: cloison-slurmdb.

load common

writer=/usr/libexec/cloison/cloison-slurmdb

# A store of its own: jobs of other tests are no matter of these.
setup_file() {
	export db=$BATS_FILE_TMPDIR/records.db
	cloison report >/dev/null
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	wait_idle
}

tell() {
	cloison report --store="$db" >/dev/null
	"$writer" --store="$db" --settle=1s --retry=1s "$@"
}

comment() { sacct -nXPj "$1" -o AdminComment; }
# What anybody wrote, byte by byte: sacctmgr of Slurm 22.05 makes it lower case, without quotes.
note() { mariadb -e "UPDATE slurm_acct_db.cloison_job_table SET admin_comment = x'$(printf %s "$2" | od -An -v -tx1 | tr -d ' \n')' WHERE id_job = $1"; }

# value JOB [FILTER]: what is ours in its comment, through jq.
value() { comment "$1" | sed 's/.*CL1:{/{/; s/}.*/}/' | jq -r "${2:-.}"; }

# told JOB [OPTION...]: whether there is a value now.
told() {
	local job=$1
	shift
	tell "$@"
	[[ $(comment "$job") == *CL1:\{* ]]
}

# record JOB CLUSTER ID: somebody's own, of a job that he need not have had.
record() {
	printf '{"schema":"cloison.record/1","id":"%s","scheduler":{"name":"slurm","cluster":"%s","job":"%s","step":"7"},"node":"evil","user":{"name":"alice","uid":1000,"gid":1000},"time":{"start":"2030-01-01T00:00:00.000000Z","end":"2030-01-01T00:00:01.000000Z","wall_s":1},"exit":{"code":0,"reason":"oom"}}' \
		"$3" "$2" "$1"
}

@test "an MPI job of two steps: one value, and its CPU time is that of sacct" {
	cat >job.sh <<-JOB
		#!/bin/sh
		srun -n2 --mpi=$(mpi_type) sh -c 'mpi-ring; i=0; while [ \$i -lt 300000 ]; do i=\$((i + 1)); done'
	JOB
	id=$(as alice sbatch --parsable -n2 --cell --cell-scratch=16M --cell-memory=200M -o /dev/null <job.sh)
	wait_job "$id" 120
	eventually 60 told "$id"
	sacct -X -j "$id" -o JobID,AdminComment%200
	comment=$(comment "$id")
	[ "${#comment}" -le 4096 ]
	[[ $comment == 'CL1:{'* ]]
	[ "$(value "$id" '[.records, .nodes, .reason, .failed, .ooms, .peak_node, .limit_bytes] | join(" ")')" = \
		"2 1 exited 0 0 node1 $((200 << 20))" ]
	value "$id" '.peak_bytes > 0 and .peak_bytes <= .limit_bytes and .scratch_peak_bytes >= 0' | grep -qx true
	# [DD-[HH:]]MM:SS.mmm
	theirs=$(sacct_field "$id" TotalCPU | awk -F: '{ t = 0; for (i = 1; i <= NF; i++) t = t * 60 + $i; print t * 1000000 }')
	echo "sacct: $theirs us"
	# Slurm counts also what it takes to make the cells, which is much for steps this short.
	value "$id" ".cpu_us / $theirs | . > 0.8 and . < 1.1" | grep -qx true
	[ "$(cloison report --store="$db" --no-import --by=record --json --job="$id" | jq '[.[].cpu.usage_us] | add')" = "$(value "$id" .cpu_us)" ]
	value "$id" '.cpu_asked_us > .cpu_us' | grep -qx true
	# There is nothing to do twice.
	[ "$(tell)" = "0 told, 0 foreign, 0 later, 0 never" ]
}

@test "somebody else's comment stays and is counted, or is appended to; ours is replaced in place" {
	theirs='JS1:H4sI= it'\''s "só" \ \\ %s; CL1:no'
	first=$(submit --cell -o /dev/null --wrap true)
	second=$(submit --cell -o /dev/null --wrap true)
	eventually 60 sacct_is "$first" state COMPLETED
	eventually 60 sacct_is "$second" state COMPLETED
	note "$first" 'JS1:H4sI='
	note "$second" "$theirs"
	run -0 tell
	[ "$output" = "0 told, 2 foreign, 0 later, 0 never" ]
	[ "$(comment "$first")" = 'JS1:H4sI=' ]
	[ "$(comment "$second")" = "$theirs" ]
	# Another store has the same records.
	cloison report --store="$db" --no-import --export-signed=records --job="$second"
	cloison report --store="$PWD/other/db" --import-signed=records
	run -0 tell --store="$PWD/other/db" --append
	[ "$output" = "1 told, 0 foreign, 0 later, 0 never" ]
	[[ $(comment "$second") == "$theirs"'; CL1:{"records":1,'*'}' ]]
	was=$(comment "$second")
	was=${was#"$theirs; "}
	note "$second" 'a; CL1:{"records":9}; b'
	# A signature counts once.
	cloison report --store="$db" --no-import --export-signed=records --job="$second"
	cloison report --store="$PWD/third/db" --import-signed=records
	run -0 tell --store="$PWD/third/db"
	[ "$output" = "1 told, 0 foreign, 0 later, 0 never" ]
	[ "$(comment "$second")" = "a; $was; b" ]
}

@test "each task of an array has a value of its own" {
	id=$(submit --cell --array=3-4 -o /dev/null --wrap 'exit $((SLURM_ARRAY_TASK_ID - 3))')
	for task in 3 4; do
		eventually 60 told "${id}_$task"
		[ "$(value "${id}_$task" '"\(.records) \(.failed)"')" = "1 $((task - 3))" ]
	done
}

@test "each run of a requeued job has its own; a job that runs is put off" {
	id=$(submit --cell --requeue -o out --open-mode=append --wrap 'echo up; [ "$SLURM_RESTART_COUNT" ] || sleep 600; exit 3')
	eventually 60 grep -q up out
	scontrol requeue "$id"
	eventually 60 sacct_is "$id" state PENDING
	tell
	scontrol update job="$id" StartTime=now
	eventually 90 sacct_is "$id" state FAILED
	eventually 60 told "$id"
	sacct -DXPj "$id" -o State,AdminComment
	run -0 sacct -nDXPj "$id" -o AdminComment
	[ "${#lines[@]}" -eq 2 ]
	[[ ${lines[0]} == 'CL1:{"records":1,'*'"failed":1,'* ]]
	[[ ${lines[1]} == 'CL1:{"records":1,'*'"failed":1,'* ]]
	[ "${lines[0]}" != "${lines[1]}" ]
}

@test "slurmdbd is down: what is to be told is kept, and told later" {
	systemctl stop slurmdbd
	id=$(submit --cell -o /dev/null --wrap true)
	wait_job "$id"
	run -125 tell
	[[ $output == *"cloison-slurmdb: slurmdbd: connect: "* ]]
	run -125 tell
	systemctl start slurmdbd
	eventually 120 told "$id"
	[ "$(value "$id" .records)" = 1 ]
}

@test "a record that a user signed tells slurmdbd nothing; a job that it does not know is given up" {
	# What other tests have left would be counted.
	db=$PWD/own/db
	id=$(submit --cell -o /dev/null --wrap true)
	eventually 60 told "$id"
	was=$(comment "$id")
	mkdir -p /home/alice/forged/new /home/alice/forged/tmp spool/new spool/tmp
	record "$id" cloison forged-1 >/home/alice/forged/new/forged-1.json
	record "$id" 'x\" y' forged-2 >/home/alice/forged/new/forged-2.json
	chown -R alice: /home/alice/forged
	chmod -R go= /home/alice/forged spool
	as alice cloison report --spool=/home/alice/forged --store=/home/alice/forged/db
	as alice cloison report --store=/home/alice/forged/db --no-import --export-signed >forged
	cloison report --store="$db" --import-signed=forged
	run -0 tell
	[ "$output" = "1 told, 0 foreign, 0 later, 1 never" ]
	[ "$(comment "$id")" = "$was" ]

	record 999999 cloison unknown-1 >spool/new/unknown-1.json
	chmod 600 spool/new/unknown-1.json
	cloison report --store="$db" --spool="$PWD/spool" >/dev/null
	run -0 tell
	[ "$output" = "0 told, 0 foreign, 1 later, 0 never" ]
	sleep 1
	run -0 tell --give-up=1s
	[ "$output" = "0 told, 0 foreign, 0 later, 1 never" ]
}

@test "the unit does it, for the store of the node" {
	id=$(submit --cell -o /dev/null --wrap true)
	eventually 60 sacct_is "$id" state COMPLETED
	cloison report >/dev/null
	systemctl start cloison-slurmdb.service
	[[ $(comment "$id") == 'CL1:{'* ]]
}
