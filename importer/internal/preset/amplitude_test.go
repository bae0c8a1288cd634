package preset_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

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

// A device is linked also where its user's properties say nothing new.
func TestAmplitudeLinksEachDevice(t *testing.T) {
	var got []string
	for _, r := range mappedLines(t, "amplitude",
		`{"event_type":"a","user_id":"u_42","device_id":"dev_3","event_time":"2026-03-02 08:00:00","user_properties":{"plan":"pro"}}`,
		`{"event_type":"b","user_id":"u_42","device_id":"dev_4","event_time":"2026-03-02 08:02:00","user_properties":{"plan":"pro"}}`,
		`{"event_type":"c","user_id":"u_42","device_id":"dev_4","event_time":"2026-03-02 08:01:00","user_properties":{}}`,
		`{"event_type":"d","user_id":"u_43","device_id":"dev_5","event_time":"2026-03-02 08:03:00"}`,
		`{"event_type":"$identify","user_id":"u_44","device_id":"dev_6","event_time":"2026-03-02 08:04:00","user_properties":{"plan":"free"}}`,
	) {
		if r["endpoint"] == "identify" {
			got = append(got, r["_row"]+" "+r["distinct_id"]+" "+r["anonymous_id"]+" "+r["traits"])
		}
	}
	require.Equal(t, []string{`1 u_42 dev_3 {"plan":"pro"}`, "3 u_42 dev_4 ", "4 u_43 dev_5 ", `5 u_44 dev_6 {"plan":"free"}`}, got)
}

func TestAmplitudeSaysWhatIsNoEvent(t *testing.T) {
	requireReasons(t, "amplitude", map[string]string{
		`{"scope":1,"merge_time":1772438400583,"amplitude_id":2,"merged_amplitude_id":3}`: "two amplitude_ids that Amplitude merged: the platform knows people by user_id, so leave it out",
		`{"type":"track","userId":"u_42"}`:                                                "no event of Amplitude: it has no event_type",
	})
}

// Operations on user_properties are no traits, except what they set.
func TestAmplitudeOperations(t *testing.T) {
	for properties, want := range map[string]string{
		`{"$set":{"plan":"pro"},"$setOnce":{"source":"ads","plan":"free"}}`: `{"source":"ads","plan":"pro"}`,
		`{"$add":{"logins":1},"$set":{"plan":"pro"}}`:                       `{"plan":"pro"}`,
		`{"$unset":{"plan":"-"}}`:                                           "",
		`{"plan":"pro","$set_by":"hand"}`:                                   `{"plan":"pro","$set_by":"hand"}`,
	} {
		got := mappedLines(t, "amplitude", `{"event_type":"$identify","user_id":"u_42","event_time":"2026-03-02 08:00:00","user_properties":`+properties+`}`)
		require.Len(t, got, 1)
		require.Equal(t, want, got[0]["traits"], properties)
	}
}

// BigQuery and Snowflake have no $ in the name.
func TestAmplitudeInsertIDOfAWarehouse(t *testing.T) {
	db := open(t)
	run(t, db, `CREATE TABLE source AS SELECT 1::BIGINT AS _row, 'e' AS event_type, 'u_42' AS user_id, TIMESTAMP '2026-03-02 08:00:00' AS event_time, 'i-1' AS insert_id`)
	got := mapped(t, db, "amplitude", false)
	require.Len(t, got, 1)
	require.Equal(t, "i-1", got[0]["$insert_id"])
}
