#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Whose rights the payload has: ids and groups in each mode of --user.

bats_require_minimum_version 1.5.0
load common

setup() {
	common_setup
	modes=(self root)
	! is_root || modes=(identity self root host)
}

# A file that root can read by a group alone: as a payload it has no
# capabilities, and owner and others may not.
group_file() {
	echo text >by-group
	chown 64330:64331 by-group
	chmod 040 by-group
}

@test "[S8] every mode shows the ids that it says" {
	for mode in "${modes[@]}"; do
		run -0 cell --user="$mode" -- sh -c 'id -u; id -g'
		if [ "$mode" = root ]; then
			[ "$output" = $'0\n0' ]
		else
			[ "$output" = "$(id -u)"$'\n'"$(id -g)" ]
		fi
		run -0 cell --user="$mode" -- cat /proc/self/setgroups
		case $mode in
		identity | host) [ "$output" = allow ] ;;
		*) [ "$output" = deny ] ;;
		esac
	done
}

@test "[S8] what is made inside is the caller's outside, in every mode" {
	for mode in "${modes[@]}"; do
		cell --user="$mode" -- touch "made-$mode"
		[ "$(stat -c %u:%g "made-$mode")" = "$(id -u):$(id -g)" ]
	done
}

@test "[S8] supplementary groups count in every mode: root's" {
	is_root || skip "needs another group"
	group_file
	run ! cell -- cat by-group
	for mode in "${modes[@]}"; do
		run -0 setpriv --groups=0,64331 "$CLOISON" run --quiet --user="$mode" -- cat by-group
		[ "$output" = text ]
	done
	# Where all ids are mapped they keep their numbers.
	for mode in identity host; do
		run -0 setpriv --groups=0,64331 "$CLOISON" run --quiet --user=$mode -- id -G
		[ "$output" = "0 64331" ]
	done
}

@test "[S8] supplementary groups count in every mode: an ordinary user's" {
	is_root || skip "needs another group"
	open=$(mktemp -d /var/tmp/cloison-probe.XXXXXX)
	chmod 755 "$open"
	cd "$open"
	group_file
	user=(setpriv --reuid=64321 --regid=64321 "--groups=64321,64331" env HOME=/nonexistent)
	for mode in self root; do
		run -0 "${user[@]}" "$CLOISON" run --quiet --user=$mode -- cat by-group
		[ "$output" = text ]
		# The kernel has no number for it in the cell: nobody's.
		run -0 "${user[@]}" "$CLOISON" run --quiet --user=$mode -- id -G
		[[ $output == *65534* ]]
	done
	run ! setpriv --reuid=64321 --regid=64321 --clear-groups env HOME=/nonexistent \
		"$CLOISON" run --quiet -- cat by-group
}

@test "[S8] who may not map ids is told so" {
	! is_root || skip "root may"
	for mode in identity host; do
		run -125 cell --user=$mode -- touch ran
		[[ $output == "cloison: --user: '$mode' needs root"* ]]
		[ "${#lines[@]}" -eq 1 ]
	done
	[ ! -e ran ]
}

@test "[S8] root without capabilities is told that it cannot map itself" {
	is_root || skip "needs root"
	run -125 cell --nestable=yes -- "$CLOISON" run --quiet -- touch ran
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == cloison:* ]]
	[ ! -e ran ]
}

teardown() { [ -z "${open-}" ] || rm -r "$open"; }

# In user=host there is no inner user namespace: nothing but the lack of
# capabilities, and of ways to get any, keeps the mounts in place.
@test "[S15] in no mode does the payload change a mount of the set-up" {
	mkdir under
	echo secret >under/key
	for mode in "${modes[@]}"; do
		for pid in new host; do
			run cell --user="$mode" --pid=$pid --nestable=yes --hide="$PWD/under" -- sh -c '
				umount under; umount -l under; mount -o remount,bind,rw /usr
				mount --move under /mnt; mount --bind / /mnt && cat "/mnt$PWD/under/key"
				unshare -rm sh -c "umount under; umount -l under; mount -o remount,bind,rw /usr
					mount --rbind / /mnt && cat /mnt$PWD/under/key; touch /usr/cloison-x"
				cat under/key; touch /usr/cloison-x; echo done'
			[[ $output == *done ]]
			[[ $output != *secret* ]]
			[ ! -e /usr/cloison-x ]
		done
	done
}

@test "[S15] with pid=host the supervisor and its root are out of reach" {
	for mode in "${modes[@]}"; do
		run cell --user="$mode" --pid=host --nestable=yes -- sh -c '
			init=$PPID; sup=$(cut -d" " -f4 /proc/$init/stat)
			for p in $init $sup; do
				ls /proc/$p/root/ /proc/$p/fd/ >/dev/null && echo in
				head -c 1 /proc/$p/environ && echo in
				nsenter -t $p -m true && echo in
			done; echo done'
		[[ $output == *done ]]
		run ! grep -qx in <<<"$output"
	done
}
