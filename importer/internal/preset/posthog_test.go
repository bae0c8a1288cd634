package preset_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

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

// A person has a row for each of its ids. Those of visitors belong to the user.
func TestPostHogPersonOfSeveralIDs(t *testing.T) {
	const visitor, other = "018e0000-0000-7000-a000-00000000000a", "17b8c4e2f1a9b0-0c0d1e2f3a4b5c-1f3a4b5c-1fa400-17b8c4e2f1b"
	person := func(id, person, more string) string {
		return `{"distinct_id":"` + id + `","person_id":"` + person + `","properties":{"plan":"pro"},"_inserted_at":"2026-03-02T08:11:00+00:00"` + more + `}`
	}
	for name, tt := range map[string]struct{ lines, want []string }{
		"a user and two visitors": {
			[]string{person(visitor, "p_1", ""), person("u_42", "p_1", ""), person(other, "p_1", "")},
			[]string{"u_42 " + visitor, "u_42 ", "u_42 " + other},
		},
		"a visitor":       {[]string{person(visitor, "p_1", ""), person("u_42", "p_2", "")}, []string{visitor + " ", "u_42 "}},
		"two users":       {[]string{person(visitor, "p_1", ""), person("u_42", "p_1", ""), person("crm_9", "p_1", "")}, []string{visitor + " ", "u_42 ", "crm_9 "}},
		"a deleted user":  {[]string{person(visitor, "p_1", ""), person("u_42", "p_1", `,"is_deleted":true`)}, []string{visitor + " ", "u_42 "}},
		"ids of visitors": {[]string{person(visitor, "p_1", ""), person(other, "p_1", "")}, []string{visitor + " ", other + " "}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, r := range mappedLines(t, "posthog", tt.lines...) {
				got = append(got, r["distinct_id"]+" "+r["anonymous_id"])
				require.Equal(t, "identify", r["endpoint"])
				require.Equal(t, `{"plan":"pro"}`, r["traits"])
			}
			require.Equal(t, tt.want, got)
		})
	}
}

// The tables that a batch export writes into Postgres, Redshift and BigQuery.
func TestPostHogTable(t *testing.T) {
	for name, elements := range map[string]string{"once": `"a:href=\"/x\""`, "twice": `"\"a:href=\\\"/x\\\"\""`} {
		t.Run(name, func(t *testing.T) {
			db := open(t)
			run(t, db, `CREATE TABLE source (_row BIGINT, uuid VARCHAR, event VARCHAR, properties VARCHAR, elements VARCHAR, "set" VARCHAR,
				distinct_id VARCHAR, team_id INT, ip VARCHAR, site_url VARCHAR, timestamp TIMESTAMPTZ)`)
			_, err := db.Exec("INSERT INTO source VALUES (1, '018e', '$autocapture', '{\"a\":1}', ?, NULL, 'u_42', 1, '203.0.113.7', '', '2026-03-02 08:00:00+00')", elements)
			require.NoError(t, err)
			require.Equal(t, []row{{
				"_row": "1", "endpoint": "track", "event": "$autocapture", "distinct_id": "u_42", "timestamp": "2026-03-02 08:00:00+00",
				"$ip": "203.0.113.7", "$elements_chain": `a:href="/x"`, "properties": `{"a":1}`,
			}}, mapped(t, db, "posthog", false))
		})
	}
}

func TestPostHogSaysWhatIsNoEvent(t *testing.T) {
	requireReasons(t, "posthog", map[string]string{`{"type":"track","userId":"u_42"}`: "neither an event nor a person: it has no event and no person_id"})
}
