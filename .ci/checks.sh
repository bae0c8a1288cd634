# The sections that look at the code without running it.

# tools builds the programs that tools/go.mod pins.
tools() {
	[ -z "${built:-}" ] || return 0
	say 'build staticcheck and govulncheck'
	go build -C tools -o "$bin/" tool
	built=yes
}

format() {
	say gofmt
	local unformatted
	unformatted=$(git ls-files '*.go' | xargs gofmt -l)
	if [ -n "$unformatted" ]; then
		printf 'Not formatted; run gofmt -w with these:\n%s\n' "$unformatted"
		return 1
	fi
}

# actionlint is not in tools/go.mod, where another module needs a newer version of
# what it imports, with which it does not build.
workflows() {
	say actionlint
	# Without what a machine happens to have besides.
	go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12 -shellcheck= -pyflakes=
}

# ports builds for the systems that no machine here runs. Those of js and wasip1
# cannot lock files. README.md names them. The relay is a program for three systems.
ports() {
	local os port module
	for os in linux darwin windows; do
		say "go vet for $os"
		GOOS=$os CGO_ENABLED=0 go vet ./...
	done
	for os in darwin windows; do
		for module in natsqueue relay; do
			say "go vet $module for $os"
			GOOS=$os CGO_ENABLED=0 go -C "$module" vet ./...
		done
	done
	say 'go vet for 32 bits'
	GOARCH=386 CGO_ENABLED=0 go vet ./...
	say 'build for other systems'
	for port in freebsd/amd64 openbsd/amd64 netbsd/amd64 illumos/amd64 plan9/amd64 js/wasm wasip1/wasm \
		${long:+dragonfly/amd64 solaris/amd64 aix/ppc64 android/arm64 ios/arm64}; do
		echo "$port"
		GOOS=${port%/*} GOARCH=${port#*/} CGO_ENABLED=0 go build . ./altertabletest
	done
}

# oldest vets what users import with the oldest Go that its go.mod allows.
oldest() {
	local version list module
	list=$(directories | grep -e '^\.$' -e '^natsqueue$' -e '^telemetry/')
	version=$(go list -m -f '{{.GoVersion}}')
	case $version in
	*.*.*) ;;
	*) version=$version.0 ;;
	esac
	say "go vet with go$version, the oldest"
	if ! GOTOOLCHAIN=go$version go version; then
		skip "Go $version: it cannot be fetched"
		return
	fi
	for module in $list; do
		GOTOOLCHAIN=go$version go -C "$module" vet ./...
	done
}

# api compares what the modules export with the snapshots of it.
api() {
	say 'the exported API is that of the snapshots'
	go run -C tools ./api
}

# vulnerabilities fails for a known vulnerability in a dependency, if the code
# reaches it: what is only imported or required is no danger, and govulncheck counts
# it without failing. One in the standard library is shown and does not fail: it is
# mended by a newer Go, which those choose who build a program, and no change here.
# Variable GOVULNDB names another database, as a URL.
vulnerabilities() {
	tools
	local list module code
	list=$(directories)
	for module in $list; do
		say "govulncheck $module"
		code=0
		"$bin/govulncheck" -C "$module" -db "${GOVULNDB:-https://vuln.go.dev}" ./... >"$bin/found" 2>"$bin/errors" || code=$?
		cat "$bin/found"
		if [ "$code" = 3 ] && standard_library_only "$bin/found"; then
			echo 'All of it is of the standard library, and does not fail this run: use a newer Go.'
		elif grep '^govulncheck: fetching vulnerabilities' "$bin/errors"; then
			[ -z "$long" ] || return 1
			skip 'known vulnerabilities: the database is out of reach'
			return
		elif [ "$code" != 0 ]; then
			cat "$bin/errors"
			return 1
		fi
	done
}

# standard_library_only tells whether each vulnerability of a report is one of the
# standard library. A report that it does not understand is not.
standard_library_only() {
	local all standard
	all=$(grep -c '^Vulnerability #' "$1" || true)
	standard=$(grep -c '^  Standard library$' "$1" || true)
	[ "$all" -gt 0 ] && [ "$all" = "$standard" ] && ! grep -q '^  Module: ' "$1"
}

# tree fails for changes that are not committed, and for files that the run left.
tree() {
	say 'the tree is as it was'
	local now
	now=$(git status --porcelain)
	if ! git diff --exit-code || [ "$now" != "$before" ]; then
		printf 'Commit what you changed, or find the section that left it:\n%s\n' "$now"
		return 1
	fi
}
