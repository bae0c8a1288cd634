package altertable_test

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// texts returns the lines of a level, without what comes before the colon.
func (j *journal) texts(level slog.Level) (all []string) {
	for _, e := range j.about("") {
		if e.level == level {
			all = append(all, strings.TrimPrefix(e.text, "altertable: "))
		}
	}
	return all
}

func TestDebugLinesTellTheWayOfAMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &journal{level: slog.LevelDebug}
		client, srv := newLoggedClient(t, j, altertable.WithEnvironment("staging"), altertable.WithBeforeSend(func(m altertable.Message) altertable.Message {
			if m.(altertable.Track).Event == "discard" {
				return nil
			}
			return m
		}))
		srv.Next(1, altertabletest.Status(503).RetryAfter(10*time.Second))
		srv.Next(1, altertabletest.Status(422))
		track(t, client, "Signed Up", "discard", "e1")
		require.Error(t, client.Track(t.Context(), altertable.Track{}))
		require.NoError(t, client.Flush(t.Context()))
		require.NoError(t, client.Close())
		assert.Equal(t, []string{
			"client started", "message accepted", "message discarded", "message accepted", "message rejected",
			"request failed", "retry scheduled", "request failed", "batch is split", "request delivered", "request delivered",
			"client shut down",
		}, j.texts(slog.LevelDebug))

		for text, want := range map[string]map[string]any{
			"client started":    {"version": altertable.Version, "environment": "staging", "disabled": false, "spool": false},
			"message accepted":  {"endpoint": "track", "environment": "staging", "event": "Signed Up"},
			"message discarded": {"by": "BeforeSend"},
			"message rejected":  {"error": "altertable: event must not be empty"},
			"request failed": {"endpoint": "track", "environment": "staging", "count": int64(2), "attempt": int64(1),
				"bytes": int64(srv.Requests()[0].Size), "status": int64(503), "error": "altertable: server answered 503", "duration": time.Duration(0)},
			"retry scheduled":   {"count": int64(2), "attempts": int64(1), "delay": 10 * time.Second},
			"batch is split":    {"count": int64(2), "error": "altertable: server answered 422"},
			"request delivered": {"count": int64(1), "attempt": int64(3), "task_id": "task-1"},
			"client shut down":  {"accepted": int64(2), "delivered": int64(2), "rejected": int64(1), "discarded": int64(1), "requests": int64(4), "queued": int64(0)},
		} {
			lines := j.about(text)
			if assert.NotEmpty(t, lines, text) {
				for name, value := range want {
					assert.Equal(t, value, lines[0].attrs[name], "%s: %s", text, name)
				}
			}
		}
	})
}

func TestDebugLinesOfSyncCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &journal{level: slog.LevelDebug}
		client, srv := newLoggedClient(t, j)
		srv.Next(1, altertabletest.Reset().Delay(time.Second))
		_, err := client.IdentifySync(t.Context(), altertable.Identify{DistinctID: "u"})
		require.NoError(t, err)
		_, err = client.TrackSync(t.Context(), event(""))
		require.Error(t, err)
		synctest.Wait()
		require.Equal(t, []string{"client started", "request failed", "request delivered", "message rejected"}, j.texts(slog.LevelDebug))
		failed := j.about("request failed")[0].attrs
		assert.Equal(t, map[string]any{
			"endpoint": "identify", "sync": true, "bytes": int64(srv.Requests()[0].Size), "attempt": int64(1),
			"duration": time.Second, "error": "altertable: network: connection reset by peer",
		}, failed)
	})
}

// Neither keys, ids nor payloads, whatever they are and whatever the server says.
func TestDebugLinesSayNothingPersonal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &journal{level: slog.LevelDebug}
		srv := altertabletest.NewServer()
		defer srv.Close()
		client, err := altertable.New("secret_key", altertable.WithLogger(slog.New(j)), altertable.WithBaseURL(srv.URL), altertable.WithHTTPClient(srv.HTTPClient()))
		require.NoError(t, err)
		srv.Next(1, altertabletest.Status(422).JSON(`{"ok":false,"error_code":"secret code","message":"secret"}`))
		srv.Next(1, altertabletest.Status(200).JSON(`{"ok":true,"task_id":"secret task id"}`))
		secret := altertable.Track{Event: "Signed Up", DistinctID: "secret", AnonymousID: "secret", DeviceID: "secret", Properties: altertable.Properties{"secret": "secret"}}
		require.NoError(t, client.Track(t.Context(), secret))
		require.NoError(t, client.Identify(t.Context(), altertable.Identify{DistinctID: "secret", Traits: altertable.Traits{"secret": "secret"}}))
		require.NoError(t, client.Alias(t.Context(), altertable.Alias{DistinctID: "secret", NewUserID: "secret2"}))
		secret.DistinctID, secret.Properties = "secret", altertable.Properties{"cart": func() {}}
		require.Error(t, client.Track(t.Context(), secret))
		_, _ = client.TrackSync(t.Context(), event("e"))
		_ = client.Flush(t.Context())
		_ = client.Close()
		lines := fmt.Sprint(j.about(""))
		assert.Contains(t, lines, "Signed Up")
		assert.NotContains(t, lines, "secret")
	})
}

// The name of an event is what a developer chose; it is cut all the same.
func TestDebugLinesCutNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &journal{level: slog.LevelDebug}
		client, _ := newLoggedClient(t, j)
		track(t, client, strings.Repeat("\u00fc", 500))
		require.NoError(t, client.Close())
		assert.Equal(t, strings.Repeat("\u00fc", 50)+"...", j.about("message accepted")[0].attrs["event"])
	})
}

// Where nobody wants debug lines, the logger is not asked for each message.
func TestDebugLinesCostNothingWhenNobodyWantsThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := new(counting)
		client, _ := altertabletest.New(t, altertable.WithLogger(slog.New(asked)), altertable.WithMaxBatchSize(1))
		track(t, client, numbered(1000)...)
		require.NoError(t, client.Close())
		assert.EqualValues(t, 1, asked.times.Load(), "by New")
	})
}

// counting is a log handler that wants nothing, and counts how often it is asked.
type counting struct {
	slog.Handler
	times atomic.Int64
	level atomic.Pointer[slog.Level]
	then  func() // may be nil
}

func (c *counting) Enabled(_ context.Context, level slog.Level) bool {
	c.times.Add(1)
	if c.then != nil {
		c.then()
	}
	return c.level.Load() != nil && level >= *c.level.Load()
}

func (*counting) Handle(context.Context, slog.Record) error { return nil }

// A service that turns debug level on does not start anew for that.
func TestDebugLevelMayChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		level := new(slog.LevelVar)
		lines := new(logged)
		client, _ := altertabletest.New(t, altertable.WithLogger(slog.New(slog.NewTextHandler(lines, &slog.HandlerOptions{Level: level}))))
		send := func() (debug bool) {
			before := len(lines.lines())
			pass(time.Minute)
			track(t, client, "e")
			require.NoError(t, client.Flush(t.Context())) // asks the logger
			track(t, client, "e")
			require.NoError(t, client.Flush(t.Context()))
			synctest.Wait()
			return len(lines.lines()) > before
		}
		assert.False(t, send())
		level.Set(slog.LevelDebug)
		assert.True(t, send())
		level.Set(slog.LevelInfo)
		assert.False(t, send())
	})
}

// A handler that never answers whether it wants a line is a stuck callback, and no more.
func TestLoggersLevelMayMisbehave(t *testing.T) {
	for name, misbehave := range map[string]func(release chan struct{}){
		"blocks": func(release chan struct{}) { <-release },
		"panics": func(chan struct{}) { panic("secret") },
		"Goexit": func(chan struct{}) { runtime.Goexit() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				handler := new(counting)
				client, srv := altertabletest.New(t, altertable.WithLogger(slog.New(handler)), altertable.WithMaxBatchSize(1))
				handler.then = func() { misbehave(release) }
				for _, name := range numbered(100) {
					pass(time.Minute)
					track(t, client, name)
				}
				require.NoError(t, client.Flush(t.Context()))
				assert.Len(t, srv.Events(), 100)
				if name == "blocks" {
					assert.LessOrEqual(t, handler.times.Load(), int64(2), "it is asked once")
				}
				start := time.Now()
				require.NoError(t, client.Shutdown(within(t, time.Second)))
				assert.LessOrEqual(t, time.Since(start), 250*time.Millisecond)
				close(release)
				synctest.Wait()
				if name == "blocks" {
					assert.LessOrEqual(t, handler.times.Load(), int64(2), "nor was it to be asked again and again")
				}
			})
		})
	}
}

// Neither a log handler that does not return nor a flood of messages makes
// debug lines take memory or room in the queue.
func TestDebugLinesAreBoundedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		j := &journal{level: slog.LevelDebug, then: func() { <-release }}
		client, srv := newLoggedClient(t, j, altertable.WithMaxQueueSize(5000), altertable.WithRequestTimeout(time.Hour))
		hang := srv.Always(altertabletest.Hang())
		for range 5 {
			track(t, client, numbered(1000)...)
			pass(time.Second)
		}
		assert.EqualValues(t, 5000, client.Stats().Accepted, "no room is taken")
		close(release)
		synctest.Wait()
		assert.LessOrEqual(t, len(j.about("")), 1001, "and the start")
		hang.Release()
		require.NoError(t, client.Close())
		lines := len(j.about("message accepted")) + len(j.about("request"))
		assert.EqualValues(t, 5000+50, int64(lines)+j.sum("", "lines_dropped"))
	})
}

func TestDisabledClientSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &journal{level: slog.LevelDebug}
		client, _ := newLoggedClient(t, j, altertable.WithDisabled(true))
		track(t, client, "e0")
		synctest.Wait()
		assert.Equal(t, []string{"client started", "message not queued, the client is disabled"}, j.texts(slog.LevelDebug))
		assert.Equal(t, true, j.about("client started")[0].attrs["disabled"])
	})
}

// New calls no log handler except to ask for its level, and starts no goroutine.
func TestNewLogsNothing(t *testing.T) {
	before := goleak.IgnoreCurrent()
	j := &journal{level: slog.LevelDebug, then: func() { select {} }}
	client := newBenchClient(t, discard{}, altertable.WithLogger(slog.New(j)))
	goleak.VerifyNone(t, before)
	assert.Empty(t, j.about(""))
	assert.Zero(t, client.Stats())
	j.then = nil
}
