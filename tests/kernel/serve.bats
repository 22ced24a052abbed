#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Reports by a socket: users see their own records, operators all.

bats_require_minimum_version 1.5.0

alice=64001 bob=64002 operators=64999

setup_file() {
	TOP=$(mktemp -d /tmp/cloison-serve-XXXXXX)
	export TOP TZ=UTC LC_ALL=C.UTF-8
	chmod 755 "$TOP"
	mkdir -p "$TOP/spool/tmp" "$TOP/spool/new"
	chmod 755 "$TOP/spool" "$TOP/spool/tmp" "$TOP/spool/new"
	if [ "$(id -u)" -eq 0 ]; then
		spool 01-a $alice alice
		spool 01-b $bob bob
	else
		spool 01-a "$(id -u)" alice
	fi
	report --store="$TOP/store/r.db" --spool="$TOP/spool" >/dev/null
	"$BATS_TEST_DIRNAME/accept.py" "$TOP/socket" "$CLOISON_LIBEXECDIR/cloison-report" \
		--serve --no-import --store="$TOP/store/r.db" --operators=$operators \
		>"$TOP/log" 2>&1 3>&- &
	echo $! >"$TOP/pids"
	"$BATS_TEST_DIRNAME/accept.py" "$TOP/broken" /bin/sh -c 'printf half' \
		>/dev/null 2>&1 3>&- &
	echo $! >>"$TOP/pids"
	for _ in $(seq 200); do
		[ ! -S "$TOP/socket" ] || [ ! -S "$TOP/broken" ] || break
		sleep 0.05
	done
	# It never says what it wants, and never reads.
	raw wait >"$TOP/silent" 3>&- &
	echo $! >"$TOP/silent.pid"
}

teardown_file() {
	while read -r pid; do
		kill "$pid" || true
	done <"$TOP/pids"
	rm -rf "$TOP"
}

report() { "$CLOISON_LIBEXECDIR/cloison-report" "$@"; }
ask() { report --from="$TOP/socket" "$@"; }

# spool ID UID NAME
spool() {
	(umask 077 && jq -cn --arg id "$1" --argjson uid "$2" --arg name "$3" '{
		schema: "cloison.record/1", id: $id, node: "n1",
		scheduler: {name: "slurm", cluster: "c1", job: "4\($uid)", step: "0"},
		user: {name: $name, uid: $uid},
		time: {start: "2026-03-01T10:00:00.000000Z", end: "2026-03-01T11:00:00.000000Z",
			wall_s: 3600},
		exit: {code: 1, reason: "exited"}, cpu: {count: 2, usage_us: 3600000000}
	}' >"$TOP/spool/new/$1.json")
}

# as UID[:GROUP] ARGUMENT...: ask as somebody else.
as() {
	local groups=--clear-groups
	[[ $1 != *:* ]] || groups=--groups=${1#*:}
	setpriv --reuid="${1%:*}" --regid="${1%:*}" "$groups" \
		"$CLOISON_LIBEXECDIR/cloison-report" --from="$TOP/socket" "${@:2}"
}

users() { jq -r 'map(.user) | join(" ")'; }

need_root() { [ "$(id -u)" -eq 0 ] || skip "asking as several users needs root"; }

# raw REQUEST: send just that, as printf has it, and print the answer, with
# @ for NUL. "wait" sends nothing.
raw() {
	# shellcheck disable=SC2059
	printf -- "${1#wait}" | python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
if sys.argv[2] != "wait":
    try:
        s.sendall(sys.stdin.buffer.read())
    except BrokenPipeError:
        pass
    s.shutdown(socket.SHUT_WR)
try:
    while data := s.recv(4096):
        sys.stdout.buffer.write(data.replace(b"\0", b"@"))
except ConnectionResetError:
    pass' "$TOP/socket" "$1"
}

@test "a user sees the own records, root all" {
	need_root
	[ "$(as $alice --by=record --json | jq -r 'map(.user.name) | join(" ")')" = alice ]
	[ "$(as $bob --by=user --json | users)" = bob ]
	[ "$(as 64003 --by=user --json | users)" = "" ]
	[ "$(ask --by=user --json | users)" = "alice bob" ]
	# Whatever is asked for.
	for by in job step user account node profile day reason; do
		[ "$(as $bob --by=$by --format=cells --csv)" = $'cells\r\n1\r' ]
	done
	[ "$(as $bob --user=alice --json)" = "[]" ]
	as $bob --html=- | grep -q '<dt>Jobs</dt><dd>1</dd>'
	run -125 as $bob --job=4$alice
	[ "$output" = "cloison: there is no record of job 4$alice here" ]
	[[ $(as $alice --job=4$alice) == "Job 4$alice of alice, "* ]]
}

@test "an operator sees all, by any of the groups" {
	need_root
	[ "$(as 64003:$operators --by=user --json | users)" = "alice bob" ]
	[ "$(as 64003:64004,$operators --by=user --json | users)" = "alice bob" ]
	[ "$(as $operators --by=user --json | users)" = "alice bob" ]
	[ "$(as $alice:64004 --by=user --json | users)" = alice ]
}

@test "what comes by the socket is what the store says" {
	for form in --table --csv --json "--csv --by=record" "--by=user --sort=-cells --limit=1" \
		"--format=job%20,user --since=2026-01-01" "--failed --until=2026-03-02T12:00Z" \
		"--node=n1 --cluster=c1 --reason=exited" "--account=x" "--profile=y" "--user=alice"; do
		# shellcheck disable=SC2086 # options without blanks
		[ "$(ask $form)" = "$(report --no-import --store="$TOP/store/r.db" $form)" ]
	done
	cd "$BATS_TEST_TMPDIR"
	ask --html=page.html
	[ "$(tail -n 1 page.html)" = "</html>" ]
}

@test "a request has no way to other places, and no end of size" {
	for request in '--store=/etc/passwd\0' '--stor=/x\0' '--spool=/x\0' '--no-import\0' \
		'--export=ur\0' '--export-signed\0' '--import-signed=/x\0' '--html=/tmp/cloison-x\0' \
		'--munge-socket=/x\0' '--from=/x\0' '--serve\0' '--operators=0\0' '--help\0' \
		'word\0' '--\0word\0' '--job\0' '--by=user' '\0' '--format=\033[31m\0' \
		"$(printf -- '--failed\\0%.0s' {1..65})" "--user=$(head -c 5000 /dev/zero | tr '\0' x)\0"; do
		run raw "$request"
		[[ $output == @?*@ && $output != *$'\033'* ]]
	done
	[ ! -e /tmp/cloison-x ]
	[[ $(raw '') == *JOBID*@@ ]]
	[[ $(raw '--by=user\0--csv\0') == user,*@@ ]]
}

@test "an answer that is not whole is an error" {
	cd "$BATS_TEST_TMPDIR"
	run -125 report --from="$TOP/broken" --html=page.html
	[ "$output" = "cloison: the answer was cut off: ask for less, or later" ]
	[ -z "$(ls)" ]
	run -125 report --from="$TOP/none"
	[[ $output == "cloison: ask at $TOP/none (is cloison-report.socket started?"* ]]
	run -125 report --from="$(head -c 200 /dev/zero | tr '\0' /)"
	[[ $output == *"name too long" ]]
	for option in --store=x --spool=x --serve --export=ur --export-signed --import-signed; do
		run -125 ask "$option"
		[[ $output == "cloison: --from: "* ]]
	done
	run -125 report --serve </dev/null
	[[ $output == "cloison: --serve: who asks on the standard input"* ]]
}

@test "who wants the own records gets them" {
	[ "$(id -u)" -ne 0 ] || skip "root has none of its own"
	export XDG_STATE_HOME=$BATS_TEST_TMPDIR
	[ "$(report --from=own --json)" = "[]" ]
}

@test "who does not say what it wants is not waited for" {
	wait_pid=$(cat "$TOP/silent.pid")
	while kill -0 "$wait_pid" 2>/dev/null; do
		sleep 0.1
	done
	[ ! -s "$TOP/silent" ]
	[ ! -s "$TOP/log" ]
	[[ $(ask) == *JOBID* ]]
}
