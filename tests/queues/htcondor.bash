# SPDX-License-Identifier: GPL-2.0-or-later
# What the tests of HTCondor share: its configuration, and jobs of alice's.
# shellcheck shell=bash disable=SC2034,SC2154

config=/etc/condor/config.d/60-cloison
home=/home/alice

# The lines that cloison-queues(7) has.
wanted() {
	cat <<'END'
USER_JOB_WRAPPER = /usr/libexec/cloison/cloison-htcondor
CHIRP_DELAYED_UPDATE_PREFIX = $(CHIRP_DELAYED_UPDATE_PREFIX), Cloison*
SYSTEM_PERIODIC_HOLD_NAMES = $(SYSTEM_PERIODIC_HOLD_NAMES) cloison
SYSTEM_PERIODIC_HOLD_cloison = JobStatus == 2 && CloisonErrorStart =?= NumShadowStarts && ExitCode >= 125 && ExitCode <= 127
SYSTEM_PERIODIC_HOLD_cloison_REASON = CloisonError
END
}

# Those for attributes that are there at once.
updates() {
	cat <<'END'
SUBMIT_ATTRS = $(SUBMIT_ATTRS) WantRemoteUpdates
WantRemoteUpdates = true
END
}

# Those for scp and sftp.
copies() {
	cat <<'END'
SSH_TO_JOB_SCP_CMD = "scp -oUser=%u -oIdentityFile=%i -oStrictHostKeyChecking=yes -oUserKnownHostsFile=%k -oProxyCommand=%x"
SSH_TO_JOB_SFTP_CMD = "sftp -oUser=%u -oIdentityFile=%i -oStrictHostKeyChecking=yes -oUserKnownHostsFile=%k -oProxyCommand=%x condor-job.%h"
END
}

setup_file() {
	wanted >"$config"
	condor_reconfig >/dev/null
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	chmod 755 "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR" "$BATS_SUITE_TMPDIR" "$BATS_FILE_TMPDIR" 2>/dev/null || true
	rm -rf "${home:?}"/{job,out,err,made,caught,sub,jobs}
	before=$(leftovers)
}

# Whatever a test has changed; and nothing is left of a job.
teardown() {
	wanted >"$config"
	rm -f /etc/cloison/cloison.conf
	as alice condor_rm -all >/dev/null 2>&1 || true
	eventually 120 queue_empty
	eventually 120 cleaned
}
queue_empty() { [[ ! $(condor_q -allusers -af ClusterId) ]]; }
cleaned() { [[ $(leftovers) == "$before" && ! $(ls /var/lib/condor/execute) ]]; }

# script: the job, from standard input
script() {
	cat >"$home/job"
	chmod 755 "$home/job"
}

# submit LINES...: of a submit file, for ~alice/job unless they say something else; $job
submit() {
	printf '%s\n' executable=job output=out error=err should_transfer_files=YES when_to_transfer_output=ON_EXIT \
		request_memory=128 "$@" queue >"$home/sub"
	job=$(as alice condor_submit -terse sub)
	job=${job%%.*}
}
# acct ATTRIBUTE...: as HTCondor has it of the job when it has ended
acct() { condor_history "$job" -limit 1 -af "$@"; }
accounted() { [[ $(acct ClusterId) == "$job" ]]; }
# of one that is still in the queue
ad() { condor_q "$job" -af "$@"; }
state_is() { [[ $(ad JobStatus) == "$1" ]]; }
# run_job LINES...: submit, wait for its end, $output and $status as the queue knows it
run_job() {
	rm -f "$home/out"
	submit "$@"
	eventually 120 accounted
	output=$(cat "$home/out")
	status=$(acct ExitCode)
}
says() { grep -qx "$1" "$home/caught" 2>/dev/null; }
held() { state_is 5; }
remove() {
	as alice condor_rm "$job" >/dev/null
	eventually 120 accounted
}
# twenty OPTIONS: submit a cluster of twenty, each with its number as its argument; $job
twenty() {
	# shellcheck disable=SC2016 # condor_submit's
	printf '%s\n' executable=job 'arguments=$(Process)' should_transfer_files=YES when_to_transfer_output=ON_EXIT request_memory=128 \
		"environment=\"CLOISON_OPTIONS=$1\"" 'queue 20' >"$home/sub"
	job=$(as alice condor_submit -terse sub)
	job=${job%%.*}
}
