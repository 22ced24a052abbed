#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# srun --x11: Slurm's own tunnel, and what it leaves for clients, for those in a cell. xauth stands for all clients of libX11, and
# what listens for them says whether they had the key.
load common

key=00112233445566778899aabbccddeeff

setup_file() {
	install -d -m 1777 /tmp/.X11-unix
	./display.py /tmp/.X11-unix/X99 "$key" 3>&- &
	echo $! >"$BATS_FILE_TMPDIR/display"
	as alice xauth -q add :99 . "$key"
	# Slurm has no X11 with linuxproc.
	configure $'ProctrackType=proctrack/pgid\nPrologFlags=X11'
}

teardown_file() {
	kill "$(<"$BATS_FILE_TMPDIR/display")"
	rm -f /tmp/.X11-unix/X99 /home/alice/.Xauthority
	unconfigure
}

# client NODE [OPTION]...: what the display says to a client in a step there.
client() {
	# shellcheck disable=SC2016 # for the step's shell
	as alice env DISPLAY=:99 srun --x11 -p many -w "$1" --mem=100 "${@:2}" \
		sh -c 'echo "on $DISPLAY as pid $$"; xauth -f /tmp/mine generate "$DISPLAY" . 2>&1; ls -A /tmp; true'
}

@test "x11: a client reaches the display with the key, without a cell" {
	run -0 client node2
	[[ $output == *"on localhost:"*"with the key"* && $output != *without* ]]
}

@test "x11: so it does in a cell, on the node of srun and on another" {
	for node in node1 node2; do
		run -0 client "$node" --cell
		[[ $output == *"on localhost:"*"as pid 2"*"with the key"*.Xauthority-* && $output != *without* ]]
	done
}

@test "x11: clients find no key under another host name, as the manual page says" {
	on node2 mkdir -p /etc/cloison
	on node2 sh -c 'printf "%s\n" "[site]" "profiles = batch named" "[profile named]" "base = batch" "hostname = elsewhere" \
		>/etc/cloison/cloison.conf'
	run client node2 --cell=named
	on node2 rm /etc/cloison/cloison.conf
	echo "$output"
	[[ $output == *"as pid 2"*"without the key"* ]]
}

@test "x11: a cell without the host's network has no way to the display" {
	run -0 client node2 --cell=strict
	[[ $output == *"as pid 2"*"unable to open display"* && $output != *"the key"* ]]
}
