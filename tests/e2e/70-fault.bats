#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# System calls of a step's cell fail, and who makes them is killed at them.
# strace is put on slurmd and follows; a point names a call that nobody but
# the plugin's processes makes, so that it hits them and not Slurm.

load common

# CALL NTH ERROR...: in the holder, as it sets the cell up, or in a task. KILL
# for an error is SIGKILL at the call. Calls that slurmstepd or Slurm's prolog
# makes, too, only fail: a node where those are killed is drained by Slurm.
points() {
	cat <<'END'
mount_setattr 1 KILL
openat2 1 EMFILE
openat2 4 EIO
open_tree 1 ENOMEM KILL
fsopen 1 EMFILE KILL
fsconfig 3 EINVAL
fsmount 1 KILL
move_mount 1 EINVAL KILL
setns 1 EPERM KILL
capset 1 EPERM KILL
seccomp 1 EINVAL KILL
fsync 1 EIO
END
}

# What must be as before, but for what Slurm leaves of a step by itself.
state() {
	cat /proc/self/mountinfo
	find /sys/fs/cgroup -type d -name '*cloison*' | sort
	find /run/cloison/cells -type f ! -name '*.lock' | sort
	ls /sys/class/net
	ipcs -a
	pgrep -x cloison-init || true
}
same_state() {
	cloison gc
	[[ $(state) == "$before" ]]
}

# Ids of jobs, and numbers of the set-up's descriptors, change.
plain() { sed -E 's/job_[0-9]+/job_N/g; s,/proc/self/fd/[0-9]+,/proc/self/fd/N,g' "$1"; }

step() { timeout -k 5 90 runuser -u alice -- srun --cell /home/alice/payload parent "${ids[@]}" >"$work/out" 2>"$work/err" </dev/null; }

# try CALL NTH ERROR: prints what is wrong.
try() {
	local what=error=$3 tracer status=0
	[[ $3 != KILL ]] || what=signal=KILL
	strace -qq -f -o "$work/log" -e "trace=$1" -e "inject=$1:$what:when=$2" -p "$(pgrep -xo slurmd)" 2>"$work/strace" 3>&- &
	tracer=$!
	until [[ $(awk '/^TracerPid/ { print $2 }' "/proc/$(pgrep -xo slurmd)/status") -ne 0 ]]; do sleep 0.1; done
	step || status=$?
	kill "$tracer"
	wait "$tracer" || true
	if [[ $3 == KILL ]]; then grep -q 'SIGKILL' "$work/log"; else grep -q INJECTED "$work/log"; fi || {
		echo missed
		return
	}
	case $status in
	42) cmp -s <(plain "$work/out") "$work/good" || echo "status 42 in another cell" ;;
	124 | 137 | 0) [[ $status == 137 && $3 == KILL ]] || echo "status $status" ;;
	*)
		[[ ! -s $work/out ]] || echo "status $status, and the payload ran"
		[[ $3 == KILL || $(grep -c 'cloison: ' "$work/err") -eq 1 ]] || echo "status $status, not one message"
		;;
	esac
	wait_idle 60 || {
		echo "the node is $(sinfo -h -o %T)"
		scontrol update nodename=node1 state=resume
	}
	eventually 20 same_state || echo "left behind: $(diff <(echo "$before") <(state))"
}

@test "[S2] [S11] a step's cell whose system calls fail, or who is killed at them, leaves nothing and hurts no node" {
	local call nth errors error tried=0 held=0 wrong
	work=$BATS_TEST_TMPDIR
	# A cell has a /tmp of its own.
	cc -O1 -D_GNU_SOURCE -static -o /home/alice/payload "$BATS_TEST_DIRNAME/../fault/payload.c"
	cd /
	mapfile -t ids < <(readlink /proc/self/ns/{user,mnt,pid,net,ipc,uts,cgroup,time})
	wait_idle
	run -42 step
	plain "$work/out" >"$work/good"
	cloison gc
	before=$(state)
	while read -r call nth errors; do
		for error in $errors; do
			wrong=$(try "$call" "$nth" "$error")
			if [[ $wrong == missed ]]; then
				echo "# $call $nth $error did not come about" >&3
				continue
			fi
			tried=$((tried + 1))
			echo "# $call $nth $error ${wrong:-held}" >&3
			if [[ $wrong ]]; then
				echo "NOT HELD: $call $nth $error: $wrong"
				cat "$work/err"
				before=$(state)
			else
				held=$((held + 1))
			fi
		done
	done < <(points)
	echo "# $tried points tried, $held held" >&3
	[ "$tried" -ge 14 ]
	[ "$tried" -eq "$held" ]
	run -42 step
}
