package preset_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
	"github.com/altertable-ai/altertable-go/importer/internal/preset"
	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/source"
	"github.com/altertable-ai/altertable-go/importer/internal/stage"
)

// staged takes a fixture the whole way to messages.
func staged(t *testing.T, name, fixture string) (rows []record.Row) {
	t.Helper()
	ctx := t.Context()
	s, err := source.Find(source.Spec{Paths: []string{filepath.Join("..", "..", "testdata", fixture)}})
	require.NoError(t, err)
	db, err := duck.Open(ctx, t.TempDir())
	require.NoError(t, err)
	defer db.Close()
	require.NoError(t, s.Load(ctx, db))
	q, err := preset.SQL(name, preset.Source{JSON: s.JSON, Columns: []string{"_row", "_json"}})
	require.NoError(t, err)
	st, err := stage.Build(ctx, db, s, stage.Options{Mapping: q, Environment: "production"})
	require.NoError(t, err)
	require.NoError(t, st.Read(ctx, 0, func(chunk []record.Row) error {
		rows = append(rows, chunk...)
		return nil
	}))
	return rows
}

func TestStaged(t *testing.T) {
	const (
		group = "a group call: the platform has no endpoint for groups"
		event = "a $groupidentify event: the platform has no endpoint for groups"
		noID  = "no distinct_id"
		torn  = "not a JSON object"
	)
	for _, tt := range []struct {
		preset, fixture string
		sent            map[string]int
		refused         map[string]int
		number          int64 // of a row, whose message is
		message         string
	}{
		{
			"segment", "segment/calls.ndjson",
			map[string]int{"identify": 1, "alias": 1, "track": 5},
			map[string]int{group: 1, "a delete call: the platform has no endpoint for deletions": 1, noID: 1, torn: 2,
				"no type of call": 1, "a type of call that the preset does not know": 1},
			2, `{"environment":"production","distinct_id":"u_42","anonymous_id":"anon_7","timestamp":"2026-03-02T08:05:00.000Z",
				"traits":{"email":"ada@example.com","plan":"free","seats":1,"$ip":"203.0.113.7","$lib":"analytics.js","$lib_version":"4.1.0"}}`,
		},
		{
			"rudderstack", "rudderstack/calls.ndjson",
			map[string]int{"identify": 2, "alias": 1, "track": 3}, map[string]int{group: 1, torn: 1},
			6, `{"environment":"production","distinct_id":"crm_9","new_user_id":"u_42","timestamp":"2026-03-02T08:08:00.000Z"}`,
		},
		{
			"posthog", "posthog/events.ndjson",
			map[string]int{"identify": 5, "alias": 2, "track": 8}, map[string]int{event: 1, noID: 1, torn: 1},
			2, `{"environment":"production","distinct_id":"u_42","anonymous_id":"anon_7","device_id":"dev_3","timestamp":"2026-03-02T08:05:00.000Z",
				"traits":{"first_seen":"2026-03-02","email":"ada@example.com","plan":"free"}}`,
		},
		{
			"posthog", "posthog/persons.ndjson",
			map[string]int{"identify": 1}, map[string]int{"a deleted person": 1},
			1, `{"environment":"production","distinct_id":"u_42","timestamp":"2026-03-02T08:11:00.000Z","traits":{"email":"ada@example.com","plan":"team"}}`,
		},
		{
			"mixpanel", "mixpanel/events.ndjson",
			map[string]int{"identify": 2, "alias": 3, "track": 6},
			map[string]int{noID: 1, "timestamp cannot be read": 2, torn: 1},
			8, `{"environment":"production","distinct_id":"crm_9","new_user_id":"u_47","timestamp":"2026-03-02T08:06:44.000Z"}`,
		},
		{
			"mixpanel", "mixpanel/profiles.ndjson",
			map[string]int{"identify": 3}, map[string]int{},
			1, `{"environment":"production","distinct_id":"u_42","timestamp":"2026-03-02T08:06:00.000Z",
				"traits":{"$last_seen":"2026-03-02T08:06:00","$city":"Vienna","plan":"pro","seats":3,"email":"ada@example.com","name":"Ada"}}`,
		},
		{
			"amplitude", "amplitude/events.json.gz",
			map[string]int{"identify": 4, "track": 6}, map[string]int{event: 1, noID: 1, torn: 1},
			4, `{"environment":"production","distinct_id":"u_42","anonymous_id":"dev_3","device_id":"dev_3","timestamp":"2026-03-02T08:07:00.000Z",
				"traits":{"source":"ads","plan":"pro"}}`,
		},
	} {
		t.Run(tt.fixture, func(t *testing.T) {
			seen := false
			sent, refused := map[string]int{}, map[string]int{}
			for _, r := range staged(t, tt.preset, tt.fixture) {
				if r.Reason != "" {
					refused[r.Reason]++
					continue
				}
				sent[r.Endpoint]++
				if r.Number == tt.number {
					seen = true
					require.JSONEq(t, tt.message, string(r.Message))
				}
			}
			require.True(t, seen)
			require.Equal(t, tt.sent, sent)
			require.Equal(t, tt.refused, refused)
		})
	}
}
