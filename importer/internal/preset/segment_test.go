package preset_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// segmentCalls are the rows of segment/calls.ndjson, each with the columns that are not NULL.
var segmentCalls = []row{
	{
		"$ip": "203.0.113.7", "$lib": "analytics.js", "$lib_version": "4.1.0", "$page_category": "Marketing",
		"$page_name": "Pricing", "$referer": "https://search.example.org/",
		"$url": "https://www.example.com/pricing?utm_source=news", "$user_agent": "Mozilla/5.0 (X11; Linux x86_64)",
		"$utm_campaign": "spring", "$utm_content": "top", "$utm_medium": "email", "$utm_source": "news", "$utm_term": "plans",
		"$viewport": "1440x900", "_row": "1", "distinct_id": "anon_7", "endpoint": "track", "event": "$pageview",
		"properties": `{"title":"Pricing","path":"/pricing"}`, "timestamp": "2026-03-02T08:00:00.120Z",
	},
	{
		"$ip": "203.0.113.7", "$lib": "analytics.js", "$lib_version": "4.1.0", "_row": "2", "anonymous_id": "anon_7",
		"distinct_id": "u_42", "endpoint": "identify", "timestamp": "2026-03-02T08:05:00.000Z",
		"traits": `{"email":"ada@example.com","plan":"free","seats":1}`,
	},
	{
		"$device": "desktop", "$device_model": "generic", "$ip": "203.0.113.7", "$os": "Linux", "_row": "3",
		"anonymous_id": "anon_7", "device_id": "dev_3", "distinct_id": "u_42", "endpoint": "track", "event": "checkout_completed",
		"properties": `{"plan":"pro","seats":12345678901234567890123,"amount":19.99,"coupon":null,"items":[{"sku":"A-1","quantity":2}],"$ip":"198.51.100.1"}`,
		"timestamp":  "2026-03-02T08:06:00.000Z",
	},
	{
		"$device": "ios", "$device_model": "iPhone 15", "$os": "iOS", "$screen_name": "Home", "_row": "4", "device_id": "dev_4",
		"distinct_id": "anon_8", "endpoint": "track", "event": "$screen", "properties": "{}",
		"timestamp": "2026-03-02T08:07:00.000Z",
	},
	{"_row": "5", "distinct_id": "crm_9", "endpoint": "alias", "new_user_id": "u_42", "timestamp": "2026-03-02T08:08:00.000Z"},
	{
		"_reason": "a group call: the platform has no endpoint for groups", "_row": "6", "distinct_id": "u_42",
		"timestamp": "2026-03-02T08:09:00.000Z",
	},
	{
		"_reason": "a delete call: the platform has no endpoint for deletions", "_row": "7", "distinct_id": "u_43",
		"timestamp": "2026-03-02T08:10:00.000Z",
	},
	{"_row": "8", "distinct_id": "anon_9", "endpoint": "track", "event": "signed_up", "timestamp": "2026-03-02T08:11:00.000Z"},
	{
		"_row": "9", "distinct_id": "42", "endpoint": "track", "event": "plan_upgraded",
		"properties": `{"plan": "team", "seats": 5}`, "timestamp": "2026-03-02T08:12:00.000Z",
	},
	{"_row": "10", "endpoint": "track", "event": "no_ids", "properties": `{"a":1}`, "timestamp": "2026-03-02T08:13:00.000Z"},
	{"_reason": "not a JSON object", "_row": "11"},
	{"_reason": "not a JSON object", "_row": "12"},
	{"_reason": "no type of call", "_row": "13", "distinct_id": "u_45", "timestamp": "2026-03-02T08:14:00.000Z"},
	{
		"_reason": "a type of call that the preset does not know", "_row": "14", "distinct_id": "u_46",
		"timestamp": "2026-03-02T08:15:00.000Z",
	},
}

func TestSegmentCalls(t *testing.T) {
	requireLines(t, "segment", "segment/calls.ndjson", segmentCalls)
}

func TestARowOfAWarehouseIsNoCall(t *testing.T) {
	for _, tool := range []string{"segment", "rudderstack"} {
		requireReasons(t, tool, map[string]string{
			`{"id":"m-1","user_id":"u_42","event":"signed_up","received_at":"2026-03-02 08:00:00 UTC"}`: "a row of a warehouse table: save the table as Parquet or CSV, and import that",
		})
	}
}

// What servers in PHP send where there is nothing, and empty times.
func TestEmptyObjectsAndTimes(t *testing.T) {
	for _, tool := range []string{"segment", "rudderstack"} {
		require.Equal(t, []row{
			{"_row": "1", "endpoint": "track", "event": "e", "distinct_id": "u_42", "timestamp": "2026-03-02T08:00:00Z"},
			{"_row": "2", "endpoint": "identify", "distinct_id": "u_42", "timestamp": "2026-03-02T08:01:00Z"},
		}, mappedLines(t, tool,
			`{"type":"track","event":"e","userId":"u_42","timestamp":"","originalTimestamp":"2026-03-02T08:00:00Z","properties":[],"context":[]}`,
			`{"type":"identify","userId":"u_42","timestamp":null,"originalTimestamp":"","sentAt":"2026-03-02T08:01:00Z","traits":[],"context":{"traits":[]}}`,
		))
	}
}
