package preset_test

import "testing"

// amplitudeEvents are the rows of amplitude/events.json.gz, each with the columns that are not NULL.
var amplitudeEvents = []row{
	{
		"$browser": "Firefox", "$browser_version": "128", "$device": "Linux", "$insert_id": "i-1", "$ip": "203.0.113.7",
		"$lib": "amplitude-ts", "$lib_version": "2.1.3", "$referer": "https://search.example.org/",
		"$url": "https://www.example.com/pricing?a=1", "_row": "1", "city": "Vienna", "country": "Austria", "device_id": "dev_3",
		"distinct_id": "dev_3", "endpoint": "track", "event": "$pageview", "language": "English", "platform": "Web",
		"properties": `{"[Amplitude] Page Location":"https://www.example.com/pricing?a=1","[Amplitude] Page URL":"https://www.example.com/pricing","referrer":"https://search.example.org/","n":12345678901234567890123,"nothing":null}`,
		"region":     "Vienna", "session_id": "1772438400000", "timestamp": "2026-03-02 08:00:00.120000",
	},
	{
		"_row": "2", "anonymous_id": "dev_3", "device_id": "dev_3", "distinct_id": "u_42", "endpoint": "identify",
		"timestamp": "2026-03-02 08:05:00.000000", "traits": `{"plan":"free","email":"ada@example.com"}`,
	},
	{
		"$insert_id": "i-2", "_row": "2", "anonymous_id": "dev_3", "device_id": "dev_3", "distinct_id": "u_42",
		"endpoint": "track", "event": "signed_up", "properties": `{"plan":"free"}`, "timestamp": "2026-03-02 08:05:00.000000",
	},
	{
		"$insert_id": "i-3", "_row": "3", "anonymous_id": "dev_3", "device_id": "dev_3", "distinct_id": "u_42",
		"endpoint": "track", "event": "checkout_completed", "properties": `{"amount":19.99}`,
		"timestamp": "2026-03-02 08:06:00.000000",
	},
	{
		"_row": "4", "anonymous_id": "dev_3", "device_id": "dev_3", "distinct_id": "u_42", "endpoint": "identify",
		"timestamp": "2026-03-02 08:07:00.000000", "traits": `{"source":"ads","plan":"pro"}`,
	},
	{
		"_row": "5", "anonymous_id": "dev_3", "device_id": "dev_3", "distinct_id": "u_42", "endpoint": "identify",
		"timestamp": "2026-03-02 08:08:00.000000", "traits": `{"plan":"pro","email":"ada@example.com"}`,
	},
	{
		"$insert_id": "i-5", "_row": "5", "anonymous_id": "dev_3", "device_id": "dev_3", "distinct_id": "u_42",
		"endpoint": "track", "event": "report_opened", "properties": "{}", "timestamp": "2026-03-02 08:08:00.000000",
	},
	{
		"_reason": "a $groupidentify event: the platform has no endpoint for groups", "_row": "6", "anonymous_id": "dev_3",
		"device_id": "dev_3", "distinct_id": "u_42", "timestamp": "2026-03-02 08:09:00.000000",
	},
	{
		"$insert_id": "i-7", "_row": "7", "device_id": "dev_9", "distinct_id": "u_43", "endpoint": "track",
		"event": "shared_device", "timestamp": "2026-03-02 08:10:00.000000",
	},
	{
		"_row": "8", "device_id": "dev_9", "distinct_id": "u_44", "endpoint": "identify",
		"timestamp": "2026-03-02 08:11:00.000000", "traits": `{"plan": "team"}`,
	},
	{
		"$insert_id": "i-8", "_row": "8", "device_id": "dev_9", "distinct_id": "u_44", "endpoint": "track",
		"event": "shared_device", "properties": `{"a": 1}`, "timestamp": "2026-03-02 08:11:00.000000",
	},
	{
		"$insert_id": "i-9", "_row": "9", "endpoint": "track", "event": "no_ids", "properties": "{}",
		"timestamp": "2026-03-02 08:12:00.000000",
	},
	{"_reason": "not a JSON object", "_row": "10"},
}

func TestAmplitudeEvents(t *testing.T) {
	requireLines(t, "amplitude", "amplitude/events.json.gz", amplitudeEvents)
}
