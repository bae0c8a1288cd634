package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The README names faults and metrics that there are, and each fault moves what
// it says.
func TestREADME(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	readme := string(text)
	s := &service{}
	for line := range strings.Lines(s.usage(newMemoryListener().Addr())) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "curl") {
			assert.Contains(t, readme, "    "+line+"\n")
		}
	}
	rows := regexp.MustCompile("(?m)^\\| `(status=[^`]*)` \\|[^|]*\\|([^|]*)\\|").FindAllStringSubmatch(readme, -1)
	require.Len(t, rows, 5)
	name := regexp.MustCompile("`([a-z_]+(?:\\{[^`]*\\})?)`")
	for _, row := range rows {
		virtually(t, "", func(t *testing.T) {
			s := start(t, 200*time.Millisecond)
			time.Sleep(2500 * time.Millisecond)
			before := s.scrape()
			s.setFault(row[1])
			time.Sleep(7500 * time.Millisecond)
			after := s.scrape()
			names := name.FindAllStringSubmatch(row[2], -1)
			assert.NotEmpty(t, names)
			for _, n := range names {
				assert.Greater(t, after[n[1]], before[n[1]], "%s, after %s", n[1], row[1])
			}
			s.clearFaults()
			_, err := s.end()
			require.NoError(t, err)
		})
	}
	values := scrape{}
	virtually(t, "", func(t *testing.T) {
		s := start(t, 0)
		values = s.scrape()
		_, err := s.end()
		require.NoError(t, err)
	})
	for _, n := range regexp.MustCompile("`(?:altertable_client_)?((?:messages|queue|spool|requests)_[a-z_]+)`").FindAllStringSubmatch(readme, -1) {
		assert.Contains(t, values, n[1])
	}
}
