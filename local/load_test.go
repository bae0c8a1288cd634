//go:build unix

package main

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

// BenchmarkLoad sends 200,000 events of 8 properties through the SDK to the
// command, for 20,000 visitors of whom half become users, and asks both
// documented queries. Time and memory are those of the command, whose two
// processes count as one.
func BenchmarkLoad(b *testing.B) {
	b.Run("memory", func(b *testing.B) { load(b) })
	b.Run("file", func(b *testing.B) { load(b, "-data", filepath.Join(b.TempDir(), "data.duckdb")) })
}

func load(b *testing.B, flags ...string) {
	const events, visitors = 200_000, 20_000
	binary := build(b, ".")
	for b.Loop() {
		p := startProcess(b, binary, flags...)
		client, err := altertable.New("key", altertable.WithBaseURL(p.url), altertable.WithOverflow(altertable.Block))
		require.NoError(b, err)
		start := time.Now()
		for n := range events {
			visitor := fmt.Sprint("anonymous-", n%visitors)
			if n%visitors == 0 {
				visitor = documentedUser
			}
			require.NoError(b, client.Track(b.Context(), altertable.Track{Event: "page_viewed", DistinctID: visitor, Properties: altertable.Properties{
				"page": "/pricing", "referrer": "search", "amount": 49.99, "currency": "USD", "seats": n, "trial": true, "country": "FR", "session": "s_01jza857w4f2"}}))
			if n < visitors/2 {
				user := fmt.Sprint("u_", n)
				if n == 0 {
					user = documentedUser
				}
				require.NoError(b, client.Identify(b.Context(), altertable.Identify{DistinctID: user, AnonymousID: fmt.Sprint("anonymous-", n),
					Traits: altertable.Traits{"email": user + "@example.com", "plan": "premium"}}))
			}
		}
		require.NoError(b, client.Flush(b.Context()))
		b.ReportMetric(events/time.Since(start).Seconds(), "events/s")
		require.JSONEq(b, `[[200000, 100000]]`, p.rows(`SELECT count(*), count(identity_traits) FROM events`))
		for name, sql := range map[string]string{"identities": identitiesQuery, "events": eventsQuery} {
			var best time.Duration
			for range 5 {
				start := time.Now()
				status, answer := p.ask(sql)
				if took := time.Since(start); best == 0 || took < best {
					best = took
				}
				require.Equal(b, 200, status, answer)
				require.GreaterOrEqual(b, strings.Count(answer, "],["), 9)
			}
			b.ReportMetric(float64(best.Microseconds())/1000, name+"-ms")
		}
		b.ReportMetric(float64(p.memory())/1e6, "MB")
		require.NoError(b, client.Close())
		_, err = p.end(syscall.SIGTERM)
		require.NoError(b, err)
	}
}

// memory returns what the process and its engine have, in bytes, or 0 where
// there is no ps.
func (p process) memory() (sum int) {
	p.t.Helper()
	out, err := exec.Command("ps", "-A", "-o", "pid=,ppid=,rss=").Output()
	if errors.Is(err, exec.ErrNotFound) {
		return 0
	}
	require.NoError(p.t, err)
	own := p.command.Process.Pid
	for line := range strings.Lines(string(out)) {
		var pid, parent, kilobytes int
		_, err := fmt.Sscan(line, &pid, &parent, &kilobytes)
		require.NoError(p.t, err, line)
		if pid == own || parent == own {
			sum += kilobytes * 1024
		}
	}
	return sum
}
