package hints

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

func codesOf(hints []Hint) (codes []string) {
	for _, h := range hints {
		codes = append(codes, h.Code)
	}
	return codes
}

func TestIgnoredHintHasBothStamps(t *testing.T) {
	at := time.Date(2026, 1, 2, 12, 0, 1, 0, time.UTC)
	zone := time.FixedZone("", 2*60*60)
	u := altertabletest.Update{DistinctID: "u_1", Traits: map[string]any{"plan": "pro"}, Ignored: true, Timestamp: at.In(zone), Before: at.Add(4 * time.Second).In(zone)}
	hints := OfUpdate(&u)
	require.Equal(t, []string{"ignored-identify"}, codesOf(hints))
	assert.Contains(t, hints[0].Text, "2026-01-02T12:00:01Z")
	assert.Contains(t, hints[0].Text, "2026-01-02T12:00:05Z")
	u.Traits = nil
	assert.Empty(t, OfUpdate(&u), "nothing is lost")
	u.Traits, u.Ignored = map[string]any{"plan": "pro"}, false
	assert.Empty(t, OfUpdate(&u))
}

func TestSpellingHint(t *testing.T) {
	hints := OfEvent(&altertabletest.Event{Event: "signedUp"}, "signed_up")
	assert.Equal(t, []string{"spelling"}, codesOf(hints))
	assert.Contains(t, hints[0].Text, `"signed_up"`)
}

// Whatever is in a message, a hint is one sentence of which every part is known.
func FuzzHints(f *testing.F) {
	f.Fuzz(func(t *testing.T, name, value string) {
		e := altertabletest.Event{DistinctID: value, AnonymousID: name, Properties: map[string]any{name: value, "l": []any{value, map[string]any{value: name}}}}
		for _, h := range OfEvent(&e, name) {
			assert.LessOrEqual(t, len(h.Text), 1000)
		}
		SetOf(OfEvent(&e, name))
	})
}

func BenchmarkHints(b *testing.B) {
	e := altertabletest.Event{DistinctID: "u_01jza857w4f23s1hf2s61befmw", AnonymousID: "anonymous-7c9e6679-7425-40de-944b-e07fc1f90ae7", Properties: map[string]any{
		"page": "/pricing", "referrer": "search", "amount": 49.99, "currency": "USD", "seats": 5.0, "trial": true, "country": "FR", "session": "s_01jza857w4f2"}}
	b.ReportAllocs()
	for b.Loop() {
		OfEvent(&e, "")
	}
}
