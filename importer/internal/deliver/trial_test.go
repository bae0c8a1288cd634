package deliver

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

// about is a fault that meets the requests that hold one of the texts.
func about(fault altertabletest.Fault, texts ...string) altertabletest.Fault {
	return fault.MatchBody(func(body []byte) bool {
		for _, text := range texts {
			if strings.Contains(string(body), text) {
				return true
			}
		}
		return false
	})
}

// moreThanOnce counts the events that the server has more than once.
func (i *importer) moreThanOnce() (n int64) {
	for _, count := range i.arrived() {
		if count > 1 {
			n++
		}
	}
	return n
}

const (
	tookOthers  = ", again and again, and took other messages meanwhile"
	nothingElse = ", again and again, and there was nothing else to be sent"
)

func TestAMessageThatTheServerAlwaysFailsOnIsRefused(t *testing.T) {
	everywhere := []string{`"e0"`, `"e777"`, `"e1999"`}
	for name, test := range map[string]struct {
		rows   int
		fault  altertabletest.Fault
		texts  []string
		reason string
	}{
		"the last":        {2_000, altertabletest.Status(500), []string{`"e1999"`}, "server answered 500"},
		"the first":       {2_000, altertabletest.Status(500), []string{`"e0"`}, "server answered 500"},
		"some":            {2_000, altertabletest.Status(502), everywhere, "server answered 502"},
		"neighbours":      {2_000, altertabletest.Status(500), []string{`"e1997"`, `"e1998"`, `"e1999"`}, "server answered 500"},
		"of one batch":    {20, altertabletest.Status(500), []string{`"e3"`, `"e19"`}, "server answered 500"},
		"one of two":      {2, altertabletest.Status(500), []string{`"e1"`}, "server answered 500"},
		"a firewall":      {200, altertabletest.Status(403).HTML("<html>Blocked</html>"), []string{`"e150"`}, "server answered 403 without an error code: a firewall or proxy in between, not the API"},
		"a page":          {200, altertabletest.Status(200).HTML("<html>Sorry</html>"), []string{`"e150"`}, "server answered 200 with an HTML page: a captive portal, or the base URL is wrong"},
		"with a code":     {200, altertabletest.Status(500).ErrorCode("internal-error"), []string{`"e150"`}, "server answered 500 (internal-error)"},
		"with a time":     {200, altertabletest.Status(503).RetryAfter(time.Hour), []string{`"e150"`}, "server answered 503"},
		"after storing":   {200, altertabletest.Status(500).AfterStoring(), []string{`"e150"`}, "server answered 500"},
		"a request later": {200, altertabletest.Status(500).Delay(40 * time.Second), []string{`"e150"`}, "server answered 500"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newImporter(t, tracks(test.rows))
				i.srv.Always(about(test.fault, test.texts...))
				began := time.Now()
				result, err := i.run(t.Context())
				require.NoError(t, err)
				assert.True(t, result.Finished)
				bad := int64(len(test.texts))
				refused := int64(0)
				for reason, n := range result.Rejected {
					assert.Contains(t, []string{test.reason + tookOthers, test.reason + nothingElse}, reason)
					refused += n
				}
				assert.Equal(t, bad, refused)
				assert.EqualValues(t, int64(test.rows)-bad, result.Delivered)
				assert.Equal(t, len(test.texts), strings.Count(i.rejected(), "\n"))
				for _, text := range test.texts {
					assert.Contains(t, i.rejected(), text)
				}
				assert.GreaterOrEqual(t, len(i.arrived()), test.rows-len(test.texts))
				assert.GreaterOrEqual(t, result.Duplicates, i.moreThanOnce())
				assert.Less(t, time.Since(began), 45*time.Minute)
				assert.EqualValues(t, test.rows, i.counters.Done.Load())
				assert.EqualValues(t, bad, i.counters.Refused.Load())
				assert.Zero(t, i.counters.InFlight.Load())

				requests := len(i.srv.Requests())
				again, err := i.run(t.Context())
				require.NoError(t, err)
				assert.True(t, again.Finished)
				assert.Len(t, i.srv.Requests(), requests, "a finished import sends nothing")
			})
		})
	}
}

// The tracks wait for the identifies, and a person's newer identify for the older one.
func TestAnIdentifyThatTheServerAlwaysFailsOnDoesNotStopTheTracks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows := &memory{chunk: 30}
		for n := range 120 {
			rows.add(record.Identify, fmt.Sprintf(`{"distinct_id":"u%d","traits":{"n":%d},"timestamp":"2024-01-01T00:%02d:00Z"}`, n%40, n, n/2), "")
		}
		rows.rows[37].Message = []byte(`{"distinct_id":"u37","traits":{"poison":true},"timestamp":"2024-01-01T00:18:00Z"}`)
		for range 50 {
			rows.add(record.Track, `{"event":"signed_up","distinct_id":"u1","properties":{}}`, "")
		}
		i := newImporter(t, rows)
		i.srv.Always(about(altertabletest.Status(500), "poison"))
		result, err := i.run(t.Context())
		require.NoError(t, err)
		assert.True(t, result.Finished)
		assert.EqualValues(t, 169, result.Delivered)
		assert.Equal(t, map[string]int64{"server answered 500" + tookOthers: 1}, result.Rejected)
		assert.Len(t, i.srv.Events(), 50)
		for n := range 40 {
			one, ok := i.srv.Identity("production", fmt.Sprintf("u%d", n))
			require.True(t, ok)
			assert.EqualValues(t, 80+n, one.Traits["n"], "the newest one has arrived last")
		}
	})
}

func TestAnOutageRefusesNothing(t *testing.T) {
	for name, down := range map[string]altertabletest.Fault{
		"500": altertabletest.Status(500), "503": altertabletest.Status(503).RetryAfter(time.Minute), "429": altertabletest.Status(429),
		"firewall": altertabletest.Status(403).HTML("<html></html>"), "portal": altertabletest.Status(200).HTML("<html>Log in</html>"), "reset": altertabletest.Reset(),
	} {
		for _, before := range []int{0, 4, 27} {
			t.Run(fmt.Sprint(name, " after ", before), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					i := newImporter(t, tracks(600))
					log := &strings.Builder{}
					i.o.Logger = slog.New(slog.NewTextHandler(log, nil))
					i.srv.Next(before, altertabletest.Pass())
					i.srv.Always(down)
					time.AfterFunc(time.Hour, i.srv.ClearFaults)
					result, err := i.run(t.Context())
					require.NoError(t, err)
					assert.True(t, result.Finished)
					assert.Empty(t, result.Rejected)
					assert.EqualValues(t, 600, result.Delivered)
					assert.Len(t, i.srv.Events(), 600)
					assert.Zero(t, i.moreThanOnce())
					assert.NotContains(t, log.String(), "lost")
					assert.NotContains(t, log.String(), "given up")
				})
			})
		}
	}
}

// An outage that comes and goes refuses nothing that it lets pass now and then.
func TestOutagesOneAfterTheOther(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 5))
				i := newImporter(t, tracks(1_500))
				i.o.Rate = 5
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var change func(up bool)
				change = func(up bool) {
					switch {
					case ctx.Err() != nil:
						return
					case up:
						i.srv.ClearFaults()
					default:
						i.srv.Always(altertabletest.Status(503))
					}
					time.AfterFunc(time.Duration(1+random.IntN(1200))*time.Second, func() { change(!up) })
				}
				change(true)
				result, err := i.run(t.Context())
				cancel()
				require.NoError(t, err)
				assert.True(t, result.Finished)
				assert.Empty(t, result.Rejected)
				assert.Len(t, i.srv.Events(), 1_500)
			})
		})
	}
}

// An outage that lets one message pass now and then is no reason to refuse the others.
func TestAnOutageThatLetsFewPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newImporter(t, tracks(1_000))
		var requests atomic.Int64
		i.srv.Always(altertabletest.Status(503).MatchBody(func([]byte) bool { return requests.Add(1)%15 != 0 }))
		time.AfterFunc(time.Hour, i.srv.ClearFaults)
		result, err := i.run(t.Context())
		require.NoError(t, err)
		assert.True(t, result.Finished)
		assert.Empty(t, result.Rejected)
		assert.EqualValues(t, 1_000, result.Delivered)
	})
}

// Nothing else is there to tell whether it is the messages' fault.
func TestTheLastMessagesDoNotWaitForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newImporter(t, tracks(few))
		i.srv.Always(altertabletest.Status(500))
		began := time.Now()
		result, err := i.run(t.Context())
		require.NoError(t, err)
		assert.True(t, result.Finished)
		assert.Equal(t, map[string]int64{"server answered 500" + nothingElse: few}, result.Rejected)
		// How long it takes depends on which of them the client tries in an outage, at random.
		assert.GreaterOrEqual(t, time.Since(began), maxLastRounds*patience)
		assert.LessOrEqual(t, time.Since(began), 3*time.Hour)
	})
}

func TestManyMessagesThatTheServerFailsOnAreAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newImporter(t, tracks(few+1))
		i.srv.Always(altertabletest.Status(500))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Hour)
		defer cancel()
		result, err := i.run(ctx)
		require.NoError(t, err)
		assert.True(t, result.Interrupted)
		assert.False(t, result.Finished)
		assert.Empty(t, result.Rejected)
		i.srv.ClearFaults()
		result, err = i.run(t.Context())
		require.NoError(t, err)
		assert.True(t, result.Finished)
		assert.EqualValues(t, few+1, result.Delivered)
		assert.LessOrEqual(t, result.Duplicates, int64(few+1), "messages are counted, not copies")
	})
}

// Wherever the run ends, each message has one outcome, and what may be there twice is
// counted.
func TestAnInterruptBetweenTwoTries(t *testing.T) {
	for _, minutes := range []int{1, 4, 6, 8, 11, 13, 14, 16} {
		t.Run(fmt.Sprint(minutes), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newImporter(t, tracks(90))
				i.srv.Always(about(altertabletest.Status(500).AfterStoring(), `"e45"`, `"e89"`))
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(minutes)*time.Minute)
				defer cancel()
				first, err := i.run(ctx)
				require.NoError(t, err)
				assert.NotEqual(t, first.Interrupted, first.Finished)
				result, err := i.run(t.Context())
				require.NoError(t, err)
				assert.True(t, result.Finished)
				assert.EqualValues(t, 88, result.Delivered)
				refused := int64(0)
				for reason, n := range result.Rejected {
					assert.Contains(t, reason, "server answered 500, again and again")
					refused += n
				}
				assert.EqualValues(t, 2, refused)
				assert.Equal(t, 2, strings.Count(i.rejected(), "\n"))
				assert.Len(t, i.arrived(), 90)
				assert.GreaterOrEqual(t, result.Duplicates, i.moreThanOnce())
				assert.LessOrEqual(t, result.Duplicates, int64(90))
			})
		})
	}
}
