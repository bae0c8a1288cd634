package main

import (
	"bytes"
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/importer/internal/show"
)

func TestFlagsStandAnywhere(t *testing.T) {
	c, err := parseFlags([]string{"a.csv", "-dry-run", "b.csv", "-rate", "50", "-", "--", "-c.csv", "-force"})
	require.NoError(t, err)
	assert.Equal(t, []string{"a.csv", "b.csv", "-", "-c.csv", "-force"}, c.paths)
	assert.True(t, c.dryRun)
	assert.False(t, c.force)
	assert.Equal(t, 50.0, c.rate)
}

func TestKinds(t *testing.T) {
	for only, want := range map[string]map[string]bool{
		"users":           {"identify": true, "alias": true},
		"events":          {"track": true},
		"Track, identify": {"track": true, "identify": true},
		"alias,alias":     {"alias": true},
	} {
		c, err := parseFlags([]string{"-only", only})
		require.NoError(t, err)
		assert.Equal(t, want, c.endpoints)
	}
	c, err := parseFlags(nil)
	require.NoError(t, err)
	assert.Nil(t, c.endpoints)
}

func TestTimes(t *testing.T) {
	for text, want := range map[string]string{
		"2026-01-31":                "2026-01-31T00:00:00Z",
		"2026-01-31T12:00":          "2026-01-31T12:00:00Z",
		"2026-01-31 12:00:01":       "2026-01-31T12:00:01Z",
		"2026-01-31T12:00:00.5Z":    "2026-01-31T12:00:00.5Z",
		"2026-01-31T12:00:00+02:00": "2026-01-31T10:00:00Z",
	} {
		c, err := parseFlags([]string{"-since", text})
		require.NoError(t, err, text)
		assert.Equal(t, want, c.from.Format(time.RFC3339Nano))
		assert.True(t, c.end.IsZero())
	}
}

// TestWrongFlags have a sentence each, and no value of theirs is repeated, which
// may be a key.
func TestWrongFlags(t *testing.T) {
	tests := []struct {
		want string
		args []string
	}{
		{"there is no flag -fast: -h lists them", []string{"-fast"}},
		{"set ALTERTABLE_API_KEY", []string{"-key", "sk_secret"}},
		{"set ALTERTABLE_API_KEY", []string{"--api-key=sk_secret"}},
		{"-state needs a value behind it", []string{"-state"}},
		{"-state needs a value that is not empty", []string{"-state", ""}},
		{"-sql needs a value that is not empty", []string{"-sql", " \n"}},
		{"-dry-run takes no value", []string{"-dry-run=sk_secret"}},
		{"neither a flag nor a file", []string{"---sk_secret"}},
		{"-as takes track, identify or alias", []string{"-as", "sk_secret"}},
		{"-only takes users", []string{"-only", "track,sk_secret"}},
		{"-only takes users", []string{"-only", "track,"}},
		{"-since takes a date", []string{"-since", "sk_secret"}},
		{"-until takes a date", []string{"-until", "2026-02-30"}},
		{"-until is not after -since", []string{"-since", "2026-01-02", "-until", "2026-01-02"}},
		{"-rate takes a number", []string{"-rate", "sk_secret"}},
		{"-rate takes a number", []string{"-rate", "-1"}},
		{"-rate takes a number", []string{"-rate", "NaN"}},
		{"-rate takes a number", []string{"-rate", "Inf"}},
		{"-rate takes more than 0", []string{"-rate", "0"}},
		{"-to takes local alone", []string{"-to", "sk_secret"}},
		{"give one of them", []string{"-to", "local", "-dry-run"}},
		{"-preset and -sql", []string{"-preset", "segment", "-sql", "SELECT 1"}},
		{"there is no such -preset: there are amplitude, mixpanel", []string{"-preset", "sk_secret"}},
		{"leave -as out", []string{"-preset", "segment", "-as", "track"}},
		{"leave -table out", []string{"-table", "events", "-sql", "SELECT 1"}},
	}
	for _, test := range tests {
		s := newShell(t, nil)
		assert.Equal(t, exitFailed, s.run(test.args...), "%v", test.args)
		assert.Contains(t, s.err.String(), test.want)
		assert.NotContains(t, s.err.String(), "sk_secret")
		assert.Equal(t, 1, strings.Count(s.err.String(), "\n"), s.err.String())
		assert.Empty(t, s.out.String())
	}
}

// flagNames are those that the command takes.
func flagNames() (names []string) {
	(&config{}).flags().VisitAll(func(f *flag.Flag) { names = append(names, "-"+f.Name) })
	return names
}

func TestUsage(t *testing.T) {
	for _, help := range []string{"-h", "-help", "--help"} {
		s := newShell(t, nil)
		require.Equal(t, exitOK, s.run(help))
		assert.Empty(t, s.err.String())
		assert.Contains(t, s.out.String(), "Examples:\n")
	}
	var out bytes.Buffer
	usage(&out, "altertable-import")
	var listed []string
	for _, match := range regexp.MustCompile(`(?m)^  (-[a-z-]+)( |$)`).FindAllStringSubmatch(out.String(), -1) {
		listed = append(listed, match[1])
	}
	slices.Sort(listed)
	assert.Equal(t, flagNames(), listed)
	for line := range strings.Lines(out.String()) {
		assert.LessOrEqual(t, show.Width(strings.TrimSuffix(line, "\n")), 80, line)
	}
	for _, name := range presets() {
		assert.Contains(t, out.String(), "\n  "+name+" ")
	}
}

// TestReadmesHaveEveryFlag compares the documents with the code.
func TestReadmesHaveEveryFlag(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	var listed []string
	for _, match := range regexp.MustCompile("(?m)^\\| `(-[a-z-]+)").FindAllStringSubmatch(string(text), -1) {
		listed = append(listed, match[1])
	}
	slices.Sort(listed)
	assert.Equal(t, flagNames(), listed, "the table of flags in README.md")
	root, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(root), "\n## Bring your users and history\n")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n## ")
	known := append(flagNames(), "-h", "-C") // of the go command
	other := regexp.MustCompile("(?m)^.*(go test|go build|duckdb -c|psql -c|sed -n|jq -r).*$")
	for _, document := range []string{other.ReplaceAllString(string(text), ""), section} {
		for _, match := range regexp.MustCompile("[ `](-[a-z][a-z-]*|-C)\\b").FindAllStringSubmatch(document, -1) {
			assert.Contains(t, known, match[1])
		}
	}
}
