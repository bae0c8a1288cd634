package preset_test

import "testing"

// posthogEvents are the rows of posthog/events.ndjson, each with the columns that are not NULL.
var posthogEvents = []row{
	{
		"_row": "1", "device_id": "dev_3", "distinct_id": "anon_7", "endpoint": "identify",
		"timestamp": "2026-03-02T08:00:00.120000+00:00", "traits": `{"$initial_os":"Linux"}`,
	},
	{
		"$device": "Desktop", "$referer": "$direct", "$url": "https://www.example.com/pricing",
		"$user_agent": "Mozilla/5.0 (X11; Linux x86_64)", "$utm_campaign": "spring", "$utm_source": "news",
		"$viewport": "1440x800", "_row": "1", "device_id": "dev_3", "distinct_id": "anon_7", "endpoint": "track",
		"event":      "$pageview",
		"properties": `{"$os":"Linux","$browser":"Firefox","$device_type":"Desktop","$viewport_width":1440,"$viewport_height":800,"$lib":"web","$lib_version":"1.200.0","$ip":"203.0.113.7","n":12345678901234567890123,"nothing":null}`,
		"timestamp":  "2026-03-02T08:00:00.120000+00:00",
	},
	{
		"_row": "2", "anonymous_id": "anon_7", "device_id": "dev_3", "distinct_id": "u_42", "endpoint": "identify",
		"timestamp": "2026-03-02T08:05:00.000000+00:00",
		"traits":    `{"first_seen":"2026-03-02","email":"ada@example.com","plan":"free"}`,
	},
	{
		"_row": "3", "distinct_id": "u_42", "endpoint": "identify", "timestamp": "2026-03-02T08:06:00.000000+00:00",
		"traits": `{"source":"ads","plan":"pro"}`,
	},
	{
		"_row": "3", "distinct_id": "u_42", "endpoint": "track", "event": "checkout_completed", "properties": `{"amount":19.99}`,
		"timestamp": "2026-03-02T08:06:00.000000+00:00",
	},
	{
		"_row": "4", "distinct_id": "u_42", "endpoint": "track", "event": "checkout_completed", "properties": `{"amount":5}`,
		"timestamp": "2026-03-02T08:07:00.000000+00:00",
	},
	{
		"_row": "5", "distinct_id": "crm_9", "endpoint": "alias", "new_user_id": "u_42",
		"timestamp": "2026-03-02T08:08:00.000000+00:00",
	},
	{
		"_reason": "a $groupidentify event: the platform has no endpoint for groups", "_row": "6", "distinct_id": "u_42",
		"timestamp": "2026-03-02T08:09:00.000000+00:00",
	},
	{
		"_row": "7", "distinct_id": "u_42", "endpoint": "track", "event": "$feature_flag_called",
		"properties": `{"$feature_flag":"new_checkout","$feature_flag_response":true}`,
		"timestamp":  "2026-03-02T08:10:00.000000+00:00",
	},
	{
		"_row": "8", "distinct_id": "u_42", "endpoint": "identify", "timestamp": "2026-03-02T08:11:00.000000+00:00",
		"traits": `{"plan":"team"}`,
	},
	{
		"_row": "9", "distinct_id": "u_50", "endpoint": "identify", "timestamp": "2026-03-02T08:12:00.000000+00:00",
		"traits": `{"seats":3,"plan":"pro"}`,
	},
	{
		"_row": "9", "distinct_id": "u_50", "endpoint": "track", "event": "report_opened", "properties": "{}",
		"timestamp": "2026-03-02T08:12:00.000000+00:00",
	},
	{
		"_row": "10", "distinct_id": "u_50", "endpoint": "track", "event": "report_opened", "properties": "{}",
		"timestamp": "2026-03-02T08:13:00.000000+00:00",
	},
	{
		"_row": "11", "distinct_id": "u_51", "endpoint": "alias", "new_user_id": "u_50",
		"timestamp": "2026-03-02T08:14:00.000000+00:00",
	},
	{
		"_row": "12", "distinct_id": "u_52", "endpoint": "track", "event": "no_properties",
		"timestamp": "2026-03-02T08:15:00.000000+00:00",
	},
	{
		"$url": "https://www.example.com/", "_row": "13", "distinct_id": "u_52", "endpoint": "track", "event": "as_text",
		"properties": `{"a":1}`, "timestamp": "2026-03-02T08:16:00.000000+00:00",
	},
	{
		"_row": "14", "endpoint": "track", "event": "no_person", "properties": "{}",
		"timestamp": "2026-03-02T08:17:00.000000+00:00",
	},
	{"_reason": "not a JSON object", "_row": "15"},
}

func TestPostHogEvents(t *testing.T) {
	requireLines(t, "posthog", "posthog/events.ndjson", posthogEvents)
}

// posthogPersons are the rows of posthog/persons.ndjson, each with the columns that are not NULL.
var posthogPersons = []row{
	{
		"_row": "1", "distinct_id": "u_42", "endpoint": "identify", "timestamp": "2026-03-02T08:11:00+00:00",
		"traits": `{"email":"ada@example.com","plan":"team"}`,
	},
	{
		"_reason": "a deleted person", "_row": "2", "distinct_id": "u_60", "endpoint": "identify",
		"timestamp": "2026-03-02T09:00:00+00:00", "traits": "{}",
	},
}

func TestPostHogPersons(t *testing.T) {
	requireLines(t, "posthog", "posthog/persons.ndjson", posthogPersons)
}
