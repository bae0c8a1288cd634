package message_test

import (
	"crypto/sha1"
	"database/sql/driver"
	"encoding/binary"
	"fmt"
	"math/big"
	"testing"
	"time"

	duckdb "github.com/duckdb/duckdb-go/v2"
	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/importer/internal/message"
)

// id returns the $event_id of a message.
func id(t *testing.T, text []byte) string {
	t.Helper()
	found := anyID.Find(text)
	require.NotNil(t, found, "%s", text)
	return string(found[len(`"$event_id":"`) : len(found)-1])
}

// TestIDsNeverChange is for people who import a file again with another version:
// a row that got another id would be there twice.
func TestIDsNeverChange(t *testing.T) {
	zone := time.FixedZone("", 7200)
	values := []driver.Value{"signed_up", "u_1", at, nil, true, int8(-1), int16(-2), int32(-3), int64(-4), uint8(1), uint16(2), uint32(3),
		uint64(4), float32(0.5), 19.99, "é", []byte{0, 255}, time.Date(2024, 1, 5, 10, 0, 0, 1, zone), big.NewInt(-7),
		duckdb.Decimal{Width: 10, Scale: 2, Value: big.NewInt(150)}, duckdb.Interval{Months: -1, Days: 2, Micros: 3},
		duckdb.Union{Tag: "a", Value: "b"}, []any{nil, "x"}, map[string]any{"b": int32(1), "a": nil}, ordered("k", int64(1))}
	columns := []message.Column{col("event", message.Event), col("distinct_id", message.DistinctID), col("timestamp", message.Timestamp)}
	for range values[len(columns):] {
		columns = append(columns, col("c", message.Other))
	}
	var n message.Numberer
	m := message.New(columns, message.Options{As: "track"})
	for _, want := range []string{"cc5a008a-e895-5358-8557-536e69b26ac7", "a5077741-653e-5c67-94dc-59218cbdf25a", "c4ff287d-0288-5840-a604-90b8ba0914c2"} {
		row := m.Map(values)
		assert.Equal(t, want, id(t, n.Number(&row).Message))
	}
}

// TestIDIsAUUID makes the id of a row by hand.
func TestIDIsAUUID(t *testing.T) {
	columns := []message.Column{col("event", message.Event), col("distinct_id", message.DistinctID), col("timestamp", message.Timestamp),
		col("plan", message.Other), col("_row", message.Number)}
	m := message.New(columns, message.Options{As: "track"})
	raw := "s\x00\x00\x00\x00\x00\x00\x00\x02ev" + "s\x00\x00\x00\x00\x00\x00\x00\x01u"
	raw += "i" + string(binary.BigEndian.AppendUint64(nil, uint64(at))) + "\x00"
	content := sha1.Sum([]byte(raw))
	namespace := uuid.MustParse("5b1f0c8e-7a63-4d52-9c1e-d43688f02b97")
	var n message.Numberer
	for before := range uint64(3) {
		row := m.Map([]driver.Value{"ev", "u", at, nil, int64(before)})
		want := uuid.NewSHA1(namespace, binary.BigEndian.AppendUint64(content[:], before))
		assert.Equal(t, want.String(), id(t, n.Number(&row).Message))
	}
}

func TestEqualRowsAreNumbered(t *testing.T) {
	columns := []message.Column{col("event", message.Event), col("distinct_id", message.DistinctID), col("timestamp", message.Timestamp),
		col("_row", message.Number), col("_file", message.File), col("bad", message.BadTime), col("plan", message.Other)}
	m := message.New(columns, message.Options{As: "track"})
	ids := func(plans ...any) (ids []string) {
		var n message.Numberer
		for i, plan := range plans {
			row := m.Map([]driver.Value{"e", "u", at, int64(i), fmt.Sprint("file", i), i%2 == 0, plan})
			ids = append(ids, id(t, n.Number(&row).Message))
		}
		return ids
	}
	run := ids("a", "a", "a", "b", "b", nil, "")
	seen := map[string]bool{}
	for _, id := range run {
		assert.False(t, seen[id], "different")
		seen[id] = true
	}
	assert.Equal(t, run, ids("a", "a", "a", "b", "b", nil, ""), "where a row is from says nothing")
	assert.Equal(t, run[3:], ids("b", "b", nil, ""), "a group of equal rows counts from its own begin")
}

func TestLengthsArePartOfTheContent(t *testing.T) {
	columns := []message.Column{col("event", message.Event), col("distinct_id", message.DistinctID), col("timestamp", message.Timestamp),
		col("a", message.Other), col("b", message.Other)}
	m := message.New(columns, message.Options{As: "track"})
	seen := map[string]bool{}
	rows := [][2]any{{"ab", "c"}, {"a", "bc"}, {"abc", ""}, {"abc", nil}, {nil, "abc"}, {"", "abc"}, {[]byte("abc"), nil},
		{[]any{"a"}, "b"}, {[]any{"a", "b"}, nil}, {int64(1), nil}, {uint64(1), nil}, {true, nil}, {1.0, nil}}
	for _, values := range rows {
		row := m.Map([]driver.Value{"e", "u", at, values[0], values[1]})
		var n message.Numberer
		seen[id(t, n.Number(&row).Message)] = true
	}
	assert.Len(t, seen, len(rows))
}

func TestOwnEventID(t *testing.T) {
	for name, cells := range map[string][]cell{
		"column":     {{"$event_id", "mine"}},
		"properties": {{"properties", `{"$event\u005fid":"mine"}`}},
		"JSON":       {{"_json", `{"$event_id":"mine"}`}},
	} {
		r := track(cells...)
		assert.Empty(t, r.Reason, name)
		assert.Contains(t, string(r.Message), `:"mine"`, name)
		assert.NotRegexp(t, anyID, string(r.Message), name)
	}
	assert.NotRegexp(t, anyID, string(row("identify", cell{"distinct_id", "u"}, cell{"a", "b"}).Message))
	assert.Regexp(t, anyID, string(row("track", cell{"event", "e"}).Message), "a refused row keeps its id when it is mended")
}
