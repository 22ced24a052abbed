#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Records of jobs go to the collector by the units, with their sandbox.

load common

setup_file() {
	mkdir -p /etc/cloison
	cat >/etc/cloison/cloisond.conf <<-END
		[ship]
		collector = node1
		retry-max = 1s
		[collect]
		listen = *:6827
		nodes = node[1-2]
		retention = 400d
	END
	systemctl start cloisond-collect cloisond-ship
}

teardown_file() {
	systemctl stop cloisond-ship cloisond-collect
	rm -f /etc/cloison/cloisond.conf
}

arrived() { [ "$(cloison report --no-import --by=record --json --job="$1" | jq length)" -ge 1 ]; }

@test "cloisond's units bring the record of a job to the store" {
	as alice srun --cell=batch true
	job=$(last_job)
	eventually 30 arrived "$job"
	run -0 cloison report --no-import --by=record --json --job="$job"
	[ "$(jq -c '.[0] | [.signer, .source, .user.name, .exit.code]' <<<"$output")" = '[0,"signed","alice",0]' ]
	eventually 10 eval '[ -z "$(ls /var/spool/cloison/new)" ]'
	[ "$(cloisond --role=collect --stats | sed -n 's/^cloisond_records_total{fate="new"} //p')" -ge 1 ]
	as alice /usr/sbin/cloisond --role=ship --stats | grep -q '^# EOF$'
	for unit in cloisond-ship cloisond-collect; do
		systemctl is-active $unit
		[ "$(systemctl show -P NRestarts $unit)" -eq 0 ]
	done
	journalctl -u cloisond-collect -o cat | grep -q 'event=start role=collect'
}

@test "cloisond's units: the collector is killed, the next record comes all the same" {
	systemctl kill -s KILL cloisond-collect
	as alice srun --cell=batch true
	job=$(last_job)
	eventually 60 arrived "$job"
	# systemd gives such a line priority 4, by its head.
	eventually 10 eval 'journalctl -u cloisond-ship -p 4 -o cat | grep -q event=send-failed'
}

@test "cloisond's units end in order, and leave no socket" {
	systemctl stop cloisond-ship cloisond-collect
	[ "$(systemctl show -P Result cloisond-ship cloisond-collect | grep -v '^$' | sort -u)" = success ]
	[ ! -e /run/cloisond-ship ]
	[ ! -e /run/cloisond-collect ]
}
