#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The cell, by `cloison run`, on this kernel: as root and as an ordinary user.
# A name in brackets is the behaviour that the test proves.

bats_require_minimum_version 1.5.0
load common

setup() { common_setup; }

@test "[S2] the payload is not PID 1 but small, and its parent is PID 1" {
	run cell -- sh -c 'echo $$ $PPID; cat /proc/1/comm'
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "2 1" ]
	[ "${lines[1]}" = "cloison-init" ]
}

@test "the caller's ids are kept" {
	run cell -- sh -c 'id -u; id -g'
	[ "${lines[0]}" = "$(id -u)" ]
	[ "${lines[1]}" = "$(id -g)" ]
}

@test "exit status is the payload's" {
	for code in 0 1 7 125 255; do
		run cell -- sh -c "exit $code"
		[ "$status" -eq "$code" ]
	done
}

@test "a signal that ends the payload is 128 + N" {
	for sig in TERM SEGV KILL USR1; do
		run cell -- sh -c "kill -$sig \$\$"
		[ "$status" -eq $((128 + $(kill -l $sig))) ]
	done
}

@test "not found is 127, not executable is 126" {
	run -127 cell -- /nonexistent
	[ "$output" = "cloison: /nonexistent: No such file or directory" ]
	run -127 cell -- no-such-command-anywhere
	: >plain
	run cell -- ./plain
	[ "$status" -eq 126 ]
	run cell -- /
	[ "$status" -eq 126 ]
}

@test "--login: a login shell, found by its own name" {
	[ "$(cell --login -- bash --noprofile -c 'shopt login_shell; echo "$0"')" = $'login_shell    \ton\n-bash' ]
	[ "$(cell --login -- /bin/sh -c 'echo "$0"' 2>/dev/null | tail -n 1)" = -sh ]
	[ "$(cell -- bash -c 'echo "$0"')" = bash ]
	run -127 cell --login -- /nonexistent
	[ "$output" = "cloison: /nonexistent: No such file or directory" ]
}

@test "a bad option is one line on stderr, 125, and nothing runs" {
	for opt in --memory=banana --cpus=0 --pids=-1 --net=moon --ro=relative/../x \
		--tmpfs=/x:0 --scratch=101% --hostname=a_b --tag=novalue --nonsense \
		--user=nobody --limits=maybe --overlay=/usr:keep --rw=/; do
		run cell "$opt" -- touch ran
		[ "$status" -eq 125 ]
		[ "${#lines[@]}" -eq 1 ]
		[[ $output == cloison:* ]]
		[ ! -e ran ]
	done
	run cell --
	[ "$status" -eq 125 ]
	run cell --memory
	[ "$status" -eq 125 ]
}

@test "nothing of ours goes to stdout, and stdin reaches the payload" {
	[ "$(echo hello | cell --verbose -- cat 2>/dev/null)" = hello ]
}

@test "arguments and environment arrive byte by byte" {
	run cell -- printf '%s|' "a b" "" $'new\nline' "q'\"\\" $'\xff\xfe'
	[ "$output" = "a b||"$'new\nline'"|q'\"\\|"$'\xff\xfe'"|" ]
	FOO=$'x\n\xff y' run cell -- printenv FOO
	[ "$output" = $'x\n\xff y' ]
}

@test "descriptors that the caller opened stay open, ours do not leak" {
	exec 7<<<"seven"
	run cell -- sh -c 'cat <&7; ls /proc/self/fd | tr "\n" " "'
	exec 7<&-
	[ "${lines[0]}" = seven ]
	# 0 1 2 and what bats has open here as well, plus ls' own
	here=$(bash -c 'exec 7<<<x; ls /proc/self/fd | tr "\n" " "')
	[ "${lines[1]}" = "$here" ]
}

@test "closed standard descriptors are no trouble" {
	run -3 bash -c '"$1" run -- sh -c "exit 3" <&- >&- 2>&-' _ "$CLOISON"
	run -125 bash -c '"$1" run --memory=x -- true 2>&- <&-' _ "$CLOISON"
	[ -z "$output" ]
}

@test "[S3] ps sees the cell alone; the host sees it under other pids" {
	run cell -- sh -c 'ls -d /proc/[0-9]* | wc -l'
	[ "$output" -le 5 ]
	"$CLOISON" run --quiet -- sleep 30 3>&- &
	sleep 0.5
	pgrep -x cloison-init
	kill $!
	wait $! || true
}

@test "[S2] orphans are reaped and nothing survives the payload" {
	run cell -- sh -c '(sleep 0.1 &) ; sleep 0.4; ps -eo stat= | grep -c Z'
	[ "$output" = 0 ]
	cell -- sh -c 'setsid sleep 4242 >/dev/null 2>&1 & exit 0'
	sleep 0.2
	run ! pgrep -f 'sleep 4242'
}

@test "[S5] net=none has loopback, up, and nothing else" {
	run cell --net=none -- ls /sys/class/net
	[ "$output" = lo ]
	run cell --net=none -- sh -c 'cat /proc/net/dev | grep -c :; cat /sys/class/net/lo/flags'
	[ "${lines[0]}" = 1 ]
	(( lines[1] & 1 ))
	run cell --net=none -- bash -c 'echo >/dev/tcp/127.0.0.1/9 2>&1'
	[[ $output == *refused* ]]
}

@test "net=host is the host's" {
	[ "$(cell --net=host -- readlink /proc/self/ns/net)" = "$(readlink /proc/self/ns/net)" ]
}

@test "[S17] all eight namespaces are the cell's own" {
	"$CLOISON" run --quiet --net=none --time=new -- sleep 30 3>&- &
	local pid=$! init payload ns
	until init=$(pgrep -P $pid -x cloison-init) && payload=$(pgrep -P "$init" -x sleep); do
		sleep 0.05
	done
	for ns in user mnt pid ipc uts cgroup net time; do
		[ "$(readlink /proc/"$payload"/ns/$ns)" != "$(readlink /proc/self/ns/$ns)" ]
		[[ $(readlink /proc/"$payload"/ns/$ns) == "$ns:["*"]" ]]
	done
	kill $pid
	wait $pid || true
}

@test "[S17] --time: clocks are shifted, also into the past, and the host's are not" {
	local up
	up=$(cut -d. -f1 /proc/uptime)
	run -0 cell '--time=boottime=1000000.5,monotonic=-1.25' -- \
		sh -c 'cut -d. -f1 /proc/uptime; tr -s " " </proc/self/timens_offsets'
	[ "${lines[0]}" -ge $((up + 1000000)) ]
	[ "${lines[1]}" = "monotonic -2 750000000" ]
	[ "${lines[2]}" = "boottime 1000000 500000000" ]
	[ "$(cut -d. -f1 /proc/uptime)" -lt $((up + 1000)) ]
	for mode in host new; do
		run -0 cell --time=$mode -- python3 -c 'import time; print(int(time.monotonic()))'
		[ "$output" -lt $((up + 1000)) ]
	done
	run -0 cell --time=monotonic=500000 -- python3 -c 'import time; print(int(time.monotonic()))'
	[ "$output" -ge 500000 ]
	run -125 cell --time=monotonic=-9000000000 -- touch ran
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == *"no clock may become negative"* ]]
	for bad in later 'monotonic=1,' monotonic=x clock=1 monotonic=1e3; do
		run -125 cell --time="$bad" -- touch ran
		[[ $output == "cloison: --time: "* ]]
	done
	[ ! -e ran ]
}

@test "[S9] an ordinary user has all of it without a setuid program" {
	program=$(command -v "$CLOISON")
	[ ! -u "$program" ] && [ ! -g "$program" ]
	! command -v getcap >/dev/null || [ -z "$(getcap "$program")" ]
	user=()
	if is_root; then
		user=(setpriv --reuid=64321 --regid=64321 --clear-groups --inh-caps=-all
			env -C / -u XDG_STATE_HOME -u XDG_RUNTIME_DIR HOME=/nonexistent)
	fi
	for ns in user mnt pid net ipc uts cgroup time; do
		run -0 "${user[@]}" "$CLOISON" run --quiet --net=none --time=new -- readlink /proc/self/ns/$ns
		[[ ${lines[-1]} == "$ns:["* && ${lines[-1]} != "$(readlink /proc/self/ns/$ns)" ]]
	done
}

@test "[S1] hostname inside changes, outside does not" {
	before=$(hostname)
	run cell --hostname=cell-7.example -- hostname
	[ "$output" = cell-7.example ]
	[ "$(hostname)" = "$before" ]
	run cell --uts=host --hostname=x -- true
	[ "$status" -eq 125 ]
}

@test "[S13] the tree is read-only, recursively; home and work are not" {
	run cell -- sh -c 'touch /usr/x'
	[ "$status" -ne 0 ]
	[[ $output == *"Read-only file system"* ]]
	cell -- touch "$HOME/a" b
	[ -e "$HOME/a" ] && [ -e b ]
	run cell -- sh -c 'while read -r _ _ _ _ _ opts _; do echo "$opts"; done < /proc/self/mountinfo | grep -c "^ro"'
	[ "$output" -gt 3 ]
}

@test "[S13] --ro and --rw apply in the order given" {
	mkdir -p "$HOME/d/e"
	run cell --ro="$HOME/d" --rw="$HOME/d/e" -- sh -c "touch $HOME/d/e/ok; touch $HOME/d/no"
	[ -e "$HOME/d/e/ok" ]
	[ ! -e "$HOME/d/no" ]
	run cell --rw="$HOME/d/e" --ro="$HOME/d" -- touch "$HOME/d/e/no"
	[ "$status" -ne 0 ]
	[ ! -e "$HOME/d/e/no" ]
}

@test "--ro=SRC:DST shows SRC at DST; a missing source or target says so" {
	mkdir src dst
	echo text >src/f
	run cell --ro="$PWD/src:$PWD/dst" -- sh -c 'cat dst/f; touch dst/g'
	[ "${lines[0]}" = text ]
	[ ! -e src/g ]
	run cell --ro=src:"$PWD/dst" -- cat dst/f
	[ "$output" = text ]
	run cell --ro="$PWD/none" -- true
	[ "$status" -eq 125 ]
	[[ $output == "cloison: --ro: "*"/none: No such file or directory" ]]
	run cell --ro="$PWD/src:/usr/none" -- true
	[ "$status" -eq 125 ]
	[[ $output == *"mount point /usr/none"* ]]
	echo x >"$PWD/co:lon"
	run cell --ro="$PWD/co\\:lon" -- sh -c 'cat co:lon'
	[ "$output" = x ]
}

@test "a file can be bound, too" {
	echo one >f1
	echo two >f2
	run cell --ro="$PWD/f1:$PWD/f2" -- cat f2
	[ "$output" = one ]
	[ "$(cat f2)" = two ]
}

@test "--hide empties a directory and a file" {
	mkdir secret
	echo x >secret/key
	echo y >file
	run cell --hide="$PWD/secret" --hide="$PWD/file" --hide=/no/such/path -- \
		sh -c 'ls -A secret; cat file; touch secret/new'
	[[ $output == *"Read-only file system"* ]]
	[ "${#lines[@]}" -eq 1 ]
	[ "$(cat secret/key)" = x ]
}

@test "--tmpfs is empty, writable, sized and gone afterwards" {
	mkdir t
	touch t/old
	run cell --tmpfs="$PWD/t:1M" -- sh -c 'ls -A t; echo x >t/new; head -c 2000000 /dev/zero >t/big'
	[[ $output == *"No space left"* ]]
	[ "$(ls t)" = old ]
}

@test "[S16] --overlay: copy-up, whiteout, lower unchanged" {
	mkdir low
	echo one >low/a
	echo two >low/b
	sum=$(find low -type f -exec cat {} + | cksum)
	run cell --overlay="$PWD/low" -- sh -c 'echo more >>low/a; rm low/b; echo new >low/c; cat low/a low/c; ls low'
	[ "$status" -eq 0 ]
	[ "$output" = $'one\nmore\nnew\na\nc' ]
	[ "$(find low -type f -exec cat {} + | cksum)" = "$sum" ]
	[ "$(ls low)" = $'a\nb' ]
}

@test "--overlay of a system directory, twice in one cell" {
	run cell --overlay=/etc --overlay=/opt:discard -- \
		sh -c 'ls /etc/passwd && ls -d /opt'
	[ "$status" -eq 0 ]
}

@test "--scratch: private /tmp, /var/tmp and /dev/shm of one size" {
	probe=$(mktemp /tmp/cloison-probe.XXXXXX)
	run cell --scratch=2M -- sh -c "ls $probe; echo \$TMPDIR \$CLOISON_SCRATCH
		stat -c %a /tmp /var/tmp /dev/shm
		head -c 1500000 /dev/zero >/tmp/a && head -c 1500000 /dev/zero >/dev/shm/b"
	rm -f "$probe"
	[[ ${lines[0]} == *"No such file"* ]]
	[ "${lines[1]}" = "/tmp /tmp" ]
	[ "${lines[2]}" = 1777 ] && [ "${lines[3]}" = 1777 ] && [ "${lines[4]}" = 1777 ]
	[[ $output == *"No space left"* ]]
	[ -z "$(find /tmp /var/tmp /dev/shm -maxdepth 1 -name a -o -maxdepth 1 -name b 2>/dev/null)" ]
}

@test "a working directory in /tmp stays visible and writable" {
	dir=$(mktemp -d /tmp/cloison-probe.XXXXXX)
	cd "$dir"
	cell -- sh -c 'pwd; touch here; touch /tmp/elsewhere'
	[ -e here ] && [ ! -e /tmp/elsewhere ]
	cd /
	rm -r "$dir"
}

@test "[S11] nothing of the cell's mounts is seen outside" {
	before=$(cat /proc/self/mountinfo)
	cell --tmpfs="$HOME" --overlay=/etc --net=none -- \
		sh -c 'true'
	[ "$(cat /proc/self/mountinfo)" = "$before" ]
}

@test "[S20] no capability, no_new_privs, also for children" {
	run cell -- sh -c 'grep -E "^(Cap|NoNewPrivs)" /proc/self/status; sh -c "grep NoNew /proc/self/status"'
	[ "$(grep -c '0000000000000000$' <<<"$output")" -eq 5 ]
	[ "$(grep -c 'NoNewPrivs:.1' <<<"$output")" -eq 2 ]
}

@test "[S15] not even fake root unmounts, remounts or looks under a mount" {
	if is_root; then mode=identity; else mode=root; fi
	mkdir under
	touch under/secret
	run cell --user=$mode --hide="$PWD/under" -- sh -c '
		umount "$PWD/under"; mount -o remount,rw /; umount -l /proc; umount /tmp
		mount -o remount,bind,rw /usr; touch /usr/x; ls -A under'
	[[ $output != *secret* ]]
	[ ! -e /usr/x ]
	[[ $output == *"Read-only file system"* ]]
}

@test "[S10] fake root has no power outside" {
	is_root && mode=identity || mode=root
	run cell --user=$mode -- sh -c 'hostname evil; echo x >/proc/sys/kernel/domainname; id -u'
	[ "${lines[-1]}" = 0 ]
	[ "$(hostname)" != evil ]
	if ! is_root; then
		run cell --user=root -- sh -c 'cat /etc/shadow; ls /root'
		[[ $output == *"ermission denied"* ]]
	fi
}

@test "--user modes: maps are what they say" {
	if is_root; then
		run cell --user=identity -- cat /proc/self/uid_map
		[[ $output =~ ^\ *0\ +0\ +[0-9]+ ]]
		[ "$(cell --user=host -- readlink /proc/self/ns/user)" = "$(readlink /proc/self/ns/user)" ]
	else
		run cell --user=self -- cat /proc/self/uid_map
		[[ $output =~ ^\ *$(id -u)\ +$(id -u)\ +1 ]]
		run cell --user=identity -- true
		[ "$status" -eq 125 ]
		[[ $output == *"needs root"* ]]
	fi
	run cell --user=root -- id -u
	[ "$output" = 0 ]
}

@test "PID 1 is out of the payload's reach" {
	run cell -- sh -c 'kill -9 1; kill -TERM 1; sleep 0.1; readlink /proc/1/exe; cat /proc/1/environ; echo alive'
	[ "${lines[-1]}" = alive ]
	[[ $output != *"$CLOISON"* ]]
	run cell --user=root -- sh -c 'readlink /proc/1/exe || echo no'
	[ "${lines[-1]}" = no ]
}

@test "profiles: strict leaves only scratch, open leaves all" {
	run cell --profile=strict -- sh -c 'touch here; touch /tmp/ok && echo yes; ls /sys/class/net'
	[ ! -e here ]
	[[ $output == *yes* ]]
	[ "${lines[-1]}" = lo ]
	run cell --profile=open -- touch here
	[ -e here ]
	run cell --profile=none -- true
	[ "$status" -eq 125 ]
	[[ $output == *"profile 'none' does not exist"* ]]
}

@test "[S4][S18] pid=host, ipc=host, uts=host, cgroup=host keep the host's" {
	for ns in pid ipc uts cgroup; do
		[ "$(cell --$ns=host -- readlink /proc/self/ns/$ns)" = "$(readlink /proc/self/ns/$ns)" ]
	done
	cell --pid=host -- sh -c 'setsid sleep 4343 >/dev/null 2>&1 & exit 0'
	run ! pgrep -f 'sleep 4343'
}

@test "signals to cloison reach the payload, once" {
	"$CLOISON" run --quiet -- sh -c 'trap "echo got >>out" TERM
		while :; do sleep 0.1; done' 3>&- &
	pid=$!
	sleep 0.6
	kill -TERM $pid
	sleep 0.6
	kill -KILL $pid
	wait $pid || true
	[ "$(cat out)" = got ]
}

@test "when cloison is killed the cell dies with it" {
	"$CLOISON" run --quiet -- sleep 4444 3>&- &
	pid=$!
	sleep 0.5
	pgrep -f 'sleep 4444'
	kill -KILL $pid
	sleep 0.5
	run ! pgrep -fx 'sleep 4444'
}

@test "limits: enforce says which controller, try runs and records" {
	run "$CLOISON" plan --memory=64M
	if [ "$status" -eq 0 ]; then
		run cell --memory=64M -- true
		[ "$status" -eq 0 ]
	else
		[[ $output == *"--memory: no memory controller"* || $output == *"--memory: no cgroup"* ]]
		run cell --memory=64M -- touch ran
		[ "$status" -eq 125 ]
		[ ! -e ran ]
		run "$CLOISON" run --limits=try --memory=64M --pids=50 -- true
		[ "$status" -eq 0 ]
		[[ $output == *"memory is not enforced"* ]]
		if grep -q '^[0-9]*:.*\<memory\>' /proc/self/cgroup; then
			[[ $output == *"bound to v1): boot with systemd.unified_cgroup_hierarchy=1"* ]]
		fi
		json=$(record_of --limits=try --memory=64M --pids=50 -- true)
		[ "$(jq -r '.limits.asked.memory' <<<"$json")" = 67108864 ]
		[ "$(jq -r '.limits.missing | keys | join(" ")' <<<"$json")" = "memory pids" ]
		[ "$(jq -r '.limits.enforced' <<<"$json")" = null ]
	fi
}

@test "--cpus picks cores: affinity fits, memory policy is bound" {
	run cell --cpus=1 --limits=try -- sh -c 'nproc; grep Cpus_allowed_list /proc/self/status'
	[ "$status" -eq 0 ]
	[ "${lines[0]}" -le "$(nproc)" ]
	if [ -e /proc/self/numa_maps ]; then
		run cell --cpus=1 --limits=try -- head -n 1 /proc/self/numa_maps
		[[ $output == *" bind:"* ]]
	fi
	run cell --cpus=1 --cpu-policy=inherit --limits=try -- nproc
	[ "$output" = "$(nproc)" ]
	run cell --cpus=4000 --limits=enforce -- true
	[ "$status" -eq 125 ]
}

@test "--cpuset and --mem-policy: affinity and memory are as asked" {
	show='grep Cpus_allowed_list /proc/self/status; head -n 1 /proc/self/numa_maps'
	last=$(grep Cpus_allowed_list /proc/self/status | grep -oE '[0-9]+$')
	run -0 cell --cpuset="$last" -- sh -c "$show"
	[ "${lines[0]##*[[:blank:]]}" = "$last" ]
	[[ ! -e /proc/self/numa_maps || $output == *" bind:"* ]]
	run -0 cell --cpuset="$last" --mem-policy=none -- sh -c "$show"
	[ "${lines[0]##*[[:blank:]]}" = "$last" ]
	[[ ! -e /proc/self/numa_maps || $output == *" default "* ]]
	if [ -e /proc/self/numa_maps ]; then
		# As the kernel writes them: "local", "interleave:0", "prefer (many):0".
		for policy in local interleave preferred:0; do
			run -0 cell --mem-policy=$policy -- head -n 1 /proc/self/numa_maps
			[[ ${lines[0]} == *" ${policy%red:0}"* ]]
		done
	fi
	run cell --cpuset=60000 -- true
	[ "$status" -eq 125 ]
	[[ $output == *"--cpuset: CPUs 60000 cannot be used here"* ]]
	for opt in --cpuset=x --cpuset= --cpu-unit=socket --cpu-policy=best --mem-policy=bind: \
		--mem-policy=local:0 --mem-policy=banana; do
		run cell "$opt" -- true
		[ "$status" -eq 125 ]
		[[ $output == *"${opt%%=*}"* ]]
	done
}

# filtered COMMAND...: with a filter of system calls that refuses set_mempolicy, as containers have.
filtered() {
	python3 -c '
import ctypes, os, platform, struct, sys
nr = {"x86_64": 238, "aarch64": 237}[platform.machine()]
op = [(0x20, 0, 0, 0), (0x15, 0, 1, nr), (6, 0, 0, 0x00050001), (6, 0, 0, 0x7fff0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *o) for o in op))
prog = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(op), ctypes.addressof(code)))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, prog):
    sys.exit("no filter")
os.execvp(sys.argv[1], sys.argv[1:])' "$@"
}

@test "memory that cannot be bound: enforce fails, try goes on and says so" {
	[ -e /proc/self/numa_maps ] || skip "this kernel has no NUMA"
	run -125 filtered "$CLOISON" run --mem-policy=interleave -- touch ran
	[[ $output == *set_mempolicy* ]]
	[ ! -e ran ]
	run -0 filtered "$CLOISON" run --limits=try --cpus=1 --record="$PWD/r" -- true
	[[ $output == *"memory is not bound: set_mempolicy"* ]]
	[[ $(jq -r '.limits.missing["mem-policy"]' r) == set_mempolicy* ]]
	[ "$(jq -r '.memory.policy' r)" = null ]
}

@test "plan picks on a machine that is not here, run does not" {
	machine='synthetic:package:2 [numa] l3:2 core:4 pu:1'
	run -0 "$CLOISON" plan --cpus=4 --cpu-policy=numa --topology="$machine"
	[[ $'\n'$output$'\n' == *$'\nplaces.cpus 0-3\nplaces.mems 0\n'* ]]
	[ "$("$CLOISON" plan --cpus=4 --cpu-policy=numa --topology="${machine#*:}")" = "$output" ]
	run -0 "$CLOISON" plan --cpus=4 --cpu-policy=spread --topology="$machine"
	[[ $'\n'$output$'\n' == *$'\nplaces.cpus 0,4,8,12\nplaces.mems 0-1\n'* ]]
	run -0 "$CLOISON" plan --json --cpuset=15 --topology="$machine"
	[ "$(jq -r '.places.mems' <<<"$output")" = 1 ]
	for source in machine "xml:$BATS_TEST_TMPDIR/none" xml:/etc/passwd /etc/passwd none.xml synthetic:x:y; do
		run "$CLOISON" plan --topology="$source"
		[ "$status" -eq 125 ]
		[[ ${lines[0]} == "cloison: --topology: "* && ${#lines[@]} -eq 1 ]]
	done
	run "$CLOISON" run --topology="$machine" -- true
	[ "$status" -eq 125 ]
	[[ $output == *"unknown option"* ]]
}

@test "the record has who, what, when and how it ended" {
	json=$(record_of --tag=a=b --tag=c.d='x "y"' -- sh -c 'exit 3')
	jq -e . <<<"$json" >/dev/null
	[ "$(jq -r '.schema' <<<"$json")" = cloison.record/1 ]
	[ "$(jq -r '.user.uid' <<<"$json")" = "$(id -u)" ]
	[ "$(jq -r '.exit.code' <<<"$json")" = 3 ]
	[ "$(jq -r '.exit.reason' <<<"$json")" = exited ]
	[ "$(jq -r '.tags["c.d"]' <<<"$json")" = 'x "y"' ]
	[ "$(jq -r '.cell.profile' <<<"$json")" = batch ]
	[ "$(jq -r '.time.setup_us > 0 and .time.wall_s > 0' <<<"$json")" = true ]
	json=$(record_of -- sh -c 'kill -SEGV $$')
	[ "$(jq -r '.exit.signal' <<<"$json")" = 11 ]
	[ "$(jq -r '.exit.reason' <<<"$json")" = signaled ]
	json=$(record_of -- /nonexistent)
	[ "$(jq -r '.exit.reason' <<<"$json")" = setup-failed ]
}

@test "the record's CPU time is what the payload used" {
	json=$(record_of -- python3 -c '
import time
end = time.process_time() + 0.5
while time.process_time() < end: pass')
	[ "$(jq '.cpu.usage_us >= 450000 and .cpu.usage_us < 1500000' <<<"$json")" = true ]
	[ "$(jq '.cpu.setup_us > 0 and .cpu.setup_us < .cpu.usage_us' <<<"$json")" = true ]
}

@test "a record that cannot be written is a warning, not a failure" {
	run "$CLOISON" run --record=/nonexistent/r.json -- sh -c 'exit 5'
	[ "$status" -eq 5 ]
	[[ $output == "cloison: no record: "* ]]
	run "$CLOISON" run --quiet --record=/nonexistent/r.json -- true
	[ -z "$output" ]
}

@test "site file: not root's, writable, unknown key, bad value: one line, nothing runs" {
	printf '[site]\nloosen = all\n' >site
	if is_root; then
		chmod 644 site
		cell --config="$PWD/site" -- true
		chmod 666 site
		run cell --config="$PWD/site" -- touch ran
		[[ $output == *"writable by others"*chmod* ]]
		chmod 644 site
		printf '[site]\ncolour = red\n' >site
		run cell --config="$PWD/site" -- touch ran
		[[ $output == "cloison: $PWD/site:2: unknown key 'colour'"* ]]
		printf '[profile batch]\n\nmemory = lots\n' >site
		run cell --config="$PWD/site" -- touch ran
		[[ $output == "cloison: $PWD/site:3: 'lots' is not a size"* ]]
		chown 1234 site
	fi
	run cell --config="$PWD/site" -- touch ran
	[ "$status" -eq 125 ]
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == *"not root"*chown* ]]
	run cell --config=/nonexistent -- touch ran
	[ "$status" -eq 125 ]
	[ ! -e ran ]
}

@test "site file: policy is refused by name" {
	is_root || skip "only root can own a site file"
	printf '[site]\nprofiles = batch\n[profile batch]\nnet = none\nro = /\nrw = %%w\nscratch = 10M\n' >site
	run cell --config="$PWD/site" --net=host -- true
	[ "$status" -eq 125 ]
	[[ $output == *"--net: 'host' is looser"* ]]
	run cell --config="$PWD/site" --scratch=20M -- true
	[ "$status" -eq 125 ]
	run cell --config="$PWD/site" --profile=open -- true
	[ "$status" -eq 125 ]
	run cell --config="$PWD/site" --scratch=5M --ro=/usr -- true
	[ "$status" -eq 0 ]
}

@test "a symbolic link does not get around policy" {
	is_root || skip "only root can own a site file"
	mkdir secret open data
	touch secret/key
	ln -s "$PWD/secret" open/link
	ln -s /etc data/etc
	printf '[profile batch]\nhide = %s\n' "$PWD/secret" >site
	for opt in --ro="$PWD/open/link:$PWD/data" --overlay="$PWD/open/link" --rw="$PWD/data/etc:$PWD/open"; do
		run cell --config="$PWD/site" "$opt" -- ls data open
		[ "$status" -eq 125 ]
		[[ $output == *"by the profile"* ]]
	done
	# Without a policy a link is what it is outside.
	run cell --ro="$PWD/open/link:$PWD/data" -- ls data
	[ "$output" = key ]
}

@test "a site's lines add to a built-in profile, which stays what it is" {
	is_root || skip "only root can own a site file"
	printf '[profile batch]\nhide = /opt\n' >site
	run cell --config="$PWD/site" -- touch /usr/x
	[[ $output == *"Read-only file system"* ]]
	run "$CLOISON" plan --config="$PWD/site"
	[[ $output == *"hide /opt"* && $output == *"scratch.bytes"* ]]
}

@test "a cell that cannot be set up has a record that says so" {
	rm -rf "$BATS_TEST_TMPDIR/r"
	run "$CLOISON" run --record="$BATS_TEST_TMPDIR/r" --ro=/no/such -- true
	[ "$status" -eq 125 ]
	[ "$(jq -r .exit.reason "$BATS_TEST_TMPDIR/r")" = setup-failed ]
	[ "$(jq -r .exit.code "$BATS_TEST_TMPDIR/r")" = 125 ]
}

@test "plan prints without doing, as text and JSON" {
	run "$CLOISON" plan --net=none
	[ "$status" -eq 0 ]
	[[ $output == *"profile.name batch"* ]]
	"$CLOISON" plan --json --net=none | jq -e '.namespaces | index("net")'
	[ "$("$CLOISON" plan)" = "$("$CLOISON" plan)" ]
}

@test "before and after 200 cells the host is the same" {
	before=$(snapshot)
	for _ in $(seq 200); do cell -- true; done
	[ "$(snapshot)" = "$before" ]
}

@test "nested: a cell in a nestable cell, for an ordinary user" {
	cp "$CLOISON" "$HOME/cloison"	# where a private /tmp does not hide it
	run cell -- "$HOME/cloison" run --quiet -- true
	[ "$status" -eq 125 ]
	[[ $output == *"has to be nestable"* ]]
	run cell --nestable=yes -- "$HOME/cloison" run --quiet -- sh -c 'echo $$; id -u; touch /usr/x'
	if is_root; then
		# The kernel lets no root without CAP_SETFCAP map id 0.
		[ "$status" -eq 125 ]
		[[ $output == *"root's cells do not nest"* ]]
		return
	fi
	[ "${lines[0]}" = 2 ]
	[ "${lines[1]}" = "$(id -u)" ]
	[[ $output == *"Read-only"* ]]
}

@test "root's cell can neither write the host's settings nor its own limits" {
	is_root || skip "an ordinary user may not write them anyway"
	for pid in new host; do
		run cell --pid=$pid -- sh -c 'for f in kernel/core_pattern vm/drop_caches; do
			test -w /proc/sys/$f && echo writable $f; done
			echo x >/proc/sysrq-trigger; find /sys/fs/cgroup -maxdepth 1 -type f -writable
			echo 0 >/proc/self/oom_score_adj && echo own'
		[[ $output != *writable* && $output != *cgroup.procs* ]]
		[ "${lines[-1]}" = own ]
	done
}
