#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# cloison-report from the spool to the store, and from one store to another.

bats_require_minimum_version 1.5.0

load realms

setup_file() { realms_begin here elsewhere; }
teardown_file() { realms_end; }

setup() {
	report=${CLOISON_REPORT:-$CLOISON_LIBEXECDIR/cloison-report}
	me=$(id -u)
	other=$((me + 4242))
	D=$BATS_TEST_TMPDIR
	args=(--spool="$D/spool" --store="$D/store/records.db")
	export TZ=UTC LC_ALL=C
}

# Groups of cells, and each record for itself.
groups() { "$report" "${args[@]}" "$@"; }
r() { groups --by=record "$@"; }

# Another store, and without a spool.
r2() { "$report" --store="$D/store2/records.db" --no-import --by=record "$@"; }

# record ID [JQ PROGRAM]: a record of this user
record() {
	jq -cn --arg id "$1" --argjson uid "$me" '{
		schema: "cloison.record/1", id: $id,
		scheduler: {name: "slurm", cluster: "c1", job: "4711", step: "0"},
		node: "n1",
		user: {name: "alice", uid: $uid, gid: 1000, account: "phys"},
		cell: {profile: "batch", namespaces: ["mnt", "pid"]},
		time: {start: "2026-03-01T10:00:00.000000Z",
			end: "2026-03-01T11:00:00.500000Z",
			wall_s: 3600.5, setup_us: 2100},
		exit: {code: 3, reason: "exited"},
		cpu: {count: 2, cpuset: "0-1", usage_us: 3600500000},
		memory: {limit_bytes: 4294967296, peak_bytes: 1610612736}
	} | '"${2:-.}"
}

# spool ID [JQ PROGRAM]
spool() {
	mkdir -p "$D/spool/tmp" "$D/spool/new"
	chmod 755 "$D/spool" "$D/spool/tmp" "$D/spool/new"
	(umask 077 && record "$@" > "$D/spool/new/$1.json")
}

# export_signed [FILE [OPTION...]]
export_signed() {
	r --munge-socket="$TOP/here" --export-signed${1:+="$1"} "${@:2}"
}

import_signed() { r2 --munge-socket="$TOP/here" --import-signed${1:+="$1"}; }

# Sign stdin as it is, by somebody or by this user.
sign() { munge --socket="$TOP/here" "$@" | tr -d '\n'; echo; }

@test "an empty spool gives the head of the table" {
	run r
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 1 ]
	[[ ${lines[0]} =~ ^JOBID\ +STEP\ +USER\ .*MAXMEM\ .*ID$ ]]
	[ "$(stat -c %a "$D/store/records.db")" = 600 ]
}

@test "records go from the spool to the table, and stay there" {
	spool 0193-0000aaaa
	spool 0193-0000bbbb '.scheduler = {name: "none"}
		| .time.start = "2026-03-02T10:00:00.000000Z"
		| .exit = {signal: 9, reason: "oom"}
		| del(.memory.peak_bytes)
		| .memory.max_process_bytes = 1048576'
	run r
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 3 ]
	read -ra f <<< "${lines[1]}"
	[ "${f[*]}" = "4711 0 alice n1 batch exited 3:0 01:00:00 01:00:00 50.0 1.5G 4.0G 2026-03-01T10:00:00 0000aaaa" ]
	read -ra f <<< "${lines[2]}"
	[ "${f[*]}" = "- - alice n1 batch oom 0:9 01:00:00 01:00:00 50.0 ~1.0M 4.0G 2026-03-02T10:00:00 0000bbbb" ]
	[ -z "$(ls "$D/spool/new")" ]
	again=$(r)
	[ "$again" = "$output" ]
	[ "$(r --no-import)" = "$output" ]
}

@test "columns are aligned" {
	spool 0193-a
	spool 0193-b '.user.name = "somebody-with-a-very-long-name-indeed" | .node = "élan"'
	run r
	[[ ${lines[2]} == *"somebody-with-a-very-lo+  "* ]]
	export LC_ALL=C.UTF-8
	for line in "${lines[@]:1}"; do
		at=${line%%batch*}
		[ ${#at} -eq "$(expr "${lines[0]%%PROFILE*}" : '.*')" ]
	done
}

@test "what is absent is a dash" {
	spool 0193-a '{schema, id, user: {uid: .user.uid}}'
	run r
	read -ra f <<< "${lines[1]}"
	[ "${f[*]}" = "- - $me - - - - - - - - - - 0193-a" ]
}

@test "the same record again is stored once" {
	spool 0193-a
	r >/dev/null
	spool 0193-a '.exit.code = 99'
	run r --json
	[ "$(jq length <<< "$output")" -eq 1 ]
	[ "$(jq '.[0].exit.code' <<< "$output")" -eq 3 ]
	[ -z "$(ls "$D/spool/new")" ]
}

@test "--json is one array of whole records with their signer" {
	spool 0193-a '.later = {x: [1, null]} | .signer = 77 | .source = 5'
	spool 0193-b
	run r --json
	[ "$status" -eq 0 ]
	[ "$(jq -c 'map(.id)' <<< "$output")" = '["0193-a","0193-b"]' ]
	[ "$(jq -c '.[0] | [.signer, .source, .later, .time.wall_s]' <<< "$output")" = \
		"[$me,\"spool\",{\"x\":[1,null]},3600.5]" ]
	[ "$(grep -c '"signer":' <<< "$output")" -eq 2 ]
	[ "$(r --json --limit=0)" = "[]" ]
}

@test "--csv is RFC 4180" {
	spool 0193-a '.user.account = "a,\"b\"\n" | del(.exit)'
	r --csv > "$D/csv"
	[[ $(head -1 "$D/csv") == id,*,scheduler.job,*,memory.oom_kills,*,signer,source$'\r' ]]
	[ "$(grep -c $'\r$' "$D/csv")" -eq 2 ]
	[ "$(wc -l < "$D/csv")" -eq 2 ]
	grep -q ',"a,""b""\\u000a",,,batch,' "$D/csv"
	grep -q ',3600.500000,2100,,,,2,0-1,' "$D/csv"
}

@test "filters" {
	spool 0193-a
	spool 0193-b '.scheduler.job = "4712" | .user.name = "bob"
		| .time.end = "2026-04-01T00:00:00.000000Z"
		| .time.start = "2026-03-31T00:00:00.000000Z"'
	spool 0193-12345678-fedcba98 'del(.scheduler)'
	ids() { r --json "$@" | jq -r 'map(.id) | join(" ")'; }
	[ "$(ids --job=4712)" = 0193-b ]
	[ "$(ids --job=fedcba98)" = 0193-12345678-fedcba98 ]
	[ "$(ids --user=bob)" = 0193-b ]
	[ "$(ids --since=2026-03-15)" = 0193-b ]
	[ "$(ids --since=2026-03-01T11:00Z)" = "0193-12345678-fedcba98 0193-a 0193-b" ]
	[ "$(ids --since=2026-03-01T11:00:01)" = 0193-b ]
	[ "$(ids --limit=1)" = 0193-b ]
	[ "$(ids --user=alice --limit=1)" = 0193-a ]
	[ "$(ids --since=1s)" = "" ]
}

# Four cells: two steps of job 4711, one of which was killed, job 4712 of bob
# with nothing measured, and one without a job.
spool_some() {
	spool 0193-a '.cpu.throttled_us = 399500000 | .scratch = {peak_bytes: 1048576}
		| .io = {read_bytes: 7, write_bytes: 8} | .net = {rx_bytes: 9, tx_bytes: 10}'
	spool 0193-b '.scheduler.step = "1" | .node = "n2" | .exit = {signal: 9, reason: "oom"}
		| .time.start = "2026-03-01T12:00:00.000000Z"
		| .time.end = "2026-03-01T13:00:00.500000Z" | .cpu.usage_us = 1800000000
		| .memory.peak_bytes = 4294967296'
	spool 0193-c '.scheduler.job = "4712" | .user.name = "bob" | .user.account = "chem"
		| .cell.profile = "strict" | .exit.code = 0
		| .time.start = "2026-03-02T10:00:00.000000Z"
		| .time.end = "2026-03-02T11:00:00.500000Z" | del(.cpu, .memory)'
	spool 019d4503-8f2a-7c11-9f6e-0b1d2c3e4f50 'del(.scheduler, .user.account)
		| .time.start = "2026-03-03T10:00:00.000000Z"
		| .time.end = "2026-03-03T11:00:00.500000Z"'
	groups > /dev/null
}

# The line of the table that begins with $1, blanks made one.
line() { sed -n "s/^ *\($1 \)/\1/p" <<< "$output" | tr -s ' '; }

@test "a report is by job, and a cell without one is a job by its ID" {
	spool_some
	run groups
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 4 ]
	[ "$(line JOBID)" = "JOBID USER ACCOUNT PROFILE STATE FAILED NODES ELAPSED CPUTIME CPU% MAXMEM MEM% START" ]
	[ "$(line 4711)" = "4711 alice phys batch - 2 2 03:00:00 01:30:00 37.5 4.0G 68.8 2026-03-01T10:00:00" ]
	[ "$(line 4712)" = "4712 bob chem strict exited 0 1 01:00:00 - - - - 2026-03-02T10:00:00" ]
	[ "$(line 2c3e4f50)" = "2c3e4f50 alice - batch exited 1 1 01:00:00 01:00:00 50.0 1.5G 37.5 2026-03-03T10:00:00" ]
	[ "$(groups --table)" = "$output" ]
	[ "$(groups --by=job)" = "$output" ]
	[ "$(groups --json --by=job --job=2c3e4f50 | jq -r .[].job)" = 019d4503-8f2a-7c11-9f6e-0b1d2c3e4f50 ]
}

@test "who names a job gets a page on it" {
	spool_some
	spool 0193-d '.scheduler.step = "2" | .user.name = "a\u001b"
		| .exit = {signal: 9, reason: "oom"} | .time.wall_s = 60
		| .scratch = {limit_bytes: 1073741824, peak_bytes: 1073741824, full: true}
		| .memory.oom_victim = "so\u009blver" | .memory.oom_victim_pid = 77
		| .limits = {asked: {memory: "4G"}, missing: {pids: "no controller"}}'
	run groups --job=4711
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "Job 4711, account phys, cluster c1" ]
	[[ $output == *"
Why it ended
  Step 2 on n1 reached its memory limit of 4.0G; the kernel killed so\u009blver (pid 77) (as did 1 more).
  Step 2 on n1 had no room left in its scratch of 1.0G.
  Step 0 on n1 exited with 3.
"* ]]
	[ "$(line Memory)" = "Memory 4.0G 4.0G 100 % Step 1 on n2" ]
	[ "$(line Scratch)" = "Scratch 1.0G 1.0G 100 % Step 2 on n1" ]
	[[ $output == *"  Limits: memory 4G
  Not enforced: pids: no controller
"* ]]
	[ "$(line 1 | cut -d' ' -f1-5)" = "1 oom 1 1 01:00:00" ]
	[[ $output == *"
Next time
  --cell-memory=6G: its memory limit was too low.
  --cell-scratch=2G: its scratch was full.
  its limit 'pids' was not enforced: no controller." ]]
	run groups --job=4711 --page --json
	[ "$(jq -c '[.job, .cells, .ooms, .asked.memory, (.steps | map(.step))]' <<< "$output")" = \
		'["4711",3,2,"4G",["0","2","1"]]' ]
	[ "$(jq -c '[.why[] | [.reason, .cells, .step]]' <<< "$output")" = \
		'[["oom",2,"2"],["scratch-full",1,"2"],["exited",1,"0"]]' ]
	[ "$(jq -c '[.advice[] | [.rule, .option, .value]]' <<< "$output")" = \
		'[["oom","--cell-memory","6G"],["scratch-full","--cell-scratch","2G"],["not-enforced",null,null]]' ]
	# Without a job, and one of which little is known.
	[[ $(groups --job=2c3e4f50) == *"The cell on n1 exited with 3."* ]]
	[[ $(groups --job=4712) == *"Everything exited with 0."* ]]
	# Forms of a report that are asked for are those of all reports.
	[ "$(groups --job=4711 --table | wc -l)" -eq 2 ]
	[ "$(groups --job=4711 --by=job --csv | wc -l)" -eq 2 ]
	[ "$(groups --job=4711 --by=step | wc -l)" -eq 4 ]
}

@test "people get jobs and programs get records, unless they say" {
	spool_some
	groups > /dev/null
	[ "$(groups --json)" = "$(r --json)" ]
	[ "$(groups --csv)" = "$(r --csv)" ]
	[ "$(groups --json --job=4711)" = "$(r --json --job=4711)" ]
	[ "$(groups --page --job=4711)" = "$(groups --job=4711)" ]
	for form in "" --job=4711\ --csv --job=4711\ --by=job --job=4711\ --sort=user; do
		# shellcheck disable=SC2086 # several options
		run groups --page $form
		[ "$status" -eq 125 ]
		[[ $output == "cloison: --page is for --job=ID"* ]]
	done
}

@test "a page is on one job that there is" {
	spool_some
	run groups --job=4713
	[ "$status" -eq 125 ]
	[ "$output" = "cloison: there is no record of job 4713 here" ]
	spool 0193-e '.scheduler.cluster = "c2"'
	run groups --job=4711
	[ "$status" -eq 125 ]
	[ "$output" = "cloison: there is a job 4711 of cluster c1 and of c2: name one with --cluster" ]
	run groups --job=4711 --cluster=c2
	[ "${lines[0]}" = "Job 4711 of alice, account phys, cluster c2" ]
	spool 0193-f '.scheduler = {name: "lsf", job: "4711", job_name: "night", queue: "short", project: "x"}'
	run groups --job=4711 --cluster=c1
	[ "${lines[0]}" = "Job 4711 of alice, account phys, cluster c1" ]
	run groups --job=4711
	[ "$output" = "cloison: there is a job 4711 of lsf and of slurm: name one with --scheduler" ]
	run groups --job=4711 --scheduler=lsf
	[ "${lines[0]}" = "Job 4711, night of alice, account phys, project x, queue short" ]
}

# Jobs of three schedulers, two with a queue of the same name, and of none.
spool_queues() {
	spool 0193-a '.scheduler += {queue: "long", job_name: "sweep"}'
	spool 0193-b '.scheduler = {name: "gridengine", cluster: "default", job: "7",
		job_name: "night, run", queue: "long", project: "x"}'
	spool 0193-c '.scheduler = {name: "gridengine", cluster: "default", job: "8", queue: "short"}'
	spool 0193-d '.scheduler = {name: "htcondor", cluster: "schedd", job: "7", step: "0", project: "x"}
		| .exit.code = 0'
	spool 0193-e '.scheduler = {name: "none"}'
	groups > /dev/null
}

@test "one report over all queues" {
	spool_queues
	by() { groups --by="$1" --csv | tail -n +2 | tr -d '\r' | cut -d, -f"$2" | paste -sd' '; }
	[ "$(by queue 1-5)" = "gridengine,default,long,1,1 slurm,c1,long,1,1 gridengine,default,short,1,1 htcondor,schedd,,1,0 none,,,1,1" ]
	[ "$(by scheduler 1-3)" = "gridengine,2,2 htcondor,1,0 none,1,1 slurm,1,1" ]
	[ "$(by project 1-3)" = "x,2,1 ,3,3" ]
	run groups --by=queue
	[ "$(line SCHEDULER | cut -d' ' -f1-4)" = "SCHEDULER CLUSTER QUEUE CELLS" ]
	[ "$(line htcondor | cut -d' ' -f1-4)" = "htcondor schedd - 1" ]
	run groups --format=scheduler,queue,project,job,jobname --sort=scheduler
	[ "$(line gridengine)" = "gridengine long x 7 night, run
gridengine short - 8 -" ]
	[ "$(line none)" = "none - - 0193-e -" ]
	groups --format=scheduler,queue,project,job,jobname --csv > "$D/csv"
	grep -qx $'gridengine,long,x,7,"night, run"\r' "$D/csv"
	[ "$(groups --by=step --format=scheduler,queue,project,jobname --json --scheduler=slurm | jq -c .)" = \
		'[{"scheduler":"slurm","queue":"long","jobname":"sweep"}]' ]
	[ "$(groups --job=7 --scheduler=gridengine --page --json | jq -r '.jobname, .queue, .project')" = $'night, run\nlong\nx' ]
	# A name is of a job.
	run groups --by=queue --format=jobname
	[ "$output" = "cloison: --format: there is no column 'jobname' with --by=queue" ]
}

@test "whose jobs a report is about" {
	spool_queues
	jobs() { groups --format=job --sort=job --csv "$@" | tail -n +2 | tr -d '\r' | paste -sd' '; }
	[ "$(jobs --scheduler=gridengine)" = "7 8" ]
	[ "$(jobs --queue=long)" = "7 4711" ]
	[ "$(jobs --queue=long --scheduler=slurm)" = 4711 ]
	[ "$(jobs --project=x)" = "7 7" ]
	[ "$(jobs --queue=none)" = "" ]
	[ "$(r --json --queue=short | jq -r .[].id)" = 0193-c ]
}

@test "what cells are grouped by" {
	spool_some
	run groups --by=step
	[ "$(line 4711 | cut -d' ' -f1-5,8)" = "4711 0 alice batch exited 01:00:00
4711 1 alice batch oom 01:00:00" ]
	run groups --by=user --json
	[ "$(jq -c 'map([.user, .cells, .failed, .ooms, .celltime_us])' <<< "$output")" = \
		'[["alice",3,3,1,10801500000],["bob",1,0,0,3600500000]]' ]
	[ "$(jq -c '.[0] | [.cputime_us, .cpuwaste_core_h, .cpueff_percent]' <<< "$output")" = \
		'[9001000000,3.500555556,41.66550942]' ]
	# What was not measured is absent.
	[ "$(jq -c '.[1] | keys' <<< "$output")" = '["cells","celltime_us","failed","ooms","user"]' ]
	by() { groups --by="$1" --json | jq -c "map([.$2, .cells])"; }
	[ "$(by account account)" = '[["chem",1],["phys",2],[null,1]]' ]
	[ "$(by node node)" = '[["n1",3],["n2",1]]' ]
	[ "$(by profile profile)" = '[["batch",3],["strict",1]]' ]
	[ "$(by day day)" = '[["2026-03-01",2],["2026-03-02",1],["2026-03-03",1]]' ]
	[ "$(by reason state)" = '[["exited",3],["oom",1]]' ]
}

@test "columns and their widths are chosen, alike in all outputs" {
	spool_some
	run groups --format=job%12,user%-3,account%8,throttled,throttledshare,scratch,read,written,received,sent
	[ "${lines[0]}" = "       JOBID  US+  ACCOUNT   THROTTLED  THROTTLED%  SCRATCH  READ  WRITTEN  RECEIVED  SENT" ]
	[ "$(line 4711)" = "4711 al+ phys 06:39.500 6.9 1.0M 7 8 9 10" ]
	[ "$(line 4712)" = "4712 bob chem - - - - - - -" ]
	[ "$(groups --format=job,memwaste,end --csv)" = $'job,memwaste_gib_h,end\r
4711,2.500347222,2026-03-01T13:00:00.500000Z\r
4712,,2026-03-02T11:00:00.500000Z\r
019d4503-8f2a-7c11-9f6e-0b1d2c3e4f50,2.500347222,2026-03-03T11:00:00.500000Z\r' ]
	[ "$(groups --format=job,memwaste,end --json | jq -c .[1])" = \
		'{"job":"4712","end":"2026-03-02T11:00:00.500000Z"}' ]
	run groups --helpformat
	grep -q '^throttledshare  *throttledshare_percent  *throttled of' <<< "$output"
	# Every column can be had, and each is in the manual.
	names=$(cut -d' ' -f1 <<< "$output" | paste -sd,)
	run groups --by=step --format="$names" --csv
	[ "$status" -eq 0 ]
}

@test "lines in the order of a column, and the first of them" {
	spool_some
	jobs() { groups --format=job --csv "$@" | tail -n +2 | tr -d '\r' | sed 's/.*-/id-/' | paste -sd' '; }
	[ "$(jobs)" = "4711 4712 id-0b1d2c3e4f50" ]
	[ "$(jobs --sort=cpueff)" = "4711 id-0b1d2c3e4f50 4712" ]
	[ "$(jobs --sort=-cpueff)" = "id-0b1d2c3e4f50 4711 4712" ]
	[ "$(jobs --sort=-user)" = "4712 4711 id-0b1d2c3e4f50" ]
	[ "$(jobs --sort=-maxmem --limit=1)" = 4711 ]
	[ "$(jobs --limit=2)" = "4712 id-0b1d2c3e4f50" ]
	[ "$(jobs --limit=0)" = "" ]
}

@test "which cells a report is about" {
	spool_some
	cells() { groups --by=reason --format=cells --json "$@" | jq 'map(.cells) | add // 0'; }
	[ "$(cells)" -eq 4 ]
	[ "$(cells --job=4711)" -eq 2 ]
	[ "$(cells --user=bob)" -eq 1 ]
	[ "$(cells --account=phys)" -eq 2 ]
	[ "$(cells --cluster=c1)" -eq 3 ]
	[ "$(cells --cluster=c2)" -eq 0 ]
	[ "$(cells --node=n2)" -eq 1 ]
	[ "$(cells --profile=strict)" -eq 1 ]
	[ "$(cells --reason=oom)" -eq 1 ]
	[ "$(cells --failed)" -eq 3 ]
	[ "$(cells --since=2026-03-02)" -eq 2 ]
	[ "$(cells --until=2026-03-02)" -eq 2 ]
	[ "$(cells --since=2026-03-02 --until=2026-03-03)" -eq 1 ]
}

@test "control characters of users do not reach the terminal" {
	spool 0193-a '.user.name = "a\u001b[31m\u009b\u202ex" | .node = "b\nc"'
	r > "$D/out"
	grep -qF 'a\u001b[31m\u009b\u202ex' "$D/out"
	grep -qF 'b\u000ac' "$D/out"
	[ "$(wc -l < "$D/out")" -eq 2 ]
	run ! grep -q '[^ -~]' "$D/out"
}

@test "a bad file is reported once and moved to bad/" {
	spool 0193-a
	spool 0193-b '.user.uid = "x"'
	echo '{' > "$D/spool/new/0193-c.json"
	chmod 600 "$D/spool/new/0193-c.json"
	ln -s /etc/passwd "$D/spool/new/0193-d.json"
	r > "$D/out" 2> "$D/err"
	[ "$(wc -l < "$D/out")" -eq 2 ]
	[ "$(wc -l < "$D/err")" -eq 3 ]
	grep -q '^cloison: .*0193-b.json is refused: user.uid: not a whole number: moved to bad/$' "$D/err"
	grep -q '0193-c.json is refused: not JSON' "$D/err"
	grep -q '0193-d.json is refused: it is a link' "$D/err"
	[ "$(ls "$D/spool/bad" | wc -l)" -eq 3 ]
	[ "$(r 2>&1)" = "$(cat "$D/out")" ]
}

@test "a user's spool speaks for the user only" {
	[ "$me" -ne 0 ] || skip "root may sign for all"
	spool 0193-a '.user.uid = 0'
	run r
	[[ $output == *"only that user or root may"* ]]
}

@test "a spool that others may write is not believed" {
	spool 0193-a
	chmod 777 "$D/spool/new"
	run r
	[ "$status" -eq 125 ]
	[[ $output == "cloison: "*"others may write"*"chmod go-w"* ]]
}

@test "many records" {
	spool 0193-x
	for i in $(seq 600); do
		sed "s/0193-x/0193-$i/" "$D/spool/new/0193-x.json" \
			> "$D/spool/new/0193-$i.json"
	done
	chmod 600 "$D"/spool/new/*
	[ "$(r | wc -l)" -eq 602 ]
	[ -z "$(ls "$D/spool/new")" ]
}

@test "several reports at once import everything once" {
	spool 0193-x
	for i in $(seq 1000); do
		sed "s/0193-x/0193-$i/" "$D/spool/new/0193-x.json" \
			> "$D/spool/new/0193-$i.json"
	done
	chmod 600 "$D"/spool/new/*
	pids=()
	for i in 1 2 3 4; do
		r > "$D/out$i" 2> "$D/err$i" 3>&- &
		pids+=($!)
	done
	wait "${pids[@]}"
	[ -z "$(cat "$D"/err?)" ]
	[ ! -e "$D/spool/bad" ]
	[ "$(r --json | jq length)" -eq 1001 ]
}

@test "a report that nobody reads on keeps no other waiting" {
	spool 0193-x
	for i in $(seq 1000); do
		sed "s/0193-x/0193-$i/" "$D/spool/new/0193-x.json" \
			> "$D/spool/new/0193-$i.json"
	done
	chmod 600 "$D"/spool/new/*
	r > /dev/null
	mkfifo "$D/pager"
	r --json > "$D/pager" 3>&- &
	reader=$!
	exec 4< "$D/pager"
	sleep 0.5
	spool 0193-y
	timeout 10 "$report" "${args[@]}" --by=record > "$D/out"
	[ "$(wc -l < "$D/out")" -eq 1003 ]
	kill -0 $reader
	exec 4<&-
	kill $reader 2>/dev/null || true
}

@test "signed records go to another store" {
	need_munged
	spool 0193-a '.later = 1'
	spool 0193-b
	run export_signed "$D/signed"
	[ "$status" -eq 0 ]
	[ "$output" = "cloison: 2 signed" ]
	[ "$(stat -c %a "$D/signed")" = 600 ]
	[ "$(grep -c ^MUNGE: "$D/signed")" -eq 2 ]
	run import_signed "$D/signed"
	[ "$output" = "cloison: 2 imported, 0 already known, 0 refused" ]
	[ "$status" -eq 0 ]
	[ "$(r2 --json | jq -c 'map([.id, .signer, .source, .later])')" = \
		"[[\"0193-a\",$me,\"signed\",1],[\"0193-b\",$me,\"signed\",null]]" ]
	# Signed anew, through a pipe: known now.
	export_signed 2>/dev/null | (run import_signed
		[ "$status" -eq 0 ]
		[ "$output" = "cloison: 0 imported, 2 already known, 0 refused" ])
}

@test "a replay is refused" {
	need_munged
	spool 0193-a
	export_signed "$D/signed"
	import_signed < "$D/signed"
	run import_signed "$D/signed"
	[ "$status" -eq 1 ]
	[[ ${lines[0]} == "cloison: line 1 is refused: it was shown here before"* ]]
	[ "${lines[1]}" = "cloison: 0 imported, 0 already known, 1 refused" ]
}

@test "altered lines and garbage are refused, the others stored" {
	need_munged
	spool 0193-a
	spool 0193-b
	export_signed "$D/signed"
	first=$(head -1 "$D/signed")
	half=$((${#first} / 2))
	c=A
	[ "${first:half:1}" != A ] || c=B
	{
		echo "${first:0:half}$c${first:half+1}"
		echo garbage
		head -c 300000 /dev/zero | tr '\0' x
		echo
		printf 'a\0b\n'
		echo
		sed -n 2p "$D/signed"
		echo '{"no": "record"}' | sign
		record 0193-c | jq -c '.id = "../c"' | sign
	} > "$D/lines"
	run import_signed "$D/lines"
	[ "$status" -eq 1 ]
	[[ ${lines[0]} == "cloison: line 1 is refused: it was altered"* ]]
	[[ ${lines[1]} == "cloison: line 2 is refused: it is not a MUNGE credential" ]]
	[[ ${lines[2]} == "cloison: line 3 is refused: it is too long"* ]]
	[[ ${lines[3]} == "cloison: line 4 is refused: "*NUL* ]]
	[[ ${lines[4]} == "cloison: line 7 is refused: "*"no schema" ]]
	[[ ${lines[5]} == "cloison: line 8 is refused: id: "* ]]
	[ "${lines[6]}" = "cloison: 1 imported, 0 already known, 6 refused" ]
	[ "$(r2 --json | jq -r '.[].id')" = 0193-b ]
}

@test "an expired one is refused" {
	need_munged
	spool 0193-a
	export_signed "$D/signed" --ttl=1s
	sleep 3
	run import_signed "$D/signed"
	[ "$status" -eq 1 ]
	[[ ${lines[0]} == "cloison: line 1 is refused: it has expired: sign it again" ]]
}

@test "one of another realm is refused" {
	need_munged
	spool 0193-a
	export_signed "$D/signed"
	run r2 --munge-socket="$TOP/elsewhere" --import-signed="$D/signed"
	[ "$status" -eq 1 ]
	[[ ${lines[0]} == "cloison: line 1 is refused: "*"another MUNGE key"* ]]
}

@test "a record that a user signed for somebody else is refused" {
	need_munged
	as=()
	[ "$me" -ne 0 ] || as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	record 0193-a ".user.uid = $other" > "$D/record"
	"${as[@]}" munge --socket="$TOP/here" < "$D/record" > "$D/signed"
	run import_signed "$D/signed"
	[ "$status" -eq 1 ]
	[[ ${lines[0]} == "cloison: line 1 is refused: uid "*" signed it, but it is the record of uid $other: only that user or root may" ]]
	[ "$(r2 --json)" = "[]" ]
}

@test "a user's record keeps its signer, and root does not vouch for it" {
	need_munged
	[ "$me" -eq 0 ] || skip "needs root"
	record 0193-a ".user.uid = 65534" > "$D/record"
	setpriv --reuid=65534 --regid=65534 --clear-groups \
		munge --socket="$TOP/here" < "$D/record" > "$D/signed"
	import_signed "$D/signed"
	[ "$(r2 --json | jq '.[].signer')" -eq 65534 ]
	run r2 --munge-socket="$TOP/here" --export-signed
	[ "$output" = "cloison: 0 signed, 1 left out that others signed" ]
	# The site's own record of the same cell replaces it.
	record 0193-a ".user.uid = 65534 | .exit.code = 8" | sign > "$D/signed"
	import_signed "$D/signed"
	[ "$(r2 --json | jq -c '.[] | [.signer, .exit.code]')" = "[0,8]" ]
}

@test "without munged nothing is lost and the message says what to do" {
	spool 0193-a
	run r --munge-socket="$D/none" --export-signed="$D/signed"
	[ "$status" -eq 125 ]
	[[ $output == "cloison: "*"is munged running, with the socket $D/none?" ]]
	[ ! -e "$D/signed" ]
	[ -z "$(find "$D" -maxdepth 1 -name '*signed*')" ]
	[ "$(r | wc -l)" -eq 2 ]
}

@test "bad usage is one line and 125" {
	for a in --bogus --job --limit=x --since=soon --until=x --ttl=0 word --json=1 \
		--by=week --format=x --format= '--format=user,' --format=user%x \
		--format=step --sort=x --sort=-; do
		run "$report" "$a"
		[ "$status" -eq 125 ]
		[ "${#lines[@]}" -eq 1 ]
		[[ $output == "cloison: "* ]]
	done
	run "$report" --json --csv
	[ "$status" -eq 125 ]
	run "$report" --by=record --format=user
	[ "$status" -eq 125 ]
	run "$report" --by=user --sort=elapsed
	[ "$output" = "cloison: --sort: there is no column 'elapsed' with --by=user" ]
	run "$report" --help
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == "Usage: cloison report"* ]]
}

@test "places of a user" {
	[ "$me" -ne 0 ] || skip "root has others"
	args=()
	export HOME=$D/home XDG_STATE_HOME=
	mkdir "$HOME"
	r
	[ -f "$HOME/.local/state/cloison/records.db" ]
	[ "$(stat -c %a "$HOME/.local/state/cloison/spool")" = 700 ]
	XDG_STATE_HOME=$D/state r
	[ -f "$D/state/cloison/records.db" ]
	run env -u HOME "$report"
	[ "$status" -eq 125 ]
	[[ $output == "cloison: HOME is not set"* ]]
}

@test "a full disk is an error" {
	[ -e /dev/full ] || skip
	run sh -c '"$0" "$@" > /dev/full' "$report" "${args[@]}"
	[ "$status" -eq 125 ]
	[[ $output == "cloison: write to stdout"* ]]
}
