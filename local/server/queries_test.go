package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// bomb is a query that ends the engine: DuckDB descends into a document as deep
// as it goes.
const bomb = `SELECT json_structure(repeat('[', 200000) || repeat(']', 200000))`

// sendAlways sends events one after the other until stop is called, which
// returns how many were accepted. None is sent again.
func sendAlways(r *running) (stop func() int) {
	var ended atomic.Bool
	var accepted atomic.Int64
	var senders sync.WaitGroup
	for sender := range 3 {
		senders.Go(func() {
			for n := 0; !ended.Load(); n++ {
				status, answer := r.post("/track", fmt.Sprintf(
					`[{"environment":"production","event":"sent","distinct_id":"u%d","properties":{"n":"%d-%d"}}]`, n%7, sender, n))
				if assert.Equal(r.t, 200, status, answer) {
					accepted.Add(1)
				}
			}
		})
	}
	return func() int {
		ended.Store(true)
		senders.Wait()
		return int(accepted.Load())
	}
}

// requireStored looks whether each accepted event is there exactly once.
func requireStored(r *running, accepted int) {
	r.t.Helper()
	require.JSONEq(r.t, fmt.Sprintf(`[[%d,%d]]`, accepted, accepted),
		r.rows(`SELECT count(*), count(DISTINCT properties->>'n') FROM events WHERE event = 'sent'`))
}

// quiet keeps the database from telling about its engines, and counts those.
func quiet(r *running) *atomic.Int64 {
	var ended atomic.Int64
	r.database.log = func(string) { ended.Add(1) }
	return &ended
}

// A query that crashes DuckDB has an error, and nobody else notices.
func TestCrashes(t *testing.T) {
	for _, where := range []string{"memory", "file"} {
		t.Run(where, func(t *testing.T) {
			var c Config
			if where == "file" {
				c.Data = filepath.Join(t.TempDir(), "data.duckdb")
			}
			r := startLocal(t, c)
			ended := quiet(r)
			r.post("/identify", `{"environment":"production","distinct_id":"u1","anonymous_id":"u2","traits":{"plan":"pro"}}`)
			stop := sendAlways(r)
			for _, call := range []string{
				`json_structure(repeat('[', 200000) || repeat(']', 200000))`,
				`json_contains(repeat('[', 200000) || repeat(']', 200000), '1')`,
				`json_merge_patch(repeat('{"a":', 200000) || '1' || repeat('}', 200000), repeat('{"a":', 200000) || '1' || repeat('}', 200000))`,
				`json_transform(repeat('[', 200000) || repeat(']', 200000), repeat('[', 200000) || '"JSON"' || repeat(']', 200000))`,
			} {
				before := ended.Load()
				status, answer := r.ask("SELECT " + call)
				assert.Equal(t, http.StatusBadRequest, status, call)
				assert.Contains(t, answer, `{"error":{"code":"engine-crashed","message":"this query crashed the engine`, call)
				assert.Contains(t, answer, "no event is lost")
				assert.Equal(t, before+2, ended.Load(), "once in company, once alone")
			}
			requireStored(r, stop())
			assert.JSONEq(t, `[["u1","pro"]]`, r.rows(`SELECT DISTINCT identity_id, identity_traits->>'plan' FROM events WHERE distinct_id = 'u2'`))
			stored := r.rows(`SELECT count(*) FROM events`)
			if where == "file" {
				r.stop()
				r = startLocal(t, c)
				assert.JSONEq(t, stored, r.rows(`SELECT count(*) FROM events`))
			}
		})
	}
}

// Of queries that run together the one that crashes has the error, and the
// others have their answers.
func TestCrashInCompany(t *testing.T) {
	r := startLocal(t, Config{})
	quiet(r)
	stop := sendAlways(r)
	var queries sync.WaitGroup
	for n := range 6 {
		queries.Go(func() {
			assert.JSONEq(t, fmt.Sprintf(`[[%d]]`, n), r.rows(fmt.Sprintf(`SELECT %d FROM (SELECT max(hash(range)) AS m FROM range(20000000)) WHERE m > 0`, n)))
		})
	}
	for range 2 {
		queries.Go(func() {
			_, answer := r.ask(bomb)
			assert.Contains(t, answer, `"engine-crashed"`)
		})
	}
	queries.Wait()
	requireStored(r, stop())
}

// What DuckDB does not interrupt ends with its engine, soon after its time is
// over. Who asked has the answer long before.
func TestSQLThatIsNotInterrupted(t *testing.T) {
	r := startLocal(t, Config{})
	ended := make(chan string, 10)
	r.database.log = func(sentence string) { ended <- sentence }
	r.database.timeout, r.database.grace = 50*time.Millisecond, time.Minute
	first := r.database.engine
	status, answer := r.ask("SELECT levenshtein(repeat('x', 100000), repeat('y', 100000))")
	assert.Equal(t, http.StatusBadRequest, status)
	assert.Contains(t, answer, `"timeout"`)
	assert.True(t, first.alive())

	// It does not keep the server from its end.
	r.stop()

	r = startLocal(t, Config{})
	r.database.log = func(sentence string) { ended <- sentence }
	r.database.timeout, r.database.grace = 50*time.Millisecond, 50*time.Millisecond
	first = r.database.engine
	stop := sendAlways(r)
	for first.alive() {
		_, answer = r.ask("SELECT levenshtein(repeat('x', 200000), repeat('y', 200000))")
		require.Contains(t, answer, `"timeout"`)
		select {
		case <-first.ended:
		case <-time.After(20 * time.Second):
			r.database.timeout *= 2 // the query had not begun, so it was interrupted
		}
	}
	assert.Contains(t, <-ended, "was started again")
	r.database.timeout = queryTimeout
	requireStored(r, stop())
}

// A query whose time is over gives its place back, and leaves the engine alone.
func TestQueriesGiveTheirPlaceBack(t *testing.T) {
	r := startLocal(t, Config{})
	r.database.grace = time.Minute
	first := r.database.engine
	for range readers * 3 { // none keeps its place
		r.database.timeout = time.Millisecond
		_, err := r.database.query(t.Context(), "SELECT count(*) FROM range(100000000) a, range(100000000) b WHERE hash(a.range, b.range) = 1")
		var refused *sqlError
		require.ErrorAs(t, err, &refused)
		assert.Equal(t, "timeout", refused.Code)
	}
	r.database.timeout = queryTimeout
	assert.JSONEq(t, `[[1]]`, r.rows("SELECT 1"))
	assert.True(t, first.alive())
}

// Too large is what would fill the server's memory.
func TestLargeResults(t *testing.T) {
	r := startLocal(t, Config{})
	_, answer := r.ask("SELECT repeat('x', 33600000)")
	assert.Contains(t, answer, "a row of the result is larger than 32 MiB")
	status, answer := r.ask("SELECT error(repeat('x', 200000))::VARCHAR")
	assert.Equal(t, http.StatusBadRequest, status)
	assert.Less(t, len(answer), 70_000)
	var body struct{ Error sqlError }
	require.NoError(t, json.Unmarshal([]byte(answer), &body))
	assert.Equal(t, "sql-error", body.Error.Code)
}
