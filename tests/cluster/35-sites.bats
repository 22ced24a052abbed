#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What sites do with a cluster: nodes without configuration files of their own, an upgrade while steps run.
load common

plugin_file=$(realpath /usr/lib/x86_64-linux-gnu/cloison/spank_cloison.so)

@test "configless: plugstack.conf comes from slurmctld, with the plugin's arguments" {
	cp /etc/slurm/plugstack.conf /etc/slurm/plugstack.conf.saved
	cp /etc/slurm/slurm.conf /etc/slurm/slurm.conf.saved
	# What it includes by a path does not come.
	echo "required $plugin_file default=strict profiles=batch" >/etc/slurm/plugstack.conf
	echo 'SlurmctldParameters=enable_configless' >>/etc/slurm/slurm.conf
	cluster restart slurmctld
	# shellcheck disable=SC2016 # for the node's shell
	on node2 sh -c 'kill "$(cat /run/cluster/slurmd.pid)" && mount -t tmpfs tmpfs /etc/slurm && sleep 1 &&
		slurmd --conf-server node1:6817 </dev/null >/run/cluster/configless.log 2>&1 3>&-'
	run -0 on node2 ls /etc/slurm
	[ -z "$output" ]
	eventually 30 takes_steps node2
	run -0 as alice srun -Q -p many -w node2 cat /proc/1/comm
	[ "$output" = cloison-init ]
	run -0 as alice srun -Q -p many -w node2 --cell=batch cat /proc/1/comm
	[ "$output" = cloison-init ]
	run -1 as alice srun -Q -p many -w node2 --cell=none true
	[[ $output == *"is not for users here"* ]]
	mv /etc/slurm/plugstack.conf.saved /etc/slurm/plugstack.conf
	mv /etc/slurm/slurm.conf.saved /etc/slurm/slurm.conf
	cluster restart slurmctld
	cluster cut node2
	cluster start node2
}
takes_steps() { srun -p many -w "$1" -t 1 -I true; }

@test "an upgrade while steps run: they end with their record, the next one is by the new plugin" {
	wait_idle
	as alice srun --cell sh -c 'until [ -e ~/go ]; do sleep 0.1; done; exit 3' 3>&- &
	srun=$!
	eventually 20 in_cell
	for file in "$plugin_file" "$(command -v cloison)"; do
		cp -p "$file" "$file.new"
		mv "$file.new" "$file"
	done
	stepd=$(pgrep -f 'slurmstepd: \[[0-9]*\.0\]' | head -n 1)
	grep -q "$plugin_file (deleted)" "/proc/$stepd/maps"
	run -0 cloison ls
	[[ $output == *alice* ]]
	run -0 as alice srun -Q --overlap --overcommit --cell cat /proc/1/comm
	[ "$output" = cloison-init ]
	touch /home/alice/go
	status=0
	wait "$srun" || status=$?
	[ "$status" -eq 3 ]
	rm /home/alice/go
	wait_idle
	cloison report --by=record --json 2>/dev/null | jq -e 'any(.exit.code == 3 and .user.name == "alice")'
	run -0 cloison ls
	[[ $output != *alice* ]]
}
in_cell() { cloison ls | grep -q alice; }
