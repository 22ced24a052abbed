#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# srun, sbatch and salloc with --cell: the cell, and all that must stay as
# Slurm has it. A name in brackets is the behaviour that the test proves.

load common

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	chmod 755 "$BATS_TEST_TMPDIR"
	wait_idle
	note_state
	slurm=$(slurm_state)
}

teardown() {
	same_again
	eventually 20 same_slurm_state || {
		comm -13 <(echo "$slurm") <(slurm_state)
		tail -n 30 /var/log/slurm/slurmd.log
		false
	}
}

slurm_state() { find /sys/fs/cgroup -type d -path '*slurmstepd.scope*' | sort; }
# What was still there of the last job may be gone.
same_slurm_state() { [ -z "$(comm -13 <(echo "$slurm") <(slurm_state))" ]; }

# The records of job $1, as a JSON array.
records() { cloison report --by=record --json --job="$1"; }

@test "srun --cell: own namespaces, small pids, read-only tree, the user's ids" {
	run -0 as alice srun --cell sh -c 'id -un; echo $$; cat /proc/1/comm; touch /usr/x; touch ~/here'
	[ "${lines[0]}" = alice ]
	[ "${lines[1]}" -lt 10 ]
	[ "${lines[2]}" = cloison-init ]
	[[ $output == *"Read-only file system"* ]]
	[ -e /home/alice/here ]
	for ns in user mnt pid ipc uts cgroup; do
		[ "$(srun --cell readlink /proc/self/ns/$ns)" != "$(readlink /proc/self/ns/$ns)" ]
	done
}

@test "one cell per step and node, joined by all its tasks" {
	run -0 as alice srun -n2 --cell bash -c 'readlink /proc/self/ns/{pid,mnt,user,ipc}'
	[ "$(sort -u <<<"$output" | wc -l)" -eq 4 ]
	# A file in /tmp and one in /dev/shm are shared by the tasks.
	run -0 as alice srun -n2 --cell bash -c '
		echo x >/dev/shm/$SLURM_PROCID
		for i in $(seq 100); do [ -e /dev/shm/$((1 - SLURM_PROCID)) ] && exit 0; sleep 0.1; done
		exit 1'
	run -0 as alice srun -n2 --cell bash -c 'echo $$; sleep 1; ls -d /proc/[0-9]* | wc -l'
	[ ! -e /dev/shm/0 ]
}

@test "50 tasks, more than the node has CPUs, join one cell" {
	run -0 as alice srun -n 50 --overcommit --cell readlink /proc/self/ns/pid
	[ "${#lines[@]}" -eq 50 ]
	[ "$(sort -u <<<"$output" | wc -l)" -eq 1 ]
}

@test "processes of one task may read those of another (CMA)" {
	cc -o /home/alice/cma "$BATS_TEST_DIRNAME/cma.c"
	run -0 as alice srun -n2 --cell ./cma
	[ "$(sort <<<"$output")" = $'rank0\nrank1' ]
}

@test "exit codes and signals are the task's own" {
	run -7 as alice srun --cell sh -c 'exit 7'
	# To the letter what srun and sacct say without a cell.
	for cell in "" --cell; do
		run as alice srun $cell sh -c 'kill -SEGV $$'
		echo "$status $output" >"said$cell"
		job=$(last_job)
		eventually 30 sacct_is "$job.0" ExitCode 0:11
		sacct_field "$job.0" State >>"said$cell"
		run as alice srun $cell /nonexistent
		echo "$status" >>"said$cell"
	done
	grep -q '^139 .*Segmentation fault' said--cell
	diff said said--cell
}

@test "affinity, cgroup and environment stay Slurm's; the view fits" {
	run -0 as alice srun -n2 -c1 --cell sh -c 'grep Cpus_allowed_list /proc/self/status | cut -f2'
	[ "$(sort <<<"$output")" = $'0\n1' ]
	run -0 as alice srun --cell --mem=300 cat /proc/self/cgroup /sys/fs/cgroup/memory.max
	[ "${lines[0]}" = "0::/" ]
	[ "${lines[1]}" = $((300 << 20)) ]
	run -0 as alice srun --cell sh -c 'echo $SLURM_PROCID $SLURM_JOB_ID $TMPDIR $CLOISON_SCRATCH'
	[[ $output =~ ^0\ [0-9]+\ /tmp\ /tmp$ ]]
}

@test "input, output and a pseudo terminal work" {
	run -0 bash -c 'cd /home/alice && echo hello | runuser -u alice -- srun --cell cat'
	[ "$output" = hello ]
	as alice srun --cell -o "/home/alice/out.%t" -n2 sh -c 'echo "task $SLURM_PROCID"'
	[ "$(cat /home/alice/out.1)" = "task 1" ]
	cd /home/alice
	run -0 script -qec "srun --cell --pty sh -c 'test -t 0 && echo tty; stty size >/dev/null && echo ok'" /dev/null
	[[ $output == *tty*ok* ]]
}

@test "--cell-net=none: loopback alone" {
	run -0 as alice srun --cell-net=none ls /sys/class/net
	[ "$output" = lo ]
	run -0 as alice srun --cell --cell-net=host ls /sys/class/net
	[ "$output" = "$(ls /sys/class/net)" ]
}

@test "--cell-ro, --cell-scratch" {
	mkdir -p /home/alice/data/sub
	echo x >/home/alice/data/f
	chown -R alice: /home/alice/data
	run as alice srun --cell-ro=/home/alice/data,/home/alice/data/f:/home/alice/data/sub/../f true
	[ "$status" -ne 0 ]
	[[ $output == *"--cell-ro: "*"'..' is not supported"* ]]
	run -0 as alice srun --cell-ro=/home/alice/data --cell-scratch=4M bash -c '
		cat ~/data/f; touch ~/data/no 2>&1; head -c 9000000 /dev/zero 2>&1 >/tmp/big; df -B1 --output=size /tmp | tail -n 1'
	[ "${lines[0]}" = x ]
	[[ $output == *"Read-only file system"* ]]
	[[ $output == *"No space left"* ]]
	[[ $output == *"scratch of 4 MiB was full"* ]]
	grep -qx ' *4194304' <<<"$output"
	[ ! -e /home/alice/data/no ]
}

@test "--cell-memory: written, read back, and an OOM is reported as before" {
	run -0 as alice srun --cell-memory=100M cat /sys/fs/cgroup/memory.max
	[ "$output" -eq $((100 << 20)) ]
	# Slurm's own, lower limit is not raised.
	run -0 as alice srun --mem=64 --cell-memory=100M cat /sys/fs/cgroup/memory.max
	[ "$output" -eq $((64 << 20)) ]
	run as alice srun --mem=300 --cell-memory=64M python3 -c 'x = bytearray(200 << 20); print(len(x))'
	[ "$status" -ne 0 ]
	[[ ${output,,} == *"out of memory"* || ${output,,} == *oom* ]]
	job=$(last_job)
	eventually 30 sacct_is "$job.0" State OUT_OF_MEMORY
	[ "$(records "$job" | jq -r '.[0].exit.reason')" = oom ]
	[ "$(records "$job" | jq '.[0].memory.oom_kills >= 1')" = true ]
}

@test "--cell-cpus limits CPU time, and leaves affinity alone" {
	# Newer releases of nproc heed cpu.max.
	run -0 as alice srun -c2 --cell-cpus=0.5 \
		sh -c 'cat /sys/fs/cgroup/cpu.max; grep Cpus_allowed_list /proc/self/status | cut -f2'
	[ "${lines[0]}" = "50000 100000" ]
	[ "${lines[1]}" = 0-1 ]
}

@test "scancel ends all, also what hides behind setsid" {
	job=$(submit --cell --wrap 'setsid sleep 5151 & sleep 5151')
	eventually 60 pgrep -fx 'sleep 5151'
	scancel "$job"
	wait_job "$job"
	eventually 30 sh -c '! pgrep -fx "sleep 5151"'
	eventually 30 sacct_is "$job" State "CANCELLED by 0"
}

@test "a signal by scancel reaches the payload once" {
	job=$(as alice sbatch --parsable --cell -o /home/alice/sig.out --wrap \
		'srun sh -c "trap \"echo usr1\" USR1; echo ready; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do sleep 0.5; done"')
	eventually 60 grep -q ready /home/alice/sig.out
	scancel --signal=USR1 "$job.0"
	wait_job "$job"
	[ "$(grep -c usr1 /home/alice/sig.out)" -eq 1 ]
}

@test "sbatch and salloc: options hold for the script and its steps" {
	job=$(as alice sbatch --parsable --cell --cell-net=none -o /home/alice/b.out --wrap \
		'ls /sys/class/net; echo "batch pid $$"')
	wait_job "$job"
	[ "$(head -n 1 /home/alice/b.out)" = lo ]
	job=$(as alice sbatch --parsable -n2 --cell -o /home/alice/b.out --wrap \
		'cat /proc/1/comm; srun -n2 cat /proc/1/comm')
	wait_job "$job"
	[ "$(grep -c cloison-init /home/alice/b.out)" -eq 3 ]
	[ "$(records "$job" | jq -r '[.[].scheduler.step] | sort | join(" ")')" = "0 batch" ]
	run -0 as alice salloc --cell -n1 srun cat /proc/1/comm
	[[ $output == *cloison-init* ]]
}

@test "--export does not lose the cell" {
	for export in NONE X=1 ALL,X=1; do
		run -0 as alice srun --export=$export --cell /bin/cat /proc/1/comm
		[ "$output" = cloison-init ]
		job=$(as alice sbatch --parsable --export=$export --cell --cell-net=none -o /home/alice/ex.out \
			--wrap '/bin/cat /proc/1/comm; /bin/ls /sys/class/net')
		wait_job "$job"
		[ "$(cat /home/alice/ex.out)" = $'cloison-init\nlo' ]
	done
}

@test "sbatch's policy holds for a link that a user swaps in" {
	ln -sfn /home /home/alice/hh
	run as alice srun --cell=strict --cell-ro=/home/alice/hh:/mnt ls /mnt
	[ "$status" -ne 0 ]
	[[ $output == *"hidden by the profile"* ]]
	rm /home/alice/hh
}

@test "a user's mistakes fail the step with a sentence, never the node" {
	local opt
	for opt in --cell=nosuch --cell-ro=/no/such/path --cell-memory=99999999999999999999; do
		run as alice srun "$opt" touch /home/alice/ran
		[ "$status" -ne 0 ]
		[[ $output == *"cloison: "* || $output == *"$opt"* ]]
		[ ! -e /home/alice/ran ]
	done
	run as alice srun --cell-ro=/no/such/path true
	job=$(last_job)
	[ "$(records "$job" | jq -r '.[0].exit.reason')" = setup-failed ]
	run as alice srun --cell-memory=banana true
	[ "$status" -ne 0 ]
	[[ $output == *"'banana' is not a size"* ]]
	job=$(as alice sbatch --parsable --cell=nosuch -o /home/alice/bad.out --wrap 'touch /home/alice/ran')
	wait_job "$job"
	[ ! -e /home/alice/ran ]
	grep -q "profile 'nosuch' does not exist" /home/alice/bad.out
	# The same from a forged environment, which no local check has seen.
	run as alice env _SLURM_SPANK_OPTION_cloison_cell_memory=banana srun touch /home/alice/ran
	[ ! -e /home/alice/ran ]
	wait_idle
}

@test "the site file is policy: a user only tightens" {
	mkdir -p /etc/cloison
	printf '[profile batch]\nro = /\nrw = %%h\nscratch = 8M\nnet = none\n' >/etc/cloison/cloison.conf
	run as alice srun --cell --cell-net=host true
	rm /etc/cloison/cloison.conf
	[ "$status" -ne 0 ]
	[[ $output == *"--cell-net: 'host' is looser"* ]]
}

@test "plugstack.conf arguments are keys of the site file" {
	local conf=/etc/slurm/plugstack.conf.d/cloison.conf
	cp $conf plugstack
	sed -i '/spank_cloison/s/$/ loosen=scratch batch.net=none batch.scratch=8M/' $conf
	run as alice srun --cell sh -c 'ls /sys/class/net; df -B1 --output=size /tmp | tail -n 1 | tr -d " "'
	first=$output
	run as alice srun --cell --cell-scratch=9M df -B1 --output=size /tmp
	second=$output
	run as alice srun --cell --cell-net=host true
	cp plugstack $conf
	[ "$first" = $'lo\n8388608' ]
	[[ $second == *9437184 ]]
	[ "$status" -ne 0 ]
	[[ $output == *"--cell-net: 'host' is looser"* ]]
}

@test "a bad site file fails steps that want a cell, and no others" {
	mkdir -p /etc/cloison
	printf '[site]\ncolour = red\n' >/etc/cloison/cloison.conf
	run as alice srun --cell true
	run -0 as alice srun echo fine
	rm /etc/cloison/cloison.conf
	[ "$output" = fine ]
	wait_idle
}

@test "a step without --cell is as if there were no plugin" {
	[ "$(srun readlink /proc/self/ns/pid)" = "$(readlink /proc/self/ns/pid)" ]
	[ "$(srun sh -c 'cat /proc/self/status | grep NoNewPrivs | cut -f2')" = 0 ]
}

@test "the record: job, step, user, times" {
	run -3 as alice srun --cell-memory=200M sh -c 'exit 3'
	job=$(last_job)
	json=$(records "$job" | jq '.[0]')
	[ "$(jq -r '.scheduler | "\(.name) \(.job) \(.step)"' <<<"$json")" = "slurm $job 0" ]
	[ "$(jq -r '.user.name' <<<"$json")" = alice ]
	[ "$(jq -r '.exit.code' <<<"$json")" = 3 ]
	[ "$(jq -r '.memory.limit_bytes' <<<"$json")" = $((200 << 20)) ]
	[ "$(jq -r '.memory.peak_bytes > 0 and .cpu.usage_us > 0 and .time.wall_s > 0' <<<"$json")" = true ]
	[ "$(jq -r '.signer // "none"' <<<"$json")" != "" ]
	run -0 cloison report --job="$job"
	[[ $output == *alice* ]]
}

@test "the record: how each task ended" {
	run as alice srun -n 4 --overcommit --cell sh -c 'exit $((SLURM_PROCID / 3))'
	[ "$status" -eq 1 ]
	run -0 jq -c '.[0].exit' <<<"$(records "$(last_job)")"
	[ "$output" = '{"code":1,"reason":"exited","tasks":[{"first":0,"last":2,"count":3,"code":0},{"first":3,"last":3,"count":1,"code":1}]}' ]
}

# The heads in root's spool that are of job $1.
heads() { grep -ls "\"job\":\"$1\"" /var/spool/cloison/tmp/*.json; }

@test "while a step runs, the spool has what is known of it" {
	job=$(as alice sbatch --parsable --cell --cell-memory=200M -o /dev/null --wrap 'sleep 600')
	eventually 60 heads "$job"
	run -0 jq -c '[.scheduler.step, .user.name, .limits.asked.memory, .exit]' <<<"$(cat "$(heads "$job")")}"
	[ "$output" = '["batch","alice","209715200",null]' ]
	scancel "$job"
	wait_job "$job"
	run ! heads "$job"
	[ "$(records "$job" | jq length)" -eq 1 ]
}

@test "cloison run inside a step: no limit takes the job away from Slurm" {
	run srun cloison run --memory=64M -- true
	[ "$status" -ne 0 ]
	[[ $output == *"--memory: no cgroup of our own"* ]]
	run -0 srun cloison run --quiet --limits=try --memory=64M -- \
		sh -c 'cat /proc/self/cgroup /proc/1/comm'
	[[ $output == *cloison-init* ]]
}

@test "20 steps in a row leave the node as it was" {
	job=$(as alice sbatch --parsable --cell -o /home/alice/many.out --wrap \
		'for i in $(seq 20); do srun -Q --cell true || echo bad; done') # -Q: that a step waits for the last one's end
	wait_job "$job" 300
	cat /home/alice/many.out
	[ ! -s /home/alice/many.out ]
}

@test "20 steps that are refused, of two tasks each, leave the node as it was" {
	job=$(as alice sbatch --parsable -n2 -o /home/alice/many.out --wrap \
		'for i in $(seq 20); do srun -Q --cell-ro=/nonexistent true && echo bad; done')
	wait_job "$job" 300
	[ "$(grep -c 'cloison: --cell-ro: /nonexistent: No such file' /home/alice/many.out)" -eq 40 ]
	run ! grep bad /home/alice/many.out
	rm /home/alice/many.out
}
