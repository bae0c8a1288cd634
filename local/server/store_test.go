package server

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// firstFormat is a file as the first version left it.
const firstFormat = `
CREATE SCHEMA altertable.store;
CREATE SCHEMA altertable.analytics;
CREATE TABLE altertable.store.format (version INTEGER);
CREATE TABLE altertable.store.events (
	environment VARCHAR, event VARCHAR, distinct_id VARCHAR, anonymous_id VARCHAR, device_id VARCHAR,
	properties JSON, "timestamp" TIMESTAMPTZ, received_at TIMESTAMPTZ);
CREATE TABLE altertable.store.ids (environment VARCHAR, id VARCHAR, distinct_id VARCHAR, seq BIGINT);
CREATE TABLE altertable.store.identities (
	environment VARCHAR, distinct_id VARCHAR, traits JSON,
	anonymous_ids VARCHAR[], aliases VARCHAR[], device_ids VARCHAR[],
	created_at TIMESTAMPTZ, updated_at TIMESTAMPTZ, created_nanos SMALLINT, updated_nanos SMALLINT);
CREATE VIEW altertable.analytics.identities AS
	SELECT distinct_id, traits, updated_at, environment, anonymous_ids, aliases, device_ids, created_at
	FROM altertable.store.identities;
CREATE VIEW altertable.analytics.events AS
	SELECT e.event, e.distinct_id, e.properties, e."timestamp", p.traits AS identity_traits,
		coalesce(p.distinct_id, e.distinct_id) AS identity_id,
		e.environment, e.anonymous_id, e.device_id, e.received_at
	FROM altertable.store.events e
	LEFT JOIN altertable.store.ids i ON i.environment = e.environment AND i.id = e.distinct_id
	LEFT JOIN altertable.store.identities p ON p.environment = i.environment AND p.distinct_id = i.distinct_id;
INSERT INTO altertable.store.format VALUES (1);
INSERT INTO altertable.store.events VALUES
	('production', 'visited', 'a', NULL, 'device-1', '{"n": 1}', '2026-01-02 12:00:00Z', '2026-01-02 12:00:00Z'),
	('production', 'nobody', '', NULL, NULL, '{}', '2026-01-02 12:00:01Z', '2026-01-02 12:00:01Z'),
	('production', 'seen', '', 'a', NULL, '{}', '2026-01-02 12:00:02Z', '2026-01-02 12:00:02Z');
INSERT INTO altertable.store.ids VALUES ('production', 'u', 'u', 1), ('production', 'a', 'u', 2);
INSERT INTO altertable.store.identities VALUES
	('production', 'u', '{"plan":"pro"}', ['a'], [], [], '2026-01-02 12:00:00Z', '2026-01-02 12:00:00Z', 0, 7);
`

func TestFileOfTheFirstFormat(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data.duckdb")
	old, err := sql.Open("duckdb", "")
	require.NoError(t, err)
	_, err = old.Exec("ATTACH '" + file + "' AS altertable;" + firstFormat)
	require.NoError(t, err)
	require.NoError(t, old.Close())

	const story = `SELECT event, distinct_id, anonymous_id, device_id, session_id, identity_id, identity_traits->>'plan' FROM events ORDER BY timestamp`
	want := `["visited","a",null,"device-1",null,"u","pro"],["nobody",null,null,null,null,null,null],["seen",null,"a",null,null,"u","pro"]`
	r := startLocal(t, Config{Data: file})
	assert.JSONEq(t, "["+want+"]", r.rows(story))
	r.post("/track", `{"environment":"production","event":"new","anonymous_id":"b","session_id":"s","properties":{}}`)
	want += `,["new",null,"b",null,"s","b",null]`
	assert.JSONEq(t, "["+want+"]", r.rows(story))
	r.stop()
	r = startLocal(t, Config{Data: file})
	assert.JSONEq(t, "["+want+"]", r.rows(story))
	stored, events, err := r.database.newest(2)
	require.NoError(t, err)
	assert.EqualValues(t, 4, stored)
	require.Len(t, events, 2)
	assert.Equal(t, "u", events[0].IdentityID)
	assert.NotNil(t, events[0].IdentityTraits)
	assert.Equal(t, "b", events[1].IdentityID)
	assert.Equal(t, "s", events[1].SessionID)
	assert.Nil(t, events[1].IdentityTraits)
	r.stop()

	newer, err := sql.Open("duckdb", "")
	require.NoError(t, err)
	_, err = newer.Exec("ATTACH '" + file + "' AS altertable; UPDATE altertable.store.format SET version = 3")
	require.NoError(t, err)
	require.NoError(t, newer.Close())
	_, err = Start(Config{Host: "127.0.0.1", Data: file})
	assert.ErrorContains(t, err, "data file "+file+": its format is 3, and this program's 2")
}

// An empty distinct_id is none, and an identity of that name has no events.
func TestEventsWithoutDistinctID(t *testing.T) {
	r := startLocal(t, Config{})
	r.post("/identify", `{"environment":"production","distinct_id":"","traits":{"plan":"pro"}}`)
	r.post("/identify", `{"environment":"production","distinct_id":"u","anonymous_id":"a"}`)
	for _, ids := range []string{``, `"distinct_id":"",`, `"anonymous_id":"a",`, `"distinct_id":"","anonymous_id":"b",`, `"distinct_id":"x","anonymous_id":"a",`} {
		r.post("/track", `{"environment":"production","event":"e",`+ids+`"properties":{}}`)
	}
	assert.JSONEq(t, `[[null,null,null],[null,null,null],[null,"a","u"],[null,"b","b"],["x","a","x"]]`,
		r.rows(`SELECT distinct_id, anonymous_id, identity_id FROM events ORDER BY ALL NULLS FIRST`))
	assert.JSONEq(t, `[[0]]`, r.rows(`SELECT count(*) FROM events WHERE identity_traits->>'plan' = 'pro' OR distinct_id = ''`))
}
