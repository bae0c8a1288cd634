package duck

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestFailedSaysNoValue runs expressions that fail at a value. Each kind of message
// that DuckDB has about values is in it: with quotes of both kinds or none, with the
// value, a part of it, or its numbers.
func TestFailedSaysNoValue(t *testing.T) {
	const canary, number = "zq7x", "7799177991"
	db := opened(t)
	_, err := db.Exec(`CREATE TABLE source AS SELECT 'zq7x it''s "b"' AS c, ' zq7x(' AS p, 7799177991::BIGINT AS n, 'zq7x'::BLOB AS b, {'k': 'zq7x'} AS s,
		MAP {'zq7x': 'zq7x'} AS m, ['zq7x'] AS l, '{"zq7x": ' AS j, '7799177991-01-01' AS d, 1e300 AS f, 'Could not convert string ''a'' to zq7x' AS e,
		'CSV Error on Line: 7799177991' || chr(10) || 'x' AS line, 'x'' when casting from source column zq7x' AS tail;
		CREATE TYPE mood AS ENUM ('good', 'bad')`)
	require.NoError(t, err)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"k=zq7x/a.csv": "a,b\n1,2\n", "k=zq7y/a.csv": "c,d\nzq7x,2\n",
		"late.csv": "a,b\n" + strings.Repeat("1,2\n", 50_000) + "zq7x,3\n", "late.ndjson": strings.Repeat("{\"a\": 1}\n", 50_000) + "{\"a\": \"zq7x\"}\n",
		"torn.ndjson": strings.Repeat("{\"a\": 1}\n", 50_000) + "{\"a\": zq7x}\n", "zq7x.parquet": "PAR1 zq7x PAR1",
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	for query := range strings.Lines(failing) {
		query = strings.ReplaceAll(strings.TrimSpace(query), "DIR", dir)
		if !strings.Contains(query, "FROM") {
			query = "SELECT " + query + " AS x FROM source"
		}
		text := explained(t, db, query).Error()
		for _, secret := range []string{canary, number, "779", "b\""} {
			assert.NotContains(t, text, secret, query)
		}
		assert.NotContains(t, text, "\n", query)
		assert.Less(t, len(text), 300, query)
	}
}

const failing = `c::INT
	c::UTINYINT
	c::HUGEINT
	c::DOUBLE
	c::BOOLEAN
	c::DECIMAL(5, 2)
	c::DATE
	c::TIME
	c::TIMESTAMP
	c::TIMESTAMPTZ
	c::INTERVAL
	c::UUID
	c::BIT
	c::JSON
	c::mood
	c::INT[]
	c::INT[3]
	c::STRUCT(a INT)
	c::MAP(INT, INT)
	tail::INT
	d::DATE
	(c || '\xZZ')::BLOB
	b::VARCHAR::INT
	s::STRUCT(k INT)
	l::INT[]
	m::MAP(VARCHAR, INT)
	union_value(a := c).a::INT
	apply(l, x -> x::INT)
	list_filter(l, lambda x: x::INT > 0)
	n::INT
	n::TINYINT
	n::DECIMAL(5, 2)
	n * n * n
	-n * n - n * n
	f::BIGINT
	f * f::DECIMAL(38, 0)
	make_date(n, 1, 1)
	to_timestamp(n * n)
	DATE '2026-01-01' + to_years(n::INT)
	chr(n::INT)
	repeat(c, n)
	factorial((n % 1000)::INT)
	strptime(c, '%Y')
	date_trunc(c, DATE '2026-01-01')
	date_part(c, DATE '2026-01-01')
	TIMESTAMP '2026-01-01' AT TIME ZONE c
	timezone(c, TIMESTAMP '2026-01-01')
	regexp_matches('a', p)
	regexp_replace('a', '[' || p, '')
	regexp_extract_all(c, p)
	string_split_regex(c, p)
	c SIMILAR TO p
	c LIKE 'a' ESCAPE c
	format('{' || c, 'x')
	format('{' || c || '}', 'x')
	printf('%' || c, 1)
	json(c)
	json_extract(j, '$.a')
	json_extract('{}', '$[' || c)
	json_keys(j)
	json_structure(j)
	json_merge_patch(j, j)
	json_transform_strict(to_json(s), '{"k": "INTEGER"}')
	from_json_strict(to_json(l), '["INTEGER"]')
	json_deserialize_sql(('{"error": true, "statements": ["' || l[1] || '"]}')::JSON)
	unhex(c)
	from_base64(c)
	unbin(c)
	decode('\xFF'::BLOB || b)
	bitstring(c, 100)
	map([c, c], [1, 2])
	map_from_entries([{'k': c, 'v': 1}, {'k': c, 'v': 2}])
	error(c)
	error(e)
	error(line)
	error(n::VARCHAR)
	error('Could not convert string ''a'' to INT32 when casting from source column ' || l[1])
	error('Unknown TimeZone ' || c)
	error('IO Error: No space left on device ' || c)
	SELECT (SELECT c FROM source, range(2))
	SELECT filename::INT FROM read_csv('DIR/k=*/a.csv', filename = true, union_by_name = true)
	SELECT k::INT FROM read_csv('DIR/k=*/a.csv', hive_partitioning = true, union_by_name = true)
	SELECT * FROM read_csv('DIR/k=*/a.csv', hive_partitioning = true, hive_types = {'k': INT}, union_by_name = true)
	SELECT * FROM read_csv('DIR/k=*/a.csv')
	SELECT * FROM 'DIR/late.csv'
	SELECT * FROM read_csv('DIR/late.csv', columns = {'a': 'DATE', 'b': 'INT'})
	SELECT * FROM 'DIR/late.ndjson'
	SELECT * FROM read_json('DIR/late.ndjson', columns = {'a': 'INT'})
	SELECT * FROM 'DIR/torn.ndjson'
	SELECT * FROM 'DIR/*.parquet'
	SELECT * FROM read_parquet('DIR/k=*/a.csv')
	SELECT content::INT FROM read_text('DIR/k=*/a.csv')`
