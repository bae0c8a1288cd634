package stage

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/source"
)

func TestRejectsAreImportedAgain(t *testing.T) {
	const event = `{"event":"signed_up", "distinct_id":"u1","timestamp":"2026-01-03T00:00:00Z","environment":"production","properties":{"n":12345678901234567890.10,"$event_id":"x"}}`
	db := openSource(t, lines(
		`{"endpoint":"track","message":`+event+`,"reason":"no event","row":17}`,
		`{"row":18,"endpoint":"identify","message":{"distinct_id":"u1","environment":"production"},"reason":"none"}`,
		`{"endpoint":"","message":"a,b\"","reason":"too few columns","row":3}`,
		`{"endpoint":"track","message":`,
	))
	s, err := Build(context.Background(), db, &source.Source{Name: "x", Raw: true, JSON: true}, Options{})
	require.NoError(t, err)
	rows := read(t, s, 0)
	require.Len(t, rows, 4)
	assert.ElementsMatch(t, []int64{3, 4}, order(rows)[:2])
	assert.NotEmpty(t, rows[0].Reason)
	assert.NotEmpty(t, rows[1].Reason)
	assert.Equal(t, record.Identify, rows[2].Endpoint)
	assert.Empty(t, rows[2].Reason)
	assert.Empty(t, rows[3].Reason)
	assert.Equal(t, event, string(rows[3].Message))
}

func TestTheMessageOfALine(t *testing.T) {
	for line, want := range map[string]string{
		`{"endpoint":"track","message":{"a":1.10}}`: `{"a":1.10}`,
		`{"message":null}`:                          `null`,
		`{"x":{"message":1},"message":2}`:           `2`,
		`{}`:                                        `{}`,
		`[1]`:                                       `[1]`,
		`{"message":{"a"`:                           `{"message":{"a"`,
		`{"a":1,`:                                   `{"a":1,`,
		"":                                          "",
	} {
		assert.Equal(t, want, messageOf(line))
	}
}
