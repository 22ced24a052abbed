# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A munged of the test's own for each realm, below the file's directory TOP:
# keys and sockets of the user who runs the tests.

load common

realms_begin() {
	export PATH="$PATH:/usr/sbin"
	TOP=$(mktemp -d /tmp/cloison-realms-XXXXXX)
	export TOP
	chmod 755 "$TOP"	# munged: its socket is for everybody
	for realm in "$@"; do
		start_munged "$realm"
	done
}

realms_end() {
	for pid in "$TOP"/*.munged; do
		[ ! -f "$pid" ] || kill "$(cat "$pid")" || true
	done
	sleep 0.2
	rm -rf "$TOP"
}

# start_munged REALM [VARIABLE=VALUE...]
start_munged() {
	command -v munged >/dev/null || return 0
	[ -e "$TOP/$1.key" ] || (umask 077 && head -c 64 /dev/urandom > "$TOP/$1.key")
	env "${@:2}" munged --foreground --socket="$TOP/$1" --key-file="$TOP/$1.key" \
		--pid-file="$TOP/$1.pid" --seed-file="$TOP/$1.seed" \
		--log-file="$TOP/$1.log" >/dev/null 2>&1 3>&- &
	echo $! > "$TOP/$1.munged"
	eventually test -S "$TOP/$1"
}

stop_munged() {
	kill "$(cat "$TOP/$1.munged")"
	eventually test ! -S "$TOP/$1"
	rm "$TOP/$1.munged"
}

need_munged() {
	[ -f "$TOP/here.munged" ] || skip "munged is not installed"
}
