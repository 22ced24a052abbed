#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Interfaces of a cell's own in Slurm: on a bridge br0 of the node, and on two
# network cards whose cables lead to other hosts, which are net namespaces
# here. A name in brackets is the behaviour that the test proves.

load common

setup_file() {
	mkdir -p /etc/cloison /run/cloison
	modprobe -a bridge veth macvlan ipvlan
	ip link add br0 type bridge
	ip link set br0 up
	ip addr add 10.7.0.1/24 dev br0
	ip addr add fd00:7::1/64 dev br0 nodad
	local n
	for n in 1 2; do
		ip netns add "far$n"
		ip link add "up$n" type veth peer name eth0 netns "far$n"
		ip link set "up$n" up
		ip -n "far$n" link set eth0 up
		ip -n "far$n" addr add "10.8.$n.1/24" dev eth0
		ip -n "far$n" addr add "fd00:8:$n::1/64" dev eth0 nodad
	done
	cat >"$BATS_FILE_TMPDIR/site" <<-END
		nets = veth:br0 macvlan:up1 ipvlan:up2
		net-pool = lan on=br0 10.7.0.10-10.7.0.11/24 gw=10.7.0.1
		net-pool = lan fd00:7::10-fd00:7::11/64 gw=fd00:7::1
		net-pool = one on=up1 10.8.1.10-10.8.1.99/24 fd00:8:1::10-fd00:8:1::99/64
		net-pool = two on=up2 10.8.2.10-10.8.2.99/24 fd00:8:2::10-fd00:8:2::99/64
	END
}

teardown_file() {
	rm -f /etc/cloison/cloison.conf
	ip link del port0 2>/dev/null || true
	ip link del br0
	ip netns del far1
	ip netns del far2
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	chmod 755 "$BATS_TEST_TMPDIR"
	wait_idle
	cp "$BATS_FILE_TMPDIR/site" /etc/cloison/cloison.conf
	note_state
}

teardown() { same_again; }

address() { grep -oE "$2 [0-9a-f.:]+" "$1" | head -n 1 | cut -d' ' -f2; }
has_address() { [[ $(address "$@") ]]; }

# serve_step USER: a step of his that says hello on port 7777, in the background; $step, $ip4, $ip6.
serve_step() {
	as "$1" srun --cell --cell-net=veth:br0 sh -c '
		ip -o addr show eth0 scope global
		echo hello | nc -lN 7777; echo hello | nc -6 -lN 7777' >"step.$1" 2>&1 3>&- &
	step=$!
	eventually 60 has_address "step.$1" inet6
	ip4=$(address "step.$1" inet) ip6=$(address "step.$1" inet6)
}

# serve_far N: the same of the other host at the end of that cable.
serve_far() {
	ip netns exec "far$1" sh -c 'echo hello | nc -lN 7777; echo hello | nc -6 -lN 7777' 3>&- &
	far=$!
}

# What a client says to a server of the above, IPv4 first.
# shellcheck disable=SC2016 # expanded in the cell
client='for ip; do for try in 1 2 3 4 5; do nc -w 5 $ip 7777 </dev/null && break; sleep 0.5; done; done'

@test "[S6] steps of two users on one bridge reach each other, by IPv4 and IPv6" {
	serve_step alice
	[ "$ip4" = 10.7.0.10 ]
	[ "$ip6" = fd00:7::10 ]
	run -0 as bob srun --cell --cell-net=veth:br0 sh -c "$client" sh "$ip4" "$ip6"
	[ "$output" = $'hello\nhello' ]
	wait "$step"
}

@test "[S6] a step on a macvlan, and one on an ipvlan, reaches another host" {
	serve_far 1
	run -0 as alice srun --cell --cell-net=macvlan:up1 sh -c "$client" sh 10.8.1.1 fd00:8:1::1
	[ "$output" = $'hello\nhello' ]
	wait "$far"
	serve_far 2
	run -0 as alice srun --cell --cell-net=ipvlan:up2,pool=two sh -c "$client" sh 10.8.2.1 fd00:8:2::1
	[ "$output" = $'hello\nhello' ]
	wait "$far"
}

@test "[S6] ipvlan cells of cloison run: both modes, mode=l3 with a route back" {
	serve_far 2
	run -0 cloison run --config="$BATS_FILE_TMPDIR/site" --net=ipvlan:up2 -- sh -c "$client" sh 10.8.2.1 fd00:8:2::1
	[ "$output" = $'hello\nhello' ]
	wait "$far"
	run -0 cloison run --config="$BATS_FILE_TMPDIR/site" --net=ipvlan:up2 -- ip -d link show eth0
	[[ $output == *"mode l2 "* ]]
	echo 'loosen = net' >>/etc/cloison/cloison.conf
	run -0 cloison run --net=ipvlan:up2,pool=two,mode=l3 -- ip -d link show eth0
	[[ $output == *"mode l3 "* ]]
	# Not both kinds on one interface: the kernel's own words, and nothing is left.
	cloison run --net=ipvlan:up2 -- sleep 60 3>&- &
	local pid=$!
	eventually 20 pgrep -P "$pid" -x cloison-init
	eventually 20 pgrep -P "$(pgrep -P "$pid" -x cloison-init)" sleep
	echo 'nets = macvlan:up2' >>/etc/cloison/cloison.conf
	run -125 cloison run --net=macvlan:up2 -- true
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == *"make macvlan on 'up2'"*busy* ]]
	kill "$pid"
	wait "$pid" || true
}

@test "[S5] a step with --cell-net=none reaches nothing" {
	run -0 as alice srun --cell --cell-net=none sh -c '
		ls /sys/class/net; ip -o addr show scope global; ip route; ip -6 route show default
		ping -c1 -W1 10.7.0.1 2>&1; nc -w 2 127.0.0.1 6817 && echo reached; nc -w 2 10.7.0.1 6817 && echo reached; true'
	[ "${lines[0]}" = lo ]
	[[ $output != *reached* ]]
	[[ $output != *10.7.0.1/* ]]
}

@test "[S6] all tasks of a step share its interface, and the record has its bytes" {
	run -0 as alice srun -n2 --cell --cell-net=veth:br0 sh -c '
		ip -o -4 addr show eth0 | grep -oE "inet [0-9./]*"; ip route show default; readlink /proc/self/ns/net'
	[ "$(sort -u <<<"$output" | wc -l)" -eq 3 ]
	[[ $output == *"inet 10.7.0.10/24"*"default via 10.7.0.1 dev eth0"* ]]
	serve_step alice
	run -0 as bob srun --cell --cell-net=veth:br0 sh -c "$client" sh "$ip4" "$ip6"
	wait "$step"
	wait_idle
	local job
	job=$(scontrol -o show job | sed -n 's/^JobId=\([0-9]*\) .*UserId=bob.*/\1/p' | sort -n | tail -n 1)
	cloison report --by=record --json --job="$job" | jq '.[0].net'
	cloison report --by=record --json --job="$job" | jq -e '.[0].net | .rx_bytes > 200 and .tx_bytes > 200'
}

@test "[S6] a pool of two: two steps at once have one each, the third is told" {
	cat >steps <<-'END'
		for i in 1 2; do
			srun --overlap -n1 --cell --cell-net=veth:br0 sh -c 'ip -o -4 addr show eth0; sleep 1000' >out.$i 2>&1 &
		done
		for i in 1 2; do
			until grep -q inet out.$i; do sleep 0.3; done
		done
		grep -ohE 'inet [0-9.]+' out.1 out.2 | sort
		srun --overlap -n1 --cell --cell-net=veth:br0 true; echo "third $?"
		kill %1; wait %1
		srun --overlap -n1 --cell --cell-net=veth:br0 true; echo "fourth $?"
		kill %2; wait %2
		exit 0
	END
	chmod 644 steps
	cp steps /home/alice/steps
	run -0 as alice salloc -n1 bash steps
	echo "$output"
	[[ $output == *"inet 10.7.0.10"$'\n'"inet 10.7.0.11"* ]]
	[[ $output == *"cloison: pool 'lan': none of its 2 IPv4 addresses is free, cells of this host have them (cloison ls --json)"* ]]
	[[ $output == *"third 1"* && $output == *"fourth 0"* ]]
	rm /home/alice/steps /home/alice/out.[12]
}

@test "[S6] slurmstepd killed: no interface is left, and the address is free again" {
	as alice srun --cell --cell-net=veth:br0 sh -c 'ip -o -4 addr show eth0; sleep 1000' >killed 2>&1 3>&- &
	local srun=$! init stepd
	eventually 60 has_address killed inet
	init=$(pgrep -x cloison-init)
	stepd=$(cloison ls --json | jq '.cells[0].supervisor')
	kill -KILL "$stepd"
	eventually 30 test ! -e "/proc/$init"
	eventually 30 no_cell_interface
	run -0 cloison run --net=veth:br0 -- ip -o -4 addr show eth0
	[[ $output == *"10.7.0.10/24"* ]]
	kill "$srun" 2>/dev/null || true
	wait "$srun" || true
	scancel -u alice
	wait_idle 120
	cloison gc
}
no_cell_interface() { [[ $(ls /sys/class/net) != *cell* ]]; }

@test "interfaces and addresses that the site has not allowed are refused, and no node is drained" {
	run -1 as alice srun --cell --cell-net=macvlan:br0 true
	[[ $output == *"cloison: --cell-net: 'macvlan:br0' is not for users here (site file: nets = macvlan:br0)"* ]]
	run -1 as alice srun --cell --cell-net=veth:br0,addr=10.7.0.77/24 true
	[[ $output == *"cloison: --cell-net: addr, gw, mode and mtu are not for users here (site file: loosen = net)"* ]]
	run -1 as alice srun --cell=strict --cell-net=veth:br0 true
	[[ $output == *"is looser than the profile's 'none'"* ]]
	run -1 as alice srun --cell --cell-net=veth:br0,pool=two true
	[[ $output == *"pool 'two' is not for 'br0'"* ]]
	run ! as alice srun --cell --cell-net=veth:br0,addr=10.7.0.0/24 true
	[[ $output == *"is the address of the network"* ]]
	run -125 as alice cloison run --net=veth:br0 -- true
	[[ $output == *"needs root; an ordinary user has none and host"* ]]
	rm /etc/cloison/cloison.conf
	run -1 as alice srun --cell --cell-net=veth:br0 true
	[[ $output == *"is not for users here"* ]]
}

@test "[S7] the site's hook runs a DHCP client in the cell" {
	# It serves where there is a carrier.
	ip link add port0 type dummy
	ip link set port0 master br0 up
	mkdir -p /run/systemd/network
	cat >/run/systemd/network/br0.network <<-END
		[Match]
		Name=br0
		[Network]
		Address=10.7.0.1/24
		ConfigureWithoutCarrier=yes
		KeepConfiguration=yes
		DHCPServer=yes
		[DHCPServer]
		PoolOffset=100
		PoolSize=50
	END
	systemctl start systemd-networkd
	cat >/etc/cloison/dhcp <<-'END'
		#!/bin/sh
		exec /usr/lib/klibc/bin/ipconfig -t 20 -c dhcp -d "$1" 2>&1
	END
	chmod 755 /etc/cloison/dhcp
	# No pool for the bridge: its addresses come from the server.
	printf '%s\n' 'nets = veth:br0' 'net-hook = /etc/cloison/dhcp' >/etc/cloison/cloison.conf
	eventually 30 serves_dhcp
	run as alice srun --cell --cell-net=veth:br0 sh -c 'ip -o -4 addr show eth0; id -un; ping -c1 10.7.0.1 >/dev/null 2>&1; nc -w 2 -z 10.7.0.1 6817; ip route'
	systemctl stop systemd-networkd systemd-networkd.socket
	ip link del port0
	rm -rf /run/systemd/network/br0.network /etc/cloison/dhcp /run/net-eth0.conf
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output =~ inet\ 10\.7\.0\.1[0-4][0-9]/24 ]]
	[[ $output == *alice* ]]
}
serves_dhcp() { ss -Hlun | grep -q ':67 '; }

@test "[S7] a hook that hangs is ended after 30 seconds, with all it has started" {
	printf '#!/bin/sh\nsleep 4711\n' >/etc/cloison/dhcp
	chmod 755 /etc/cloison/dhcp
	printf '%s\n' 'nets = veth:br0' 'net-hook = /etc/cloison/dhcp' >/etc/cloison/cloison.conf
	run -125 cloison run --net=veth:br0 -- true
	rm /etc/cloison/dhcp
	[ "$output" = "cloison: net-hook: /etc/cloison/dhcp took more than 30 s" ]
	run ! pgrep -f 'sleep 4711'
}

@test "[S6] interfaces before and after 50 cells" {
	local before_links
	before_links=$(ls /sys/class/net)
	for _ in $(seq 25); do
		cloison run --quiet --net=veth:br0 -- true
		cloison run --quiet --net=ipvlan:up2 -- true
	done
	[ "$(ls /sys/class/net)" = "$before_links" ]
}
