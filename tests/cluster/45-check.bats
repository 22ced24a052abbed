#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# cloison check on a node of a cluster: what it says of Slurm and of the site.
load common

plugin_file=$(realpath /usr/lib/x86_64-linux-gnu/cloison/spank_cloison.so)
line=/etc/slurm/plugstack.conf.d/cloison.conf

teardown() {
	plugin
	rm -rf /etc/cloison
	[[ ! -e $plugin_file.saved ]] || mv "$plugin_file.saved" "$plugin_file"
	[[ ! -e /etc/slurm/slurm.conf.check ]] || mv /etc/slurm/slurm.conf.check /etc/slurm/slurm.conf
}

# says NAME STATE PATTERN STATUS: what check says of NAME, and how it ends.
says() {
	run cloison check
	grep -E "^$1 +$2 +$3" <<<"$output" || {
		echo "$output"
		return 1
	}
	[ "$status" -eq "$4" ]
}

site() {
	mkdir -p /etc/cloison
	printf '%s\n' "$@" >/etc/cloison/cloison.conf
}

@test "a node that is fit" {
	plugin
	says plugstack ok "required ${plugin_file%/slurm-*}/spank_cloison.so" 0
	says plugin-release ok "[0-9]+\.[0-9]+, as Slurm $(slurmd -V | cut -d' ' -f2 | cut -d. -f1,2)" 0
	says munge ok "signs and verifies" 0
	# This cluster does without cgroups.
	says slurm-conf warn "slurm.conf: ProctrackType=proctrack/linuxproc without proctrack/cgroup: " 0
	run -0 as alice cloison check
	run ! grep -E '^(spool|registry)' <<<"$output"
}

@test "the plugin's line" {
	: >$line
	says plugstack warn "/etc/slurm/plugstack.conf: no line with spank_cloison.so" 0
	echo "required spank_cloison.so" >$line
	says plugstack warn "plugstack.conf: spank_cloison.so: without a path it has to be in Slurm's PluginDir" 0
	echo "required /nonexistent/spank_cloison.so" >$line
	says plugstack fail ".* is not there: Slurm drains this node" 1
	echo "optional $plugin_file" >$line
	says plugstack fail ".*runs without one \(write required\)" 1
}

@test "the plugin's release" {
	cp -p "$plugin_file" "$plugin_file.saved"
	# One release further: the number's middle byte.
	at=$((0x$(nm -D "$plugin_file" | awk '$3 == "plugin_version" { print $1 }')))
	printf '\x7f' | dd of="$plugin_file" bs=1 seek=$((at + 1)) conv=notrunc status=none
	says plugin-release fail ".* is for Slurm $(slurmd -V | cut -d' ' -f2 | cut -d. -f1)\.127, and this is .*: build it again" 1
	echo nonsense >"$plugin_file"
	says plugin-release fail ".* is no plugin of Slurm's" 1
	head -c 3000 "$plugin_file.saved" >"$plugin_file"
	says plugin-release fail ".* is no plugin of Slurm's" 1
}

@test "the site file, its profiles, spool, registry" {
	site '[site]' 'losen = net'
	says site-file fail "/etc/cloison/cloison.conf:2: unknown key 'losen'" 1
	site '[profile bad]' 'uts = host' 'hostname = x'
	says profiles fail "\[profile bad\]: /etc/cloison/cloison.conf:3: a host name needs uts=new" 1
	site 'spool = /proc/nospool'
	says spool fail ".*/proc/nospool" 1
	site 'spool-max = 1G'
	says spool ok "/var/spool/cloison: [0-9]+ of 1024 MiB in use" 0
	mkdir -p /run/cloison
	mv /run/cloison /run/cloison.saved
	mkdir -p /run/cloison/cells
	chmod 777 /run/cloison/cells
	says registry fail "/run/cloison/cells is not a directory of root's alone" 1
	rm -r /run/cloison
	mv /run/cloison.saved /run/cloison
}

@test "partitions need the prolog, shipping the collector" {
	site 'partitions = many:strict'
	says partitions fail "the site file has partitions: slurm.conf needs PrologFlags" 1
	cp /etc/slurm/slurm.conf /etc/slurm/slurm.conf.check
	echo 'PrologFlags=Alloc' >>/etc/slurm/slurm.conf
	says partitions ok "PrologFlags=Alloc" 0
	printf '[ship]\ncollector = node1:1\n' >/etc/cloison/cloisond.conf
	says collector warn "cloisond: node1 port 1: connect: Connection refused" 0
	printf '[ship]\ncollector = [127.0.0.1]:1 node1\n[collect]\nlisten = *:6827\nnodes = node1\n' >/etc/cloison/cloisond.conf
	cloisond --role=collect --foreground 3>&- &
	eventually 10 says collector ok "node1 port 6827 answers" 0
	kill $!
	wait $! || true
	printf '[ship]\nnonsense\n' >/etc/cloison/cloisond.conf
	says collector warn "cloisond: /etc/cloison/cloisond.conf:2: " 0
}
