package server

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

// The queries of the documentation, as they stand there.
const (
	identitiesQuery = `SELECT
distinct_id,
traits->>'email' AS email,
traits->>'plan' AS plan,
updated_at
FROM altertable.analytics.identities
ORDER BY updated_at DESC;`
	eventsQuery = `SELECT
e.event,
e.properties,
e.timestamp,
e.identity_traits->>'email' AS email,
e.identity_traits->>'plan' AS plan
FROM altertable.analytics.events e
WHERE e.distinct_id = 'u_01jza857w4f23s1hf2s61befmw'
ORDER BY e.timestamp DESC;`
)

const documentedUser = "u_01jza857w4f23s1hf2s61befmw"

func TestDocumentedQueries(t *testing.T) {
	r := startLocal(t, Config{})
	assert.JSONEq(t, `[]`, r.rows(identitiesQuery))
	assert.JSONEq(t, `[]`, r.rows(eventsQuery))

	client, ctx := r.client(altertable.WithBearerAuth()), t.Context()
	for second, event := range []string{"page_viewed", "signed_up"} {
		require.NoError(t, client.Track(ctx, altertable.Track{Event: event, DistinctID: documentedUser, Timestamp: at(second),
			Properties: altertable.Properties{"$lib": "test", "$lib_version": "1", "page": "/<pricing>", "order": 12345678901234567}}))
	}
	require.NoError(t, client.Track(ctx, altertable.Track{Event: "Somebody's", DistinctID: "u_other", Timestamp: at(3)}))
	require.NoError(t, client.Flush(ctx))
	for second, user := range []string{"u_first", documentedUser, "u_last"} {
		require.NoError(t, client.Identify(ctx, altertable.Identify{DistinctID: user, Timestamp: at(10 + second),
			Traits: altertable.Traits{"email": user + "@example.com", "plan": "premium"}}))
	}
	require.NoError(t, client.Flush(ctx))

	assert.JSONEq(t, `[
		["u_last", "u_last@example.com", "premium", "2026-01-02T12:00:12Z"],
		["u_01jza857w4f23s1hf2s61befmw", "u_01jza857w4f23s1hf2s61befmw@example.com", "premium", "2026-01-02T12:00:11Z"],
		["u_first", "u_first@example.com", "premium", "2026-01-02T12:00:10Z"]]`, r.rows(identitiesQuery))
	events := r.rows(eventsQuery)
	assert.JSONEq(t, `[
		["signed_up", {"$ip": 0, "$lib": "test", "$lib_version": "1", "page": "/<pricing>", "order": 12345678901234567},
			"2026-01-02T12:00:01Z", "u_01jza857w4f23s1hf2s61befmw@example.com", "premium"],
		["page_viewed", {"$ip": 0, "$lib": "test", "$lib_version": "1", "page": "/<pricing>", "order": 12345678901234567},
			"2026-01-02T12:00:00Z", "u_01jza857w4f23s1hf2s61befmw@example.com", "premium"]]`, events)
	assert.Contains(t, events, "12345678901234567", "JSONEq compares numbers as floats")

	status, answer := r.ask(eventsQuery)
	assert.Equal(t, 200, status)
	assert.Contains(t, answer, `"columns":[{"name":"event","type":"VARCHAR"},{"name":"properties","type":"JSON"},{"name":"timestamp","type":"TIMESTAMP WITH TIME ZONE"},{"name":"email","type":"VARCHAR"},{"name":"plan","type":"VARCHAR"}]`)
}

// TestRules holds what the documentation says about identities, as a user of
// the SDK sees it in SQL.
func TestRules(t *testing.T) {
	type message = altertable.Message
	identify := func(id string, second int, traits altertable.Traits) message {
		return altertable.Identify{DistinctID: id, Timestamp: at(second), Traits: traits}
	}
	track := func(event, id string) message {
		return altertable.Track{Event: event, DistinctID: id, Timestamp: at(0)}
	}
	link := func(id, anonymous string, second int) message {
		return altertable.Identify{DistinctID: id, AnonymousID: anonymous, Timestamp: at(second), Traits: altertable.Traits{"plan": "pro"}}
	}
	const (
		traits = `SELECT distinct_id, traits FROM altertable.analytics.identities ORDER BY distinct_id`
		events = `SELECT event, identity_id, identity_traits->>'plan' FROM altertable.analytics.events ORDER BY event`
		links  = `SELECT distinct_id, anonymous_ids, aliases FROM altertable.analytics.identities ORDER BY distinct_id`
	)
	tests := []struct {
		name     string
		messages []message
		sql      string
		want     string
	}{
		{"traits update", []message{identify("u", 1, altertable.Traits{"plan": "free"}), identify("u", 2, altertable.Traits{"plan": "pro"})},
			traits, `[["u", {"plan": "pro"}]]`},
		{"traits update only if newer", []message{identify("u", 2, altertable.Traits{"plan": "pro"}), identify("u", 2, altertable.Traits{"plan": "equal"})},
			traits, `[["u", {"plan": "pro"}]]`},
		{"out of order", []message{identify("u", 3, altertable.Traits{"plan": "new"}), identify("u", 1, altertable.Traits{"plan": "old", "late": true}), identify("u", 4, altertable.Traits{"role": "owner"})},
			traits, `[["u", {"plan": "new", "role": "owner"}]]`},
		{"shallow merge", []message{identify("u", 1, altertable.Traits{"a": 1, "o": map[string]any{"x": 1}}), identify("u", 2, altertable.Traits{"b": nil, "o": map[string]any{"y": 2}})},
			traits, `[["u", {"a": 1, "b": null, "o": {"y": 2}}]]`},
		{"events before an identify have no traits", []message{track("1", "u")},
			events, `[["1", "u", null]]`},
		{"events before and after carry the traits", []message{track("1", "u"), identify("u", 1, altertable.Traits{"plan": "free"}), track("2", "u"), identify("u", 2, altertable.Traits{"plan": "pro"})},
			events, `[["1", "u", "pro"], ["2", "u", "pro"]]`},
		{"anonymous events are joined", []message{track("1", "anon"), track("2", "u"), link("u", "anon", 1), track("3", "anon"), track("4", "stranger")},
			events, `[["1", "u", "pro"], ["2", "u", "pro"], ["3", "u", "pro"], ["4", "stranger", null]]`},
		{"a shared browser stays with the first", []message{track("1", "anon"), link("u", "anon", 1), link("v", "anon", 2)},
			links, `[["u", ["anon"], []], ["v", [], []]]`},
		{"alias", []message{track("1", "old"), identify("old", 1, altertable.Traits{"plan": "pro"}), altertable.Alias{DistinctID: "old", NewUserID: "u"}, track("2", "u"), track("3", "old")},
			events, `[["1", "u", "pro"], ["2", "u", "pro"], ["3", "u", "pro"]]`},
		{"alias of an alias", []message{identify("a", 1, nil), altertable.Alias{DistinctID: "a", NewUserID: "b"}, altertable.Alias{DistinctID: "b", NewUserID: "c"}, link("c", "anon", 2)},
			links, `[["c", ["anon"], ["a", "b"]]]`},
		{"alias and back", []message{altertable.Alias{DistinctID: "a", NewUserID: "b"}, altertable.Alias{DistinctID: "b", NewUserID: "a"}},
			links, `[["b", [], ["a"]]]`},
	}
	for _, tt := range tests {
		for _, queried := range []bool{false, true} { // between the messages too: applied at once or one by one
			name := tt.name
			if queried {
				name += ", step by step"
			}
			t.Run(name, func(t *testing.T) {
				r := startLocal(t, Config{})
				client := r.client()
				for _, m := range tt.messages {
					send(t, client, m)
					if queried {
						r.rows(tt.sql)
					}
				}
				assert.JSONEq(t, tt.want, r.rows(tt.sql))
			})
		}
	}
}

func send(t *testing.T, client *altertable.Client, m altertable.Message) {
	t.Helper()
	var err error
	switch m := m.(type) {
	case altertable.Track:
		_, err = client.TrackSync(t.Context(), m)
	case altertable.Identify:
		_, err = client.IdentifySync(t.Context(), m)
	case altertable.Alias:
		_, err = client.AliasSync(t.Context(), m)
	}
	require.NoError(t, err)
}

func TestEnvironments(t *testing.T) {
	r := startLocal(t, Config{Environments: []string{"production", "staging"}})
	client := r.client()
	for _, environment := range []string{"production", "staging"} {
		send(t, client, altertable.Track{Event: "e", DistinctID: "anon", Environment: environment})
	}
	send(t, client, altertable.Identify{DistinctID: "u", AnonymousID: "anon", Environment: "staging", Traits: altertable.Traits{"plan": "test"}})
	assert.JSONEq(t, `[["production", "anon", null], ["staging", "u", {"plan": "test"}]]`,
		r.rows(`SELECT environment, identity_id, identity_traits FROM altertable.analytics.events ORDER BY environment`))

	_, err := client.TrackSync(t.Context(), altertable.Track{Event: "e", DistinctID: "u", Environment: "nowhere"})
	assert.ErrorIs(t, err, altertable.ErrEnvironmentNotFound)
	assert.JSONEq(t, `[[2]]`, r.rows(`SELECT count(*) FROM altertable.analytics.events`))

	r = startLocal(t, Config{})
	_, err = r.client().TrackSync(t.Context(), altertable.Track{Event: "e", DistinctID: "u", Environment: "staging"})
	assert.ErrorIs(t, err, altertable.ErrEnvironmentNotFound, "by default there is production alone")
}
