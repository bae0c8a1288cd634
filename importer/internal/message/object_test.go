package message_test

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

var nan = math.NaN()

func quote(text string) string {
	quoted, _ := json.Marshal(text)
	return string(quoted)
}

// many is an object of n members with the same value.
func many(n int, value string) string {
	var members []string
	for i := range n {
		members = append(members, fmt.Sprintf(`"m%d":"%s"`, i, value))
	}
	return "{" + strings.Join(members, ",") + "}"
}

// assertValid is for messages, those of refused rows included.
func assertValid(t *testing.T, message []byte) {
	t.Helper()
	assert.True(t, jsontext.Value(message).IsValid(jsontext.AllowDuplicateNames(false)), "%s", message)
}

var anyID = regexp.MustCompile(`"\$event_id":"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"`)

// withoutID returns a message with the id that tests write.
func withoutID(message string) string {
	return anyID.ReplaceAllString(message, `"$$event_id":"f0b13f9f-8a31-5bc4-9cf3-0c3a3b6f2d52"`)
}

func TestRowOfJSON(t *testing.T) {
	r := row("track", cell{"_json", `{"event": "signed\u005fup", "a": [1, {"b": 1.0}], "distinct_id": 42.0, "é": null, "device_id": null}`}, cell{"timestamp", at})
	assert.Empty(t, r.Reason)
	assert.Equal(t, `{"a": [1, {"b": 1.0}],"é": null}`, bag(t, r))
	assert.Equal(t, "signed_up", r.Event)
	assert.Equal(t, "42", r.Person)

	for text, want := range map[string]string{
		`42`: "42", `-0`: "-0", `1e3`: "1000", `42.50`: "42.5", `12345678901234567890123`: "12345678901234567890123", `"\u00e9"`: "é", `1.0e2`: "100",
	} {
		r := row("identify", cell{"_json", `{"distinct_id":` + text + `}`})
		assert.Equal(t, want, r.Person, text)
		assert.Empty(t, r.Reason)
	}
}

func TestColumnsOfTheStageBeforeMembers(t *testing.T) {
	r := row("track", cell{"_json", `{"event":"e","distinct_id":"u","timestamp":1704448800,"endpoint":"track"}`}, cell{"distinct_id", "v"}, cell{"timestamp", at})
	assert.Empty(t, r.Reason)
	assert.Equal(t, "v", r.Person)
	assert.Equal(t, `{}`, bag(t, r), "a field is no property")
	assert.Contains(t, string(r.Message), `"timestamp":"2024-01-05T10:00:00.000Z"`)
}

func TestTimestampThatNobodyRead(t *testing.T) {
	r := row("track", cell{"_json", `{"event":"e","distinct_id":"u","timestamp":"2024-01-05"}`})
	assert.Empty(t, r.Reason)
	assert.Contains(t, string(r.Message), `"timestamp":"2024-01-05"`)
	r = row("track", cell{"_json", `{"event":"e","distinct_id":"u","timestamp":1704448800}`})
	assert.Equal(t, "timestamp must be a string", r.Reason)
}

func TestLineThatIsNoObject(t *testing.T) {
	for line, reason := range map[string]string{
		`{"a":1`:                       "the row is not valid JSON",
		`{"a":NaN}`:                    "the row is not valid JSON",
		`{"a":1} {}`:                   "the row is not valid JSON",
		`{a:1}`:                        "the row is not valid JSON",
		"{\"a\":\"\xff\"}":             "the row is not valid JSON",
		`[1]`:                          "the row is not a JSON object",
		`"text"`:                       "the row is not a JSON object",
		`null`:                         "the row is not a JSON object",
		`{"a":1,"a":2}`:                "the row has a member twice",
		`{"a":-1e999}`:                 "the row has a number out of range",
		strings.Repeat(`{"a":`, 20000): "the row is not valid JSON",
	} {
		r := row("track", cell{"_json", line}, cell{"timestamp", at}, cell{"_row", int64(2)})
		assert.Equal(t, record.Row{Number: 2, Endpoint: "track", At: at, Message: r.Message, Reason: reason}, r, line)
		var text string
		assert.NoError(t, json.Unmarshal(r.Message, &text))
		assert.Equal(t, strings.ToValidUTF8(line, "\ufffd"), text)
	}
}

func TestEscapesAreNoTrap(t *testing.T) {
	text := `{"a":"` + strings.Repeat(`\\`, 200_000) + `\"","b}":"]"}`
	r := row("identify", cell{"distinct_id", "u"}, cell{"_json", text})
	assert.Empty(t, r.Reason)
	assert.Equal(t, text, bag(t, r))
}
