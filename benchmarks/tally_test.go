package main

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// wireMap returns the usual event, complete, for a test to spoil.
func wireMap() map[string]any {
	properties := newProperties()
	maps.Copy(properties, systemProperties)
	return map[string]any{
		"environment": "production", "event": event, "distinct_id": user,
		"timestamp": "2023-01-01T12:00:00.000Z", "properties": properties,
	}
}

func TestTally(t *testing.T) {
	spoiled := func(spoil func(message, properties map[string]any)) map[string]any {
		message := wireMap()
		spoil(message, message["properties"].(map[string]any))
		return message
	}
	tests := []struct {
		name string
		body any
		want tally
	}{
		{"one message", wireMap(), tally{Events: 1, Complete: 1}},
		{"an array", []any{wireMap(), wireMap()}, tally{Events: 2, Complete: 2}},
		{"an empty array", []any{}, tally{}},
		{"another event", spoiled(func(m, _ map[string]any) { m["event"] = "Other" }), tally{}},
		{"another user", spoiled(func(m, _ map[string]any) { m["distinct_id"] = "u_2" }), tally{}},
		{"another environment", spoiled(func(m, _ map[string]any) { m["environment"] = "" }), tally{}},
		{"no timestamp", spoiled(func(m, _ map[string]any) { delete(m, "timestamp") }), tally{}},
		{"a timestamp that is none", spoiled(func(m, _ map[string]any) { m["timestamp"] = "noon" }), tally{Malformed: 1}},
		{"a member too many", spoiled(func(m, _ map[string]any) { m["extra"] = 1 }), tally{Malformed: 1}},
		{"a property changed", spoiled(func(_, p map[string]any) { p["seats"] = 6 }), tally{}},
		{"a property lost", spoiled(func(_, p map[string]any) { delete(p, "trial") }), tally{}},
		{"a system property lost", spoiled(func(_, p map[string]any) { delete(p, "$ip") }), tally{Events: 1}},
		{"a property too many", spoiled(func(_, p map[string]any) { p["extra"] = 1 }), tally{Events: 1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			body, err := json.Marshal(test.body)
			require.NoError(t, err)
			var got tally
			got.add("/now/track", body)
			assert.Equal(t, test.want, got)
		})
	}
}

func usualJSON(t *testing.T) string {
	text, err := json.Marshal(map[string]any{"p": newProperties()})
	require.NoError(t, err)
	return string(text)
}

func TestTallyOfBytes(t *testing.T) {
	tests := []struct {
		name, path, body string
		want             tally
	}{
		{"not JSON", "/now/track", `{"event":`, tally{Malformed: 1}},
		{"two values", "/now/track", `[] []`, tally{Malformed: 1}},
		{"an array that does not end", "/now/track", `[{}`, tally{Malformed: 1}},
		{"another client's", "/now/batch/", `{"batch":[` + usualJSON(t) + `,` + usualJSON(t) + `]}`, tally{Events: 2}},
		{"another client's, cut off", "/now/batch/", `{"batch":[` + usualJSON(t), tally{Malformed: 1}},
		{"another client's, with a property changed", "/now/batch/",
			`{"batch":[` + strings.Replace(usualJSON(t), `"seats":5`, `"seats":6`, 1) + `]}`, tally{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got tally
			got.add(test.path, []byte(test.body))
			assert.Equal(t, test.want, got)
		})
	}
}
