package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// bubble runs a test in virtual time.
func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

// start runs the worker until the returned function is called, which fails the
// test if Run returned an error.
func start(t *testing.T, w *Worker) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- w.Run(ctx) }()
	return func() {
		t.Helper()
		cancel()
		require.NoError(t, <-stopped)
	}
}

// refusals returns why the rows that are left are not sent any more; "" for
// those that are to be sent.
func refusals(t *testing.T, db *sql.DB) (found []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT coalesce(refused, '') FROM outbox ORDER BY id`)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var why string
		require.NoError(t, rows.Scan(&why))
		found = append(found, why)
	}
	require.NoError(t, rows.Err())
	return found
}

func names(srv *altertabletest.Server) (found []string) {
	for _, e := range srv.Events() {
		found = append(found, e.Event)
	}
	return found
}

func numbered(n int) (events []altertable.Message) {
	for i := range n {
		events = append(events, event(fmt.Sprintf("event_%d", i)))
	}
	return events
}

func TestWorkerDeliversOnceAndDeletes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		client, srv := altertabletest.New(t, altertable.WithEventIDs())
		db := newDB(t)
		w := NewWorker(db, client)
		add(t, db, client, event("before"))
		added := time.Now()
		time.Sleep(time.Hour)
		stop := start(t, w)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Len(t, srv.Events(), 1)
		assert.WithinDuration(t, added, srv.Events()[0].Timestamp, time.Second, "the time of Add")
		assert.Empty(t, stored(t, db))

		add(t, db, client, event("woken"))
		w.Wake()
		w.Wake()
		time.Sleep(2 * time.Second) // the flush interval, and less than the poll
		synctest.Wait()
		assert.Equal(t, []string{"before", "woken"}, names(srv))

		add(t, db, client, event("polled"))
		time.Sleep(w.poll + 2*time.Second)
		synctest.Wait()
		assert.Equal(t, []string{"before", "woken", "polled"}, names(srv))
		assert.Empty(t, stored(t, db))
		assert.Empty(t, w.pending)
		stop()
	})
}

func TestWorkerKeepsRefusedRowsAndGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		client, srv := altertabletest.New(t)
		db := newDB(t)
		srv.Always(altertabletest.Status(http.StatusUnprocessableEntity).MatchBody(func(body []byte) bool {
			return strings.Contains(string(body), "poison")
		}))
		add(t, db, client, event("first"), event("poison"))
		_, err := db.ExecContext(t.Context(), `INSERT INTO outbox (endpoint, message) VALUES ('elsewhere', '{}')`)
		require.NoError(t, err)
		add(t, db, client, event("last"))
		stop := start(t, NewWorker(db, client))
		defer stop()
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.ElementsMatch(t, []string{"first", "last"}, names(srv))
		left := refusals(t, db)
		require.Len(t, left, 2)
		assert.Contains(t, left[0], "422")
		assert.NotEmpty(t, left[1])

		requests := len(srv.Requests())
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		assert.Len(t, srv.Requests(), requests, "what was refused is not sent again")

		// A person has put it right.
		srv.ClearFaults()
		_, err = db.ExecContext(t.Context(), `UPDATE outbox SET refused = NULL WHERE endpoint = 'track'`)
		require.NoError(t, err)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Contains(t, names(srv), "poison")
	})
}

func TestWorkerKeepsRowsWhileThePlatformIsOut(t *testing.T) {
	for name, fault := range map[string]altertabletest.Fault{
		"down":                altertabletest.Status(http.StatusServiceUnavailable),
		"key refused":         altertabletest.Status(http.StatusUnauthorized),
		"no such environment": altertabletest.Status(http.StatusBadRequest).ErrorCode("environment-not-found"),
		"wrong URL":           altertabletest.Status(http.StatusNotFound),
		"redirect":            altertabletest.Redirect(http.StatusFound, "http://localhost/login"),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				client, srv := altertabletest.New(t, altertable.WithRetry(altertable.RetryPolicy{MaxElapsed: time.Minute}))
				db := newDB(t)
				srv.Always(fault)
				add(t, db, client, numbered(3)...)
				w := NewWorker(db, client)
				stop := start(t, w)
				defer stop()
				time.Sleep(3 * time.Minute)
				synctest.Wait()
				assert.Equal(t, []string{"", "", ""}, refusals(t, db))
				assert.LessOrEqual(t, len(srv.Requests()), int(3*time.Minute/w.poll)+1, "no attempt without delay")
				srv.ClearFaults()
				time.Sleep(time.Minute)
				synctest.Wait()
				assert.Equal(t, []string{"event_0", "event_1", "event_2"}, names(srv))
				assert.Empty(t, stored(t, db))
			})
		})
	}
}

func TestFinishLeavesTheRestForTheNextProcess(t *testing.T) {
	bubble(t, func(t *testing.T) {
		client, srv := altertabletest.New(t, altertable.WithEventIDs())
		db := newDB(t)
		srv.Always(altertabletest.Status(http.StatusServiceUnavailable).MatchBody(func(body []byte) bool {
			return strings.Contains(string(body), "stuck")
		}))
		w := NewWorker(db, client)
		add(t, db, client, event("stuck"))
		stop := start(t, w)
		time.Sleep(2 * time.Second)
		stop()
		add(t, db, client, altertable.Identify{DistinctID: "u_1"}) // committed last
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		var undelivered *altertable.UndeliveredError
		require.ErrorAs(t, w.Finish(ctx), &undelivered)
		require.Error(t, ctx.Err())
		assert.Equal(t, []string{""}, refusals(t, db), "the row of what was delivered is deleted though ctx is over")
		require.Len(t, srv.Identities(), 1)

		srv.ClearFaults()
		next, err := altertable.New("key", altertable.WithHTTPClient(srv.HTTPClient()), altertable.WithBaseURL(srv.URL))
		require.NoError(t, err)
		require.NoError(t, NewWorker(db, next).Finish(t.Context()))
		assert.Equal(t, []string{"stuck"}, names(srv))
		assert.Empty(t, stored(t, db))
	})
}

func TestRunEndsWhenTheClientIsClosed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		client, srv := altertabletest.New(t)
		db := newDB(t)
		add(t, db, client, event("late"))
		require.NoError(t, client.Close())
		w := NewWorker(db, client)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.ErrorIs(t, w.Run(ctx), altertable.ErrClosed)
		assert.Equal(t, []string{""}, refusals(t, db))
		assert.Empty(t, srv.Requests())
	})
}

func TestWorkerBoundsWhatIsUnderWay(t *testing.T) {
	for name, test := range map[string]struct {
		limit   int
		options []altertable.Option
	}{
		"by its limit":          {limit: 3},
		"by the client's queue": {limit: 1000, options: []altertable.Option{altertable.WithMaxQueueSize(3)}},
		"by Block":              {limit: 1000, options: []altertable.Option{altertable.WithMaxQueueSize(3), altertable.WithOverflow(altertable.Block)}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				client, srv := altertabletest.New(t, test.options...)
				db := newDB(t)
				messages := numbered(20)
				add(t, db, client, messages...)
				w := NewWorker(db, client)
				w.limit, w.outcomes = test.limit, make(chan outcome, test.limit)
				down := srv.Always(altertabletest.Status(http.StatusServiceUnavailable))
				stop := start(t, w)
				time.Sleep(time.Minute)
				synctest.Wait()
				assert.EqualValues(t, 3, client.Stats().Queued)
				down.Release()
				time.Sleep(5 * time.Minute)
				synctest.Wait()
				var want []string
				for _, m := range messages {
					want = append(want, m.(altertable.Track).Event)
				}
				assert.ElementsMatch(t, want, names(srv))
				assert.Empty(t, stored(t, db))
				stop()
			})
		})
	}
}

// Rows that somebody deleted are under way all the same.
func TestWorkerCountsWhatIsUnderWayByItself(t *testing.T) {
	bubble(t, func(t *testing.T) {
		client, srv := altertabletest.New(t)
		db := newDB(t)
		w := NewWorker(db, client)
		w.limit, w.outcomes = 3, make(chan outcome, 3)
		srv.Always(altertabletest.Status(http.StatusServiceUnavailable))
		add(t, db, client, numbered(2)...)
		stop := start(t, w)
		defer stop()
		synctest.Wait()
		_, err := db.ExecContext(t.Context(), `DELETE FROM outbox`)
		require.NoError(t, err)
		add(t, db, client, numbered(5)...)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.EqualValues(t, 3, client.Stats().Queued)
		srv.ClearFaults()
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Len(t, srv.Events(), 7)
		assert.Empty(t, stored(t, db))
	})
}

func TestWorkerKeepsTheOrderOfAPersonsTraits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		client, srv := altertabletest.New(t, altertable.WithMaxBatchSize(1))
		db := newDB(t)
		srv.Next(3, altertabletest.Status(http.StatusServiceUnavailable))
		for i := range 10 {
			add(t, db, client, altertable.Identify{DistinctID: "u_1", Traits: altertable.Traits{"step": i}})
		}
		stop := start(t, NewWorker(db, client))
		defer stop()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		identity, ok := srv.Identity("production", "u_1")
		require.True(t, ok)
		assert.EqualValues(t, 9, identity.Traits["step"])
		assert.Empty(t, stored(t, db))
	})
}

// In a database with several writers a transaction may take its id first and
// commit last.
func TestWorkerFindsARowThatWasCommittedLate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		client, srv := altertabletest.New(t)
		db := newDB(t)
		insert := func(id int, name string) {
			raw, err := client.Encode(t.Context(), event(name))
			require.NoError(t, err)
			_, err = db.ExecContext(t.Context(), `INSERT INTO outbox (id, endpoint, message) VALUES (?, ?, ?)`, id, raw.Endpoint, string(raw.JSON))
			require.NoError(t, err)
		}
		w := NewWorker(db, client)
		stop := start(t, w)
		defer stop()
		insert(7, "seventh")
		w.Wake()
		time.Sleep(2 * time.Second)
		insert(5, "fifth")
		w.Wake()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		assert.Equal(t, []string{"seventh", "fifth"}, names(srv))
	})
}

func TestWorkerOutlivesTheDatabasesTrouble(t *testing.T) {
	for _, step := range []string{"SELECT id, endpoint,", "BEGIN", "DELETE FROM outbox", "COMMIT", "UPDATE outbox"} {
		t.Run(step, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var broken atomic.Bool
				db := newHookedDB(t, func(now string) error {
					if broken.Load() && now == step {
						return errors.New("database is away")
					}
					return nil
				})
				client, srv := altertabletest.New(t)
				srv.Always(altertabletest.Status(http.StatusUnprocessableEntity).MatchBody(func(body []byte) bool {
					return strings.Contains(string(body), "event_1")
				}))
				add(t, db, client, numbered(3)...)
				broken.Store(true)
				stop := start(t, NewWorker(db, client))
				time.Sleep(time.Minute)
				synctest.Wait()
				broken.Store(false)
				time.Sleep(time.Minute)
				synctest.Wait()
				assert.ElementsMatch(t, []string{"event_0", "event_2"}, names(srv), "each once")
				assert.Len(t, stored(t, db), 1)
				stop()
			})
		})
	}
}

func TestRefused(t *testing.T) {
	answered := func(status int, code string) error {
		return &altertable.DeliveryError{Count: 1, Err: &altertable.APIError{StatusCode: status, Code: code}}
	}
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"nil":              {nil, false},
		"invalid":          {fmt.Errorf("%w", &altertable.ValidationError{Field: "event"}), true},
		"too large":        {fmt.Errorf("%w", altertable.ErrTooLarge), true},
		"400":              {answered(400, "insert-failed"), true},
		"413":              {answered(413, ""), true},
		"422":              {answered(422, ""), true},
		"no environment":   {answered(400, "environment-not-found"), false},
		"401":              {answered(401, ""), false},
		"403":              {answered(403, "forbidden"), false},
		"404":              {answered(404, ""), false},
		"redirect":         {answered(302, ""), false},
		"503 for a day":    {answered(503, ""), false},
		"network":          {&altertable.DeliveryError{Count: 1, Err: &altertable.NetworkError{Err: errors.New("no route")}}, false},
		"evicted":          {&altertable.DeliveryError{Count: 1, Err: altertable.ErrQueueFull}, false},
		"shutdown's end":   {&altertable.DeliveryError{Count: 1, Err: context.DeadlineExceeded}, false},
		"kept on disk":     {altertable.ErrClosed, false},
		"spool in trouble": {&altertable.SpoolError{Op: "write", Err: errors.New("disk is full")}, false},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, test.want, refused(test.err)) })
	}
}
