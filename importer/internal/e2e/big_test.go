package e2e

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/importer/internal/bigfile"
)

var big = flag.String("big", os.Getenv("ALTERTABLE_IMPORT_BIG"), "import files of this size, 2GB for example")

// mostMemory is what the command may take, however large the file is.
const mostMemory = 500 << 20

// A large file is imported in bounded memory.
func TestBig(t *testing.T) {
	if *big == "" {
		t.Skip("only with -big 2GB")
	}
	size := bytesOf(t, *big)
	for _, name := range []string{"events.csv", "events.parquet", "events.ndjson.gz"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, name)
			rows, err := bigfile.EventsOfSize(t.Context(), path, size)
			require.NoError(t, err)
			sink := newSink(t)
			began := time.Now()
			p := launch(t, nil, []string{"ALTERTABLE_API_KEY=" + apiKey, "ALTERTABLE_BASE_URL=" + sink.URL}, "-temp", t.TempDir(), path)
			memory := p.peak()
			require.Zero(t, p.cmd.ProcessState.ExitCode(), tail(p.stderr.String()))
			took := time.Since(began)
			t.Logf("%d rows, %d MB: %.0f s, %.0f rows a second, %d MB of memory", rows, size>>20, took.Seconds(), float64(rows)/took.Seconds(), memory>>20)
			assert.Equal(t, rows, sink.messages.Load())
			assert.Less(t, memory, int64(mostMemory))
		})
	}
}

// A sink counts what it gets, and keeps nothing.
type sink struct {
	*httptest.Server
	messages atomic.Int64
}

func newSink(t *testing.T) *sink {
	t.Helper()
	s := &sink{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		s.messages.Add(int64(strings.Count(string(body), `"distinct_id":`)))
		_, _ = io.WriteString(w, `{"ok":true}`) // who is gone asks again
	}))
	t.Cleanup(s.Close)
	return s
}

// peak waits for the end, and returns the most memory that the process had.
func (p *process) peak() (most int64) {
	p.t.Helper()
	ask := time.NewTicker(50 * time.Millisecond)
	defer ask.Stop()
	for {
		select {
		case <-p.ended:
			return most
		case <-ask.C:
			most = max(most, p.memory())
		}
	}
}

// memory is the peak until now; 0 where the system does not tell.
func (p *process) memory() int64 {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			require.NoError(p.t, err)
			return kilobytes << 10
		}
	}
	return 0
}

func bytesOf(t *testing.T, text string) int64 {
	t.Helper()
	unit := int64(1)
	for suffix, u := range map[string]int64{"GB": 1 << 30, "MB": 1 << 20} {
		if n, ok := strings.CutSuffix(text, suffix); ok {
			text, unit = n, u
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	require.NoError(t, err, "-big")
	return n * unit
}
