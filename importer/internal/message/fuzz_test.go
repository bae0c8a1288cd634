package message_test

import (
	"database/sql/driver"
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/importer/internal/message"
	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

// FuzzRowOfJSON: whatever a line is, its message is valid JSON, and no member is
// lost, changed or there twice.
func FuzzRowOfJSON(f *testing.F) {
	columns := []message.Column{col("_json", message.JSON), col("timestamp", message.Timestamp)}
	mappers := map[bool]*message.Mapper{}
	for _, traits := range []bool{false, true} {
		as := record.Track
		if traits {
			as = record.Identify
		}
		mappers[traits] = message.New(columns, message.Options{As: as, Environment: "production"})
	}
	f.Fuzz(func(t *testing.T, line string, traits bool) {
		m := mappers[traits].Map([]driver.Value{line, at})
		r := new(message.Numberer).Number(&m)
		require.True(t, jsontext.Value(r.Message).IsValid(), "%s", r.Message)
		if r.Message[0] != '{' {
			require.NotEmpty(t, r.Reason)
			return
		}
		if line == "" || r.Endpoint == record.Alias {
			return
		}
		var given map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(line), &given))
		sent := sentMembers(t, r)
		for member, value := range expectedMembers(r, given) {
			require.Contains(t, sent, member)
			require.Equal(t, string(value), string(sent[member]), "%q", member)
		}
	})
}

// sentMembers returns properties or traits.
func sentMembers(t *testing.T, r record.Row) (members map[string]json.RawMessage) {
	var m struct{ Properties, Traits json.RawMessage }
	require.NoError(t, json.Unmarshal(r.Message, &m))
	text := m.Properties
	if r.Endpoint == record.Identify {
		text = m.Traits
	}
	if text != nil {
		require.NoError(t, json.Unmarshal(text, &members))
	}
	return members
}

// expectedMembers returns those of the line that are properties or traits, or nil
// if that is not certain.
func expectedMembers(r record.Row, given map[string]json.RawMessage) map[string]json.RawMessage {
	bag := "properties"
	if traits := textIn(given["traits"]); r.Endpoint == record.Identify && traits != "" {
		bag = "traits"
	}
	text := textIn(given[bag])
	if isString := len(given[bag]) > 0 && given[bag][0] == '"'; isString && r.Reason != "" {
		return nil
	}
	expected := map[string]json.RawMessage{}
	var inside map[string]json.RawMessage
	isRead := text == "" || json.Unmarshal([]byte(text), &inside) == nil
	for member, value := range given {
		switch member {
		case "distinct_id", "anonymous_id", "device_id", "environment", "timestamp", "endpoint":
			continue
		case "event":
			if r.Endpoint == record.Track {
				continue
			}
		case "properties", "traits":
			if member == bag && isRead || textIn(value) == "" {
				continue
			}
		}
		expected[member] = value
	}
	maps.Copy(expected, inside)
	return expected
}

// textIn returns the JSON that is an object, in a text or not, and "" for none.
func textIn(value json.RawMessage) string {
	var text string
	if len(value) > 0 && value[0] != '"' && string(value) != "null" {
		return string(value)
	}
	_ = json.Unmarshal(value, &text)
	if text = strings.Trim(text, " \t\r\n"); text == "null" {
		return ""
	}
	return text
}
