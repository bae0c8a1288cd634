package stage

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/source"
)

func TestTimestamps(t *testing.T) {
	db := open(t)
	const noon = "2026-03-04T12:00:00Z"
	for _, test := range []struct{ sql, want string }{
		{"TIMESTAMP '2026-03-04 12:00:00'", noon},
		{"TIMESTAMPTZ '2026-03-04 14:00:00+02'", noon},
		{"TIMESTAMP_S '2026-03-04 12:00:00'", noon},
		{"TIMESTAMP_MS '2026-03-04 12:00:00.123'", "2026-03-04T12:00:00.123Z"},
		{"TIMESTAMP_NS '2026-03-04 12:00:00.123456789'", "2026-03-04T12:00:00.123456Z"},
		{"DATE '2026-03-04'", "2026-03-04T00:00:00Z"},
		{"'2026-03-04T12:00:00Z'", noon},
		{"'2026-03-04T12:00:00'", noon},
		{"' 2026-03-04 12:00:00 '", noon},
		{"'2026-03-04T14:00:00+0200'", noon},
		{"'2026-03-04T14:00:00+02:00'", noon},
		{"'2026-03-04 14:00:00 +0200'", noon},
		{"'2026-03-04 10:30:00.25 -01:30'", "2026-03-04T12:00:00.25Z"},
		{"'2026-03-04 14:00:00 +02'", noon},
		{"'2026-03-04T14:00:00.5 +02'", "2026-03-04T12:00:00.5Z"},
		{"'2026-03-04 12:00:00 Z'", noon},
		{"'2026-03-04T12:00Z'", noon},
		{"'2026-03-04T14:00+02'", noon},
		{"'2026-03-04 14:00 +02:00'", noon},
		{"'2026-03-04T12:00'", noon},
		{"'2026-03-05 03:59:59+15:59:59'", noon},
		{"'2026-03-03 20:01:00-15:59'", noon},
		{"'2026-03-05T02:00:00 +1400'", noon},
		{"'2026-03-04 13:00:00 Europe/Berlin'", noon},
		{"'2026-03-04 12:00:00 UTC'", noon},
		{"'2026-03-04'", "2026-03-04T00:00:00Z"},
		{"'2026-03-04T12:00:00.123456Z'::VARCHAR", "2026-03-04T12:00:00.123456Z"},
		{"'2026-03-04T12:00:00Z'::ENUM('2026-03-04T12:00:00Z')", noon},
		{"1772625600", noon},
		{"1772625600::INTEGER", noon},
		{"1772625600::UINTEGER", noon},
		{"1772625600000", noon},
		{"1772625600000000", noon},
		{"1772625600000000000", noon},
		{"1772625600000000000::HUGEINT", noon},
		{"1772625600.5::DOUBLE", "2026-03-04T12:00:00.5Z"},
		{"1772625600.123456::DECIMAL(18, 6)", "2026-03-04T12:00:00.123456Z"},
		{"1.7726256e12::DOUBLE", noon},
		{"'1772625600'", noon},
		{"'1772625600.25'", "2026-03-04T12:00:00.25Z"},
		{"'1772625600000'", noon},
		{"0", "1970-01-01T00:00:00Z"},
		{"-1", "1969-12-31T23:59:59Z"},
		{"9999999", "1970-04-26T17:46:39Z"},
		{"100000000", "1973-03-03T09:46:40Z"},
		{"99999999999", "5138-11-16T09:46:39Z"},
		{"100000000000", "1973-03-03T09:46:40Z"},
		{"-100000000000", "1966-10-31T14:13:20Z"},
		{"100000000000000", "1973-03-03T09:46:40Z"},
		{"100000000000000000", "1973-03-03T09:46:40Z"},
		{"DATE '0001-01-01'", "0001-01-01T00:00:00Z"},
		{"TIMESTAMP '9999-12-31 23:59:59.999999'", "9999-12-31T23:59:59.999999Z"},
	} {
		t.Run(test.sql, func(t *testing.T) {
			want, err := time.Parse(time.RFC3339Nano, test.want)
			require.NoError(t, err)
			row := read(t, buildNext(t, db, "SELECT 'u1' AS distinct_id, "+test.sql+" AS timestamp", Options{}), 0)[0]
			assert.Empty(t, row.Reason)
			assert.Equal(t, want.UTC(), time.UnixMicro(row.At).UTC())
		})
	}
}

func TestTimestampsThatAreNone(t *testing.T) {
	db := open(t)
	for _, test := range []struct {
		sql string
		bad bool
	}{
		{"TIMESTAMP 'infinity'", true},
		{"TIMESTAMPTZ '-infinity'", true},
		{"DATE 'infinity'", true},
		{"DATE '10000-01-01'", true},
		{"TIMESTAMP '0044-03-15 (BC)'", true},
		{"DATE '290000-01-01'", true},
		{"'infinity'", true},
		{"'soon'", true},
		{"'2026-13-01'", true},
		{"'2026-01-01T25:00:00Z'", true},
		{"'2026-03-04T10:00:00+16:00'", true},
		{"'2026-03-04T10:00:00-16'", true},
		{"'2026-03-04T10:00:00-1600'", true},
		{"'2026-03-04T10:00:00+24:01'", true},
		{"'2026-03-04T10:00:00+99:00'", true},
		{"'2026-03-04T10:00:00.25+99'", true},
		{"'2026-03-04T10:00:00+99:'", true},
		{"'2026-03-04 10:00:00 +99'", true},
		{"'2026-03-04 10:00:00 +9900'", true},
		{"'2026-03-04T10:00+99'", true},
		{"'2026-03-04T10:00:00+01:60'", true},
		{"'2026-03-04T10:00:00+0199'", true},
		{"'2026-03-04T10:00:00+01:00:60'", true},
		{"'2026-03-04T10:00:00+16:00'::ENUM('2026-03-04T10:00:00+16:00')", true},
		{"'2026-03-04 +02'", true},
		{"'1e400'", true},
		{"20260304", true},
		{"'20260304'", true},
		{"'nan'::DOUBLE", true},
		{"'infinity'::DOUBLE", true},
		{"170141183460469231731687303715884105727::HUGEINT", true},
		{"''", false},
		{"NULL::VARCHAR", false},
		{"NULL::TIMESTAMP", false},
		{"NULL::BIGINT", false},
	} {
		t.Run(test.sql, func(t *testing.T) {
			row := read(t, buildNext(t, db, "SELECT 'u1' AS distinct_id, "+test.sql+" AS timestamp", Options{}), 0)[0]
			assert.Equal(t, int64(record.NoTime), row.At)
			assert.Equal(t, test.bad, row.Reason != "", row.Reason)
			assert.Equal(t, test.bad, strings.Contains(string(row.Message), `"timestamp":"`), "it can be mended")
		})
	}
}

// TestZonesOfNeighbours is about DuckDB's cast, which keeps the zone of a text for
// those behind it.
func TestZonesOfNeighbours(t *testing.T) {
	s := build(t, `SELECT 'u' || i AS distinct_id, x AS timestamp FROM (VALUES (1, '2026-01-01'), (2, '2026-01-01 01:00:00 Europe/Berlin'), (3, '2026-01-01'),
		(4, '2026-01-01T02:00:00+02'), (5, '2026-01-01T00:00:00'), (6, '2025-12-31 19:00:00 EST'), (7, '2026-01-01T00:00:00Z'), (8, '2026-01-01'), (9, '1767225600')) v(i, x)`, Options{})
	rows := read(t, s, 0)
	assert.Len(t, rows, 9)
	for _, row := range rows {
		assert.Equal(t, "2026-01-01T00:00:00Z", time.UnixMicro(row.At).UTC().Format(time.RFC3339Nano), row.Number)
	}
}

// TestOffsetsInObjects is about members of JSON, and messages that are sent as they are.
func TestOffsetsInObjects(t *testing.T) {
	for name, object := range map[string]string{
		"members":  `{"event": "e", "distinct_id": "u", "timestamp": "2026-03-04T10:00:00ZONE"}`,
		"messages": `{"endpoint": "track", "message": {"event": "e", "distinct_id": "u", "environment": "production", "properties": {}, "timestamp": "2026-03-04T10:00:00ZONE"}}`,
	} {
		db := openSource(t, "SELECT replace('"+object+"', 'ZONE', zone) AS _json FROM (VALUES ('+99:00'), ('-16'), ('+15:30')) v(zone)")
		s, err := Build(context.Background(), db, &source.Source{Name: "a.ndjson", JSON: true, Raw: name == "messages"}, Options{})
		require.NoError(t, err)
		refused := map[int64]bool{}
		for _, row := range read(t, s, 0) {
			refused[row.Number] = strings.HasPrefix(row.Reason, "timestamp ")
		}
		assert.Equal(t, map[int64]bool{1: true, 2: true, 3: false}, refused, name)
	}
}
