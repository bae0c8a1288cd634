package main

import (
	"bytes"
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/importer/internal/show"
)

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
