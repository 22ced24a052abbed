# SPDX-License-Identifier: GPL-2.0-or-later
# What the tests on the cluster of tests/vm/cluster share: `load common` at the top of a file. They run as root on node1, without
# systemd and without cgroups. node1 is the default partition's, `-p many` has all three.
# shellcheck shell=bash
load ../e2e/common

# bats waits for who keeps its descriptor 3.
cluster() { "${BATS_TEST_DIRNAME%/*}/vm/cluster" "$@" 3>&-; }

# on NODE COMMAND...
on() {
	if [[ $1 == node1 ]]; then
		"${@:2}"
	else
		cluster exec "$@"
	fi
}

# Every node takes jobs and none has any.
node_idle() {
	[[ $(sinfo -h -N -o %T | sort -u) == idle ]]
}

# configure LINES: lines for the end of slurm.conf, and daemons that know them; unconfigure takes them back.
configure() {
	cp -n /etc/slurm/slurm.conf /etc/slurm/slurm.conf.saved
	printf '%s\n' "$1" >>/etc/slurm/slurm.conf
	restart_all
}
unconfigure() {
	[[ -e /etc/slurm/slurm.conf.saved ]] || return 0
	mv /etc/slurm/slurm.conf.saved /etc/slurm/slurm.conf
	restart_all
}
restart_all() {
	local name
	for name in slurmctld node1 node2 node3; do cluster stop "$name"; done
	for name in slurmctld node1 node2 node3; do cluster start "$name"; done
}

# plugin [ARGUMENT...]: the plugin's line in plugstack.conf, with these arguments. Steps that start from now on see it.
plugin() {
	local dir=/usr/lib/x86_64-linux-gnu/cloison
	printf '%s\n' "required $dir/spank_cloison.so $*" "optional $dir/spank_cloison_job.so" \
		>/etc/slurm/plugstack.conf.d/cloison.conf
}

# kind COMMAND...: what cell a step gets that COMMAND... starts on node1, as it looks from inside: none, batch or strict.
kind() {
	# shellcheck disable=SC2016 # for the step's shell
	"$@" sh -c '
		[ "$(cat /proc/1/comm)" = cloison-init ] || { echo none; exit; }
		[ "$(readlink /proc/self/ns/net)" = "$0" ] && echo batch || echo strict' "$(readlink /proc/self/ns/net)"
}
