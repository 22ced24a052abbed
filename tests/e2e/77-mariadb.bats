#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# A store in the server that slurmdbd has, too: reports from it are those from
# a file, and its jobs are told to slurmdbd.

load common

setup_file() {
	cd "$BATS_FILE_TMPDIR" || return
	mariadb -e 'CREATE DATABASE cloison;
		CREATE USER keeper@localhost IDENTIFIED BY "kept";
		GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX ON cloison.* TO keeper@localhost;
		CREATE USER reader@localhost IDENTIFIED BY "read";
		GRANT SELECT ON cloison.* TO reader@localhost;'
	options keeper kept
	options reader read
}

teardown_file() {
	mariadb -e 'DROP DATABASE cloison; DROP USER keeper@localhost, reader@localhost'
}

# options USER PASSWORD: the file that --store=mariadb: names.
options() {
	(
		umask 077
		printf '[cloison]\nsocket=%s\nuser=%s\npassword=%s\ndatabase=cloison\n' \
			/run/mysqld/mysqld.sock "$1" "$2" >"$1.cnf"
	)
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return
	wait_idle
}

# carry STORE: what root has of this test goes there.
carry() {
	cloison report --no-import --since="$began" --export-signed=signed
	run -0 cloison report --store="$1" --import-signed=signed
	[[ $output == *" 0 already known, 0 refused" ]]
}

told() { [[ $(sacct -nXPj "$1" -o AdminComment) == *CL1:\{* ]]; }

@test "a store in MariaDB reports as one in a file does, and serves cloison-slurmdb" {
	began=$(date +%FT%T)
	srun --cell --cell-scratch=8M dd if=/dev/zero of=/tmp/x bs=1M count=4
	run ! srun --cell --cell-memory=64M tail /dev/zero
	job=$(last_job)
	as alice srun --cell true
	cloison report >all
	carry "$PWD/file.db"
	carry mariadb:keeper.cnf
	for form in --by={job,step,user,account,node,profile,day,reason} --csv --json --job="$job"; do
		echo "$form"
		cloison report --no-import --store="$PWD/file.db" "$form" >file
		cloison report --no-import --store=mariadb:reader.cnf "$form" >server
		[ "$(wc -l <file)" -gt 1 ]
		cmp file server
	done
	/usr/libexec/cloison/cloison-slurmdb --store=mariadb:keeper.cnf --settle=1s --retry=1s
	eventually 30 told "$job"
}

@test "what MariaDB refuses is one clear line, and nothing is lost of the spool" {
	srun --cell true
	options nobody wrong
	run -125 cloison report --store=mariadb:nobody.cnf
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == "cloison: store mariadb:nobody.cnf: "*denied* ]]
	# A reader may not take records in.
	run -125 cloison report --store=mariadb:reader.cnf
	[[ $output == "cloison: "*denied* ]]
	run -0 cloison report --store=mariadb:keeper.cnf --by=record --json --job="$(last_job)"
	[ "$(jq length <<<"$output")" -eq 1 ]
}
