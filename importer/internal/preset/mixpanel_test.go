package preset_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// mixpanelEvents are the rows of mixpanel/events.ndjson, each with the columns that are not NULL.
var mixpanelEvents = []row{
	{
		"$lib": "web", "$referer": "https://search.example.org/", "$url": "https://www.example.com/pricing", "$utm_source": "news",
		"$viewport": "1440x900", "_row": "1", "device_id": "dev_3", "distinct_id": "$device:dev_3", "endpoint": "track",
		"event":      "$pageview",
		"properties": `{"$insert_id":"i-1","$os":"Linux","$browser":"Firefox","$screen_width":1440,"$screen_height":900,"$lib_version":"2.55.0","$city":"Vienna","mp_country_code":"AT","n":12345678901234567890123,"nothing":null}`,
		"timestamp":  "2026-03-02 08:00:00+00",
	},
	{
		"_row": "2", "anonymous_id": "$device:dev_3", "device_id": "dev_3", "distinct_id": "u_42", "endpoint": "identify",
		"timestamp": "2026-03-02 08:05:00.5+00",
	},
	{
		"_row": "2", "anonymous_id": "$device:dev_3", "device_id": "dev_3", "distinct_id": "u_42", "endpoint": "track",
		"event": "signed_up", "properties": `{"$insert_id":"i-2","plan":"free"}`, "timestamp": "2026-03-02 08:05:00.5+00",
	},
	{
		"_row": "3", "anonymous_id": "$device:dev_3", "device_id": "dev_3", "distinct_id": "u_42", "endpoint": "track",
		"event": "checkout_completed", "properties": `{"$insert_id":"i-3","amount":19.99}`,
		"timestamp": "2026-03-02 08:06:00.123+00",
	},
	{
		"_row": "4", "device_id": "dev_9", "distinct_id": "u_43", "endpoint": "track", "event": "shared_device",
		"properties": `{"$insert_id":"i-4"}`, "timestamp": "2026-03-02 08:06:40+00",
	},
	{
		"_row": "5", "device_id": "dev_9", "distinct_id": "u_44", "endpoint": "track", "event": "shared_device",
		"properties": `{"$insert_id":"i-5"}`, "timestamp": "2026-03-02 08:06:41+00",
	},
	{
		"_row": "6", "anonymous_id": "0f8fad5b-d9cb-469f-a165-70867728950e", "distinct_id": "u_45", "endpoint": "identify",
		"timestamp": "2026-03-02 08:06:42+00",
	},
	{"_row": "7", "distinct_id": "anon_7", "endpoint": "alias", "new_user_id": "u_46", "timestamp": "2026-03-02 08:06:43+00"},
	{"_row": "8", "distinct_id": "crm_9", "endpoint": "alias", "new_user_id": "u_47", "timestamp": "2026-03-02 08:06:44+00"},
	{"_row": "9", "distinct_id": "crm_10", "endpoint": "alias", "new_user_id": "u_48", "timestamp": "2026-03-02 08:06:45+00"},
	{"_row": "10", "endpoint": "track", "event": "no_properties"},
	{
		"_row": "11", "distinct_id": "u_42", "endpoint": "track", "event": "as_text", "properties": `{"a":1}`,
		"timestamp": "2026-03-02 08:06:46+00",
	},
	{
		"_row": "12", "distinct_id": "u_42", "endpoint": "track", "event": "odd_time", "properties": "{}",
		"timestamp": "yesterday",
	},
	{"_row": "13", "distinct_id": "u_42", "endpoint": "track", "event": "huge_time", "properties": "{}", "timestamp": "1e+300"},
	{"_reason": "not a JSON object", "_row": "14"},
}

func TestMixpanelEvents(t *testing.T) {
	requireLines(t, "mixpanel", "mixpanel/events.ndjson", mixpanelEvents)
}

// mixpanelProfiles are the rows of mixpanel/profiles.ndjson, each with the columns that are not NULL.
var mixpanelProfiles = []row{
	{
		"_row": "1", "distinct_id": "u_42", "email": "ada@example.com", "endpoint": "identify", "name": "Ada",
		"timestamp": "2026-03-02T08:06:00",
		"traits":    `{"$last_seen":"2026-03-02T08:06:00","$city":"Vienna","plan":"pro","seats":3}`,
	},
	{"_row": "2", "distinct_id": "u_43", "endpoint": "identify", "traits": `{"plan":"free"}`},
	{"_row": "3", "distinct_id": "4", "endpoint": "identify"},
}

func TestMixpanelProfiles(t *testing.T) {
	requireLines(t, "mixpanel", "mixpanel/profiles.ndjson", mixpanelProfiles)
}

// With the older way of merging Mixpanel's id of a person is that of the first device,
// also on the events of the user.
func TestMixpanelLinksTheIDsOfAPerson(t *testing.T) {
	const chosen, sent = "0F8FAD5B-D9CB-469F-A165-70867728950E", "u_42"
	for name, tt := range map[string]struct {
		lines []string
		want  []string
	}{
		"the user's events have both ids": {
			[]string{
				`{"event":"a","properties":{"time":1772438400,"distinct_id":"` + chosen + `","$device_id":"dev_3"}}`,
				`{"event":"b","properties":{"time":1772438402,"distinct_id":"` + chosen + `","$device_id":"dev_3","$user_id":"` + sent + `"}}`,
				`{"event":"c","properties":{"time":1772438401,"distinct_id":"` + chosen + `","$device_id":"dev_3","$user_id":"` + sent + `"}}`,
			},
			[]string{"1 track " + chosen + " ", "2 track u_42 " + chosen, "3 identify u_42 " + chosen, "3 track u_42 " + chosen},
		},
		"a server sent the user's id": {
			[]string{`{"event":"a","properties":{"time":1772438400,"distinct_id":"` + chosen + `","$distinct_id_before_identity":"u_42"}}`},
			[]string{"1 identify u_42 " + chosen, "1 track u_42 " + chosen},
		},
		"the id of a browser": {
			[]string{`{"event":"a","properties":{"time":1772438400,"distinct_id":"18a1c2d3e4f5a6-0b1c2d3e4f5a6b-1f525634-1fa400-18a1c2d3e50","$distinct_id_before_identity":"u_42"}}`},
			[]string{
				"1 identify u_42 18a1c2d3e4f5a6-0b1c2d3e4f5a6b-1f525634-1fa400-18a1c2d3e50",
				"1 track u_42 18a1c2d3e4f5a6-0b1c2d3e4f5a6b-1f525634-1fa400-18a1c2d3e50",
			},
		},
		"the chosen id is the user's": {
			[]string{`{"event":"a","properties":{"time":1772438400,"distinct_id":"u_42","$distinct_id_before_identity":"$device:dev_3"}}`},
			[]string{"1 track u_42 "},
		},
		"an alias with the id that came with it": {
			[]string{`{"event":"$create_alias","properties":{"time":1772438400,"distinct_id":"u_42","$distinct_id_before_identity":"anon_7","alias":"u_42"}}`},
			[]string{"1 alias anon_7 "},
		},
		"two users have it": {
			[]string{
				`{"event":"a","properties":{"time":1772438400,"distinct_id":"` + chosen + `","$user_id":"u_42"}}`,
				`{"event":"b","properties":{"time":1772438401,"distinct_id":"` + chosen + `","$user_id":"u_43"}}`,
			},
			[]string{"1 track u_42 ", "2 track u_43 "},
		},
		"no time": {
			[]string{`{"event":"a","properties":{"distinct_id":"u_42","$user_id":"u_42","$device_id":"dev_3"}}`},
			[]string{"1 track u_42 $device:dev_3"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, r := range mappedLines(t, "mixpanel", tt.lines...) {
				got = append(got, r["_row"]+" "+r["endpoint"]+" "+r["distinct_id"]+" "+r["anonymous_id"])
				require.NotContains(t, r["properties"], "$distinct_id_before_identity")
			}
			require.Equal(t, tt.want, got)
		})
	}
}

func TestMixpanelSaysWhatIsNoEvent(t *testing.T) {
	requireReasons(t, "mixpanel", map[string]string{
		`{"page":0,"page_size":1000,"results":[{"$distinct_id":"u_42","$properties":{}}]}`:                 "a page of the query API: save the members of its results as lines, and import these",
		`{"event_name":"signed_up","distinct_id":"u_42","time":"2026-03-02 08:00:00 UTC","properties":{}}`: "a row of a data pipeline: presets.md says how to make an event of it",
		`{"type":"track","userId":"u_42"}`: "neither an event nor a profile: it has no event and no $distinct_id",
	})
}
