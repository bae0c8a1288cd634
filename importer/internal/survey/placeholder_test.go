package survey

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/stage"
)

func TestPlaceholder(t *testing.T) {
	for _, id := range []string{
		"unknown", "Unknown", " UNKNOWN\t", "undefined", "null", "NULL", "nil", "none", "NONE", "n/a", "N/A", "na", "NaN", "anonymous", "guest", "test", "user", "-1", "0",
		"True", "false", "[object Object]", "00000000-0000-0000-0000-000000000000", "distinct_id", "not_authenticated", "distinctId", "id", "user_id", "anonymous_id", "visitor",
		"visitor_id", "<nil>", "<no value>", "email", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
	} {
		word := placeholder(id)
		assert.Equal(t, strings.ToLower(strings.TrimSpace(id)), word, id)
		assert.LessOrEqual(t, len(word), longestWord)
	}
	for _, id := range []string{"", " ", "u_1", "unknown_1", "tester7", "1", "-2", "nulls", "ada@example.com", "00000000-0000-0000-0000-000000000001", strings.Repeat(" ", 100) + "null"} {
		assert.Empty(t, placeholder(id), id)
	}
}

func tracks(persons ...string) *Survey {
	v := newSurvey(&stage.Stage{})
	for i, person := range persons {
		row := track(int64(i+1), person, "page_viewed", "2026-01-02 08:00:00")
		v.add(&row)
	}
	return v
}

func hintsOf(t *testing.T, v *Survey, showValues bool) string {
	t.Helper()
	text := strings.Join(strings.Fields(printed(t, v, 100, showValues)), " ")
	_, hints, _ := strings.Cut(text, "Look at this first")
	hints, _, _ = strings.Cut(hints, "rows as they would be sent")
	return hints
}

func TestWordsAreNamedFromTheSecondRowOn(t *testing.T) {
	assert.NotContains(t, hintsOf(t, tracks("u_1", "u_2", "unknown"), false), "stands for nobody")
	v := tracks("u_1", "N/A", "u_2", " n/a", "u_3", "u_4", "u_5")
	assert.Contains(t, hintsOf(t, v, false), `2 rows, row 2 for example, have the id "n/a". It stands for nobody, and strangers become one person`)
	assert.NotContains(t, hintsOf(t, v, false), "N/A", "how it is written is a value of the data")
	assert.Contains(t, hintsOf(t, v, true), `have the id "n/a", written "N/A". It stands`)
}

func TestAWordIsSaidOnce(t *testing.T) {
	persons := []string{}
	for n := range 400 {
		persons = append(persons, fmt.Sprintf("u_%d", n), "unknown")
	}
	hints := hintsOf(t, tracks(persons...), false)
	assert.Equal(t, 1, strings.Count(hints, "for example"), hints)
	assert.Contains(t, hints, `400 rows, row 2 for example, have the id "unknown"`)
}

func TestFiveWordsAreNamed(t *testing.T) {
	var persons []string
	for i, word := range []string{"unknown", "none", "nil", "guest", "test", "-1", "0", "na"} {
		for range 20 - i {
			persons = append(persons, word)
		}
	}
	hints := hintsOf(t, tracks(persons...), false)
	assert.Contains(t, hints, `20 rows, row 1 for example, have the id "unknown"`)
	assert.Contains(t, hints, `"test"`)
	assert.NotContains(t, hints, `"-1"`)
	assert.Contains(t, hints, "3 more ids are such words.")
	assert.Contains(t, hintsOf(t, tracks(persons[:20+19+18+17+16+15]...), false), "1 more id is such a word.")
}

// An id that is linked to each person is worse than a person's own.
func TestWordsThatAreLinked(t *testing.T) {
	for name, test := range map[string]struct {
		endpoint, message string
		found             bool
	}{
		"visitor":   {record.Identify, `{"distinct_id":"u_1","anonymous_id":"unknown","traits":{}}`, true},
		"device":    {record.Identify, `{ "traits": {"anonymous_id": "x"}, "device_id" : "\u0075nknown" }`, true},
		"alias":     {record.Alias, `{"distinct_id":"u_1","new_user_id":"unknown"}`, true},
		"a trait":   {record.Identify, `{"distinct_id":"u_1","traits":{"device_id":"unknown"}}`, false},
		"no text":   {record.Identify, `{"distinct_id":"u_1","device_id":["unknown"],"anonymous_id":null}`, false},
		"an event":  {record.Track, `{"distinct_id":"u_1","event":"e","anonymous_id":"unknown"}`, false},
		"no object": {record.Identify, `["anonymous_id"]`, false},
		"torn":      {record.Identify, `{"anonymous_id":"unkn`, false},
	} {
		v := newSurvey(&stage.Stage{})
		for n := range int64(3) {
			v.add(&record.Row{Number: n + 1, Endpoint: test.endpoint, Person: fmt.Sprint("u_", n), At: record.NoTime, Message: []byte(test.message)})
		}
		assert.Equal(t, test.found, strings.Contains(hintsOf(t, v, false), `have the id "unknown"`), name)
	}
}
