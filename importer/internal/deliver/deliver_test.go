package deliver

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/state"
)

func TestEveryRowArrivesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newImporter(t, tracks(510))
		result, err := i.run(t.Context())
		require.NoError(t, err)
		assert.True(t, result.Finished)
		assert.EqualValues(t, 510, result.Delivered)
		assert.Zero(t, result.Duplicates)
		assert.Len(t, i.arrived(), 510)
		assert.Len(t, i.srv.Events(), 510)
		assert.EqualValues(t, 510, i.counters.Done.Load())
		assert.Zero(t, i.counters.InFlight.Load())
		assert.Positive(t, result.Bytes)

		again, err := i.run(t.Context())
		require.NoError(t, err)
		assert.EqualValues(t, 510, again.Earlier)
		again.Earlier = 0
		assert.Equal(t, result, again, "a finished import tells the same sums")
		assert.Len(t, i.srv.Events(), 510, "and sends nothing")
	})
}

func TestNoRows(t *testing.T) {
	i := newImporter(t, &memory{})
	result, err := i.run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, Result{Finished: true, Rejected: map[string]int64{}}, result)
	assert.Empty(t, i.srv.Requests())
}

func TestWhoPeopleAreComesBeforeWhatTheyDid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows := &memory{chunk: 7}
		for n := range 250 {
			rows.add(record.Identify, fmt.Sprintf(`{"distinct_id":"u%d","traits":{}}`, n), "")
		}
		rows.add(record.Alias, `{"distinct_id":"old","new_user_id":"u1"}`, "")
		for range 150 {
			rows.add(record.Track, `{"event":"signed_up","distinct_id":"u1","properties":{}}`, "")
		}
		i := newImporter(t, rows)
		i.srv.Next(2, altertabletest.Status(503).On("/identify"))
		i.srv.Next(1, altertabletest.Delay(20*time.Second).On("/alias"))
		result, err := i.run(t.Context())
		require.NoError(t, err)
		assert.True(t, result.Finished)
		var paths []string
		for _, r := range i.srv.Requests() {
			if len(paths) == 0 || paths[len(paths)-1] != r.Path {
				paths = append(paths, r.Path)
			}
		}
		assert.Equal(t, []string{"/identify", "/alias", "/track"}, paths)
	})
}

func TestRefusedRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows := tracks(100)
		rows.rows = nil
		rows.add("", `"a,b"`, "torn")
		rows.add(record.Identify, `{"distinct_id":" ","traits":{}}`, "")
		rows.add(record.Track, `{"event":"large","distinct_id":"u1","properties":{"text":"`+strings.Repeat("x", 2<<20)+`"}}`, "")
		rows.add(record.Track, `{"event":"signed_up","distinct_id":"u1","properties":{}}`, "")
		rows.add(record.Track, `{"event":"no_time","distinct_id":"u1","properties":{}}`, "no timestamp")
		rows.add(record.Track, `{"event":"bad","distinct_id":"u1","properties":{"a":1e}}`, "")
		rows.add(record.Track, `{"event":"plan_upgraded","distinct_id":"u1","properties":{}}`, "")
		i := newImporter(t, rows)
		result, err := i.run(t.Context())
		require.NoError(t, err)
		assert.True(t, result.Finished)
		assert.EqualValues(t, 2, result.Delivered)
		assert.Equal(t, map[string]int64{
			"torn": 1, "no timestamp": 1, "server answered 400": 1,
			"distinct_id must not be empty":                                          1,
			"the message is larger than 2 MiB, which is the most that the API takes": 1,
		}, result.Rejected)
		assert.Equal(t, map[string]int{"signed_up": 1, "plan_upgraded": 1}, i.arrived())
		lines := strings.Split(strings.TrimSpace(i.rejected()), "\n")
		require.Len(t, lines, 5)
		assert.Equal(t, `{"endpoint":"","message":"\"a,b\"","reason":"torn","row":1}`, strings.Replace(lines[0], `"a,b"`, `"\"a,b\""`, 1))
		for n, row := range []string{`"row":1}`, `"row":2}`, `"row":3}`, `"row":5}`, `"row":6}`} {
			assert.True(t, strings.HasSuffix(lines[n], row), "in the order of the rows")
		}
		assert.EqualValues(t, 5, i.counters.Refused.Load())
		assert.EqualValues(t, 7, i.counters.Done.Load())
	})
}

func TestOnlyRefusedRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows := &memory{chunk: 100}
		for range 5000 {
			rows.add(record.Track, `{"event":"signed_up"}`, "no distinct_id")
		}
		i := newImporter(t, rows)
		result, err := i.run(t.Context())
		require.NoError(t, err)
		assert.Equal(t, map[string]int64{"no distinct_id": 5000}, result.Rejected)
		assert.Equal(t, 5000, strings.Count(i.rejected(), "\n"))
		assert.Empty(t, i.srv.Requests())
	})
}

func TestFewRowsThatTheServerRefusesAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows := &memory{chunk: 100}
		for range 9 {
			rows.add(record.Track, `{"event":"bad","distinct_id":"u1","properties":{"a":1e}}`, "")
		}
		i := newImporter(t, rows)
		result, err := i.run(t.Context())
		require.NoError(t, err)
		assert.True(t, result.Finished)
		assert.Equal(t, map[string]int64{"server answered 400": 9}, result.Rejected)
	})
}

func TestManyRowsInARowThatTheServerRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows := tracks(160)
		for n := 63; n < 73; n++ {
			rows.rows[n].Message = []byte(`{"event":"bad","distinct_id":"u1","properties":{"a":1e}}`)
		}
		i := newImporter(t, rows)
		result, err := i.run(t.Context())
		require.NoError(t, err)
		assert.True(t, result.Finished, "messages that the client gave up unjudged are sent again")
		assert.EqualValues(t, 150, result.Delivered)
		assert.Equal(t, map[string]int64{"server answered 400": 10}, result.Rejected)
		assert.Len(t, i.srv.Events(), 150)
	})
}

func TestReadingFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newImporter(t, tracks(180))
		i.rows.fails = 120
		result, err := i.run(t.Context())
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		assert.False(t, result.Finished)
		assert.False(t, result.Interrupted)
		assert.EqualValues(t, 120, result.Delivered, "what was read is finished")
		i.rows.fails = 0
		result, err = i.run(t.Context())
		require.NoError(t, err)
		assert.True(t, result.Finished)
		assert.EqualValues(t, 120, result.Earlier)
		assert.Zero(t, result.Duplicates)
		assert.Len(t, i.srv.Events(), 180)
	})
}

func TestRowsThatAreNotWhatTheyShouldBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newImporter(t, tracks(10))
		i.rows.rows[4].Position = 7
		_, err := i.run(t.Context())
		require.EqualError(t, err, "the row at position 7 was read in the place of 4 of 10")
		i = newImporter(t, tracks(10))
		st, err := state.Open("", state.Import{Messages: 12})
		require.NoError(t, err)
		result, err := Run(t.Context(), t.Context(), i.rows, st, nil, i.o, nil)
		require.EqualError(t, err, "there were 12 messages to be sent, and only 10 could be read")
		assert.EqualValues(t, 10, result.Delivered)
	})
}

func TestFilesThatCannotBeWritten(t *testing.T) {
	t.Run("rejects", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			rows := tracks(1000)
			rows.rows[400].Reason = "no timestamp"
			i := newImporter(t, rows)
			result, err := i.runWith(t.Context(), t.Context(), func(*files) { require.NoError(t, os.Mkdir(i.rejectsPath(), 0o700)) })
			require.ErrorContains(t, err, "cannot be written")
			assert.False(t, result.Finished)
			assert.Empty(t, result.Rejected)
			require.NoError(t, os.Remove(i.rejectsPath()))
			result, err = i.run(t.Context())
			require.NoError(t, err)
			assert.True(t, result.Finished)
			assert.EqualValues(t, 999, result.Delivered)
			assert.EqualValues(t, 1, strings.Count(i.rejected(), "\n"))
			assert.Len(t, i.arrived(), 999)
			assert.GreaterOrEqual(t, result.Duplicates, int64(len(i.srv.Events())-999))
		})
	})
	t.Run("state", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			i := newImporter(t, tracks(1_000))
			var opened *files
			i.rows.at = func(position int64) {
				if position == 480 {
					synctest.Wait()
					require.NoError(t, opened.state.Close())
				}
			}
			result, err := i.runWith(t.Context(), t.Context(), func(f *files) { opened = f })
			require.ErrorContains(t, err, "closed")
			assert.False(t, result.Finished)
			i.rows.at = nil
			result, err = i.run(t.Context())
			require.NoError(t, err)
			assert.True(t, result.Finished)
			assert.Len(t, i.arrived(), 1_000)
			assert.GreaterOrEqual(t, result.Duplicates, int64(len(i.srv.Events())-1_000))
		})
	})
}

func TestRate(t *testing.T) {
	for _, test := range []struct {
		rate float64
		rows int
		want time.Duration
	}{{2, 20, 10 * time.Second}, {20, 100, 5 * time.Second}, {1000, 2000, 2 * time.Second}} {
		t.Run(fmt.Sprint(test.rate), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newImporter(t, tracks(test.rows))
				i.o.Rate = test.rate
				began := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				result, err := i.run(ctx)
				require.NoError(t, err)
				assert.True(t, result.Finished)
				assert.InDelta(t, test.want.Seconds(), time.Since(began).Seconds(), 1.2)
				assert.InDelta(t, test.want.Seconds(), result.Seconds, 1.2)
				assert.LessOrEqual(t, len(i.srv.Requests()), int(test.want.Seconds())+2+test.rows/20, "batches fill")
			})
		})
	}
}

// The batch of a message that the server fails on is sent again, a message a request.
func TestRateOfWhatIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newImporter(t, tracks(200))
		i.o.Rate = 50
		i.srv.Always(about(altertabletest.Status(500), `"e199"`)) // the last, so that none waits for it
		var mu sync.Mutex
		var singles []time.Time
		i.onRequest(func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
			if r.ContentLength < 200 {
				mu.Lock()
				singles = append(singles, time.Now())
				mu.Unlock()
			}
			return next.RoundTrip(r)
		})
		_, err := i.run(t.Context())
		require.NoError(t, err)
		require.Greater(t, len(singles), 10)
		for n := 10; n < len(singles); n++ {
			assert.GreaterOrEqual(t, singles[n].Sub(singles[n-10]), 100*time.Millisecond, "50 a second, 5 at a time")
		}
	})
}

func TestLateMessagesAtASlowRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newImporter(t, tracks(10))
		i.o.Rate = 0.1
		began := time.Now()
		var first time.Time
		i.onRequest(func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
			if first.IsZero() {
				first = time.Now()
			}
			return next.RoundTrip(r)
		})
		_, err := i.run(t.Context())
		require.NoError(t, err)
		assert.LessOrEqual(t, first.Sub(began), 2*time.Second)
	})
}

// Whenever an interrupt comes, either all messages have their outcome, and the import
// is finished, or it was interrupted.
func TestAnInterruptAtAnyMoment(t *testing.T) {
	for name, fault := range map[string]altertabletest.Fault{
		"slow": altertabletest.Delay(40 * time.Millisecond), "refused": about(altertabletest.Status(422).Delay(10*time.Millisecond), `"e7"`),
		"failing": altertabletest.Status(503).Delay(20 * time.Millisecond),
	} {
		for at := time.Duration(0); at < 2*time.Second; at += 45 * time.Millisecond {
			t.Run(fmt.Sprint(name, " after ", at), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					i := newImporter(t, tracks(130))
					i.rows.rows[129].Reason = "no timestamp"
					i.srv.Next(4, fault)
					ctx, cancel := context.WithTimeout(t.Context(), at)
					defer cancel()
					result, err := i.run(ctx)
					require.NoError(t, err)
					done := result.Delivered
					for _, n := range result.Rejected {
						done += n
					}
					assert.Equal(t, done == 130, result.Finished)
					assert.NotEqual(t, result.Finished, result.Interrupted)
				})
			})
		}
	}
}
