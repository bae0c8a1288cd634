package preset_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The same export as columns gives the same rows. Each select makes columns of
// the lines as the tool's Parquet or CSV files have them.
func TestColumnsAreTakenLikeLines(t *testing.T) {
	field := func(name string) string { return fmt.Sprintf(`_json ->> '$."%s"' AS "%s"`, name, name) }
	list := func(names ...string) (s string) {
		for i, n := range names {
			if i > 0 {
				s += ", "
			}
			s += field(n)
		}
		return s
	}
	for name, tt := range map[string]struct {
		preset, fixture string
		columns         string
		want            []row
	}{
		"segment": {
			"segment", "segment/calls.ndjson",
			list("type", "event", "name", "category", "userId", "anonymousId", "previousId", "timestamp", "originalTimestamp", "properties", "traits", "context"),
			segmentCalls,
		},
		"rudderstack": {
			"rudderstack", "rudderstack/calls.ndjson",
			list("type", "event", "name", "userId", "anonymousId", "previousId", "timestamp", "originalTimestamp", "request_ip", "properties", "traits", "context"),
			rudderstackCalls,
		},
		"posthog's events": {
			"posthog", "posthog/events.ndjson",
			list("uuid", "event", "distinct_id", "person_id", "properties", "person_properties", "elements_chain") +
				`, (_json ->> '$.timestamp')::TIMESTAMPTZ::TIMESTAMP AS "timestamp"`,
			posthogEvents,
		},
		"posthog's persons": {
			"posthog", "posthog/persons.ndjson",
			list("distinct_id", "person_id", "properties", "created_at", "_inserted_at") + `, (_json ->> '$.is_deleted')::BOOLEAN AS is_deleted`,
			posthogPersons,
		},
		"mixpanel's events":   {"mixpanel", "mixpanel/events.ndjson", list("event", "properties"), mixpanelEvents},
		"mixpanel's profiles": {"mixpanel", "mixpanel/profiles.ndjson", list("$distinct_id", "$properties"), mixpanelProfiles},
		"amplitude": {
			"amplitude", "amplitude/events.json.gz",
			list("$insert_id", "event_type", "user_id", "device_id", "event_time", "client_event_time", "event_properties", "user_properties",
				"ip_address", "os_name", "os_version", "device_type", "platform", "language", "country", "region", "city", "library", "session_id"),
			amplitudeEvents,
		},
	} {
		for _, format := range []string{"parquet", "csv"} {
			t.Run(name+" as "+format, func(t *testing.T) {
				db := open(t)
				lines(t, db, tt.fixture)
				file := filepath.ToSlash(filepath.Join(t.TempDir(), "export."+format))
				run(t, db, fmt.Sprintf(`COPY (SELECT _row, %s FROM source WHERE regexp_matches(_json, '^\{.*\}$')) TO '%s' (FORMAT %s)`, tt.columns, file, format))
				read := "read_parquet('" + file + "')"
				if format == "csv" {
					read = "read_csv('" + file + "', all_varchar = true, header = true, quote = '\"', escape = '\"')"
				}
				run(t, db, "CREATE OR REPLACE TABLE source AS SELECT _row::BIGINT AS _row, * EXCLUDE (_row) FROM "+read)
				requireSame(t, tt.want, mapped(t, db, tt.preset, false))
			})
		}
	}
}

// requireSame compares what lines gave with what columns gave: the lines that
// are torn have no columns, and a text of JSON has lost its white space.
func requireSame(t *testing.T, want, got []row) {
	t.Helper()
	var whole []row
	for _, r := range want {
		if r["_reason"] != "not a JSON object" {
			whole = append(whole, r)
		}
	}
	require.Len(t, got, len(whole))
	for i, w := range whole {
		for _, name := range []string{"properties", "traits"} {
			if w[name] != "" {
				require.JSONEq(t, w[name], got[i][name])
			}
		}
		for name, v := range w {
			switch name {
			case "properties", "traits":
			case "timestamp":
				require.Equal(t, instant(v), instant(got[i][name]))
			default:
				require.Equal(t, v, got[i][name], "%s of %v", name, w)
			}
		}
		require.Equal(t, w["_reason"] != "", got[i]["_raw"] != "")
		delete(got[i], "_raw")
		require.Len(t, got[i], len(w), "%v", got[i])
	}
}

// instant is a time without the differences between its forms; text that is no
// time stays.
func instant(text string) string {
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05Z07", "2006-01-02 15:04:05", "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC().Format(time.RFC3339Nano)
		}
	}
	return text
}

func TestNestedColumns(t *testing.T) {
	db := open(t)
	run(t, db, `CREATE TABLE source AS SELECT 1::BIGINT AS _row, 'track' AS type, 'u_42' AS "userId", 'signed_up' AS event,
		TIMESTAMP '2026-03-02 08:00:00' AS timestamp, {'plan': 'pro', 'seats': 3} AS properties,
		{'ip': '203.0.113.7', 'page': {'url': 'https://www.example.com/'}} AS context`)
	require.Equal(t, []row{{
		"_row": "1", "endpoint": "track", "event": "signed_up", "distinct_id": "u_42", "timestamp": "2026-03-02 08:00:00",
		"properties": `{"plan":"pro","seats":3}`, "$ip": "203.0.113.7", "$url": "https://www.example.com/",
	}}, mapped(t, db, "segment", false))
}

// Snowflake writes names in upper case.
func TestColumnsInAnyCase(t *testing.T) {
	db := open(t)
	run(t, db, `CREATE TABLE source AS SELECT 1::BIGINT AS _row, 'report_opened' AS "EVENT_TYPE", 'u_42' AS "USER_ID",
		'2026-03-02 08:00:00' AS "EVENT_TIME", '{"a":1}' AS "EVENT_PROPERTIES"`)
	require.Equal(t, []row{{
		"_row": "1", "endpoint": "track", "event": "report_opened", "distinct_id": "u_42", "timestamp": "2026-03-02 08:00:00",
		"properties": `{"a":1}`,
	}}, mapped(t, db, "amplitude", false))
}

// Rows of several files are told apart, and what was said of a person counts
// across them.
func TestFiles(t *testing.T) {
	db := open(t)
	run(t, db, `CREATE TABLE source AS
		SELECT 'a.json' AS _file, 1::BIGINT AS _row, '{"event_type":"a","user_id":"u_42","event_time":"2026-03-02 08:00:00","user_properties":{"plan":"pro"}}' AS _json
		UNION ALL SELECT 'b.json', 1, '{"event_type":"b","user_id":"u_42","event_time":"2026-03-02 09:00:00","user_properties":{"plan":"pro"}}'`)
	var got []string
	for _, r := range mapped(t, db, "amplitude", true) {
		got = append(got, r["_file"]+" "+r["_row"]+" "+r["endpoint"])
	}
	require.Equal(t, []string{"a.json 1 identify", "a.json 1 track", "b.json 1 track"}, got)

	run(t, db, `CREATE OR REPLACE TABLE source AS
		SELECT 'a.json' AS _file, 1::BIGINT AS _row, '{"event":"a","distinct_id":"u_42","timestamp":"2026-03-02T08:00:00Z","properties":{"$set":{"plan":"pro"}}}' AS _json
		UNION ALL SELECT 'b.json', 1, '{"event":"b","distinct_id":"u_42","timestamp":"2026-03-02T09:00:00Z","properties":{"$set":{"plan":"pro"},"$set_once":{"source":"ads"}}}'`)
	got = nil
	for _, r := range mapped(t, db, "posthog", true) {
		got = append(got, r["_file"]+" "+r["endpoint"]+r["traits"])
	}
	require.Equal(t, []string{`a.json identify{"plan":"pro"}`, "a.json track", `b.json identify{"source":"ads"}`, "b.json track"}, got)
}

// What is new about a person follows the time, not the order of the lines.
func TestNewsFollowTheTime(t *testing.T) {
	for name, line := range map[string]string{
		"amplitude": `{"event_type":"e","user_id":"u_42","event_time":"2026-03-02 %s","user_properties":{"plan":"%s"}}`,
		"posthog":   `{"event":"e","distinct_id":"u_42","timestamp":"2026-03-02T%sZ","properties":{"$set":{"plan":"%s"}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			db := open(t)
			run(t, db, "CREATE TABLE source (_row BIGINT, _json VARCHAR)")
			for i, l := range []string{
				fmt.Sprintf(line, "09:00:00.5", "free"),
				fmt.Sprintf(line, "08:00:00", "free"),
				fmt.Sprintf(line, "09:00:00", "pro"),
				fmt.Sprintf(line, "09:00:01", "free"),
			} {
				_, err := db.Exec("INSERT INTO source VALUES (?, ?)", i+1, l)
				require.NoError(t, err)
			}
			var got []string
			for _, r := range mapped(t, db, name, true) {
				if r["endpoint"] == "identify" {
					got = append(got, r["_row"]+r["traits"])
				}
			}
			require.Equal(t, []string{`1{"plan":"free"}`, `2{"plan":"free"}`, `3{"plan":"pro"}`}, got)
		})
	}
}
