package stage

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

func TestEventsAreCountedByDay(t *testing.T) {
	const rows = `
		('track', 'signed_up', 'u1', '1969-12-31T23:59:59.999999Z'),
		('track', 'signed_up', 'u1', '1970-01-01T00:00:00Z'),
		('track', 'plan_upgraded', 'u1', '1970-01-01T23:59:59Z'),
		('track', 'plan_upgraded', 'u1', NULL),
		('track', 'plan_upgraded', 'u1', 'soon'),
		('track', 'checkout_completed', 'u1', NULL),
		('identify', 'signed_up', 'u1', '2026-01-01')`
	query := values("endpoint, event, distinct_id, timestamp", rows)
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339Nano, s)
		require.NoError(t, err)
		return v
	}
	for name, query := range map[string]string{"columns": query, "json": "SELECT to_json(q)::VARCHAR AS _json FROM (" + query + ") q"} {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			s := build(t, query, Options{As: record.Track})
			days, err := s.Days(ctx)
			require.NoError(t, err)
			assert.Equal(t, []Day{{at("1969-12-31T00:00:00Z"), 1}, {at("1970-01-01T00:00:00Z"), 2}}, days)
			events, all, err := s.Events(ctx, 2)
			require.NoError(t, err)
			assert.Equal(t, int64(3), all)
			assert.Equal(t, []Event{
				{"plan_upgraded", 3, at("1970-01-01T23:59:59Z"), at("1970-01-01T23:59:59Z")},
				{"signed_up", 2, at("1969-12-31T23:59:59.999999Z"), at("1970-01-01T00:00:00Z")},
			}, events)
			first, last, err := s.Span(ctx)
			require.NoError(t, err)
			assert.Equal(t, at("1969-12-31T23:59:59.999999Z"), first)
			assert.Equal(t, at("2026-01-01T00:00:00Z"), last)
		})
	}
}
