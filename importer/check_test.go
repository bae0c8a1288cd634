package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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

// TestAWrongValueIsNamed says which one of a list it is, and what somebody has typed.
func TestAWrongValueIsNamed(t *testing.T) {
	for _, args := range [][]string{
		{"-as", "page"}, {"-preset", "heap"}, {"-to", "remote"}, {"-only", "users,page"}, {"-since", "31.01.2026"}, {"-until", "yesterday"},
		{"-rate", "fast"}, {"-rate", "-5"},
	} {
		s := newShell(t, nil)
		assert.Equal(t, exitFailed, s.run(args...), "%v", args)
		assert.Contains(t, s.err.String(), ", not "+strings.TrimPrefix(args[1], "users,"))
	}
}

// TestWrongFlags have a sentence each, and none repeats what may be a key.
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
		{"-as takes track, identify or alias", []string{"-as", strings.Repeat("5ecre7", 5)}},
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
		{"-preset takes amplitude, mixpanel", []string{"-preset", "sk_secret"}},
		{"leave -as out", []string{"-preset", "segment", "-as", "track"}},
		{"leave -table out", []string{"-table", "events", "-sql", "SELECT 1"}},
	}
	for _, test := range tests {
		s := newShell(t, nil)
		assert.Equal(t, exitFailed, s.run(test.args...), "%v", test.args)
		assert.Contains(t, s.err.String(), test.want)
		assert.NotRegexp(t, "sk_secret|5ecre7", s.err.String())
		assert.Equal(t, 1, strings.Count(s.err.String(), "\n"), s.err.String())
		assert.Empty(t, s.out.String())
	}
}
