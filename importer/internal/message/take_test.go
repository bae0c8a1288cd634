package message_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

const (
	whole = `{"environment":"production", "event":"e","distinct_id":"u","timestamp":"2024-01-05","properties":{"a": 1}}`
	known = `{"environment":"production", "event":"e","distinct_id":"u","timestamp":"2024-01-05","properties":{"$event_id": "1"}}`
)

func TestMessageIsSentAsItIs(t *testing.T) {
	r := row("", cell{"_message", " " + known + "\n"}, cell{"endpoint", "track"}, cell{"timestamp", at}, cell{"_row", int64(5)}, cell{"plan", "pro"})
	assert.Equal(t, record.Row{Number: 5, Endpoint: "track", At: at, Event: "e", Person: "u", Message: []byte(known)}, r)
}

func TestMessageGetsTheIDThatItLacks(t *testing.T) {
	const id = `"$event_id":"`
	taken := func(properties string) string {
		return string(row("track", cell{"_message", strings.Replace(whole, `{"a": 1}`, properties, 1)}).Message)
	}
	for properties, after := range map[string]string{`{"a": 1}`: `","a": 1}}`, `{}`: `"}}`, `{ }`: `" }}`} {
		before, rest, found := strings.Cut(taken(properties), id)
		require.True(t, found, properties)
		assert.True(t, strings.HasSuffix(before, `"properties":{`), before)
		assert.Equal(t, after, rest[36:])
		assertValid(t, []byte(before+id+rest))
	}
	own := `{"a":{"$event_id":"no"},"$event_id":"own"}`
	assert.Contains(t, taken(own), `"properties":`+own)
	assert.NotContains(t, string(row("identify", cell{"_message", `{"distinct_id":"u","traits":{}}`}).Message), id)
}

func TestMessageThatIsRefused(t *testing.T) {
	for message, reason := range map[string]string{
		`"{\"event\": torn"`: "the message is still a text: make it a JSON object",
		`{"event":`:          "the message is not valid JSON",
		`[]`:                 "the message is not a JSON object",
		`{"a":1,"a":1}`:      "the message has a member twice",
		`{}`:                 "no event",
		`{"event":"e","timestamp":"2024-01-05","properties":{}}`:                                          "no distinct_id",
		`{"event":"e","distinct_id":null,"timestamp":"2024-01-05","properties":{}}`:                       "no distinct_id",
		`{"event":"e","distinct_id":"u","properties":{}}`:                                                 "no timestamp",
		`{"event":"e","distinct_id":"u","timestamp":"soon","properties":{}}`:                              "timestamp is not of a form that the platform takes",
		`{"event":"e","distinct_id":"u","timestamp":"2024-01-05"}`:                                        "properties must be there",
		`{"event":"e","distinct_id":"u","timestamp":"2024-01-05","properties":null}`:                      "properties must be an object",
		`{"event":"e","distinct_id":5,"timestamp":"2024-01-05","properties":{}}`:                          "distinct_id must be a string",
		`{"event":"e","distinct_id":"null","timestamp":"2024-01-05","properties":{}}`:                     "distinct_id is a reserved word, not an id",
		`{"event":"e","distinct_id":"u","session_id":5,"timestamp":"2024-01-05","properties":{}}`:         "session_id is not a text",
		`{"event":"e","distinct_id":"u","timestamp":"2024-01-05","properties":{"a":` + nested(126) + `}}`: "the message is nested too deep",
		`{"event":"e","distinct_id":"u","timestamp":"2024-01-05","properties":{"a":1e999}}`:               "the message has a number out of range",
	} {
		r := row("track", cell{"_message", message})
		assert.Equal(t, reason, r.Reason, message)
		assertValid(t, r.Message)
	}
	r := row("alias", cell{"_message", `{"distinct_id":"u"}`})
	assert.Equal(t, "no new_user_id", r.Reason)
	r = row("", cell{"_message", whole}, cell{"endpoint", nil})
	assert.Equal(t, "endpoint is none of track, identify and alias", r.Reason)
	assert.Equal(t, whole, string(r.Message))
	r = row("track", cell{"_message", `"torn"`})
	assert.Equal(t, `"torn"`, string(r.Message), "it is not quoted once more")
	r = row("identify", cell{"_message", `{"distinct_id":"u","session_id":5}`})
	assert.Empty(t, r.Reason)
}
