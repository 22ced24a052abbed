#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# A cell in a terminal, under a shell with job control.

bats_require_minimum_version 1.5.0
load common

setup() {
	common_setup
	# A sanitizer's search for leaks stops processes, and waits for ever
	# for one that a terminal has stopped.
	export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
	export C="$CLOISON run --quiet"
}

# The dialogue with an interactive shell.
talk() {
	python3 "$BATS_TEST_DIRNAME/terminal.py" env PS1='outer> ' \
		bash --norc --noprofile --noediting -i
}

@test "control-Z stops the payload and cloison, fg continues both, in every mode" {
	local user=self
	! is_root || user=identity
	for options in --pid=new --pid=host --user=$user --user=root; do
		export C="$CLOISON run --quiet $options"
		talk <<-'END'
			? outer>
			> $C -- sh -c 'echo up$((1)); cat; echo down$((1))'
			? up1
			> one
			? one
			? one
			^Z
			? Stopped
			? outer>
			> jobs; echo $((6 * 7))
			? Stopped
			? 42
			> fg
			? cat
			> two
			? two
			? two
			^D
			? down1
			? outer>
		END
	done
}

@test "control-C reaches the payload once, and its status the shell" {
	talk <<-'END'
		? outer>
		> $C -- bash -c 'n=0; trap "n=\$((n + 1)); echo int\$((1)) \$n" INT; echo up$((1)); for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 0.1; done; echo total$((1))=$n'
		? up1
		^C
		? int1 1
		? total1=1
		> $C -- sleep 100; echo status=$?
		. 0.5
		^C
		? status=130
		> $C -- sleep 100; echo status=$?
		. 0.5
		^\
		? status=131
	END
}

@test "a change of the window reaches the payload" {
	talk <<-'END'
		? outer>
		= 30 90
		> $C -- bash -c 'trap "stty size" WINCH; stty size; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do sleep 0.1; done; echo over$((1))'
		? 30 90
		= 41 123
		? 41 123
		? over1
	END
}

@test "a shell in the cell has job control of its own" {
	talk <<-'END'
		? outer>
		> PS1='inner> ' $C -- bash --norc --noprofile --noediting -i
		? inner>
		> sleep 100
		. 0.3
		^Z
		? Stopped
		? inner>
		> bg; jobs; kill %1; wait; echo status=$?
		? Running
		? status=
		> cat
		> hello
		? hello
		? hello
		^C
		? inner>
		> sleep 100 & cat &
		? inner>
		. 0.3
		> jobs
		? Stopped
		= 33 77
		> stty size
		? 33 77
		> exit
		> exit
		? outer>
		> echo $((6 * 7))
		? 42
		> cat
		> again
		? again
		? again
		^C
		? outer>
	END
}

@test "a shell in the cell that suspends itself comes back with fg" {
	talk <<-'END'
		? outer>
		> PS1='inner> ' $C -- bash --norc --noprofile --noediting -i
		? inner>
		> suspend
		? Stopped
		? outer>
		> echo $((6 * 7))
		? 42
		> fg
		? inner>
		> echo $((8 * 8))
		? 64
		> suspend
		? Stopped
		? outer>
		> fg
		? inner>
		> echo $((9 * 9))
		? 81
		> exit
		? outer>
	END
}

@test "in the background a cell that reads the terminal is stopped, not obeyed" {
	talk <<-'END'
		? outer>
		> $C -- cat &
		. 1
		> jobs
		? Stopped
		> fg
		? cat
		> line
		? line
		? line
		^D
		? outer>
		> $C -- sh -c 'sleep 0.3; echo from behind$((1))' &
		? from behind1
		> wait; echo $((6 * 7))
		? 42
	END
}

@test "a payload that is stopped by somebody else stops the job, and bg continues it" {
	talk <<-'END'
		? outer>
		> $C -- sh -c 'kill -STOP $$; echo went on$((1)); exit 5'
		? Stopped
		? outer>
		> bg; wait %1; echo status=$?
		? went on1
		? status=5
	END
}

@test "in a pipeline the terminal stays with all of it" {
	talk <<-'END'
		? outer>
		> $C -- echo text | (cat; read -r x </dev/tty; echo "got $x")
		? text
		> word
		? got word
		? outer>
		> $C -- sleep 100 | cat
		. 0.5
		^Z
		? Stopped
		> fg
		? cat
		^C
		? outer>
	END
}

@test "after a shell in a cell a script goes on to read from the terminal" {
	cat >script <<-'END'
		PS1='inner> ' $C -- bash --norc --noprofile --noediting -i
		echo next
		read -r x
		echo "got $x"
	END
	python3 "$BATS_TEST_DIRNAME/terminal.py" bash script <<-'END'
		? inner>
		> exit
		? next
		> word
		? got word
	END
}

@test "without a terminal a stopped payload leaves cloison waiting, not stopped" {
	run -0 setsid -w "$CLOISON" run --quiet -- sh -c '(sleep 0.5; kill -CONT $$) & kill -STOP $$; echo on'
	[ "$output" = on ]
	# Nor where a parent would see it: it may be no shell.
	run -0 setsid -w python3 -c '
import os, subprocess, sys
print(subprocess.run([sys.argv[1], "run", "--quiet", "--", "sh", "-c",
    "(sleep 0.5; kill -CONT $$) & kill -STOP $$; echo on"],
    preexec_fn=lambda: os.setpgid(0, 0), timeout=20).returncode)' "$CLOISON"
	[ "$output" = $'on\n0' ]
}

@test "when the terminal is gone the cell is told and ends" {
	export NAP=$((1000000 + BASHPID * 10))
	talk <<-'END'
		? outer>
		> $C -- sh -c 'echo up$((1)); sleep $NAP'
		? up1
	END
	for _ in $(seq 100); do pgrep -fx "sleep $NAP" || break; sleep 0.1; done
	run ! pgrep -fx "sleep $NAP"
	# The leader of the session itself, as under ssh.
	python3 "$BATS_TEST_DIRNAME/terminal.py" "$CLOISON" run --quiet -- sh -c 'echo up$((1)); sleep $NAP' <<-'END'
		? up1
	END
	for _ in $(seq 100); do pgrep -fx "sleep $NAP" || break; sleep 0.1; done
	run ! pgrep -fx "sleep $NAP"
}
