package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestQuote(t *testing.T) {
	for path, want := range map[string]string{
		"events.csv":      "events.csv",
		"two words.csv":   "'two words.csv'",
		"it's.csv":        `'it'\''s.csv'`,
		"$(HOME).csv":     "'$(HOME).csv'",
		"a\x1b[31m b.csv": "'a·[31m b.csv'",
	} {
		assert.Equal(t, want, quote(path), path)
	}
}
