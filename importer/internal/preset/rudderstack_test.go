package preset_test

import "testing"

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
