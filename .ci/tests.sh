# The sections that run the code.

tests() {
	say 'the test command of the README'
	go test -timeout 40m ./...
}

install() {
	local root=
	[ "$(id -u)" = 0 ] || root=sudo
	insist $root apt-get update -qq
	insist $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# insist runs a command that needs the network, up to three times.
insist() {
	local tries=1
	until "$@"; do
		[ "$tries" -lt 3 ] || return 1
		tries=$((tries + 1))
		sleep 5
	done
}

# browser gets what the modules that drive a browser need.
browser() {
	directories | sed 's,$,/go.mod,' | xargs grep '^	github.com/chromedp/chromedp ' >/dev/null || return 0
	say 'Chromium, npm, and axe-core, which looks at the pages'
	if ! command -v chromium; then install chromium; fi
	if ! command -v npm; then install npm; fi
	local tarball
	tarball=$(insist npm pack --silent --pack-destination "$bin" axe-core@4.14.1)
	tar -xzf "$bin/$tarball" -C "$bin" package/axe.min.js
	export AXE_CORE=$bin/package/axe.min.js
}

# modules takes two at a time, since most tests wait for something: a process, a
# browser, a timeout. The relay comes first and by itself, then the longest.
modules() {
	tools
	browser
	local list alone first second module log
	list=$(directories)
	alone=$(grep -x relay <<<"$list" || true) # its tests run many processes: they need both cores
	list="$(grep -x -e local -e tools <<<"$list" || true) $(grep -vx -e relay -e local -e tools <<<"$list" || true)"
	# Else each process that a test starts of itself sleeps for a second at its end.
	export GORACE=${GORACE:-atexit_sleep_ms=0}
	say 'modules, two at a time after the first'
	mkdir -p "$bin/taken"
	: >"$bin/times"
	lane $alone & first=$!
	wait "$first" || true # what counts is what they have left
	lane $list & first=$!
	lane $list & second=$!
	wait "$first" || true
	wait "$second" || true
	took
	times+=$(cat "$bin/times")$'\n'
	for module in $alone $list; do
		log=$bin/taken/module-${module//\//_}
		[ -e "$log/shown" ] || cat "$log/said" || true # its lane has ended in the middle
		[ -e "$log/well" ] || failed+="${failed:+ }$module"
	done
	[ -z "$failed" ] || { failed="module $failed" && return 1; }
}

# lane checks modules that no other lane has taken yet, and prints what each one
# says when it is done.
lane() {
	local module log
	trap - INT # else Ctrl-C ends the run, and what the lanes run goes on
	for module in "$@"; do
		log=$bin/taken/module-${module//\//_}
		mkdir "$log" 2>/dev/null || continue
		times='' part=''
		if module "$module" >"$log/said" 2>&1; then : >"$log/well"; fi
		took
		printf '%s' "$times" >>"$bin/times"
		: >"$log/shown"
		cat "$log/said"
	done
}

# module checks one. It is called where bash does not end a function at a command
# that fails.
module() {
	# All of Prometheus would be compiled once more, for tests that share nothing.
	local race=-race
	[ "$1" != tools ] || race=
	say "module $1: tidy, vet, staticcheck"
	go -C "$1" mod tidy -diff || { echo "To mend it: go -C $1 mod tidy" && return 1; }
	go -C "$1" vet ./... || return 1
	(cd "$1" && "$bin/staticcheck" ./...) || return 1
	say "module $1: test $race"
	# Some tests read files outside their module, which the test cache does not see.
	# The time is for tests that hang, on a machine that is busy.
	go -C "$1" test $race -count=1 -timeout 40m ./...
}

programs() {
	say 'examples that end by themselves'
	go build -o "$bin/" ./examples/...
	"$bin/quickstart"
	"$bin/lambda" <<<'{"user": "u_42", "amount": 12.5}'
	go run -C examples/outbox .

	# What a run of the tool records, the next command delivers.
	export EXAMPLE_CLI_DIR="$bin/cli-data" DO_NOT_TRACK=
	"$bin/cli"
	"$bin/cli" deliver >"$bin/delivered"
	cat "$bin/delivered"
	grep -q '"event":"command_run"' "$bin/delivered" || { echo 'cli deliver did not deliver what cli recorded' && return 1; }

	runs_here importer || return 0
	go run -C importer . # its sample, as a newcomer sees it
	# Rows of this file are refused: status 2, of which go run would make a 1.
	go build -C importer -o "$bin/altertable-import" .
	local code=0
	"$bin/altertable-import" -dry-run importer/testdata/events.csv || code=$?
	[ "$code" = 2 ] || { echo "status $code in place of 2" && return 1; }
}

# services: each has to end by itself, and well, once it is told to. The relay is
# told nothing: it takes any token, and delivers to a server within itself.
services() {
	say 'services that are told to end'
	go build -o "$bin/" ./examples/shutdown ./examples/webapp
	go build -C examples/metrics -o "$bin/" .
	CGO_ENABLED=0 go build -C relay -o "$bin/" .
	local service
	for service in 'shutdown -addr 127.0.0.1:0' 'webapp -addr 127.0.0.1:0' 'metrics -addr 127.0.0.1:0' \
		'relay serve --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0'; do
		echo "${service%% *}"
		: >"$bin/log" # else the last one's address is read, until this one is there
		# The relay keeps its files in the user's cache.
		# shellcheck disable=SC2086 # words
		HOME=$bin XDG_CACHE_HOME=$bin "$bin/"$service 2>"$bin/log" >&2 &
		ends_well $! || { cat "$bin/log"; return 1; }
		cat "$bin/log"
	done
	say 'three NATS servers and two relays, of which one each is killed'
	bash relay/cluster.sh --check
}

# ends_well waits until the process listens, tells it to end, and takes its status. The
# minutes are for a process that hangs, not for a machine that is busy.
ends_well() {
	local until=$((SECONDS + 300))
	until grep -q 'http://' "$bin/log"; do
		kill -0 "$1" 2>/dev/null || { echo 'it ended before it listened'; return 1; }
		[ "$SECONDS" -lt "$until" ] || { kill -KILL "$1"; echo 'it does not listen'; return 1; }
		sleep 0.1
	done
	until=$((SECONDS + 300))
	kill -TERM "$1" || { echo 'it ended unasked'; return 1; }
	while kill -0 "$1" 2>/dev/null; do
		[ "$SECONDS" -lt "$until" ] || { kill -KILL "$1"; echo 'it does not end'; return 1; }
		sleep 0.1
	done
	wait "$1"
}

benchmarks() {
	say 'benchmarks, to see that every event arrives'
	go run -C benchmarks . -rounds 1 -events 2000
	go test -run '^$' -bench 'ShortLived|TrackSpool' -benchtime 10x .
	go test -C local -run '^$' -bench Load -benchtime 1x ./server
	go run -C importer ./bench -events 20000 -naive 200
	go run -C relay ./bench -events 2000 -natsqueue 5000 # natsqueue's own benchmark is in it
}

# fuzz counts, since a duration now and then ends as a failure: go.dev/issue/75804.
fuzz() {
	local count=${FUZZ:-${long:+500000x}} packages directory targets target
	[ "$count" != 0 ] || { skip 'fuzzing: FUZZ=0'; return; }
	packages=$(git grep -l '^func Fuzz' -- '*_test.go' | xargs -n1 dirname | sort -u)
	for directory in $packages; do
		targets=$(go -C "$directory" test -list '^Fuzz' . | grep '^Fuzz')
		for target in $targets; do
			say "fuzz $directory $target"
			go -C "$directory" test -run '^$' -fuzz "^$target\$" -fuzztime "${count:-5000x}" -fuzzminimizetime 100x .
		done
	done
}
