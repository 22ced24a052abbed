#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# cloisond: records from a spool to a store on another host, which is the same
# here. Both roles are this user's, with a munged of their own.
# shellcheck disable=SC2154,SC2034 # variables shared with daemon.bash

bats_require_minimum_version 1.5.0

load daemon

setup_file() { realms_begin here elsewhere; }
teardown_file() { realms_end; }
setup() { daemon_setup; }
teardown() { daemon_teardown; }

# Bytes as an escaped string, big-endian.
be32() { printf '\\x%02x\\x%02x\\x%02x\\x%02x' $(($1 >> 24 & 255)) $(($1 >> 16 & 255)) $(($1 >> 8 & 255)) $(($1 & 255)); }

# send_batch: a hello, and stdin (a credential) as a batch; prints the type of
# the answer, 3 or 4, or nothing, and for 4 why.
send_batch() {
	local cred
	cred=$(cat)
	exec 5<> "/dev/tcp/127.0.0.1/$port"
	printf '\x01\0\0\0\0\0\0\x08CLSN\0\x01\0\0' >&5
	timeout 10 head -c 16 <&5 > "$D/hello"
	printf '%b' "\\x02\\0\\0\\0$(be32 ${#cred})" >&5
	printf '%s' "$cred" >&5
	timeout 10 head -c 9 <&5 | od -An -tu1 | awk '{ print $1 ($1 == 4 ? " " $9 : "") }'
	exec 5>&-
}

# batch RECORD...: what has to be signed
batch() {
	printf 'cloisond/1 0123456789abcdef0123456789abcdef\n'
	printf '%s\n' "$@"
}

sign() { munge -S "$TOP/here" --restrict-uid="$me" "$@" | tr -d '\n'; }

# Somebody else; the tests that need it are root's.
nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }

@test "records go from the spool to the store, once" {
	start_daemon collect
	start_daemon ship
	spool_one 0193-a '.later = 1'
	spool_one 0193-b
	until_true spool_empty
	[ "$(stored)" -eq 2 ]
	"$CLOISON_REPORT" --store="$store" --no-import --by=record --json > "$D/json"
	[ "$(jq -c 'map([.id, .signer, .source, .later]) | sort' "$D/json")" = \
		"[[\"0193-a\",$me,\"signed\",1],[\"0193-b\",$me,\"signed\",null]]" ]
	# The same file again is known, and goes.
	spool_one 0193-a
	until_true spool_empty
	until_true counts collect 'records_total{fate="known"}' 1
	[ "$(stored)" -eq 2 ]
	[ "$(counter ship 'records_total{fate="new"}')" -eq 2 ]
	[ "$(counter collect 'records_total{fate="new"}')" -eq 2 ]
	[ ! -e "$spool/bad" ]
	stop_daemon ship
	[ "$ended" -eq 0 ]
	stop_daemon collect
	[ "$ended" -eq 0 ]
	[ ! -e "$D/ship.stats" ]
}

@test "what was there before goes first, in large batches" {
	spool_many 1 3000
	start_daemon collect
	start_daemon ship 'batch-records = 1000'
	until_true spool_empty
	[ "$(stored)" -eq 3000 ]
	counts ship batches_total 3
}

@test "--stats is OpenMetrics" {
	start_daemon collect
	stats collect > "$D/metrics"
	[ "$(tail -1 "$D/metrics")" = "# EOF" ]
	grep -q '^# TYPE cloisond_records counter$' "$D/metrics"
	grep -q '^cloisond_records_total{fate="new"} 0$' "$D/metrics"
	run ! grep -vE '^# (TYPE|HELP) cloisond_[a-z_]+ .|^# EOF$|^cloisond_[a-z_]+(\{[a-z]+="[a-z]+"\})? [0-9]+$' "$D/metrics"
	[ "$(grep -c '^# TYPE' "$D/metrics")" -eq "$(sed -n 's/^# TYPE \([^ ]*\).*/\1/p' "$D/metrics" | sort -u | wc -l)" ]
	stop_daemon collect
	run stats collect
	[ "$status" -eq 125 ]
	[[ $output == "cloisond: is cloisond running? connect to "* ]]
}

@test "a bad file is moved to bad/ with a line, the others are stored" {
	start_daemon collect
	start_daemon ship
	mkdir "$D/bad"
	echo '{' > "$D/bad/0193-c.json"
	echo x > "$D/bad/x"
	printf 'a\0b' > "$D/bad/0193-d.json"
	chmod 600 "$D"/bad/*
	mv "$D"/bad/* "$spool/new"
	spool_one 0193-a '.user.uid = "x"'
	spool_one 0193-b
	until_true spool_empty
	[ "$(stored)" -eq 1 ]
	[ "$(ls "$spool/bad" | wc -l)" -eq 4 ]
	grep -q '^<4>event=record-refused file=0193-c.json msg="it is not a proper record: moved to bad/"$' "$D/ship.log"
	grep -q 'file=x msg="its name is not ID.json: ' "$D/ship.log"
	grep -q 'file=0193-d.json msg="it holds a NUL: ' "$D/ship.log"
	grep -q '^<4>event=record-refused reason=malformed peer=127.0.0.1 .*msg="user.uid: not a whole number"$' "$D/collect.log"
	[ "$(counter ship files_bad_total)" -eq 4 ]
	[ "$(counter collect 'records_total{fate="malformed"}')" -eq 2 ]
}

@test "another user's record is refused, if root did not sign it" {
	[ "$me" -ne 0 ] || skip "root may sign for all"
	start_daemon collect
	start_daemon ship
	spool_one 0193-a ".user.uid = $((me + 1))"
	until_true spool_empty
	[ "$(ls "$spool/bad")" = 0193-a.json ]
	grep -q "reason=foreign .*uid=$me msg=\"uid $me signed it, but it is the record of uid $((me + 1))" "$D/collect.log"
	[ "$(counter collect 'records_total{fate="foreign"}')" -eq 1 ]
	[ "$(stored)" -eq 0 ]
}

@test "a user's credential for another's record is refused at root's collector" {
	[ "$me" -eq 0 ] || skip "needs root"
	start_daemon collect
	batch "$(record 0193-a '.user.uid = 65534')" "$(record 0193-b '.user.uid = 4242')" |
		nobody munge -S "$TOP/here" --restrict-uid=0 | tr -d '\n' > "$D/cred"
	[ "$(send_batch < "$D/cred")" = 3 ]
	[ "$(counter collect 'records_total{fate="foreign"}')" -eq 1 ]
	[ "$(counter collect 'records_total{fate="new"}')" -eq 1 ]
	grep -q 'reason=foreign .*uid=65534 .*uid 4242' "$D/collect.log"
	[ "$(stored)" -eq 1 ]
	# Who takes the id of another's record is refused, too.
	batch "$(record 0193-a '.user.uid = 65533')" |
		setpriv --reuid=65533 --regid=65533 --clear-groups \
			munge -S "$TOP/here" --restrict-uid=0 | tr -d '\n' > "$D/cred"
	[ "$(send_batch < "$D/cred")" = 3 ]
	[ "$(counter collect 'records_total{fate="clash"}')" -eq 1 ]
	grep -q 'reason=clash .*uid=65533 id=0193-a' "$D/collect.log"
}

@test "altered, replayed, expired credentials, and those of another realm" {
	start_daemon collect
	batch "$(record 0193-a)" | sign > "$D/cred"
	c=A half=$(($(wc -c < "$D/cred") / 2))
	[ "$(cut -c$half "$D/cred")" != A ] || c=B
	sed "s/./$c/$half" "$D/cred" > "$D/altered"
	[ "$(send_batch < "$D/altered")" = "4 8" ]
	[ "$(stored)" -eq 0 ]
	[ "$(send_batch < "$D/cred")" = 3 ]
	[ "$(send_batch < "$D/cred")" = "4 7" ]
	batch "$(record 0193-b)" | munge -S "$TOP/elsewhere" > "$D/cred"
	[ "$(send_batch < "$D/cred")" = "4 8" ]
	batch "$(record 0193-b)" | sign --ttl=1 > "$D/cred"
	sleep 2.1
	[ "$(send_batch < "$D/cred")" = "4 6" ]
	[ "$(echo garbage | send_batch)" = "4 8" ]
	[ "$(echo 'signed, but no batch' | sign | send_batch)" = "4 8" ]
	[ "$(counter collect 'batches_refused_total{reason="forged"}')" -eq 4 ]
	[ "$(counter collect 'batches_refused_total{reason="replayed"}')" -eq 1 ]
	[ "$(counter collect 'batches_refused_total{reason="expired"}')" -eq 1 ]
	grep -q '^<4>event=batch-refused reason=replayed peer=127.0.0.1 msg="it was shown here before' "$D/collect.log"
	grep -q 'reason=forged .*another MUNGE key' "$D/collect.log"
	grep -q 'reason=expired .*it has expired' "$D/collect.log"
	[ "$(stored)" -eq 1 ]
}

@test "root of an unknown host is refused, and what it sent is not lost" {
	[ "$me" -eq 0 ] || skip "needs root"
	start_daemon collect 'nodes = 198.51.100.1,198.51.100.128/25'
	start_daemon ship
	spool_one 0193-a
	until_true counts ship 'batches_refused_total{reason="stranger"}' 1
	grep -q "reason=stranger peer=127.0.0.1 msg=\"root of $host signed it" "$D/collect.log"
	grep -q "event=send-failed .*is not among the collector's nodes" "$D/ship.log"
	[ "$(stored)" -eq 0 ]
	stop_daemon collect
	start_daemon collect "nodes = ${host%.*}.0/24"
	until_true spool_empty
	[ "$(stored)" -eq 1 ]
}

@test "a frame that is none, too big, out of place or too slow" {
	start_daemon collect 'timeout = 1s'
	for bytes in 'GET / HTTP/1.0\r\n\r\n' '\x01\0\0\0\0\0\0\x08SSH-2.0-' \
		'\x02\0\0\0\0\0\0\x08MUNGE:x:' '\x01\0\0\0\xff\xff\xff\xff'; do
		exec 5<> "/dev/tcp/127.0.0.1/$port"
		printf %b "$bytes" >&5 || true
		[ -z "$(timeout 10 cat <&5 2>/dev/null)" ]
		exec 5>&-
	done
	exec 5<> "/dev/tcp/127.0.0.1/$port"
	printf '\x01\0\0\0\0\0\0\x08CLSN\0\x07\0\0\x02\0\0\0\0\x10\0\0' >&5
	timeout 10 cat <&5 > "$D/answer"
	# The version that is spoken here.
	[ "$(od -An -tx1 "$D/answer" | tr -d ' ')" = 0100000000000008434c534e00010000 ]
	exec 5>&-
	exec 5<> "/dev/tcp/127.0.0.1/$port"
	printf '\x01\0' >&5
	[ -z "$(timeout 10 cat <&5 2>/dev/null)" ]
	exec 5>&-
	[ "$(counter collect 'connections_refused_total{reason="malformed"}')" -eq 3 ]
	[ "$(counter collect 'connections_refused_total{reason="oversized"}')" -eq 2 ]
	[ "$(counter collect 'connections_refused_total{reason="timeout"}')" -eq 1 ]
	[ "$(counter collect connections_open)" -eq 0 ]
	grep -q 'event=connection-closed reason=oversized peer=127.0.0.1 msg="a frame of type 2 with 1048576 bytes' "$D/collect.log"
}

@test "no more connections than allowed" {
	start_daemon collect 'connections = 1'
	exec 5<> "/dev/tcp/127.0.0.1/$port"
	until_true counts collect connections_open 1
	exec 6<> "/dev/tcp/127.0.0.1/$port"
	[ -z "$(timeout 10 cat <&6 2>/dev/null)" ]
	exec 5>&- 6>&-
	[ "$(counter collect 'connections_refused_total{reason="full"}')" -eq 1 ]
	until_true test "$(counter collect connections_open)" -eq 0
	start_daemon ship
	spool_one 0193-a
	until_true spool_empty
}

@test "only the collector's own answer removes a record" {
	start_daemon collect
	start_daemon ship "collector-user = $((me + 1))"
	spool_one 0193-a
	until_true counts ship sends_failed_total 1
	# It may not even open what is for another.
	grep -q 'reason=forged .*made for another user' "$D/collect.log"
	[ -e "$spool/new/0193-a.json" ]
	[ "$(stored)" -eq 0 ]
}

@test "a collector that is not there yet, that is killed, that comes back" {
	start_daemon ship
	spool_many 1 50
	until_true counts ship sends_failed_total 2
	[ "$(ls "$spool/new" | wc -l)" -eq 50 ]
	start_daemon collect
	until_true spool_empty
	stop_daemon collect KILL
	spool_many 51 100
	until_true counts ship sends_failed_total 4
	run_daemon collect
	until_true spool_empty
	[ "$(stored)" -eq 100 ]
}

@test "a collector that does not answer: ship waits, and ends when it is told" {
	start_daemon collect
	start_daemon ship
	kill -STOP "$(cat "$D/collect.pid")"
	spool_many 1 20
	sleep 0.3
	stop_daemon ship
	[ "$ended" -eq 0 ]
	[ "$(ls "$spool/new" | wc -l)" -eq 20 ]
	kill -CONT "$(cat "$D/collect.pid")"
	run_daemon ship
	until_true spool_empty
	[ "$(stored)" -eq 20 ]
}

@test "--ping: which collector answers, in time" {
	write_conf ship
	run -125 "$CLOISOND" --ping --config="$D/ship.conf"
	[ "$output" = "cloisond: 127.0.0.1 port $port: connect: Connection refused" ]
	start_daemon collect
	run -0 "$CLOISOND" --ping --config="$D/ship.conf"
	[ "$output" = "127.0.0.1 port $port answers" ]
	printf '[ship]\ncollector = 127.0.0.1:1, 127.0.0.1:%s\n' "$port" >"$D/two.conf"
	run -0 "$CLOISOND" --ping --config="$D/two.conf"
	[ "$output" = "127.0.0.1 port $port answers" ]
	kill -STOP "$(cat "$D/collect.pid")"
	run -125 timeout 20 "$CLOISOND" --ping --config="$D/ship.conf"
	[ "$output" = "cloisond: 127.0.0.1 port $port does not answer" ]
	kill -CONT "$(cat "$D/collect.pid")"
	run -0 "$CLOISOND" --ping --config="$D/collect.conf"
	[ -z "$output" ]
}

@test "a ship that is killed leaves what it did not bring" {
	start_daemon collect
	start_daemon ship 'batch-records = 1'
	spool_many 1 100
	until_true counts collect 'records_total{fate="new"}' 10
	stop_daemon ship KILL
	[ $(($(stored) + $(ls "$spool/new" | wc -l))) -ge 100 ]
	run_daemon ship
	until_true spool_empty
	[ "$(stored)" -eq 100 ]
}

@test "a node whose clock is an hour off: later, and nothing is lost" {
	faketime=$(find /usr/lib -name libfaketime.so.1 | head -n 1)
	[ "$faketime" ] || skip "libfaketime is not installed"
	cp "$TOP/here.key" "$TOP/ship.key"
	start_daemon collect
	realm=ship start_daemon ship
	spool_one 0193-a
	refused=0
	for off in +1h -1h; do
		start_munged ship LD_PRELOAD="$faketime" FAKETIME="$off"
		until_true counts ship 'batches_refused_total{reason="expired"}' $((refused + 1))
		stop_munged ship
		refused=$(counter ship 'batches_refused_total{reason="expired"}')
	done
	grep -q 'event=batch-refused reason=expired .*signed in the future' "$D/collect.log"
	grep -q 'event=batch-refused reason=expired .*it has expired' "$D/collect.log"
	[ "$(ls "$spool/new")" = 0193-a.json ]
	start_munged ship
	until_true spool_empty
	[ "$(stored)" -eq 1 ]
	stop_munged ship
}

@test "munged away on either side: later" {
	start_daemon collect
	realm=ship
	start_munged ship
	cp "$TOP/here.key" "$TOP/ship.key"
	stop_munged ship
	start_munged ship
	start_daemon ship
	realm=
	stop_munged ship
	spool_one 0193-a
	until_true counts ship sends_failed_total 1
	grep -q 'event=send-failed .*is munged running' "$D/ship.log"
	start_munged ship
	until_true spool_empty
	stop_munged here
	spool_one 0193-b
	until_true counts ship 'batches_refused_total{reason="munge"}' 1
	[ -e "$spool/new/0193-b.json" ]
	grep -q 'reason=munge .*is munged running' "$D/collect.log"
	start_munged here
	until_true spool_empty
	[ "$(stored)" -eq 2 ]
}

@test "a full disk: later" {
	mkdir -m 700 "$D/store"
	start_daemon collect
	stop_daemon collect
	# As good as full: the file may not grow.
	(ulimit -f 200 && exec "$CLOISOND" --foreground --role=collect \
		--config="$D/collect.conf") >> "$D/collect.log" 2>&1 3>&- &
	echo $! >> "$D/pids"
	echo $! > "$D/collect.pid"
	start_daemon ship
	spool_many 1 1000
	until_true counts ship 'batches_refused_total{reason="store"}' 1
	[ "$(ls "$spool/new" | wc -l)" -ge 1 ]
	grep -q 'event=batch-refused reason=store .*msg="store' "$D/collect.log"
	stop_daemon collect KILL
	run_daemon collect
	until_true spool_empty
	[ "$(stored)" -eq 1000 ]
	[ ! -e "$spool/bad" ]
}

@test "a disk that is full, and then is not: later" {
	[ "$me" -eq 0 ] || skip "only root mounts a small disk"
	mkdir -m 700 "$D/store"
	write_conf collect
	# shellcheck disable=SC2016 # for the inner shell
	unshare --mount sh -c 'mount -t tmpfs -o size=300k,mode=700 small "$1" && shift && exec "$@"' sh "$D/store" \
		"$CLOISOND" --foreground --role=collect --config="$D/collect.conf" >> "$D/collect.log" 2>&1 3>&- &
	pid=$!
	echo $pid >> "$D/pids"
	until_true grep -q event=start "$D/collect.log"
	start_daemon ship
	spool_many 1 2000
	until_true counts ship 'batches_refused_total{reason="store"}' 1
	grep -q 'event=batch-refused reason=store .*full' "$D/collect.log"
	nsenter --target "$pid" --mount mount -o remount,size=64m "$D/store"
	until_true spool_empty
	[ "$(nsenter --target "$pid" --mount "$CLOISON_REPORT" --store="$store" --no-import --json | grep -o '"schema":' | wc -l)" -eq 2000 ]
	[ ! -e "$spool/bad" ]
}

@test "in the background the caller hears whether it stands" {
	write_conf collect
	"$CLOISOND" --role=collect --config="$D/collect.conf" 2>> "$D/collect.log" 3>&-
	pid=$(ss -Hlntp "sport = :$port" | sed -n 's/.*pid=\([0-9]*\).*/\1/p')
	echo "$pid" >> "$D/pids"
	stats collect > /dev/null
	# The port is taken.
	run "$CLOISOND" --role=collect --config="$D/collect.conf" 3>&-
	[ "$status" -eq 125 ]
	[[ $output == *"listen at 127.0.0.1 port $port: Address already in use"* ]]
	kill "$pid"
}

@test "old records are removed from the store" {
	start_daemon collect
	start_daemon ship
	spool_one 0193-a '.time.end = "2020-01-01T00:00:00.000000Z" | .time.start = .time.end'
	spool_one 0193-b ".time.end = \"$(date -u +%FT%T.000000Z)\" | .time.start = .time.end"
	until_true spool_empty
	[ "$(stored)" -eq 2 ]
	stop_daemon collect
	start_daemon collect 'retention = 365d'
	until_true counts collect records_expired_total 1
	[ "$(stored)" -eq 1 ]
}

@test "mistakes in cloisond.conf are named with their line" {
	while IFS='|' read -r lines says; do
		printf %b "$lines" > "$D/conf"
		run "$CLOISOND" --foreground --config="$D/conf"
		[ "$status" -eq 125 ]
		[ "${#lines[@]}" -eq 1 ] || true
		[[ $output == "cloisond: "*"$says"* ]] || {
			echo "$lines: $output, not: $says"
			return 1
		}
	done <<-'END'
		[cloisond]\nrule = ship\n|/conf:2: unknown key rule of [cloisond]
		[shop]\nspool = /x\n|/conf:2: unknown key spool of [shop]
		[cloisond]\nrole = both\n|/conf:2: role:
		[ship]\nbatch-records = 5000\n|/conf:2: batch-records:
		[ship]\nbatch-bytes = 1M\n|/conf:2: batch-bytes: not from 131072 to 524288
		[ship]\ncollector = a:b:c\n|/conf:2: collector: 'a:b:c' is not HOST:PORT
		[ship]\ncollector = a:0\n|/conf:2: collector: 'a:0' has no port
		[ship]\ncollector-user = no-such-user\n|/conf:2: collector-user: there is no user
		[ship]\nspool = /a\nspool = /b\n|/conf:3: spool: is there twice
		[ship]\nthis is nothing\n|/conf:2: neither [section] nor key = value
		[cloisond]\nrole = ship\n|name the collector's host: collector in [ship]
		[cloisond]\nrole = collect\n|nodes in [collect]
		[ship]\ncollector = x\n|which role?
		[cloisond]\nrole = collect\n[collect]\nnodes = a[1-\n|lacks a bracket
		[cloisond]\nrole = collect\n[collect]\nnodes = a[3-1]\n|is no range of numbers
		[cloisond]\nrole = collect\n[collect]\nnodes = 10.0.0.0/33\n|is no IPv4 network
	END
	run "$CLOISOND" --bogus
	[ "$status" -eq 125 ]
	[[ $output == "cloisond: bad option '--bogus' (see cloisond --help)" ]]
	run "$CLOISOND" --help
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == "Usage: cloisond"* ]]
	chmod 666 "$D/conf"
	run "$CLOISOND" --config="$D/conf"
	[[ $output == *"writable by nobody else" ]]
}
