package preset_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/importer/internal/preset"
)

func TestWarehouse(t *testing.T) {
	for name, tt := range map[string]struct {
		table string
		want  row
	}{
		"an event's table": {
			`SELECT 'm-1' AS id, 'u_42' AS user_id, 'anon_7' AS anonymous_id, 'checkout_completed' AS event, 'Checkout Completed' AS event_text,
				TIMESTAMP '2026-03-02 08:00:00' AS timestamp, now() AS received_at, '203.0.113.7' AS context_ip, 'https://www.example.com/' AS context_page_url,
				'spring' AS context_campaign_name, 'en-GB' AS context_locale, 'dev_3' AS context_device_id, 1440 AS context_screen_width,
				900 AS context_screen_height, 19.99::DECIMAL(18, 2) AS amount, NULL::VARCHAR AS coupon`,
			row{"endpoint": "track", "event": "Checkout Completed", "distinct_id": "u_42", "anonymous_id": "anon_7", "device_id": "dev_3",
				"timestamp": "2026-03-02 08:00:00", "$ip": "203.0.113.7", "$url": "https://www.example.com/", "$utm_campaign": "spring",
				"$viewport": "1440x900", "amount": "19.99"},
		},
		"pages": {
			`SELECT 'm-1' AS id, NULL::VARCHAR AS user_id, 'anon_7' AS anonymous_id, 'Pricing' AS name, '/pricing' AS path,
				'https://www.example.com/pricing' AS url, TIMESTAMP '2026-03-02 08:00:00' AS timestamp, 'Mozilla/5.0' AS context_user_agent`,
			row{"endpoint": "track", "event": "$pageview", "distinct_id": "anon_7", "timestamp": "2026-03-02 08:00:00", "$page_name": "Pricing",
				"$user_agent": "Mozilla/5.0", "path": "/pricing", "url": "https://www.example.com/pricing"},
		},
		"identifies": {
			`SELECT 'm-1' AS "ID", 'u_42' AS "USER_ID", '' AS "ANONYMOUS_ID", 'ada@example.com' AS email, TIMESTAMP '2026-03-02 08:00:00' AS "SENT_AT"`,
			row{"endpoint": "identify", "distinct_id": "u_42", "email": "ada@example.com", "timestamp": "2026-03-02 08:00:00"},
		},
		"users": {
			`SELECT 'u_42' AS id, 'ada@example.com' AS email, TIMESTAMP '2026-03-02 08:00:00' AS received_at`,
			row{"endpoint": "identify", "distinct_id": "u_42", "email": "ada@example.com", "timestamp": "2026-03-02 08:00:00"},
		},
		"aliases": {
			`SELECT 'm-1' AS id, 42 AS user_id, 'crm_9' AS previous_id, TIMESTAMP '2026-03-02 08:00:00' AS timestamp`,
			row{"endpoint": "alias", "distinct_id": "crm_9", "new_user_id": "42", "timestamp": "2026-03-02 08:00:00"},
		},
		"groups": {
			`SELECT 'm-1' AS id, 'u_42' AS user_id, 'g_1' AS group_id, 'Example Ltd' AS name, TIMESTAMP '2026-03-02 08:00:00' AS received_at`,
			row{"timestamp": "2026-03-02 08:00:00", "_reason": "a group call: the platform has no endpoint for groups",
				"_raw": `{"_row":1,"id":"m-1","user_id":"u_42","group_id":"g_1","name":"Example Ltd","received_at":"2026-03-02 08:00:00"}`},
		},
	} {
		for _, tool := range []string{"segment", "rudderstack"} {
			t.Run(name+" of "+tool, func(t *testing.T) {
				db := open(t)
				run(t, db, "CREATE TABLE source AS SELECT 1::BIGINT AS _row, * FROM ("+tt.table+")")
				got := mapped(t, db, tool, false)
				require.Len(t, got, 1)
				delete(got[0], "_row")
				require.Equal(t, tt.want, got[0])
			})
		}
	}
}

// A price must not become a float on its way.
func TestWarehouseKeepsTypes(t *testing.T) {
	db := open(t)
	run(t, db, "CREATE TABLE source AS SELECT 1::BIGINT AS _row, 'm-1' AS id, 'u_42' AS user_id, now() AS received_at, 'e' AS event, 19.90::DECIMAL(18, 2) AS amount")
	q, err := preset.SQL("segment", preset.Source{Columns: columns(t, db, "source")})
	require.NoError(t, err)
	require.Equal(t, []row{{"t": "DECIMAL(18,2)"}}, result(t, db, "SELECT typeof(amount) AS t FROM (\n"+q+"\n)"))
}

// Screens have the columns of identifies: the name of their table tells.
func TestWarehouseScreens(t *testing.T) {
	for name, want := range map[string]string{
		"screens": "track", "analytics.SCREENS": "track", "screens-000.parquet": "track", "prod_screens.csv": "track",
		"": "identify", "identifies.csv": "identify", "screensavers.csv": "identify",
	} {
		t.Run(name, func(t *testing.T) {
			db := open(t)
			run(t, db, `CREATE TABLE source AS SELECT 1::BIGINT AS _row, 'm-1' AS id, 'u_42' AS user_id, 'Home' AS name, TIMESTAMP '2026-03-02 08:00:00' AS received_at`)
			q, err := preset.SQL("segment", preset.Source{Names: []string{name}, Columns: columns(t, db, "source")})
			require.NoError(t, err)
			got := result(t, db, q)
			require.Len(t, got, 1)
			require.Equal(t, want, got[0]["endpoint"])
			if want == "track" {
				require.Equal(t, "$screen", got[0]["event"])
				require.Equal(t, "Home", got[0]["$screen_name"])
				require.NotContains(t, got[0], "name")
			}
		})
	}
}

// The table users of RudderStack has the last anonymous id beside its key.
func TestWarehouseUsersOfRudderStack(t *testing.T) {
	db := open(t)
	run(t, db, `CREATE TABLE source AS SELECT 1::BIGINT AS _row, 'u_42' AS id, 'anon_7' AS anonymous_id, 'pro' AS plan, TIMESTAMP '2026-03-02 08:00:00' AS received_at`)
	require.Equal(t, []row{{"_row": "1", "endpoint": "identify", "distinct_id": "u_42", "anonymous_id": "anon_7", "plan": "pro", "timestamp": "2026-03-02 08:00:00"}},
		mapped(t, db, "rudderstack", false))
}

// What is given to one run has the columns of all tables.
func TestWarehouseTablesAreNotMixed(t *testing.T) {
	for columns, want := range map[string]string{
		"NULL AS event, 'pro' AS plan": "no event: a row of another table? Import one table at a time",
		"NULL AS url, NULL AS path":    "no url and no path: a row of another table? Import one table at a time",
		"'/' AS path, NULL AS url":     "",
	} {
		db := open(t)
		run(t, db, "CREATE TABLE source AS SELECT 1::BIGINT AS _row, 'm-1' AS id, 'u_42' AS user_id, TIMESTAMP '2026-03-02 08:00:00' AS received_at, "+columns)
		got := mapped(t, db, "segment", false)
		require.Len(t, got, 1)
		require.Equal(t, want, got[0]["_reason"])
		require.Equal(t, want != "", got[0]["_raw"] != "")
	}
	_, err := preset.SQL("segment", preset.Source{Names: []string{"screens.csv", "users.csv"}, Columns: []string{"id", "user_id", "received_at"}})
	require.EqualError(t, err, "users.csv is not of the table screens, whose rows look like those of other tables: import one table at a time")
}
