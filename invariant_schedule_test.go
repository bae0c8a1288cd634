package altertable

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	schedules     = flag.Int("schedules", 100, "random schedules of TestInvariants")
	firstSchedule = flag.Int("firstschedule", 0, "the seed of the first of them")
)

// Random calls against a moody server: after each step, and within each
// request, the state of the queue is free of contradictions.
func TestInvariants(t *testing.T) {
	for seed := *firstSchedule; seed < *firstSchedule+*schedules; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			dir := ""
			if seed%3 == 0 && runtime.GOOS == "linux" {
				dir = t.TempDir()
			}
			synctest.Test(t, func(t *testing.T) { newLife(t, uint64(seed), dir).run() })
		})
	}
}

// moody is a server whose endpoints change their mood. It takes up to a second
// for an answer.
type moody struct {
	mu    sync.Mutex // guards all below
	r     *rand.Rand
	moods map[string]mood
	gone  string // an environment that does not exist, "" for none
	calm  bool   // every endpoint is well, for good

	check func() // called in each request
}

type mood int

const (
	well mood = iota
	troubled
	throttling
	erratic
	down
	refusing
	silent
	elsewhere
	patient
	denying
)

func (m *moody) set(paths []string, mood mood) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, path := range paths {
		m.moods[path] = mood
	}
}

func (m *moody) remove(environment string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gone = environment
}

func (m *moody) calmDown() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calm = true
}

func (m *moody) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	m.check()
	delay, status, header := m.decide(r.URL.Path, body)
	var answered <-chan time.Time
	if status != unanswered {
		answered = time.After(delay)
	}
	select {
	case <-answered:
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if status == lost {
		return nil, errors.New("lost")
	}
	answer := &http.Response{StatusCode: status, Header: header, Body: http.NoBody}
	if status == unknown {
		answer.StatusCode = http.StatusBadRequest
		answer.Body = io.NopCloser(strings.NewReader(`{"ok":false,"error_code":"environment-not-found"}`))
	}
	return answer, nil
}

// In place of a status.
const (
	lost       = 0
	unanswered = -1
	unknown    = -2 // the environment
)

// decide returns the answer to a request.
func (m *moody) decide(path string, body []byte) (delay time.Duration, status int, header http.Header) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delay = time.Duration(m.r.IntN(1000)) * time.Millisecond
	header = http.Header{}
	if m.calm {
		return delay, http.StatusOK, header
	}
	luck := m.r.IntN(100)
	switch m.moods[path] {
	case troubled:
		if luck < 60 {
			return delay, choose(m.r, 500, 503, 408), header
		}
	case throttling:
		if luck < 30 {
			header.Set("Retry-After", fmt.Sprint(luck))
		}
		if luck < 60 {
			return delay, 429, header
		}
	case erratic:
		if luck < 50 {
			return delay, choose(m.r, 421, 500, 429, 400, 404, lost, 413, 503, 401, unknown), header
		}
	case down:
		return delay, 503, header
	case refusing:
		return delay, 400, header
	case silent:
		return delay, unanswered, header
	case elsewhere:
		return delay, 421, header
	case patient:
		header.Set("Retry-After", "300")
		return delay, 429, header
	case denying:
		return delay, 401, header
	}
	switch {
	case m.gone != "" && bytes.Contains(body, []byte(`"environment":"`+m.gone+`"`)):
		return delay, unknown, header
	case bytes.Contains(body, []byte(`"poison`)):
		return delay, 500, header
	case bytes.Contains(body, []byte(`"bad`)):
		return delay, 400, header
	}
	return delay, http.StatusOK, header
}

// life is one random life of a client.
type life struct {
	*testing.T
	r      *rand.Rand
	server *moody
	client *Client
	dir    string // of the spool, "" for none

	people       int
	environments []string
	named        int
	calls        sync.WaitGroup // those that wait

	mu      sync.Mutex
	problem string // the first that was found; guarded by mu
}

func newLife(t *testing.T, seed uint64, dir string) *life {
	r := rand.New(rand.NewPCG(seed, 99))
	l := &life{T: t, r: r, dir: dir}
	l.server = &moody{r: rand.New(rand.NewPCG(seed, 5)), moods: map[string]mood{}, check: func() { l.check("within a request") }}
	opts := []Option{
		WithHTTPClient(&http.Client{Transport: l.server}),
		WithLogger(slog.New(slog.DiscardHandler)),
		WithMaxBatchSize(choose(r, 1, 2, 3, 4, 8, 16, 10_000)), WithMaxInFlight(choose(r, 1, 2, 3, 8, 256)),
		WithMaxQueueSize(choose(r, 1, 4, 20, 60, 100_000)),
		WithOverflow(choose(r, DropNewest, DropOldest, DropOldest, Block)),
		WithFlushInterval(choose(r, time.Nanosecond, 10*time.Millisecond, time.Second, time.Hour)),
		WithRetry(RetryPolicy{InitialInterval: choose(r, 10*time.Millisecond, 500*time.Millisecond),
			MaxElapsed: choose(r, 5*time.Second, 2*time.Minute, 24*time.Hour)}),
	}
	if choose(r, true, false) {
		callbacks := rand.New(rand.NewPCG(seed, 7)) // another goroutine's
		opts = append(opts, WithOnError(func(error) {}),
			WithOnDelivery(func(Delivery) { <-time.After(time.Duration(callbacks.IntN(3)) * time.Millisecond) }))
	}
	if dir != "" {
		opts = append(opts, WithSpool(dir, SpoolMaxBytes(choose(r, int64(8<<10), 1<<20))))
	}
	client, err := New("key", opts...)
	require.NoError(t, err)
	l.client = client
	l.people = choose(r, 2, 4, 12)
	l.environments = []string{"", "staging", "preview"}[:choose(r, 1, 1, 3)]
	return l
}

func (l *life) run() {
	for step := range 300 {
		l.step()
		if !l.check(fmt.Sprint("after step ", step)) {
			break
		}
	}
	if l.sound() && l.r.IntN(4) > 0 {
		l.settle()
	}
	l.end()
	assert.Empty(l, l.problem)
}

// done returns what hears of a message's outcome, if somebody does.
func (l *life) done() func(error) { return choose(l.r, nil, func(error) {}) }

// step makes one call, lets time pass, or changes the server's mood.
func (l *life) step() {
	switch x := l.r.IntN(20); {
	case x < 9:
		l.within(500, func(ctx context.Context) { _ = l.client.Enqueue(ctx, l.identify(), l.done()) })
	case x < 11:
		l.within(500, func(ctx context.Context) {
			_ = l.client.Enqueue(ctx, Track{Event: l.name(), DistinctID: "u", Environment: choose(l.r, l.environments...)}, l.done())
		})
	case x < 12:
		l.within(500, func(ctx context.Context) {
			_ = l.client.Alias(ctx, Alias{DistinctID: l.name(), NewUserID: "v", Environment: choose(l.r, l.environments...)})
		})
	case x < 15:
		<-time.After(time.Duration(l.r.IntN(2500)) * time.Millisecond)
	case x < 16:
		synctest.Wait()
	case x < 17:
		l.server.set(choose(l.r, []string{"/identify"}, []string{"/track"}, []string{"/alias", "/track"}, []string{"/identify", "/track", "/alias"}),
			choose(l.r, well, well, well, troubled, throttling, erratic, erratic, down, refusing, silent, elsewhere, patient, denying))
		l.server.remove(choose(l.r, "", "", "production", "staging"))
	case x < 18:
		l.beside(4000, func(ctx context.Context) { _ = l.client.Flush(ctx) })
	default:
		several := []Identify{l.identify()}
		for range l.r.IntN(4) {
			i := l.identify()
			i.Environment = several[0].Environment
			several = append(several, i)
		}
		if l.r.IntN(2) == 0 {
			several = append(several, several[0])
		}
		l.beside(9000, func(ctx context.Context) { _, _ = l.client.IdentifySync(ctx, several...) })
	}
}

// within makes a call that waits for less than so many milliseconds.
func (l *life) within(ms int, call func(context.Context)) {
	ctx, cancel := context.WithTimeout(l.Context(), time.Duration(l.r.IntN(ms))*time.Millisecond)
	defer cancel()
	call(ctx)
}

// beside is within, on another goroutine.
func (l *life) beside(ms int, call func(context.Context)) {
	ctx, cancel := context.WithTimeout(l.Context(), time.Duration(l.r.IntN(ms))*time.Millisecond)
	l.calls.Go(func() {
		defer cancel()
		call(ctx)
	})
}

// name returns a new name, now and then one that the server refuses or stumbles
// on.
func (l *life) name() string {
	l.named++
	kind := "name"
	switch l.r.IntN(11) {
	case 0:
		kind = "bad"
	case 1:
		kind = "poison"
	}
	return kind + fmt.Sprint(l.named)
}

func (l *life) identify() Identify {
	i := Identify{
		DistinctID:  fmt.Sprint("user", l.r.IntN(l.people)),
		Environment: choose(l.r, l.environments...),
		Traits:      Traits{"name": l.name()},
	}
	if l.r.IntN(3) == 0 {
		i.AnonymousID = fmt.Sprint("anonymous", l.r.IntN(3))
	}
	return i
}

// settle flushes to a server that is well, after which nothing is left.
func (l *life) settle() {
	l.server.calmDown()
	ctx, cancel := context.WithTimeout(l.Context(), 3*time.Hour)
	defer cancel()
	_ = l.client.Flush(ctx)
	assert.NoError(l, ctx.Err(), "Flush returns")
	l.check("after Flush")
	l.calls.Wait()
	synctest.Wait()
	q := l.client.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	assert.Zero(l, q.held.count)
	assert.Zero(l, q.places.inFlight.Len())
	assert.Empty(l, q.places.lanes)
	assert.Zero(l, q.places.carried)
	assert.Zero(l, q.places.buffers.unused)
}

// end shuts the client down, which takes no longer than it may.
func (l *life) end() {
	allowed := time.Duration(l.r.IntN(10)) * time.Second
	ctx, cancel := context.WithTimeout(l.Context(), allowed)
	defer cancel()
	begin := time.Now()
	_ = l.client.Shutdown(ctx)
	assert.LessOrEqual(l, time.Since(begin), allowed+250*time.Millisecond, "Shutdown returns in time")
	l.calls.Wait()
	stats := l.client.Stats()
	assert.Equal(l, stats.Accepted, stats.Delivered+stats.Failed+stats.Dropped+stats.Queued)
	if l.dir == "" {
		assert.Zero(l, stats.Queued)
	}
}

// check looks for contradictions in the queue's state. It reports whether none
// was ever found.
func (l *life) check(when string) bool {
	problem := l.client.queue.inconsistency()
	l.mu.Lock()
	defer l.mu.Unlock()
	if problem != "" && l.problem == "" {
		l.problem = when + ": " + problem
	}
	return l.problem == ""
}

func (l *life) sound() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.problem == ""
}

func choose[T any](r *rand.Rand, all ...T) T { return all[r.IntN(len(all))] }
