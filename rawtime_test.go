package altertable_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// The server would store what precedes another form in its batch, and refuse the rest.
func TestRawTimestampHasAFormThatThePlatformTakes(t *testing.T) {
	client := newDisabled(t)
	encode := func(stamp string) error {
		return second(client.Encode(t.Context(), rawIn("alias", `{"distinct_id":"u_1","new_user_id":"u_2","timestamp":"`+stamp+`"}`)))
	}
	for _, stamp := range []string{
		"2023-01-01T12:00:00.000Z", "2023-01-01T12:00:00Z", "2023-01-01T12:00:00", "2023-01-01 12:00:00", "2023-01-01",
		"2023-01-01T12:00:00+02:00", "2023-01-01T12:00:00-0200", "2023-01-01T12:00:00+02", "2024-02-29T23:59:59.123456789Z",
		`2023-01-01\u005412:00:00Z`, "0001-01-01", "9999-12-31",
	} {
		assert.NoError(t, encode(stamp), stamp)
	}
	for _, stamp := range []string{
		"", "now", "2023", "2023-1-1", "2023-02-29", "2023-13-01", "0000-01-01", "10000-01-01", "-2023-01-01",
		"2023-01-01T", "2023-01-01T12", "2023-01-01T12:00", "2023-01-01T24:00:00Z", "2023-01-01T12:60:00Z", "2023-01-01T12:00:61Z",
		"2023-01-01T12:00:00,000Z", "2023-01-01T12:00:00.Z", "2023-01-01T12:00:00.0000000001Z", "2023-01-01T12:00:00 Z",
		"2023-01-01T12:00:00z", "2023-01-01t12:00:00Z", "2023-01-01T12:00:00+2", "2023-01-01T12:00:00+02:", "2023-01-01T12:00:00+02:00:00",
		"2023-01-01Z", "2023-01-01T12:00:00Z ", " 2023-01-01", "2023-01-01T12:00:00+25", "2023-01-01T12:00:00+02:60", "1672574400",
	} {
		var invalid *altertable.ValidationError
		if assert.ErrorAs(t, encode(stamp), &invalid, stamp) {
			assert.Equal(t, "timestamp", invalid.Field)
		}
	}
}

// FuzzRawTimestamp sends what is accepted to a server that reads timestamps with
// package time.
func FuzzRawTimestamp(f *testing.F) {
	client := newDisabled(f)
	srv := altertabletest.NewServer(altertabletest.WithoutListener(), altertabletest.WithHistory(1))
	f.Cleanup(srv.Close)
	f.Fuzz(func(t *testing.T, stamp string) {
		text, err := json.Marshal(map[string]any{"event": "e", "distinct_id": "u_1", "properties": map[string]any{}, "timestamp": stamp})
		require.NoError(t, err)
		encoded, err := client.Encode(t.Context(), altertable.Raw{Endpoint: "track", JSON: text})
		if err != nil {
			return
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/track", strings.NewReader(string(encoded.JSON)))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-API-Key", "key")
		answer, err := srv.HTTPClient().Do(r)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		assert.Equal(t, http.StatusOK, answer.StatusCode, "%q", stamp)
	})
}
