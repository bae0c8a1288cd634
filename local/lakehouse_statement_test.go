package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A statement that is written by DuckDB, and stands in another, means the same.
func TestCanonical(t *testing.T) {
	r := startLocal(t, config{})
	r.post("/track", `{"environment":"production","event":"e","distinct_id":"u","properties":{"n":1, "it's": "x"},"timestamp":"2026-01-02T12:00:00Z"}`)
	for _, sql := range []string{
		`SELECT 1 AS a, 'x' AS "b c"`,
		`VALUES (1), (2)`,
		`FROM range(20) ORDER BY 1 DESC -- and a comment`,
		`/* first */ SELECT 'it''s; here' ; -- last;`,
		`SELECT $$it's; a$$;;`,
		`SELECT E'\'x;'`,
		`SELECT event FROM analytics.events`,
		`SELECT date_trunc('month', timestamp) FROM events`,
		`SELECT time_bucket(INTERVAL '1 day', timestamp), count(*) FROM events GROUP BY ALL`,
		`SELECT (properties->>'n')::INTEGER + 1, properties->>'$."it''s"' FROM events`,
		`SELECT key FROM events, json_each(properties)`,
		`WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT * FROM t ORDER BY n`,
		`SELECT list_transform([1, 2], x -> x + 1), {'a': 1}, MAP {'k': 1}`,
		`SELECT * EXCLUDE (event) FROM events`,
		`SELECT range, row_number() OVER (ORDER BY range DESC) FROM range(5) QUALIFY range > 1 ORDER BY 1 LIMIT 2 OFFSET 1`,
		`SELECT DISTINCT ON (range % 2) range FROM range(9) ORDER BY range`,
		`SELECT CASE WHEN 1.5::DECIMAL(9,2) > 1 THEN 'a' END, TIMESTAMPTZ '2026-01-02 12:00:00+02', DATE '2026-01-02'`,
		`SHOW TABLES`, `DESCRIBE events`, `SUMMARIZE events`,
		`PIVOT events ON event IN ('e') USING count(*) GROUP BY environment`,
		identitiesQuery, eventsQuery,
	} {
		written := canonical(t.Context(), r.database, sql)
		if !assert.NotEmpty(t, written, sql) {
			continue
		}
		status, answer := r.ask("SELECT * FROM (" + written + ")")
		require.Equal(t, 200, status, answer)
		assert.JSONEq(t, r.rows(sql), r.rows("SELECT * FROM ("+written+")"), sql+"\n"+written)
	}
}
