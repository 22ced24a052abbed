#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Plugins for several releases of Slurm on one machine.
load common

conf=/etc/slurm/plugstack.conf.d/cloison.conf
lib=/usr/lib/x86_64-linux-gnu/cloison

setup_file() { cp $conf "$BATS_FILE_TMPDIR/conf"; }

teardown() {
	cp "$BATS_FILE_TMPDIR/conf" $conf
	rm -rf /usr/local/lib/other
	unconfigure
}

# plugin NUMBER FILE: one that does nothing, of the release whose number Slurm writes so.
plugin() {
	mkdir -p "${2%/*}"
	cc -shared -fPIC -o "$2" -x c - <<-END
		const char plugin_name[] = "cloison", plugin_type[] = "spank";
		const unsigned plugin_version = $1, spank_plugin_version = 1;
	END
}

@test "the plugin lies by its release, and the name in plugstack.conf points to it" {
	[[ $(srun -V) =~ ([0-9]+\.[0-9]+)\. ]]
	release=${BASH_REMATCH[1]}
	for so in spank_cloison.so spank_cloison_job.so; do
		[ "$(readlink $lib/$so)" = "slurm-$release/$so" ]
		[ -f "$lib/slurm-$release/$so" ]
	done
	[ "$(find $lib -name '*.so' -type f | wc -l)" -eq 2 ]
}

@test "nothing but SPANK's symbols is exported, and how to fail where Slurm asks for it" {
	run -0 nm -D --defined-only $lib/spank_cloison.so
	[ -z "$(awk '$3 !~ /^(plugin_(name|type|version)|spank_plugin_version|slurm_spank_.*)$/' <<<"$output")" ]
	[[ $(srun -V) =~ ([0-9]+)\.([0-9]+)\. ]]
	modes=$(grep -c slurm_spank_init_failure_mode <<<"$output" || true)
	[ "$modes" -eq $((10#${BASH_REMATCH[1]}${BASH_REMATCH[2]} >= 2505)) ]
}

@test "a plugin of another release is refused by a line that says so" {
	plugin 0x150811 /usr/local/lib/other/spank_cloison.so
	echo "required /usr/local/lib/other/spank_cloison.so" >$conf
	run ! srun true
	[[ $output == *"/usr/local/lib/other/spank_cloison.so: Incompatible plugin version"* ]]
	wait_idle
}

@test "of several releases' plugins Slurm takes its own: a line without a path" {
	plugin 0x150811 /usr/local/lib/other/older/spank_cloison.so
	plugin 0x630b01 /usr/local/lib/other/newer/spank_cloison.so
	dirs=$(scontrol show config | sed -n 's/^PluginDir *= //p')
	configure "PluginDir=$dirs:/usr/local/lib/other/newer:$(dirname "$(realpath $lib/spank_cloison.so)"):/usr/local/lib/other/older"
	echo "required spank_cloison.so" >$conf
	# shellcheck disable=SC2016 # for the task's shell
	run -0 --separate-stderr srun -p many -N3 --cell bash -c 'echo "$HOSTNAME $$"'
	[[ $(sort <<<"$output") == $'node1 2\nnode2 2\nnode3 2' ]]
	[ -e /usr/local/lib/other/older/spank_cloison.so ]
}
