package server

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStatementTypes(t *testing.T) {
	r := startLocal(t, Config{})
	for _, tt := range []struct{ sql, kind, value string }{
		{"true", "BOOLEAN", "true"},
		{"9223372036854775807", "BIGINT", "9223372036854775807"},
		{"12345678901234567890123456789.123456789::DECIMAL(38,9)", "DECIMAL(38, 9)", "12345678901234567890123456789.123456789"},
		{"sum(9223372036854775807)", "DECIMAL(38, 0)", "9223372036854775807"},
		{"'019f1d9b-84fd-7d11-b66e-a2aeaffcee8c'::UUID", "VARCHAR", `"019f1d9b-84fd-7d11-b66e-a2aeaffcee8c"`},
		{"{'a': 1::UHUGEINT}", "STRUCT(a DECIMAL(38, 0))", `{"a":1}`},
		{"0.1::DOUBLE", "DOUBLE", "0.1"},
		{"'nan'::DOUBLE", "DOUBLE", `"nan"`},
		{"'a'", "VARCHAR", `"a"`},
		{"DATE '2026-01-02'", "DATE", `"2026-01-02"`},
		{"TIME '12:30:00'", "TIME", `"12:30:00"`},
		{"TIMESTAMP '2026-01-02 12:00:00'", "TIMESTAMP", `"2026-01-02T12:00:00"`},
		{"TIMESTAMP '2026-01-02 12:00:00.5'", "TIMESTAMP", `"2026-01-02T12:00:00.500"`},
		{"TIMESTAMP_NS '2026-01-02 12:00:00.1234567'", "TIMESTAMP_NS", `"2026-01-02T12:00:00.123456700"`},
		{"TIMESTAMPTZ '2026-01-02 12:00:00+02'", "TIMESTAMP WITH TIME ZONE", `"2026-01-02T10:00:00Z"`},
		{"TIMESTAMPTZ '2026-01-02 12:00:00.5+02'", "TIMESTAMP WITH TIME ZONE", `"2026-01-02T10:00:00.500Z"`},
		{"TIMESTAMPTZ '2026-01-02 12:00:00.123456+02'", "TIMESTAMP WITH TIME ZONE", `"2026-01-02T10:00:00.123456Z"`},
		{"NULL::TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE", `null`},
		{`'{"z": 12345678901234567890, "a": [1.0, null]}'::JSON`, "JSON", `{"z":12345678901234567890,"a":[1.0,null]}`},
		{"[1, NULL, 3]", "LIST", "[1,null,3]"},
		{"[[1.5]]", "LIST", "[[1.5]]"},
		{"[1, 2]::INTEGER[2]", "INTEGER[]", "[1,2]"},
		{"{'a': 1, 'b c': ['x'], 'd': 1.5::DECIMAL(3,1)}", "STRUCT(a INTEGER, b c LIST, d DECIMAL(3, 1))", `{"a":1,"b c":["x"],"d":1.5}`},
		{"MAP {'k': 1}", "MAP", `{"k":1}`},
		{"'a'::ENUM('a', 'b')", "ENUM", `"a"`},
		{"union_value(n := 1)", "UNION", `{"n":1}`},
	} {
		lines := r.statement("SELECT "+tt.sql+" AS c", nil)
		require.Len(t, lines, 3, tt.sql)
		kind, err := json.Marshal(tt.kind)
		require.NoError(t, err)
		assert.Equal(t, `[{"name":"c","type":`+string(kind)+`}]`+"\n", lines[1])
		assert.Equal(t, "["+tt.value+"]\n", lines[2], tt.sql)
	}
}

func TestPlatformType(t *testing.T) {
	for name, want := range map[string]string{
		"":                     "",
		"[]":                   "[]",
		"INTEGER[3][2]":        "INTEGER[][]",
		"STRUCT(a INTEGER)[]":  "LIST",
		"STRUCT(a INTEGER)[4]": "STRUCT(a INTEGER)[]",
		"MAP(VARCHAR, JSON)[]": "LIST",
		"ENUM('(', ')', ']')":  "ENUM",
		`STRUCT("a ""q"", (b" STRUCT("x" DECIMAL(4,2), y ENUM(')', ',')), c MAP(VARCHAR, INTEGER[]))`: `STRUCT(a "q", (b STRUCT(x DECIMAL(4, 2), y ENUM), c MAP)`,
		"STRUCT(":   "STRUCT( )",
		`STRUCT("a`: "STRUCT(a )",
		"DECIMAL(":  "DECIMAL(",
	} {
		assert.Equal(t, want, platformType(name), name)
	}
}

func FuzzPlatformType(f *testing.F) {
	f.Fuzz(func(_ *testing.T, name string) { platformType(name) })
}
