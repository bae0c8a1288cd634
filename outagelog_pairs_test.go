package altertable

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An outageReader is a log handler that notes lines by scope.
type outageReader struct {
	mu    sync.Mutex
	lines map[string][]outageEntry
}

type outageEntry struct {
	at    time.Time
	text  string
	attrs map[string]slog.Value
}

func (r *outageReader) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo
}
func (r *outageReader) WithAttrs([]slog.Attr) slog.Handler { return r }
func (r *outageReader) WithGroup(string) slog.Handler      { return r }

func (r *outageReader) Handle(_ context.Context, record slog.Record) error {

	e := outageEntry{time.Now(), record.Message, map[string]slog.Value{}}
	record.Attrs(func(a slog.Attr) bool { e.attrs[a.Key] = a.Value; return true })
	scope := ""
	if endpoint, ok := e.attrs["endpoint"]; ok {
		scope = endpoint.String()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines[scope] = append(r.lines[scope], e)
	return nil
}

// locked calls f as the queue's other parts are called.
func (q *queue) locked(f func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	f()
	q.advanceLocked()
}

func newQueueForTest(t *testing.T, handler slog.Handler) *queue {
	t.Helper()
	cfg, err := newConfig("key", []Option{WithLogger(slog.New(handler))})
	require.NoError(t, err)
	return newQueue(cfg, newTransport(cfg), new(stamper))
}

var outageScopes = []string{"", "track", "identify", "alias"}

// Whatever outages do, each begin in the log has an end, each end a begin, both
// are few, and all outages and all that waited are counted.
func TestOutageLogIsInPairsAndComplete(t *testing.T) {
	for seed := range uint64(200) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			reader := &outageReader{lines: map[string][]outageEntry{}}
			q := newQueueForTest(t, reader)
			start := time.Now()
			began, waited := map[string]int{}, map[string]int{}
			on := map[string]bool{}
			for range 300 {
				scope := outageScopes[r.IntN(len(outageScopes))]
				switch n := r.IntN(10); {
				case n < 3 && !on[scope]:
					on[scope] = true
					began[scope]++
					q.locked(func() { q.outageBeganLocked(scope, &APIError{StatusCode: 503}) })
				case n < 5 && on[scope]:
					on[scope] = false
					waited[scope] += n
					q.locked(func() { q.outageEndedLocked(scope, time.Second, n) })
				case n == 5: // once more, by mistake
					q.locked(func() {
						if on[scope] {
							q.outageBeganLocked(scope, errors.New("again"))
						} else {
							q.outageEndedLocked(scope, time.Second, 1000)
						}
					})
				case n == 6: // as when a line is due
					q.locked(func() { q.remindLocked(q.now()) })
				case n == 7 && r.IntN(20) == 0:
					<-time.After(time.Duration(r.IntN(40)) * time.Minute)
				default:
					<-time.After(time.Duration(r.IntN(20)) * time.Second)
				}
			}
			require.NoError(t, q.shutDown(t.Context()))
			took := time.Since(start)
			for _, scope := range outageScopes {
				reader.checkScope(t, scope, took, began[scope], waited[scope], on[scope])
			}
		})
	}
}

// checkScope checks the lines of one scope against its outages.
func (r *outageReader) checkScope(t *testing.T, scope string, took time.Duration, began, waited int, on bool) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var begins, outages, sum int64
	open := false
	lastReminder := time.Time{}
	for _, e := range r.lines[scope] {
		for name, total := range map[string]*int64{"short_outages": &outages, "waited": &sum} {
			if n, ok := e.attrs[name]; ok {
				*total += n.Int64()
			}
		}
		switch e.text {
		case outageBeganText:
			assert.False(t, open, "%q: two begins", scope)
			open = true
			begins++
			outages++
		case outageEndedText, outageLeftText:
			assert.True(t, open, "%q: an end without a begin", scope)
			open = false
		case outageReminderText:
			assert.True(t, open, "%q: a reminder of nothing", scope)
			assert.GreaterOrEqual(t, e.at.Sub(lastReminder), remindEvery)
			lastReminder = e.at
		case outageShortText:
			assert.False(t, open)
		default:
			assert.Fail(t, e.text)
		}
	}
	assert.False(t, open, "%q: a begin without an end", scope)
	assert.EqualValues(t, began, outages, "%q", scope)
	assert.EqualValues(t, waited, sum, "%q", scope)
	assert.LessOrEqual(t, begins, int64(took/warnEvery)+1)
}

// While the handler does not return, a scope has two lines in memory at most,
// and what happens meanwhile is counted.
func TestOutageLogOfAStuckHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		reader := &outageReader{lines: map[string][]outageEntry{}}
		q := newQueueForTest(t, stuckHandler{reader, release})
		for i := range 100 {
			q.locked(func() { q.outageBeganLocked("", errNoAnswer) })
			<-time.After(30 * time.Minute)
			q.locked(func() { q.outageEndedLocked("", 30*time.Minute, i) })
		}
		q.locked(func() { assert.LessOrEqual(t, len(q.reports.coming), 2) })
		close(release)
		synctest.Wait()
		require.NoError(t, q.shutDown(t.Context()))
		reader.checkScope(t, "", 3000*time.Minute, 100, 99*100/2, false)
	})
}

// stuckHandler returns only after release.
type stuckHandler struct {
	slog.Handler
	release chan struct{}
}

func (h stuckHandler) Handle(ctx context.Context, r slog.Record) error {
	<-h.release
	return h.Handler.Handle(ctx, r)
}

// The kinds that tell why nothing gets through, and what to do.
func TestTextsOfConnectivityWarnings(t *testing.T) {
	for kind, want := range map[warnKind]string{
		warnPortal:   "an HTML page answered: a captive portal, or the base URL is wrong; the client retries",
		warnFirewall: "403 without an error code: a firewall or proxy refuses the requests; the client retries",
		warnProxy:    "the proxy refuses to connect; the client retries",
	} {
		synctest.Test(t, func(t *testing.T) {
			reader := &outageReader{lines: map[string][]outageEntry{}}
			q := newQueueForTest(t, reader)
			b := &batch{lane: &lane{endpoint: trackEndpoint, environment: "staging"}}
			for range 3 {
				q.locked(func() { q.warnOfBatchLocked(kind, b, 10, errNoAnswer, slog.Int("status", 407)) })
			}
			require.NoError(t, q.shutDown(t.Context()))
			lines := reader.lines["track"]
			require.Len(t, lines, 2)
			assert.Equal(t, "altertable: "+want, lines[1].text)
			assert.EqualValues(t, 20, lines[1].attrs["count"].Int64())
			assert.EqualValues(t, 407, lines[1].attrs["status"].Int64())
			assert.Equal(t, "staging", lines[1].attrs["environment"].String())
			assert.Equal(t, errNoAnswer.Error(), lines[1].attrs["error"].String())
		})
	}
}
