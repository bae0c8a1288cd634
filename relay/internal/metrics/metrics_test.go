package metrics

import (
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// scrape returns the lines of the relay's own metrics.
func scrape(t *testing.T, m *Metrics) (own []string) {
	t.Helper()
	for line := range strings.Lines(body(t, m)) {
		if strings.Contains(line, prefix) {
			own = append(own, strings.TrimSuffix(line, "\n"))
		}
	}
	return own
}

func body(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, w.Code)
	return w.Body.String()
}

// moved returns the samples that a call changes, without buckets.
func moved(t *testing.T, m *Metrics, call func()) (changed []string) {
	t.Helper()
	before := map[string]bool{}
	for _, line := range scrape(t, m) {
		before[line] = true
	}
	call()
	for _, line := range scrape(t, m) {
		if !before[line] && !strings.Contains(line, "_bucket{") {
			changed = append(changed, strings.TrimPrefix(line, prefix))
		}
	}
	return changed
}

func disk(free, total uint64, ok bool) func() (uint64, uint64, bool) {
	return func() (uint64, uint64, bool) { return free, total, ok }
}

func TestEachCallMovesItsMetric(t *testing.T) {
	for name, test := range map[string]struct {
		call func(*Metrics)
		want []string
	}{
		"answered": {func(m *Metrics) { m.Answered("a", "track", 200, 250*time.Millisecond) }, []string{
			`request_duration_seconds_sum{endpoint="track",tenant="a"} 0.25`,
			`request_duration_seconds_count{endpoint="track",tenant="a"} 1`,
			`requests_total{endpoint="track",status="200",tenant="a"} 1`}},
		"unknown token": {func(m *Metrics) { m.Answered("", "identify", 401, 0) }, []string{
			`request_duration_seconds_count{endpoint="identify",tenant=""} 1`,
			`requests_total{endpoint="identify",status="401",tenant=""} 1`}},
		"a tenant and a path that nobody knows": {func(m *Metrics) { m.Answered("zzz", "/secret", 418, 0) }, []string{
			`request_duration_seconds_count{endpoint="other",tenant=""} 1`,
			`requests_total{endpoint="other",status="other",tenant=""} 1`}},
		"a clock that was set back": {func(m *Metrics) { m.Answered("a", "alias", 503, -time.Hour) }, []string{
			`request_duration_seconds_count{endpoint="alias",tenant="a"} 1`,
			`requests_total{endpoint="alias",status="503",tenant="a"} 1`}},
		"accepted": {func(m *Metrics) { m.Accepted("b", "alias", 3) }, []string{`accepted_events_total{endpoint="alias",tenant="b"} 3`}},
		"stored": {func(m *Metrics) { m.Stored("a", "track", 100, 2000) }, []string{
			`stored_bytes_total{endpoint="track",tenant="a"} 2000`, `stored_events_total{endpoint="track",tenant="a"} 100`}},
		"duplicates":   {func(m *Metrics) { m.Duplicates("a", 7) }, []string{`duplicate_events_total{tenant="a"} 7`}},
		"delivered":    {func(m *Metrics) { m.Delivered("a", "identify", 2) }, []string{`delivered_events_total{endpoint="identify",tenant="a"} 2`}},
		"dead":         {func(m *Metrics) { m.Dead("a", "insert-failed", 1) }, []string{`dead_events_total{code="insert-failed",tenant="a"} 1`}},
		"dead, other":  {func(m *Metrics) { m.Dead("a", "new-code", 1) }, []string{`dead_events_total{code="other",tenant="a"} 1`}},
		"takeover":     {func(m *Metrics) { m.Takeover("a", "events") }, []string{`takeovers_total{consumer="events",tenant="a"} 1`}},
		"other shard":  {func(m *Metrics) { m.Takeover("a", "identify-7") }, []string{`takeovers_total{consumer="other",tenant="a"} 1`}},
		"request":      {func(m *Metrics) { m.Request("b", 429, time.Second) }, []string{`api_request_duration_seconds_sum{tenant="b"} 1`, `api_request_duration_seconds_count{tenant="b"} 1`, `api_requests_total{status="429",tenant="b"} 1`}},
		"no answer":    {func(m *Metrics) { m.Request("b", 0, 0) }, []string{`api_request_duration_seconds_count{tenant="b"} 1`, `api_requests_total{status="none",tenant="b"} 1`}},
		"odd answer":   {func(m *Metrics) { m.Request("b", math.MinInt, 0) }, []string{`api_request_duration_seconds_count{tenant="b"} 1`, `api_requests_total{status="other",tenant="b"} 1`}},
		"large answer": {func(m *Metrics) { m.Request("b", 600, 0) }, []string{`api_request_duration_seconds_count{tenant="b"} 1`, `api_requests_total{status="other",tenant="b"} 1`}},
		"paused":       {func(m *Metrics) { m.Paused("a", "unauthorized", true) }, []string{`paused{reason="unauthorized",tenant="a"} 1`}},
		"paused, over": {func(m *Metrics) { m.Paused("a", "refused", true); m.Paused("a", "refused", false) }, nil},
		"leads":        {func(m *Metrics) { m.Leads("a", "identify-0", true) }, []string{`leads{consumer="identify-0",tenant="a"} 1`}},
		"backlog": {func(m *Metrics) { m.Backlog("a", Backlog{1, 2, 3, 4 * time.Second, 5}) }, []string{
			`backlog_age_seconds{tenant="a"} 4`, `backlog_bytes{tenant="a"} 2`, `backlog_events{tenant="a"} 3`,
			`backlog_messages{tenant="a"} 1`, `dead_letters{tenant="a"} 5`}},
		"disk":            {func(m *Metrics) { m.Disk(disk(10, 30, true)) }, []string{`# HELP altertable_relay_disk_free_bytes Free bytes of the disk that holds the embedded broker's files.`, `# TYPE altertable_relay_disk_free_bytes gauge`, `disk_free_bytes 10`, `# HELP altertable_relay_disk_size_bytes Bytes of the disk that holds the embedded broker's files.`, `# TYPE altertable_relay_disk_size_bytes gauge`, `disk_size_bytes 30`}},
		"disk of others":  {func(m *Metrics) { m.Disk(disk(10, 30, false)) }, nil},
		"no source":       {func(m *Metrics) { m.Disk(nil); m.Ready(nil) }, nil},
		"ready":           {func(m *Metrics) { m.Ready(func() bool { return true }) }, []string{`ready 1`}},
		"not ready":       {func(m *Metrics) { m.Ready(func() bool { return false }) }, nil},
		"negative, other": {func(m *Metrics) { m.Accepted("a", "track", -1); m.Stored("zzz", "track", 1, 1); m.Request("", 200, 0) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			m := New([]string{"a", "b"})
			assert.ElementsMatch(t, test.want, moved(t, m, func() { test.call(m) }))
		})
	}
}

func TestNilMetrics(t *testing.T) {
	var m *Metrics
	every(m, "a", "track")
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	assert.Equal(t, http.StatusNotFound, w.Code)
}

// every calls each method once.
func every(m *Metrics, tenant, word string) {
	m.Answered(tenant, word, 200, time.Second)
	m.Accepted(tenant, word, 1)
	m.Stored(tenant, word, 1, 100)
	m.Duplicates(tenant, 1)
	m.Delivered(tenant, word, 1)
	m.Dead(tenant, word, 1)
	m.Takeover(tenant, word)
	m.Request(tenant, 200, time.Second)
	m.Paused(tenant, word, true)
	m.Leads(tenant, word, true)
	m.Backlog(tenant, Backlog{1, 1, 1, time.Second, 1})
	m.Disk(disk(1, 2, true))
	m.Ready(func() bool { return true })
}

// docs' alerts and their tests read this file: it has every series from the start.
func TestScrape(t *testing.T) {
	m := New([]string{"shop"})
	m.Disk(disk(60e9, 100e9, true))
	got := strings.Join(scrape(t, m), "\n") + "\n"
	want, err := os.ReadFile("testdata/scrape.txt")
	require.NoError(t, err)
	if want := strings.ReplaceAll(string(want), "\r\n", "\n"); got != want && os.Getenv("UPDATE") != "" {
		require.NoError(t, os.WriteFile("testdata/scrape.txt", []byte(got), 0o644))
	} else {
		assert.Equal(t, want, got, "UPDATE=1 writes it anew")
	}
}

func TestNames(t *testing.T) {
	m := New([]string{"a"})
	m.Disk(disk(1, 2, true))
	gathered, err := m.registry.Gather()
	require.NoError(t, err)
	var names []string
	for _, f := range gathered {
		name, own := strings.CutPrefix(f.GetName(), prefix)
		if !own {
			assert.Regexp(t, `^(go|process)_`, f.GetName())
			continue
		}
		labels := []string{}
		for _, pair := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, pair.GetName())
		}
		names = append(names, name+"{"+strings.Join(labels, ",")+"}")
		assert.Regexp(t, `^[A-Z][^.]+\.$`, f.GetHelp(), name)
	}
	assert.ElementsMatch(t, []string{
		"requests_total{endpoint,status,tenant}", "request_duration_seconds{endpoint,tenant}",
		"accepted_events_total{endpoint,tenant}", "stored_events_total{endpoint,tenant}", "stored_bytes_total{endpoint,tenant}",
		"duplicate_events_total{tenant}", "delivered_events_total{endpoint,tenant}", "dead_events_total{code,tenant}",
		"takeovers_total{consumer,tenant}", "api_requests_total{status,tenant}", "api_request_duration_seconds{tenant}",
		"paused{reason,tenant}", "leads{consumer,tenant}", "backlog_messages{tenant}", "backlog_bytes{tenant}",
		"backlog_events{tenant}", "backlog_age_seconds{tenant}", "dead_letters{tenant}",
		"disk_free_bytes{}", "disk_size_bytes{}", "ready{}",
	}, names)
	problems, err := promlint.NewWithMetricFamilies(gathered).Lint()
	require.NoError(t, err)
	assert.Empty(t, problems)
}

func TestRuntimeAndProcessAreThere(t *testing.T) {
	text := body(t, New(nil))
	assert.Contains(t, text, "\ngo_goroutines ")
	assert.Contains(t, text, "process_cpu_seconds_total ")
}

func TestSeriesStayWhateverComes(t *testing.T) {
	m := New([]string{"a", "b"})
	m.Disk(disk(1, 2, true))
	before := len(scrape(t, m))
	for _, word := range []string{"", "x", "\xff", "a\nb", strings.Repeat("w", 10000), `"}`} {
		for _, tenant := range []string{"a", "b", "", word} {
			every(m, tenant, word)
		}
		for status := -1; status < 1100; status++ {
			m.Answered("a", word, status, 0)
			m.Request("a", status, 0)
		}
	}
	assert.Len(t, scrape(t, m), before)
}

func TestConcurrentCallsAndScrapes(t *testing.T) {
	m := New([]string{"a", "b"})
	const callers, calls = 8, 200
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for range calls {
				every(m, "a", "track")
			}
		})
	}
	for range 2 {
		wg.Go(func() {
			for range 5 {
				body(t, m)
			}
		})
	}
	wg.Wait()
	got := strings.Join(scrape(t, m), "\n")
	for _, want := range []string{
		`requests_total{endpoint="track",status="200",tenant="a"} 1600`, `stored_bytes_total{endpoint="track",tenant="a"} 160000`,
		`api_request_duration_seconds_sum{tenant="a"} 1600`, `dead_events_total{code="other",tenant="a"} 1600`,
	} {
		assert.Contains(t, got, want)
	}
}

func TestTwoRelaysInOneProcess(t *testing.T) {
	first, second := New([]string{"a"}), New([]string{"a"})
	first.Duplicates("a", 1)
	assert.Contains(t, scrape(t, second), prefix+`duplicate_events_total{tenant="a"} 0`)
}

// BenchmarkRequest is what a request at intake pays: three calls.
func BenchmarkRequest(b *testing.B) {
	m := New([]string{"a", "b"})
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			m.Stored("a", "track", 10, 5000)
			m.Accepted("a", "track", 10)
			m.Answered("a", "track", 200, 3*time.Millisecond)
		}
	})
}

// BenchmarkBatch is what the drain pays for a batch.
func BenchmarkBatch(b *testing.B) {
	m := New([]string{"a", "b"})
	b.ReportAllocs()
	for b.Loop() {
		m.Delivered("a", "track", 100)
		m.Request("a", 200, 3*time.Millisecond)
	}
}
