# What a run says of itself: what it does now, how long each part took, and what
# it did not check.

part='' began=0 times='' skipped=''

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

# finish ends every run, a failed one too.
finish() {
	local code=$? failed=$part
	took
	printf '\n== times\n%s%5d s  together\n' "$times" "$SECONDS"
	[ -z "$skipped" ] || printf '\n== not checked\n%s' "$skipped"
	[ "$code" = 0 ] || printf '\n== FAILED: %s\n' "${failed:-$0}"
	rm -rf "$bin"
	exit "$code"
}

# directories prints those of the modules that this system tests.
directories() {
	local module
	for module in $(git ls-files '*go.mod' | xargs -n1 dirname); do
		case " $linux_alone " in
		*" $module "*) ;;
		*) echo "$module" ;;
		esac
	done
}
