package message_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"io"
	"math/big"
	"strings"
	"testing"

	duckdb "github.com/duckdb/duckdb-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/importer/internal/message"
)

// A database is DuckDB in memory.
type database struct {
	t    *testing.T
	conn *sql.Conn
}

func newDatabase(t *testing.T) *database {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	require.NoError(t, err)
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = conn.Close()
		_ = db.Close()
	})
	d := &database{t, conn}
	_, err = conn.ExecContext(t.Context(), "SET TimeZone='UTC'")
	require.NoError(t, err)
	return d
}

// query returns the result's columns as the driver describes them, without roles,
// and its rows.
func (d *database) query(query string) (columns []message.Column, rows [][]driver.Value) {
	d.t.Helper()
	require.NoError(d.t, d.conn.Raw(func(conn any) error {
		prepared, err := conn.(*duckdb.Conn).PrepareContext(context.Background(), query)
		if err != nil {
			return err
		}
		defer prepared.Close()
		stmt := prepared.(*duckdb.Stmt)
		result, err := stmt.QueryContext(context.Background(), nil)
		if err != nil {
			return err
		}
		defer result.Close()
		for i, name := range result.Columns() {
			info, err := stmt.ColumnTypeInfo(i)
			if err != nil {
				return err
			}
			columns = append(columns, message.Column{Name: name, Type: info})
		}
		for {
			row := make([]driver.Value, len(columns))
			switch err := result.Next(row); err {
			case nil:
				rows = append(rows, row)
			case io.EOF:
				return nil
			default:
				return err
			}
		}
	}), query)
	return columns, rows
}

// traits maps the first row of a query, as an identify of somebody.
func (d *database) traits(query string) (traits, reason string) {
	d.t.Helper()
	columns, rows := d.query(query)
	columns = append(columns, col("distinct_id", message.DistinctID))
	row := mapped(columns, message.Options{As: "identify"}, append(rows[0], "u_1")...)
	var m struct{ Traits json.RawMessage }
	require.NoError(d.t, json.Unmarshal(row.Message, &m), "%s", row.Message)
	return string(m.Traits), row.Reason
}

func TestEveryTypeOfDuckDB(t *testing.T) {
	d := newDatabase(t)
	for sql, want := range map[string]string{
		"true":                          `true`,
		"1::TINYINT":                    `1`,
		"-2::SMALLINT":                  `-2`,
		"3::INTEGER":                    `3`,
		"-4::BIGINT":                    `-4`,
		"5::UTINYINT":                   `5`,
		"6::USMALLINT":                  `6`,
		"7::UINTEGER":                   `7`,
		"18446744073709551615::UBIGINT": `18446744073709551615`,
		"'-170141183460469231731687303715884105728'::HUGEINT": `-170141183460469231731687303715884105728`,
		"340282366920938463463374607431768211455::UHUGEINT":   `340282366920938463463374607431768211455`,
		"'99999999999999999999999999999999999999999'::BIGNUM": `99999999999999999999999999999999999999999`,
		"0.1::FLOAT":                    `0.1`,
		"42.0::DOUBLE":                  `42`,
		"19.99::DOUBLE":                 `19.99`,
		"'-0'::DOUBLE":                  `-0`,
		"1e300::DOUBLE":                 `1e+300`,
		"1.5e-9::DOUBLE":                `1.5e-09`,
		"123456789012345680000::DOUBLE": `123456789012345680000`,
		"1.50::DECIMAL(10,2)":           `1.50`,
		"-0.05::DECIMAL(10,2)":          `-0.05`,
		"0::DECIMAL(3,2)":               `0.00`,
		"12::DECIMAL(4,0)":              `12`,
		"'12345678901234567890123456789.123456789'::DECIMAL(38,9)": `12345678901234567890123456789.123456789`,
		"'a<é😀\"\\'":           `"a\u003cé😀\"\\"`,
		"chr(1) || chr(10)":    `"\u0001\n"`,
		"''":                   `""`,
		"'a'::ENUM('a', 'b')":  `"a"`,
		"'\\xAA\\x00ab'::BLOB": `"qgBhYg=="`,
		"'\\xFB\\xFF'::BLOB":   `"+/8="`,
		"''::BLOB":             `""`,
		"'0101'::BIT":          `"0101"`,
		"'5b1f0c8e-7a63-4d52-9c1e-d43688f02b97'::UUID":  `"5b1f0c8e-7a63-4d52-9c1e-d43688f02b97"`,
		"DATE '2024-01-05'":                             `"2024-01-05"`,
		"DATE '0001-01-01'":                             `"0001-01-01"`,
		"TIME '12:34:56.789'":                           `"12:34:56.789"`,
		"TIME '12:34:56'":                               `"12:34:56"`,
		"'12:34:56+02'::TIMETZ":                         `"12:34:56+02:00"`,
		"TIMESTAMP '2024-01-05 12:00:00'":               `"2024-01-05T12:00:00.000Z"`,
		"TIMESTAMP '2024-01-05 12:00:00.000001'":        `"2024-01-05T12:00:00.000001Z"`,
		"TIMESTAMP '1969-12-31 23:59:59.999'":           `"1969-12-31T23:59:59.999Z"`,
		"TIMESTAMPTZ '2024-01-05 12:00:00+02'":          `"2024-01-05T10:00:00.000Z"`,
		"'2024-01-05 12:00:00'::TIMESTAMP_S":            `"2024-01-05T12:00:00.000Z"`,
		"'2024-01-05 12:00:00.5'::TIMESTAMP_MS":         `"2024-01-05T12:00:00.500Z"`,
		"'2024-01-05 12:00:00.123456789'::TIMESTAMP_NS": `"2024-01-05T12:00:00.123456789Z"`,
		"INTERVAL '14 months -3 days 04:05:06.7'":       `"P1Y2M-3DT4H5M6.7S"`,
		"INTERVAL '-90 minutes'":                        `"PT-1H-30M"`,
		"INTERVAL '-1.5 seconds'":                       `"PT-1.5S"`,
		"INTERVAL '0 seconds'":                          `"PT0S"`,
		"INTERVAL '2 days'":                             `"P2D"`,
		"INTERVAL '100 hours'":                          `"PT100H"`,
		"[1, NULL, 3]":                                  `[1,null,3]`,
		"[]":                                            `[]`,
		"[1.50, 2]::DECIMAL(5,2)[2]":                    `[1.50,2.00]`,
		"[[DATE '2024-01-05']]":                         `[["2024-01-05"]]`,
		"{'z': 1, 'a': {'b': NULL, 'u': '5b1f0c8e-7a63-4d52-9c1e-d43688f02b97'::UUID}}": `{"z":1,"a":{"b":null,"u":"5b1f0c8e-7a63-4d52-9c1e-d43688f02b97"}}`,
		"MAP {'k': 1, 'j': NULL}":                          `{"k":1,"j":null}`,
		"MAP {1.5: ['x']}":                                 `{"1.5":["x"]}`,
		"MAP {DATE '2024-01-05': true}":                    `{"2024-01-05":true}`,
		"MAP {}":                                           `{}`,
		"union_value(day := DATE '2024-01-05')":            `"2024-01-05"`,
		"[{'j': '{\"b\": 1, \"a\": [true, null]}'::JSON}]": `[{"j":{"a":[true,null],"b":1}}]`,
	} {
		traits, reason := d.traits("SELECT " + sql + " AS v")
		assert.Empty(t, reason, sql)
		assert.Equal(t, `{"v":`+want+`}`, traits, sql)
	}
}

func TestValuesThatJSONDoesNotHave(t *testing.T) {
	d := newDatabase(t)
	for sql, want := range map[string]string{
		"'NaN'::DOUBLE":                        "v is NaN",
		"'NaN'::FLOAT":                         "v is NaN",
		"'-inf'::DOUBLE":                       "v is infinite",
		"['1', 'inf']::DOUBLE[]":               "v is infinite",
		"{'a': ['nan'::FLOAT]}":                "v is NaN",
		"MAP {'nan'::DOUBLE: 1}":               "v is NaN",
		"'infinity'::DATE":                     "v has a year outside 1 to 9999",
		"'-infinity'::TIMESTAMP":               "v has a year outside 1 to 9999",
		"'infinity'::TIMESTAMPTZ":              "v has a year outside 1 to 9999",
		"DATE '10000-01-01'":                   "v has a year outside 1 to 9999",
		"TIMESTAMP '0044-03-15 (BC) 12:00:00'": "v has a year outside 1 to 9999",
		"repeat('9', 400)::BIGNUM":             "v has a number out of range",
	} {
		_, reason := d.traits("SELECT " + sql + " AS v, 1 AS other")
		assert.Equal(t, want, reason, sql)
	}
}

func TestNullIsLeftOut(t *testing.T) {
	d := newDatabase(t)
	traits, reason := d.traits("SELECT NULL AS a, NULL::INT AS b, NULL::STRUCT(x INT) AS c, 1 AS d")
	assert.Empty(t, reason)
	assert.Equal(t, `{"d":1}`, traits)
}

// TestSameAsDuckDB compares many rows with DuckDB's own JSON, for types where that
// loses nothing.
func TestSameAsDuckDB(t *testing.T) {
	d := newDatabase(t)
	columns, rows := d.query(`
		WITH made AS (SELECT
			(hash(i) % 100000)::INT - 50000 AS whole,
			hash(i)::UBIGINT AS large,
			(hash(i, 1) % 1000000007)::DOUBLE / (1 + hash(i, 2) % 99991) AS float,
			((hash(i, 3) % 1000000)::BIGINT - 500000)::DECIMAL(18, 3) / 8 AS decimal,
			chr((1 + hash(i, 4) % 55000)::INT) || '"\' || i AS text,
			list_transform(range(i % 5), x -> x * i) AS list,
			{'b': i % 2 = 0, 'a': [{'n': i::HUGEINT * 1000000007 * 1000000007}]} AS struct,
			MAP {'x' || i: i, chr(8232): NULL} AS map,
			DATE '1970-01-01' + (hash(i, 5) % 100000)::INT AS day,
			uuid_generated.u AS id
			FROM range(2000) r(i), (SELECT '5b1f0c8e-7a63-4d52-9c1e-d43688f02b97'::UUID AS u) uuid_generated)
		SELECT *, to_json(made)::VARCHAR FROM made`)
	last := len(columns) - 1
	m := message.New(append(columns[:last:last], col("distinct_id", message.DistinctID)), message.Options{As: "identify"})
	for _, values := range rows {
		want := values[last].(string)
		values[last] = "u_1"
		row := m.Map(values)
		require.Empty(t, row.Reason)
		var got struct{ Traits json.RawMessage }
		require.NoError(t, json.Unmarshal(row.Message, &got))
		require.Equal(t, exactly(t, want), exactly(t, string(got.Traits)), "%s", want)
	}
}

// exactly decodes JSON, with numbers of any size.
func exactly(t *testing.T, text string) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	require.NoError(t, d.Decode(&v), text)
	return rationals(v)
}

func rationals(v any) any {
	switch v := v.(type) {
	case json.Number:
		r, _ := new(big.Rat).SetString(v.String())
		return r.RatString()
	case []any:
		for i := range v {
			v[i] = rationals(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = rationals(v[name])
		}
	}
	return v
}
