package altertable_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"log/slog"
	"maps"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// A log that is written to from several goroutines.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSpace(l.text.String()), "\n")
}

func TestWarningsComeOnceAMinuteAndSayNothingPersonal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(logged)
		client, srv := altertabletest.New(t, altertable.WithLogger(slog.New(slog.NewTextHandler(log, nil))), altertable.WithMaxBatchSize(1))
		srv.Always(altertabletest.Status(401).JSON(`{"ok":false,"error_code":"no such key: secret_key"}`))
		for range 50 {
			require.NoError(t, client.Track(t.Context(), altertable.Track{Event: "secret_event", DistinctID: "secret_id", Properties: altertable.Properties{"email": "secret@example.com"}}))
			pass(2500 * time.Millisecond)
		}
		synctest.Wait()
		lines := log.lines()
		assert.Len(t, lines, 3, "125 seconds")
		for _, line := range lines {
			assert.Contains(t, line, "the server refuses the API key")
			assert.NotContains(t, line, "secret")
		}
	})
}

func TestWarningsGoToTheDefaultOfTheMoment(t *testing.T) {
	srv := altertabletest.NewServer()
	defer srv.Close()
	srv.Always(altertabletest.Status(401))
	client, err := altertable.New("key", altertable.WithBaseURL(srv.URL), altertable.WithLogger(nil))
	require.NoError(t, err)
	lines, before, output, flags := new(logged), slog.Default(), log.Writer(), log.Flags()
	slog.SetDefault(slog.New(slog.NewTextHandler(lines, nil)))
	defer func() { // SetDefault changes package log, too
		slog.SetDefault(before)
		log.SetOutput(output)
		log.SetFlags(flags)
	}()
	track(t, client, "e0")
	require.Error(t, client.Close())
	assert.Contains(t, lines.lines()[0], `level=WARN msg="altertable: the server refuses the API key`)
}

func TestWarningsOfEachKind(t *testing.T) {
	for text, test := range map[string]struct {
		fault   altertabletest.Fault
		options []altertable.Option
	}{
		"the queue is full":              {altertabletest.Hang(), []altertable.Option{altertable.WithMaxQueueSize(1)}},
		"cannot be delivered":            {altertabletest.Status(503), nil},
		"the environment does not exist": {altertabletest.Status(400).ErrorCode("environment-not-found"), nil},
		"messages were not delivered":    {altertabletest.Status(422), nil},
		"a callback panicked":            {altertabletest.Pass(), []altertable.Option{altertable.WithOnDelivery(func(altertable.Delivery) { panic("secret") })}},
	} {
		t.Run(text, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := new(logged)
				client, srv := altertabletest.New(t, append(test.options, altertable.WithLogger(slog.New(slog.NewTextHandler(log, nil))))...)
				srv.Always(test.fault)
				track(t, client, "secret_0")
				_ = client.Track(t.Context(), event("secret_1"))
				_ = client.Flush(within(t, time.Second))
				synctest.Wait()
				lines := log.lines()
				require.Len(t, lines, 1)
				assert.Contains(t, lines[0], text)
				assert.NotContains(t, lines[0], "secret")
			})
		})
	}
}

// A journal is a log handler that notes what it is given, and then does what a
// handler may.
type journal struct {
	level slog.Level
	then  func() // may be nil

	mu      sync.Mutex
	entries []entry
}

// An entry is a line of a journal.
type entry struct {
	level slog.Level
	text  string
	attrs map[string]any
}

func (j *journal) Enabled(_ context.Context, level slog.Level) bool { return level >= j.level }
func (j *journal) WithAttrs([]slog.Attr) slog.Handler               { return j }
func (j *journal) WithGroup(string) slog.Handler                    { return j }

func (j *journal) Handle(_ context.Context, r slog.Record) error {
	e := entry{r.Level, r.Message, map[string]any{}}
	r.Attrs(func(a slog.Attr) bool { e.attrs[a.Key] = a.Value.Resolve().Any(); return true })
	j.mu.Lock()
	j.entries = append(j.entries, e)
	j.mu.Unlock()
	if j.then != nil {
		j.then()
	}
	return nil
}

// about returns the lines whose text holds text.
func (j *journal) about(text string) (all []entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.entries {
		if strings.Contains(e.text, text) {
			all = append(all, e)
		}
	}
	return all
}

// sum adds up an attribute of the lines whose text holds text.
func (j *journal) sum(text, attr string) (total int64) {
	for _, e := range j.about(text) {
		if n, ok := e.attrs[attr].(int64); ok {
			total += n
		}
	}
	return total
}

// newLoggedClient returns a client without callbacks that logs to j.
func newLoggedClient(t *testing.T, j *journal, opts ...altertable.Option) (*altertable.Client, *altertabletest.Server) {
	t.Helper()
	return altertabletest.New(t, append([]altertable.Option{altertable.WithLogger(slog.New(j))}, opts...)...)
}

// What was held back is in the next line, a minute later, or in one at Shutdown.
func TestWarningsAddUpWhatTheyHoldBack(t *testing.T) {
	const text = "the server refuses the API key"
	for name, test := range map[string]struct {
		then func(*testing.T, *altertable.Client)
		want []int64
	}{
		"another event": {func(t *testing.T, c *altertable.Client) {
			pass(2 * time.Minute)
			track(t, c, "e")
			_ = c.Flush(t.Context())
		}, []int64{100, 900, 1}},
		"an event too soon": {func(t *testing.T, c *altertable.Client) {
			pass(30 * time.Second)
			track(t, c, "e")
			_ = c.Flush(t.Context())
			pass(time.Minute)
		}, []int64{100, 901}},
		"a minute in silence": {func(*testing.T, *altertable.Client) { pass(time.Minute) }, []int64{100, 900}},
		"Shutdown":            {func(t *testing.T, c *altertable.Client) { require.NoError(t, c.Close()) }, []int64{100, 900}},
		"a day in silence":    {func(*testing.T, *altertable.Client) { pass(24 * time.Hour) }, []int64{100, 900}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := new(journal)
				client, srv := newLoggedClient(t, j)
				srv.Always(altertabletest.Status(401))
				for range 10 {
					track(t, client, numbered(100)...)
					pass(time.Millisecond)
				}
				_ = client.Flush(t.Context())
				require.Len(t, j.about(text), 1)
				test.then(t, client)
				synctest.Wait()
				var counts []int64
				for _, line := range j.about(text) {
					counts = append(counts, line.attrs["count"].(int64))
				}
				assert.Equal(t, test.want, counts)
			})
		})
	}
}

func TestEachRefusedOrEvictedMessageIsInTheLog(t *testing.T) {
	for name, test := range map[string]struct {
		options []altertable.Option
		lost    func(altertable.Stats) int64
	}{
		"DropNewest": {nil, func(s altertable.Stats) int64 { return s.RejectedFull }},
		"DropOldest": {[]altertable.Option{altertable.WithOverflow(altertable.DropOldest)}, func(s altertable.Stats) int64 { return s.RejectedFull + s.Dropped }},
		"Block":      {[]altertable.Option{altertable.WithOverflow(altertable.Block)}, func(s altertable.Stats) int64 { return s.RejectedFull }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := new(journal)
				client, srv := newLoggedClient(t, j, append(test.options, altertable.WithMaxQueueSize(10), altertable.WithMaxBatchSize(5), altertable.WithMaxInFlight(1))...)
				hang := srv.Always(altertabletest.Hang())
				for range 100 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					_ = client.Track(ctx, event("e"))
					cancel()
				}
				hang.Release()
				require.NoError(t, client.Close())
				s := client.Stats()
				assert.Greater(t, test.lost(s), int64(50))
				assert.Equal(t, test.lost(s), j.sum("the queue is full", "count"))
				for _, line := range j.about("the queue is full") {
					assert.Equal(t, "track", line.attrs["endpoint"])
					assert.Equal(t, "production", line.attrs["environment"])
				}
			})
		})
	}
}

// A line names what all of its messages have in common, and nothing else.
func TestWarningsNameWhatTheirMessagesShare(t *testing.T) {
	in := func(environment string) altertable.Track {
		return altertable.Track{Event: "e", DistinctID: "u", Environment: environment}
	}
	for name, test := range map[string]struct {
		send func(*testing.T, *altertable.Client)
		want map[string]any
	}{
		"all": {func(t *testing.T, c *altertable.Client) {
			require.NoError(t, errOf(c.Track(t.Context(), in("a")), c.Flush))
			require.NoError(t, errOf(c.Track(t.Context(), in("a")), c.Flush))
		}, map[string]any{"endpoint": "track", "environment": "a", "count": int64(2)}},
		"the endpoint": {func(t *testing.T, c *altertable.Client) {
			require.NoError(t, errOf(c.Track(t.Context(), in("a")), c.Flush))
			require.NoError(t, errOf(c.Track(t.Context(), in("b")), c.Flush))
			require.NoError(t, errOf(c.Track(t.Context(), in("b")), c.Flush))
		}, map[string]any{"endpoint": "track", "count": int64(3)}},
		"nothing": {func(t *testing.T, c *altertable.Client) {
			require.NoError(t, errOf(c.Track(t.Context(), in("a")), c.Flush))
			require.NoError(t, errOf(c.Alias(t.Context(), altertable.Alias{DistinctID: "u", NewUserID: "v"}), c.Flush))
			require.NoError(t, errOf(c.Track(t.Context(), in("a")), c.Flush))
		}, map[string]any{"count": int64(3)}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := new(journal)
				client, srv := newLoggedClient(t, j)
				srv.Always(altertabletest.Status(401))
				require.NoError(t, errOf(client.Track(t.Context(), in("first")), client.Flush))
				test.send(t, client)
				require.NoError(t, client.Close())
				lines := j.about("refuses the API key")
				require.Len(t, lines, 2)
				got := maps.Clone(lines[1].attrs)
				delete(got, "error")
				assert.Equal(t, test.want, got)
			})
		})
	}
}

// errOf returns the call's error, and has the message leave.
func errOf(err error, flush func(context.Context) error) error {
	_ = flush(context.Background())
	return err
}

func TestWarningOfAnEnvironmentSaysWhereToCreateIt(t *testing.T) {
	const address = "https://altertable.ai/dashboard/environments/new"
	for environment, want := range map[string]string{
		"staging":               address + "?name=staging",
		"EU west.2_b-$1":        address + "?name=EU+west.2_b-%241",
		"a&b=c":                 address,
		"x/../y":                address,
		"a\nb":                  address,
		"<script>":              address,
		strings.Repeat("x", 64): address + "?name=" + strings.Repeat("x", 64),
		strings.Repeat("x", 65): address,
		"s\u00fcd":              address,
	} {
		t.Run(environment, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := new(journal)
				client, srv := newLoggedClient(t, j, altertable.WithEnvironment(environment))
				srv.Always(altertabletest.Status(400).ErrorCode("environment-not-found"))
				track(t, client, "e0")
				require.ErrorIs(t, client.Flush(t.Context()), altertable.ErrEnvironmentNotFound)
				require.Len(t, j.about("the environment does not exist"), 1)
				line := j.about("the environment does not exist")[0]
				assert.Equal(t, want, line.attrs["create"])
				assert.Equal(t, environment, line.attrs["environment"])
			})
		})
	}
}

// All that was held back is logged at Shutdown, one line of a kind, also what
// the callbacks of its last reports bring about.
func TestShutdownLogsWhatIsHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := new(journal)
		client, srv := newLoggedClient(t, j, altertable.WithMaxBatchSize(1), altertable.WithMaxQueueSize(20), altertable.WithMaxInFlight(20),
			altertable.WithOnError(func(error) { panic("secret") }))
		srv.Always(altertabletest.Hang())
		track(t, client, numbered(20)...)
		for range 7 {
			require.ErrorIs(t, client.Track(t.Context(), event("e")), altertable.ErrQueueFull)
		}
		require.Error(t, client.Shutdown(within(t, time.Second)))
		assert.Len(t, j.about("the queue is full"), 2)
		assert.EqualValues(t, 7, j.sum("the queue is full", "count"))
		assert.Len(t, j.about("a callback panicked"), 2)
		assert.EqualValues(t, 20, j.sum("a callback panicked", "count"))
		for _, line := range j.about("") {
			assert.NotContains(t, fmt.Sprint(line), "secret")
		}
		pass(time.Hour)
		assert.Len(t, j.about(""), 4, "it is over")
	})
}

// Whatever a log handler does, nothing dies, and Shutdown keeps to its time.
func TestLogHandlersMayMisbehave(t *testing.T) {
	for name, misbehave := range map[string]func(*altertable.Client, chan struct{}){
		"blocks":  func(_ *altertable.Client, release chan struct{}) { <-release },
		"is slow": func(*altertable.Client, chan struct{}) { <-time.After(200 * time.Millisecond) },
		"panics":  func(*altertable.Client, chan struct{}) { panic("secret") },
		"Goexit":  func(*altertable.Client, chan struct{}) { runtime.Goexit() },
		"Track":   func(c *altertable.Client, _ chan struct{}) { _ = c.Track(context.Background(), event("of the log")) },
		"Flush":   func(c *altertable.Client, _ chan struct{}) { _ = c.Flush(context.Background()) },
		"TrackSync": func(c *altertable.Client, _ chan struct{}) {
			_, _ = c.TrackSync(context.Background(), event("of the log"))
		},
		"Close": func(c *altertable.Client, _ chan struct{}) { _ = c.Close() },
		"Stats": func(c *altertable.Client, _ chan struct{}) { _ = c.Stats() },
	} {
		for _, level := range []slog.Level{slog.LevelDebug, slog.LevelWarn} {
			t.Run(name+"/"+level.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var client *altertable.Client
					release := make(chan struct{})
					j := &journal{level: level}
					made, srv := newLoggedClient(t, j, altertable.WithMaxBatchSize(1), altertable.WithMaxInFlight(1), altertable.WithMaxQueueSize(10))
					client, j.then = made, func() { misbehave(client, release) }
					srv.Next(2, altertabletest.Status(401))
					srv.Next(1, altertabletest.Status(400).ErrorCode("environment-not-found"))
					srv.Next(1, altertabletest.Reset())
					srv.Always(altertabletest.Hang())
					for _, name := range numbered(20) {
						_ = client.Track(t.Context(), event(name))
						synctest.Wait()
					}
					start := time.Now()
					_ = client.Shutdown(within(t, time.Second))
					assert.LessOrEqual(t, time.Since(start), 1250*time.Millisecond)
					s := client.Stats()
					assertAddsUp(t, s)
					assert.Zero(t, s.Queued)
					close(release)
					pass(time.Minute)
				})
			})
		}
	}
}

// A handler that does not return costs a line of a kind, not memory.
func TestStuckLogHandlerDoesNotFillMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		j := &journal{then: func() { <-release }}
		client, srv := newLoggedClient(t, j)
		srv.Always(altertabletest.Status(401))
		for range 100 {
			track(t, client, "e0")
			pass(time.Hour)
		}
		assert.Len(t, j.about(""), 1)
		close(release)
		synctest.Wait()
		assert.Len(t, j.about(""), 2)
		assert.EqualValues(t, 100, j.sum("", "count"))
	})
}

// A RoundTripper's error whose methods panic costs no line.
func TestWarningOfAnErrorThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := new(journal)
		client, _ := newLoggedClient(t, j, altertable.WithHTTPClient(&http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			var none *nilError
			return nil, none
		})}))
		track(t, client, "e0")
		pass(2 * time.Second)
		lines := j.about("cannot be delivered")
		require.Len(t, lines, 1)
		assert.Equal(t, "altertable: network: the HTTP client returned no answer", lines[0].attrs["error"])
	})
}
