# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034
# What the tests of cloisond share: both roles, as the user who runs the tests.
# TOP is the file's directory, D the test's.

load realms

: "${CLOISON:=cloison}"
: "${CLOISOND:=$(dirname "$(dirname "$CLOISON")")/sbin/cloisond}"
: "${CLOISON_REPORT:=${CLOISON_LIBEXECDIR:-}/cloison-report}"
me=$(id -u)
declare -gA on=([ship]='' [collect]='') # the command that leads to a role's node
address=127.0.0.1 # of the collector

# until_true COMMAND...: for half a minute at most
until_true() {
	eventually "$@" && return
	tail -n 5 "${D:-/nonexistent}"/*.log >&2
	return 1
}

daemon_setup() {
	need_munged
	D=$BATS_TEST_TMPDIR
	port=$((20000 + ($$ * 37 + BATS_TEST_NUMBER * 101) % 20000))
	spool=$D/spool store=$D/store/records.db
	# As MUNGE calls this host.
	host=$(munge -n -S "$TOP/here" | unmunge -S "$TOP/here" |
		sed -n 's/^ENCODE_HOST:.*(\(.*\))$/\1/p')
	mkdir -p "$spool/tmp" "$spool/new"
	chmod 755 "$spool" "$spool/tmp" "$spool/new"
	touch "$D/pids"
	export TZ=UTC LC_ALL=C
}

daemon_teardown() {
	local pid
	while read -r pid; do
		kill -9 "$pid" || true
		wait "$pid" || true
	done < "${D:-/nonexistent}/pids"
} 2>/dev/null

# write_conf ROLE [LINE...]: lines are added to the role's section.
write_conf() {
	local role=$1
	shift
	{
		echo "[cloisond]"
		echo "munge-socket = $TOP/${realm:-here}"
		echo "[$role]"
		echo "stats = $D/$role.stats"
		if [ "$role" = ship ]; then
			printf '%s\n' "collector = $address:$port" "spool = $spool" \
				"retry-max = 1s" "interval = 1s"
			[[ "$*" == *collector-user* ]] || echo "collector-user = $me"
		else
			printf '%s\n' "listen = $address:$port" "store = $store"
			[[ "$*" == *nodes* ]] || echo "nodes = $host"
		fi
		printf '%s\n' "$@"
	} > "$D/$role.conf"
}

# Each role gets a network of its own, with a wire between them. Needs root.
two_nodes() {
	local role pid
	for role in collect ship; do
		unshare --net sleep 1000 3>&- &
		pid=$!
		echo $pid >> "$D/pids"
		until_true eval "[ \$(readlink /proc/$pid/ns/net) != $(readlink /proc/self/ns/net) ]"
		on[$role]="nsenter --target $pid --net"
	done
	${on[collect]} ip link add wire type veth peer name wire netns $pid
	for role in collect ship; do
		address=10.9.0.$((${#role} - 3))
		${on[$role]} ip address add $address/24 dev wire
		${on[$role]} ip link set wire up
	done
	address=10.9.0.4
}

# run_daemon ROLE: with the file that is there
run_daemon() {
	local was
	was=$(grep -c event=start "$D/$1.log" 2>/dev/null || true)
	# shellcheck disable=SC2086 # of several words, or none
	${on[$1]} "$CLOISOND" --foreground --role="$1" --config="$D/$1.conf" \
		>> "$D/$1.log" 2>&1 3>&- &
	echo $! >> "$D/pids"
	echo $! > "$D/$1.pid"
	until_true eval "[ \$(grep -c event=start '$D/$1.log') -gt ${was:-0} ]"
}

start_daemon() { write_conf "$@" && run_daemon "$1"; }

# stop_daemon ROLE [SIGNAL]: its status is left in $ended
stop_daemon() {
	local pid
	pid=$(cat "$D/$1.pid")
	kill "-${2:-TERM}" "$pid"
	ended=0
	wait "$pid" 2>/dev/null || ended=$?
}

stats() { "$CLOISOND" --stats --role="$1" --config="$D/$1.conf"; }

# counter ROLE NAME: with its labels
counter() { stats "$1" | sed -n "s/^cloisond_$2 //p"; }

# counts ROLE NAME N: at least
counts() { [ "$(counter "$1" "$2")" -ge "$3" ]; }

stored() {
	"$CLOISON_REPORT" --store="$store" --no-import --by=record --json | grep -o '"schema":' | wc -l
}

spool_empty() { [ -z "$(ls -A "$spool/new")" ]; }

# record ID [JQ PROGRAM]: a record of this user
record() {
	jq -cn --arg id "$1" --argjson uid "$me" '{
		schema: "cloison.record/1", id: $id,
		scheduler: {name: "slurm", cluster: "c1", job: "4711", step: "0"},
		node: "n1", user: {name: "alice", uid: $uid, gid: 1000, account: "phys"},
		time: {start: "2026-03-01T10:00:00.000000Z",
			end: "2026-03-01T11:00:00.500000Z", wall_s: 3600.5},
		exit: {code: 3, reason: "exited"},
		cpu: {count: 2, usage_us: 3600500000}
	} | '"${2:-.}"
}

# spool_one ID [JQ PROGRAM], as cells do: it appears whole
spool_one() {
	(umask 077 && record "$@" > "$D/$1.json")
	mv "$D/$1.json" "$spool/new/$1.json"
}

# spool_many FIRST LAST: r-FIRST to r-LAST
spool_many() {
	mkdir -p "$D/many"
	(umask 077 && record r-x | awk -v dir="$D/many" -v first="$1" -v last="$2" '
		{ for (i = first; i <= last; i++) {
			line = $0
			sub(/r-x/, "r-" i, line)
			file = dir "/r-" i ".json"
			print line > file
			close(file)
		} }')
	find "$D/many" -name 'r-*' -exec mv -t "$spool/new" {} +
}
