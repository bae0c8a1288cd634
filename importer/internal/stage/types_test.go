package stage

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each type has to go through the sorted table, its hash and its size.
func TestColumnsOfEveryType(t *testing.T) {
	db := open(t)
	for sql, want := range map[string]string{
		"'a'":                     `"a"`,
		"'{\"n\": 1.10}'::JSON":   `{"n": 1.10}`,
		"1::UTINYINT":             `1`,
		"1::HUGEINT":              `1`,
		"1.50::DECIMAL(10, 2)":    `1.50`,
		"1.5::FLOAT":              `1.5`,
		"true":                    `true`,
		"'\\x01'::BLOB":           `"AQ=="`,
		"'101'::BIT":              `"101"`,
		"DATE '2026-01-01'":       `"2026-01-01"`,
		"INTERVAL 1 MONTH":        `P1M`,
		"'x'::ENUM('x', 'y')":     `"x"`,
		"{'a': 'b', 'c': [1, 2]}": `"a":"b"`,
		"['a', NULL]":             `["a",null]`,
		"[['a'], []]":             `[["a"],[]]`,
		"[1, 2]":                  `[1,2]`,
		"[{'a': 'b'}]":            `[{"a":"b"}]`,
		"MAP {'a': ['b']}":        `"a":["b"]`,
		"MAP {}":                  ``,
		"array_value('a', 'b')":   `["a","b"]`,
		"union_value(k := 'v')":   `"v"`,
		"1::BIGNUM":               `1`,
		"TIMETZ '10:00:00+02'":    `10:00`,
		"NULL":                    ``,
		"'0f8fad5b-d9cb-469f-a165-70867728950e'::UUID": `"0f8fad5b-d9cb-469f-a165-70867728950e"`,
	} {
		t.Run(sql, func(t *testing.T) {
			s := buildNext(t, db, "SELECT 'u1' AS distinct_id, "+sql+" AS x UNION ALL SELECT 'u2', NULL", Options{})
			rows := read(t, s, 0)
			require.Len(t, rows, 2)
			assert.Empty(t, rows[0].Reason)
			assert.Contains(t, string(rows[0].Message), want)
		})
	}
}

func TestAVariantIsJSON(t *testing.T) {
	s := build(t, "SELECT 1", Options{Mapping: `SELECT 'u1' AS distinct_id, '{"a":[1,"x"]}'::JSON::VARIANT AS x FROM source`})
	rows := read(t, s, 0)
	assert.Empty(t, rows[0].Reason)
	assert.Contains(t, string(rows[0].Message), `"x":{"a":[1,"x"]}`)
}

func TestTheSizeOfNestedValues(t *testing.T) {
	db := openSource(t, "SELECT 1 AS distinct_id")
	_, types, err := columnsOf(t.Context(), db, `SELECT {'a': 'xyz', 'b': {'c': ['xy', NULL]}} AS a, [['xyz'], NULL, []] AS b, MAP {'ab': 'cd'} AS c, {'a': 1} AS d, array_value('a', 'b') AS e`)
	require.NoError(t, err)
	for i, want := range []int64{3 + 2*inList + 2, 3*inList + inList + 3, 2*inList + 4, 0, 6} {
		sql := size(types[i], column(i), 0)
		if sql == "" {
			assert.Zero(t, want)
			continue
		}
		var got int64
		require.NoError(t, db.QueryRow(`SELECT (`+sql+`)::BIGINT FROM (SELECT {'a': 'xyz', 'b': {'c': ['xy', NULL]}} AS c0, [['xyz'], NULL, []] AS c1, MAP {'ab': 'cd'} AS c2, {'a': 1} AS c3, array_value('a', 'b') AS c4)`).Scan(&got))
		assert.Equal(t, want, got, sql)
	}
}
