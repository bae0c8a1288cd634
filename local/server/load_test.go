//go:build unix

package server

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

// BenchmarkLoad sends 200,000 events of 8 properties through the SDK to the
// command, for 20,000 visitors of whom half become users, and asks both
// documented queries. Memory is the peak of the command's two processes, added up
// where the system tells, and else the server's alone.
func BenchmarkLoad(b *testing.B) {
	b.Run("memory", func(b *testing.B) { load(b, func() []string { return nil }) })
	b.Run("file", func(b *testing.B) {
		load(b, func() []string { return []string{"-data", filepath.Join(b.TempDir(), "data.duckdb")} })
	})
}

func load(b *testing.B, flags func() []string) {
	const events, visitors = 200_000, 20_000
	binary := build(b, "..")
	for b.Loop() {
		p := startProcess(b, binary, flags()...)
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
		require.NoError(b, client.Close())
		peak := peaks(p.command.Process.Pid)
		_, err = p.end(syscall.SIGTERM)
		require.NoError(b, err)
		if peak == 0 {
			peak = p.command.ProcessState.SysUsage().(*syscall.Rusage).Maxrss
			if runtime.GOOS != "darwin" {
				peak *= 1024
			}
		}
		b.ReportMetric(float64(peak)/1e6, "MB")
	}
}

// peaks returns the memory that a process and its children had at most, added
// up, in bytes. It is 0 where the system does not tell.
func peaks(pid int) (sum int64) {
	statuses, _ := filepath.Glob("/proc/[0-9]*/status")
	for _, file := range statuses {
		text, _ := os.ReadFile(file)
		var id, parent int
		var peak int64
		for line := range strings.Lines(string(text)) {
			switch name, value, _ := strings.Cut(line, ":"); name {
			case "Pid":
				_, _ = fmt.Sscan(value, &id)
			case "PPid":
				_, _ = fmt.Sscan(value, &parent)
			case "VmHWM":
				_, _ = fmt.Sscan(value, &peak)
			}
		}
		if id == pid || parent == pid {
			sum += peak << 10
		}
	}
	return sum
}
