#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Interfaces of a cell's own, by `cloison run`. The "host" of these tests is a
# net namespace that each makes for itself, with a bridge br0 and a network
# card up0 whose cable leads to another host; this machine's are not touched.
# A name in brackets is the behaviour that the test proves.

bats_require_minimum_version 1.5.0
load common

setup() {
	common_setup
	is_root || return 0
	here=$(new_ns)
	far=$(new_ns)
	on "$here" bash -e <<-END
		ip link set lo up
		ip link add br0 type bridge
		ip link set br0 address 02:00:00:00:00:01 up # else that of the lowest port
		ip addr add 10.1.0.1/24 dev br0
		ip addr add fd00:1::1/64 dev br0 nodad
		ip link add up0 type veth peer name far0 netns $far
		ip link set up0 up
	END
	on "$far" bash -e <<-END
		ip link set far0 up
		ip addr add 10.2.0.1/24 dev far0
		ip addr add fd00:2::1/64 dev far0 nodad
	END
	before=$(interfaces)
	site=$BATS_TEST_TMPDIR/site.conf
	cat >"$site" <<-END
		nets = veth:br0
		net-pool = lan on=br0 10.1.0.10-10.1.0.12/24 gw=10.1.0.1
		net-pool = lan fd00:1::10-fd00:1::12/64 gw=fd00:1::1
	END
	chmod 644 "$site"
}

teardown() {
	is_root || return 0
	[ -z "${served-}" ] || end "$served"
	eventually no_more_interfaces || local bad=1
	kill "$here" "$far"
	# A lease that a killed cell has left is nobody's, and gc's to remove.
	"$CLOISON" gc >/dev/null || true
	leases || bad=1
	[ -z "${bad-}" ]
}

# What there is of leases; all that these tests take is from these networks.
leases() { ! find /run/cloison/leases -name '10.[12].0.*' -o -name 'fd00:[12]::*' | grep .; }

# A net namespace, as the pid of a process that keeps it.
new_ns() {
	local pid
	unshare -n sleep 600 >/dev/null 2>&1 3>&- &
	pid=$!
	eventually differs "$pid"
	echo "$pid"
}
differs() { [[ $(readlink "/proc/$1/ns/net") != "$(readlink /proc/self/ns/net)" ]]; }

on() {
	local pid=$1
	shift
	nsenter -t "$pid" -n "$@"
}

# The same as cell, on the host of these tests; and in the background, as $!.
net_cell() { on "$here" "$CLOISON" run --quiet "$@"; }
governed() { net_cell --config="$site" "$@"; }
start() {
	local out=$1
	shift
	nsenter -t "$here" -n "$CLOISON" run --quiet "$@" >"$BATS_TEST_TMPDIR/$out" 2>&1 3>&- &
}

interfaces() { on "$here" ip -br link | cut -d' ' -f1; }
no_more_interfaces() { [[ $(interfaces) == "$before" ]]; }

# Says "hello" to whoever connects.
server='
import socket, sys
s = socket.create_server(("", int(sys.argv[1])), family=socket.AF_INET6, dualstack_ipv6=True)
print("ready", flush=True)
while True:
    c = s.accept()[0]
    c.sendall(b"hello\n")
    c.close()
'
# serve_on NS: a server on port 7777 there, in the background; $served.
serve_on() {
	nsenter -t "$1" -n python3 -c "$server" 7777 >"$BATS_TEST_TMPDIR/served" 2>&1 3>&- &
	served=$!
	eventually grep -q ready "$BATS_TEST_TMPDIR/served"
}
# The command that connects and says what comes from there.
call() { echo "timeout 5 cat </dev/tcp/$1/$2"; }

# A cell that serves, in the background; its pid is $served.
serve_cell() {
	start served "$@" -- python3 -c "$server" 7777
	served=$!
	eventually grep -q ready "$BATS_TEST_TMPDIR/served"
}

end() {
	kill "$1" 2>/dev/null || true
	wait "$1" || true
}

@test "[S6] two cells on one bridge reach each other, by IPv4 and IPv6" {
	is_root || skip "needs root"
	serve_cell --net=veth:br0,addr=10.1.0.5/24,addr=fd00:1::5/64
	run -0 net_cell --net=veth:br0,addr=10.1.0.6/24,addr=fd00:1::6/64 -- \
		bash -c "$(call 10.1.0.5 7777); $(call fd00:1::5 7777)"
	[ "$output" = $'hello\nhello' ]
	# The host's end of the cable is the one trace outside.
	[ "$(diff <(echo "$before") <(interfaces) | grep -c '^>')" -eq 1 ]
	end "$served"
}

@test "[S6] a macvlan cell reaches another host, by IPv4 and IPv6" {
	is_root || skip "needs root"
	serve_on "$far"
	for mode in "" ,mode=bridge ,mode=private; do
		run -0 net_cell --net=macvlan:up0,addr=10.2.0.5/24,addr=fd00:2::5/64"$mode" -- \
			bash -c "$(call 10.2.0.1 7777); $(call fd00:2::1 7777); ls /sys/class/net"
		[ "$output" = $'hello\nhello\neth0\nlo' ]
		no_more_interfaces
	done
	end "$served"
}

@test "[S6] macvlan cells reach each other by mode=bridge, not by mode=private" {
	is_root || skip "needs root"
	serve_cell --net=macvlan:up0,addr=10.2.0.5/24
	run -0 net_cell --net=macvlan:up0,addr=10.2.0.6/24 -- bash -c "$(call 10.2.0.5 7777)"
	[ "$output" = hello ]
	end "$served"
	serve_cell --net=macvlan:up0,addr=10.2.0.5/24,mode=private
	run ! net_cell --net=macvlan:up0,addr=10.2.0.6/24,mode=private -- bash -c "timeout 2 bash -c '$(call 10.2.0.5 7777)'"
	end "$served"
}

@test "[S6] an ipvlan cell reaches another host, by IPv4 and IPv6" {
	is_root || skip "needs root"
	on "$here" ip link add probe link up0 type ipvlan 2>/dev/null || skip "no ipvlan in this kernel"
	on "$here" ip link del probe
	serve_on "$far"
	run -0 net_cell --net=ipvlan:up0,addr=10.2.0.5/24,addr=fd00:2::5/64 -- \
		bash -c "$(call 10.2.0.1 7777); $(call fd00:2::1 7777)"
	[ "$output" = $'hello\nhello' ]
	end "$served"
}

@test "[S5] a cell with net=none reaches nothing, not even the host's loopback" {
	is_root || skip "needs root"
	serve_on "$here"
	run -0 net_cell --net=host -- bash -c "$(call 127.0.0.1 7777); $(call 10.1.0.1 7777)"
	[ "$output" = $'hello\nhello' ]
	for ip in 127.0.0.1 10.1.0.1 fd00:1::1; do
		run ! net_cell --net=none -- bash -c "$(call $ip 7777)"
		[[ $output == *"refused"* || $output == *"unreachable"* ]]
	done
	end "$served"
}

@test "the interface is there, up and usable at the payload's first instruction" {
	is_root || skip "needs root"
	# One datagram, not repeated; the answer is that nobody listens there.
	local probe='
import socket
for family, host in ((socket.AF_INET, "10.1.0.1"), (socket.AF_INET6, "fd00:1::1")):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.settimeout(0.9)
    s.connect((host, 9))
    s.send(b"x")
    try:
        s.recv(1)
    except ConnectionRefusedError:
        print("answered")
'
	for _ in 1 2 3 4 5; do
		run -0 net_cell --net=veth:br0,addr=10.1.0.5/24,addr=fd00:1::5/64 -- python3 -c "$probe"
		[ "$output" = $'answered\nanswered' ]
	done
}

# One in ten was lost where several began at once. Of thousands, one still is.
@test "a first frame is not lost, of cells that begin at once either" {
	is_root || skip "needs root"
	local probe='
use Socket qw(:DEFAULT inet_pton);
for ([pack_sockaddr_in(9, inet_aton("10.1.0.1")), AF_INET],
     [pack_sockaddr_in6(9, inet_pton(AF_INET6, "fd00:1::1")), AF_INET6]) {
	socket(my $s, $_->[1], SOCK_DGRAM, 0);
	connect($s, $_->[0]) && send($s, "x", 0) or die $!;
	vec(my $set = "", fileno $s, 1) = 1;
	print select($set, undef, undef, 0.7) ? "answered\n" : "lost\n";
}'
	on "$here" sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
	for k in 5 6 7 8; do
		for _ in {1..8}; do
			net_cell --net=veth:br0,addr=10.1.0.$k/24,addr=fd00:1::$k/64 -- perl -e "$probe"
		done >"$BATS_TEST_TMPDIR/said.$k" 2>&1 3>&- &
	done
	# shellcheck disable=SC2046 # the numbers of four jobs
	wait $(jobs -p | tail -n 4)
	sort "$BATS_TEST_TMPDIR"/said.* | uniq -c
	[ "$(cat "$BATS_TEST_TMPDIR"/said.* | wc -l)" -eq 64 ]
	[ "$(cat "$BATS_TEST_TMPDIR"/said.* | grep -c answered)" -ge 63 ]
}

@test "addresses, routes and MTU are those asked for" {
	is_root || skip "needs root"
	run -0 net_cell --net=veth:br0,addr=10.1.0.5/24,gw=10.1.0.1,addr=fd00:1::5/64,gw=fd00:1::1,mtu=1400 -- \
		sh -c 'ip -br -4 addr show eth0; ip -br -6 addr show eth0 scope global; ip route show default
			ip -6 route show default; cat /sys/class/net/eth0/mtu; ip -o addr show tentative'
	[[ ${lines[0]} == "eth0@"*" 10.1.0.5/24 "* ]]
	[[ ${lines[1]} == "eth0@"*" fd00:1::5/64 "* ]]
	[[ ${lines[2]} == "default via 10.1.0.1 dev eth0"* ]]
	[[ ${lines[3]} == "default via fd00:1::1 dev eth0"* ]]
	[ "${lines[4]}" = 1400 ]
	[ "${#lines[@]}" -eq 5 ]
	# A gateway outside of the cell's network.
	run -0 net_cell --net=veth:br0,addr=10.9.0.5/32,gw=10.1.0.1 -- ip route show default
	[[ $output == "default via 10.1.0.1 dev eth0"*onlink* ]]
}

@test "who has IPv4 addresses alone gets no IPv6 from the network" {
	is_root || skip "needs root"
	run -0 net_cell --net=veth:br0,addr=10.1.0.5/24 -- ip -o -6 addr show eth0
	[ -z "$output" ]
	run -0 net_cell --net=veth:br0,addr=fd00:1::5/64 -- cat /proc/sys/net/ipv6/conf/eth0/accept_ra
	[ "$output" = 0 ]
}

@test "[S6] a pool gives every cell an address of its own, and says when it is empty" {
	is_root || skip "needs root"
	local pids=() i
	for i in 1 2 3; do
		start "$i" --config="$site" --net=veth:br0 -- sh -c 'ip -o addr show eth0 scope global; sleep 60'
		pids+=($!)
	done
	for i in 1 2 3; do
		eventually grep -q inet6 "$BATS_TEST_TMPDIR/$i"
	done
	cat "$BATS_TEST_TMPDIR"/[123]
	[ "$(cat "$BATS_TEST_TMPDIR"/[123] | grep -oE 'inet [0-9./]*' | sort | tr '\n' ' ')" = \
		"inet 10.1.0.10/24 inet 10.1.0.11/24 inet 10.1.0.12/24 " ]
	[ "$(cat "$BATS_TEST_TMPDIR"/[123] | grep -oE 'inet6 [0-9a-f:/]*' | sort -u | wc -l)" -eq 3 ]
	# What ls says is what they have.
	[ "$("$CLOISON" ls --json | jq -r '.cells[].addresses // empty' | grep '^10\.1\.0\.' | sort)" = \
		$'10.1.0.10 fd00:1::10\n10.1.0.11 fd00:1::11\n10.1.0.12 fd00:1::12' ]
	run -125 governed --net=veth:br0 -- true
	[ "$output" = "cloison: pool 'lan': none of its 3 IPv4 addresses is free, cells of this host have them (cloison ls --json)" ]
	# Named, it is the same: a lease is a lease.
	run -125 net_cell --net=veth:br0,addr=10.1.0.11/24 -- true
	[ "$output" = "cloison: address 10.1.0.11 is taken: another cell of this host has it" ]
	end "${pids[1]}"
	run -0 governed --net=veth:br0 -- ip -o -4 addr show eth0
	for i in 0 2; do end "${pids[$i]}"; done
}

@test "[S6] 12 cells at once, of which 3 can have an address: no two get one" {
	is_root || skip "needs root"
	local i pids=()
	mkdir got
	for i in $(seq 12); do
		# Each one marks its address while it has it.
		# shellcheck disable=SC2016 # expanded in the cell
		start "out.$i" --config="$site" --net=veth:br0 -- sh -c '
			a=$(ip -o -4 addr show eth0 | grep -oE "10[0-9.]*" | head -n 1)
			mkdir "got/$a" || { echo "twice: $a"; exit 1; }
			sleep 0.3; rmdir "got/$a"'
		pids+=($!)
	done
	local ran=0
	for i in "${pids[@]}"; do wait "$i" && ran=$((ran + 1)); done
	cat "$BATS_TEST_TMPDIR"/out.*
	run ! grep -h twice "$BATS_TEST_TMPDIR"/out.*
	[ "$ran" -ge 3 ]
}

@test "[S6] SIGKILL of the supervisor: interface gone, address free again" {
	is_root || skip "needs root"
	local i pid
	for i in 1 2 3; do
		start out --config="$site" --net=veth:br0 -- sleep 60
		pid=$!
		eventually test -e /run/cloison/leases/10.1.0.10
		eventually has_more_interfaces
		kill -KILL "$pid"
		wait "$pid" || true
		# Its init may take a moment to die; the address is free with it.
		run -0 governed --net=veth:br0 -- true
		eventually takes_first
		eventually no_more_interfaces
	done
	start out --config="$site" --net=veth:br0 -- sleep 60
	pid=$!
	eventually has_more_interfaces
	kill -KILL "$pid"
	wait "$pid" || true
	run ! leases
	on "$here" "$CLOISON" gc || true
	leases
}
takes_first() {
	run -0 governed --net=veth:br0 -- ip -o addr show eth0 scope global
	[[ $output == *"10.1.0.10/24"* && $output == *"fd00:1::10/64"* ]]
}
has_more_interfaces() { [[ $(interfaces) != "$before" ]]; }

@test "a namespace that somebody holds does not keep a killed cell's address" {
	is_root || skip "needs root"
	local pid init holder
	for net in veth:br0,addr=10.1.0.5/24 macvlan:up0,addr=10.2.0.5/24; do
		start out --net=$net -- sleep 60
		pid=$!
		eventually pgrep -P "$pid" -x cloison-init
		init=$(pgrep -P "$pid" -x cloison-init)
		eventually pgrep -P "$init" sleep
		nsenter -t "$init" -n sleep 60 3>&- &
		holder=$!
		eventually differs "$holder"
		kill -KILL "$pid"
		wait "$pid" || true
		eventually test ! -e "/proc/$init"
		run net_cell --net=$net -- true
		if [[ $net == veth* ]]; then
			[ "$status" -eq 0 ]
		else
			# The kernel knows, and says no.
			[ "$status" -eq 125 ]
			[[ $output == *"in use"* ]]
		fi
		end "$holder"
		eventually run_ok net_cell --net=$net -- true
	done
}
run_ok() { "$@" 2>/dev/null; }

@test "a cell that ends while its namespace is held leaves no interface in it" {
	is_root || skip "needs root"
	local init
	start out --net=macvlan:up0,addr=10.2.0.5/24 -- sleep 60
	local pid=$!
	eventually pgrep -P "$pid" -x cloison-init
	init=$(pgrep -P "$pid" -x cloison-init)
	eventually pgrep -P "$init" sleep
	nsenter -t "$init" -n sleep 60 3>&- &
	local holder=$!
	eventually differs "$holder"
	end "$pid"
	run -0 on "$holder" ip -o link
	[[ $output != *eth0* ]]
	run -0 net_cell --net=macvlan:up0,addr=10.2.0.5/24 -- true
	end "$holder"
}

@test "[S6] after 50 cells there are the interfaces of before" {
	is_root || skip "needs root"
	local i
	for i in $(seq 25); do
		start out --net=veth:br0,addr=10.1.0.5/24 -- true
		net_cell --net=macvlan:up0,addr=10.2.0.5/24 -- true
		wait $!
		no_more_interfaces
	done
}

@test "mistakes are one clear line each" {
	is_root || skip "needs root"
	while IFS='|' read -r net text; do
		run -125 net_cell --net="$net" -- true
		echo "$net: $output"
		[[ $output == *"$text"* ]]
		[ "${#lines[@]}" -eq 1 ]
	done <<-END
		veth:br9|this host has no interface 'br9'
		veth:up0|'up0' is not a bridge
		macvlan:lo|'lo' is no Ethernet
		veth:br0,addr=10.1.0.1/24|address 10.1.0.1 is taken: it is this host's
		veth:br0,pool=none|the site file has no pool 'none'
		veth:br0,addr=10.1.0.0/24|'10.1.0.0/24' is the address of the network
		veth:br0,addr=10.1.0.300/24|'10.1.0.300' is not an IP address
		veth:br0,addr=10.1.0.3|'10.1.0.3' is not ADDRESS/BITS
		veth:br0,gw=10.1.0.1|gw: there is no IPv4 address
		veth:br0,mode=bridge|veth has no modes
		macvlan:up0,mode=vepa|'vepa' is not one of bridge private
		veth:br0,mtu=100|'100' is less than IPv6 needs
		veth:br0,color=red|'color' is not one of
		veth:a/b|'a/b' is not the name of an interface
	END
	on "$here" ip link set br0 down
	run -125 net_cell --net=veth:br0,addr=10.1.0.5/24 -- true
	[ "$output" = "cloison: 'br0' is down (ip link set br0 up)" ]
}

@test "an ordinary user is told that an interface needs root" {
	is_root && skip "needs an ordinary user"
	run -125 cell --net=veth:br0,addr=10.1.0.5/24 -- true
	[ "$output" = "cloison: --net: 'veth:br0,addr=10.1.0.5/24' needs root; an ordinary user has none and host" ]
}

@test "where a site governs, an interface and an address are what it has allowed" {
	is_root || skip "needs root"
	run -125 governed --net=macvlan:up0 -- true
	[ "$output" = "cloison: --net: 'macvlan:up0' is not for users here (site file: nets = macvlan:up0)" ]
	run -125 governed --net=veth:br0,addr=10.1.0.99/24 -- true
	[ "$output" = "cloison: --net: addr, gw, mode and mtu are not for users here (site file: loosen = net)" ]
	run -0 governed --net=veth:br0,pool=lan -- ls /sys/class/net
	[ "$output" = $'eth0\nlo' ]
	echo 'loosen = net' >>"$site"
	run -0 governed --net=veth:br0,addr=10.1.0.99/24 -- true
	run -125 governed --net=macvlan:up0 -- true
}

@test "the payload cannot change its address or make raw packets" {
	is_root || skip "needs root"
	for user in identity root host; do
		run ! net_cell --user=$user --net=veth:br0,addr=10.1.0.5/24 -- ip addr add 10.1.0.6/24 dev eth0
		[[ $output == *"not permitted"* ]]
		run ! net_cell --user=$user --net=veth:br0,addr=10.1.0.5/24 -- ip link set eth0 down
		run ! net_cell --user=$user --net=veth:br0,addr=10.1.0.5/24 -- \
			python3 -c 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)'
		[[ $output == *PermissionError* ]]
	done
}

@test "the record has what went through the cell's interface" {
	is_root || skip "needs root"
	serve_cell --net=veth:br0,addr=10.1.0.5/24
	local file=$BATS_TEST_TMPDIR/record.json
	net_cell --record="$file" --net=veth:br0,addr=10.1.0.6/24 -- bash -c "$(call 10.1.0.5 7777)"
	jq -c .net "$file"
	jq -e '.net.rx_bytes > 200 and .net.rx_bytes < 5000' "$file"
	jq -e '.net.tx_bytes > 200 and .net.tx_bytes < 5000' "$file"
	end "$served"
	net_cell --record="$file.none" --net=none -- true
	jq -e 'has("net") | not' "$file.none"
}

# The hook stands for a DHCP client: it asks nobody, but it configures.
hook() {
	cat >"$BATS_TEST_TMPDIR/hook"
	chmod 755 "$BATS_TEST_TMPDIR/hook"
	echo "net-hook = $BATS_TEST_TMPDIR/hook" >>"$site"
}

@test "[S7] the site's hook configures the interface, as root, before the payload" {
	is_root || skip "needs root"
	hook <<-'END'
		#!/bin/sh
		env | sort >"${0%/*}/env.$$" 2>/dev/null
		env | sort | grep -vE '^(PWD|_|SHLVL)=' >&2
		[ "$1" = eth0 ] || exit 7
		ip addr add 10.1.0.77/24 dev eth0
	END
	echo 'loosen = net' >>"$site"
	on "$here" ip link add br1 type bridge
	on "$here" ip link set br1 up
	before=$(interfaces)
	echo 'nets = veth:br1' >>"$site"
	run -0 governed --net=veth:br1 -- ip -o -4 addr show eth0
	[[ $output == *"10.1.0.77/24"* ]]
}

@test "[S7] what a hook leaves running ends with the cell" {
	is_root || skip "needs root"
	hook <<-'END'
		#!/bin/sh
		sleep 4711 >/dev/null 2>&1 &
	END
	run -0 governed --net=veth:br0 -- pgrep -f 'sleep 4711'
	run ! pgrep -f 'sleep 4711'
}

@test "[S7] a hook that fails or is not root's alone: no cell, one clear line" {
	is_root || skip "needs root"
	hook <<-'END'
		#!/bin/sh
		echo "no answer from any server"
		exit 3
	END
	run -125 governed --net=veth:br0 -- true
	[ "$output" = "cloison: net-hook: $BATS_TEST_TMPDIR/hook failed (3): no answer from any server" ]
	chmod 777 "$BATS_TEST_TMPDIR/hook"
	run -125 governed --net=veth:br0 -- true
	[ "$output" = "cloison: net-hook: $BATS_TEST_TMPDIR/hook is not root's, or others may write it" ]
	chmod 644 "$BATS_TEST_TMPDIR/hook"
	run -125 governed --net=veth:br0 -- true
	[ "$output" = "cloison: net-hook: $BATS_TEST_TMPDIR/hook is no program" ]
	rm "$BATS_TEST_TMPDIR/hook"
	run -125 governed --net=veth:br0 -- true
	[[ $output == *"No such file or directory" ]]
}
