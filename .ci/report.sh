# What a run says of itself: what it does now, how long each part took, and what
# it did not check.

part='' began=0 times='' skipped='' failed='' all_done=''

# say begins a part of the run.
say() {
	took
	part=$* began=$SECONDS
	printf '\n== %s\n' "$part"
}

# took notes how long the part took that is over.
took() {
	[ -z "$part" ] || times+=$(printf '%5d s  %s' $((SECONDS - began)) "$part")$'\n'
	part=''
}

# skip says what is not checked, and why.
skip() {
	printf '== NOT CHECKED: %s\n' "$*"
	[ -z "${GITHUB_ACTIONS:-}" ] || printf '::warning::not checked: %s\n' "$*"
	skipped+="  $*"$'\n'
}

# finish ends every run, a failed one too. One that a signal ends has no status of
# its own.
finish() {
	local code=$?
	failed=${failed:-$part}
	[ -n "$all_done" ] || [ "$code" != 0 ] || code=1
	took
	printf '\n== times\n%s%5d s  together\n' "$times" "$SECONDS"
	[ -z "$skipped" ] || printf '\n== not checked\n%s' "$skipped"
	[ "$code" = 0 ] || printf '\n== FAILED: %s\n' "${failed:-$0}"
	rm -rf "$bin"
	exit "$code"
}

# directories prints those of the modules that this system tests. A caller keeps
# them in a variable first, since a loop over a command that fails is a loop over
# nothing.
directories() {
	local all module
	all=$(git ls-files '*go.mod' | xargs -n1 dirname) || return 1
	[ -n "$all" ] || return 1
	for module in $all; do
		if runs_here "$module"; then echo "$module"; fi
	done
}

# runs_here tells whether this system tests a module.
runs_here() {
	case " $linux_alone " in
	*" $1 "*) return 1 ;;
	esac
}
