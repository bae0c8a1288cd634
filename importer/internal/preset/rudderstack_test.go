package preset_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// rudderstackCalls are the rows of rudderstack/calls.ndjson, each with the columns that are not NULL.
var rudderstackCalls = []row{
	{
		"$ip": "203.0.113.7", "$lib": "RudderLabs JavaScript SDK", "$lib_version": "3.7.0", "$page_name": "Pricing",
		"$referer": "$direct", "$url": "https://www.example.com/pricing", "$viewport": "1440x900", "_row": "1",
		"distinct_id": "anon_7", "endpoint": "track", "event": "$pageview", "properties": `{"title":"Pricing"}`,
		"timestamp": "2026-03-02T08:00:00.120Z",
	},
	{
		"$ip": "203.0.113.7", "_row": "2", "anonymous_id": "anon_7", "distinct_id": "u_42", "endpoint": "identify",
		"timestamp": "2026-03-02T08:05:00.000Z", "traits": `{"email":"ada@example.com","plan":"free"}`,
	},
	{
		"_row": "3", "distinct_id": "u_43", "endpoint": "identify", "timestamp": "2026-03-02T08:05:30.000Z",
		"traits": `{"plan":"team"}`,
	},
	{
		"$device": "Android", "$device_model": "Pixel 9", "_row": "4", "anonymous_id": "anon_7", "device_id": "dev_3",
		"distinct_id": "u_42", "endpoint": "track", "event": "checkout_completed", "properties": `{"amount":19.99,"coupon":null}`,
		"timestamp": "2026-03-02T08:06:00.000Z",
	},
	{
		"$screen_name": "Home", "_row": "5", "distinct_id": "anon_8", "endpoint": "track", "event": "$screen",
		"properties": `{"name":"Home"}`, "timestamp": "2026-03-02T08:07:00.000Z",
	},
	{"_row": "6", "distinct_id": "crm_9", "endpoint": "alias", "new_user_id": "u_42", "timestamp": "2026-03-02T08:08:00.000Z"},
	{
		"_reason": "a group call: the platform has no endpoint for groups", "_row": "7", "distinct_id": "u_42",
		"timestamp": "2026-03-02T08:09:00.000Z",
	},
	{"_reason": "not a JSON object", "_row": "8"},
}

func TestRudderStackCalls(t *testing.T) {
	requireLines(t, "rudderstack", "rudderstack/calls.ndjson", rudderstackCalls)
}

// TestRudderStackIsSegment has all places in which the two files differ. Both are
// printed and edited, so they are whole, and a mend of one belongs into the other.
func TestRudderStackIsSegment(t *testing.T) {
	segment, rudderstack := readSQL(t, "segment.sql"), readSQL(t, "rudderstack.sql")
	for _, d := range [][2]string{
		{
			"-- Segment: the calls of its raw logs, a JSON object for each call.\n" +
				"-- Names with $ are those of the platform's own Segment bridge.\n",
			"-- RudderStack: the calls that its object storage destinations keep, a JSON object for each call.\n" +
				"-- Names with $ are those of the platform's own bridge for Segment, whose calls are the same.\n",
		},
		{"\n    \"properties\": \"JSON\"", "\n    \"request_ip\": \"VARCHAR\",\n    \"properties\": \"JSON\""},
		{"\"userAgent\": \"VARCHAR\",\n", "\"userAgent\": \"VARCHAR\", \"traits\": \"JSON\",\n"},
		{"an empty one.\n", "an empty one.\n-- Traits are in the context; some libraries have them beside it.\n"},
		{
			"nullif(CASE WHEN starts_with(j.traits::VARCHAR, '\"') THEN j.traits ->> '$' ELSE j.traits::VARCHAR END, '[]') AS traits",
			"coalesce(nullif(nullif(j.context.traits::VARCHAR, '{}'), '[]'), nullif(CASE WHEN starts_with(j.traits::VARCHAR, '\"') THEN j.traits ->> '$' ELSE j.traits::VARCHAR END, '[]')) AS traits",
		},
		{"THEN j.name END AS \"$screen_name\"", "THEN coalesce(j.name, j.event) END AS \"$screen_name\""},
		{
			"  j.context.ip AS \"$ip\"",
			"  -- An address of the request can have a port.\n" +
				"  coalesce(nullif(j.context.ip, ''), nullif(regexp_replace(j.request_ip, '^\\[(.+)\\]:[0-9]+$|^([0-9.]+):[0-9]+$', '\\1\\2'), '')) AS \"$ip\"",
		},
	} {
		require.Equal(t, 1, strings.Count(segment, d[0]), d[0])
		segment = strings.Replace(segment, d[0], d[1], 1)
	}
	require.Equal(t, segment, rudderstack)
}

func TestRudderStackAddressOfTheRequest(t *testing.T) {
	for address, want := range map[string]string{
		"203.0.113.7": "203.0.113.7", "203.0.113.7:53708": "203.0.113.7", "[2001:db8::7]:53708": "2001:db8::7", "2001:db8::7": "2001:db8::7", "": "",
	} {
		got := mappedLines(t, "rudderstack", `{"type":"track","event":"e","userId":"u_42","request_ip":"`+address+`"}`)
		require.Len(t, got, 1)
		require.Equal(t, want, got[0]["$ip"], address)
	}
}

func readSQL(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(b)
}
