package altertable_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

// FuzzRaw compares what is accepted with what encoding/json reads.
func FuzzRaw(f *testing.F) {
	for _, text := range []string{
		`{"event":"e","distinct_id":"u_1","properties":{}}`, `{"distinct_id":"u_1","new_user_id":"u_2"}`,
		`{"\u0065vent":"e","distinct_id":"\ud83d\ude00","properties":{"a":[{}]},"environment":"x",` + rawStamp + `}`,
		` { "distinct_id" : "u" , "x":"\\\"" } `, `{"a":[}`, `{"distinct_id":"u_1"}}`, `{"distinct_id":"\`,
	} {
		for ep := range uint8(3) {
			f.Add(ep, text)
		}
	}
	client := newDisabled(f)
	f.Fuzz(func(t *testing.T, ep uint8, text string) {
		raw := rawIn([]string{"track", "identify", "alias"}[ep%3], text)
		encoded, err := client.Encode(t.Context(), raw)
		if err != nil {
			var invalid *altertable.ValidationError
			require.True(t, errors.As(err, &invalid) || errors.Is(err, altertable.ErrTooLarge), err)
			require.Empty(t, encoded.JSON)
			return
		}
		again, err := client.Encode(t.Context(), encoded)
		require.NoError(t, err)
		require.Equal(t, string(encoded.JSON), string(again.JSON), "nothing lacks the second time")
		requireOnlyAdded(t, strings.Trim(text, " \t\r\n"), string(encoded.JSON))
		var members map[string]any
		if !json.Valid([]byte(text)) || json.Unmarshal(encoded.JSON, &members) != nil {
			return
		}
		for _, name := range required[raw.Endpoint] {
			value, ok := members[name].(string)
			require.True(t, ok && strings.TrimSpace(value) != "", name)
		}
		if raw.Endpoint == "track" {
			require.IsType(t, map[string]any{}, members["properties"])
		}
	})
}

// requireOnlyAdded checks that out is text with an environment in front, a timestamp
// at the end, both or neither.
func requireOnlyAdded(t *testing.T, text, out string) {
	t.Helper()
	inside := strings.TrimRight(text[1:len(text)-1], " \t\r\n")
	at := strings.Index(out, inside)
	require.GreaterOrEqual(t, at, 0, "what was given stays")
	front, end := out[:at], out[at+len(inside):]
	require.Contains(t, []string{`{`, `{"environment":"production",`}, front)
	if end = strings.TrimLeft(end, " \t\r\n"); end == "}" {
		return
	}
	stamp, ok := strings.CutPrefix(end, `,"timestamp":"`)
	require.True(t, ok, end)
	_, err := time.Parse(`2006-01-02T15:04:05.999999Z"}`, stamp)
	require.NoError(t, err)
}
