#!/usr/bin/env bash
# Three nats-servers as a JetStream cluster, and two relays in front of it, all on
# loopback and in a temporary directory, to try what a fleet survives.
#
#	bash relay/cluster.sh            until Ctrl-C; it says what to try
#	bash relay/cluster.sh --check    sends the quick start through it, kills a node and a
#	                                 relay, and ends with a status
#	PORT=20000 bash relay/cluster.sh    with other ports than 18400 and the 40 after it;
#	                                 a check takes ports where nobody listens
#
# It needs Go and curl. With ALTERTABLE_API_KEY set, the relays deliver to that
# account; else each has the API in its memory.
set -euo pipefail

check=
case "$*" in
'') ;;
--check) check=yes ;;
*) sed -n '2,12s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
esac

# free_ports prints the first of 41 ports where nobody listens, so that two checks at a
# time do not meet. They are below the range of outgoing connections.
free_ports() {
	local first n
	while :; do
		first=$((10000 + RANDOM % 400 * 50))
		for n in {0..40}; do
			if (: <"/dev/tcp/127.0.0.1/$((first + n))") 2>/dev/null; then continue 2; fi
		done
		echo "$first" && return
	done
}

cd "$(dirname "$0")/.."
port=${PORT:-18400}
[ -z "$check" ] || port=${PORT:-$(free_ports)}
dir=$(mktemp -d) relays='' nodes=''

# finish ends everything: the relays first, so that they deliver what they hold.
finish() {
	local code=$?
	trap - EXIT
	trap '' INT TERM
	end $relays
	end $nodes
	rm -rf "$dir"
	exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# end tells processes to end, and kills those that have not after ten seconds.
end() {
	local pid tries=0
	for pid in "$@"; do kill -TERM "$pid" 2>/dev/null || true; done
	for pid in "$@"; do
		while kill -0 "$pid" 2>/dev/null; do
			tries=$((tries + 1))
			[ "$tries" -lt 100 ] || kill -KILL "$pid" 2>/dev/null || true
			sleep 0.1
		done
		wait "$pid" 2>/dev/null || true
	done
}

# kill_at_once is kill -9; bash says nothing of it.
kill_at_once() {
	kill -KILL "$1"
	wait "$1" 2>/dev/null || true
}

# until_ok repeats a command for five minutes.
until_ok() {
	local until=$((SECONDS + 300))
	until "$@" >/dev/null 2>&1; do
		if [ "$SECONDS" -ge "$until" ]; then
			echo "after five minutes this still fails: $*" >&2
			tail -n 20 "$dir"/*.log >&2
			return 1
		fi
		sleep 0.2
	done
}

# node starts nats-server $1 of three.
node() {
	cat >"$dir/node$1.conf" <<-END
		server_name: node$1
		listen: 127.0.0.1:$((port + $1))
		max_payload: 4MB
		jetstream: { store_dir: "$dir/node$1" }
		cluster: {
		  name: fleet
		  listen: 127.0.0.1:$((port + 10 + $1))
		  routes: [nats://127.0.0.1:$((port + 11)), nats://127.0.0.1:$((port + 12)), nats://127.0.0.1:$((port + 13))]
		}
	END
	"$dir/nats-server" -c "$dir/node$1.conf" >>"$dir/node$1.log" 2>&1 &
	eval "node$1=$!"
	nodes="$nodes $!"
}

# relay starts relay $1 of two.
relay() {
	"$dir/altertable-relay" serve --listen "127.0.0.1:$((port + 20 + $1))" --admin-listen "127.0.0.1:$((port + 30 + $1))" \
		--nats "nats://127.0.0.1:$((port + 1)),nats://127.0.0.1:$((port + 2)),nats://127.0.0.1:$((port + 3))" \
		--replicas 3 --pinned-ttl 3s $api >>"$dir/relay$1.log" 2>&1 &
	eval "relay$1=$!"
	relays="$relays $!"
}

ready() { curl -fsS "http://127.0.0.1:$((port + 30 + $1))/readyz"; }

# metric prints the sum of a metric of relay $1.
metric() {
	curl -fsS "http://127.0.0.1:$((port + 30 + $1))/metrics" |
		awk -v name="altertable_relay_$2" '{ split($1, parts, "{") } parts[1] == name { sum += $2 } END { print sum + 0 }'
}

echo 'building nats-server, the relay and the quick start'
go build -C relay -o "$dir/nats-server" github.com/nats-io/nats-server/v2
go build -C relay -o "$dir/altertable-relay" .
go build -o "$dir/quickstart" ./examples/quickstart
if [ -n "$check" ]; then
	for variable in $(compgen -v ALTERTABLE_); do unset "$variable"; done
fi
api=
[ -n "${ALTERTABLE_API_KEY:-}" ] || api='--api offline'
for n in 1 2 3; do node $n; done
for n in 1 2; do relay $n; done
for n in 1 2; do until_ok ready $n; done

if [ -z "$check" ]; then
	cat <<-END

		Three nodes and two relays run. Their logs and data are in $dir.
		Point the quick start at one relay, or at the other, in a second terminal:

		    export ALTERTABLE_BASE_URL=http://127.0.0.1:$((port + 21)) # or :$((port + 22))
		    export ALTERTABLE_API_KEY=any
		    go run ./examples/quickstart

		What was delivered, and which relay drains (1):

		    curl -s http://127.0.0.1:$((port + 31))/metrics | grep -e delivered_events -e leads
		    curl -s http://127.0.0.1:$((port + 32))/metrics | grep -e delivered_events -e leads

		Kill a node, kill the relay that drains, and send again; the other takes over in 3 s:

		    kill -9 $node1   # or the nodes $node2, $node3
		    kill -9 $relay1   # or the relay $relay2

		Ctrl-C ends everything.
	END
	wait
	exit
fi

# send runs the quick start, which has three messages, through relay $1. While NATS
# elects, for about ten seconds, the relay answers 503. A service would go on; the
# quick start waits ten seconds and gives up, so it is run again.
send() {
	local tries=0
	until ALTERTABLE_BASE_URL=http://127.0.0.1:$((port + 20 + $1)) ALTERTABLE_API_KEY=any "$dir/quickstart"; do
		tries=$((tries + 1))
		[ "$tries" -lt 20 ] || return 1
	done
}

# delivered tells whether the relays $2... have delivered $1 messages together, or
# more: of a quick start that gave up, some may have been stored.
delivered() {
	local want=$1 sum=0 n
	shift
	for n in "$@"; do sum=$((sum + $(metric "$n" delivered_events_total))); done
	[ "$sum" -ge "$want" ]
}

echo 'the quick start through each relay'
send 1
send 2
until_ok delivered 6 1 2

echo 'the commands ask the cluster'
cat >"$dir/relay.yaml" <<-END
	admin-listen: ":$((port + 31))"
	nats: nats://127.0.0.1:$((port + 1))
END
"$dir/altertable-relay" status --config "$dir/relay.yaml"
"$dir/altertable-relay" dlq ls --config "$dir/relay.yaml"

echo 'a node is killed'
kill_at_once "$node2"
send 1
until_ok delivered 9 1 2

left=1 killed=2
[ "$(metric 1 leads)" = 0 ] || left=2 killed=1
echo "relay $killed, which drains, is killed"
before=$(metric $left delivered_events_total)
eval "kill_at_once \$relay$killed"
send $left
until_ok delivered $((before + 3)) $left

echo 'the node comes back, and another is killed'
node 2
until_ok ready $left
kill_at_once "$node3"
send $left
until_ok delivered $((before + 6)) $left
echo 'everything was delivered'
