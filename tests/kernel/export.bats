#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# cloison report --export: each format is held against its description.

bats_require_minimum_version 1.5.0
load common

setup() {
	common_setup
	umask 077
	spool=$PWD/spool
	mkdir -p "$spool/tmp" "$spool/new"
	export TZ=Asia/Kolkata
}

# None is a cell's.
teardown_file() { :; }

report() { "$CLOISON" report --spool="$spool" --store="$PWD/db/records" "$@"; }

# record ID [JQ PROGRAM]
record() {
	jq -cn --arg id "$1" --argjson uid "$(id -u)" '{
		schema: "cloison.record/1", id: $id, node: "n1",
		scheduler: {name: "slurm", cluster: "c1", job: "4711", step: "0"},
		user: {name: "alice", uid: $uid, gid: 4294967294, account: "phys"},
		cell: {profile: "batch"},
		time: {start: "2026-03-01T10:00:00.000000Z", end: "2026-03-01T11:00:00.500000Z",
			wall_s: 3600.5, setup_us: 2100},
		exit: {code: 0, reason: "exited"},
		cpu: {count: 2, usage_us: 3600500000, user_us: 3600000000, system_us: 500000, throttled_us: 0},
		memory: {limit_bytes: 4294967296, peak_bytes: 1610612736},
		io: {read_bytes: 1000, write_bytes: 24},
		net: {rx_bytes: 0, tx_bytes: 0}
	} | '"${2:-.}" >"$spool/new/$1.json"
}

# Two nodes and a batch script; no scheduler; a job with all that is not usual.
records() {
	record 1
	record 2 '.node = "n2" | .exit = {signal: 9, reason: "signaled"} | .cpu.count = 1'
	record 3 '.scheduler.step = "batch" | .exit.code = 3 | .time.start = "2026-03-01T09:59:00.000000Z"'
	record 4 '.scheduler = {name: "none"} | .user.name = "bob" | .exit = {signal: 9, reason: "oom"}'
	record 5 '.scheduler.job = "9" | .user.name = "a|b\n\u0001<&\"\\" | .user.account = "\ufffe"
		| del(.time.end, .memory, .cpu, .io, .net) | .exit = {reason: "lost"}'
	record 6 '{schema, id, node, user: {uid: .user.uid}, time: {start: .time.start}}'
}

@test "--export=xdmod: a line for each of Slurm's jobs" {
	records
	run -0 report --export=xdmod
	[ "${#lines[@]}" -eq 2 ]
	"$BATS_TEST_DIRNAME/xdmod-valid" <<<"$output"
	# Times are UTC, whatever the time zone is.
	start=2026-03-01T09:59:00
	[ "${lines[0]}" = "4711|4711|c1|||phys|4294967294|4294967294|alice|$(id -u)|$start|$start|$start|2026-03-01T11:00:00|01:01:00|3:0|FAILED|2|3|3|4096M|cpu=3,mem=8192M,node=2|cpu=3,mem=8192M,node=2||n1,n2|" ]
	[[ ${lines[1]} == *'|a_b__<&"\|'*'|Unknown|00:00:00|0:0|NODE_FAIL|1|0|0||cpu=0,node=1|'* ]]
	run ! "$BATS_TEST_DIRNAME/xdmod-valid" <<<"${lines[0]#*|}"
	# Whichever cell knows partition and name.
	record 7 '.scheduler += {job: "9", job_name: "a|b", queue: "long"}'
	run -0 report --export=xdmod
	"$BATS_TEST_DIRNAME/xdmod-valid" <<<"$output"
	[[ ${lines[1]} == "9|9|c1|long||"*"||n1|a_b" ]]
}

@test "--export=ur: a usage record of GFD.98 for each cell" {
	records
	report --export=ur=out.xml
	xmllint --noout --relaxng "$BATS_TEST_DIRNAME/usage-record.rng" out.xml
	of() { xmllint --xpath "string(//*[local-name()='RecordIdentity'][@*[.='$1']]/../$2)" out.xml; }
	el() { printf "*[local-name()='%s']" "$1"; }
	[ "$(xmllint --xpath 'count(/*/*)' out.xml)" -eq 6 ]
	[ "$(of 1 "$(el WallDuration)") $(of 1 "$(el CpuDuration)[2]") $(of 1 "$(el Status)")" = "PT3600.500000S PT0.500000S completed" ]
	[ "$(of 1 "$(el Memory)") $(of 1 "$(el Disk)") $(of 1 "$(el Network)")" = "1610612736 1024 " ]
	[ "$(of 1 "$(el StartTime)") $(of 4 "*/$(el LocalJobId)") $(of 4 "$(el Status)")" = "2026-03-01T10:00:00.000000Z 4 failed" ]
	[ "$(of 5 "*/$(el LocalUserId)")" = $'a|b\n\ufffd<&"\\' ]
	[ "$(of 6 "*/$(el LocalUserId)")" = "$(id -u)" ]
	[ "$(of 1 "$(el JobName)")/$(of 1 "$(el Queue)")/$(of 1 "$(el ProjectName)")" = 0//phys ]
	record 7 '.scheduler += {job_name: "night", queue: "long", project: "x"}'
	report --export=ur=out.xml
	xmllint --noout --relaxng "$BATS_TEST_DIRNAME/usage-record.rng" out.xml
	[ "$(of 7 "$(el JobName)")/$(of 7 "$(el Queue)")/$(of 7 "$(el ProjectName)")" = night/long/x ]
	sed 's/storageUnit="B"/storageUnit="KiB"/' out.xml >bad.xml
	run ! xmllint --noout --relaxng "$BATS_TEST_DIRNAME/usage-record.rng" bad.xml
}

@test "--export=metrics: OpenMetrics that node_exporter takes, too" {
	records
	umask 022
	report --export=metrics=cloison.prom
	[ "$(stat -c %a cloison.prom) $(ls cloison.prom*)" = "644 cloison.prom" ]
	[ "$(tail -n 1 cloison.prom)" = "# EOF" ]
	run -0 "$BATS_TEST_DIRNAME/metrics-valid" <cloison.prom
	has() { grep -qxF -e "$1" <<<"$output"; }
	has "cloison_cells user='alice' 3"
	has "cloison_failed_cells user='alice' 2"
	has "cloison_cpu_used_seconds user='alice' 10801.5"
	has "cloison_cpu_throttled_seconds user='alice' 0"
	has "cloison_memory_peak_bytes user='bob' 1.61061e+09"
	has "cloison_ended_cells reason='oom' 1"
	has "cloison_cells user='a|b\\n\\x01<&\"\\\\' 1"
	has "cloison_queue_cells scheduler='slurm' cluster='c1' queue='' 4"
	has "cloison_queue_cells scheduler='none' cluster='' queue='' 1"
	run ! grep "user=\"a.*peak_bytes" cloison.prom
	# Filters apply.
	run -0 report --export=metrics --user=bob
	[[ $output == *'cloison_cells{user="bob"} 1'* && $output != *alice* ]]
}

@test "--export: an unknown format, a file that cannot be written" {
	run -125 report --export=excel
	[[ $output == *"'excel' is none of"*xdmod*ur*metrics* ]]
	run -125 report --export=xdmod=/nonexistent/file
	[[ $output == *"/nonexistent/file"* ]]
	run -125 report --export=xdmod --json
	[[ $output == *"only one of"* ]]
	# Nothing is left beside a file that could not take its place.
	mkdir taken
	run -125 report --export=ur=taken
	[ "$(ls)" = $'db\nspool\ntaken' ]
}
