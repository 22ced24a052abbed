#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# cloison report --html, as a browser shows and prints it.

bats_require_minimum_version 1.5.0

# Thirty jobs of three users, three a day. The second half of those of job 10
# and up have no CPU time, and the names of one user are markup.
records() {
	jq -cn --argjson uid "$(id -u)" 'range(30) | {
		schema: "cloison.record/1", id: "0193-\(.)",
		scheduler: (if . % 2 == 0 then {name: "slurm", cluster: "c1", queue: "long"}
			else {name: "gridengine"} end + {job: "\(100 + .)", step: "0"}),
		node: "n1",
		user: {name: ["alice", "bob", "<script>alert(1)</script>"][. % 3], uid: $uid,
			account: ["phys", "chem", "\"><img src=http://example.org/x>\u001b"][. % 3]},
		time: {start: "2026-03-\(101 + . / 3 | floor | tostring[1:])T10:00:00.000000Z",
			end: "2026-03-\(101 + . / 3 | floor | tostring[1:])T11:00:00.000000Z",
			wall_s: 3600},
		exit: {code: (. % 2), reason: "exited"},
		cpu: {count: 4, usage_us: (. * 400000000)},
		memory: {limit_bytes: 4294967296, peak_bytes: (. * 107374182)}
	} | if .scheduler.job > "120" then del(.cpu) else . end'
}

# page NAME ARGUMENT...: what the browser makes of the page.
page() {
	HOME=$D/home timeout 60 chromium --headless --no-sandbox --disable-gpu \
		--user-data-dir="$D/home/$1" --hide-scrollbars --window-size=980,1560 \
		"${@:2}" "file://$D/page.html" 2>"$D/$1.log" 3>&-
}

setup_file() {
	D=$BATS_FILE_TMPDIR
	export D TZ=UTC LC_ALL=C.UTF-8
	mkdir -p "$D/spool/tmp" "$D/spool/new" "$D/home"
	chmod 755 "$D/spool" "$D/spool/tmp" "$D/spool/new"
	records | (umask 077 && while IFS= read -r line; do
		printf '%s' "$line" >"$D/spool/new/$(jq -r .id <<<"$line").json"
	done)
	"$CLOISON_LIBEXECDIR/cloison-report" --spool="$D/spool" --store="$D/store/r.db" \
		--html="$D/page.html"
	! command -v chromium >/dev/null || {
		page light --dump-dom --screenshot="$D/light.png" >"$D/dom" &
		page dark --blink-settings=preferredColorScheme=0 \
			--screenshot="$D/dark.png" --print-to-pdf="$D/page.pdf"
		wait $!
	}
}

report() {
	"$CLOISON_LIBEXECDIR/cloison-report" --no-import --store="$D/store/r.db" "$@"
}

need_browser() {
	command -v chromium >/dev/null || skip "chromium is not installed"
}

# pixels PICTURE: its size, the colour of its corner, how many pixels have the
# colours of the bars, and whether there is text. By Debian's own Python, which
# is the one that has the package.
pixels() {
	/usr/bin/python3 -c 'import sys
from PIL import Image
p = Image.open(sys.argv[1]).convert("RGB")
n = dict((c, k) for k, c in p.getcolors(1 << 24))
back = p.getpixel((2, 2))
bars = [n.get(tuple(bytes.fromhex(c)), 0) > 5000 for c in sys.argv[2:]]
print(*p.size, bytes(back).hex(), *bars, len(n) > 100)' "$@"
}

@test "the page has its numbers and its plots in the browser" {
	need_browser
	[ "$(grep -c '<svg' "$D/dom")" -eq 9 ]
	grep -q '<dt>Jobs</dt><dd>30</dd>' "$D/dom"
	grep -q '<dt>Cells that failed</dt><dd>15</dd>' "$D/dom"
	# 20 * 21 / 2 * 400 s of 21 * 4 hours; 29 * 30 / 2 of 30 * 40 parts.
	grep -q '<dt>Core hours used</dt><dd>23.3<small>28 % of 84</small>' "$D/dom"
	grep -q '<dt>GiB hours used</dt><dd>43.5<small>36 % of 120</small>' "$D/dom"
	grep -q '2026-03-01T10:00:00 to 2026-03-10T11:00:00' "$D/dom"
	grep -q '>0–10: jobs 4<' "$D/dom"
	grep -q '(not known of 9 jobs)' "$D/dom"
	grep -q '>03-01: used 0.3, asked for, not used 11.7<' "$D/dom"
	grep -q '>phys: used 7, asked for, not used 21<' "$D/dom"
	grep -q '>long of slurm: used ' "$D/dom"
	grep -q '>gridengine: used ' "$D/dom"
	# Job 100 used no CPU time at all.
	grep -q '>100 alice: used 0, asked for, not used 4<' "$D/dom"
}

@test "names of users are text, whatever they are" {
	need_browser
	grep -q '&lt;script&gt;alert(1)&lt;/script&gt;' "$D/dom"
	grep -qF 'img src=http://example.org/x&gt;\u001b' "$D/dom"
	for file in "$D/dom" "$D/page.html"; do
		run -1 grep -iE '<(script|img|iframe|object|embed|link|base|form)|[^/]src=[^h]|url\(|@import' "$file"
	done
	grep -q "Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline';" "$D/page.html"
}

@test "the page is drawn, light and dark" {
	need_browser
	[ "$(pixels "$D/light.png" 2563b8 f0a35e)" = "980 1560 ffffff True True True" ]
	[ "$(pixels "$D/dark.png" 6aa5f0 c47f3d)" = "980 1560 14181f True True True" ]
}

@test "the page is printed" {
	need_browser
	[ "$(head -c 5 "$D/page.pdf")" = %PDF- ]
	[ "$(stat -c %s "$D/page.pdf")" -gt 20000 ]
}

@test "a page is on what is asked for" {
	report --html=- --user=bob --failed --since=2026-03-05 >"$D/out"
	grep -q '<dt>Jobs</dt><dd>3</dd>' "$D/out"
	grep -q '; user bob; failed only</p>' "$D/out"
	report --html=- --user=nobody >"$D/out"
	[ "$(grep -c 'nothing was measured' "$D/out")" -eq 9 ]
	grep -q '</html>' "$D/out"
	for option in --by=user --by=record --format=user --sort=user --limit=3 --json; do
		run -125 report --html=- "$option"
		[ "${#lines[@]}" -eq 1 ]
	done
}

@test "the file appears whole or not at all" {
	mkdir "$BATS_TEST_TMPDIR/pages"
	cd "$BATS_TEST_TMPDIR/pages"
	run -125 report --html=none/page.html
	[[ $output == "cloison: make none/page.html."*": No such file or directory" ]]
	echo old >page.html
	mkdir page
	run -125 report --html=page
	[ "$(ls)" = $'page\npage.html' ]
	report --html=page.html
	[ "$(tail -n 1 page.html)" = "</html>" ]
	[ "$(stat -c %a page.html)" = 600 ]
	[ "$(ls)" = $'page\npage.html' ]
}
