#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Supervision: how a cell ends, and that it ends altogether, whoever is killed.

bats_require_minimum_version 1.5.0
load common

setup() { common_setup; }

@test "[S2] what the payload left is killed, reaped and accounted for" {
	json=$(record_of -- sh -c 'setsid python3 -c "while True: pass" & sleep 0.6; exit 4')
	[ "$(jq '.cpu.usage_us >= 400000' <<<"$json")" = true ]
	[ "$(jq .exit.code <<<"$json")" = 4 ]
	json=$(record_of --pid=host -- sh -c 'setsid python3 -c "while True: pass" & sleep 0.6; exit 4')
	[ "$(jq '.cpu.usage_us >= 400000' <<<"$json")" = true ]
	[ "$(jq .exit.code <<<"$json")" = 4 ]
}

@test "[S2] 1,000 orphans are reaped, in a PID namespace and without one" {
	for mode in new host; do
		run -0 cell --pid=$mode -- python3 -c '
import os, time
for i in range(1000):
    if os.fork() == 0:
        if os.fork() == 0:
            time.sleep(0.1)
        os._exit(0)
    os.wait()
end = time.time() + 10
def children():
    n = 0
    for p in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{p}/stat") as f:
                s = f.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        n += s[1] == str(os.getppid())
    return n
while children() > 1 and time.time() < end:
    time.sleep(0.05)
print("children of init:", children())'
		[ "$output" = "children of init: 1" ]
	done
}
