package deliver

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/state"
)

func TestTheImportStopsWhereTheAPITakesNothing(t *testing.T) {
	code := func(status int, code string) altertabletest.Fault {
		return altertabletest.Status(status).Body(`{"ok":false,"error_code":"` + code + `"}`)
	}
	for name, test := range map[string]struct {
		fault       altertabletest.Fault
		environment string
		want        string
	}{
		"bad key":         {altertabletest.Status(401), "", "refuses the key (it answered 401): set ALTERTABLE_API_KEY"},
		"forbidden":       {code(403, "forbidden"), "", "refuses the key (it answered 403 (forbidden))"},
		"key by its code": {code(400, "invalid-api-key"), "", "refuses the key"},
		"redirect":        {altertabletest.Redirect(301, "https://example.com/track"), "", "redirects to another one (it answered 301): set ALTERTABLE_BASE_URL"},
		"not found":       {altertabletest.Status(404), "", "no API at the base URL (it answered 404): check ALTERTABLE_BASE_URL"},
		"method":          {altertabletest.Status(405), "", "no API at the base URL"},
		"misdirected":     {altertabletest.Status(421), "", "no API at the base URL"},
		"not ok":          {code(200, "insert-failed"), "", "does not take the messages (it answered 200 (insert-failed))"},
		"environment":     {code(400, "environment-not-found"), "", `the project has no environment "production": create it in the dashboard`},
		"own environment": {code(422, "environment-not-found"), "staging", `the project has no environment "staging"`},
		"refuses all":     {altertabletest.Status(422), "", "refuses one message after the other"},
		"refuses all 400": {code(400, "bad-gateway"), "", "refuses one message after the other"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newImporter(t, tracks(400))
				i.o.Environment = test.environment
				i.srv.Always(test.fault)
				began := time.Now()
				result, err := i.run(t.Context())
				var stop *stopError
				require.ErrorAs(t, err, &stop)
				assert.Contains(t, err.Error(), test.want)
				assert.Contains(t, err.Error(), "run the same command again")
				assert.NotContains(t, err.Error(), altertabletest.APIKey)
				assert.False(t, result.Finished)
				assert.False(t, result.Interrupted)
				assert.Zero(t, result.Delivered)
				assert.Empty(t, result.Rejected, "no message was judged by itself")
				assert.Empty(t, i.rejected())
				assert.Less(t, time.Since(began), 20*time.Second)
				assert.Less(t, len(i.srv.Requests()), 1000)

				i.srv.ClearFaults()
				result, err = i.run(t.Context())
				require.NoError(t, err)
				assert.True(t, result.Finished)
				assert.EqualValues(t, 400, result.Delivered)
				if name != "not ok" && name != "refuses all 400" { // these may have stored something
					assert.Zero(t, result.Duplicates)
				}
				assert.Len(t, i.srv.Events(), 400)
			})
		})
	}
}

func TestAnEnvironmentThatARowNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows := tracks(60)
		rows.rows[30].Message = []byte(`{"environment":"ada@example.com","event":"signed_up","distinct_id":"u1","properties":{}}`)
		i := newImporter(t, rows, altertabletest.WithEnvironments("production"))
		result, err := i.run(t.Context())
		require.ErrorContains(t, err, "the project lacks an environment that a row names: create it in the dashboard")
		assert.NotContains(t, err.Error(), "ada")
		assert.LessOrEqual(t, result.Delivered, int64(59))
		assert.Empty(t, result.Rejected)
	})
}

func TestABadKeyIsAnErrorBeforeAnythingIsSent(t *testing.T) {
	i := newImporter(t, tracks(10))
	i.o.Key = "atm_secret"
	_, err := i.run(t.Context())
	require.ErrorContains(t, err, "not a management key")
	assert.NotContains(t, err.Error(), "secret")
}

func TestAnOutageIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newImporter(t, tracks(400))
		i.srv.Down()
		time.AfterFunc(100*time.Hour, i.srv.Up)
		result, err := i.run(t.Context())
		require.NoError(t, err)
		assert.True(t, result.Finished)
		assert.Len(t, i.srv.Events(), 400)
		assert.Len(t, i.arrived(), 400)
	})
}

func TestFailuresInBetween(t *testing.T) {
	for name, fault := range map[string]altertabletest.Fault{
		"503":   altertabletest.Status(503),
		"429":   altertabletest.Status(429).RetryAfter(3 * time.Second),
		"reset": altertabletest.Reset(),
		"413":   altertabletest.Status(413),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newImporter(t, tracks(2_000))
				i.srv.Next(3, altertabletest.Pass())
				i.srv.Next(4, fault)
				result, err := i.run(t.Context())
				require.NoError(t, err)
				assert.True(t, result.Finished)
				assert.EqualValues(t, 2_000, result.Delivered)
				assert.Empty(t, result.Rejected)
				assert.Len(t, i.arrived(), 2_000)
				assert.Len(t, i.srv.Events(), 2_000)
			})
		})
	}
}

func TestALostAnswerIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newImporter(t, tracks(200))
		i.srv.Next(3, altertabletest.Reset().AfterStoring())
		result, err := i.run(t.Context())
		require.NoError(t, err)
		assert.Len(t, i.arrived(), 200)
		assert.Len(t, i.srv.Events(), 260)
		assert.EqualValues(t, 60, result.Duplicates)
		assert.EqualValues(t, 200, result.Delivered)
	})
}

func TestOneMessageThatWaitsDoesNotStopTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newImporter(t, tracks(2_000))
		healed := new(atomic.Bool)
		i.onRequest(func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
			body, err := r.GetBody()
			if err == nil && !healed.Load() {
				text := new(strings.Builder)
				_, _ = copyAll(text, body)
				if strings.Contains(text.String(), `"e17"`) {
					return nil, errors.New("reset")
				}
			}
			return next.RoundTrip(r)
		})
		time.AfterFunc(time.Hour, func() {
			assert.GreaterOrEqual(t, i.counters.Done.Load(), int64(1_980), "all but its batch, or a part of it")
			healed.Store(true)
		})
		result, err := i.run(t.Context())
		require.NoError(t, err)
		assert.True(t, result.Finished)
		assert.Len(t, i.arrived(), 2_000)
	})
}

func TestAnInterruptFinishesWhatIsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newImporter(t, tracks(2_000))
		i.srv.Always(altertabletest.Delay(time.Second))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(3500*time.Millisecond, cancel)
		began := time.Now()
		result, err := i.run(ctx)
		require.NoError(t, err)
		assert.True(t, result.Interrupted)
		assert.False(t, result.Finished)
		assert.Less(t, time.Since(began), 10*time.Second)
		assert.Len(t, i.srv.Events(), int(result.Delivered))
		assert.Zero(t, result.Duplicates)

		i.srv.ClearFaults()
		result, err = i.run(t.Context())
		require.NoError(t, err)
		assert.True(t, result.Finished)
		assert.Zero(t, result.Duplicates)
		assert.Len(t, i.srv.Events(), 2_000)
	})
}

func TestAnInterruptInAnOutage(t *testing.T) {
	for name, down := range map[string]func(*altertabletest.Server){
		"down":  (*altertabletest.Server).Down,
		"503":   func(s *altertabletest.Server) { s.Always(altertabletest.Status(503)) },
		"hangs": func(s *altertabletest.Server) { s.Always(altertabletest.Hang()) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newImporter(t, tracks(2_000))
				i.srv.Next(4, altertabletest.Pass())
				down(i.srv)
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				began := time.Now()
				result, err := i.run(ctx)
				require.NoError(t, err)
				assert.True(t, result.Interrupted)
				assert.Less(t, time.Since(began), time.Hour+31*time.Second)
				i.srv.Up()
				i.srv.ClearFaults()
				synctest.Wait()
				result, err = i.run(t.Context())
				require.NoError(t, err)
				assert.True(t, result.Finished)
				assert.Len(t, i.arrived(), 2_000)
				assert.GreaterOrEqual(t, result.Duplicates, int64(len(i.srv.Events())-2_000))
				assert.LessOrEqual(t, result.Duplicates, int64(400))
			})
		})
	}
}

func TestASecondInterruptEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newImporter(t, tracks(2_000))
		i.srv.Always(altertabletest.Hang())
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		stop, cancelStop := context.WithTimeout(t.Context(), 12*time.Second)
		defer cancelStop()
		began := time.Now()
		result, err := i.runWith(ctx, stop, nil)
		require.NoError(t, err)
		assert.True(t, result.Interrupted)
		assert.InDelta(t, 12, time.Since(began).Seconds(), 0.5)
	})
}

// One message without an outcome keeps what is refused behind it in memory, so that
// there is an end to what is read.
func TestAsManyRowsWaitAsThereIsRoomFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = maxHeld >> 20
		rows := tracks(1)
		rows.chunk = 2
		for range most + 10 {
			rows.add(record.Track, `{"note":"`+strings.Repeat("x", 1<<20)+`"}`, "no timestamp")
		}
		i := newImporter(t, rows)
		hang := i.srv.Always(altertabletest.Hang())
		read := new(atomic.Int64)
		rows.at = func(position int64) { read.Store(position) }
		time.AfterFunc(time.Hour, func() {
			assert.InDelta(t, most, read.Load(), 4)
			hang.Release()
		})
		st, err := state.Open("", i.about())
		require.NoError(t, err)
		result, err := Run(t.Context(), t.Context(), rows, st, nil, i.o, nil)
		require.NoError(t, err)
		assert.True(t, result.Finished)
		assert.Equal(t, map[string]int64{"no timestamp": most + 10}, result.Rejected)
	})
	l := newLedger(0, chain{}, new(Counters))
	l.batchSize = 20
	row := &record.Row{Endpoint: record.Track}
	l.slots = make([]slot, maxWindow-1)
	_, wake := l.next(row, 0)
	assert.Nil(t, wake)
	l.slots = make([]slot, maxWindow)
	_, wake = l.next(row, 0)
	assert.NotNil(t, wake)
}

// What was sent without an answer may be there when the API then refuses the rest.
func TestALostAnswerBeforeTheEndIsCounted(t *testing.T) {
	for name, end := range map[string]altertabletest.Fault{
		"bad key": altertabletest.Status(401),
		"not ok":  altertabletest.Status(200).Body(`{"ok":false,"error_code":"insert-failed"}`).AfterStoring(),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newImporter(t, tracks(400))
				i.srv.Next(3, altertabletest.Pass())
				i.srv.Next(8, altertabletest.Reset().AfterStoring())
				i.srv.Always(end)
				_, err := i.run(t.Context())
				require.ErrorAs(t, err, new(*stopError))
				i.srv.ClearFaults()
				result, err := i.run(t.Context())
				require.NoError(t, err)
				twice := 0
				for _, n := range i.arrived() {
					if n > 1 {
						twice++
					}
				}
				assert.Positive(t, twice)
				assert.GreaterOrEqual(t, result.Duplicates, int64(twice))
				assert.LessOrEqual(t, result.Duplicates, int64(400))
			})
		})
	}
}

// Requests that were refused have stored nothing.
func TestRefusalsAreNoDoubts(t *testing.T) {
	for name, fault := range map[string]altertabletest.Fault{
		"422": altertabletest.Status(422), "413": altertabletest.Status(413), "429": altertabletest.Status(429),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newImporter(t, tracks(400))
				i.srv.Next(3, altertabletest.Pass())
				i.srv.Next(3, fault)
				result, err := i.run(t.Context())
				require.NoError(t, err)
				assert.EqualValues(t, 400, result.Delivered)
				assert.Zero(t, result.Duplicates)
			})
		})
	}
}

// A 400 may have stored the messages before the one that is at fault.
func TestWhatARefusalHasStoredIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newImporter(t, tracks(400))
		bad := altertabletest.Status(400).ErrorCode("insert-failed").MatchBody(func(body []byte) bool { return strings.Contains(string(body), `"e17"`) })
		i.srv.Next(1, bad.AfterStoring())
		i.srv.Always(bad)
		result, err := i.run(t.Context())
		require.NoError(t, err)
		assert.EqualValues(t, 399, result.Delivered)
		assert.GreaterOrEqual(t, result.Duplicates, int64(len(i.srv.Events())-400))
	})
}

// An interrupt before anything is sent is no error.
func TestAnInterruptWhileTheRowsAreCompared(t *testing.T) {
	i := newImporter(t, tracks(100))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	result, err := i.runWith(ctx, t.Context(), func(f *files) {
		require.NoError(t, f.state.Note(state.Note{Done: []state.Range{{First: 0, Last: 9}}, Delivered: 10})) // without a chain
	})
	require.NoError(t, err)
	assert.True(t, result.Interrupted)
	assert.False(t, result.Finished)
	assert.Empty(t, i.srv.Requests())
}

// Whatever the API or something before it answers, each message has one outcome.
func TestEachMessageHasOneOutcome(t *testing.T) {
	large := altertabletest.Status(413).MatchBody(func(body []byte) bool { return len(body) > 1_500 })
	hour := altertabletest.Status(429).RetryAfter(time.Hour)
	for name, test := range map[string]struct {
		faults   func(*altertabletest.Server)
		rejected map[string]int64
		ends     string // the first run's error
		least    time.Duration
	}{
		"413 for a batch":     {faults: func(s *altertabletest.Server) { s.Always(large) }},
		"413 for one":         {faults: func(s *altertabletest.Server) { s.Always(about(altertabletest.Status(413), `"e17"`)) }, rejected: map[string]int64{"server answered 413": 1}},
		"422 for one":         {faults: func(s *altertabletest.Server) { s.Always(about(altertabletest.Status(422), `"e17"`)) }, rejected: map[string]int64{"server answered 422": 1}},
		"429 for an hour":     {faults: func(s *altertabletest.Server) { s.Next(1, altertabletest.Pass()); s.Next(1, hour) }, least: 5 * time.Minute},
		"429 for one, always": {faults: func(s *altertabletest.Server) { s.Next(400, about(altertabletest.Status(429), `"e17"`)) }},
		"401 in the middle": {faults: func(s *altertabletest.Server) {
			s.Next(3, altertabletest.Pass())
			s.Always(altertabletest.Status(401))
		}, ends: "refuses the key"},
		"a page for a while": {faults: func(s *altertabletest.Server) { s.Next(30, altertabletest.Status(200).HTML("<html>")) }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newImporter(t, tracks(400))
				test.faults(i.srv)
				began := time.Now()
				result, err := i.run(t.Context())
				if test.ends != "" {
					require.ErrorContains(t, err, test.ends)
					assert.Empty(t, result.Rejected)
					assert.Len(t, i.srv.Events(), int(result.Delivered))
					i.srv.ClearFaults()
					result, err = i.run(t.Context())
				}
				require.NoError(t, err)
				assert.True(t, result.Finished)
				want := test.rejected
				if want == nil {
					want = map[string]int64{}
				}
				assert.Equal(t, want, result.Rejected)
				assert.EqualValues(t, 400-len(want), result.Delivered)
				assert.Len(t, i.srv.Events(), 400-len(want), "nothing is lost or there twice")
				assert.Equal(t, len(want), strings.Count(i.rejected(), "\n"))
				assert.GreaterOrEqual(t, time.Since(began), test.least)
			})
		})
	}
}

// A name that is not found at the start is an outage, which a network that comes up ends.
func TestNoSuchHostAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newImporter(t, tracks(400))
		var found atomic.Bool
		i.onRequest(func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
			if !found.Load() {
				return nil, &net.DNSError{Err: "no such host", Name: r.URL.Hostname(), IsNotFound: true}
			}
			return next.RoundTrip(r)
		})
		log := &strings.Builder{}
		i.o.Logger = slog.New(slog.NewTextHandler(log, nil))
		time.AfterFunc(time.Hour, func() { found.Store(true) })
		result, err := i.run(t.Context())
		require.NoError(t, err)
		assert.True(t, result.Finished)
		assert.Empty(t, result.Rejected)
		assert.Len(t, i.srv.Events(), 400)
		assert.Contains(t, log.String(), "no such host")
	})
}
