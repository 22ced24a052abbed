# SPDX-License-Identifier: GPL-2.0-or-later
# What the tests on the cluster share: `load common` at the top of a file. They run as root in the guest of scripts/vm.
# shellcheck shell=bash

bats_require_minimum_version 1.5.0
export LC_ALL=C.UTF-8

# as USER COMMAND...: COMMAND as an ordinary user, in that user's home and environment (without a login session). srun does not
# say that a job waits for the last one's end.
as() {
	local user=$1
	shift
	[[ $1 != srun ]] || set -- srun -Q "${@:2}"
	# shellcheck disable=SC2016 # expanded by the inner shell
	runuser -u "$user" -- env -i HOME="/home/$user" USER="$user" LOGNAME="$user" SHELL=/bin/bash LC_ALL=C.UTF-8 \
		PATH=/usr/local/bin:/usr/bin:/bin bash -c 'cd && exec "$@"' bash "$@"
}

# as_session USER COMMAND...: the same with the user's systemd and D-Bus running, as after a login.
as_session() {
	local user=$1 uid
	shift
	uid=$(id -u "$user")
	loginctl enable-linger "$user"
	eventually 60 test -S "/run/user/$uid/bus"
	as "$user" env XDG_RUNTIME_DIR="/run/user/$uid" DBUS_SESSION_BUS_ADDRESS="unix:path=/run/user/$uid/bus" "$@"
}

# eventually SECONDS COMMAND...: tries until COMMAND succeeds.
eventually() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		if ((SECONDS >= end)); then
			echo "not in time: $*" >&2
			return 1
		fi
		sleep 0.2
	done
}

# sacct_field JOB[.STEP] FIELD: one value from the accounting database; nothing while there is no record.
sacct_field() {
	sacct -nPj "$1" -o "$2" | head -n 1
}

sacct_is() {
	[[ $(sacct_field "$1" "$2") == "$3" ]]
}

job_ended() {
	case $(scontrol -o show job "$1" 2>/dev/null) in
	*JobState=PENDING* | *JobState=RUNNING* | *JobState=CONFIGURING* | *JobState=COMPLETING* | *JobState=SUSPENDED*) return 1 ;;
	esac
}

# wait_job JOB [SECONDS]: until the job has ended and nothing of it is left on the node.
wait_job() {
	eventually "${2:-60}" job_ended "$1"
}

# wait_idle [SECONDS]: until no job is left and the node takes jobs again.
wait_idle() {
	eventually "${1:-60}" node_idle
}

node_idle() {
	[[ $(sinfo -h -o %T) == idle ]]
}

# submit ARGUMENTS...: sbatch; prints the job's id.
submit() {
	sbatch --parsable "$@"
}

# host_state: what must be the same before and after each test.
host_state() {
	cat /proc/self/mountinfo
	find /sys/fs/cgroup -type d -name '*cloison*' | sort
	find /run/cloison/{cells,cpus,jobs,leases} /var/lib/cloison/{cells,jobs} -mindepth 1 ! -name gc.lock 2>/dev/null | sort
	ls /sys/class/net
	ipcs -a
	pgrep -x cloison-init || true
}
note_state() { before=$(host_state); }
same_state() { [[ $(host_state) == "$before" ]]; }

# same_again: since note_state nothing is left of a step, whatever became of it, and the node is fine.
same_again() {
	wait_idle 60
	eventually 20 same_state || {
		diff <(echo "$before") <(host_state)
		return 1
	}
	node_idle
}

# Debian testing's Slurm has no mpi/pmix, and by that no Open MPI under srun.
has_pmix() { srun --mpi=list 2>&1 | grep -q pmix; }
# What there is for MPI: the argument of --mpi, and the compiler.
mpi_type() { if has_pmix; then echo pmix; else echo pmi2; fi; }
mpi_cc() { if has_pmix; then mpicc "$@"; else mpicc.mpich "$@"; fi; }

# lacks WHAT: the end of a test of something that this release has not got; no other test may be skipped.
lacks() { skip "not in this release: $1"; }

last_job() { scontrol -o show job | sed -n 's/^JobId=\([0-9]*\) .*/\1/p' | sort -n | tail -n 1; }

# sleep_job ARGUMENTS...: a batch job of alice's that sleeps in a cell; $job.
sleep_job() {
	job=$(as alice sbatch --parsable --output=/dev/null --cell "$@" --wrap 'exec sleep 1000')
	eventually 60 found "$job.batch" payload pid
}

# cell_field CELL KEY...: from cloison ls --json
cell_field() {
	cloison ls --json --all "$1" | jq -er '.cells[0]' | jq -r ".$(IFS=. && echo "${*:2}")"
}
found() { [[ $(cell_field "$@" 2>/dev/null) =~ ^[0-9a-f] ]]; }

cgroup_of() { sed -n 's/^0:://p' "/proc/$1/cgroup"; }

# Slurm's own namespaces: what there is in this release. With contain_spank some hooks run in there.
isolations() {
	case $(slurmd -V) in
	*" 22."*) echo job_container/tmpfs ;;
	*" 24."*) echo job_container/tmpfs job_container/tmpfs+{EntireStepInNS=true,SlurmdParameters=contain_spank} ;;
	*) echo namespace/tmpfs namespace/{tmpfs,linux}+SlurmdParameters=contain_spank namespace/linux namespace/linux+CLONE_NEW{PID,USER} namespace/linux+CLONE_NEWUSER,CLONE_NEWPID ;;
	esac
}

# isolated_by TYPE[+SETTING]: /etc/slurm with that; unisolated: without.
isolated_by() {
	local type=${1%+*} setting=
	[[ $1 != *+* ]] || setting=${1#*+}
	unisolated
	if [[ $setting == SlurmdParameters=* ]]; then
		echo "$setting" >>/etc/slurm/slurm.conf
		setting=
	fi
	case $type in
	job_container/*) echo "JobContainerType=$type" ;;
	*) echo "NamespaceType=$type" ;;
	esac >>/etc/slurm/slurm.conf
	printf '%s\n' AutoBasePath=true BasePath=/var/lib/slurm/jobs "$setting" >/etc/slurm/job_container.conf
	# 22.05 knows no other.
	[[ $(slurmd -V) == *" 22."* ]] || echo Dirs=/tmp,/var/tmp,/dev/shm >>/etc/slurm/job_container.conf
	cat >/etc/slurm/namespace.yaml <<END
defaults:
  auto_base_path: true
  base_path: /var/lib/slurm/jobs
  dirs: /tmp,/var/tmp,/dev/shm
  clone_ns_flags: ${setting:-CLONE_NEWNS}
END
}
unisolated() {
	sed -i '/^JobContainerType=\|^NamespaceType=\|^SlurmdParameters=/d' /etc/slurm/slurm.conf
	rm -f /etc/slurm/{job_container.conf,namespace.yaml}
}
