# SPDX-License-Identifier: GPL-2.0-or-later
# What the tests of Grid Engine share: its configuration, and jobs of alice's.
# shellcheck shell=bash disable=SC2034,SC2154

page=/opt/cloison-tests/plugins/wrapper/cloison-queues.7.scd
export SGE_SINGLE_LINE=1

# The lines that cloison-queues(7) has.
wanted() {
	cat <<'END'
starter_method        /usr/libexec/cloison/cloison-gridengine
prolog                root@/usr/bin/cloison prolog
epilog                root@/usr/bin/cloison epilog
END
}

configure() { qconf -rattr queue "$1" "$2" all.q >/dev/null; }
configure_wanted() {
	local key value
	while read -r key value; do
		configure "$key" "$value"
	done < <(wanted)
}

prepare() {
	cd "$BATS_TEST_TMPDIR" || return
	chmod 755 "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR" "$BATS_SUITE_TMPDIR" "$BATS_FILE_TMPDIR" 2>/dev/null || true
	rm -rf /home/alice/job /home/alice/out
	before=$(leftovers)
}

queue_empty() { [[ ! $(qstat -u '*') ]]; }
queue_up() { [[ ! $(qstat -f -qs E) ]]; }
cleaned() { [[ $(leftovers) == "$before" ]] && ! ls -d /tmp/*.all.q >/dev/null 2>&1; }

# script: the job, from standard input
script() {
	cat >/home/alice/job
	chmod 755 /home/alice/job
}

# submit ARGUMENTS...: as alice; $job. Output is in ~alice/out.
submit() {
	rm -f /home/alice/out
	job=$(as alice qsub -terse -j y -o /home/alice/out "$@")
	job=${job%%.*}
}
acct() { qacct -j "$job" 2>/dev/null | awk -v key="$1" '$1 == key { print $2 }'; }
accounted() { [[ $(acct exit_status | wc -l) -ge ${1:-1} ]]; }
# run_job ARGUMENTS...: submit, wait for its end, $output and $status as the queue knows it
run_job() {
	submit "$@"
	eventually "${patience:-60}" accounted
	output=$(cat /home/alice/out)
	status=$(acct exit_status)
}
says() { grep -qx "$1" /home/alice/out 2>/dev/null; }
reasons() { as alice cloison report --job "$job" --by=reason | awk 'NR > 1 { print $1, $2 }' | sort; }
state_is() { [[ $(qstat -u '*' | awk -v job="$job" '$1 == job { print $5 }') == "$1" ]]; }
