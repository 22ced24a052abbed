#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Cells beside what else isolates jobs: Slurm's own namespaces, containers, other plugins of plugstack.conf.
# shellcheck disable=SC2016 # most of what stands in single quotes is for the shells of tasks
load common

ours=$(echo /usr/lib/*/cloison/spank_cloison.so)
neighbour=/usr/lib/neighbour.so

setup_file() {
	gcc -shared -fPIC -o "$neighbour" neighbour.c
	cp /etc/slurm/plugstack.conf "$BATS_FILE_TMPDIR/plugstack.conf"
}

teardown() {
	[[ ! ${holder:-} ]] || kill "$holder"
	[[ ! ${sshd:-} ]] || kill "$sshd"
	[[ ! -e /etc/pam.d/sshd.saved ]] || mv /etc/pam.d/sshd.saved /etc/pam.d/sshd
	rm -f /run/neighbour
	cp "$BATS_FILE_TMPDIR/plugstack.conf" /etc/slurm/plugstack.conf
	unisolated
	rm -f /etc/slurm/oci.conf /etc/cloison/cloison.conf
	unconfigure
}

# stack before|after DEED...: plugstack.conf with the neighbour before or after ours.
stack() {
	local lines=("required $ours" "required $neighbour ${*:2}")
	[[ $1 == after ]] || lines=("${lines[1]}" "${lines[0]}")
	printf '%s\n' "${lines[@]}" >/etc/slurm/plugstack.conf
}

# The tree of somebody's container, for neighbours to join.
hold_tree() {
	unshare --mount sh -c 'mount -t tmpfs kept /mnt && mkdir /mnt/kept && exec sleep 1000' 3>&- &
	holder=$!
	eventually 10 test -e "/proc/$holder/root/mnt/kept"
	ln -sf "/proc/$holder/ns/mnt" /run/neighbour
}

@test "other plugins, before and after: cells nest, or the task fails with a line" {
	local left="has taken the task out of the cell's" threads="has started threads in the task" where deed status text n=0
	hold_tree
	note_state
	while read -r where deed status text; do
		stack "$where" "$deed"
		run srun --cell bash -c 'echo "cell $$ $(ls -A /mnt) $NEIGHBOUR"; touch /usr/x' </dev/null
		echo "# $where $deed: $output"
		[[ $status != - && $output == *"$text"* ]]
		# Who is in no cell has no pid 2 in it.
		[[ $output == *"cell 2 "*"Read-only file system"* || $output == *"Exited with exit code 1"* ]]
		[[ $text == cell* || $output != *"cell "[0-9]* ]]
		((++n))
	done <<END
before root=mount-ns 1 cell 2 neighbour
before root=join 1 cell 2 kept
before root=net-ns 1 cell 2
after root=net-ns 1 cell 2
before root=env 1 cell 2  was here
after task=env 1 cell 2  was here
before task=thread 1 cell 2
after root=thread 1 cell 2
before init=thread 1 cell 2
after anywhere=option 1 cell 2
before root=thread 1 $threads
before init=atfork 1 $threads
after init=atfork 1 $threads
after root=mount-ns 1 $left mnt
before task=mount-ns 1 $left mnt
before task=user-ns 1 $left user
after task=user-ns 1 neighbour: no
after task=mount-ns 1 neighbour: no
after root=join 1 neighbour: no
before root=fail 1 neighbour: no
after root=fail 1 neighbour: no
after task=fail 1 neighbour: no
before anywhere=option 1 has an option of the same name (neighbour_cell)
END
	((n == 23))
	same_again
}

@test "other plugins: a batch job, a step without a cell" {
	stack before root=mount-ns
	run -0 srun bash -c 'echo "$(ls /mnt)"; touch /usr/x && rm /usr/x'
	[[ $output == neighbour ]]
	cat >"$BATS_TEST_TMPDIR/job" <<'END'
#!/bin/bash
echo "cell $$ $(ls /mnt)"
srun bash -c 'echo "step $$ $(ls /mnt)"'
END
	run sbatch -W -o /root/out --cell "$BATS_TEST_TMPDIR/job"
	cat /root/out
	[[ $status == 0 ]]
	[[ $(</root/out) == *"cell 2 neighbour"*"step 2 neighbour"* ]]
	stack before anywhere=option
	run -1 sbatch -W -o /root/out --cell "$BATS_TEST_TMPDIR/job"
	[[ $(</root/out) == *"has an option of the same name"* ]]
	wait_idle
}

# Linux 6.18 counts mount namespaces by processor, and lets none be held whose number is below its holder's: slurmd gets one that
# was made where numbers are lowest.
lowest_cpu() {
	local cpu other good
	for cpu in $(seq 0 $(($(nproc) - 1))); do
		good=1
		for other in $(seq 0 $(($(nproc) - 1))); do
			taskset -c "$cpu" unshare --mount bash -c '
				mount -t tmpfs none /mnt && mount --make-private /mnt && : >/mnt/ns
				taskset -c "$1" unshare --mount sleep 10 &
				until [[ $(readlink /proc/$!/ns/mnt) != $(readlink /proc/self/ns/mnt) ]]; do sleep 0.01; done
				mount --bind "/proc/$!/ns/mnt" /mnt/ns
				status=$?
				kill $!
				exit $status' bash "$other" 2>/dev/null 3>&- || good=
		done
		[[ ! $good ]] || break
	done
	echo "$cpu"
}

# Of both processors, most likely.
takes_jobs() {
	for _ in 1 2 3 4; do
		as alice timeout 20 srun -Q true && wait_idle || return 1
	done
}

# isolate TYPE[+SETTING]: slurmd on node1 with that. Where numbers are lowest may be elsewhere a moment later.
isolate() {
	local cpu
	for _ in 1 2 3; do
		cluster stop node1
		isolated_by "$1"
		cpu=$(lowest_cpu)
		taskset -c "$cpu" unshare --mount --propagation slave taskset -c "0-$(($(nproc) - 1))" \
			"${BATS_TEST_DIRNAME%/*}/vm/cluster" start node1 3>&-
		! takes_jobs || return 0
		scancel --user=alice
		scontrol update node=node1 state=resume || true
		wait_idle
	done
	return 1
}

@test "Slurm's own namespaces: cells nest, with the job's private directories beneath" {
	local type n=0 job out=/home/alice/out
	configure PrologFlags=Contain
	echo "required $neighbour user=where" >>/etc/slurm/plugstack.conf
	# shellcheck disable=SC2046 # words
	set -- $(isolations)
	while (($#)); do
		type=$1
		isolate "$type"
		: >/var/log/slurm/slurmd.node1.log
		note_state
		cat >/home/alice/job <<'END'
#!/bin/bash
touch /tmp/of-job
srun -n1 --overlap --cell bash -c 'echo "cell $$ $(ls -A /tmp)."; touch /tmp/in-cell /usr/x'
srun -n1 --overlap bash -c 'echo "plain $(ls -A /tmp). hooks $NEIGHBOUR"'
srun -n1 --overlap --cell --cell-scratch-lifetime=job touch /tmp/shared
srun -n1 --overlap --cell --cell-scratch-lifetime=job bash -c 'echo "scratch $(ls -A /tmp)."'
srun --overlap -n2 --cell --cell-net=none bash -c 'echo "net $(ls /sys/class/net)"'
srun -n1 --overlap --cell --cell-scratch=64K dd if=/dev/zero of=/tmp/x bs=1M count=1
END
		job=$(as alice sbatch --parsable -n2 -o out job)
		if ! wait_job "$job"; then
			# Numbers have moved since.
			grep 'mount failed: Invalid argument' /var/log/slurm/slurmd.node1.log
			scancel "$job"
			scontrol update node=node1 state=resume || true
			wait_idle
			continue
		fi
		echo "# $type: $(<"$out")"
		[[ $(<"$out") == *"cell 2 ."*"'/usr/x': Read-only file system"*"plain of-job."*"scratch shared."*"net lo"*"net lo"* ]]
		# In task_exit.
		[[ $(<"$out") == *"cloison: scratch of 64 KiB was full: "* ]]
		[[ $type != *contain_spank || $(<"$out") == *"hooks inside"* ]]
		[[ $(cloison report --by=record --json --job="$job" | jq -r '[.[] | .exit.reason + " " + (.exit.code | tostring)] | sort | join(",")') == \
			"exited 0,exited 0,exited 0,exited 1,exited 1" ]]
		[[ ! -e /tmp/of-job && ! -e /tmp/in-cell ]]
		rm -f "$out" /home/alice/job
		same_again
		shift
		((++n))
	done
	((n >= 1))
}

# crun 1.8 runs on no host with cgroup v1 and v2 at once but in a cell, which has one of both in sight; and 22.05's slurmstepd dies
# of Debian's JSON parser, in a cell or not.
@test "--container: the runtime runs in a cell that is nestable, else the task is refused" {
	local bundle=/home/alice/bundle run='echo "in $$ $(ls -d /proc/[0-9]* | wc -l)"; touch /usr/x'
	as alice sh -c 'mkdir -p bundle/rootfs && cd bundle/rootfs && mkdir -p usr proc dev sys && ln -sf usr/bin usr/lib usr/lib64 . &&
		cd .. && rm -f config.json && crun spec --rootless && jq ".process.terminal = false |
			.mounts += [{destination: \"/usr\", type: \"none\", source: \"/usr\", options: [\"rbind\", \"ro\"]}]" config.json >new &&
		mv new config.json'
	cat >/etc/slurm/oci.conf <<'END'
RunTimeRun="crun --rootless=true --cgroup-manager=disabled --root=/tmp/crun-%U run --bundle %b %n.%u.%j.%s.%t"
RunTimeQuery="crun --rootless=true --root=/tmp/crun-%U state %n.%u.%j.%s.%t"
RunTimeKill="crun --rootless=true --root=/tmp/crun-%U kill -a %n.%u.%j.%s.%t"
RunTimeDelete="crun --rootless=true --root=/tmp/crun-%U delete --force %n.%u.%j.%s.%t"
END
	mkdir -p /etc/cloison
	printf '%s\n' '[site]' 'profiles = batch nest' '[profile nest]' 'base = batch' 'nestable = yes' >/etc/cloison/cloison.conf
	note_state
	run ! as alice srun --cell --container=$bundle bash -c "$run"
	if [[ $(slurmd -V) == *" 22."* ]]; then
		[[ $output == *"Task launch"*failed* ]]
	else
		[[ $output == *"cloison: --container: its runtime would make namespaces inside the cell, for which profile 'batch' is not nestable: leave out --container or --cell"* ]]
		run ! as alice srun --cell=nest --container=$bundle /usr/bin/bash -c "$run"
		[[ $output == *"in 1 "*"'/usr/x': Read-only file system"* ]]
	fi
	run -0 as alice srun --cell=nest true
	rm -rf "$bundle" /etc/cloison/cloison.conf
	same_again
}

# on_node1 COMMAND: by ssh, as alice
on_node1() {
	as alice ssh -p 2222 -o StrictHostKeyChecking=no -o LogLevel=ERROR -o BatchMode=yes node1 "$1" </dev/null
}

sshd_answers() { nc -z node1 2222; }

@test "pam_slurm_adopt: sessions are adopted as ever, outside of all cells" {
	local job pam
	pam=$(find /usr/lib -name pam_slurm_adopt.so)
	cp /etc/pam.d/sshd /etc/pam.d/sshd.saved
	printf '%s\n' 'auth required pam_permit.so' "account required $pam" 'session required pam_permit.so' >/etc/pam.d/sshd
	mkdir -p /run/sshd
	/usr/sbin/sshd -D -p 2222 -o UsePAM=yes 3>&- &
	sshd=$!
	eventually 10 sshd_answers
	as alice sh -c 'mkdir -p -m 700 .ssh && rm -f .ssh/id* && ssh-keygen -q -t ed25519 -N "" -f .ssh/id_ed25519 && cp .ssh/id_ed25519.pub .ssh/authorized_keys'
	configure PrologFlags=Contain
	note_state
	run ! on_node1 true
	for line in "required $ours" "required $ours default=batch"; do
		echo "$line" >/etc/slurm/plugstack.conf
		job=$(as alice sbatch --parsable -o /dev/null --cell --wrap 'sleep 60')
		eventually 10 eval '[[ $(squeue -h -j "$job" -o %T) == RUNNING ]]'
		eventually 10 on_node1 true
		run -0 on_node1 'echo "$SLURM_JOB_ID $(readlink /proc/self/ns/mnt) $(readlink /proc/self/ns/user)"'
		[[ $output == "$job $(readlink /proc/self/ns/mnt) $(readlink /proc/self/ns/user)" ]]
		# Beside the cell of the batch step, and into one of its own.
		run -0 as alice srun --overlap --jobid="$job" --cell bash -c 'echo $$'
		[[ $output == 2 ]]
		scancel "$job"
		wait_job "$job"
	done
	same_again
}
