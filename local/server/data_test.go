package server

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

const everything = `SELECT * EXCLUDE (received_at) FROM altertable.analytics.events ORDER BY timestamp, event`

func TestDataOutlivesTheServer(t *testing.T) {
	file := filepath.Join(t.TempDir(), "it's data.duckdb")
	r := startLocal(t, Config{Data: file, Environments: []string{"production", "staging"}})
	client := r.client()
	tellStory(t, client)
	send(t, client, altertable.Identify{DistinctID: "u_x", Environment: "staging", Timestamp: at(1).Add(123456789), Traits: altertable.Traits{"n": 1234567890123456789, "o": map[string]any{"l": []any{1.5, nil}}}})
	r.post("/identify", `{"environment":"production","distinct_id":"fine","traits":{"a":1},"device_id":"device-1","timestamp":"2026-01-02T12:00:00.000000007Z"}`)
	r.post("/alias", `{"environment":"production","distinct_id":"only","new_user_id":"linked"}`)
	identities, events := r.api.Identities(), r.rows(everything)
	require.Len(t, identities, 6)
	r.stop()

	r = startLocal(t, Config{Data: file, Environments: []string{"production", "staging"}})
	assert.Equal(t, identities, r.api.Identities())
	assert.Equal(t, events, r.rows(everything))
	_, u := listen(r).next()
	assert.Len(t, u.Events, 7)
	assert.Len(t, u.Identities, 6)

	// What is newer than the state in the file counts, and nothing else.
	for _, second := range []string{"00.000000007", "00.000000006"} {
		r.post("/identify", `{"environment":"production","distinct_id":"fine","traits":{"a":2},"timestamp":"2026-01-02T12:00:`+second+`Z"}`)
	}
	fine, _ := r.api.Identity("production", "fine")
	assert.Equal(t, 1.0, fine.Traits["a"])
	r.post("/identify", `{"environment":"production","distinct_id":"fine","traits":{"a":3},"timestamp":"2026-01-02T12:00:00.000000008Z"}`)
	assert.JSONEq(t, `[[3]]`, r.rows(`SELECT (traits->>'a')::INTEGER FROM identities WHERE distinct_id = 'fine'`))

	// Links hold: an event under an old id belongs to its user.
	send(t, r.client(), altertable.Track{Event: "later", DistinctID: "anonymous-7c9e6679-7425"})
	assert.JSONEq(t, `[["u_01jza857w4f23s1hf2s61befmw", "premium"]]`,
		r.rows(`SELECT identity_id, identity_traits->>'plan' FROM events WHERE event = 'later'`))
}

// Whatever the API accepts, the database takes.
func TestUnusualMessages(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data.duckdb")
	r := startLocal(t, Config{Data: file})
	long := strings.Repeat("long ", 100_000)
	for path, bodies := range map[string][]string{
		"/track": {
			`{"environment":"production","event":"a\u0000b","distinct_id":"\u0000","properties":{"\u0000":"\u0000"}}`,
			`{"environment":"production","event":"","distinct_id":"","properties":{}}`,
			`{"environment":"production","event":"none","properties":{}}`,
			`{"environment":"production","event":"early","distinct_id":"u","properties":{},"timestamp":"0000-01-01T00:00:00Z"}`,
			`{"environment":"production","event":"late","distinct_id":"u","properties":{},"timestamp":9223372036854775807}`,
			`{"environment":"production","event":"before","distinct_id":"u","properties":{},"timestamp":-9223372036854775807}`,
			`{"environment":"production","event":"numbers","distinct_id":"u","properties":{"a":1e308,"b":123456789012345678901234567890,"c":-0.0,"d":1E-7}}`,
			`{"environment":"production","event":"surrogates \ud83d\ude00","distinct_id":"u","properties":{"\ud83d\ude00":"\udbff\udfff"}}`,
			`{"environment":"production","event":"` + long + `","distinct_id":"` + long + `","properties":{"x":"` + long + `"}}`,
			`{"environment":"production","event":"deep","distinct_id":"u","properties":{"a":` + strings.Repeat("[", 126) + strings.Repeat("]", 126) + `}}`,
		},
		"/identify": {
			`{"environment":"production","distinct_id":"","traits":{"":""},"anonymous_id":"\u0000"}`,
			`{"environment":"production","distinct_id":"late","timestamp":9223372036854775807}`,
			`{"environment":"production","distinct_id":"'; DROP TABLE altertable.store.events; --","anonymous_id":"` + long + `"}`,
		},
		"/alias": {`{"environment":"production","distinct_id":"","new_user_id":"u"}`},
	} {
		for _, body := range bodies {
			status, answer := r.post(path, body)
			assert.Equal(t, 200, status, "%.100s: %s", body, answer)
		}
	}
	assert.JSONEq(t, `[[10]]`, r.rows(`SELECT count(*) FROM events`))
	assert.JSONEq(t, `[["123456789012345678901234567890"]]`, r.rows(`SELECT properties->>'b' FROM events WHERE event = 'numbers'`))
	ids := func() []altertabletest.Identity {
		identities := r.api.Identities()
		for i := range identities {
			identities[i].UpdatedAt = time.Time{} // beyond the database's range is at its end
		}
		return identities
	}
	before := ids()
	r.stop()
	r = startLocal(t, Config{Data: file})
	assert.Equal(t, before, ids())
	listen(r).next()
}

// A database that can take no more ends the server: nothing is missing in silence.
func TestStoringFails(t *testing.T) {
	r := startLocal(t, Config{})
	r.database.mu.Lock()
	r.database.pending.count++ // an event that is not there
	r.database.mu.Unlock()
	r.post("/track", `{"environment":"production","event":"e","distinct_id":"u","properties":{}}`)
	status, answer := r.ask("SELECT 1")
	assert.Equal(t, 500, status)
	assert.Contains(t, answer, "events cannot be stored")
	<-r.Failed()
	assert.ErrorContains(t, r.Server.Close(), "events cannot be stored")
	r.Server = nil
}

func TestDataFilesThatAreNotOurs(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	require.NoError(t, os.WriteFile(path("text"), []byte(strings.Repeat("not a database ", 1000)), 0o600))
	foreign, err := sql.Open("duckdb", path("foreign"))
	require.NoError(t, err)
	_, err = foreign.Exec("CREATE TABLE t (x INTEGER)")
	require.NoError(t, err)
	require.NoError(t, foreign.Close())
	for file, want := range map[string]string{
		path("text"):        "not a valid DuckDB database file",
		path("foreign"):     "it is not one of altertable-local",
		dir:                 "data file",
		path("none/data"):   "data file",
		"/proc/data.duckdb": "data file",
	} {
		_, err := Start(Config{Host: "127.0.0.1", Data: file})
		assert.ErrorContains(t, err, want, file)
		assert.ErrorContains(t, err, file)
	}
}

func TestDataFileThatIsTornApart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data.duckdb")
	r := startLocal(t, Config{Data: file})
	for n := range 2000 {
		r.post("/track", fmt.Sprintf(`{"environment":"production","event":"e%d","distinct_id":"u%d","properties":{}}`, n, n))
	}
	r.stop()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	for i := 4096; i < len(content); i++ {
		content[i] ^= 0x5a
	}
	require.NoError(t, os.WriteFile(file, content, 0o600))
	_, err = Start(Config{Host: "127.0.0.1", Data: file})
	assert.ErrorContains(t, err, "data file "+file)
}

func TestFaults(t *testing.T) {
	r := startLocal(t, Config{Fail: 503, FailRate: 0.5})
	client := r.client()
	for range 20 {
		_, err := client.TrackSync(t.Context(), altertable.Track{Event: "e", DistinctID: "u"})
		require.NoError(t, err)
	}
	assert.JSONEq(t, `[[20]]`, r.rows(`SELECT count(*) FROM events`), "queries do not fail")
	assert.Positive(t, client.Stats().Retries)
	assert.Less(t, client.Stats().Retries, int64(200))

	r = startLocal(t, Config{Fail: 429, FailRate: 1, Latency: time.Millisecond})
	status, _ := r.post("/track", `[]`)
	assert.Equal(t, 429, status)

	r = startLocal(t, Config{Latency: time.Hour}) // for as long as anybody waits
	client = r.client()
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() {
		_, err := client.TrackSync(ctx, altertable.Track{Event: "e", DistinctID: "u"})
		result <- err
	}()
	cancel()
	assert.ErrorIs(t, <-result, context.Canceled)
	assert.JSONEq(t, `[[0]]`, r.rows(`SELECT count(*) FROM events`))
}
